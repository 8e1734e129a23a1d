"""Windows that a figure draws, and shares with their intervals and chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.tables.table import Source
from tracets.types import Sample

if TYPE_CHECKING:
    from tracets.evaluate.pool import Pool

Value = list[float | None]
"""A value, or a value and the ends of its interval."""


def pool_of(source: Source) -> Pool:
    """The windows of split test in time order. Raises DataError where fewer than two have a text."""
    from tracets.evaluate.pool import make_pool

    return make_pool(list(source.windows.split("test")))


def of_one_kind(source: Source, split: str) -> list[Sample]:
    """The windows of a split with the channels and the length of its first one. Raises DataError where it has none."""
    samples = list(source.windows.split(split))
    if not samples:
        raise DataError(f"'{source.name}' has no windows of split '{split}'. Fill the column split.")
    first = samples[0]
    return [s for s in samples if (s.channel_names, s.n_steps) == (first.channel_names, first.n_steps)]


def some(n: int, most: int, *, seed: int) -> list[int]:
    """At most so many of n places, drawn by the seed and by nothing else, rising.

    >>> some(3, 5, seed=0)
    [0, 1, 2]
    """
    if n <= most:
        return list(range(n))
    rows: list[int] = np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False)).tolist()
    return rows


@dataclass(frozen=True)
class Draws:
    """How intervals are drawn: over blocks of so many neighbouring rows, so often, by a seed."""

    block: int
    n_boot: int
    seed: int


def share_first(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], excluded: NDArray[np.bool_], draws: Draws
) -> tuple[Value, float]:
    """How often a relevant item has the best score, with its interval, and how often it has in a random order.

    Rows without a relevant item are no queries.
    """
    from tracets.metrics import first_relevant, hit_rate

    items, hits = (~excluded).sum(axis=1), (relevant & ~excluded).sum(axis=1)
    asked = np.flatnonzero(hits)
    if not len(asked):
        return [None], float("nan")
    first = first_relevant(scores[asked], relevant[asked], excluded=excluded[asked])
    return mean_of(hit_rate(first, 1), draws), float(np.mean(hits[asked] / items[asked]))


def mean_of(values: NDArray[Any], draws: Draws) -> Value:
    """The mean of what was measured of rows in time order, with its interval; None where there are none."""
    from tracets.metrics import bootstrap

    n = len(values)
    if not n:
        return [None]
    found = bootstrap(
        lambda rows: float(np.mean(values[rows])), n, n_boot=draws.n_boot, seed=draws.seed, block=min(draws.block, n)
    )
    return [found.value, found.low, found.high]


def said(texts: Sequence[str | None], most: int = 60) -> list[str]:
    """The beginnings of texts."""
    return [(text or "")[:most] for text in texts]
