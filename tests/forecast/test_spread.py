"""Quantiles of errors: of known distributions, and spreads that depend on what is told, or do not."""

import numpy as np
import pytest
from scipy.stats import norm

from tracets.forecast.spread import fit_spread
from tracets.types import LEVELS

N = 6000
NONE = np.zeros(N, bool)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def val(share=0.3):
    return np.arange(N) >= (1 - share) * N


def test_quantiles_are_those_of_the_errors(rng):
    scale = np.array([1.0, 2.0, 4.0])
    table, spread = fit_spread(rng.normal(size=(N, 3)) * scale, rng.normal(size=(N, 2)), val())
    np.testing.assert_allclose(table, norm.ppf(LEVELS)[:, None] * scale, rtol=0.1, atol=0.1)
    np.testing.assert_allclose(spread, 0, atol=0.05)


def test_wide_windows_are_told_from_narrow_ones(rng):
    told = rng.normal(size=(N, 2))
    errors = rng.normal(size=(N, 4)) * np.exp(0.5 * told[:, :1])
    table, spread = fit_spread(errors, told, val())
    np.testing.assert_allclose(spread, [0.5, 0], atol=0.06)
    np.testing.assert_allclose(table[-1], norm.ppf(0.9), rtol=0.1)


def test_a_dependence_that_does_not_last_is_left_out(rng):
    told = rng.normal(size=(N, 2))
    turned = np.where(val(), -1, 1)[:, None]
    errors = rng.normal(size=(N, 4)) * np.exp(0.5 * turned * told[:, :1])
    assert not fit_spread(errors, told, val())[1].any()


def test_a_bias_that_does_not_last_is_left_out(rng):
    errors = rng.normal(size=(N, 3)) + np.where(val(), -1.0, 1.0)[:, None]
    table, _ = fit_spread(errors, np.zeros((N, 1)), val())
    assert not table[LEVELS.index(0.5)].any()
    lasting = rng.normal(size=(N, 3)) + 1.0
    np.testing.assert_allclose(fit_spread(lasting, np.zeros((N, 1)), val())[0][LEVELS.index(0.5)], 1, atol=0.1)


def test_gaps_and_steps_without_a_value(rng):
    errors = rng.normal(size=(N, 3))
    errors[rng.random((N, 3)) < 0.5] = np.nan
    errors[:, 2] = np.nan
    for chosen_by in (NONE, val()):
        table, spread = fit_spread(errors, rng.normal(size=(N, 1)), chosen_by)
        assert np.isfinite(table).all() and np.isfinite(spread).all()
        assert not table[:, 2].any() and table[-1, 0] == pytest.approx(norm.ppf(0.9), abs=0.1)


def test_neighbouring_steps_of_a_long_horizon_lend_each_other_errors(rng):
    """Of 24 steps each takes those two steps away at most: noise of few windows is smoothed."""
    table, _ = fit_spread(rng.normal(size=(40, 24)), np.zeros((40, 0)), np.zeros(40, bool))
    alone = np.quantile(rng.normal(size=(40, 24)), LEVELS, axis=0)
    assert np.diff(table, axis=1).std() < 0.5 * np.diff(alone, axis=1).std()
    assert (np.diff(table, axis=0) >= 0).all()
