"""Short patterns against a plain loop and by hand."""

import itertools

import numpy as np
import pytest
import torch

from tracets.nn.patterns import (
    LENGTH,
    PER_KERNEL,
    WEIGHTS,
    answer,
    dilations,
    filled,
    occurrence,
    thresholds,
)


def plain(x, weights, step):
    """The answer of one kernel at every step, written out; the ends are continued by their values."""
    out = []
    for t in range(len(x)):
        places = [min(max(t + (i - LENGTH // 2) * step, 0), len(x) - 1) for i in range(LENGTH)]
        out.append(sum(w * x[p] for w, p in zip(weights, places, strict=True)))
    return out


def test_the_kernels_are_all_choices_of_three_places_and_sum_to_nothing():
    assert WEIGHTS.shape == (84, 9) and (WEIGHTS.sum(1) == 0).all()
    assert {tuple(np.flatnonzero(w == 2)) for w in WEIGHTS} == set(itertools.combinations(range(9), 3))


@pytest.mark.parametrize(("length", "step"), [(20, 1), (20, 2), (3, 1), (1, 4)])
def test_answers_are_those_of_the_plain_loop(length, step):
    x = np.random.default_rng(0).normal(size=(2, length)).astype(np.float32)
    found = answer(torch.from_numpy(x), step).numpy()
    for row, kernel in itertools.product(range(2), (0, 41, 83)):
        np.testing.assert_allclose(found[row, kernel], plain(x[row], WEIGHTS[kernel], step), atol=1e-5)


def test_a_level_changes_nothing_and_a_scale_scales():
    x = torch.randn(1, 30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(answer(x + 5, 1), answer(x, 1), atol=1e-4, rtol=0)
    torch.testing.assert_close(answer(3 * x, 1), 3 * answer(x, 1))


def test_shares_of_steps_above_each_threshold():
    x = torch.randn(3, 25, generator=torch.Generator().manual_seed(1))
    bounds = torch.randn(2, 84, 4, generator=torch.Generator().manual_seed(2))
    found = occurrence(x, [1, 3], bounds).reshape(3, 2, 84, 4)
    for k, step in enumerate([1, 3]):
        for kernel in (0, 50):
            said = np.array([plain(row.tolist(), WEIGHTS[kernel], step) for row in x])
            expected = (said[:, :, None] > bounds[k, kernel].numpy()).mean(1)
            np.testing.assert_allclose(found[:, k, kernel], expected, atol=1e-6)


def test_thresholds_are_quantiles_of_answers_on_training_windows():
    x = np.random.default_rng(0).normal(size=(1, 40)).astype(np.float32)
    found = thresholds(x, [1, 2], each=3, seed=0)
    assert found.shape == (2, 84, 3)
    golden = (np.sqrt(5) + 1) / 2
    for k, step in enumerate([1, 2]):
        said = answer(torch.from_numpy(x), step).numpy()[0, 7]
        places = (np.arange((k * 84 + 7) * 3, (k * 84 + 8) * 3) + 1) * golden % 1
        np.testing.assert_allclose(found[k, 7], np.quantile(said, places), rtol=1e-5, atol=1e-6)
    many = np.random.default_rng(1).normal(size=(50, 40)).astype(np.float32)
    one, two, other = (thresholds(many, [1], each=2, seed=seed) for seed in (0, 0, 1))
    assert (one == two).all() and (one != other).any()


def test_dilations_fit_into_the_window_and_features_stay_as_many():
    assert dilations(65, 1, 100) == ([1, 2, 3, 4, 5, 6, 8], 17)
    assert dilations(65, 60, 100) == ([1], 1)
    assert dilations(65, 1, 1_000_000) == ([1, 2, 8], 1)
    for length, channels in itertools.product((1, 8, 9, 17, 1000), (1, 7, 40, 200)):
        steps, each = dilations(length, channels, 1000)
        assert steps[0] == 1 and steps == sorted(set(steps))
        assert steps[-1] * (LENGTH - 1) <= max(length - 1, LENGTH - 1)
        assert channels * len(steps) * each <= max(PER_KERNEL, channels)


def test_gaps_are_filled_by_straight_lines():
    nan = np.nan
    found = filled(np.array([[nan, 1, nan, 3, nan], [nan] * 5, [1e30, 0, 0, 0, 0]]))
    np.testing.assert_allclose(found, [[1, 1, 2, 3, 3], [0] * 5, [1e17, 0, 0, 0, 0]], rtol=1e-6)
