"""From score matrices to the metrics of each direction, with intervals, chance levels and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.evaluate.pool import Pool
from tracets.metrics import (
    Bools,
    Floats,
    Interval,
    bootstrap,
    chance_first,
    expected_rank,
    first_relevant,
    hit_rate,
    macro_mean,
    paired_bootstrap,
    precision,
    reciprocal_rank,
    same_key,
)
from tracets.types import FloatArray

PAIR_METRICS: tuple[str, ...] = ("P@1", "P@5", "P@10", "MRR", "median_rank")
LABEL_METRICS: tuple[str, ...] = ("P@1", "P@5", "MRR", "macro_P@1")
TARGETS = {
    "text_to_series": ("pair", "label"),
    "series_to_text": ("pair", "label"),
    "series_to_series": ("label",),
}

# direction -> "pair" or "label" -> metric -> figure
Scores = Mapping[str, Mapping[str, Mapping[str, Interval]]]
Chance = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True, eq=False)
class ScoreMatrices:
    """What a retriever makes of a pool; None for a direction that it cannot do. Higher is better, -inf allowed.

    `text_to_series` (n_paired, n_paired): row i is the text of `pool.paired[i]`. `series_to_text` (n_paired, n_paired):
    row i is its series. `series_to_series` (n_labelled, n_labelled), over `pool.labelled`.
    """

    text_to_series: FloatArray | None = None
    series_to_text: FloatArray | None = None
    series_to_series: FloatArray | None = None

    def directions(self) -> dict[str, FloatArray]:
        """The directions that it can do, by name."""
        return {name: matrix for name in TARGETS if (matrix := getattr(self, name)) is not None}


@dataclass(frozen=True, eq=False)
class PerQuery:
    """Metrics of each query of one direction and target, shape (n_queries,); all empty when nothing can be asked."""

    values: Mapping[str, Floats]
    classes: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values["MRR"])

    def figure(self, metric: str, rows: NDArray[np.int64]) -> float:
        """One metric over some of the queries."""
        if metric == "macro_P@1":
            assert self.classes is not None
            return macro_mean(self.values["P@1"][rows], self.classes[rows])
        if metric == "median_rank":
            return float(np.median(self.values["rank"][rows]))
        return float(np.mean(self.values[metric][rows]))


PerDirection = Mapping[str, Mapping[str, PerQuery]]


def per_query(pool: Pool, matrices: ScoreMatrices) -> PerDirection:
    """Measure each query of each direction.

    Pairs: a text's own window, or one with an identical text. Labels: windows of the query's label; across modalities
    the own pair counts too; series to series leaves out the query and the windows of its place that share time with it.
    Windows without a label take no part in the label metrics, neither do queries whose label no other window has.
    """
    out: dict[str, dict[str, PerQuery]] = {}
    for direction, matrix in matrices.directions().items():
        out[direction] = {}
        for target in TARGETS[direction]:
            task = label_task(pool, direction) if target == "label" else pair_task(pool)
            scores = np.asarray(matrix)[np.ix_(task.rows, task.columns)]
            out[direction][target] = _measure(scores, task)
    return out


@dataclass(frozen=True, eq=False)
class RankingTask:
    """Which rows and columns of a score matrix are asked about, and what counts as found there."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    relevant: Bools
    excluded: Bools
    classes: NDArray[np.int64] | None = None


def pair_task(pool: Pool) -> RankingTask:
    """Every text with every paired window; identical texts are relevant to each other."""
    every = np.arange(len(pool.paired))
    relevant = same_key(pool.texts, pool.texts)
    return RankingTask(every, every, relevant, np.zeros_like(relevant))


