"""Places in long series that answer a query: stored windows that do not overlap, or spans that cover several.

The windows of an index of long series overlap, so that the best ones are much the same place. Spans are picked by
greedy suppression over all windows: the best window is a span, whatever shares steps with it is put aside, and so on.
This is exact: as many of the best windows are asked for as it takes, and the spans are those of a loop over all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.data.cutting import PLACE
from tracets.encoders.protocol import PairEncoder
from tracets.errors import QueryError, ShortAnswer
from tracets.filters import Filter
from tracets.index.rows import end_of
from tracets.retrieval.nearest import DECIMALS, Score, nearest
from tracets.retrieval.places import Place, Places, Stretch
from tracets.retrieval.questions import encode_parts, score_of_series
from tracets.retrieval.refine import refined
from tracets.retrieval.scores import IntArray
from tracets.retrieval.search import hit_to_json, hits_of, windows_kept
from tracets.retrieval.stored import Index
from tracets.types import Hit, Query, Span

FIRST_ASKED, WIDER = 16, 4
"""Windows that are asked for at first for each span, and by what that grows while spans are missing."""

NEAR = 0.8
"""A merged span reaches as far as scores stay above this share of the way from all windows' median score to its best.

Chosen on planted patterns and validation weeks of the weather: less makes spans longer than what was asked for.
"""

Grow = Callable[[Place, list[Stretch]], Stretch]


def find_spans(
    index: Index,
    encoder: PairEncoder,
    query: Query,
    *,
    k: int = 10,
    where: str | Filter | None = None,
    overlap: float = 0.0,
    merge: bool = False,
    refine: bool = False,
) -> list[Span]:
    """The k places in the series of an index that answer a query best, best first.

    1. score every window, of all lengths, exactly  2. take the best one, put aside the windows that share too much with
    it, go on with the best of the rest  3. if asked for, widen or refine each place

    Parameters
    ----------
    index : Index
        Of windows that `tracets.data.cutting` made.
    query : Query
        As for `search`. Spans keep clear of the window `like` as they do of one another. A series may have any length:
        it is compared with the windows of all lengths.
    k : int, default=10
        1 <= k. Fewer come back where no window is left that keeps clear of the spans before it.
    where : str, optional
        As for `search`; ``n_steps = 24`` keeps windows of one length, ``series = 'ny'`` one series. It chooses among
        stored windows: a refined span may reach beyond.
    overlap : float, default=0
        The share of the shorter of two spans of a series that both may hold, in [0, 1): 0 for none.
    merge : bool, default=False
        Let each span cover the windows that overlap it, and one another, with scores no more than a fifth of the way
        down from its own to the median score of all windows. Its score stays that of its best window.
    refine : bool, default=False
        Slide and stretch each span step by step, as long as its score rises; see `tracets.retrieval.refine`. Spans are
        then ranked by their new scores.

    Returns
    -------
    list of Span
        Without `merge` and `refine` each is one stored window, with the score that `search` gives it.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    QueryError
        Windows that are not of long series, a number out of its range, `merge` with `refine`, and as for `search`.
    NotFound
        `query.like` is not in the index.

    Warns
    -----
    ShortAnswer
        There are fewer than k spans.

    Notes
    -----
    Inverted lists are left aside: they would miss the windows beside the best ones.

    Examples
    --------
    >>> find_spans(index, encoder, Query("a sudden drop"), k=1)[0].first_step  # doctest: +SKIP
    5208
    """
    if k < 1:
        raise QueryError(f"find_spans() expects k of at least 1, got {k}.")
    if not 0 <= overlap < 1:
        raise QueryError(f"overlap must be at least 0 and below 1, got {overlap}.")
    if merge and refine:
        raise QueryError("a span is either merged from several windows or one refined window. Choose merge or refine.")
    index.folder.check_model(encoder.name, encoder.fingerprint)
    places, parts = Places.of(index), encode_parts(index, encoder, query)
    score = score_of_series(index, parts)
    taken: list[Stretch] = []
    ranked = np.flatnonzero(windows_kept(index, query, where))
    if query.like is not None:
        taken = [places.at(index.row(query.like))]
    grow = _widening(score, places, ranked, overlap) if merge and len(ranked) else None
    found = apart(score, places, ranked, k=k, overlap=overlap, taken=taken, residual=index.residuals[0], grow=grow)
    if len(found) < k:
        why = "every other window overlaps one of them, or does not pass the filter"
        warnings.warn(ShortAnswer(k, len(found), why), stacklevel=3)  # at the call of api.find_spans()
    rows, scores = np.array([one.row for one in found], np.int64), np.array([one.score for one in found])
    [hits] = hits_of(index, [(parts, rows, scores)])
    if refine:
        moved = refined(index, encoder, parts, places, found, overlap=overlap, taken=taken)
        order = sorted(range(len(moved)), key=lambda i: -moved[i].score)
        return [_span(replace(hits[i], rank=rank), moved[i], places, index) for rank, i in enumerate(order, start=1)]
    return [_span(hit, one, places, index) for hit, one in zip(hits, found, strict=True)]


def apart(
    score: Score,
    places: Places,
    ranked: IntArray,
    *,
    k: int,
    overlap: float,
    taken: list[Stretch],
    residual: float,
    grow: Grow | None = None,
) -> list[Place]:
    """The k best of the windows `ranked` (rising) that keep clear of one another and of what is taken, best first.

    Whether a window is put aside hangs on better ones alone, so that the best windows decide among themselves: more of
    them are asked for until k are left, or there are no more.
    """
    size = FIRST_ASKED * k
    while True:
        rows, scores = nearest(score, ranked, n=len(places), k=size, residual=residual)
        found = _greedy(places, rows, scores, k=k, overlap=overlap, taken=taken, grow=grow)
        if len(found) == k or len(rows) == len(ranked):
            return found
        size *= WIDER


def _greedy(
    places: Places,
    rows: IntArray,
    scores: NDArray[np.float64],
    *,
    k: int,
    overlap: float,
    taken: list[Stretch],
    grow: Grow | None,
) -> list[Place]:
    clear = np.ones(len(rows), bool)
    for stretch in taken:
        clear &= _clear_of(places, rows, stretch, overlap)
    found: list[Place] = []
    while len(found) < k and clear.any():
        best = int(np.argmax(clear))
        place = Place(int(rows[best]), float(scores[best]), places.at(int(rows[best])))
        if grow is not None:
            place = replace(place, stretch=grow(place, taken + [one.stretch for one in found]))
        found.append(place)
        clear &= _clear_of(places, rows, place.stretch, overlap)
        clear[best] = False
    return found


def _clear_of(places: Places, rows: IntArray, stretch: Stretch, overlap: float) -> NDArray[np.bool_]:
    shorter = np.minimum(places.n_steps[rows], stretch.n_steps)
    return places.shared(rows, stretch) <= overlap * shorter


def _widening(score: Score, places: Places, ranked: IntArray, overlap: float) -> Grow:
    """Widens a place over the windows that overlap it, and one another, as long as their scores stay near its own."""
    median = float(np.median(score(None, coarse=True)[ranked]))
    known: dict[int, float] = {}

    def grow(place: Place, others: list[Stretch]) -> Stretch:
        level = median + NEAR * (place.score - median)
        span, refused = place.stretch, {place.row}
        while True:
            near = ranked[places.shared(ranked, span) > 0]
            near = near[~np.isin(near, list(refused))]
            new = np.array([row for row in near.tolist() if row not in known], np.int64)
            if len(new):
                known.update(zip(new.tolist(), score(new, coarse=False).round(DECIMALS).tolist(), strict=True))
            wider = span
            for row in near.tolist():
                refused.add(row)
                union = wider.over(places.at(row))
                if known[row] >= level and all(union.keeps_clear(other, overlap) for other in others):
                    wider = union
            if wider == span:
                return span
            span = wider

    return grow


def _span(hit: Hit, place: Place, places: Places, index: Index) -> Span:
    if place.refined is None:
        start, end, channels = *_times(place.stretch, places, index), hit.channels
    else:
        start, end, channels = place.refined.start, end_of(place.refined), place.channels
    told = {name: value for name, value in hit.metadata.items() if name not in PLACE}
    return Span(
        rank=hit.rank, id=hit.id, score=place.score, start=start, end=end, channels=channels, text=hit.text,
        label=hit.label, metadata=told, series=places.names[place.stretch.series], first_step=place.stretch.first,
        n_steps=place.stretch.n_steps, drawn_by=hit.drawn_by,
    )  # fmt: skip


def _times(stretch: Stretch, places: Places, index: Index) -> tuple[datetime | None, datetime | None]:
    """Those of the windows with which a stretch begins and ends."""
    inside = places.series == stretch.series
    first = np.flatnonzero(inside & (places.first == stretch.first))[0]
    last = np.flatnonzero(inside & (places.first + places.n_steps == stretch.end))[0]
    begun, ended = index.folder.facts(np.array([first, last], np.int64), ["start", "end"])
    return begun["start"], ended["end"]


def span_to_json(span: Span) -> dict[str, Any]:
    """A span as one line of `search --spans --json`: the keys of a hit, then series, first_step and n_steps."""
    return hit_to_json(span) | {"series": span.series, "first_step": span.first_step, "n_steps": span.n_steps}
