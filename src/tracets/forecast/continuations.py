"""What followed the neighbours, told in the units of the query."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracets.forecast.neighbours import Memory
from tracets.types import FloatArray, Sample

Anchor = Literal["mean", "last", "level"]
ANCHORS: tuple[Anchor, ...] = ("mean", "last", "level")
"""What a future is told by: its distance to the mean of its past in spreads of that past, its distance to the last
value in the same spreads, or the values themselves."""


def continuations(memory: Memory, rows: NDArray[np.int64], query: Sample, *, anchor: Anchor) -> FloatArray:
    """The futures of a window's neighbours as futures of the window.

    Parameters
    ----------
    rows : ndarray of int, shape (top,)
        The neighbours in the memory; -1 = none.
    anchor : "mean", "last" or "level"
        See `ANCHORS`. A flat past (a spread of 0) gives its neighbours' distances in their own units.

    Returns
    -------
    ndarray of shape (top, n_channels, horizon), float32
        Channels are matched by their names, whatever their case. NaN where there is no neighbour, it lacks the channel
        or its future is unknown.
    """
    out = np.full((len(rows), query.n_channels, memory.horizon), np.nan, np.float32)
    for j in np.flatnonzero(rows >= 0):
        pair = memory.pairs[rows[j]]
        out[j] = retold(pair.future, pair.past, query, anchor=anchor)
    return out


def retold(values: FloatArray, past: Sample, query: Sample, *, anchor: Anchor) -> FloatArray:
    """Values of a neighbour, in the units that its past would have were it the query: (n_channels of query, n_steps).

    `values` (n_channels of past, n_steps) are the past itself, what followed it, or a part of these. See
    `continuations`.
    """
    out = np.full((query.n_channels, values.shape[1]), np.nan, np.float32)
    which = {name.casefold(): c for c, name in enumerate(past.channel_names)}
    (base, spread), (from_, to) = anchored(query.values, anchor), anchored(past.values, anchor)
    for c, name in enumerate(query.channel_names):
        if (k := which.get(name.casefold())) is not None:
            out[c] = base[c] + (values[k] - from_[k]) * _ratio(spread[c], to[k])
    return out


def anchored(values: FloatArray, anchor: Anchor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a past (n_channels, n_steps) is told from and its spread, each (n_channels,); 0 and 1 for "level".

    A channel with nothing observed lies at 0 and has a spread of 0.
    """
    if anchor == "level":
        return np.zeros(len(values)), np.ones(len(values))
    seen = np.isfinite(values)
    counted = np.maximum(seen.sum(axis=1), 1)
    filled = np.where(seen, values, 0).astype(np.float64)
    mean = filled.sum(axis=1) / counted
    spread = np.sqrt((np.where(seen, filled - mean[:, None], 0) ** 2).sum(axis=1) / counted)
    if anchor == "mean":
        return mean, spread
    last = seen.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    return filled[np.arange(len(values)), last], spread


def _ratio(query: float, neighbour: float) -> float:
    tiny = 1e-6
    return query / neighbour if query > tiny and neighbour > tiny else 1.0
