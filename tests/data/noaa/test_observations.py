"""Station-years of GHCNh as hours, by hand: codes, calms, traces, running totals, layouts of two releases."""

import importlib.util
import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.noaa.observations import CHANNELS, hours_of, oktas, passes, read_hours
from tracets.errors import DataError
from tracets.files import Limits

_spec = importlib.util.spec_from_file_location("noaa_formats", Path(__file__).with_name("formats.py"))
formats = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formats)
report = formats.report


@pytest.fixture
def hours(tmp_path):
    """A function from reports to {channel: hours of 2019}, with the counts."""

    def run(*rows, **options):
        path = tmp_path / "GHCNh_USW00013967_2019.psv"
        path.write_bytes(formats.psv(rows, **options))
        counts = Counter()
        values = read_hours(path, 2019, counts)
        assert values.shape == (7, 8760) and values.dtype == np.float32
        return dict(zip(CHANNELS, values, strict=True)), dict(counts)

    return run


def test_channels_are_those_of_the_papers_files():
    from tracets.data.trace_layout import CHANNELS as published

    assert {name.replace(" ", "_") for name in CHANNELS} == set(published)


def test_several_reports_an_hour(hours):
    found, counts = hours(
        report("2019-01-01T00:00:00", temperature=1.0, relative_humidity=50, visibility=16.093),
        report("2019-01-01T00:51:00", temperature=2.0, relative_humidity=60),
        report("2019-01-01T01:00:00", temperature=-4.4),
        report("2019-12-31T23:59:00", temperature=7.0),
        report("2018-12-31T23:51:00", temperature=40.0),
        report("2020-01-01T00:00:00", temperature=40.0),
    )
    assert found["temperature"][:3] == pytest.approx([1.5, -4.4, np.nan], nan_ok=True)
    assert found["temperature"][-1] == 7 and np.isfinite(found["temperature"]).sum() == 3
    assert found["relative humidity"][0] == 55 and found["visibility"][0] == pytest.approx(16.093)
    assert counts == {"rows": 4, "flagged": 0, "out of range": 0}


@pytest.mark.parametrize(
    ("direction", "u", "v"),
    [
        (1, -0.175, -9.998),
        (90, -10, 0),
        (180, 0, 10),
        (270, 10, 0),
        (360, 0, -10),
        (45, -7.071, -7.071),
        (225, 7.071, 7.071),
    ],
)
def test_wind_blows_from_its_direction(hours, direction, u, v):
    found, _ = hours(report("2019-01-01T00:51:00", wind_direction=f"{direction:03d}", wind_speed=10))
    assert (found["wind u"][0], found["wind v"][0]) == pytest.approx((u, v), abs=1e-3)


@settings(deadline=None)
@given(st.floats(0, 100), st.integers(1, 360))
def test_components_keep_speed_and_direction(speed, direction):
    from tracets.data.noaa.observations import _Table, _wind

    row = {"wind_speed": speed, "wind_direction": direction}
    table = _Table({name: np.array([str(value)], dtype=object) for name, value in row.items()}, 1, Counter())
    (u,), (v,) = _wind(table)
    assert math.hypot(u, v) == pytest.approx(speed, abs=1e-9)
    if speed > 1e-6:
        assert math.cos(math.atan2(-u, -v) - math.radians(direction)) == pytest.approx(1, abs=1e-9)


def test_opposite_winds_of_an_hour_cancel(hours):
    found, _ = hours(
        report("2019-01-01T00:10:00", wind_direction="090", wind_speed=4),
        report("2019-01-01T00:51:00", wind_direction="270", wind_speed=4),
    )
    assert (found["wind u"][0], found["wind v"][0]) == (0, 0)


@pytest.mark.parametrize("code", ["C", "C-Calm"])
@pytest.mark.parametrize("direction", ["999", "", "000"])
@pytest.mark.parametrize("speed", ["0.0", ""])
def test_calm(hours, code, direction, speed):
    calm = {"Measurement_Code": code}
    found, _ = hours(report("2019-01-01T00:51:00", wind_direction=(direction, calm), wind_speed=speed))
    assert (found["wind u"][0], found["wind v"][0]) == (0, 0)
    assert not np.signbit(found["wind u"][0]), "no minus zero, whose bytes are others"


def test_no_direction_with_a_speed_is_not_north(hours):
    """000 stands for calm; north is 360."""
    found, _ = hours(
        report("2019-01-01T00:51:00", wind_direction="000", wind_speed=4),
        report("2019-01-01T01:51:00", wind_direction="000", wind_speed=0),
        report("2019-01-01T02:51:00", wind_direction="360", wind_speed=4),
    )
    assert found["wind v"][:3] == pytest.approx([np.nan, 0, -4], nan_ok=True)


