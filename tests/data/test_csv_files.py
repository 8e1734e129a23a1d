"""CSV at the door: what is read, and that every refusal names file, series and row."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets import files
from tracets.data.csv_files import is_long, read_long_csv, read_wide_csv, write_wide_csv
from tracets.errors import DataError
from tracets.files import Limits

NAN = float("nan")


def wide(folder, *lines, freq=None, zone=None, encoding="utf-8"):
    path = folder / "plant.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return read_wide_csv(path, freq=freq, zone=zone)[0]


def long(folder, *lines, freq=None, zone=None):
    path = folder / "plants.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_long_csv(path, freq=freq, zone=zone)


def test_what_is_written_reads_as_it_was(tmp_path):
    lines = ['time,load [MW],"a ""b"", c"', "2020-03-28T00:00+01:00,0.1,", "2020-03-29T00:00+01:00,,1e-9"]
    (tmp_path / "out").mkdir()
    for zone in (None, "Europe/Berlin"):
        one = wide(tmp_path, *lines, zone=zone)
        write_wide_csv(one, tmp_path / "out/plant.csv")
        [again] = read_wide_csv(tmp_path / "out/plant.csv", freq=None, zone=zone)
        np.testing.assert_array_equal(again.values, one.values)
        assert (again.id, again.channel_names, again.units) == ("plant", ("load", 'a "b", c'), ("MW", None))
        assert (again.start, again.freq) == (one.start, one.freq)


def test_wide_by_hand(tmp_path):
    series = wide(
        tmp_path,
        "load [MW],time, température [°C],wind",
        "1.5,2020-01-01T00:00,-3,",
        "2,2020-01-01T01:00,nan,4e1",
        "",
        "NA,2020-01-01T02:00,0.25,0",
    )
    assert series.id == "plant" and series.source == "plant.csv"
    assert series.channel_names == ("load", "température", "wind") and series.units == ("MW", "°C", None)
    assert (series.start, series.freq) == (datetime(2020, 1, 1), "h")
    np.testing.assert_array_equal(series.values, np.array([[1.5, 2, NAN], [-3, NAN, 0.25], [NAN, 40, 0]], np.float32))


@pytest.mark.parametrize(("mark", "encoding"), [(";", "utf-8"), ("\t", "utf-8"), (",", "utf-8-sig")])
def test_delimiters_and_byte_order_mark(tmp_path, mark, encoding):
    series = wide(tmp_path, mark.join(["date", "a", "b"]), f"2020-01-01{mark}1{mark}2", f"2020-01-02{mark}3{mark}4",
                  encoding=encoding)  # fmt: skip
    assert series.values.tolist() == [[1, 3], [2, 4]] and series.freq == "D"


@pytest.mark.parametrize(
    ("stamps", "freq"),
    [
        (["2020-01-01", "2020-02-01", "2020-03-01"], "MS"),
        (["2020-01-06", "2020-01-13", "2020-01-20"], "W-MON"),
        (["2020-01-01 00:00:00", "2020-01-01 00:00:00.010", "2020-01-01 00:00:00.020"], "10ms"),
        (["2020-01-01T00:00Z", "2020-01-01T00:30Z"], "30min"),
        (["2020-01-01", "2020-01-02"], "D"),
    ],
)
def test_the_step_is_found(tmp_path, stamps, freq):
    assert wide(tmp_path, "time,x", *(f"{s},1" for s in stamps)).freq == freq


def test_the_offset_is_the_zone(tmp_path):
    series = wide(tmp_path, "time,x", "2020-01-01T00:00+05:30,1", "2020-01-01T01:00+05:30,2")
    assert series.start.isoformat() == "2020-01-01T00:00:00+05:30"
    series = wide(tmp_path, "time,x", "2020-01-01 00:00-05,1", "2020-01-01 01:00-05,2")
    assert series.start.isoformat() == "2020-01-01T00:00:00-05:00"
    assert wide(tmp_path, "time,x", "2020-01-01T00:00Z,1", "2020-01-01T01:00Z,2").start == datetime(
        2020, 1, 1, tzinfo=UTC
    )


def test_the_night_when_the_clocks_go_back(tmp_path):
    hours = ["01:00", "02:00", "02:00", "03:00"]
    series = wide(tmp_path, "time,x", *(f"2020-10-25T{h},{i}" for i, h in enumerate(hours)), zone="Europe/Berlin")
    assert [t.isoformat() for t in series.times] == [
        "2020-10-25T01:00:00+02:00", "2020-10-25T02:00:00+02:00",
        "2020-10-25T02:00:00+01:00", "2020-10-25T03:00:00+01:00",
    ]  # fmt: skip
    assert series.values.tolist() == [[0, 1, 2, 3]]


def test_the_night_when_the_clocks_go_forward(tmp_path):
    lines = ["2020-03-29T01:00+01:00,0", "2020-03-29T03:00+02:00,1", "2020-03-29T04:00+02:00,2"]
    series = wide(tmp_path, "time,x", *lines, zone="Europe/Berlin")
    assert series.freq == "h" and [t.hour for t in series.times] == [1, 3, 4]
    with pytest.raises(DataError, match=r"several offsets from UTC \(\+01:00, \+02:00\). Name the time zone"):
        wide(tmp_path, "time,x", *lines)
    with pytest.raises(DataError, match="row 3: .*T02:00 does not exist in Europe/Berlin, the clocks skipped it"):
        wide(tmp_path, "time,x", "2020-03-29T01:00,1", "2020-03-29T02:00,2", zone="Europe/Berlin")


def test_local_days_stay_days_when_the_clocks_change(tmp_path):
    days = [f"2020-03-{d},{d}" for d in range(27, 32)]
    series = wide(tmp_path, "time,x", *days, zone="Europe/Berlin")
    assert series.freq == "D" and [t.hour for t in series.times] == [0] * 5 and series.values[0, -1] == 31


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], "the file is empty"),
        (["time,x"], "has a header but no rows"),
        (["time,x,x", "2020-01-01,1,2"], "row 1: column 'x' is repeated"),
        (["time", "2020-01-01"], "series 'plant' has a time column \\('time'\\) but no channel"),
        (["time,x", "2020-01-01,1", "2020-01-02"], "row 3 has 1 fields, the header has 2. Leave a field empty"),
        (["time,x", "2020-01-01,1", "2020-01-02,1,5"], "row 3 has 3 fields, the header has 2"),
        (["time,x", "2020-01-01,1", "", "soon,2"], "series 'plant', row 4: 'soon' is not a time. Write ISO 8601"),
        (["time,x", "2020-01-01,1", ",2"], "series 'plant', row 3: '' is not a time"),
        (["time,x", "03/04/2020,1", "04/04/2020,2"], "row 2: '03/04/2020' is not a time"),
        (["time,x", "2020-01-01T00:00,1", "2020-01-01T01:00Z,2"], "row 3: .* has an offset from UTC, unlike"),
        (["time,x", "2020-01-01,1", "2020-01-02,1.5m"], "series 'plant', column 'x', row 3: '1.5m' is not a number"),
        (["time;x", "2020-01-01;1", "2020-01-02;1,5"], "row 3: '1,5' is not a number. Write it with a decimal point"),
        (["time,x", "2020-01-01,1", "2020-01-02,-inf"], "column 'x', row 3: '-inf' is infinite. Leave the field empty"),
        (["time,x", "2020-01-01,1", "2020-01-02,1e39"], "column 'x', row 3: '1e39' is infinite"),
        (["time,x", "2020-01-01,1", "2020-01-02,1", "2020-01-02,2"], "row 4: .*T00:00:00 repeats row 3. Remove"),
        (["time,x", "2020-01-03,1", "2020-01-02,1"], "row 3: 2020-01-02T00:00:00 comes before row 2 .* Sort by time"),
        (["time,x", "2020-01-01,1"], "row 2: there is one time only, so the sampling step is unknown. Pass freq="),
        (
            [
                "time,x", "2020-01-01T00:00,1", "2020-01-01T01:00,1", "2020-01-01T02:00,1", "2020-01-01T03:10,1",
                "2020-01-01T04:10,1",
            ],
            r"row 5: irregular sampling, 0 days 01:10:00 after row 4 where the usual step is .* 01:00:00 \(3 of 4\). "
            r"Resample the file, or pass freq= \(such as 'h'\)",
        ),
    ],
)  # fmt: skip
def test_wide_refusals(tmp_path, lines, message):
    with pytest.raises(DataError, match="plant.csv: .*" + message):
        wide(tmp_path, *lines)


def test_other_refusals(tmp_path):
    with pytest.raises(DataError, match="no such file: '.*none.csv'"):
        read_wide_csv(tmp_path / "none.csv", freq=None, zone=None)
    with pytest.raises(DataError, match="is not UTF-8 text"):
        wide(tmp_path, "time,température", "2020-01-01,1", encoding="latin-1")
    with pytest.raises(DataError, match="unknown time zone 'Berlin'. Use a name of the IANA database"):
        wide(tmp_path, "time,x", "2020-01-01,1", "2020-01-02,1", zone="Berlin")
    with pytest.raises(DataError, match="freq 'hourly' is not a positive pandas offset"):
        wide(tmp_path, "time,x", "2020-01-01,1", "2020-01-02,1", freq="hourly")
    with pytest.raises(DataError, match="row 3: 2020-10-25T02:00 came twice in Europe/Berlin .* has it 1 times, not 2"):
        wide(tmp_path, "time,x", "2020-10-25T01:00,1", "2020-10-25T02:00,1", zone="Europe/Berlin")
    with pytest.raises(DataError, match="repeats row 2. Remove one, or name the time zone if the clocks went back"):
        wide(tmp_path, "time,x", "2020-10-25T02:00,1", "2020-10-25T02:00,1")


def test_a_freq_fills_gaps_with_nan(tmp_path):
    series = wide(tmp_path, "time,x", "2020-01-01T00:30,1", "2020-01-01T01:30,2", "2020-01-01T04:30,5", freq="h")
    assert series.start == datetime(2020, 1, 1, 0, 30)
    np.testing.assert_array_equal(series.values, np.array([[1, 2, NAN, NAN, 5]], np.float32))


def test_a_freq_averages_what_falls_into_one_step(tmp_path):
    series = wide(tmp_path, "time,x", "2020-01-01T00:10,1", "2020-01-01T00:50,2", "2020-01-01T02:05,7", freq="h")
    assert series.start == datetime(2020, 1, 1)
    np.testing.assert_array_equal(series.values, np.array([[1.5, NAN, 7]], np.float32))
    assert wide(tmp_path, "time,x", "2020-01-01,3", freq="h").values.tolist() == [[3]]


@pytest.mark.slow
@given(st.lists(st.booleans(), min_size=1, max_size=30), st.sampled_from(["h", "30min", "D"]))
def test_gaps_of_any_pattern_are_filled(tmp_path_factory, keep, freq):
    kept = [0] + [i + 1 for i, k in enumerate(keep) if k]
    step = {"h": 3600, "30min": 1800, "D": 86400}[freq]
    stamps = [datetime(2020, 2, 27) + timedelta(seconds=step * i) for i in kept]
    folder = tmp_path_factory.mktemp("gaps")
    series = wide(folder, "time,x", *(f"{s.isoformat()},{i}" for s, i in zip(stamps, kept, strict=True)), freq=freq)
    want = [float(i) if i in kept else NAN for i in range(kept[-1] + 1)]
    np.testing.assert_array_equal(series.values[0], np.array(want, np.float32))


LONG = ["unique_id,timestamp,channel,value,unit",
        "a,2020-01-01T00:00,load,1,MW", "b,2020-01-01T00:00,load,9,kW", "a,2020-01-01T00:00,wind,2,",
        "a,2020-01-01T01:00,load,,MW", "a,2020-01-01T01:00,wind,4,", "b,2020-01-01T02:00,load,8,kW"]  # fmt: skip


def test_long_by_hand(tmp_path):
    a, b = long(tmp_path, *LONG)
    assert (a.id, a.channel_names, a.units, a.freq) == ("a", ("load", "wind"), ("MW", None), "h")
    np.testing.assert_array_equal(a.values, np.array([[1, NAN], [2, 4]], np.float32))
    assert (b.id, b.values.tolist(), b.freq, b.units) == ("b", [[9, 8]], "2h", ("kW",))
    assert is_long(tmp_path / "plants.csv")


def test_long_with_a_freq_unites_the_stamps_of_the_channels(tmp_path):
    (series,) = long(tmp_path, "id,time,channel,value", "a,2020-01-01T01:00,x,1", "a,2020-01-01T00:00,y,2",
                     "a,2020-01-01T03:00,y,3", freq="h")  # fmt: skip
    assert series.channel_names == ("x", "y")
    np.testing.assert_array_equal(series.values, np.array([[NAN, 1, NAN, NAN], [2, NAN, NAN, 3]], np.float32))


HEAD = "id,time,channel,value"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id,time,channel,val", "a,2020-01-01,x,1"], "missing: value; unknown: val. Rename or remove them"),
        ([HEAD, "a,2020-01-01,,1"], "row 2 has no id or no channel"),
        ([HEAD, "a,2020-01-01,x,1", "a,2020-01-01,x,2"], "series 'a', channel 'x', row 3: .* repeats row 2"),
        ([HEAD, "a,2020-01-02,x,1", "b,2020-01-01,x,2", "a,2020-01-01,x,3"], "channel 'x', row 4: .* before row 2"),
        ([HEAD, "a,2020-01-01,x,1", "a,2020-01-02,x,oops"], "series 'a', channel 'x', row 3: 'oops' is not a number"),
        (
            [HEAD, "a,2020-01-01,x,1", "a,2020-01-01,y,1", "a,2020-01-02,x,1", "a,2020-01-03,x,1", "a,2020-01-03,y,1"],
            r"series 'a': channel 'y' has 2 values, channel 'x' has 3; 'y' lacks 2020-01-02T00:00:00 \(row 4 of 'x'\)",
        ),
        ([HEAD, "a,2020-01-01,x,1", "a,2020-01-02,x,1", "a,2020-01-05,x,1"], "row 4: irregular sampling, 3 d"),
        ([HEAD + ",unit", "a,2020-01-01,x,1,MW", "a,2020-01-02,x,1,kW"], "row 3: unit 'kW' differs from 'MW' in row 2"),
    ],
)  # fmt: skip
def test_long_refusals(tmp_path, lines, message):
    with pytest.raises(DataError, match="plants.csv: .*" + message):
        long(tmp_path, *lines)


def test_a_grid_is_refused_where_it_would_be_nearly_empty(tmp_path):
    """A wrong year makes an hourly grid of 70 million steps; a grid of a million may be as empty as it likes."""
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    wide.write_text("time,x\n2020-01-01,1\n2020-01-02,2\n9020-01-03,3\n")
    with pytest.raises(DataError, match=r"has 613.* steps of 'h', more than the 50000000 that limits.steps"):
        read_wide_csv(wide, freq="h", zone=None)
    with pytest.raises(DataError, match="times as many steps of 'h' as stamps, more than the 7 that limits.expansion"):
        read_wide_csv(wide, freq="h", zone=None, limits=Limits(steps=10**9, expansion=7))
    wide.write_text("time,x\n2020-01-01,1\n2120-01-02,2\n")
    assert read_wide_csv(wide, freq="h", zone=None)[0].n_steps == 876_601
    long.write_text("id,time,channel,value\na,2020-01-01,x,1\na,2020-01-01T00:00Z,y,2\na,2020-01-02T00:00Z,y,2\n")
    with pytest.raises(DataError, match="times of channel 'x' have another offset from UTC than those of 'y', or none"):
        read_long_csv(long, freq="h", zone=None)


def test_channels_with_stamps_of_their_own_may_not_make_a_giant(tmp_path, monkeypatch):
    rows = [f"a,2020-01-01T00:{c:02d}:{s:02d},c{c},1" for c in range(40) for s in range(20)]
    (tmp_path / "long.csv").write_text("\n".join(["id,time,channel,value", *rows]) + "\n")
    assert read_long_csv(tmp_path / "long.csv", freq="s", zone=None)[0].values.shape[0] == 40
    monkeypatch.setattr(files, "FREE", 1000)
    with pytest.raises(DataError, match="series 'a': has 40 times its own size once decoded, more than the 39"):
        read_long_csv(tmp_path / "long.csv", freq="s", zone=None, limits=Limits(expansion=39))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('time,x\n2020-01-01,"1\n', "unexpected end of data. Close every quote"),
        ('time,x\n2020-01-01,"1"2\n', "expected after .* Close every quote"),
        ("time,x\n2020-01-01," + "1" * 200_000, "field larger than field limit"),
        ("time," + "x" * 1001 + "\n2020-01-01,1", "has 1001 characters in the name of a column, more than the 1000"),
    ],
)
def test_quotes_and_giant_fields(tmp_path, text, message):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_wide_csv(tmp_path / "f.csv", freq=None, zone=None)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("stamp", ["2020-01-02T00+01:0", "2020-01-02T00+0"])
def test_offsets_that_pandas_alone_can_read_are_refused(tmp_path, zone, stamp):
    (tmp_path / "f.csv").write_text(f"time,x\n{stamp},1\n{stamp},2\n")
    with pytest.raises(DataError, match="row 2: the offset of '2020-.*' from UTC is not in ISO 8601"):
        read_wide_csv(tmp_path / "f.csv", freq=None, zone=zone)


def test_years_that_no_datetime_holds_are_refused(tmp_path):
    (tmp_path / "f.csv").write_text("time,x\n2020-01-01,1\n9999-12-31,2\n")
    with pytest.raises(DataError, match="row 3: '9999-12-31' is not in the years 2 to 9998"):
        read_wide_csv(tmp_path / "f.csv", freq="D", zone="Europe/Berlin")
