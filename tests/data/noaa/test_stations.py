"""The station list in both of its forms, the zones, and distances on the sphere."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.noaa.events import Event
from tracets.data.noaa.stations import EARTH_KM, Station, distance_km, file_of, locate, read_stations, read_zones
from tracets.errors import DataError

_spec = importlib.util.spec_from_file_location("noaa_formats", Path(__file__).with_name("formats.py"))
formats = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formats)

OKC = Station("USW00013967", 35.3889, -97.6006, 391.7, "OK", "OKLAHOMA CITY WILL ROGERS AP")
FIXED = "\n".join(
    [
        formats.station_line("USW00013967", 35.3889, -97.6006, 391.7, "OK", "OKLAHOMA CITY WILL ROGERS AP"),
        formats.station_line("ACM00078861", 17.1167, -61.7833, 10.0, "", "COOLIDGE FIELD   ANTIGUA"),
        formats.station_line("USC00516128", 21.333, -157.8025, -999.9, "HI", "MANOA LYON ARBORETUM 785.2").rstrip(),
        "",
    ]
)
CSV = (
    "GHCN_ID,LATITUDE,LONGITUDE,ELEVATION,STATE,NAME,GSN,(US)HCN_(US)CRN,WMO_ID,ICAO,ISO_CODE\n"
    "USW00013967,35.3889,-97.6006,391.7,OK,OKLAHOMA CITY WILL ROGERS AP,,HCN,72353,KOKC,US\n"
    'ACM00078861,17.1167,-61.7833,10.0,,"COOLIDGE FIELD   ANTIGUA",,,78861,,AG\n'
    "USC00516128,21.333,-157.8025,-999.9,HI,MANOA LYON ARBORETUM 785.2,,,,,US\n"
)


@pytest.mark.parametrize("text", [FIXED, CSV], ids=["fixed width", "csv"])
def test_both_forms_say_the_same(tmp_path, text):
    path = tmp_path / "list"
    path.write_text(text)
    assert read_stations(path) == [
        Station("ACM00078861", 17.1167, -61.7833, 10.0, "", "COOLIDGE FIELD ANTIGUA"),
        Station("USC00516128", 21.333, -157.8025, None, "HI", "MANOA LYON ARBORETUM 785.2"),
        OKC,
    ]
    assert read_stations(path, ("W",)) == [OKC]


QUIRKS = (
    "GHCN_ID,LATITUDE,LONGITUDE,ELEVATION,STATE,NAME,GSN,(US)HCN_(US)CRN,WMO_ID,ICAO\n"
    "ACL000BARA9,17.5910,-61.8210,5.0,TX,BARBUDA,,,,\n"
    "ACU55-00189,18.6000,-63.4700,9999.0,,SOMBRERO,,,,\n"
    "AGM00060350,37.0830,6.4500,-999.0,,BOGUS ALGERIAN,,,,\n"
    "RQW00011641,18.4325,-66.0108,2.7,PR,SAN JUAN INTL AP,,,78526,TJSJ\n"
    "VMUg_ngai-1,15.1200,108.8000,14.0,,QUANGNGAI,,,open,\n"
    "WAU3158-X-1,-26.6300,15.1000,-26.0,,DIAZPOINT-,,,,\n"
)


@pytest.mark.parametrize("form", ["csv", "txt"])
def test_quirks_of_the_real_list(tmp_path, form):
    """Ids with hyphens and small letters, states of stations abroad, elevations that nobody knows, below the sea."""
    path = tmp_path / "list"
    rows = [line.split(",") for line in QUIRKS.splitlines()[1:]]
    lines = [formats.station_line(r[0], *map(float, r[1:4]), *r[4:6]) for r in rows]
    path.write_text(QUIRKS if form == "csv" else "\n".join(lines) + "\n")
    found = {s.id: (s.elevation, s.state) for s in read_stations(path)}
    assert found == {
        "ACL000BARA9": (5.0, ""), "ACU55-00189": (None, ""), "AGM00060350": (None, ""), "RQW00011641": (2.7, "PR"),
        "VMUg_ngai-1": (14.0, ""), "WAU3158-X-1": (-26.0, ""),
    }  # fmt: skip


def test_a_broken_row_of_many_is_left_out(tmp_path):
    path = tmp_path / "list"
    good = "".join(f"USW{i:08d},35.0,-97.0,10.0,OK,S {i},,,,\n" for i in range(150))
    path.write_text(QUIRKS.splitlines()[0] + "\n" + good + "US?00000001,35,-97,1,OK,X,,,,\n")
    assert len(read_stations(path)) == 150
    path.write_text(path.read_text() + "USW00000999,east,-97,1,OK,X,,,,\n")
    with pytest.raises(DataError, match=r"2 of 152 rows are broken; row 152: no station has the id 'US\?00000001'"):
        read_stations(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html>\n", "row 1: could not convert"),
        (FIXED.replace("35.3889", " 95.388"), "row 1: no station has the id"),
        ("GHCN_ID,LATITUDE\n", "row 1 lacks some of"),
        (CSV.replace("17.1167", "nan"), "row 3: no station"),
        ("", "names no station"),
    ],
)
def test_other_files_are_refused_with_the_row(tmp_path, text, said):
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(DataError, match=said):
        read_stations(path)


def test_the_address_of_a_station_year():
    assert file_of("USW00013967", 2019) == ("access/by-year/2019/psv/GHCNh_USW00013967_2019.psv")


def test_known_distances():
    """A quarter and a half of the circle; Paris to New York, which every table gives as about 5,837 km."""
    found = distance_km(0.0, 0.0, np.array([90.0, 0.0, 0.0]), np.array([0.0, 180.0, 1.0]))
    assert found == pytest.approx([EARTH_KM * math.pi / 2, EARTH_KM * math.pi, EARTH_KM * math.pi / 180])
    assert distance_km(48.8566, 2.3522, np.array([40.7128]), np.array([-74.0060]))[0] == pytest.approx(5837, abs=2)
    assert distance_km(0.0, 179.9, np.array([0.0]), np.array([-179.9]))[0] == pytest.approx(22.24, abs=0.01)


places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@settings(deadline=None)
@given(places, places)
def test_distances_agree_with_the_angle_between_two_vectors(a, b):
    def vector(lat, lon):
        lat, lon = math.radians(lat), math.radians(lon)
        return np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])

    one, two = vector(*a), vector(*b)
    angle = math.atan2(np.linalg.norm(np.cross(one, two)), one @ two)
    there = distance_km(*a, np.array([b[0]]), np.array([b[1]]))[0]
    back = distance_km(*b, np.array([a[0]]), np.array([a[1]]))[0]
    assert there == pytest.approx(angle * EARTH_KM, abs=1e-3) and there == pytest.approx(back, abs=1e-6)


ZONES = (
    "OK|019|OUN|Oklahoma|OK019|Cleveland|40027|C|c |35.2000|-97.3000\n"
    "OK|019|OUN|Oklahoma|OK019|Oklahoma|40109|C|c |35.6000|-97.5000\n"
    "OK|020|OUN|Lincoln|OK020|Lincoln|40081|C|c |35.7000|-96.9000\n"
)


def event(**changes):
    usual = {"id": 1, "episode": 1, "type": "Winter Storm", "state": "OKLAHOMA", "fips": ("Z", 40, 19), "begin": 0,
             "end": 0, "lat": None, "lon": None, "located": None, "damage": None}  # fmt: skip
    return Event(**(usual | changes))


def test_events_of_a_zone_lie_in_its_middle(tmp_path):
    path = tmp_path / "bp05mr24.dbx"
    path.write_text(ZONES)
    zones = read_zones(path)
    found = locate(event(), zones)
    assert (found.lat, found.lon, found.located) == (pytest.approx(35.4), pytest.approx(-97.4), "zone")
    county = locate(event(fips=("C", 40, 81)), zones)
    assert (county.lat, county.lon) == (35.7, -96.9)
    for as_they_are in (event(fips=("Z", 48, 19)), event(fips=None), event(lat=1.0, lon=2.0, located="event")):
        assert locate(as_they_are, zones) is as_they_are


def test_a_zone_across_the_date_line(tmp_path):
    """Of the Aleutians: not in the middle of the Atlantic."""
    path = tmp_path / "zones"
    row = "AK|187|AFC|Western Aleutians|AK187|Aleutians West|02016|A|c |{}|{}\n"
    path.write_text(row.format("52.0", "179.0") + row.format("52.4", "-175.0"))
    assert read_zones(path)["Z", 2, 187] == (pytest.approx(52.2), pytest.approx(-178.0))
    path.write_text(row.format("52.0", "173.0") + row.format("52.4", "-177.0"))
    assert read_zones(path)["Z", 2, 187][1] == pytest.approx(178.0)


def test_another_file_is_no_list_of_zones(tmp_path):
    path = tmp_path / "zones"
    path.write_text(ZONES + "OK|019\n")
    with pytest.raises(DataError, match="row 4 is not STATE"):
        read_zones(path)
