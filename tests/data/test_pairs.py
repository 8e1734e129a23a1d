"""Pairs of a past and a future against counting by hand."""

from datetime import datetime

import numpy as np
import pytest

from tracets.data.pairs import Pair, cut_pairs
from tracets.data.series import Series
from tracets.data.windows import TimeSplit
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


def test_a_text_may_be_given_to_the_past():
    from dataclasses import replace

    [pair] = cut_pairs([hours(6)], context=4, horizon=2, text=lambda past: replace(past, text=f"of {past.n_steps}"))
    assert pair.past.text == "of 4"


@pytest.mark.parametrize("wrong", [{"context": 0}, {"horizon": 0}, {"stride": 0}, {"min_observed": 2}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match="pairs need context, horizon and stride >= 1"):
        cut_pairs([hours(12)], **{"context": 4, "horizon": 2} | wrong)


def test_a_future_has_the_channels_of_its_past():
    with pytest.raises(DataError, match=r"future must have shape \(2, horizon\) .* got \(1, 3\)"):
        Pair(Sample("a", np.zeros((2, 4)), ("x", "y")), np.zeros((1, 3)))
