"""Stations of GHCNh, forecast zones, and how far apart places are.

The station list is published twice: `ghcnh-station-list.txt` in columns of fixed width (those of GHCN daily), and as
CSV with a header. Both are read. Quirks of its 38,000 rows: ids have hyphens, underscores and small letters
(`ACU55-00189`, `VMUg_ngai-1`); elevations of -999.9, -999 and 9999 are unknown; stations of other countries carry what
looks like a state (`ACL000BARA9`, TX). It also names stations without any hourly file, so that a file that does not
exist is no error.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracets.data.noaa.events import Event
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, read_bytes

FOLDER = "oa/global-historical-climatology-network/hourly/"
LISTS = tuple(f"doc/ghcnh-station-list.{kind}" for kind in ("txt", "csv"))
EARTH_KM = 6371.0088
"""Mean radius."""
LOWEST, HIGHEST = -500.0, 9000.0
"""Metres; what is written beyond them stands for an elevation that nobody knows."""
ID = re.compile(r"[A-Z]{2}[\w-]{9}", re.ASCII)
TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "VI"})
"""Of the United States, with country codes of their own."""
MOST_BROKEN = 0.01
"""Of the rows of the list; more are no slip of a pen."""
COLUMNS = {"id": (0, 11), "lat": (12, 20), "lon": (21, 30), "elevation": (31, 37), "state": (38, 40), "name": (41, 71)}
STATES = {
    "ALABAMA": "AL", "ALASKA": "AK", "ARIZONA": "AZ", "ARKANSAS": "AR", "CALIFORNIA": "CA", "COLORADO": "CO",
    "CONNECTICUT": "CT", "DELAWARE": "DE", "DISTRICT OF COLUMBIA": "DC", "FLORIDA": "FL", "GEORGIA": "GA",
    "HAWAII": "HI", "IDAHO": "ID", "ILLINOIS": "IL", "INDIANA": "IN", "IOWA": "IA", "KANSAS": "KS", "KENTUCKY": "KY",
    "LOUISIANA": "LA", "MAINE": "ME", "MARYLAND": "MD", "MASSACHUSETTS": "MA", "MICHIGAN": "MI", "MINNESOTA": "MN",
    "MISSISSIPPI": "MS", "MISSOURI": "MO", "MONTANA": "MT", "NEBRASKA": "NE", "NEVADA": "NV", "NEW HAMPSHIRE": "NH",
    "NEW JERSEY": "NJ", "NEW MEXICO": "NM", "NEW YORK": "NY", "NORTH CAROLINA": "NC", "NORTH DAKOTA": "ND",
    "OHIO": "OH", "OKLAHOMA": "OK", "OREGON": "OR", "PENNSYLVANIA": "PA", "PUERTO RICO": "PR", "RHODE ISLAND": "RI",
    "SOUTH CAROLINA": "SC", "SOUTH DAKOTA": "SD", "TENNESSEE": "TN", "TEXAS": "TX", "UTAH": "UT", "VERMONT": "VT",
    "VIRGINIA": "VA", "WASHINGTON": "WA", "WEST VIRGINIA": "WV", "WISCONSIN": "WI", "WYOMING": "WY", "GUAM": "GU",
    "AMERICAN SAMOA": "AS", "VIRGIN ISLANDS": "VI", "GUAM WATERS": "GU", "HAWAII WATERS": "HI",
}  # fmt: skip


@dataclass(frozen=True)
class Station:
    """One station; `state` is that of the United States, "" elsewhere, `elevation` in metres."""

    id: str
    lat: float
    lon: float
    elevation: float | None
    state: str
    name: str


def file_of(station: str, year: int) -> str:
    """The path of a station's observations in a year, below the folder of GHCNh."""
    return f"access/by-year/{year}/psv/GHCNh_{station}_{year}.psv"


