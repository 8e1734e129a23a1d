"""A forecast head solved in closed form, and what has to be known beside its weights to use it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracets.forecast.choice import Choice, choose
from tracets.forecast.head import ForecastHead, HeadSizes
from tracets.forecast.pasts import PastRows
from tracets.forecast.ridge import Fold, Groups, Material, Places, Problem, Standard, VectorParts, feature_blocks
from tracets.forecast.scaling import ChannelScale, ScaledRows, channel_scales, scale_rows
from tracets.forecast.spread import fit_spread
from tracets.types import LEVELS

Floats = NDArray[np.float64]
Mean = Literal["centre", "quantiles"]

TOLD = ("level", "calendar", "vectors")
"""What the spread of a forecast depends on."""
SHARES = (1, 2, 4)
"""The head reads the whole context, or its last half or quarter."""
LOOKED_AT = 6000
"""Rows that directions of vectors and curves are taken from, evenly."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """All that a fitted forecaster knows besides the weights of its head and of its encoder.

    `context` steps of a window are looked at; `cycles` of the calendar and the channels in `company` are read. `mean`:
    means are the "centre" of the forecast on its axis, or the mean of its "quantiles" in raw units, which is more on a
    bent axis.
    """

    horizon: int
    context: int
    cycles: tuple[str, ...]
    company: tuple[str, ...]
    reads: tuple[str, ...]
    choice: Choice
    channels: dict[str, ChannelScale]
    standards: dict[str, Standard]
    sizes: HeadSizes
    mean: Mean = "centre"

    def read(self, rows: PastRows) -> tuple[Tensor, ScaledRows]:
        """What the head reads of rows besides vectors, (m, features), and the scales of the rows."""
        scaled = scale_rows(rows, self.choice.scaling, self.channels)
        blocks = feature_blocks(scaled, rows, None, self.standards, recent=self.choice.recent, reads=self.reads)
        features = np.concatenate([*blocks.values(), np.zeros((len(rows), 0))], 1)
        return torch.from_numpy(features).float(), scaled


def solve_head(
    material: Material,
    vectors: NDArray[np.float32] | None,
    *,
    context: int,
    cycles: tuple[str, ...],
    reads: tuple[str, ...],
    refit: bool,
    seed: int,
) -> tuple[ForecastHead, Fitted]:
    """Choose and solve.

    1. take the main directions of the vectors  2. choose scaling, steps, penalties, groups  3. forecast rows from times
    they do not belong to  4. quantiles from the errors made there, and the kind of mean that errs less on rows to
    choose by  5. solve the maps on all rows to learn from, with `refit` on those to choose by as well
    """
    directions = None
    if vectors is not None:
        directions = VectorParts.of(vectors[_evenly(material.learn)])
        material = replace(material, parts=directions(vectors))
    choice = choose(material, contexts=[max(1, context // n) for n in SHARES], reads=reads, seed=seed)
    problem = Problem.of(material, choice.scaling, recent=choice.recent, reads=reads)
    groups, penalty = choice.groups(material.parts), problem.penalty(choice.penalties)
    first = min((problem.blocks[name].start for name in TOLD if name in problem.blocks), default=-1)
    told = problem.features[:, first:-1]
    held, val, predicted = _held(problem, material, penalty, groups)
    table, spread = fit_spread(problem.targets[held] - predicted, told[held], val)
    wide = np.exp(told[held[val]] @ spread)[:, None, None]
    mean = _better_mean(problem, material, held[val], predicted[val], wide * table)
    learn = material.learn
    if refit and val.any():
        learn = np.concatenate([learn, held[val]])
        problem = Problem.of(replace(material, learn=learn), choice.scaling, recent=choice.recent, reads=reads)
    maps = problem.fit(learn, penalty, groups)
    n_parts = material.parts.shape[1] if material.parts is not None else 0
    sizes = HeadSizes(
        features=problem.features.shape[1] - 1 - n_parts,
        context=told.shape[1] - n_parts,
        vectors=vectors.shape[1] if vectors is not None and n_parts else 0,
        parts=n_parts,
        maps=len(maps),
        horizon=material.futures.shape[1],
    )
    torch.manual_seed(seed)
    head = ForecastHead(sizes).eval()
    head.start(
        maps=maps,
        predicted=problem.predict(_evenly(learn), maps, groups),
        table=table,
        spread=spread,
        vectors=(directions.centre, directions.basis) if directions is not None and n_parts else None,
        groups=choice.centres,
    )
    return head, Fitted(
        sizes.horizon, context, cycles, material.rows.company, reads, choice, problem.channels, problem.standards,
        sizes, mean,
    )  # fmt: skip


@torch.inference_mode()
def raw_forecast(
    head: ForecastHead, fitted: Fitted, rows: PastRows, vectors: NDArray[np.float32] | None
) -> tuple[Floats, Floats]:
    """Means (m, horizon) and quantiles (m, len(LEVELS), horizon) of rows in raw units."""
    features, scaled = fitted.read(rows)
    place = head.curves.device
    told = None if vectors is None else torch.from_numpy(vectors).to(place)
    centre, around = (x.double().cpu().numpy() for x in head(features.to(place), told))
    quantiles = np.stack([scaled.to_raw(around[:, k]) for k in range(len(LEVELS))], 1)
    return quantiles.mean(1) if fitted.mean == "quantiles" else scaled.to_raw(centre), quantiles


def _held(
    problem: Problem, material: Material, penalty: Floats, groups: Groups | None
) -> tuple[Places, NDArray[np.bool_], Floats]:
    """Rows forecast from other times, whether they are to choose by, and their forecasts; without folds, rows that were
    learnt from."""
    folds = material.folds or (Fold(material.learn, material.learn),)
    predicted = [problem.predict(f.held, problem.fit(f.learn, penalty, groups), groups) for f in folds]
    val = np.concatenate([np.full(len(fold.held), fold.val) for fold in folds])
    return np.concatenate([fold.held for fold in folds]), val, np.concatenate(predicted)


def _better_mean(problem: Problem, material: Material, rows: Places, centre: Floats, around: Floats) -> Mean:
    """The kind of mean with the lower square error on some rows; on a straight axis, or without rows, the centre.

    `around` (rows, len(LEVELS), horizon): where the quantiles lie around the centre.
    """
    if problem.scaled.bend is None or not len(rows):
        return "centre"
    scaled, truth = problem.scaled.at(rows), material.futures[rows]
    spreads = channel_scales(material.rows.at(material.learn), None)
    spread = np.array([getattr(spreads.get(material.rows.names[i]), "spread", np.nan) for i in rows])[:, None]
    of_quantiles = np.mean([scaled.to_raw(centre + around[:, k]) for k in range(len(LEVELS))], axis=0)
    errors = [float(np.nanmean(((mean - truth) / spread) ** 2)) for mean in (scaled.to_raw(centre), of_quantiles)]
    return "quantiles" if errors[1] < errors[0] else "centre"


def _evenly(rows: Places) -> Places:
    return rows[:: max(1, len(rows) // LOOKED_AT)]
