"""What an estimator may be given, as pairs with parts."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from tracets.data.pairs import Pair
from tracets.errors import DataError
from tracets.tasks.forecast_pairs import pairs_of, parted
from tracets.types import Sample

PLAIN = SimpleNamespace(channel_names=None, units=None, freq=None)
NAMED = SimpleNamespace(channel_names=["wind", "sun"], units=["m/s", None], freq="h")


def pair(i, split=None):
    start = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=i)
    return Pair(Sample(f"w{i}", np.full((1, 3), i), ("a",), start=start, freq="h", split=split), np.full((1, 2), i))


def test_arrays_are_given_names_and_a_step():
    [one, two] = pairs_of(NAMED, np.zeros((2, 2, 5)), np.ones((2, 2, 3)))
    assert (
        one.past.channel_names == ("wind", "sun")
        and one.past.units == ("m/s", None)
        and one.past.freq == "h"
        and two.horizon == 3
    )


def test_futures_of_one_channel_may_be_flat():
    assert pairs_of(PLAIN, np.zeros((2, 5)), np.ones((2, 3)))[0].future.shape == (1, 3)
    assert pairs_of(PLAIN, np.zeros((2, 5)), [1.0, 2.0])[1].future.tolist() == [[2.0]]


def test_samples_have_names_of_their_own():
    window = pair(0).past
    [found] = pairs_of(NAMED, [window], [np.ones((1, 2))])
    assert found.past is window


def test_pairs_stay_as_they_are():
    given = [pair(0), pair(1)]
    assert pairs_of(PLAIN, given, None) == given


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([pair(0)], np.ones((1, 1, 2)), "pairs hold their own futures"),
        (np.zeros((2, 5)), None, "requires y to be passed, but the target y is None"),
        (np.zeros((2, 5)), np.ones((3, 1, 2)), "X has 2 windows and y 3"),
        (np.zeros((2, 2, 5)), np.ones((2, 1, 2)), r"its future must have shape \(2, horizon\)"),
    ],
)
def test_what_does_not_fit_is_refused(X, y, message):
    with pytest.raises(DataError, match=message):
        pairs_of(PLAIN, X, y)


def test_the_last_windows_in_time_are_chosen_by():
    given = [pair(i) for i in (3, 1, 4, 0, 2)]
    found = parted(given, None, 0.4)
    assert sorted((p.past.id, part) for p, part in found) == [
        ("w0", "train"), ("w1", "train"), ("w2", "train"), ("w3", "val"), ("w4", "val"),
    ]  # fmt: skip
    assert {part for _, part in parted(given, None, 0.0)} == {"train"}


def test_splits_are_kept_and_the_test_part_left_out():
    given = [pair(0, "val"), pair(1, "test"), pair(2, "train"), pair(3)]
    assert [(p.past.id, part) for p, part in parted(given, None, 0.5)] == [
        ("w0", "val"),
        ("w2", "train"),
        ("w3", "train"),
    ]


def test_windows_to_choose_by_may_be_given():
    found = parted([pair(5), pair(6)], [pair(0)], 0.5)
    assert [(p.past.id, part) for p, part in found] == [("w5", "train"), ("w6", "train"), ("w0", "val")]


@pytest.mark.parametrize("splits", [("test", "test"), ("val", "test")])
def test_nothing_to_learn_from_is_said(splits):
    with pytest.raises(DataError, match="none of 2 windows is of split 'train'"):
        parted([pair(i, split) for i, split in enumerate(splits)], None, 0.2)
