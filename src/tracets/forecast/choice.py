"""Everything that the closed-form start of the head decides, decided on time that it has not learnt from.

The second half of the training part is cut into blocks of time; each is forecast from what came before it, and the
validation part from the whole training part, which counts as much as all the blocks together. From what comes after
them, blocks would be forecast too well: series drift.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.forecast.pasts import PastRows
from tracets.forecast.ridge import Fold, Groups, Material, Places, Problem, Sums, maps_of, nearest
from tracets.forecast.scaling import Location, ScaledRows, Scaling, channel_scales

Floats = NDArray[np.float64]

BENDS = (None, 1.0, 0.1)
LOCATIONS: tuple[Location, ...] = ("last", "mean")
FLOORS = (0.05, 0.3, 1.0)
SCALINGS = tuple(itertools.starmap(Scaling, itertools.product(BENDS, LOCATIONS, FLOORS)))
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""Beside features whose squares are 1 in the mean."""
FIRST, FIRST_PENALTIES = 0.1, (1e-3, 1e-1, 10.0)
GROUPS = (2, 4, 8)
WORTH = 0.99
"""Groups have to lessen the error to that share of it, or one map serves all."""
FIRST_LEARNT, N_BLOCKS = 0.5, 4
FEWEST_LEARNT = 24
SMALLEST = 1e-12
LEARN_ROWS, HELD_ROWS, STEPS = 12_000, 800, 16
"""What the choice looks at, evenly taken: neighbouring windows overlap, and so do the steps of a horizon."""


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    `recent` of the last steps are read; `penalties` by block of features; `centres` (k, q) of the groups of vectors
    that have a map of their own (None: one map for all). `score` is the mean square error as a share of that of the
    last value, half of it from the validation part.
    """

    scaling: Scaling
    recent: int
    penalties: dict[str, float]
    score: float
    centres: Floats | None = field(default=None, compare=False)

    def groups(self, parts: Floats | None) -> Groups | None:
        """Which group each of the parts (m, q) belongs to."""
        if self.centres is None or parts is None:
            return None
        return Groups(nearest(parts, self.centres), len(self.centres))


def folds_of(rows: PastRows, part: NDArray[np.object_], horizon: int) -> tuple[Fold, ...]:
    """Blocks of the second half of the training part, each with the rows before it whose futures do not overlap its
    own; the validation part last.

    Parameters
    ----------
    part : ndarray of shape (m,)
        "train", "val", or something else that is left out.

    Raises
    ------
    DataError
        No row to learn from.
    """
    train, val = np.flatnonzero(part == "train"), np.flatnonzero(part == "val")
    if not len(train):
        raise DataError(
            "no window to learn from: in each of them every channel is constant or missing, or too little of its "
            "future is known. Give other windows."
        )
    time = rows.time[train]
    edges = np.quantile(time, np.linspace(FIRST_LEARNT, 1, N_BLOCKS + 1))
    edges[-1] = np.inf
    folds = []
    for low, high in itertools.pairwise(edges):
        held, learn = (time >= low) & (time < high), time <= low - horizon
        if held.any() and learn.sum() >= FEWEST_LEARNT:
            folds.append(Fold(train[learn], train[held]))
    if len(val):
        before = time <= rows.time[val].min() - horizon
        folds.append(Fold(train[before] if 2 * before.sum() > len(train) else train, val, val=True))
    return tuple(folds)


def choose(material: Material, *, contexts: Sequence[int], reads: Sequence[str], seed: int) -> Choice:
    """Choose scaling, steps read and penalties, then groups of vectors with maps of their own, where they pay.

    Parameters
    ----------
    contexts : sequence of int
        Candidates for the number of steps read.
    reads : sequence of str
        Blocks of features: "recent", "level", "calendar", "vectors".
    """
    thin = _thinned(material)
    contexts = sorted(set(contexts), reverse=True) if "recent" in reads else [1]
    best = _best_scaling(thin, contexts[0], reads)
    trials = [_Trial(thin, best.scaling, recent=n, reads=reads) for n in contexts]
    best = min((_descend(t, best.penalties, PENALTIES, passes=2) for t in trials), key=lambda c: c.score)
    if best.recent != contexts[0]:
        scaling = _best_scaling(thin, best.recent, reads).scaling
        other = _Trial(thin, scaling, recent=best.recent, reads=reads)
        best = min(best, _descend(other, best.penalties, PENALTIES, passes=2), key=lambda c: c.score)
    if material.parts is None or not material.parts.shape[1]:
        return best
    return _with_groups(thin, best, reads, seed)


def _best_scaling(thin: Material, recent: int, reads: Sequence[str]) -> Choice:
    trials = (_Trial(thin, scaling, recent=recent, reads=reads) for scaling in SCALINGS)
    found = (_descend(t, {}, FIRST_PENALTIES, passes=1) for t in trials)
    return min(found, key=lambda c: c.score)


def _with_groups(thin: Material, best: Choice, reads: Sequence[str], seed: int) -> Choice:
    """As many groups as pay, and then the penalties of their maps."""
    from sklearn.cluster import KMeans

    assert thin.parts is not None
    told, found = thin.parts[thin.learn], []
    for n in GROUPS:
        if len(np.unique(told, axis=0)) < n:
            break
        centres = KMeans(n, n_init=3, random_state=seed).fit(told).cluster_centers_
        trial = _Trial(thin, best.scaling, recent=best.recent, reads=reads, centres=centres)
        found.append((_descend(trial, best.penalties, FIRST_PENALTIES, passes=1), trial))
    if not found:
        return best
    grouped, trial = min(found, key=lambda one: one[0].score)
    grouped = _descend(trial, grouped.penalties, PENALTIES, passes=1)
    return grouped if grouped.score < WORTH * best.score else best


def _descend(trial: _Trial, penalties: dict[str, float], tried: Sequence[float], *, passes: int) -> Choice:
    """Better one penalty after the other."""
    best = {name: penalties.get(name, FIRST) for name in trial.problem.blocks}
    score = trial.score(best)
    for _, name in itertools.product(range(passes), list(best)):
        for penalty in tried:
            other = {**best, name: penalty}
            if (found := trial.score(other)) < score:
                best, score = other, found
    return Choice(trial.scaling, trial.recent, best, score, trial.centres)


@dataclass(frozen=True, eq=False)
class _Held:
    """Rows to forecast, with what they are compared with: errors count in spreads of the channel."""

    rows: Places
    scaled: ScaledRows
    truth: Floats
    spread: Floats
    flat: float

    @classmethod
    def of(cls, material: Material, problem: Problem, spread: Floats, rows: Places) -> _Held:
        truth = material.futures[rows]
        flat = np.nanmean(((material.rows.filled[rows, -1:] - truth) / spread[rows]) ** 2)
        return cls(rows, problem.scaled.at(rows), truth, spread[rows], max(float(flat), SMALLEST))

    def error(self, predicted: Floats) -> float:
        """Mean square error of forecasts on the rows' scale, as a share of that of the last value."""
        return float(np.nanmean(((self.scaled.to_raw(predicted) - self.truth) / self.spread) ** 2)) / self.flat


