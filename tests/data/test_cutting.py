"""Long series cut as a stream: every step in a window, stable ids, times, and whatever could not be cut counted."""

import gc
import weakref
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.data.csv_files import read_long_csv
from tracets.data.cutting import Cutting, Slicer, firsts
from tracets.errors import ConfigError, DataError
from tracets.types import Sample

BERLIN = ZoneInfo("Europe/Berlin")


def series(name="ny", n=10, **facts) -> Sample:
    values = np.arange(2.0 * n).reshape(2, n)
    return Sample(name, values, ("load", "rain"), **facts)


@pytest.mark.slow
@given(st.data(), st.integers(1, 60))
def test_every_step_lies_in_a_window_of_every_length_that_fits(data, n):
    lengths = data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True))
    strides = [data.draw(st.integers(1, length)) for length in lengths]
    cutting = Cutting([series(n=n)], lengths=lengths, strides=strides)
    windows = list(cutting)
    held = {(length, s): 0 for length in lengths if length <= n for s in range(n)}
    for window in windows:
        first, length = window.metadata["first_step"], window.metadata["n_steps"]
        np.testing.assert_array_equal(window.values, series(n=n).values[:, first : first + length])
        for s in range(first, first + length):
            held[length, s] = held.get((length, s), 0) + 1
    assert held and all(held.values())
    assert len({window.id for window in windows}) == len(windows) == cutting.cut.windows
    assert cutting.cut.uncovered == 0
    assert cutting.cut.short == (["ny"] if n < min(lengths) else [])


