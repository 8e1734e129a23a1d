"""Retrieval metrics over a score matrix, their chance levels and bootstrap intervals. NumPy only; nothing is printed.

Ties are broken at random *in expectation*: every metric is its mean over all orders of the tied items. A constant score
therefore gives exactly chance, never 1.0, and no metric depends on the order in which the pool is stored.

A row is a query, a column an item, a higher score is better. `relevant` (n_queries, n_items) marks what counts as
found; `excluded` marks what is no part of a query's pool, for instance the query itself. Scores may be -inf (never
comparable) but not NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FirstRelevant:
    """Where the first relevant item of each query stands, up to ties. Each array has shape (n_queries,), int64.

    `better` items score above the best relevant one, `tied` items score the same (itself counted), `hits` of those are
    relevant. Its rank under random order of the ties lies between `better` + 1 and `better` + `tied` - `hits` + 1.
    """

    better: NDArray[np.int64]
    tied: NDArray[np.int64]
    hits: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.better)


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile bootstrap interval."""

    value: float
    low: float
    high: float


def same_key(queries: Sequence[Any], items: Sequence[Any]) -> Bools:
    """Mark the items whose key equals the query's: (n_queries,), (n_items,) -> (n_queries, n_items).

    With texts as keys, identical texts are relevant to each other, because nothing can tell them apart.

    Examples
    --------
    >>> same_key(["rain", "sun"], ["sun", "rain", "rain"]).astype(int).tolist()
    [[0, 1, 1], [1, 0, 0]]
    """
    codes: dict[Any, int] = {}
    q = np.array([codes.setdefault(key, len(codes)) for key in queries], dtype=np.int64)
    i = np.array([codes.setdefault(key, len(codes)) for key in items], dtype=np.int64)
    return q[:, None] == i[None, :]


def first_relevant(scores: NDArray[Any], relevant: Bools, *, excluded: Bools | None = None) -> FirstRelevant:
    """Locate the first relevant item of each query by counting, without a sort.

    Raises
    ------
    DataError
        Shapes differ, a score is NaN, or a query has no relevant item in its pool (leave such queries out).

    Examples
    --------
    >>> found = first_relevant(np.array([[0.1, 0.9, 0.5]]), np.array([[False, False, True]]))
    >>> found.better.tolist(), found.tied.tolist()
    ([1], [1])
    """
    scores, relevant, allowed = _checked(scores, relevant, excluded)
    without = np.flatnonzero(~relevant.any(axis=1))
    if len(without):
        raise DataError(
            f"query {without[0]} has no relevant item in its pool ({len(without)} of {len(scores)} queries have none). "
            f"Leave such queries out and report their number."
        )
    best = np.max(scores, axis=1, where=relevant, initial=-np.inf, keepdims=True)
    tied = (scores == best) & allowed
    return FirstRelevant(
        better=((scores > best) & allowed).sum(axis=1),
        tied=tied.sum(axis=1),
        hits=(tied & relevant).sum(axis=1),
    )


def hit_rate(first: FirstRelevant, k: int) -> Floats:
    """P@k of pairs: the chance that a relevant item is among the top k, a query. In [0, 1], shape (n_queries,)."""
    if k < 1:
        raise ValueError(f"hit_rate expects k >= 1, got {k}.")
    missed = np.ones(len(first))
    for place in range(k):  # draw the tied items one by one without replacement; `missed` survives every draw
        left = np.maximum(first.tied - place, 1)
        miss = np.clip((left - first.hits) / left, 0, 1)
        missed *= np.where(first.better + place < k, miss, 1.0)
    return 1 - missed


def reciprocal_rank(first: FirstRelevant) -> Floats:
    """Expected 1 / rank of the first relevant item, a query. In (0, 1], shape (n_queries,). Its mean is the MRR."""
    cases, inverse = np.unique(np.stack([first.better, first.tied, first.hits]), axis=1, return_inverse=True)
    return np.array([_expected_reciprocal(*case) for case in cases.T])[inverse.reshape(-1)]


def expected_rank(first: FirstRelevant) -> Floats:
    """Expected rank of the first relevant item, a query; 1 is best. Shape (n_queries,). Its median is `median_rank`."""
    return first.better + (first.tied + 1) / (first.hits + 1)


def precision(scores: NDArray[Any], relevant: Bools, k: int, *, excluded: Bools | None = None) -> Floats:
    """P@k of labels: the share of relevant items among the top k, a query. In [0, 1], shape (n_queries,).

    A pool smaller than k is judged on all it has.

    Examples
    --------
    >>> precision(np.array([[0.9, 0.5, 0.1]]), np.array([[True, False, True]]), 2).tolist()
    [0.5]
    """
    if k < 1:
        raise ValueError(f"precision expects k >= 1, got {k}.")
    scores, relevant, allowed = _checked(scores, relevant, excluded)
    size = allowed.sum(axis=1)
    if not size.all():
        raise DataError(f"query {int(np.argmin(size))} has an empty pool. Leave such queries out.")
    k_row = np.minimum(k, size)
    value = np.where(allowed, scores, np.nan)  # NaN sorts last, after an allowed -inf, and equals nothing
    ordered = -np.sort(-value, axis=1)
    cut = np.take_along_axis(ordered, k_row[:, None] - 1, axis=1)
    above, tied = (value > cut), (value == cut)
    room = k_row - above.sum(axis=1)
    share = (tied & relevant).sum(axis=1) / tied.sum(axis=1)
    return ((above & relevant).sum(axis=1) + room * share) / k_row


