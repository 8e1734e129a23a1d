"""What followed the neighbours, told in the units of the query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracets.forecast.neighbours import Memory, Neighbours
from tracets.types import FloatArray, Sample

Anchor = Literal["mean", "last", "level"]
ANCHORS: tuple[Anchor, ...] = ("mean", "last", "level")
"""What a future is told by: its distance to the mean of its past in spreads of that past, its distance to the last
value in the same spreads, or the values themselves."""


def continuations(memory: Memory, neighbours: Neighbours, queries: Sequence[Sample], *, anchor: Anchor) -> FloatArray:
    """The futures of each query's neighbours as futures of the query.

    Parameters
    ----------
    queries : sequence of Sample
        As many as `neighbours` has rows, with the same number of channels.
    anchor : "mean", "last" or "level"
        See `ANCHORS`. A flat past (a spread of 0) gives its neighbours' distances in their own units.

    Returns
    -------
    ndarray of shape (n, top, n_channels, horizon), float32
        Channels are matched by their names, whatever their case. NaN where there is no neighbour, it lacks the channel
        or its future is unknown.
    """
    n_channels = queries[0].n_channels if queries else 0
    out = np.full((*neighbours.rows.shape, n_channels, memory.horizon), np.nan, np.float32)
    for i, query in enumerate(queries):
        base, spread = anchored(query.values, anchor)
        for j, row in enumerate(neighbours.rows[i]):
            if row < 0:
                continue
            pair = memory.pairs[row]
            which = {name.casefold(): c for c, name in enumerate(pair.past.channel_names)}
            from_, to = anchored(pair.past.values, anchor)
            for c, name in enumerate(query.channel_names):
                if (k := which.get(name.casefold())) is not None:
                    out[i, j, c] = base[c] + (pair.future[k] - from_[k]) * _ratio(spread[c], to[k])
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
