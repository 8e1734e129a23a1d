"""A small archive for a server: two years, five stations, a dozen events, with an oracle for every hour.

USW00000001 (A) and USW00000002 (B) lie 111 km apart in Oklahoma, USW00000003 (C) in New York State. Nearest to A's
events are USC00000004, of another network, and USW00000005, which has no files. The hours follow from `hour_values`.
"""

import importlib.util
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

_spec = importlib.util.spec_from_file_location("noaa_formats", Path(__file__).with_name("formats.py"))
formats = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formats)

A, B, C = "USW00000001", "USW00000002", "USW00000003"
STATIONS = [
    (A, 35.0, -97.0, 390.0, "OK", "ALPHA AP"),
    (B, 36.0, -97.0, -999.9, "OK", "BRAVO AP"),
    (C, 43.0, -75.0, 150.0, "NY", "CHARLIE AP"),
    ("USC00000004", 35.04, -97.0, 300.0, "OK", "DELTA 2 N"),
    ("USW00000005", 35.06, -97.0, 300.0, "OK", "ECHO WITHOUT FILES"),
]
STORM = "/pub/data/swdi/stormevents/csvfiles/"
HOURLY = "/oa/global-historical-climatology-network/hourly/"
GAP = (datetime(2019, 6, 13, tzinfo=UTC), datetime(2019, 6, 19, tzinfo=UTC))
"""In which B reports nothing."""
NONE = "||||"


