"""The k best of many stored items by their exact scores, without making every exact score.

1. score all by vectors in one byte a number  2. keep whatever could be among the k best, given how far such a score can
be off  3. score these by the vectors as they are stored. What is left out is proven to be worse: no recall is lost.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracets.retrieval.scores import IntArray

DECIMALS = 6
"""Scores are rounded to this many decimals: float noise of the matrix product must not decide between equal items."""

NOISE = 4e-6
"""What rounding and the order of sums may move a score by, beside the error of the vectors."""

AT_ONCE = 1024
"""Items that are copied out of the stored ones at a time."""

SPARSE = 8
"""Fewer than one item in so many: they are copied out and scored alone, instead of all."""


class Score(Protocol):
    """Scores of the stored items `which`, of all where it is None: (n,)."""

    def __call__(self, which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]: ...


def nearest(score: Score, items: IntArray, *, n: int, k: int, residual: float) -> tuple[IntArray, NDArray[np.float64]]:
    """The k best of some stored items, best first, and their scores, rounded; ties keep the order of `items`.

    Parameters
    ----------
    items : ndarray of int
        Places among the n stored items, rising.
    residual : float
        A coarse score is off by at most this much.
    """
    near = items if len(items) <= max(k, AT_ONCE) else _near(score, items, n=n, k=k, margin=2 * residual + NOISE)
    exact = _by_parts(score, near, coarse=False).round(DECIMALS)
    order = np.argsort(-exact, kind="stable")[:k]
    return near[order], exact[order]


def _near(score: Score, items: IntArray, *, n: int, k: int, margin: float) -> IntArray:
    """The items whose coarse score lies less than `margin` below the k-th best one."""
    sparse = len(items) * SPARSE <= n
    rough = _by_parts(score, items, coarse=True) if sparse else score(None, coarse=True)[items]
    least = np.partition(rough, len(items) - k)[len(items) - k]
    return items[rough >= least - margin]


def _by_parts(score: Score, items: IntArray, *, coarse: bool) -> NDArray[np.float64]:
    parts = [score(items[lo : lo + AT_ONCE], coarse=coarse) for lo in range(0, len(items), AT_ONCE)]
    return np.concatenate([np.zeros(0), *parts])
