"""A map of an index: windows as points of a plane, near where their vectors are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.plane import to_plane
from tracets.retrieval.stored import Index
from tracets.types import FloatArray

MOST = 2000
"""Points of a map; of more windows, an even part is shown."""


def shown(index: Index, *, most: int = MOST) -> NDArray[np.int64]:
    """The windows that a map shows, rising: all of them, or `most` evenly among them."""
    rows = np.flatnonzero(index.live)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(np.int64))]


def project(index: Index, rows: NDArray[np.int64]) -> FloatArray:
    """Where windows lie in the plane of the two main directions of their vectors, (len(rows), 2); see `to_plane`.

    A window stands for the mean of its channels' vectors.
    """
    bank = index.series
    return to_plane(np.stack([np.asarray(bank.one(int(row)).channels.vectors).mean(axis=0) for row in rows]))
