"""Sampling steps in seconds."""

import math

import pytest

from tracets.data.calendar import season_of, step_seconds
from tracets.errors import DataError

HOUR, DAY = 3600.0, 86400.0


@pytest.mark.parametrize(
    ("freq", "seconds"),
    [
        ("10ms", 0.01), ("s", 1), ("30min", 1800), ("h", HOUR), ("1h", HOUR), ("4h", 4 * HOUR), ("D", DAY),
        ("2D", 2 * DAY),
        ("W-SUN", 7 * DAY), ("1W", 7 * DAY), ("B", 1.4 * DAY), ("MS", 365.25 / 12 * DAY), ("ME", 365.25 / 12 * DAY),
        ("QS", 365.25 / 4 * DAY),
    ],
)  # fmt: skip
def test_known_steps(freq, seconds):
    assert step_seconds(freq) == pytest.approx(seconds, rel=1e-3)


def test_years_even_many_of_them():
    assert step_seconds("10YS") == pytest.approx(10 * 365.2425 * DAY, rel=1e-4)


def test_an_unknown_step_is_nan():
    assert math.isnan(step_seconds(None))


@pytest.mark.parametrize("freq", ["hourly", "", "-1h", "0h", "7"])
def test_what_is_no_step_is_refused(freq):
    with pytest.raises(DataError, match=f"freq '{freq}' is not a positive pandas offset. Write for example"):
        step_seconds(freq)


@pytest.mark.parametrize(
    ("freq", "season"),
    [
        ("h", 24),
        ("D", 7),
        ("W-MON", 52),
        ("W", 52),
        ("MS", 12),
        ("ME", 12),
        ("QS", 4),
        ("2W", 26),
        ("2h", 12),
        ("15min", 96),
        ("min", 1440),
        ("7h", 1),
        ("24h", 1),
        ("2D", 1),
        ("30s", 1),
        ("B", 1),
        ("YS", 1),
        (None, 1),
    ],
)
def test_seasons(freq, season):
    assert season_of(freq) == season