class _Trial:
    """One scaling under test: sums over its rows are kept, so that penalties cost a solution a fold and group each."""

    def __init__(
        self,
        material: Material,
        scaling: Scaling,
        *,
        recent: int,
        reads: Sequence[str],
        centres: Floats | None = None,
    ) -> None:
        self.scaling, self.recent, self.centres, self.material = scaling, recent, centres, material
        self.problem = Problem.of(material, scaling, recent=recent, reads=reads)
        self.groups = Choice(scaling, recent, {}, 0.0, centres).groups(material.parts)
        whole = self._sums(material.learn)
        self.sums = []
        for fold in material.folds:  # those left out are fewer than those to learn from
            out = self._sums(np.setdiff1d(material.learn, fold.learn))
            self.sums.append([a - b for a, b in zip(whole, out, strict=True)])
        spreads = {name: c.spread for name, c in channel_scales(material.rows.at(material.learn), None).items()}
        spread = np.array([spreads.get(name, 1.0) for name in material.rows.names])[:, None]
        self.held = [_Held.of(material, self.problem, spread, fold.held) for fold in material.folds]

    def _sums(self, rows: Places) -> list[Sums]:
        return [self.problem.sums(own) for own in ([rows] if self.groups is None else self.groups.parted(rows))]

    def score(self, penalties: dict[str, float]) -> float:
        """Mean square error as a share of that of the last value, half of it from the validation part."""
        penalty, errors = self.problem.penalty(penalties), []
        for held, sums in zip(self.held, self.sums, strict=True):
            maps = maps_of(sums, penalty)
            errors.append(held.error(self.problem.predict(held.rows, maps, self.groups)))
        return self._mean(errors)

    def _mean(self, errors: list[float]) -> float:
        of_val = [fold.val for fold in self.material.folds]
        parts = [[e for e, val in zip(errors, of_val, strict=True) if val == wanted] for wanted in (False, True)]
        means = [float(np.mean(part)) for part in parts if part]
        return sum(means) / max(len(means), 1)


def _thinned(material: Material) -> Material:
    steps = np.unique(np.linspace(0, material.futures.shape[1] - 1, STEPS).round().astype(int))
    learn = _some(material.learn, LEARN_ROWS)
    folds = [replace(f, learn=np.intersect1d(f.learn, learn), held=_some(f.held, HELD_ROWS)) for f in material.folds]
    used = np.unique(np.concatenate([learn, *(f.held for f in folds)]))
    place = np.full(len(material.rows), -1)
    place[used] = np.arange(len(used))
    return Material(
        rows=material.rows.at(used),
        futures=material.futures[used][:, steps],
        parts=None if material.parts is None else material.parts[used],
        learn=place[learn],
        folds=tuple(replace(f, learn=place[f.learn], held=place[f.held]) for f in folds),
    )


def _some(rows: Places, most: int) -> Places:
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(int)] if len(rows) > most else rows
