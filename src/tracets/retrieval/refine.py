"""Sliding and stretching the window around a hit, so that it lies where the score is highest.

A compass search, coarse to fine: from the stored window, both edges are moved together and each alone by a quarter of
its length (to the power of two below), the best move is made if the score rises, and where none does the step is
halved, down to a single one. The score is that of the search, by the same encoder. As only moves that raise it are
made, a refined hit never scores below the one it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tracets.data.cutting import Slicer, placed
from tracets.encoders.protocol import PairEncoder
from tracets.retrieval.nearest import DECIMALS
from tracets.retrieval.places import Place, Places, Stretch, stitched
from tracets.retrieval.questions import Part, scores_with
from tracets.retrieval.scores import SeriesBank, series_bank
from tracets.retrieval.search import channels_of
from tracets.retrieval.stored import Index
from tracets.types import Sample

MOVES = ((-1, -1), (1, 1), (-1, 0), (1, 0), (0, -1), (0, 1))
"""How the first step and the end of a window move: both, or one of them."""

REACH = 2
"""A window may move by its length over this at either edge, so that it keeps from 1 / REACH to 2 of its length."""


@dataclass(eq=False)
class _Search:
    """One hit under way: the values around it, where it may go, and every place that was scored."""

    place: Place
    around: Slicer
    begin: int
    bounds: Stretch
    least: int
    step: int
    known: dict[Stretch, float] = field(default_factory=dict)

    def window(self, stretch: Stretch, series: str) -> Sample:
        return placed(self.around(stretch.first - self.begin, stretch.n_steps), series=series, first_step=stretch.first)

    def moves(self) -> list[Stretch]:
        at, found = self.place.stretch, []
        for left, right in MOVES:
            first, end = at.first + left * self.step, at.end + right * self.step
            if first >= self.bounds.first and end <= self.bounds.end and end - first >= self.least:
                found.append(Stretch(at.series, first, end - first))
        return found


def refined(
    index: Index,
    encoder: PairEncoder,
    parts: list[Part],
    places: Places,
    found: Sequence[Place],
    *,
    overlap: float,
    taken: Sequence[Stretch],
) -> list[Place]:
    """Each place moved to where its score is highest nearby, in their order.

    Parameters
    ----------
    found : sequence of Place
        Stored windows. Each may move by half its length at either edge, within what windows of its series hold.
    overlap : float
        The share of the shorter one that two places may both hold, also after they moved.
    taken : sequence of Stretch
        Further stretches to keep clear of.
    """
    weight = index.folder.manifest.sample_weight
    searches = _begun(index, places, found)
    active = list(range(len(searches)))
    while active:
        asked = [(i, move) for i in active for move in searches[i].moves() if move not in searches[i].known]
        if asked:
            windows = [searches[i].window(move, places.names[move.series]) for i, move in asked]
            scores = scores_with(parts, _bank(encoder, windows), weight).round(DECIMALS)
            for (i, move), score in zip(asked, scores.tolist(), strict=True):
                searches[i].known[move] = score
        for i in active:
            one = searches[i]
            others = [other.place.stretch for j, other in enumerate(searches) if j != i] + list(taken)
            free = [move for move in one.moves() if all(move.keeps_clear(other, overlap) for other in others)]
            best = max(free, key=one.known.__getitem__, default=None)
            if best is not None and one.known[best] > one.place.score:
                one.place = replace(one.place, stretch=best, score=one.known[best])
            else:
                one.step //= 2
        active = [i for i in active if searches[i].step]
    return [_told(one, places, encoder, parts, weight) for one in searches]


def _begun(index: Index, places: Places, found: Sequence[Place]) -> list[_Search]:
    bounds = []
    for place in found:
        at, (first, end) = place.stretch, places.extent(place.stretch.series)
        low, high = max(first, at.first - at.n_steps // REACH), min(end, at.end + at.n_steps // REACH)
        bounds.append(Stretch(at.series, low, high - low))
    searches = []
    for place, bound, around in zip(found, bounds, stitched(index, places, bounds), strict=True):
        n = place.stretch.n_steps
        step = 1 << (max(1, n // 4).bit_length() - 1)
        searches.append(_Search(place, Slicer(around), bound.first, bound, max(1, n // REACH), step))
    return searches


def _bank(encoder: PairEncoder, windows: list[Sample]) -> SeriesBank:
    return series_bank(encoder.encode_series(windows), [window.channel_names for window in windows])


def _told(one: _Search, places: Places, encoder: PairEncoder, parts: list[Part], weight: float) -> Place:
    window = one.window(one.place.stretch, places.names[one.place.stretch.series])
    [channels] = channels_of(parts, _bank(encoder, [window]), weight)
    return replace(one.place, refined=window, channels=channels)
