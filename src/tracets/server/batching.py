"""What many requests want encoded at the same time is encoded together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from tracets.server.problems import Busy
from tracets.types import Sample, SeriesVectors, TextVectors

if TYPE_CHECKING:
    from tracets import api


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


Slice = tuple[Any, int, int]


class _Worker:
    def __init__(
        self, kind: str, encode: Callable[..., Any], batch: int, waiting: int, observed: Callable[[str, int], None]
    ) -> None:
        self._kind, self._encode, self._batch, self._observed = kind, encode, batch, observed
        self._waiting: queue.Queue[tuple[Sequence[Any], Future[Slice]] | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name=f"encode {kind}", daemon=True)
        self._thread.start()

    def ask(self, items: Sequence[Any]) -> Slice:
        if not len(items):
            return self._encode(items), 0, 0
        future: Future[Slice] = Future()
        try:
            self._waiting.put_nowait((items, future))
        except queue.Full:
            raise Busy from None
        return future.result()

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
            self._answer(asked)
            if ends:
                return

    def _answer(self, asked: list[tuple[Sequence[Any], Future[Slice]]]) -> None:
        together = [item for items, _ in asked for item in items]
        self._observed(self._kind, len(together))
        try:
            found, lo = self._encode(together, batch_size=self._batch), 0
        except Exception as error:
            if len(asked) == 1:
                asked[0][1].set_exception(error)
                return
            for one in asked:  # one of them is at fault: the others are not to suffer for it
                self._answer([one])
            return
        for items, future in asked:
            future.set_result((found, lo, lo + len(items)))
            lo += len(items)