@pytest.mark.parametrize("code", ["V", "V-Variable"])
def test_variable_wind_has_no_components_and_none_at_all_is_calm(hours, code):
    variable = {"Measurement_Code": code}
    found, _ = hours(
        report("2019-01-01T00:51:00", wind_direction=("999", variable), wind_speed=2.1),
        report("2019-01-01T01:51:00", wind_direction=("180", variable), wind_speed=2.1),
        report("2019-01-01T02:51:00", wind_direction=("999", variable), wind_speed=0),
        report("2019-01-01T03:51:00", wind_speed=2.1),
        report("2019-01-01T04:51:00", wind_direction="180"),
    )
    assert np.isnan(found["wind u"][[0, 1, 3, 4]]).all() and found["wind u"][2] == 0


QUALITY = [
    *((code, "343", True) for code in ("", "0", "1", "4", "5", "9", "A", "P", "U", "9-Missing")),
    *((code, "343", False) for code in ("2", "3", "6", "7", "o", "S", "d", "W", "f")),
    *((code, source, True) for code in ("", "0", "1", "4", "9-Missing") for source in ("220", "223", "347", "348")),
    *((code, source, False) for code in ("2", "3", "5", "L", "A") for source in ("220", "223", "347", "348")),
    *((code, "345", good) for code, good in (("", True), ("0", True), ("1", False), ("3", False), ("5", False))),
    *((code, "382", False) for code in ("X", "N", "K", "A")),
    ("1", "", True), ("1", "413", True), ("s", "413", False), ("5-Passed", "343", True), ("45", "343", False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "source", "good"), QUALITY)
def test_quality_codes_by_source(hours, code, source, good):
    assert passes(code, source) is good
    found, counts = hours(report("2019-01-01T00:51:00", source=source, quality=code, temperature=3, visibility=9))
    assert np.isfinite(found["temperature"][0]) == good == np.isfinite(found["visibility"][0])
    assert counts["flagged"] == (0 if good else 2)


def test_a_flag_on_one_variable_leaves_the_others(hours):
    found, _ = hours(report("2019-01-01T00:51:00", temperature=(30, {"Quality_Code": "3"}), relative_humidity=40))
    assert np.isnan(found["temperature"][0]) and found["relative humidity"][0] == 40


@pytest.mark.parametrize("missing", ["", "NA", "-9999", "9999.9", "+9999"])
def test_missing_values(hours, missing):
    found, counts = hours(report("2019-01-01T00:51:00", temperature=missing, visibility=9))
    assert np.isnan(found["temperature"][0]) and counts["flagged"] == 0


def test_a_code_that_is_missing_is_no_value_that_is_missing(hours):
    """The first release writes 9-Missing where a source gave no code of measurement or of quality."""
    unknown = {"Measurement_Code": "9-Missing", "Quality_Code": "9-Missing", "Source_Code": "223"}
    found, counts = hours(
        report("2019-01-01T00:51:00", temperature=(5, unknown), visibility=(9, {"Measurement_Code": "9"}))
    )
    assert (found["temperature"][0], found["visibility"][0], counts["flagged"]) == (5, 9, 0)


def test_values_that_no_place_ever_had(hours):
    found, counts = hours(
        report("2019-01-01T00:51:00", temperature=61, relative_humidity=101, wind_speed=-1, wind_direction=400,
               visibility=-1, precipitation=-2.5),
    )  # fmt: skip
    assert all(np.isnan(row[0]) for row in found.values()) and counts["out of range"] == 6


def test_running_totals_are_not_added_up(hours):
    """As on 8 June 2013 at La Guardia: five reports of one hour, each with the total so far."""
    found, _ = hours(
        report("2019-06-08T01:16:00", kind="FM16", precipitation=4.6),
        report("2019-06-08T01:40:00", kind="FM16", precipitation=5.8),
        report("2019-06-08T01:51:00", kind="FM15", precipitation=6.1),
        report("2019-06-08T01:57:00", kind="FM16", precipitation=0.3),  # of the next hour's total
        report("2019-06-08T02:20:00", kind="FM16", precipitation=0.8),
        report("2019-06-08T02:49:00", kind="FM-16", precipitation=1.2),
        report("2019-06-08T03:00:00", kind="CRN05", precipitation=0.2),
        report("2019-06-08T03:05:00", kind="CRN05", precipitation=0.3),
        report("2019-06-08T04:10:00", kind="AUTO", precipitation=2.0),
        report("2019-06-08T04:50:00", kind="AUTO", precipitation=2.5),
    )
    first = (datetime(2019, 6, 8, tzinfo=UTC) - datetime(2019, 1, 1, tzinfo=UTC)).days * 24
    assert found["precipitation"][first : first + 6] == pytest.approx([np.nan, 6.1, 1.2, 0.5, 2.5, np.nan], nan_ok=True)