def macro_mean(values: NDArray[Any], classes: NDArray[Any]) -> float:
    """Mean over the classes of the mean within a class, so that each class weighs the same."""
    names, codes = np.unique(classes, return_inverse=True)
    return float(np.mean(np.bincount(codes, weights=values) / np.bincount(codes))) if len(names) else float("nan")


def chance_first(n_items: NDArray[np.int64] | int, n_relevant: NDArray[np.int64] | int) -> FirstRelevant:
    """What `first_relevant` finds when nothing is known: all items tied. Feed it to the metrics for their chance level.

    With one relevant item in a pool of n this is the closed form: P@k = k / n, MRR = H_n / n, rank = (n + 1) / 2.

    Examples
    --------
    >>> float(reciprocal_rank(chance_first(4, 1))[0]) == (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    True
    """
    items, hits = np.broadcast_arrays(np.atleast_1d(np.asarray(n_items)), np.atleast_1d(np.asarray(n_relevant)))
    if (hits < 1).any() or (hits > items).any():
        raise DataError(f"chance needs 1 <= n_relevant <= n_items, got {n_relevant} of {n_items}.")
    return FirstRelevant(np.zeros(len(items), np.int64), items.astype(np.int64), hits.astype(np.int64))


def resamples(n: int, *, n_boot: int, seed: int, block: int = 1) -> Iterator[NDArray[np.int64]]:
    """Yield `n_boot` bootstrap samples of the rows 0 .. n - 1, in blocks of `block` neighbouring rows.

    Rows must stand in time order: overlapping windows are not independent, and blocks keep neighbours together. Blocks
    wrap around the end, so that every row is drawn equally often. `block=1` is the ordinary bootstrap.

    Notes
    -----
    Source: Politis and Romano (1992), "A circular block-resampling procedure for stationary data".
    """
    if n < 1 or n_boot < 1 or not 1 <= block <= n:
        raise ValueError(f"resamples expects n >= 1, n_boot >= 1, 1 <= block <= n; got {n=}, {n_boot=}, {block=}.")
    rng = np.random.default_rng(seed)
    n_blocks = -(-n // block)
    for _ in range(n_boot):
        starts = rng.integers(n, size=n_blocks)
        yield ((starts[:, None] + np.arange(block)) % n).reshape(-1)[:n]


def default_block(n: int, *, overlap: int = 1) -> int:
    """Block length for n rows in time order: n^(1/3), or `overlap` (rows that share time with one row) if longer.

    `overlap` counts up to n / 10, so that ten blocks remain to be drawn.
    """
    return max(1, round(n ** (1 / 3)), min(overlap, n // 10))


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    n: int,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    block: int | None = None,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic of n queries; `statistic(rows)` computes it on the given rows.

    Parameters
    ----------
    block : int or None
        Length of the blocks that are drawn; None takes `default_block(n)`.
    level : float
        Coverage asked for, between 0 and 1.

    Examples
    --------
    >>> values = np.array([0.0, 1.0, 1.0, 0.0])
    >>> bootstrap(lambda rows: float(values[rows].mean()), 4, n_boot=200).value
    0.5
    """
    if not 0 < level < 1:
        raise ValueError(f"bootstrap expects 0 < level < 1, got {level}.")
    length = default_block(n) if block is None else block
    draws = [statistic(rows) for rows in resamples(n, n_boot=n_boot, seed=seed, block=length)]
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(statistic(np.arange(n)), float(low), float(high))


def paired_bootstrap(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    n_boot: int = 1000,
    seed: int = 0,
    block: int | None = None,
    level: float = 0.95,
) -> Interval:
    """Mean difference `a - b` of two systems on the same queries, with its interval. (n,), (n,) -> Interval.

    The same queries are drawn for both, so what is hard for both cancels. An interval without 0 is a difference.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"paired_bootstrap expects two (n,) arrays of one shape, got {a.shape} and {b.shape}.")
    gap = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return bootstrap(lambda rows: float(gap[rows].mean()), len(gap), n_boot=n_boot, seed=seed, block=block, level=level)


def _expected_reciprocal(better: int, tied: int, hits: int) -> float:
    places = np.arange(tied - hits + 1)  # how many tied items may come before the first hit
    still_missing = np.cumprod(np.concatenate([[1.0], (tied - hits - places[:-1]) / (tied - places[:-1])]))
    return float(np.sum(still_missing * hits / (tied - places) / (better + places + 1)))


def _checked(scores: NDArray[Any], relevant: Bools, excluded: Bools | None) -> tuple[NDArray[Any], Bools, Bools]:
    allowed = np.ones_like(relevant) if excluded is None else ~excluded
    if scores.ndim != 2 or not scores.shape == relevant.shape == allowed.shape:
        raise DataError(
            f"metrics expect scores, relevant and excluded of one shape (n_queries, n_items), "
            f"got {scores.shape}, {relevant.shape} and {allowed.shape}."
        )
    if np.isnan(scores).any():
        query, item = np.argwhere(np.isnan(scores))[0]
        raise DataError(f"score of query {query} with item {item} is NaN. Give -inf to what cannot be compared.")
    return np.asarray(scores, np.result_type(scores, np.float32)), relevant & allowed, allowed