@given(st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
def test_windows_begin_on_the_grid_and_the_last_one_ends_with_the_series(n, length, stride):
    slow = [i for i in range(n) if i + length <= n and (i % stride == 0 or i + length == n)]
    assert firsts(n, length, stride) == slow


def test_ids_name_series_first_step_and_length_and_stay_when_the_series_grows():
    ids = [[w.id for w in Cutting([series(n=n)], lengths=[4], strides=[3])] for n in (11, 13)]
    assert ids[0] == ["ny@0+4", "ny@3+4", "ny@6+4", "ny@7+4"]
    assert ids[1] == ["ny@0+4", "ny@3+4", "ny@6+4", "ny@9+4"]
    place = [w.metadata for w in Cutting([series()], lengths=[4])][-1]
    assert place == {"entity": "ny", "series": "ny", "first_step": 6, "n_steps": 4}


def test_a_stride_that_is_not_given_is_a_quarter_of_each_length():
    found = [w.id for w in Cutting([series(n=12)], lengths=[8, 3])]
    assert found == [f"ny@{i}+3" for i in range(10)] + ["ny@0+8", "ny@2+8", "ny@4+8"]


def test_what_could_not_be_cut_is_counted_and_named():
    holed = np.ones((1, 12))
    holed[0, 2:9] = np.nan
    given_series = [
        series("tiny", 3),
        Sample("holed", holed, ("load",)),
        Sample("dead", np.full((1, 8), np.nan), ("load",)),
        series("fits", 5, text="A report of five hours."),
    ]
    cutting = Cutting(given_series, lengths=[4, 8], strides=[2, 8])
    found = [w.id for w in cutting]
    # of "holed" steps 3 to 8 are in no window of 4 but in those of 8
    assert found == [
        "tiny@0+3", "holed@0+4", "holed@6+4", "holed@8+4", "holed@0+8", "holed@4+8", "fits@0+4", "fits@1+4",
    ]  # fmt: skip
    assert cutting.cut.to_json() == {
        "series": 4, "steps": 28, "windows": 8, "by_length": {"3": 1, "4": 5, "8": 2}, "short": ["tiny"],
        "left_out": 6, "uncovered": 8, "unobserved": ["dead"], "texts": 1,
    }  # fmt: skip
    strict = Cutting([given_series[1]], lengths=[4], strides=[2], min_observed=0.5)
    assert [w.id for w in strict] == ["holed@0+4", "holed@8+4"]
    assert (strict.cut.left_out, strict.cut.uncovered) == (3, 4)


def test_a_pass_begins_its_counts_anew():
    cutting = Cutting([series()], lengths=[5])
    assert len(list(cutting)) == len(list(cutting)) == cutting.cut.windows == 6


@pytest.mark.slow
def test_one_series_is_in_memory_at_a_time():
    alive = weakref.WeakSet()

    def many():
        for i in range(6):
            gc.collect()
            assert len(alive) == 0, "the series before is still held"
            one = series(f"s{i}", 500)
            alive.add(one)
            yield one
            del one

    kept = list(Cutting(many(), lengths=[100]))
    assert len(kept) == 6 * 17 and not alive  # and windows do not hold their series


def test_times_are_those_of_the_first_steps_also_when_the_clocks_change():
    hourly = series(n=8, start=datetime(2024, 3, 30, 23, tzinfo=BERLIN), freq="h")
    starts = [w.start.isoformat() for w in Cutting([hourly], lengths=[4], strides=[2])]
    assert starts == ["2024-03-30T23:00:00+01:00", "2024-03-31T01:00:00+01:00", "2024-03-31T04:00:00+02:00"]
    autumn = series(n=4, start=datetime(2024, 10, 27, 1, tzinfo=BERLIN), freq="h")
    starts = [w.start.isoformat() for w in Cutting([autumn], lengths=[1])]
    assert starts == [f"2024-10-27T{hour}:00:00+{zone}:00" for hour, zone in
                      (("01", "02"), ("02", "02"), ("02", "01"), ("03", "01"))]  # fmt: skip
    daily = series(n=4, start=datetime(2024, 3, 30, tzinfo=BERLIN), freq="D")
    starts = [w.start.isoformat() for w in Cutting([daily], lengths=[1])]
    assert starts[1:3] == ["2024-03-31T00:00:00+01:00", "2024-04-01T00:00:00+02:00"]


def test_series_without_times_are_placed_by_step():
    for facts in ({}, {"start": datetime(2024, 1, 1, tzinfo=UTC)}, {"freq": "h"}):
        windows = list(Cutting([series(**facts)], lengths=[5], strides=[5]))
        assert [(w.start, w.metadata["first_step"]) for w in windows] == [(None, 0), (None, 5)]


def test_series_of_one_file_keep_their_own_channels(tmp_path):
    path = tmp_path / "plants.csv"
    rows = [f"{name},{datetime(2024, 1, 1) + timedelta(hours=i)},{channel},{i}" for name, channel in
            (("a", "load"), ("b", "load"), ("b", "wind")) for i in range(6)]  # fmt: skip
    path.write_text("\n".join(["id,time,channel,value", *rows]) + "\n")
    windows = Cutting((s.to_sample() for s in read_long_csv(path, freq=None, zone=None)), lengths=[4], strides=[2])
    assert [(w.id, w.channel_names) for w in windows] == [
        ("a@0+4", ("load",)), ("a@2+4", ("load",)), ("b@0+4", ("load", "wind")), ("b@2+4", ("load", "wind")),
    ]  # fmt: skip


def test_label_and_metadata_go_into_every_window_and_a_text_into_the_whole_series_alone():
    one = series(label="faulty", text="It fails at the end.", channel_texts=("up", None), metadata={"site": "x"})
    (whole,) = Cutting([one], lengths=[10])
    assert (whole.text, whole.channel_texts, whole.label) == ("It fails at the end.", ("up", None), "faulty")
    part = next(iter(Cutting([one], lengths=[5])))
    assert (part.text, part.channel_texts, part.label) == (None, (None, None), "faulty")
    assert part.metadata == {"entity": "ny", "site": "x", "series": "ny", "first_step": 0, "n_steps": 5}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lengths": []}, "needs different lengths"),
        ({"lengths": [4, 4]}, "needs different lengths"),
        ({"lengths": [4, 8], "strides": [1, 2, 3]}, "one stride for each or one for all"),
        ({"lengths": [4], "strides": [5]}, "windows of 4 steps every 5"),
        ({"lengths": [4], "strides": [0]}, "from 1 to the length"),
        ({"lengths": [4], "min_observed": 1.5}, "min_observed must be in"),
    ],
)
def test_numbers_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Cutting([series()], **options)


def test_a_column_that_would_be_overwritten_is_refused():
    with pytest.raises(DataError, match="series 'ny' has a metadata column 'first_step'"):
        list(Cutting([series(metadata={"first_step": 1})], lengths=[4]))
    with pytest.raises(DataError, match="is not on freq 'W-SUN'"):
        list(Cutting([series(start=datetime(2024, 1, 1), freq="W-SUN")], lengths=[4]))


def test_a_part_is_a_copy():
    whole = series()
    part = Slicer(whole)(2, 3)
    part.values[:] = 0
    assert whole.values[0, 2] == 2