def read_stations(path: Path, networks: Sequence[str] = (), *, limits: Limits = LIMITS) -> list[Station]:
    """The stations of a list, by id; only those of some networks, where they are named.

    Raises
    ------
    DataError
        Not such a list: names the file and the first row that is none. Some broken rows of many are left out.
    """
    text = read_bytes(path, most=limits.text_bytes, setting="text_bytes").decode("utf-8", errors="replace")
    lines = text.splitlines()
    rows: Iterable[tuple[int, Mapping[str, str]]]
    if lines and "LATITUDE" in lines[0]:
        names = {"GHCN_ID": "id", "LATITUDE": "lat", "LONGITUDE": "lon", "ELEVATION": "elevation", "STATE": "state",
                 "NAME": "name"}  # fmt: skip
        table = csv.DictReader(lines)
        if not set(names) <= set(table.fieldnames or ()):
            raise DataError(f"{path}: row 1 lacks some of {', '.join(names)}. Is it GHCNh's station list?")
        rows = enumerate(({to: row[name] or "" for name, to in names.items()} for row in table), start=2)
    else:
        cut = ({name: line[a:b] for name, (a, b) in COLUMNS.items()} for line in lines)
        rows = enumerate(cut, start=1)
    stations: dict[str, Station] = {}
    n_rows, broken = 0, []
    for number, row in rows:
        if not any(part.strip() for part in row.values()):
            continue
        n_rows += 1
        try:
            station = _station(row)
        except ValueError as error:
            broken.append(f"row {number}: {error}")
            continue
        if not networks or station.id[2] in networks:
            stations[station.id] = station
    if len(broken) > MOST_BROKEN * n_rows:
        raise DataError(f"{path}: {len(broken)} of {n_rows} rows are broken; {broken[0]}. Is it GHCNh's station list?")
    if not stations:
        raise DataError(f"{path}: names no station of the networks {', '.join(networks)}. Is it GHCNh's station list?")
    return [stations[id] for id in sorted(stations)]


def _station(row: Mapping[str, str]) -> Station:
    id, state = row["id"].strip(), row["state"].strip()
    lat, lon = float(row["lat"]), float(row["lon"])
    elevation = float(row["elevation"]) if row["elevation"].strip() else math.nan
    if not ID.fullmatch(id) or not abs(lat) <= 90 or not abs(lon) <= 180:
        raise ValueError(f"no station has the id '{id}' and lies at {lat}, {lon}")
    return Station(
        id=id,
        lat=lat,
        lon=lon,
        elevation=elevation if LOWEST < elevation < HIGHEST else None,
        state=state if id.startswith("US") or state in TERRITORIES else "",
        name=" ".join(row["name"].split()),
    )


def distance_km(lat: float, lon: float, lats: NDArray[np.float64], lons: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distances from one place to many, in km, on a sphere of the earth's mean radius.

    >>> [round(float(d), 1) for d in distance_km(0.0, 0.0, np.array([0.0, 90.0]), np.array([1.0, 0.0]))]
    [111.2, 10007.6]
    """
    here, there = math.radians(lat), np.radians(lats)
    half = np.sin((there - here) / 2) ** 2
    half = half + math.cos(here) * np.cos(there) * np.sin(np.radians(lons - lon) / 2) ** 2
    return 2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))


def read_zones(path: Path, *, limits: Limits = LIMITS) -> dict[tuple[str, int, int], tuple[float, float]]:
    """Where forecast zones and counties lie, from the zone-county list of the Weather Service (`bpDDmmYY.dbx`).

    Returns
    -------
    dict
        (kind, number of the state, number of the zone or county), kind "Z" or "C", to latitude and longitude: the
        middle of the list's rows, which are parts of counties.

    Raises
    ------
    DataError
        Not such a list: STATE|ZONE|CWA|NAME|STATE_ZONE|COUNTY|FIPS|TIME_ZONE|FE_AREA|LAT|LON, without a header.
    """
    text = read_bytes(path, most=limits.text_bytes, setting="text_bytes").decode("utf-8", errors="replace")
    found: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.split("|")
        try:
            zone, fips, lat, lon = int(fields[1]), int(fields[6]), float(fields[9]), float(fields[10])
        except (ValueError, IndexError):
            raise DataError(
                f"{path}: row {number} is not STATE|ZONE|CWA|NAME|STATE_ZONE|COUNTY|FIPS|TIME_ZONE|FE_AREA|LAT|LON. Is "
                f"it the zone-county list of the Weather Service?"
            ) from None
        for key in (("Z", fips // 1000, zone), ("C", fips // 1000, fips % 1000)):
            found.setdefault(key, []).append((lat, lon))
    return {key: _middle(places) for key, places in found.items()}


def _middle(places: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of latitudes and of longitudes; the Aleutians lie on both sides of the date line."""
    lons = [lon for _, lon in places]
    if max(lons) - min(lons) > 180:
        lons = [lon % 360 for lon in lons]
    lon = sum(lons) / len(lons)
    return sum(lat for lat, _ in places) / len(places), lon - 360 if lon > 180 else lon


def locate(event: Event, zones: Mapping[tuple[str, int, int], tuple[float, float]]) -> Event:
    """The event with the place of its zone, where it has none of its own and the zone is known."""
    if event.located is not None or event.fips is None or event.fips not in zones:
        return event
    lat, lon = zones[event.fips]
    return replace(event, lat=lat, lon=lon, located="zone")