@pytest.mark.parametrize("code", ["T", "2", "2-Trace"])
def test_a_trace_is_no_millimetre(hours, code):
    found, _ = hours(
        report("2019-01-01T00:51:00", precipitation=("", {"Measurement_Code": code})),
        report("2019-01-01T01:51:00", precipitation=("0.0", {"Measurement_Code": code})),
        report("2019-01-01T02:51:00", precipitation=("", {"Measurement_Code": code, "Quality_Code": "3"})),
    )
    assert found["precipitation"][:3] == pytest.approx([0, 0, np.nan], nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "source", "kept"),
    [
        *((code, "343", True) for code in ("", "0", "3", "3-Measurable", "9", "9-Missing")),
        ("1-Measurement-impossible-or-inaccurate", "343", False),
        *((code, "223", False) for code in "1345678IJ"), ("E", "223", True), ("4-End-accumulated-period", "348", False),
        *((code, "382", False) for code in ("a", ".", "06-hr-accum")),
        *((code, "382", True) for code in ("g", "Z", "")),
    ],
)  # fmt: skip
def test_amounts_of_other_times_than_an_hour(hours, code, source, kept):
    """A code means one thing in ISD's sources and another in the Air Force's: 3 is measurable, or a period's begin."""
    codes = {"Measurement_Code": code, "Source_Code": source, "Quality_Code": ""}
    found, counts = hours(report("2019-01-01T00:51:00", precipitation=("9.1", codes)))
    assert np.isfinite(found["precipitation"][0]) == kept and counts["flagged"] == 0


def test_the_most_covered_layer_of_the_last_report(hours):
    found, _ = hours(
        report("2019-01-01T00:20:00", sky_cover_summation_1="OVC:08"),
        report("2019-01-01T00:51:00", sky_cover_summation_1="FEW:02;", sky_cover_summation_2="BKN:07;"),
        report("2019-01-01T01:51:00", sky_cover_summation_1="CLR:00"),
        report("2019-01-01T02:51:00", sky_cover_summation_1=("OVC:08", {"Quality_Code": "3"})),
        report("2019-01-01T03:51:00", temperature=3),
    )
    assert found["sky code"][:4] == pytest.approx([7, 0, np.nan, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("text", "eighths"),
    [("CLR:00", 0), ("FEW:02", 2), ("SCT:04;", 4), ("BKN:07", 7), ("OVC:08", 8), ("VV:09", 8), ("OVC", 8), ("3", 3)],
)
def test_oktas(text, eighths):
    assert oktas(text) == eighths


@pytest.mark.parametrize("text", ["", "X:10", "99", "?", ":"])
def test_no_oktas(text):
    assert np.isnan(oktas(text))


def test_layouts_of_the_first_release(hours):
    """Station_ID, five columns of time without DATE, three layers, no codes for some variables."""
    header = ["Station_ID", "Station_name", "Year", "Month", "Day", "Hour", "Minute", "Latitude", "temperature",
              "wind_direction", "wind_direction_Measurement_Code", "wind_speed", "sky_cover_1", "remarks"]  # fmt: skip
    row = {"Year": 2019, "Month": 1, "Day": 1, "Hour": 5, "Minute": 54, "temperature": "-1.1", "wind_direction": "180",
           "wind_direction_Measurement_Code": "N-Normal", "wind_speed": "3.1", "sky_cover_1": "SCT:04"}  # fmt: skip
    found, _ = hours(row, row | {"Month": 13}, header=header)
    assert found["temperature"][5] == pytest.approx(-1.1) and found["wind v"][5] == pytest.approx(3.1)
    assert found["sky code"][5] == 4 and np.isnan(found["visibility"]).all()


@pytest.mark.parametrize(
    "date", ["2019-01-01T03:51:00", "2019-01-01T03:51:00Z", "2019-01-01 03:51", "2019-01-01T03:51"]
)
def test_dates_of_all_releases(hours, date):
    found, _ = hours(report(date, temperature=3), report("", temperature=9))
    assert found["temperature"][3] == 3 and np.isfinite(found["temperature"]).sum() == 1


def test_a_year_without_reports(hours):
    found, counts = hours()
    assert all(np.isnan(row).all() for row in found.values()) and counts["rows"] == 0


def test_leap_years():
    assert (hours_of(2019), hours_of(2020), hours_of(2100)) == (8760, 8784, 8760)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.psv"
    for content, said in [
        (b"<html>\n", "neither DATE nor"),
        (formats.psv([report("soon", temperature=3)]), "no row has a time"),
        (formats.psv([report("2019-01-01T00:51:00")]) + b"a|b\n", "fetched again"),
        (formats.psv([report("2019-01-01T00:51:00")]).replace(b"|DATE", b"\r|DATE"), "fetched again"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_hours(path, 2019, Counter())
    path.write_bytes(formats.psv([report("2019-01-01T00:51:00")] * 3))
    with pytest.raises(DataError, match="limits.rows"):
        read_hours(path, 2019, Counter(), limits=Limits(rows=2))
