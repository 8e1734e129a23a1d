"""Reciprocal rank fusion against the sum written out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.retrieval.fusion import fuse

RANKING = st.lists(st.integers(0, 12), unique=True, max_size=9)


def slow(rankings, k):
    """Exactly, one window at a time."""
    sums = {}
    for ranking in rankings:
        for rank, window in enumerate(ranking, start=1):
            sums[window] = sums.get(window, 0) + Fraction(1, 60 + rank)

    def order(window):
        return (-sums[window], *(list(r).index(window) if window in r else 99 for r in rankings))

    best = sorted(sums, key=order)[:k]
    return best, [float(sums[window] * 61 / len(rankings)) for window in best]


@given(st.lists(RANKING, min_size=1, max_size=3), st.integers(1, 15))
def test_it_is_the_sum_of_reciprocal_ranks(rankings, k):
    found, scores = fuse([np.array(r, np.int64) for r in rankings], k=k)
    expected, sums = slow(rankings, k)
    assert found.tolist() == expected
    assert scores.tolist() == pytest.approx(sums, abs=1e-6)


def test_by_hand():
    found, scores = fuse([np.array([4, 5, 6]), np.array([6, 5, 9])], k=10)
    # 6: 1/63 + 1/61, 5: 2/62; 4: 1/61 before 9: 1/63; each of 2/61
    assert found.tolist() == [6, 5, 4, 9]
    assert scores.tolist() == [0.984127, 0.983871, 0.5, 0.484127]
    assert fuse([np.array([3]), np.array([3])], k=1)[1].tolist() == [1.0]
    assert fuse([np.zeros(0, np.int64)] * 2, k=3)[0].tolist() == []


def test_equal_sums_keep_the_order_of_the_first_ranking():
    assert fuse([np.array([1, 2]), np.array([2, 1])], k=2)[0].tolist() == [1, 2]
    assert fuse([np.array([9]), np.array([1])], k=2)[0].tolist() == [9, 1]
