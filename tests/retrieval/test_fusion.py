"""Reciprocal rank fusion against the sum written out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.retrieval.fusion import fuse

RANKING = st.lists(st.integers(0, 12), unique=True, max_size=9)


def slow(first, second, silent, k):
    """Exactly, one window at a time."""
    sums = {}
    for rank, window in enumerate(first, start=1):
        sums[window] = Fraction(2 if window in silent else 1, 60 + rank)
    for rank, window in enumerate(second, start=1):
        sums[window] = sums.get(window, 0) + Fraction(1, 60 + rank)

    def order(window):
        return (-sums[window], *(list(r).index(window) if window in r else 99 for r in (first, second)))

    best = sorted(sums, key=order)[:k]
    return best, [float(sums[window] * 61 / 2) for window in best]


def fused(first, second, *, silent=(), k=100):
    given = [np.array(ranking, np.int64) for ranking in (first, second)]
    found, scores = fuse(*given, silent=np.isin(given[0], list(silent)), k=k)
    return found.tolist(), scores.tolist()


@pytest.mark.slow
@settings(deadline=None)
@given(RANKING, RANKING, st.sets(st.integers(0, 12)), st.integers(1, 15))
def test_it_is_the_sum_of_reciprocal_ranks(first, second, silent, k):
    silent -= set(second)
    found, scores = fused(first, second, silent=silent, k=k)
    expected, sums = slow(first, second, silent, k)
    assert found == expected
    assert scores == pytest.approx(sums, abs=1e-6)


def test_by_hand():
    found, scores = fused([4, 5, 6], [6, 5, 9])
    # 6: 1/63 + 1/61, 5: 2/62; 4: 1/61 before 9: 1/63; each of 2/61
    assert found == [6, 5, 4, 9]
    assert scores == [0.984127, 0.983871, 0.5, 0.484127]
    assert fused([3], [3]) == ([3], [1.0]) and fused([], []) == ([], [])


def test_a_window_that_the_second_knows_nothing_of_is_not_crowded_out():
    assert fused([1, 2, 3], [3, 2], silent=[1]) == ([1, 3, 2], [1.0, 0.984127, 0.983871])
    assert fused([1, 2, 3], [3, 2])[0] == [3, 2, 1]


def test_equal_sums_keep_the_order_of_the_first_ranking():
    assert fused([1, 2], [2, 1])[0] == [1, 2]
    assert fused([9], [1])[0] == [9, 1]
