"""Metrics against values by hand, a slow loop over every order of the ties, and closed forms."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.errors import DataError
from tracets.metrics import (
    bootstrap,
    chance_first,
    default_block,
    expected_rank,
    first_relevant,
    hit_rate,
    macro_mean,
    paired_bootstrap,
    precision,
    reciprocal_rank,
    resamples,
    same_key,
)

EYE = np.eye(4, dtype=bool)
# The pair of row 0 ranks 1st, of row 1 2nd, of row 2 4th, of row 3 shares 1st place with one other.
SCORES = np.array([[9, 1, 2, 3], [5, 4, 3, 2], [3, 2, 1, 4], [1, 7, 2, 7]], dtype=np.float32)


def test_pairs_by_hand():
    first = first_relevant(SCORES, EYE)
    assert expected_rank(first).tolist() == [1, 2, 4, 1.5]
    assert hit_rate(first, 1).tolist() == [1, 0, 0, 0.5]
    assert hit_rate(first, 2).tolist() == [1, 1, 0, 1]
    assert hit_rate(first, 4).tolist() == [1, 1, 1, 1]
    assert reciprocal_rank(first).tolist() == [1, 0.5, 0.25, 0.75]


def test_labels_by_hand():
    relevant = same_key(list("aabb"), list("aabb"))
    assert precision(SCORES, relevant, 1).tolist() == [1, 1, 1, 0.5]  # row 3: "a" and "b" share the top
    assert precision(SCORES, relevant, 2).tolist() == [0.5, 1, 0.5, 0.5]
    assert macro_mean(np.array([1, 1, 1, 0.0]), np.array(list("aaab"))) == 0.5


def test_self_is_no_part_of_the_pool():
    relevant = same_key(list("aabb"), list("aabb"))
    first = first_relevant(SCORES, relevant, excluded=EYE)
    assert expected_rank(first).tolist() == [3, 1, 1, 2]
    assert precision(SCORES, relevant, 1, excluded=EYE).tolist() == [0, 1, 1, 0]
    assert precision(SCORES, relevant, 99, excluded=EYE) == pytest.approx([1 / 3] * 4)  # all that the pool has


def test_identical_texts_are_relevant_to_each_other():
    relevant = same_key(["rain", "sun", "rain"], ["rain", "sun", "rain"])
    scores = np.array([[1, 2, 3], [1, 3, 2], [2, 1, 0]])  # row 0 prefers its twin, row 2 too
    assert expected_rank(first_relevant(scores, relevant)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("n", [1, 2, 4, 37])
def test_constant_score_gives_chance_and_not_one(n):
    first = first_relevant(np.zeros((n, n)), np.eye(n, dtype=bool))
    for k in (1, 5, 10):
        assert hit_rate(first, k) == pytest.approx(min(k, n) / n)
    assert reciprocal_rank(first) == pytest.approx(sum(1 / i for i in range(1, n + 1)) / n)
    assert expected_rank(first) == pytest.approx((n + 1) / 2)


def test_chance_of_labels_follows_the_class_shares():
    labels = list("aaabbc")
    relevant = same_key(labels, labels)
    share = np.array([3, 3, 3, 2, 2, 1]) / 6
    for k in (1, 5):
        assert precision(np.zeros((6, 6)), relevant, k) == pytest.approx(share)
    constant = first_relevant(np.zeros((6, 6)), relevant)
    chance = chance_first(6, relevant.sum(1))
    assert reciprocal_rank(constant) == pytest.approx(reciprocal_rank(chance))
    assert hit_rate(chance, 1) == pytest.approx(share)


def brute_force(scores, relevant, excluded, k):
    """Mean over every order of the pool, sorted stably by score: (hit, reciprocal rank, rank, share relevant) a row."""
    out = []
    for row in range(len(scores)):
        pool = [i for i in range(scores.shape[1]) if not excluded[row, i]]
        seen = []
        for order in itertools.permutations(pool):
            ranked = sorted(order, key=lambda i: -scores[row, i])
            places = [p for p, i in enumerate(ranked, 1) if relevant[row, i]]
            top = ranked[:k]
            seen.append((places[0] <= k, 1 / places[0], places[0], sum(relevant[row, i] for i in top) / len(top)))
        out.append(np.mean(seen, axis=0))
    return np.array(out)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 6))
def test_agrees_with_every_order_of_the_ties(seed, k):
    rng = np.random.default_rng(seed)
    scores = rng.choice([-np.inf, 0.0, 0.5, 1.0], size=(3, 5))  # few values, so many ties
    relevant = rng.random((3, 5)) < 0.5
    excluded = rng.random((3, 5)) < 0.2
    relevant[:, 0], excluded[:, 0] = True, False
    slow = brute_force(scores, relevant & ~excluded, excluded, k)
    first = first_relevant(scores, relevant, excluded=excluded)
    assert hit_rate(first, k) == pytest.approx(slow[:, 0])
    assert reciprocal_rank(first) == pytest.approx(slow[:, 1])
    assert expected_rank(first) == pytest.approx(slow[:, 2])
    assert precision(scores, relevant, k, excluded=excluded) == pytest.approx(slow[:, 3])


def test_order_of_the_pool_does_not_matter():
    rng = np.random.default_rng(0)
    scores, relevant = rng.integers(0, 3, (6, 9)).astype(float), rng.random((6, 9)) < 0.3
    relevant[:, 0] = True
    shuffle = rng.permutation(9)
    a, b = first_relevant(scores, relevant), first_relevant(scores[:, shuffle], relevant[:, shuffle])
    assert reciprocal_rank(a).tolist() == reciprocal_rank(b).tolist()
    assert precision(scores, relevant, 4) == pytest.approx(precision(scores[:, shuffle], relevant[:, shuffle], 4))


def test_reciprocal_rank_agrees_with_scikit_learn():
    ranking = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    scores = rng.random((20, 30))
    relevant = np.zeros((20, 30), bool)
    relevant[np.arange(20), rng.integers(0, 30, 20)] = True
    theirs = ranking.label_ranking_average_precision_score(relevant, scores)  # = MRR with one relevant item
    assert reciprocal_rank(first_relevant(scores, relevant)).mean() == pytest.approx(theirs)


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="query 1 has no relevant item"):
        first_relevant(np.zeros((2, 2)), np.array([[True, False], [False, False]]))
    with pytest.raises(DataError, match="query 0 with item 1 is NaN"):
        precision(np.array([[0, np.nan]]), np.array([[True, False]]), 1)
    with pytest.raises(DataError, match=r"got \(2, 3\), \(2, 2\)"):
        first_relevant(np.zeros((2, 3)), np.ones((2, 2), bool))
    with pytest.raises(DataError, match="query 0 has an empty pool"):
        precision(np.zeros((1, 2)), np.ones((1, 2), bool), 1, excluded=np.ones((1, 2), bool))
    with pytest.raises(ValueError, match="k >= 1, got 0"):
        hit_rate(chance_first(3, 1), 0)
    with pytest.raises(DataError, match="1 <= n_relevant <= n_items, got 4 of 3"):
        chance_first(3, 4)


def test_resamples_are_seeded_blocks_that_wrap():
    rows = list(resamples(10, n_boot=300, seed=3, block=4))
    assert np.array_equal(rows[0], list(resamples(10, n_boot=1, seed=3, block=4))[0])
    assert not np.array_equal(rows[0], next(resamples(10, n_boot=1, seed=4, block=4)))
    for draw in rows:
        assert len(draw) == 10
        steps = np.diff(draw) % 10
        assert (np.delete(steps, [3, 7]) == 1).all()  # neighbours stay together inside a block
    counts = np.bincount(np.concatenate(rows), minlength=10) / 300
    assert counts == pytest.approx(np.ones(10), abs=0.2)  # every row is drawn equally often
    with pytest.raises(ValueError, match="block=5"):
        next(resamples(4, n_boot=1, seed=0, block=5))


def test_interval_of_independent_rows_agrees_with_the_normal_one():
    values = np.random.default_rng(0).random(400)
    found = bootstrap(lambda rows: float(values[rows].mean()), 400, n_boot=2000, seed=0, block=1)
    half = 1.96 * values.std() / math.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert [found.low, found.high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.004)


def test_blocks_widen_the_interval_where_neighbours_agree():
    values = np.repeat(np.random.default_rng(0).random(40), 10)

    def width(block):
        found = bootstrap(lambda rows: float(values[rows].mean()), 400, n_boot=500, seed=0, block=block)
        return found.high - found.low

    assert width(20) > 2.5 * width(1)


def test_paired_difference_cancels_what_both_find_hard():
    rng = np.random.default_rng(0)
    hard = rng.random(300)
    gap = paired_bootstrap(hard + 0.01 + 0.01 * rng.random(300), hard, n_boot=300, seed=0)
    assert gap.value == pytest.approx(0.015, abs=0.001)
    assert 0.013 < gap.low < gap.value < gap.high < 0.017
    same = paired_bootstrap(hard, hard, n_boot=50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="one shape"):
        paired_bootstrap(hard, hard[:5])


@pytest.mark.parametrize(
    ("n", "overlap", "block"), [(1000, 1, 10), (1000, 25, 25), (1000, 999, 100), (3, 99, 1), (1, 1, 1)]
)
def test_default_block(n, overlap, block):
    assert default_block(n, overlap=overlap) == block
