"""By hand, and against a plain loop."""

import numpy as np
import pytest

from tracets.forecast.backbones import load_backbone
from tracets.types import LEVELS, Sample


@pytest.mark.parametrize("name", ["seasonal-naive", "last-value"])
def test_the_contract(name, keeps_contract):
    backbone = load_backbone(name)
    assert backbone.name == name
    keeps_contract(backbone, horizon=30)


def test_the_last_week_again():
    values = np.arange(21.0)
    (forecast,) = load_backbone("seasonal-naive").forecast([Sample("w", values[None], ("x",), freq="D")], 9)
    assert forecast.mean.tolist() == [[14, 15, 16, 17, 18, 19, 20, 14, 15]]
    assert (np.ptp(forecast.quantiles, 0) == 0).all(), "each week was 7 above the one before, without exception"


def test_a_window_of_one_season_is_repeated_and_a_shorter_one_is_not():
    days = Sample("w", np.arange(7.0)[None], ("x",), freq="D")
    fewer = Sample("f", np.arange(6.0)[None], ("x",), freq="D")
    whole, short = load_backbone("seasonal-naive").forecast([days, fewer], 8)
    assert whole.mean.tolist() == [[0, 1, 2, 3, 4, 5, 6, 0]] and short.mean.tolist() == [[5] * 8]


def test_a_missing_step_takes_the_last_of_its_weekday():
    values = np.arange(21.0)
    values[[15, 8, 1, 20]] = np.nan  # no second day at all; the last day is known from the week before
    (forecast,) = load_backbone("seasonal-naive").forecast([Sample("w", values[None], ("x",), freq="D")], 7)
    assert forecast.mean.tolist() == [[14, 19, 16, 17, 18, 19, 13]]


def test_windows_without_a_season_end_in_their_last_value():
    short = Sample("w", np.array([[1.0, 5.0, np.nan]]), ("x",), freq="h")
    unknown = Sample("u", np.array([[1.0, 5.0, 4.0]]), ("x",), freq="15min")
    found = load_backbone("seasonal-naive").forecast([short, unknown], 2)
    assert [f.mean.tolist() for f in found] == [[[5, 5]], [[4, 4]]]


@pytest.mark.parametrize(("name", "season"), [("seasonal-naive", 24), ("last-value", 1)])
def test_quantiles_are_those_of_the_differences(name, season):
    rng = np.random.default_rng(3)
    values = rng.normal(size=100).cumsum()
    (forecast,) = load_backbone(name).forecast([Sample("w", values[None], ("x",), freq="h")], 50)
    values = values.astype(np.float32).astype(float)
    differences = sorted(values[i] - values[i - season] for i in range(season, 100))
    for step in (0, 23, 24, 49):
        wider = (step // season + 1) ** 0.5
        for level in (0, 8):
            expected = (np.quantile(differences, LEVELS[level]) - np.median(differences)) * wider
            found = forecast.quantiles[level, 0, step] - forecast.quantiles[4, 0, step]
            assert found == pytest.approx(expected, rel=1e-4)


def test_few_seasons_take_their_spread_from_single_steps():
    values = np.tile([0.0, 1.0, 0.0, 2.0], 7)[:28]
    (forecast,) = load_backbone("seasonal-naive").forecast([Sample("w", values[None], ("x",), freq="h")], 4)
    steps = np.diff(values)
    expected = np.quantile(steps, 0.9) - np.median(steps)
    assert forecast.quantiles[8, 0, 3] - forecast.mean[0, 3] == pytest.approx(expected * 2)
