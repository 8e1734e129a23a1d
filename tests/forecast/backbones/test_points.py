"""Quantiles for models that say one number a step, with models of one line."""

import numpy as np
import pytest

from tracets.forecast.backbones.points import with_spread
from tracets.forecast.backbones.rows import Rows, last_known
from tracets.types import LEVELS


def rows(*values):
    table = np.array(values, np.float32)
    return Rows(table, np.arange(len(table)), (None,) * len(table))


def last(given, horizon):
    return np.repeat(last_known(given.values.astype(float))[:, None], horizon, 1).astype(np.float32)


def test_errors_of_two_earlier_ends():
    values = np.random.default_rng(0).normal(size=60)
    found = with_spread(last)(rows(values), 10)
    values = values.astype(np.float32)
    errors = [values[end + i] - values[end - 1] for end in (50, 40) for i in range(10)]
    expected = values[-1] + np.quantile(errors, LEVELS) - np.median(errors)
    assert found.shape == (1, 9, 10)
    assert all(found[0, :, i].tolist() == pytest.approx(expected.tolist(), abs=1e-5) for i in (0, 9))


def test_steps_where_errors_are_few():
    values = np.array([0, 3, 1, 4, 2, np.nan])
    found = with_spread(last)(rows(values), 5)
    expected = np.quantile([3, -2, 3, -2], LEVELS) - 0.5
    assert found[0, :, 3].tolist() == pytest.approx((2 + 2 * expected).tolist(), abs=1e-5)


def test_a_row_that_told_nothing_yet_is_not_asked():
    asked = []

    def look(given, horizon):
        asked.append(given.values.shape)
        return last(given, horizon)

    early, late = np.arange(20.0), np.full(20, np.nan)
    late[15:] = [1, 2, 1, 2, 1]
    with_spread(look)(rows(early, late), 4)
    assert asked == [(2, 20), (1, 16), (1, 12)]
    asked.clear()
    with_spread(look, fewest=17)(rows(early), 4)
    assert asked == [(1, 20)]
