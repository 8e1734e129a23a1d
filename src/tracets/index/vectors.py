"""Vectors as they are read from the table of an index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.types import FloatArray


@dataclass(frozen=True, eq=False)
class StoredSeries:
    """The series vectors of all n rows.

    `sample` (n, d); `channels` (n_channels_in_all * m, d), m vectors a channel, rows and channels in order, zero where
    a channel has nothing observed; `names` the channel names of each row.
    """

    sample: FloatArray
    channels: FloatArray
    names: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False)
class StoredTexts:
    """The text vectors of the rows that have a text.

    `rows` (n,) their positions among all rows; `sample` (n, d); `sentences` (n_sentences_in_all, d), of which text i
    owns `n_sentences[i]`, in order.
    """

    rows: NDArray[np.int64]
    sample: FloatArray
    sentences: FloatArray
    n_sentences: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowVectors:
    """The vectors of some rows, one entry a row: `series` (vector, channel vectors (n_channels, m, d)), and `texts`
    (vector, sentence vectors (n_sentences, d)) or None for a row without text."""

    series: tuple[tuple[FloatArray, FloatArray], ...]
    texts: tuple[tuple[FloatArray, FloatArray] | None, ...]
