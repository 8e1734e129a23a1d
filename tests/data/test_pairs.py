"""Pairs of a past and a future against counting by hand."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from tracets.data.pairs import Pair, cut_pairs, followed_by, in_time_order, last_steps, pairs_of_windows
from tracets.data.series import Series
from tracets.data.windows import TimeSplit, cut_windows
from tracets.errors import ConfigError, DataError
from tracets.types import Sample


def hours(n, *, id="ny"):
    return Series(id, np.arange(n, dtype=float)[None], ("load",), datetime(2013, 1, 1), "h")


def test_futures_follow_their_pasts():
    pairs = cut_pairs([hours(12)], context=4, horizon=2, stride=3)
    assert [p.past.id for p in pairs] == ["ny-2013-01-01T00", "ny-2013-01-01T03", "ny-2013-01-01T06"]
    assert [p.past.values[0].tolist() for p in pairs] == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert [p.future[0].tolist() for p in pairs] == [[4, 5], [7, 8], [10, 11]]
    assert [(p.first, p.end) for p in pairs] == [(0, 6), (3, 9), (6, 12)]
    assert pairs[0].past.metadata["entity"] == "ny"


def test_a_pair_belongs_where_its_future_lies():
    split = TimeSplit(datetime(2013, 1, 1, 10), datetime(2013, 1, 1, 14))
    pairs = cut_pairs([hours(20)], context=4, horizon=2, split=split)
    futures = {part: [p.future[0].tolist() for p in pairs if p.past.split == part] for part in ("train", "val", "test")}
    assert futures["train"] == [[i, i + 1] for i in range(4, 9)]
    assert futures["val"] == [[10, 11], [11, 12], [12, 13]]
    assert futures["test"] == [[i, i + 1] for i in range(14, 19)]
    first_of_val = next(p for p in pairs if p.past.split == "val")
    assert first_of_val.past.values[0].tolist() == [6, 7, 8, 9]  # reaches back into the training part


def test_pairs_that_know_too_little_are_left_out():
    values = np.arange(12.0)
    values[6:9] = np.nan
    series = Series("ny", values[None], ("load",), datetime(2013, 1, 1), "h")
    firsts = [p.first for p in cut_pairs([series], context=4, horizon=2, min_observed=0.5)]
    assert firsts == [0, 1, 4]  # of 2 and 3 the whole future is unknown, of 5 and 6 three steps of the past
    with pytest.raises(DataError, match="no window of 4 steps with 9 after it: the longest of 1 series has 12 steps"):
        cut_pairs([series], context=4, horizon=9)
    with pytest.raises(DataError, match="of 8 windows of 4 steps none knows 100% of its values and of the 1"):
        cut_pairs([replace(series, values=np.full((1, 12), np.nan))], context=4, horizon=1, min_observed=1.0)


def test_a_text_may_be_given_to_the_past():
    [pair] = cut_pairs([hours(6)], context=4, horizon=2, text=lambda past: replace(past, text=f"of {past.n_steps}"))
    assert pair.past.text == "of 4"


@pytest.mark.parametrize("wrong", [{"context": 0}, {"horizon": 0}, {"stride": 0}, {"min_observed": 2}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="pairs need context, horizon and stride >= 1"):
        cut_pairs([hours(12)], **{"context": 4, "horizon": 2} | wrong)


def test_a_future_has_the_channels_of_its_past():
    with pytest.raises(DataError, match=r"future must have shape \(2, horizon\) .* got \(1, 3\)"):
        Pair(Sample("a", np.zeros((2, 4)), ("x", "y")), np.zeros((1, 3)))


def windows_of(series, length, stride):
    return list(cut_windows([series], length=length, stride=stride).samples)


def test_what_followed_is_stitched_from_other_windows():
    windows = windows_of(hours(20), 4, 4)
    pairs = followed_by(windows[::-1], 6, min_observed=1)  # the order in which they come does not matter
    assert [p.past.values[0, 0] for p in pairs] == [8, 4, 0]
    assert [p.future[0].tolist() for p in pairs] == [list(range(a, a + 6)) for a in (12, 8, 4)]
    assert [(p.first, p.end) for p in pairs] == [(8, 18), (4, 14), (0, 10)]
    half = followed_by(windows, 6)
    assert [p.past.values[0, 0] for p in half] == [0, 4, 8, 12]
    assert half[-1].future[0, :4].tolist() == [16, 17, 18, 19] and np.isnan(half[-1].future[0, 4:]).all()


def test_futures_are_those_of_the_same_series():
    here, there = windows_of(hours(8), 4, 4), windows_of(hours(8, id="sf"), 4, 4)
    assert [p.past.id for p in followed_by([here[0], there[1]], 4)] == []
    assert [p.past.id for p in followed_by(here + there, 4)] == [here[0].id, there[0].id]
    timeless = [replace(window, start=None) for window in here]
    assert followed_by(timeless, 4) == []
    with pytest.raises(ConfigError, match="horizon of at least 1, got 0"):
        followed_by(here, 0)


def test_months_follow_months():
    series = Series("ny", np.arange(24.0)[None], ("load",), datetime(2013, 1, 1), "MS")
    pairs = followed_by(windows_of(series, 12, 3), 3, min_observed=1)
    assert [(p.first, p.future[0].tolist()) for p in pairs] == [
        (0, [12, 13, 14]), (3, [15, 16, 17]), (6, [18, 19, 20]), (9, [21, 22, 23]),
    ]  # fmt: skip


def test_pairs_are_put_in_time_order():
    pairs = cut_pairs([hours(12)], context=4, horizon=2, stride=3)
    assert [p.first for p in in_time_order(pairs[::-1])] == [0, 3, 6]
    timeless = [replace(p, past=replace(p.past, start=None)) for p in pairs[::-1]]
    assert [p.first for p in in_time_order(timeless)] == [6, 3, 0]


def test_windows_are_parted_into_past_and_future():
    window = hours(24).to_sample()
    [pair] = pairs_of_windows([window], horizon=6)
    assert pair.past.n_steps == 18 and pair.future[0].tolist() == list(range(18, 24)) and pair.first == 0
    [pair] = pairs_of_windows([window], horizon=6, context=10)
    assert pair.past.values[0].tolist() == list(range(8, 18)) and pair.first == 8 and pair.end == 24
    assert pair.past.start == datetime(2013, 1, 1, 8)
    with pytest.raises(DataError, match="has 24 steps, none before a horizon of 24"):
        pairs_of_windows([window], horizon=24)


def test_the_last_steps_begin_later():
    window = hours(24).to_sample()
    assert last_steps(window, 30) is window
    assert last_steps(window, 4).start == datetime(2013, 1, 1, 20)
    assert last_steps(replace(window, freq=None), 4).start is None
