"""The words: what a sample refuses, and the zone of its start."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.types import Forecast, Sample


class LikePytz(tzinfo):
    """A zone as pytz hands it out: named, but with the offset of one moment only."""

    zone = "America/New_York"

    def __init__(self, hours):
        self.hours = hours

    def utcoffset(self, when):
        return timedelta(hours=self.hours)

    def dst(self, when):
        return timedelta(0)


def start_of(start):
    return Sample("a", np.zeros((1, 4)), ("load",), start=start).start


@pytest.mark.parametrize(("hours", "fold"), [(-4, 0), (-5, 1)])
def test_a_zone_that_cannot_be_computed_with_is_replaced(hours, fold):
    """The night that summer time ends: 01:30 comes twice, and the offset says which it is."""
    start = start_of(datetime(2013, 11, 3, 1, 30, tzinfo=LikePytz(hours)))
    assert start.tzinfo == ZoneInfo("America/New_York") and (start.hour, start.minute, start.fold) == (1, 30, fold)
    assert start.utcoffset() == timedelta(hours=hours)
    assert (start + timedelta(days=2)).utcoffset() == timedelta(hours=-5)


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=2)), ZoneInfo("Europe/Berlin")])
def test_other_starts_stay_as_they_are(zone):
    start = datetime(2020, 5, 1, tzinfo=zone)
    assert start_of(start) is start
    assert start_of(None) is None


@pytest.mark.parametrize(
    ("values", "names", "more", "said"),
    [
        (np.zeros(3), ("a",), {}, r"shape \(n_channels, n_steps\)"),
        (np.zeros((1, 0)), ("a",), {}, "both at least 1"),
        (np.array([[0, np.inf]]), ("a",), {}, "channel 0, step 1 is infinite"),
        (np.zeros((2, 3)), ("a",), {}, "2 distinct, non-empty channel names"),
        (np.zeros((2, 3)), ("a", "a"), {}, "2 distinct, non-empty channel names"),
        (np.zeros((2, 3)), ("a", " "), {}, "2 distinct, non-empty channel names"),
        (np.zeros((2, 3)), ("a", "b"), {"units": ("m",)}, r"units must have one entry a channel \(2\), got 1"),
        (np.zeros((1, 3)), ("a",), {"channel_texts": ("x", "y")}, r"channel_texts must have one entry a channel \(1\)"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_the_sample_named(values, names, more, said):
    with pytest.raises(DataError, match=f"sample 'w7'.*{said}"):
        Sample("w7", values, names, **more)


def test_what_is_unknown_is_none_for_each_channel():
    sample = Sample("a", np.zeros((2, 3)), ("a", "b"))
    assert sample.units == sample.channel_texts == (None, None)
    assert sample.values.dtype == np.float32 and (sample.n_channels, sample.n_steps) == (2, 3)


def forecast(**changed):
    mean = np.zeros((1, 2))
    given = {"id": "a", "mean": mean, "quantiles": np.zeros((9, 1, 2)), "channel_names": ("x",)}
    return Forecast(**given | changed)


def test_a_forecast_knows_its_horizon():
    assert forecast().horizon == 2
    assert forecast().units == (None,)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"mean": np.zeros((2, 2))}, "expects a mean of 1 channels"),
        ({"quantiles": np.zeros((3, 1, 2))}, "quantiles at 9 levels"),
        ({"mean": np.full((1, 2), np.nan)}, "must be finite"),
        ({"quantiles": np.arange(18.0)[::-1].reshape(9, 1, 2)}, "must rise"),
    ],
)
def test_a_forecast_that_makes_no_sense_is_refused(changed, message):
    with pytest.raises(DataError, match=message):
        forecast(**changed)
