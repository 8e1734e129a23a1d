"""What a service holds while it runs: the index, the model behind a batching encoder, and the metrics."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracets import api
from tracets.errors import ConfigError, DataError, TracetsError
from tracets.server.batching import BatchingEncoder, BatchingSearch
from tracets.server.metrics import Metrics
from tracets.server.schemas import Item, Series
from tracets.server.settings import ServerSettings
from tracets.types import AnyPath, Sample

if TYPE_CHECKING:
    from tracets.api import Index, RagForecaster

LOG = logging.getLogger("tracets.server")
FRESH_S = 1.0
"""How long an index is asked as it was opened before it is looked at again."""
REMOTE_FRESH_S = 10.0
"""The same for one in an object store, whose state takes a request to learn."""


@dataclass
class Drain:
    """How far a service is with ending: whether it has begun to, and how many requests it has accepted and answered.

    A request is accepted when its head was read, and answered when the last of its answer was handed to its connection.
    """

    begun: bool = False
    accepted: int = 0
    answered: int = 0


class Service:
    """One index and its model, for many threads.

    Parameters
    ----------
    path : path
        The index folder.
    model : str, optional
        By default the one that the index was built with.

    Raises
    ------
    IndexFolderError, NotFound, ModelError
        The index or its model is not there, or they do not belong together.
    """

    def __init__(self, path: AnyPath, settings: ServerSettings, *, model: str | None = None) -> None:
        self.path, self.settings, self.metrics, self.drain = path, settings, Metrics(), Drain()
        self._index = api.open_index(path)
        self.model = model or self._index.model
        encoder = api.model_of(self._index, model=model)
        self.encoder = BatchingEncoder(
            encoder, batch=settings.batch, waiting=settings.waiting, observed=self.metrics.encoded
        )
        self.encoder.encode_texts(["ready"])  # loads the graphs, or the first question would wait for that
        self.searches = BatchingSearch(
            lambda: self.index, self.encoder, batch=settings.batch, waiting=settings.waiting,
            observed=self.metrics.encoded,
        )  # fmt: skip
        self.slow = threading.Semaphore(1)  # one forecaster is fitted at a time, so that searches go on
        self._remembered: tuple[Index, int, RagForecaster] | None = None
        self._looked, self._lock = time.monotonic(), threading.Lock()
        self._remote, self._fetching = "://" in str(path), None  # type: bool, threading.Thread | None
        self.metrics.windows.set(len(self._index))

    @property
    def index(self) -> Index:
        """The index as it is now, or was `FRESH_S` ago: others may write to it.

        One in an object store is fetched beside the requests, which are answered from the state before until then.
        """
        if self._remote:
            self._follow()
        elif time.monotonic() - self._looked > FRESH_S:
            self.refreshed(self._index.refresh())
        return self._index

    def _follow(self) -> None:
        with self._lock:
            if time.monotonic() - self._looked <= REMOTE_FRESH_S or (self._fetching and self._fetching.is_alive()):
                return
            self._looked = time.monotonic()
            self._fetching = threading.Thread(target=self._fetch, name="follow the store", daemon=True)
        self._fetching.start()

    def _fetch(self) -> None:
        try:
            found = api.open_index(self.path)
            found.folder.check_model(self.encoder.name, self.encoder.fingerprint)
        except TracetsError as error:
            LOG.error(json.dumps({"error": type(error).__name__, "index": "answers come from the state before"}))
            return
        if found.folder.path != self._index.folder.path:
            self.refreshed(found)

    def refreshed(self, index: Index) -> Index:
        """Answer from this state of the index from now on; the state."""
        with self._lock:
            self._looked = time.monotonic()
            if index is not self._index:
                self._index = index
                self.metrics.windows.set(len(index))
        return index

    def neighbours(self, steps: int) -> RagForecaster:
        """What followed the windows of the index, `steps` long; kept for the horizon that was asked for last."""
        with self.slow:
            index = self.index
            if self._remembered is None or self._remembered[:2] != (index, steps):
                self._remembered = (index, steps, api.neighbours_in(index, self.encoder, steps))
            return self._remembered[2]

    def samples(self, given: Sequence[Series]) -> list[Sample]:
        """Series of a request as samples.

        Raises
        ------
        DataError
            More rows or values than are allowed, or rows of several lengths.
        """
        if len(given) > self.settings.max_rows:
            raise DataError(f"a request may hold {self.settings.max_rows} series, got {len(given)}. Send fewer.")
        count = sum(len(row) for one in given for row in one.values)
        if count > self.settings.max_values:
            raise DataError(f"a request may hold {self.settings.max_values} values, got {count}. Send fewer.")
        return [_sample(one) for one in given]

    def texts(self, given: Sequence[str]) -> list[str]:
        """Texts of a request. Raises DataError for more than are allowed, or an empty one."""
        if not 0 < len(given) <= self.settings.max_rows:
            raise DataError(f"a request may hold 1 to {self.settings.max_rows} texts, got {len(given)}.")
        if any(not text.strip() for text in given):
            raise DataError("a text is empty. Send texts that say something.")
        return list(given)

    def check_model(self, asked: str | None) -> None:
        """Refuse another model than the one that runs. Raises ConfigError."""
        if asked is not None and asked != self.encoder.name:
            raise ConfigError(f"this service runs model '{self.encoder.name}', not '{asked}'. Leave `model` out.")

    def close(self) -> None:
        """End when all that was accepted is answered."""
        self.searches.close()
        self.encoder.close()


def _sample(given: Series) -> Sample:
    import numpy as np

    lengths = sorted({len(row) for row in given.values})
    if len(lengths) > 1 or lengths[0] < 1:
        raise DataError(
            f"series '{given.id}': the rows of values must all have one length, of at least 1, got {lengths[:5]}."
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a sample refuses
        values = np.array(given.values, dtype=np.float64).astype(np.float32)
    about = (
        {
            "text": given.text, "channel_texts": tuple(given.channel_texts), "event_text": given.event_text,
            "label": given.label, "domain": given.domain, "source": given.source, "metadata": given.metadata,
        }
        if isinstance(given, Item)
        else {}
    )  # fmt: skip
    return Sample(
        given.id, values, tuple(given.channel_names), units=tuple(given.units), start=given.start, freq=given.freq,
        **about,  # type: ignore[arg-type]
    )  # fmt: skip
