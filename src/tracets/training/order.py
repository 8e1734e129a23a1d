"""Which rows make which batch: a function of seed and step alone, so a resumed run sees the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class BatchOrder:
    """Batches of rows that belong together, without end.

    Rows with equal `keys` share batches: padding is least and negatives are hardest among windows of one kind. What is
    left over of each kind is mixed. Each pass is a fresh permutation; its last incomplete batch is left out. In a share
    of the passes, `near`, a batch holds rows whose `places` lie close together: windows of one season, which differ in
    what happened and not in the level of everything.

    Parameters
    ----------
    keys : sequence of hashable
        One a row.
    batch_size : int
        Smaller batches only where there are fewer rows in all.
    places : sequence of float, optional
        Where each row stands, such as its start in seconds.
    near : float, default=0
        Share of passes, in [0, 1].

    Examples
    --------
    >>> order = BatchOrder("aabba", batch_size=2, seed=0)
    >>> sorted(sorted("aabba"[i] for i in order.rows_at(step)) for step in range(order.per_pass))
    [['a', 'a'], ['b', 'b']]
    """

    def __init__(
        self,
        keys: Iterable[Hashable],
        *,
        batch_size: int,
        seed: int,
        places: Iterable[float] = (),
        near: float = 0.0,
    ) -> None:
        groups: dict[Hashable, list[int]] = {}
        for row, key in enumerate(keys):
            groups.setdefault(key, []).append(row)
        self.groups = [np.array(rows, dtype=np.int64) for rows in groups.values()]
        self.n_rows = sum(len(rows) for rows in self.groups)
        self.size = min(batch_size, self.n_rows)
        self.seed, self.near = seed, near
        stands = np.fromiter(places, dtype=np.float64)
        self.in_order = [rows[np.argsort(stands[rows], kind="stable")] if len(stands) else rows for rows in self.groups]
        self.per_pass = len(self._cut(self.groups))
        self._pass_of = lru_cache(maxsize=2)(self._shuffled)

    def rows_at(self, step: int) -> Rows:
        """The rows of the batch of a step, counted from 0."""
        return self._pass_of(step // self.per_pass)[step % self.per_pass]

    def _shuffled(self, number: int) -> list[Rows]:
        rng = np.random.default_rng([self.seed, number])
        if rng.random() < self.near:
            batches = self._cut([self._nearly(rows, rng) for rows in self.in_order], rng)
        else:
            batches = self._cut([rng.permutation(rows) for rows in self.groups], rng)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _nearly(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """In order of place, from a random one on, each row moved by up to a batch."""
        moved = np.roll(np.arange(len(rows)), rng.integers(len(rows))) + rng.uniform(0, self.size, len(rows))
        return rows[np.argsort(moved, kind="stable")]

    def _cut(self, groups: Sequence[Rows], rng: np.random.Generator | None = None) -> list[Rows]:
        whole = [rows[i : i + self.size] for rows in groups for i in range(0, len(rows) - self.size + 1, self.size)]
        rest = np.concatenate([rows[len(rows) - len(rows) % self.size :] for rows in groups])
        rest = rest if rng is None else rng.permutation(rest)
        return whole + [rest[i : i + self.size] for i in range(0, len(rest) - self.size + 1, self.size)]


def generator_at(step: int, *, seed: int, purpose: int) -> np.random.Generator:
    """A random stream of its own for each step and purpose."""
    return np.random.default_rng([seed, purpose, step])
