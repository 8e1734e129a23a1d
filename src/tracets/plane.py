"""Vectors as points of a plane."""

from __future__ import annotations

import numpy as np

from tracets.types import FloatArray


def to_plane(vectors: FloatArray) -> FloatArray:
    """Where vectors (n, d) lie in the plane of their two main directions, (n, 2), around their mean.

    Signs are chosen so that the farthest point of an axis is positive: the same vectors give the same points.

    >>> to_plane(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 0.0]])).tolist()
    [[-1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]]
    """
    centred = vectors.astype(np.float64)
    centred -= centred.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(vectors), 2))
    flat = centred @ directions[:2].T
    found[:, : flat.shape[1]] = flat
    farthest = np.abs(found).argmax(axis=0)
    return (found * np.where(found[farthest, [0, 1]] < 0, -1, 1)).astype(np.float32)
