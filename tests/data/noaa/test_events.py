"""Storm Events as published: times, places, sums, texts, and files that are broken."""

import gzip
import importlib.util
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.noaa.events import Event, dollars, newest_details, read_events, read_narratives, zone_offset
from tracets.errors import DataError
from tracets.files import Limits

_spec = importlib.util.spec_from_file_location("noaa_formats", Path(__file__).with_name("formats.py"))
formats = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formats)
details = formats.details


@pytest.fixture
def read(tmp_path):
    def run(*rows, **options):
        path = tmp_path / "details.csv.gz"
        path.write_bytes(details(rows, **options))
        left_out = Counter()
        return list(read_events(path, left_out)), dict(left_out)

    return run


def seconds(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def test_an_event_by_hand(read):
    """12:05 in the afternoon of Central Standard Time is 18:05 UTC, in summer too."""
    (event,), left_out = read(
        {"EVENT_ID": "812345", "EPISODE_ID": "135000", "BEGIN_TIME": "1205", "END_DAY": "21", "END_TIME": "5",
         "DAMAGE_PROPERTY": "10.00K", "BEGIN_LAT": "35.3931", "BEGIN_LON": "-97.6007"}
    )  # fmt: skip
    assert event == Event(
        id=812345, episode=135000, type="Hail", state="OKLAHOMA", fips=("C", 40, 109),
        begin=seconds(2019, 5, 20, 18, 5), end=seconds(2019, 5, 21, 6, 5), lat=35.3931, lon=-97.6007, located="event",
        damage=10_000.0,
    )  # fmt: skip
    assert left_out == {"of broken rows": 0}


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("CST-6", -6), ("EST-5", -5), ("PDT-7", -7), ("HST-10", -10), ("AKST-9", -9), ("GST10", 10), ("SST-11", -11),
     ("CSt-6", -6), ("CST", -6), ("EDT", -4), ("EDT-4", -4), ("HDT-9", -9), ("AKDT-8", -8),
     ("ADT", -3), ("SST", -11), (" MST-7 ", -7)],
)  # fmt: skip
def test_zones(zone, hours):
    assert zone_offset(zone) == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["", "UNK", "XST", "-6", "CST-66", "CST-6-7"])
def test_zones_that_nobody_knows(zone):
    assert zone_offset(zone) is None


@settings(deadline=None)
@given(st.integers(-12, 14), st.datetimes(datetime(1951, 1, 2), datetime(2098, 12, 30)))
def test_local_time_plus_its_offset_is_universal_time(hours, local):
    from tracets.data.noaa.events import _time

    local = local.replace(second=0, microsecond=0)
    row = {"BEGIN_YEARMONTH": f"{local:%Y%m}", "BEGIN_DAY": str(local.day), "BEGIN_TIME": str(int(f"{local:%H%M}"))}
    found = _time(row, "BEGIN", zone_offset(f"XYZ{hours:+d}"))
    assert datetime.fromtimestamp(found, UTC).replace(tzinfo=None) == local - timedelta(hours=hours)


@pytest.mark.parametrize(("clock", "minute"), [("0", 0), ("5", 5), ("45", 45), ("100", 60), ("2359", 1439)])
def test_clocks_have_no_leading_zeros(read, clock, minute):
    (event,), _ = read({"BEGIN_TIME": clock, "CZ_TIMEZONE": "UTC0", "END_DAY": "22"})
    assert event.begin == seconds(2019, 5, 20) + 60 * minute


def test_days_that_the_calendar_has_and_has_not(read):
    """New Year comes hours later in Alaska, and sooner on Guam; 29 February is in leap years alone."""
    eve = {"BEGIN_YEARMONTH": "201912", "BEGIN_DAY": "31", "END_YEARMONTH": "201912", "END_DAY": "31"}
    leap = {"BEGIN_DAY": "29", "END_DAY": "29", "BEGIN_TIME": "2359", "END_TIME": "2359"}
    found, left_out = read(
        eve | {"BEGIN_TIME": "1500", "END_TIME": "2359", "CZ_TIMEZONE": "AKST-9"},
        {"BEGIN_YEARMONTH": "202001", "BEGIN_DAY": "1", "BEGIN_TIME": "0", "CZ_TIMEZONE": "GST10"},
        leap | {"BEGIN_YEARMONTH": "202002", "END_YEARMONTH": "202002"},
        leap | {"BEGIN_YEARMONTH": "201902", "END_YEARMONTH": "201902"},
    )
    assert [event.begin for event in found] == [
        seconds(2020, 1, 1), seconds(2019, 12, 31, 14), seconds(2020, 3, 1, 5, 59),
    ]  # fmt: skip
    assert found[0].end == seconds(2020, 1, 1, 8, 59) and left_out["without a time"] == 1


def test_rows_that_cannot_be_used_are_counted(read):
    found, left_out = read(
        {"CZ_TIMEZONE": "UNK"}, {"BEGIN_TIME": "2460"}, {"BEGIN_DAY": "32"}, {"EVENT_ID": ""}, {"BEGIN_YEARMONTH": ""}
    )
    assert found == []
    assert +Counter(left_out) == {"of an unknown time zone": 1, "without a time": 3, "without an id": 1}


