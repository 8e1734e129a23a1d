"""The score of a text against series, and of series against series, over stored vectors. NumPy only.

Score = `weight` * cosine of the sample vectors + (1 - `weight`) * late interaction, where late interaction is the mean
over a text's sentences of the best cosine with any channel vector. `tracets.nn` holds the same in torch for training;
a test holds both to a plain loop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.types import FloatArray

SAMPLE_WEIGHT = 0.5


def flatten(groups: tuple[FloatArray, ...], dim: int) -> tuple[FloatArray, NDArray[np.int64]]:
    """Stack groups of vectors, each of shape (..., dim), into (n_vectors, dim) and the offsets of each group (n + 1,)."""
    rows = [np.asarray(g, dtype=np.float32).reshape(-1, dim) for g in groups]
    offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    return (np.concatenate(rows) if rows else np.zeros((0, dim), np.float32)), offsets
