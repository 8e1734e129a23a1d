"""Windows that a question may be about, by the inverted lists of an index: the first stage of an approximate search.

Each vector of the question looks into the lists of its nearest centres, and brings the windows of the best vectors
there; sample vectors, where they count, are all compared. The second stage scores these windows in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions import caption
from tracets.encoders.protocol import PairEncoder
from tracets.index.lists import Lists, make_lists
from tracets.retrieval.nearest import nearest
from tracets.retrieval.questions import Part, SeriesPart, TextPart, score_of_series
from tracets.retrieval.scores import Groups, IntArray, SeriesBank, TextBank, products, text_bank
from tracets.retrieval.stored import Index
from tracets.types import FloatArray

BROUGHT = 4096
"""Windows that one vector of a question brings, at most."""
PROBES = 16
"""Lists that each vector of a question looks into, to begin with."""
WANTED = 0.95
"""Recall that more lists are looked into for."""
ASKED = 50


def add_lists(index: Index, *, probes: int | None = None, encoder: PairEncoder | None = None) -> Index:
    """Make the inverted lists of an index (see `tracets.index.lists`) and measure what an approximate search finds.

    Asked are up to 50 of the stored texts and a sentence of each; where there are none, captions of as many windows, or
    these windows themselves without an `encoder`. `recall` of the lists is the share of the 10 best windows of the
    exact search among the 10 best of the approximate one, of the texts or of the sentences, whichever is lower. Windows
    that are added later are in no list and always candidates, which costs time, not recall; `compact` makes the lists
    anew.

    Parameters
    ----------
    probes : int, optional
        Lists that each vector of a question looks into: more find more and take longer. By default 16, doubled until
        the recall is .95, or a quarter of all lists.
    encoder : PairEncoder, optional
        The model of the index.
    """
    centres, members, ends = make_lists(index.folder.mapped.channels.coarse)
    windows, n, residual = np.flatnonzero(index.live), len(index.live), index.residuals[0]
    asked = [[(score_of_series(index, [part]), part) for part in parts] for parts in _questions(index, encoder)]
    best = [[nearest(score, windows, n=n, k=10, residual=residual)[0] for score, _ in kind] for kind in asked]

    def measured(probes: int) -> Lists:
        lists, recalls = Lists(centres, members, ends, probes, recall=0.0, rows=n), [1.0]
        for kind, expected in zip(asked, best, strict=True):
            shares = []
            for (score, part), wanted in zip(kind, expected, strict=True):
                near = candidates(index, lists, [part], index.live, probes=probes)
                found, _ = nearest(score, near, n=n, k=10, residual=residual)
                shares.append(len(np.intersect1d(wanted, found)) / len(wanted))
            recalls += [float(np.mean(shares))] if shares else []
        return replace(lists, recall=min(recalls))

    lists = measured(PROBES if probes is None else probes)
    while probes is None and lists.recall < WANTED and lists.probes * 8 <= len(centres):
        lists = measured(2 * lists.probes)
    return Index(index.folder.keep_lists(lists), index.embedded)


def _questions(index: Index, encoder: PairEncoder | None) -> list[list[Part]]:
    """Some stored texts, or captions where nothing is stored, and a sentence of each; or some stored windows."""
    rng = np.random.default_rng(0)
    rows, texts = index.texts
    told = np.flatnonzero(index.live[rows] & (texts.sentences.sizes > 0))
    if len(told):
        banks = [texts.take(np.array([i])) for i in rng.permutation(told)[:ASKED]]
    else:
        windows = rng.permutation(np.flatnonzero(index.live))[:ASKED]
        if encoder is None:
            return [[SeriesPart(index.series.one(int(i))) for i in windows]]
        ids = [fact["id"] for fact in index.folder.facts(windows, ["id"])]
        said = [caption(sample).text for sample in index.folder.samples(ids)]
        banks = [text_bank(encoder.encode_texts([text])) for text in said]
    chosen = [bank.sentences.vectors[[rng.integers(len(bank.sentences.vectors))]] for bank in banks]
    ends = np.array([0, 1], dtype=np.int64)
    sentences = [TextBank(b.sample, Groups(one, ends)) for b, one in zip(banks, chosen, strict=True)]
    return [[TextPart(bank) for bank in kind] for kind in (banks, sentences)]


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
