"""Windows: what is cut, where parts end, and that parts never overlap."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.calendar import step_seconds
from tracets.data.series import Series, series_from_sample
from tracets.data.windows import RESOLUTIONS, TimeSplit, aggregate, cut_windows, split_by_fractions
from tracets.errors import ConfigError, DataError

BERLIN = ZoneInfo("Europe/Berlin")
T0 = datetime(2020, 1, 1)


def series(n=48, *, start=T0, freq="h", id="s", rows=1, **more):
    values = np.arange(n * rows, dtype=np.float32).reshape(rows, n)
    return Series(id, values, tuple(f"c{i}" for i in range(rows)), start, freq, **more)


def test_what_a_window_holds():
    long = series(10, rows=2, units=("m", None), domain="d", source="z", metadata={"entity": "e"})
    cut = cut_windows([long], length=4, stride=3)
    assert [s.id for s in cut.samples] == ["s-2020-01-01T00", "s-2020-01-01T03", "s-2020-01-01T06"] and cut.dropped == 0
    window = cut.samples[1]
    assert window.values.tolist() == [[3, 4, 5, 6], [13, 14, 15, 16]]
    assert (window.start, window.freq, window.units) == (T0 + timedelta(hours=3), "h", ("m", None))
    assert (window.domain, window.source, window.split, window.label) == ("d", "z", None, None)
    assert window.metadata == {"entity": "e"}
    assert cut_windows([series(10)], length=4, stride=3).samples[0].metadata == {"entity": "s"}


def test_labels_come_from_the_window():
    cut = cut_windows([series(4)], length=2, stride=2, label=lambda s: f"from {s.values[0, 0]:g}")
    assert [s.label for s in cut.samples] == ["from 0", "from 2"]


def test_sparse_windows_are_dropped_and_counted():
    values = np.ones((2, 12), np.float32)
    values[:, 4:7] = np.nan  # window 1: 2 of 8 observed
    values[0, 8:] = np.nan  # window 2: exactly half
    cut = cut_windows([Series("s", values, ("a", "b"), T0, "h")], length=4, stride=4, min_observed=0.5)
    assert [s.id for s in cut.samples] == ["s-2020-01-01T00", "s-2020-01-01T08"] and cut.dropped == 1


def test_parts_by_hand():
    split = TimeSplit(datetime(2020, 1, 2), datetime(2020, 1, 3))
    cut = cut_windows([series(96)], length=10, stride=10, train_stride=7, split=split, gap=2)
    assert [(s.split, s.start.day, s.start.hour) for s in cut.samples] == [
        ("train", 1, 0), ("train", 1, 7), ("train", 1, 14),
        ("val", 2, 2), ("val", 2, 12),
        ("test", 3, 2), ("test", 3, 12), ("test", 3, 22), ("test", 4, 8),
    ]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 80), st.integers(0, 90)), min_size=1, max_size=3),
    st.sampled_from(["h", "30min", "D"]),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 4),
    st.tuples(st.integers(0, 90 * 60), st.integers(0, 90 * 60)),
)
def test_parts_never_overlap(shapes, freq, length, stride, train_stride, gap, minutes):
    """Brute force over all pairs of windows, edges off the grid included."""
    step = timedelta(seconds=step_seconds(freq))
    many = [series(n, start=T0 + shift * step, freq=freq, id=str(i)) for i, (n, shift) in enumerate(shapes)]
    split = TimeSplit(*(T0 + timedelta(minutes=m) for m in sorted(minutes)))
    try:
        found = cut_windows(many, length=length, stride=stride, train_stride=train_stride, split=split, gap=gap).samples
    except DataError:
        found = ()
    spans = [(s.split, s.start, s.start + length * step) for s in found]
    order = {"train": 0, "val": 1, "test": 2}
    for part, begin, end in spans:
        edges = {"train": (datetime.min, split.val), "val": (split.val, split.test), "test": (split.test, datetime.max)}
        assert edges[part][0] <= begin and end <= edges[part][1]
        for other, other_begin, _ in spans:
            if order[other] > order[part]:
                assert other_begin >= end
    # With every stride 1 and no gap, each window that lies wholly in a part is there.
    try:
        dense = cut_windows(many, length=length, stride=1, split=split).samples
    except DataError:
        dense = ()
    want = 0
    for one in many:
        for i in range(one.n_steps - length + 1):
            begin, end = one.start + i * step, one.start + (i + length) * step
            want += end <= split.val or (begin >= split.val and end <= split.test) or begin >= split.test
    assert len(dense) == want


def test_fractions():
    split = split_by_fractions([series(50), series(50, start=T0 + timedelta(hours=50), id="t")], (0.6, 0.15, 0.25))
    assert (split.val, split.test) == (T0 + timedelta(hours=60), T0 + timedelta(hours=75))
    with pytest.raises(ConfigError, match=r"must be >= 0 and sum to 1, got \(0.6, 0.6, 0.25\)"):
        split_by_fractions([series()], (0.6, 0.6, 0.25))


def test_split_times_without_zone_are_local():
    aware = series(72, start=datetime(2020, 1, 1, tzinfo=BERLIN))
    split = TimeSplit(datetime(2020, 1, 2), datetime(2020, 1, 3))
    cut = cut_windows([aware], length=24, stride=24, split=split)
    assert [(s.split, s.start) for s in cut.samples] == [
        (p, datetime(2020, 1, d, tzinfo=BERLIN)) for p, d in [("train", 1), ("val", 2), ("test", 3)]
    ]
    utc = series(72, start=datetime(2020, 1, 1, tzinfo=UTC), id="u")
    with pytest.raises(DataError, match=r"several time zones \(Europe/Berlin, UTC\). Give split times a zone"):
        cut_windows([aware, utc], length=24, stride=24, split=split)
    with pytest.raises(DataError, match="series have no time zone, so the split times must have none"):
        cut_windows([series()], length=2, stride=1, split=TimeSplit(aware.start, aware.start))


def test_the_hour_that_comes_twice_has_two_ids():
    night = series(6, start=datetime(2020, 10, 25, 0, tzinfo=BERLIN))
    assert [s.id[2:] for s in cut_windows([night], length=1, stride=1).samples] == [
        "2020-10-25T00", "2020-10-25T01", "2020-10-25T02", "2020-10-25T02+0100", "2020-10-25T03", "2020-10-25T04",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("freq", "start", "ids"),
    [
        ("D", T0, ["2020-01-01", "2020-01-02"]),
        ("MS", T0, ["2020-01-01", "2020-02-01"]),
        ("30min", T0, ["2020-01-01T00:00", "2020-01-01T00:30"]),
        ("h", T0 + timedelta(minutes=5), ["2020-01-01T00:05", "2020-01-01T01:05"]),
        ("10ms", T0, ["2020-01-01T00:00:00", "2020-01-01T00:00:00.010000"]),
    ],
)
def test_ids_are_as_long_as_the_step_asks_for(freq, start, ids):
    cut = cut_windows([series(2, start=start, freq=freq)], length=1, stride=1)
    assert [s.id[2:] for s in cut.samples] == ids


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"stride": 0}, {"train_stride": 0}, {"gap": -1}, {"min_observed": 1.1}]
)
def test_numbers_out_of_range(wrong):
    with pytest.raises(ConfigError, match="windows need length >= 1, strides >= 1"):
        cut_windows([series()], **({"length": 2, "stride": 1} | wrong))


def test_nothing_to_cut():
    with pytest.raises(DataError, match="no window of 100 steps: the longest of 1 series has 48 steps"):
        cut_windows([series()], length=100, stride=1)


def test_the_resolutions_of_the_paper():
    spans = {name: r.length * step_seconds(r.freq) / 86400 for name, r in RESOLUTIONS.items()}
    assert spans == {"hourly": 7, "4-hourly": 28, "daily": 180}


def test_aggregating_by_hand():
    nan = np.nan
    rows = np.array([[1, 2, nan, 4, nan, nan, nan, 8, 9], [1, 2, 3, 4, 5, 6, 7, nan, 9]], np.float32)
    long = Series("s", rows, ("level", "rain"), T0, "h", metadata={"k": 1})
    coarse = aggregate(long, "4h", statistics={"rain": "sum"})
    # level: 3 of 4 observed, then 1 of 4; rain: complete, then one missing; hour 9 is no whole step
    np.testing.assert_array_equal(coarse.values, np.array([[7 / 3, nan], [10, nan]], np.float32))
    assert (coarse.id, coarse.freq, coarse.start) == ("s-4h", "4h", T0)
    assert coarse.metadata == {"entity": "s", "k": 1}
    low = aggregate(long, "4h", statistics={"level": "max", "rain": "min"}, min_observed=0.25)
    assert low.values.tolist() == [[4, 8], [1, 5]]


def test_days_follow_the_local_calendar():
    """23 hours on the day summer time begins; the part of a day before the first midnight is left out."""
    long = series(6 + 24 + 23 + 24, start=datetime(2020, 3, 27, 18, tzinfo=BERLIN))
    ones = Series("s", np.ones_like(long.values), long.channel_names, long.start, "h")
    coarse = aggregate(ones, "D", statistics={"c0": "sum"})
    assert coarse.values.tolist() == [[24, 23, 24]]
    assert [t.isoformat() for t in coarse.times] == [
        "2020-03-28T00:00:00+01:00", "2020-03-29T00:00:00+01:00", "2020-03-30T00:00:00+02:00",
    ]  # fmt: skip


@pytest.mark.slow
@given(st.integers(1, 60), st.integers(0, 30), st.integers(2, 7), st.integers(0, 2**31))
def test_aggregating_matches_a_plain_loop(n, shift, hours, seed):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((1, n)) < 0.3, np.nan, rng.normal(size=(1, n)).round(2)).astype(np.float32)
    start = T0 + timedelta(hours=shift)
    bins = {}
    for i, v in enumerate(values[0]):
        hour = int((start - T0).total_seconds() // 3600) + i
        # pandas lays the bins from midnight of the first day
        origin = hour - (hour % 24) if i == 0 else origin  # noqa: F821
        bins.setdefault((hour - origin) // hours, []).append(v)
    want = [
        np.nanmean(np.float64(b)) if np.isfinite(b).sum() >= hours / 2 else np.nan
        for b in bins.values()
        if len(b) == hours
    ]
    # a whole bin at the very end counts only if its hours are all there, which len(b) says
    long = Series("s", values, ("x",), start, "h")
    if not want:
        with pytest.raises(DataError, match="shorter than one step of"):
            aggregate(long, f"{hours}h")
    else:
        np.testing.assert_allclose(aggregate(long, f"{hours}h").values[0], want, rtol=1e-5)


def test_aggregating_refuses():
    with pytest.raises(DataError, match="freq '30min' is finer than its own 'h'"):
        aggregate(series(), "30min")
    with pytest.raises(DataError, match="cannot aggregate snow=sum. Channels: c0; statistics: mean, sum, min, max"):
        aggregate(series(), "D", statistics={"snow": "sum"})


def test_a_series_is_checked():
    with pytest.raises(DataError, match="start 2020-01-01T00:00:00 is not on freq 'W-SUN'"):
        series(freq="W-SUN")
    with pytest.raises(DataError, match="freq 'hourly' is not"):
        series(freq="hourly")
    with pytest.raises(DataError, match="sample 's': expects 1 distinct, non-empty channel names"):
        Series("s", np.zeros((1, 2)), ("a", "b"), T0, "h")


def test_a_window_becomes_a_series_again():
    window = cut_windows([series(10)], length=4, stride=4).samples[1]
    again = series_from_sample(window)
    assert again.values.tolist() == [[4, 5, 6, 7]] and again.times[0] == T0 + timedelta(hours=4)