def label_task(pool: Pool, direction: str) -> RankingTask:
    """The labelled windows of one direction, without queries that have no relevant window in their pool."""
    if direction == "series_to_series":
        columns, labels = np.arange(len(pool.labelled)), pool.labels(pool.labelled)
        excluded = pool.overlap[np.ix_(pool.labelled, pool.labelled)]
    else:
        every = pool.labels(pool.paired)
        columns = np.array([i for i, label in enumerate(every) if label], dtype=np.int64)
        labels = [every[i] for i in columns]
        excluded = np.zeros((len(columns), len(columns)), dtype=bool)
    relevant = same_key(labels, labels)
    rows = np.flatnonzero((relevant & ~excluded).any(axis=1))
    code = {label: c for c, label in enumerate(dict.fromkeys(labels))}
    classes = np.array([code[labels[i]] for i in rows], dtype=np.int64)
    return RankingTask(columns[rows], columns, relevant[rows], excluded[rows], classes)


def summarise(pool: Pool, measured: PerDirection, *, n_boot: int, seed: int) -> Scores:
    """Mean (or median, or mean by class) over the queries, each with its 95 % block bootstrap interval."""
    out: dict[str, dict[str, dict[str, Interval]]] = {}
    for direction, targets in measured.items():
        out[direction] = {}
        for target, queries in targets.items():
            names = PAIR_METRICS if target == "pair" else LABEL_METRICS
            out[direction][target] = {name: _interval(queries, name, pool.block, n_boot, seed) for name in names}
    return out


def chance(pool: Pool) -> Chance:
    """What a retriever that knows nothing gets on average: every order of every query's pool equally likely.

    Pairs of n distinct texts: k / n, H_n / n and (n + 1) / 2. Labels: from the share of each query's label in its pool.
    """
    out: dict[str, dict[str, dict[str, float]]] = {}
    for direction, targets in TARGETS.items():
        out[direction] = {}
        for target in targets:
            task = label_task(pool, direction) if target == "label" else pair_task(pool)
            items = (~task.excluded).sum(axis=1)
            hits = (task.relevant & ~task.excluded).sum(axis=1)
            first = chance_first(items, hits)
            if target == "pair":
                rates = {f"P@{k}": hit_rate(first, k) for k in (1, 5, 10)}
                queries = PerQuery({**rates, "MRR": reciprocal_rank(first), "rank": expected_rank(first)})
                names = PAIR_METRICS
            else:
                share = hits / items
                queries = PerQuery({"P@1": share, "P@5": share, "MRR": reciprocal_rank(first)}, task.classes)
                names = LABEL_METRICS
            every = np.arange(len(queries))
            out[direction][target] = {m: queries.figure(m, every) if len(every) else float("nan") for m in names}
    return out


def differences(pool: Pool, model: PerDirection, other: PerDirection, *, n_boot: int, seed: int) -> dict[str, Interval]:
    """Mean of model minus other on the same queries by direction: pair MRR, or label P@1 for series to series."""
    out = {}
    for direction in model.keys() & other.keys():
        target, metric = ("label", "P@1") if direction == "series_to_series" else ("pair", "MRR")
        a, b = (side[direction][target].values[metric] for side in (model, other))
        if len(a):
            out[direction] = paired_bootstrap(a, b, n_boot=n_boot, seed=seed, block=min(pool.block, len(a)))
    return {direction: out[direction] for direction in TARGETS if direction in out}


def _measure(scores: NDArray[np.floating], task: RankingTask) -> PerQuery:
    is_label = task.classes is not None
    if not len(task.rows):
        return PerQuery(dict.fromkeys(("P@1", "P@5", "P@10", "MRR", "rank"), np.zeros(0)), task.classes)
    first = first_relevant(scores, task.relevant, excluded=task.excluded)
    values = {"MRR": reciprocal_rank(first), "rank": expected_rank(first)}
    for k in (1, 5) if is_label else (1, 5, 10):
        found = precision(scores, task.relevant, k, excluded=task.excluded) if is_label else hit_rate(first, k)
        values[f"P@{k}"] = found
    return PerQuery(values, task.classes)


def _interval(queries: PerQuery, metric: str, block: int, n_boot: int, seed: int) -> Interval:
    n = len(queries)
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"))
    return bootstrap(lambda rows: queries.figure(metric, rows), n, n_boot=n_boot, seed=seed, block=min(block, n))
