"""Ridge regressions against normal equations by hand and scikit-learn, and groups against fits of their own."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tracets.forecast.pasts import past_rows
from tracets.forecast.ridge import (
    CLIP,
    FEWEST_IN_GROUP,
    NEAR,
    Groups,
    Material,
    Problem,
    Standard,
    Sums,
    VectorParts,
    nearest,
    ridge,
)
from tracets.forecast.scaling import Scaling
from tracets.types import Sample

RNG = np.random.default_rng(0)


def material(n=120, t=16, h=4, parts=None):
    values = RNG.normal(size=(n, t + h)).cumsum(1)
    samples = [
        Sample(str(i), v[None, :t], ("a",), start=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=i), freq="h")
        for i, v in enumerate(values)
    ]
    rows = past_rows(samples, context=t, cycles=("day",))
    return Material(rows, values[:, t:], parts, np.arange(n), ())


@pytest.fixture(scope="module")
def problem():
    return Problem.of(material(), Scaling(None, "last", 0.3), recent=8, reads=("recent", "level", "calendar"))


def test_the_map_is_that_of_scikit_learn():
    features, targets = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 3))
    own = ridge(features.T @ features / 50, features.T @ targets / 50, np.full(6, 0.2))
    theirs = Ridge(alpha=10.0, fit_intercept=False).fit(features, targets).coef_.T
    np.testing.assert_allclose(own, theirs)


def test_features_come_in_blocks(problem):
    assert {name: b.stop - b.start for name, b in problem.blocks.items()} == {
        "recent": 8 - 8 // NEAR, "near": 8 // NEAR, "level": 6, "calendar": 6,
    }  # fmt: skip
    assert (problem.features[:, -1] == 1).all()
    np.testing.assert_array_equal(problem.features[:, :8], problem.scaled.z[:, -8:])


def test_each_block_has_its_penalty_and_the_offset_none(problem):
    penalty = problem.penalty({"recent": 1.0, "near": 2.0, "level": 3.0, "calendar": 4.0})
    assert penalty[[0, 7, 8, 14]].tolist() == [1, 2, 3, 4] and penalty[-1] < 1e-6


def test_without_a_penalty_the_mean_error_is_zero_and_with_a_large_one_only_the_offset_is_left(problem):
    rows = np.arange(120)
    for size in (1e-6, 1e9):
        maps = problem.fit(rows, problem.penalty(dict.fromkeys(problem.blocks, size)), None)
        off = problem.targets - problem.predict(rows, maps, None)
        np.testing.assert_allclose(off.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(maps[0, :-1], 0, atol=1e-6)
    np.testing.assert_allclose(maps[0, -1], problem.targets.mean(0), atol=1e-6)


def test_sums_can_be_taken_apart(problem):
    first, second = np.arange(50), np.arange(50, 120)
    rest = problem.sums(np.arange(120)) - problem.sums(first)
    alone = problem.sums(second)
    assert rest.n == alone.n == 70
    np.testing.assert_allclose(rest.square, alone.square, atol=1e-8)
    np.testing.assert_allclose(rest.product, alone.product, atol=1e-8)


def test_groups_have_maps_of_their_own_and_small_ones_the_common_one(problem):
    of_row = np.zeros(120, np.int64)
    of_row[: FEWEST_IN_GROUP - 1] = 1
    groups, rows = Groups(of_row, 2), np.arange(120)
    penalty = problem.penalty(dict.fromkeys(problem.blocks, 0.1))
    maps = problem.fit(rows, penalty, groups)
    alone = problem.fit(np.flatnonzero(of_row == 0), penalty, None)[0]
    common = problem.fit(rows, penalty, None)[0]
    np.testing.assert_allclose(maps, [alone, common])
    predicted = problem.predict(rows, maps, groups)
    np.testing.assert_allclose(predicted[of_row == 1], problem.features[of_row == 1] @ common)
    np.testing.assert_allclose(predicted[of_row == 0], problem.features[of_row == 0] @ alone)


def test_the_nearest_centre_by_brute_force():
    parts, centres = RNG.normal(size=(40, 3)), RNG.normal(size=(5, 3))
    slow = np.linalg.norm(parts[:, None] - centres, axis=2).argmin(1)
    np.testing.assert_array_equal(nearest(parts, centres), slow)


def test_parts_of_vectors_are_uncorrelated_and_of_spread_one():
    vectors = (RNG.normal(size=(500, 3)) @ RNG.normal(size=(3, 20)) + 7).astype(np.float32)
    told = VectorParts.of(vectors)(vectors)
    assert told.shape == (500, 3)  # there are no more directions
    np.testing.assert_allclose(told.T @ told / 500, np.eye(3), atol=0.05)


def test_alike_vectors_have_no_parts():
    assert VectorParts.of(np.ones((30, 4), np.float32))(np.ones((2, 4), np.float32)).shape == (2, 0)


def test_standards_cut_what_is_far_out_and_leave_constants_at_zero():
    features = np.stack([np.arange(10.0), np.full(10, 3.0)], 1)
    standard = Standard.of(features)
    assert np.allclose(standard(features).mean(0), 0) and np.allclose(standard(features).std(0), [1, 0])
    assert standard(np.array([[1e9, 3.0]])).tolist() == [[CLIP, 0]]


def test_a_mean_of_no_rows_is_not_asked_for():
    empty = Sums(0, np.zeros((2, 2)), np.zeros((2, 1)))
    full = Sums(60, np.eye(2) * 60, np.ones((2, 1)) * 60)
    from tracets.forecast.ridge import maps_of

    np.testing.assert_allclose(maps_of([empty, full], np.zeros(2)), np.ones((2, 2, 1)))
