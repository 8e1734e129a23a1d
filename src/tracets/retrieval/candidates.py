"""Windows that a question may be about, by the inverted lists of an index: the first stage of an approximate search.

Each vector of the question looks into the lists of its nearest centres, and brings the windows of the best vectors
there; sample vectors, where they count, are all compared. The second stage scores these windows in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.index.lists import Lists, make_lists
from tracets.retrieval.nearest import nearest
from tracets.retrieval.questions import Part, SeriesPart, TextPart, score_of_series
from tracets.retrieval.scores import IntArray, SeriesBank, products
from tracets.retrieval.stored import Index
from tracets.types import FloatArray

BROUGHT = 4096
"""Windows that one vector of a question brings, at most."""
PROBES = 16
ASKED = 50


def add_lists(index: Index, *, probes: int = PROBES) -> Index:
    """Make the inverted lists of an index (see `tracets.index.lists`) and measure what an approximate search finds.

    Asked are up to 50 of the stored texts, or as many windows where there are none; `recall` of the lists is the share
    of the 10 best windows of the exact search among the 10 best of the approximate one. Windows that are added later
    are in no list and always candidates, which costs time, not recall; `compact` drops the lists.

    Parameters
    ----------
    probes : int, default=16
        Lists that each vector of a question looks into: more find more and take longer.
    """
    centres, members, ends = make_lists(index.folder.mapped.channels.coarse)
    n = len(index.live)
    lists = Lists(centres, members, ends, probes, recall=0.0, rows=n)
    told, texts = np.flatnonzero(index.live[index.texts[0]]), index.texts[1]
    windows = np.flatnonzero(index.live)
    rng = np.random.default_rng(0)
    asked: list[Part] = (
        [TextPart(texts.take(np.array([i]))) for i in rng.permutation(told)[:ASKED]]
        if len(told)
        else [SeriesPart(index.series.one(int(i))) for i in rng.permutation(windows)[:ASKED]]
    )
    kept, shares = index.live, []
    for part in asked:
        score = score_of_series(index, [part])
        best, _ = nearest(score, windows, n=n, k=10, residual=index.residuals[0])
        near = candidates(index, lists, [part], kept, probes=probes)
        found, _ = nearest(score, near, n=n, k=10, residual=index.residuals[0])
        shares.append(len(np.intersect1d(best, found)) / len(best))
    recall = float(np.mean(shares)) if shares else 1.0
    return Index(index.folder.keep_lists(replace(lists, recall=recall)), index.embedded)


def candidates(index: Index, lists: Lists, parts: list[Part], kept: NDArray[np.bool_], *, probes: int) -> IntArray:
    late = np.arange(lists.rows, len(kept))
    found, items = [late[kept[late]]], index.coarse_series
    for part in parts:
        channel = part.channel if isinstance(part, TextPart) else None
        vectors = part.bank.sentences.vectors if isinstance(part, TextPart) else part.bank.channels.vectors
        found.append(by_lists(lists, vectors, items, kept, channel=channel, probes=probes))
        if channel is None and index.folder.manifest.sample_weight > 0:
            found.append(by_sample(part.bank.sample[0], items, kept))
    return np.unique(np.concatenate(found))


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
