"""Which rows make which batch: a function of seed and step alone, so a resumed run sees the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows_at(step: int, *, n_rows: int, batch_size: int, seed: int) -> NDArray[np.int64]:
    """Rows of the batch of a step: each pass is a fresh permutation, its last incomplete batch is left out.

    >>> sorted(int(i) for s in (0, 1) for i in rows_at(s, n_rows=4, batch_size=2, seed=0))
    [0, 1, 2, 3]
    """
    size = min(batch_size, n_rows)
    per_pass = n_rows // size
    order = np.random.default_rng([seed, step // per_pass]).permutation(n_rows)
    begin = step % per_pass * size
    return order[begin : begin + size]


def generator_at(step: int, *, seed: int, purpose: int) -> np.random.Generator:
    """A random stream of its own for each step and purpose."""
    return np.random.default_rng([seed, purpose, step])
