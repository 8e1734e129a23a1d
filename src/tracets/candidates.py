"""Windows that a question may be about, by the inverted lists of an index: the first stage of an approximate search.

Each vector of the question looks into the lists of its nearest centres, and brings the windows of the best vectors
there; sample vectors, where they count, are all compared. The second stage scores these windows in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.index.lists import Lists
from tracets.scores import IntArray, SeriesBank, products
from tracets.types import FloatArray

BROUGHT = 4096
"""Windows that one vector of a question brings, at most."""


def by_lists(
    lists: Lists, vectors: FloatArray, items: SeriesBank, kept: NDArray[np.bool_], *, channel: str | None, probes: int
) -> IntArray:
    """The windows with the best channel vectors for any query vector (q, d), as far as `probes` lists each hold them.

    Parameters
    ----------
    items : SeriesBank
        The windows whose vectors the lists were made from, all of them, quantised.
    kept : ndarray of bool, shape (n,)
        The windows that count.
    channel : str or None
        Only vectors of the channel of this name count.
    """
    found: list[Any] = [np.zeros(0, np.int64)]
    ends = items.by_series.offsets
    for vector, places in zip(vectors, lists.near(vectors, probes=probes), strict=True):
        rows = np.searchsorted(ends, places, side="right") - 1
        live = kept[rows]
        if channel is not None:
            groups = np.searchsorted(items.channels.offsets, places, side="right") - 1
            live &= items.codes[groups] == items.code(channel)
        rows, places = rows[live], places[live]
        scores = products(vector[None], items.channels.vectors[places])[0]
        found.append(rows[_highest(scores)])
    return np.unique(np.concatenate(found))


def by_sample(vector: FloatArray, items: SeriesBank, kept: NDArray[np.bool_]) -> IntArray:
    """The windows with the best sample vectors for a query's (d,)."""
    rows = np.flatnonzero(kept)
    return np.sort(rows[_highest(products(vector[None], items.sample)[0][rows])])


def _highest(scores: FloatArray) -> IntArray:
    if len(scores) <= BROUGHT:
        return np.arange(len(scores), dtype=np.int64)
    return np.argpartition(-scores, BROUGHT - 1)[:BROUGHT]
