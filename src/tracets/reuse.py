"""Vectors that an index has already, by what they were made from: a second build encodes only what has changed.

A window's vectors come from its values, channel names, units, start and sampling step, a text's from the text alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from tracets.index import IndexFolder
from tracets.types import FloatArray, Sample, SeriesVectors, TextVectors

Pair = tuple[FloatArray, FloatArray]


class Known:
    """What an index holds vectors of. Reads its values and texts once, and vectors when they are asked for.

    Parameters
    ----------
    folder : IndexFolder
        Made by the encoder that will make the rest.
    """

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._series: dict[bytes, int] = {}
        self._texts: dict[bytes, int] = {}
        for row, sample in enumerate(folder.contents()):
            self._series.setdefault(series_digest(sample), row)
            if sample.text and sample.text.strip():
                self._texts.setdefault(text_digest(sample.text), row)

    def rows_of_series(self, samples: Iterable[Sample]) -> list[int | None]:
        """The row whose series vectors are those of each sample; None where there is none."""
        return [self._series.get(series_digest(sample)) for sample in samples]

    def rows_of_texts(self, texts: Iterable[str]) -> list[int | None]:
        """The row whose text vectors are those of each text; None where there is none."""
        return [self._texts.get(text_digest(text)) for text in texts]

    def series(self, rows: Sequence[int]) -> SeriesVectors:
        """The series vectors of some rows, in their order."""
        found = self._folder.vectors(rows)
        return SeriesVectors(np.stack([sample for sample, _ in found.series]), tuple(c for _, c in found.series))

    def texts(self, rows: Sequence[int]) -> TextVectors:
        """The text vectors of some rows that have a text, in their order; the sentences themselves are not known."""
        found = [text for text in self._folder.vectors(rows).texts if text is not None]
        spans = tuple(("",) * len(sentences) for _, sentences in found)
        return TextVectors(np.stack([sample for sample, _ in found]), tuple(s for _, s in found), spans)


def merge_series(rows: Sequence[int | None], known: SeriesVectors | None, fresh: SeriesVectors | None) -> SeriesVectors:
    """The vectors of series of which some are known, where `rows` has a row, and the rest are fresh; each in order."""
    given = [None if one is None else zip(one.sample, one.channels, strict=True) for one in (known, fresh)]
    pairs = _merged(rows, *given)
    return SeriesVectors(np.stack([sample for sample, _ in pairs]), tuple(channels for _, channels in pairs))


def merge_texts(rows: Sequence[int | None], known: TextVectors | None, fresh: TextVectors | None) -> TextVectors:
    """The same for texts; the sentences of those that are known are not stored, and all are left empty."""
    given = [None if one is None else zip(one.sample, one.sentences, strict=True) for one in (known, fresh)]
    pairs = _merged(rows, *given)
    spans = tuple(("",) * len(sentences) for _, sentences in pairs)
    return TextVectors(np.stack([sample for sample, _ in pairs]), tuple(sentences for _, sentences in pairs), spans)


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


def _merged(rows: Sequence[int | None], known: Iterable[Pair] | None, fresh: Iterable[Pair] | None) -> list[Pair]:
    sources = iter(known or ()), iter(fresh or ())
    return [next(sources[row is None]) for row in rows]