def hour_values(station, time):
    """The seven channels of one hour, in the order of the corpus; None where nothing is reported."""
    if station == B and GAP[0] <= time < GAP[1]:
        return None
    n = STATIONS.index(next(s for s in STATIONS if s[0] == station))
    hour, day = time.hour, time.timetuple().tm_yday
    speed, direction = 2 + (day + n) % 5, 90 * (hour // 6)
    u, v = -speed * math.sin(math.radians(direction)), -speed * math.cos(math.radians(direction))
    rain = round(0.1 * ((hour + day) % 7), 1)
    return [round(n + hour / 4 + day / 10, 1), rain, 30 + (hour + day) % 60, 16.1 - n, u, v, (day + hour) % 9]


def window_values(station, start, n):
    rows = [hour_values(station, start + timedelta(hours=i)) or [math.nan] * 7 for i in range(n)]
    return np.array(rows).T


def _station_year(station, year):
    names = ["STATION", "Station_name", "DATE", "Year", "Month", "Day", "Hour", "Minute"]
    variables = ("temperature", "wind_direction", "wind_speed", "precipitation", "relative_humidity", "visibility",
                 "sky_cover_summation_1")  # fmt: skip
    parts = ("", "_Measurement_Code", "_Quality_Code", "_Report_Type", "_Source_Code")
    lines = ["|".join([*names, *(f"{v}{p}" for v in variables for p in parts), "REM"])]
    time = datetime(year, 1, 1, tzinfo=UTC)
    while time.year == year:
        found = hour_values(station, time)
        if found is not None:
            temperature, rain, humidity, visibility, _, _, sky = found
            n = STATIONS.index(next(s for s in STATIONS if s[0] == station))
            speed, direction = 2 + (time.timetuple().tm_yday + n) % 5, 90 * (time.hour // 6)
            values = (temperature, f"{direction or 360:03d}", speed, rain, humidity, visibility, f"X:{sky:02d}")
            stamp = f"{time:%Y-%m-%dT%H}:51:00"
            told = "|".join(f"{value}||5|FM15|343" for value in values)
            lines.append(f'{station}|NAME|{stamp}|{time:%Y|%m|%d|%H}|51|{told}|METAR "said"')
            if time.hour == 3:  # one that a check found wrong, and a running total that is not the hour's
                wrong = ["99.9||3|FM16|343", NONE, NONE, "0.0||5|FM16|343", NONE, NONE, NONE, ""]
                stamp = f"{time:%Y-%m-%dT%H}:20:00"
                lines.append(f"{station}|NAME|{stamp}|{time:%Y|%m|%d|%H}|20|" + "|".join(wrong))
        time += timedelta(hours=1)
    return ("\n".join(lines) + "\n").encode()


def event(id, begin, type="Hail", place=(35.05, -97.0), **more):
    """A row of Storm Events; `begin` in UTC, written in Central Standard Time."""
    local = begin - timedelta(hours=6)
    end = local + timedelta(hours=1)
    return {
        "EVENT_ID": str(id), "EPISODE_ID": str(id + 5000), "EVENT_TYPE": type,
        "BEGIN_YEARMONTH": f"{local:%Y%m}", "BEGIN_DAY": str(local.day), "BEGIN_TIME": str(int(f"{local:%H%M}")),
        "END_YEARMONTH": f"{end:%Y%m}", "END_DAY": str(end.day), "END_TIME": str(int(f"{end:%H%M}")),
        "BEGIN_LAT": str(place[0]), "BEGIN_LON": str(place[1]), "EVENT_NARRATIVE": f"Event {id} was seen.",
        "EPISODE_NARRATIVE": f"Episode of {id}.",
    } | more  # fmt: skip


def at(*parts):
    return datetime(*parts, tzinfo=UTC)


NEAR_B, NEAR_C = (36.02, -97.1), (43.1, -75.1)
EVENTS = {
    2019: [
        event(11, at(2019, 2, 10, 20, 30)),
        event(12, at(2019, 2, 10, 21, 0), place=(35.2, -97.0)),  # the same episode and type, farther away
        event(13, at(2019, 6, 15, 5, 45), type="Tornado", EVENT_NARRATIVE=""),
        event(14, at(2019, 6, 16, 12, 0), type="Flash Flood", place=NEAR_B),  # B is silent then
        event(15, at(2019, 8, 20, 0, 10), type="Tornado", place=NEAR_C),
        event(16, at(2019, 10, 1, 3, 0), type="Drought"),  # reported, not wanted
        event(17, at(2019, 11, 5, 3, 0), place=(20.0, -97.0)),  # far from every station
        event(18, at(2019, 1, 2, 3, 0)),  # its window begins before the years
        event(19, at(2019, 12, 20, 18, 0), type="Winter Storm", place=("", ""), CZ_TYPE="Z", CZ_FIPS="019"),
    ],
    2020: [
        event(21, at(2020, 4, 25, 22, 0), place=NEAR_B),
        event(22, at(2020, 9, 10, 7, 15)),
        event(23, at(2020, 10, 5, 7, 15), type="Flash Flood", place=NEAR_C),
    ],
}  # fmt: skip
EVENTS[2019][1]["EPISODE_ID"] = EVENTS[2019][0]["EPISODE_ID"]
ZONES = "OK|019|OUN|Oklahoma|OK019|Oklahoma|40109|C|c |35.0500|-97.0000\n"


def files():
    """{path: bytes} of the archive; the older of two details files of a year is broken."""
    found = {}
    names = {year: f"StormEvents_details-ftp_v1.0_d{year}_c20240117.csv.gz" for year in EVENTS}
    for year, name in names.items():
        found[STORM + name] = formats.details(EVENTS[year])
    old = "StormEvents_details-ftp_v1.0_d2019_c20200101.csv.gz"
    found[STORM + old] = b"broken"
    links = "".join(f'<a href="{name}">{name}</a>\n' for name in (*names.values(), old))
    found[STORM] = f"<html><pre>{links}</pre></html>".encode()
    lines = [formats.station_line(*station) for station in STATIONS]
    found[f"{HOURLY}doc/ghcnh-station-list.txt"] = ("\n".join(lines) + "\n").encode()
    for station in (A, B, C):
        for year in EVENTS:
            found[f"{HOURLY}access/by-year/{year}/psv/GHCNh_{station}_{year}.psv"] = _station_year(station, year)
    return found
