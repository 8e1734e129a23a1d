"""What retrieval asks of an encoder: series and texts in one unit sphere, and how to weigh their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tracets.types import Sample, SeriesVectors, TextVectors


@runtime_checkable
class PairEncoder(Protocol):
    """A pair of towers, series and text, that meet in one unit sphere of width `dim`.

    `name` is for people; `fingerprint` changes whenever a vector would; `sample_weight` in [0, 1] is the share of the
    sample cosine in the score, late interaction has the rest (see `tracets.retrieval.scores`).
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def dim(self) -> int: ...

    @property
    def sample_weight(self) -> float: ...

    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        """Encode n series; the same vectors whatever their company and the batch size."""
        ...

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        """Encode n non-empty texts, split into sentences."""
        ...
