"""Windows in memory: every usual form becomes the same samples, and what is no window is refused."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tracets.data import Corpus
from tracets.data.arrays import as_samples
from tracets.errors import DataError
from tracets.types import Sample

NAN = float("nan")
CUBE = np.arange(12, dtype=np.float64).reshape(2, 2, 3)


def test_arrays_of_three_and_of_two_axes():
    first, second = as_samples(CUBE, channel_names=["load", "sun"], units=["MW", None], freq="h")
    assert (first.id, second.id) == ("0", "1") and second.values.tolist() == [[6, 7, 8], [9, 10, 11]]
    assert second.channel_names == ("load", "sun") and second.units == ("MW", None) and second.freq == "h"
    flat = as_samples(CUBE[:, 0])
    assert [s.values.tolist() for s in flat] == [[[0, 1, 2]], [[6, 7, 8]]]
    assert flat[0].channel_names == ("channel 0",) and flat[0].units == (None,) and flat[0].start is None


@pytest.mark.parametrize("box", [list, tuple, lambda x: np.array([*x, None], dtype=object)[:-1]])
def test_windows_of_several_lengths_and_widths(box):
    windows = as_samples(box([np.ones((2, 4)), np.array([1.0, NAN]), [[1, 2, 3]]]))
    assert [s.values.shape for s in windows] == [(2, 4), (1, 2), (1, 3)]
    assert [s.n_channels for s in windows] == [len(s.channel_names) for s in windows]
    assert np.isnan(windows[1].values[0, 1])


def test_a_list_of_equal_rows_is_read_as_the_array_of_them():
    assert [s.values.tolist() for s in as_samples([[1, 2], [3, 4]])] == [[[1, 2]], [[3, 4]]]
    assert [s.values.tolist() for s in as_samples([*CUBE])] == CUBE.tolist()


def test_samples_and_corpora_pass_as_they_are():
    given = [Sample("a", np.zeros((1, 4)), ("load",)), Sample("b", np.ones((2, 3)), ("x", "y"))]
    assert as_samples(given) == given
    assert [s.id for s in as_samples(Corpus.from_samples(given))] == ["a", "b"]
    with pytest.raises(DataError, match="of their own"):
        as_samples(given, channel_names=["load"])


def frame(*rows, columns=("id", "time", "channel", "value")):
    return pd.DataFrame(rows, columns=list(columns))


def test_a_long_frame_by_hand():
    """Rows in any order: windows and channels come by their first row, steps by time; what is not there is missing."""
    given = frame(
        ("w2", "2020-01-01T01:00", "load", 2.0), ("w2", "2020-01-01T00:00", "load", 1.0),
        ("w1", "2020-01-03T00:00", "sun", 7.0), ("w1", "2020-01-03T01:00", "load", 8.0),
        ("w2", "2020-01-01T02:00", "load", NAN),
    )  # fmt: skip
    for frame_of_times in (given, given.assign(time=pd.to_datetime(given["time"]))):
        w2, w1 = as_samples(frame_of_times)
        assert (w2.id, w2.channel_names, w2.start, w2.freq) == ("w2", ("load",), datetime(2020, 1, 1), "h")
        np.testing.assert_array_equal(w2.values, np.float32([[1, 2, NAN]]))
        assert w1.channel_names == ("sun", "load")
        np.testing.assert_array_equal(w1.values, np.float32([[7, NAN], [NAN, 8]]))


def test_a_long_frame_keeps_zones_and_takes_other_names_of_columns():
    times = pd.date_range("2020-01-01", periods=2, freq="30min", tz="UTC")
    [window] = as_samples(
        frame(
            ("a", times[0], "x", 1), ("a", times[1], "x", 2), columns=("unique_id", "ds", "channel", "value")
        )
    )  # fmt: skip
    assert window.start == datetime(2020, 1, 1, tzinfo=UTC) and window.freq == "30min"


def test_numbered_steps_have_no_start():
    [window] = as_samples(frame(("a", 3, "x", 1.0), ("a", 1, "x", 0.0), ("a", 2, "x", NAN)))
    np.testing.assert_array_equal(window.values, np.float32([[0, NAN, 1]]))
    assert window.start is None and window.freq is None


def test_a_frame_on_a_grid():
    times = pd.to_datetime(["2020-01-01T00:00", "2020-01-01T03:00"])
    [window] = as_samples(frame(("a", times[0], "x", 1.0), ("a", times[1], "x", 4.0)), freq="h")
    np.testing.assert_array_equal(window.values, np.float32([[1, NAN, NAN, 4]]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(4), r"shape \(4,\).*Reshape your data"),
        (np.zeros((0, 3)), "got 0 windows"),
        ([], "got 0 windows"),
        (np.zeros((2, 0)), "0 feature"),
        (np.array([[1, np.inf]]), "sample '0': channel 0, step 1 is infinite"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.array([[1 + 1j]]), "Complex data not supported"),
        ([np.zeros(3), np.zeros((1, 2, 2))], r"window 1 of the list has shape \(1, 2, 2\)"),
        ([[1.0, "x"], [2.0]], "window 0 holds"),
        (pd.DataFrame({"load": [1.0]}), "lacks id, time, channel, value"),
        (frame(("a", 0, "x", 1), ("a", 0, "x", 2)), "window 'a': channel 'x' has two values at 0"),
        (frame(("a", 0, "x", 1), ("a", 1, "x", 2), ("a", 5, "x", 2)), "window 'a': its steps are not evenly spaced"),
        (frame(("a", "noon", "x", 1)), "'noon' is not a time"),
        (frame(("a", None, "x", 1)), "no id, time or channel"),
    ],
)
def test_what_is_no_window_is_refused(given, said):
    with pytest.raises(DataError, match=said):
        as_samples(given)


def test_irregular_stamps_are_refused_with_the_window():
    times = pd.to_datetime(["2020-01-01T00:00", "2020-01-01T01:00", "2020-01-01T05:00"])
    with pytest.raises(DataError, match=r"window 'w', row 2: irregular sampling.*freq="):
        as_samples(frame(*(("w", t, "x", 1.0) for t in times)))
    with pytest.raises(DataError, match="names its channels"):
        as_samples(frame(("w", 0, "x", 1.0)), channel_names=["x"])


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="expects 2 distinct"):
        as_samples(CUBE, channel_names=["load"])
