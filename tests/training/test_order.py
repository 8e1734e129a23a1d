"""Batches as a function of seed and step: every row once a pass, of one kind where there are enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.training.order import BatchOrder, generator_at


def a_pass(order, number=0):
    return [order.rows_at(number * order.per_pass + i).tolist() for i in range(order.per_pass)]


@given(st.text("abc", min_size=1, max_size=40), st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]))
def test_each_pass_holds_every_row_once_but_for_an_incomplete_batch(keys, size, near):
    order = BatchOrder(keys, batch_size=size, seed=0, places=range(len(keys)), near=near)
    size = min(size, len(keys))
    for number in (0, 1, 5):
        batches = a_pass(order, number)
        rows = [row for batch in batches for row in batch]
        assert len(set(rows)) == len(rows) == size * (len(keys) // size)
        assert {len(b) for b in batches} == {size} and set(rows) <= set(range(len(keys)))


@given(st.text("abc", min_size=1, max_size=40), st.integers(1, 9))
def test_as_many_batches_as_can_be_are_of_one_kind(keys, size):
    order = BatchOrder(keys, batch_size=size, seed=3)
    size = min(size, len(keys))
    pure = sum(len({keys[i] for i in batch}) == 1 for batch in a_pass(order))
    assert pure >= sum(keys.count(k) // size for k in "abc")


def test_passes_differ_and_depend_on_the_seed_alone():
    order, again = (BatchOrder("a" * 20, batch_size=4, seed=7) for _ in range(2))
    assert a_pass(order, 3) == a_pass(again, 3), "asked out of order"
    assert a_pass(order, 0) == a_pass(again, 0)
    assert a_pass(order, 0) != a_pass(order, 1)
    assert a_pass(BatchOrder("a" * 20, batch_size=4, seed=8)) != a_pass(order)


def test_over_passes_every_row_meets_every_other():
    order, met = BatchOrder("a" * 8, batch_size=4, seed=0), np.zeros((8, 8), int)
    for number in range(40):
        for batch in a_pass(order, number):
            met[np.ix_(batch, batch)] += 1
    assert met.min() > 5


def test_rows_left_over_over_passes_are_not_always_the_same():
    order = BatchOrder("a" * 5, batch_size=4, seed=0)
    left = {(set(range(5)) - set(order.rows_at(step).tolist())).pop() for step in range(40)}
    assert left == set(range(5))


def spread(order, places, number):
    return float(np.mean([np.ptp([places[i] for i in batch]) for batch in a_pass(order, number)]))


def test_near_passes_hold_rows_that_lie_close_together():
    places = np.random.default_rng(0).permutation(400)
    near, far, half = (BatchOrder("a" * 400, batch_size=10, seed=0, places=places, near=n) for n in (1.0, 0.0, 0.5))
    assert max(spread(near, places, k) for k in range(10)) < 60
    assert min(spread(far, places, k) for k in range(10)) > 250
    close = sum(spread(half, places, k) < 150 for k in range(100))
    assert 30 < close < 70


def test_near_batches_change_from_pass_to_pass():
    order = BatchOrder("a" * 40, batch_size=4, seed=0, places=range(40), near=1.0)
    assert {frozenset(b) for b in a_pass(order, 0)}.isdisjoint({frozenset(b) for b in a_pass(order, 1)})


def test_fewer_rows_than_a_batch_make_one_batch():
    order = BatchOrder("ab", batch_size=96, seed=0)
    assert order.per_pass == 1 and sorted(order.rows_at(11).tolist()) == [0, 1]


def test_every_step_and_purpose_has_its_own_stream():
    def draw(step, purpose, seed=0):
        return generator_at(step, seed=seed, purpose=purpose).integers(2**31)

    draws = [draw(s, p, seed) for s in range(5) for p in range(3) for seed in range(2)]
    assert len(set(draws)) == 30 and draw(3, 1) == draw(3, 1)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_rows_are_indices(size):
    rows = BatchOrder("aabba", batch_size=size, seed=0).rows_at(0)
    assert rows.dtype == np.int64 and rows.shape == (size,)
