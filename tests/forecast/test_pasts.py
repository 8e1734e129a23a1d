"""Rows of pasts: gaps, times and calendars against counting by hand."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.forecast.pasts import (
    BESIDE,
    CYCLES,
    HARMONICS,
    calendar_of,
    check_length,
    company_of,
    continued_flat,
    cycles_of,
    future_rows,
    interpolated,
    past_rows,
)
from tracets.types import Sample

NAN = np.nan
START = datetime(2020, 5, 4, tzinfo=UTC)  # a Monday


def past(values, *, id="a", start=START, freq="h", names=None):
    values = np.atleast_2d(np.asarray(values, float))
    return Sample(id, values, names or tuple(f"c{i}" for i in range(len(values))), start=start, freq=freq)


def test_gaps_take_the_value_before_and_the_beginning_the_one_after():
    rows = past_rows([past([NAN, 2, NAN, NAN, 5])], context=5)
    assert rows.filled.tolist() == [[2, 2, 2, 2, 5]]
    assert rows.known.tolist() == [[False, True, False, False, True]]


def test_shorter_windows_are_filled_at_their_beginning_and_longer_ones_cut():
    rows = past_rows([past([1, 2]), past([9, 9, 3, 4, 5], id="b")], context=3)
    assert rows.filled.tolist() == [[1, 1, 2], [3, 4, 5]]
    assert rows.known.tolist() == [[False, True, True], [True, True, True]]


def test_channels_that_tell_nothing_are_no_rows():
    """Constant, missing, known once only, or constant in the steps that are read."""
    told = past([[1, 2, 3], [4, 4, 4], [NAN] * 3, [NAN, 5, NAN], [7, 1, 1]])
    rows = past_rows([told, past([2, 1, 2], id="b", names=("C0",))], context=2)
    assert list(zip(rows.window, rows.channel, rows.names, strict=True)) == [(0, 0, "c0"), (1, 0, "c0")]
    assert len(past_rows([past([1, 1])], context=2)) == 0


def test_rows_can_be_picked():
    rows = past_rows([past([[1, 2], [3, 4]]), past([5, 6], id="b")], context=2)
    some = rows.at(np.array([2, 0]))
    assert (some.filled[:, 1].tolist(), some.names, some.window.tolist()) == ([6, 2], ("c0", "c0"), [1, 0])


def test_times_are_steps_or_places():
    later = [past([1, 2], start=START + timedelta(hours=h), id=str(h)) for h in (5, 0)]
    assert np.diff(past_rows(later, context=2).time).tolist() == [-5]
    assert past_rows([*later, past([1, 2], start=None)], context=2).time.tolist() == [0, 1, 2]


def test_the_last_values_of_channels_side_by_side():
    window = past([[1, 2, NAN], [NAN] * 3], names=("Wind", "sun"))
    other = past([np.arange(20.0)], id="b", names=("rain",))
    rows = past_rows([window, other], context=3, company=("wind", "rain", "sun"))
    assert rows.beside.shape == (2, 3, BESIDE)
    assert rows.beside[0, 0].tolist() == [1.0] * (BESIDE - 2) + [2, 2]
    assert np.isnan(rows.beside[0, 1:]).all() and np.isnan(rows.beside[1, 0]).all()
    assert rows.beside[1, 1].tolist() == list(range(8, 20))


def test_company_is_two_to_sixteen_names():
    assert company_of([past([[1, 2], [3, 4]], names=("B", "a")), past([1, 2])]) == ("b", "a", "c0")
    assert company_of([past([1, 2])]) == ()
    assert company_of([past(np.ones((17, 2)))]) == ()


def test_futures_follow_the_rows():
    rows = past_rows([past([[1, 1], [1, 2]]), past([3, 4], id="b")], context=2)
    futures = [np.array([[1, 2], [3, 4]], np.float32), np.array([[5, NAN]], np.float32)]
    np.testing.assert_array_equal(future_rows(futures, rows), [[3, 4], [5, NAN]])


def test_gaps_of_futures_lie_on_the_line_between_what_is_known():
    found = interpolated(np.array([[NAN, 4, NAN, 8, NAN], [1, 2, 3, 4, 5.0]]), np.array([2.0, 0]))
    assert found.tolist() == [[3, 4, 6, 8, 8], [1, 2, 3, 4, 5]]


def test_flat_continuation():
    [mean] = continued_flat([past([[1, 2, NAN], [NAN] * 3])], 2)
    assert mean.tolist() == [[2, 2], [0, 0]]


def test_cycles_need_steps_and_two_turns():
    day = [past(np.ones(24)), past(np.ones(24), start=START + timedelta(days=1), id="b")]
    assert cycles_of(day) == ("day",)
    assert cycles_of(day[:1]) == ()
    assert cycles_of([past(np.ones(400), freq="D")]) == ("week",)
    assert cycles_of([past(np.ones(800), freq="D")]) == ("week", "year")
    assert cycles_of([past(np.ones(110), freq="W-MON")]) == ("year",)
    assert cycles_of([past(np.ones(100), freq="8h")]) == ("week",)
    assert cycles_of([*day, past([1, 2], freq=None)]) == ()


def test_the_calendar_is_that_of_the_step_after_the_window():
    """30 hours after Monday midnight it is Tuesday, six o'clock: a quarter of a day, 30 of 168 hours of the week."""
    found = calendar_of(past(np.ones(30)), ("day", "week"))
    day, week = math.pi / 2, 2 * math.pi * 30 / 168
    expected = [f(k * turn) for turn in (day, week) for k in range(1, HARMONICS + 1) for f in (math.sin, math.cos)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_calendar_is_local_after_the_clocks_change():
    start = datetime(2013, 3, 10, 0, tzinfo=ZoneInfo("America/New_York"))  # there is no 2 o'clock
    shifted = calendar_of(past(np.ones(3), start=start), ("day",))
    turn = 2 * math.pi * 4 * 3600 / CYCLES["day"]
    np.testing.assert_allclose(shifted[:2], [math.sin(turn), math.cos(turn)], atol=1e-12)


def test_an_unknown_time_has_no_calendar():
    assert calendar_of(past([1, 2], start=None), ("day", "week")) == [0.0] * 12


def test_short_windows_are_named():
    with pytest.raises(DataError, match="window 'b' has 2 steps; forecaster 'x' reads the last 3"):
        check_length([past([1, 2, 3]), past([1, 2], id="b")], 3, name="x")
