"""Vectors that an index has already, by what they were made from: a second build encodes only what has changed.

A window's vectors come from its values, channel names, units, start and sampling step, a text's from the text alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from tracets.index import IndexFolder
from tracets.index.vectors import RowVectors
from tracets.types import FloatArray, Sample, SeriesVectors, TextVectors

Pair = tuple[FloatArray, FloatArray]


class Sparing:
    """Encodes series and texts, but for those whose vectors an index holds: these are taken over.

    `n_series` and `n_texts` count what had to be encoded.

    Parameters
    ----------
    known : IndexFolder or None
        Made by the same encoder; its values and texts are read once, its vectors when they are asked for. None: all is
        new.
    encode_series, encode_texts : callable
        The encoder's, for what is new.
    dim : int
        The width of its vectors.
    ids : sequence of str, optional
        Look at the rows of these ids alone, where all others can be taken to differ.
    """

    def __init__(
        self,
        known: IndexFolder | None,
        *,
        encode_series: Callable[[Sequence[Sample]], SeriesVectors],
        encode_texts: Callable[[Sequence[str]], TextVectors],
        dim: int,
        ids: Sequence[str] | None = None,
    ) -> None:
        self.n_series = self.n_texts = 0
        self._known, self._dim = known, dim
        self._encode_series, self._encode_texts = encode_series, encode_texts
        self._series: dict[bytes, int] = {}
        self._texts: dict[bytes, int] = {}
        for row, sample in known.contents(ids) if known is not None else ():
            self._series.setdefault(series_digest(sample), row)
            if sample.text and sample.text.strip():
                self._texts.setdefault(text_digest(sample.text), row)

    def series(self, samples: Sequence[Sample]) -> SeriesVectors:
        """The vectors of some windows, at least one, in their order."""
        rows = [self._series.get(series_digest(sample)) for sample in samples]
        new = [sample for sample, row in zip(samples, rows, strict=True) if row is None]
        self.n_series += len(new)
        fresh: Iterator[Pair] = iter(())
        if new:
            found = self._encode_series(new)
            fresh = zip(found.sample, found.channels, strict=True)
        pairs = _merged(rows, iter(self._stored(rows).series), fresh)
        return SeriesVectors(np.stack([sample for sample, _ in pairs]), tuple(channels for _, channels in pairs))

    def texts(self, texts: Sequence[str]) -> TextVectors:
        """The vectors of some texts in their order; which words each sentence has is not stored, and is left empty."""
        rows = [self._texts.get(text_digest(text)) for text in texts]
        new = [text for text, row in zip(texts, rows, strict=True) if row is None]
        self.n_texts += len(new)
        fresh: Iterator[Pair] = iter(())
        if new:
            found = self._encode_texts(new)
            fresh = zip(found.sample, found.sentences, strict=True)
        stored = (text for text in self._stored(rows).texts if text is not None)
        pairs = _merged(rows, stored, fresh)
        sample = np.array([sample for sample, _ in pairs], np.float32).reshape(len(pairs), self._dim)
        return TextVectors(sample, tuple(s for _, s in pairs), tuple(("",) * len(s) for _, s in pairs))

    def _stored(self, rows: Sequence[int | None]) -> RowVectors:
        old = [row for row in rows if row is not None]
        return self._known.vectors(old) if self._known is not None and old else RowVectors((), ())


def series_digest(sample: Sample) -> bytes:
    """Sixteen bytes that change with anything a series encoder reads.

    >>> one = Sample("a", np.zeros((1, 2)), ("load",), label="x")
    >>> series_digest(one) == series_digest(Sample("b", np.zeros((1, 2)), ("load",)))
    True
    """
    zone = None if sample.start is None or sample.start.tzinfo is None else pa.lib.tzinfo_to_string(sample.start.tzinfo)
    start = None if sample.start is None else sample.start.isoformat()
    told = repr((sample.values.shape, sample.channel_names, sample.units, start, zone, sample.freq))
    # one NaN for all: which bits stand for a missing value may change on the way through a file
    values = np.where(np.isnan(sample.values), np.float32(np.nan), sample.values)
    return hashlib.sha256(told.encode() + values.tobytes()).digest()[:16]


def text_digest(text: str) -> bytes:
    """Sixteen bytes that change with the text."""
    return hashlib.sha256(text.encode()).digest()[:16]


def _merged(rows: Sequence[int | None], known: Iterator[Pair], fresh: Iterator[Pair]) -> list[Pair]:
    return [next(fresh if row is None else known) for row in rows]
