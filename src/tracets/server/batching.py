"""What many requests want at the same time is done together: encoding, and whole searches."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields
from typing import Any, Literal

from tracets import api
from tracets.server.problems import Busy
from tracets.types import Hit, Query, Sample, SeriesVectors, TextVectors


class BatchingEncoder:
    """An encoder for many threads: texts and series that wait at the same moment go through the model as one batch.

    The vectors are those that the encoder gives one by one (it is batch-invariant). Nothing waits while the model is
    idle; what comes while it works is gathered, up to `batch`, and goes next.

    Parameters
    ----------
    encoder
        The model.
    batch : int
        Texts or series that go together, at most.
    waiting : int
        Requests that may wait, of either kind; one more raises `Busy`.
    observed : callable
        Called with the kind and the size of each batch, for the metrics.
    """

    def __init__(
        self, encoder: api.PairEncoder, *, batch: int, waiting: int, observed: Callable[[str, int], None]
    ) -> None:
        self.encoder = encoder
        self.name, self.fingerprint = encoder.name, encoder.fingerprint
        self.dim, self.sample_weight = encoder.dim, encoder.sample_weight
        self._texts = _Worker("texts", encoder.encode_texts, batch, waiting, observed)
        self._series = _Worker("series", encoder.encode_series, batch, waiting, observed)

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        """As the encoder does. Raises Busy where too much is waiting."""
        whole, lo, hi = self._texts.ask(texts)
        return TextVectors(whole.sample[lo:hi], whole.sentences[lo:hi], whole.spans[lo:hi])

    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        """As the encoder does. Raises Busy where too much is waiting."""
        whole, lo, hi = self._series.ask(samples)
        return SeriesVectors(whole.sample[lo:hi], whole.channels[lo:hi])

    def close(self) -> None:
        """Let the workers end when all that waits is encoded."""
        self._texts.close()
        self._series.close()


@dataclass(frozen=True, eq=False)
class Asked:
    """One search of a request: what `api.search` is given."""

    query: Query
    want: Literal["series", "text"] = "series"
    k: int = 10
    where: str | api.Filter | None = None
    hubness: bool = True
    exact: bool = False
    hybrid: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """All but the query, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "query"}


class BatchingSearch:
    """Searches for many requests: those that wait at the same moment are answered together.

    Each gets the hits that it would get alone; one that is refused refuses no other. Words do not wait for series,
    which take longer to encode and to compare.

    Parameters
    ----------
    index : callable
        The index as it is now.
    encoder
        The model.
    batch, waiting, observed
        As for `BatchingEncoder`; the kinds are "searches" and "searches by series".
    """

    def __init__(
        self,
        index: Callable[[], api.Index],
        encoder: api.PairEncoder,
        *,
        batch: int,
        waiting: int,
        observed: Callable[[str, int], None],
    ) -> None:
        self._index, self._encoder = index, encoder
        self._by_words = _Worker("searches", self._answer, batch, waiting, observed)
        self._by_series = _Worker("searches by series", self._answer, batch, waiting, observed)

    async def ask(self, asked: Asked) -> list[Hit]:
        """The hits of one search. Raises Busy where too much is waiting, and what `api.search` does."""
        series = asked.query.series is not None or asked.query.like is not None
        worker = self._by_series if series else self._by_words
        hits, place, _ = await asyncio.wrap_future(worker.submit([asked]))
        found: list[Hit] = hits[place]
        return found

    def close(self) -> None:
        """Let the workers end when all that waits is answered."""
        self._by_words.close()
        self._by_series.close()

    def _answer(self, asked: Sequence[Asked], *, batch_size: int) -> list[list[Hit]]:
        index, groups = self._index(), dict[str, list[int]]()
        for i, one in enumerate(asked):
            groups.setdefault(repr(one.options), []).append(i)  # not by equality: a filter for 1 is not one for True
        encoder = self._encoder if len(groups) == 1 else _Reader(self._encoder, asked)
        found: list[list[Hit]] = [[]] * len(asked)
        for places in groups.values():
            queries = [asked[i].query for i in places]
            each = api.search_many(index, encoder, queries, **asked[places[0]].options)
            for i, hits in zip(places, each, strict=True):
                found[i] = hits
        return found


class _Reader:
    """An encoder that has read the texts of some searches at once, whatever their other options."""

    def __init__(self, encoder: api.PairEncoder, asked: Sequence[Asked]) -> None:
        self.name, self.fingerprint = encoder.name, encoder.fingerprint
        self.dim, self.sample_weight = encoder.dim, encoder.sample_weight
        self._encoder = encoder
        texts = dict.fromkeys(one.query.text for one in asked if one.query.text and one.query.text.strip())
        self._place = {text: i for i, text in enumerate(texts)}
        self._read = encoder.encode_texts(list(self._place))

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        if any(text not in self._place for text in texts):
            return self._encoder.encode_texts(texts, batch_size=batch_size)
        places = [self._place[text] for text in texts]
        return TextVectors(
            self._read.sample[places], tuple(self._read.sentences[i] for i in places),
            tuple(self._read.spans[i] for i in places),
        )  # fmt: skip

    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        return self._encoder.encode_series(samples, batch_size=batch_size)


Slice = tuple[Any, int, int]


class _Worker:
    def __init__(
        self, kind: str, answer: Callable[..., Any], batch: int, waiting: int, observed: Callable[[str, int], None]
    ) -> None:
        self._kind, self._make, self._batch, self._observed = kind, answer, batch, observed
        self._waiting: queue.Queue[tuple[Sequence[Any], Future[Slice]] | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name=kind, daemon=True)
        self._thread.start()

    def ask(self, items: Sequence[Any]) -> Slice:
        if not len(items):
            return self._make(items, batch_size=self._batch), 0, 0
        return self.submit(items).result()

    def submit(self, items: Sequence[Any]) -> Future[Slice]:
        """What is made of some items, to be; one that is cancelled while it waits is not made."""
        future: Future[Slice] = Future()
        try:
            self._waiting.put_nowait((items, future))
        except queue.Full:
            raise Busy from None
        return future

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            asked, ends = [first], False
            while sum(len(items) for items, _ in asked) < self._batch:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ends = True
                    break
                asked.append(more)
            if wanted := [one for one in asked if one[1].set_running_or_notify_cancel()]:
                self._answer(wanted)
            if ends:
                return

    def _answer(self, asked: list[tuple[Sequence[Any], Future[Slice]]]) -> None:
        together = [item for items, _ in asked for item in items]
        self._observed(self._kind, len(together))
        try:
            found, lo = self._make(together, batch_size=self._batch), 0
        except Exception as error:
            if len(asked) == 1:
                asked[0][1].set_exception(error)
                return
            half = len(asked) // 2  # one of them is at fault: the others are not to suffer for it
            self._answer(asked[:half])
            self._answer(asked[half:])
            return
        for items, future in asked:
            future.set_result((found, lo, lo + len(items)))
            lo += len(items)