def test_an_end_before_the_beginning_is_the_beginning(read):
    (event,), _ = read({"END_DAY": "19"})
    assert event.end == event.begin


@pytest.mark.parametrize("place", [("", ""), ("0", "0"), ("35.4", ""), ("95", "-97"), ("x", "-97"), ("nan", "-97")])
def test_events_without_a_place(read, place):
    (event,), _ = read({"CZ_TYPE": "Z", "CZ_FIPS": "019", "BEGIN_LAT": place[0], "BEGIN_LON": place[1]})
    assert (event.lat, event.lon, event.located, event.fips) == (None, None, None, ("Z", 40, 19))


@pytest.mark.parametrize(
    ("text", "sum_"),
    [("0.00K", 0), ("10.00K", 1e4), ("2.5M", 2.5e6), (".5B", 5e8), ("1H", 100), ("7", 7), ("3k", 3000)],
)
def test_dollars(text, sum_):
    assert dollars(text) == sum_


@pytest.mark.parametrize("text", ["", "K", "?", "1.2.3K", "-5K", "5KK"])
def test_no_dollars(text):
    assert dollars(text) is None


def test_texts_come_from_the_event_or_else_from_its_episode(tmp_path):
    path = tmp_path / "details.csv.gz"
    rows = [
        {"EVENT_ID": "1", "EVENT_NARRATIVE": 'Trees fell,\n "large"  ones.'},
        {"EVENT_ID": "2", "EVENT_NARRATIVE": " "},
        {"EVENT_ID": "3", "EVENT_NARRATIVE": "", "EPISODE_NARRATIVE": ""},
        {"EVENT_ID": "4"},
    ]
    path.write_bytes(details(rows))
    assert read_narratives(path, {1, 2, 3}) == {
        1: ('Trees fell, "large" ones.', "event"), 2: ("Storms crossed the state.", "episode"),
    }  # fmt: skip


def test_bytes_of_windows_1252(tmp_path):
    path = tmp_path / "details.csv.gz"
    path.write_bytes(details([{"EVENT_NARRATIVE": "95° – hot"}], encoding="cp1252"))
    assert read_narratives(path, {1}) == {1: ("95° – hot", "event")}


def test_the_newest_file_of_a_year():
    page = "".join(
        f'<a href="StormEvents_{kind}-ftp_v1.0_d{year}_c{made}.csv.gz">StormEvents_{kind}-ftp_v1.0_d{year}_c...</a>\n'
        for kind in ("details", "locations")
        for year, made in ((2019, 20240117), (2019, 20230101), (2020, 20240620))
    )
    assert newest_details(page, [2020, 2019]) == {
        2020: "StormEvents_details-ftp_v1.0_d2020_c20240620.csv.gz",
        2019: "StormEvents_details-ftp_v1.0_d2019_c20240117.csv.gz",
    }
    with pytest.raises(DataError, match="no details for 2021; it has 2019 to 2020"):
        newest_details(page, [2021])
    with pytest.raises(DataError, match="no year at all"):
        newest_details("<html>", [2021])


def test_broken_files_are_refused_with_the_fix(tmp_path):
    path = tmp_path / "details.csv.gz"
    whole = details([{}] * 200)
    for content, said in [
        (whole[: len(whole) // 2], "cannot be read as gzip.*fetched again"),
        (b"<html>", "cannot be read as gzip"),
        (gzip.compress(b"a,b\n1,2\n"), "lacks the columns BEGIN_YEARMONTH"),
        (gzip.compress(gzip.decompress(details([{}])) + b"1,2\n"), "1 of 2 rows have another number of fields.*line 3"),
        (gzip.compress(b"x" * 2**20), "a line of 1048576 bytes"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=said):
            list(read_events(path, Counter()))


def test_one_broken_row_of_many_is_left_out(tmp_path):
    """An old row in full, as of 1950, and one with a quote and a comma inside a text."""
    path = tmp_path / "details.csv.gz"
    text = gzip.decompress(details([{"EVENT_ID": str(i)} for i in range(200)])).decode()
    old = (
        '195004,28,1445,195004,28,1445,,10096222,"OKLAHOMA",40,1950,"April","Tornado","C",149,"WASHITA",,'
        '"28-APR-50 14:45:00","CST","28-APR-50 14:45:00","0","0","0","0","250K","0",,"0",,,,"F3","3.4","400",,,,,"0",'
        ',,"0",,,"35.12","-99.20","35.17","-99.20",,,"PUB"\n'
    )
    spoiled = old.replace(',,"PUB"', ',"They said "run", and ran.","PUB"')
    path.write_bytes(gzip.compress((text + spoiled + old).encode()))
    left_out = Counter()
    *_, last = read_events(path, left_out)
    assert (last.id, last.episode, last.damage) == (10096222, None, 250_000.0)
    assert last.begin == seconds(1950, 4, 28, 20, 45) and (last.lat, last.lon) == (35.12, -99.2)
    assert +left_out == {"of broken rows": 1}


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    from tracets.data.noaa import events

    monkeypatch.setattr(events, "FREE", 1000)
    path = tmp_path / "details.csv.gz"
    path.write_bytes(details([{}] * 1000))
    with pytest.raises(DataError, match="decoded_bytes"):
        list(read_events(path, Counter(), limits=Limits(decoded_bytes=2000)))
