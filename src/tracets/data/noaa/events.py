"""NOAA's Storm Events: yearly `StormEvents_details-ftp_v1.0_dYYYY_cYYYYMMDD.csv.gz`, a row an event.

Quirks of the files, and what becomes of them:

- The creation date in the name is known from the folder's listing alone; the newest of a year counts.
- Times are local standard times of the zone in CZ_TIMEZONE, the whole year through. `CST-6` says its offset; in older
  rows the number is missing (`CST`), the case is mixed, and Guam writes `GST10`. A row of an unknown zone is left out.
- BEGIN_TIME is a number without leading zeros: 5 is five past midnight. BEGIN_DATE_TIME has years of two digits and is
  not read.
- Events of forecast zones (CZ_TYPE Z: winter storms, high winds) have no coordinates: see `stations.read_zones`.
- DAMAGE_PROPERTY is a text such as `10.00K`; a letter alone says nothing.
- A quote inside a text is not always doubled. A row whose fields do not come out for it is left out.
- Texts are ASCII for the most part, with bytes of Windows-1252 here and there.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tracets.errors import DataError
from tracets.files import FREE, LIMITS, Limits, open_bytes

FOLDER = "pub/data/swdi/stormevents/csvfiles/"
NAME = re.compile(r"StormEvents_details-ftp_v1\.0_d(\d{4})_c(\d{8})\.csv\.gz")
NEEDED = (
    "BEGIN_YEARMONTH", "BEGIN_DAY", "BEGIN_TIME", "END_YEARMONTH", "END_DAY", "END_TIME", "EPISODE_ID", "EVENT_ID",
    "STATE", "STATE_FIPS", "EVENT_TYPE", "CZ_TYPE", "CZ_FIPS", "CZ_TIMEZONE", "BEGIN_LAT", "BEGIN_LON",
    "DAMAGE_PROPERTY", "EPISODE_NARRATIVE", "EVENT_NARRATIVE",
)  # fmt: skip
ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "AST": -4, "EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7,
    "PST": -8, "ADT": -3, "AKDT": -8, "AKST": -9, "HDT": -9, "HST": -10, "SST": -11, "GST": 10, "CHST": 10,
}  # fmt: skip
FACTORS = {"": 1.0, "H": 1e2, "K": 1e3, "M": 1e6, "B": 1e9}
MOST_BROKEN = 0.01
"""Of the rows of a file; more are no slip of a pen."""
LONGEST_LINE = 2**20
"""Bytes; a narrative has some thousand."""


@dataclass(frozen=True, slots=True)
class Event:
    """One reported event. Times are seconds since 1970 (UTC); `lat` and `lon` are None where nothing says its place."""

    id: int
    episode: int | None
    type: str
    state: str
    fips: tuple[str, int, int] | None
    begin: int
    end: int
    lat: float | None
    lon: float | None
    located: str | None
    damage: float | None


def newest_details(listing: str, years: Iterable[int]) -> dict[int, str]:
    """The newest details file of each year, from the text of the folder's listing.

    Raises
    ------
    DataError
        A year has none.

    Examples
    --------
    >>> page = 'StormEvents_details-ftp_v1.0_d2019_c20200219.csv.gz StormEvents_details-ftp_v1.0_d2019_c20240117.csv.gz'
    >>> newest_details(page, [2019])
    {2019: 'StormEvents_details-ftp_v1.0_d2019_c20240117.csv.gz'}
    """
    found: dict[int, tuple[str, str]] = {}
    for match in NAME.finditer(listing):
        year, made = int(match[1]), match[2]
        found[year] = max(found.get(year, ("", "")), (made, match[0]))
    lacking = [year for year in years if year not in found]
    if lacking:
        known = f"{min(found)} to {max(found)}" if found else "no year at all"
        raise DataError(
            f"Storm Events lists no details for {', '.join(map(str, lacking))}; it has {known}. If they came lately, "
            f"run with --refresh, which asks for the list again."
        )
    return {year: found[year][1] for year in years}


def zone_offset(zone: str) -> timedelta | None:
    """The offset from UTC of a CZ_TIMEZONE; None where nobody knows it.

    >>> zone_offset("CST-6") == zone_offset("CSt") == timedelta(hours=-6), zone_offset("GST10"), zone_offset("UNK")
    (True, datetime.timedelta(seconds=36000), None)
    """
    match = re.fullmatch(r"([A-Z]+)\s*([+-]?\d{1,2})?", zone.strip().upper())
    if match is None:
        return None
    if match[2] is None:
        hours = ZONES.get(match[1])
        return None if hours is None else timedelta(hours=hours)
    return timedelta(hours=int(match[2])) if -12 <= int(match[2]) <= 14 else None


def dollars(text: str) -> float | None:
    """A sum of money as the files write it; None where it is empty or a letter alone.

    >>> dollars("10.00K"), dollars("1.5M"), dollars("0"), dollars("K"), dollars("")
    (10000.0, 1500000.0, 0.0, None, None)
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([HKMB]?)", text.strip().upper())
    return float(match[1]) * FACTORS[match[2]] if match else None


def read_events(path: Path, left_out: Counter[str], *, limits: Limits = LIMITS) -> Iterator[Event]:
    """The events of one details file, without their texts; rows that cannot be used are counted by reason.

    Raises
    ------
    DataError
        No gzip file, one that is cut short or damaged, columns that are missing, or more than `limits` allow.
    """
    for row in _rows(path, limits, left_out):
        event = _event(row, left_out)
        if event is not None:
            yield event


def read_narratives(path: Path, ids: Set[int], *, limits: Limits = LIMITS) -> dict[int, tuple[str, str]]:
    """What was written about some events: the text and the kind of it, "event", or "episode" where that alone is there.

    Events without any text are absent.
    """
    found: dict[int, tuple[str, str]] = {}
    for row in _rows(path, limits, Counter()):
        number = _integer(row["EVENT_ID"])
        if number is not None and number in ids:
            for kind in ("event", "episode"):
                text = " ".join(row[f"{kind.upper()}_NARRATIVE"].split())
                if text:
                    found[number] = (text[: limits.text_chars], kind)
                    break
    return found


def _rows(path: Path, limits: Limits, left_out: Counter[str]) -> Iterator[Mapping[str, str]]:
    reader = csv.reader(_lines(path, limits))
    good = broken = 0
    try:
        names = [name.strip().upper() for name in next(reader, [])]
        absent = [name for name in NEEDED if name not in names]
        if absent:
            raise DataError(f"{path}: lacks the columns {', '.join(absent)}. Is it a details file of Storm Events?")
        places = [(name, names.index(name)) for name in NEEDED]
        for fields in reader:
            if len(fields) == len(names):
                good += 1
                yield {name: fields[at] for name, at in places}
            elif fields:
                broken += 1
                line = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}: row {reader.line_num}: {error}. Is it a details file of Storm Events?") from error
    left_out["of broken rows"] += broken
    if broken > MOST_BROKEN * (good + broken):
        raise DataError(
            f"{path}: {broken} of {good + broken} rows have another number of fields than the header, the last in line "
            f"{line}. Delete the file, so that it is fetched again."
        )


def _lines(path: Path, limits: Limits) -> Iterator[str]:
    n_bytes = 0
    with open_bytes(path, most=limits.file_bytes) as file:
        size = path.stat().st_size
        try:
            with gzip.open(file) as text:
                while line := text.readline(LONGEST_LINE):
                    n_bytes += len(line)
                    if len(line) == LONGEST_LINE:
                        raise DataError(f"{path}: has a line of {LONGEST_LINE} bytes or more. Is it a CSV?")
                    if n_bytes > FREE:
                        limits.check_decoded(n_bytes, of=size, where=str(path))
                    yield _decoded(line)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(
                f"{path}: cannot be read as gzip ({error}). Delete the file, so that it is fetched again."
            ) from error


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _event(row: Mapping[str, str], left_out: Counter[str]) -> Event | None:
    number = _integer(row["EVENT_ID"])
    offset = zone_offset(row["CZ_TIMEZONE"])
    if number is None:
        left_out["without an id"] += 1
        return None
    if offset is None:
        left_out["of an unknown time zone"] += 1
        return None
    begin, end = (_time(row, edge, offset) for edge in ("BEGIN", "END"))
    if begin is None:
        left_out["without a time"] += 1
        return None
    lat, lon = _degrees(row["BEGIN_LAT"], 90), _degrees(row["BEGIN_LON"], 180)
    known = lat is not None and lon is not None and (lat, lon) != (0, 0)
    numbers = [_integer(row[name]) for name in ("STATE_FIPS", "CZ_FIPS")]
    fips = None
    if numbers[0] is not None and numbers[1] is not None:
        fips = (row["CZ_TYPE"].strip().upper(), numbers[0], numbers[1])
    return Event(
        id=number,
        episode=_integer(row["EPISODE_ID"]),
        type=" ".join(row["EVENT_TYPE"].split()),
        state=" ".join(row["STATE"].split()).upper(),
        fips=fips,
        begin=begin,
        end=max(begin, end if end is not None else begin),
        lat=lat if known else None,
        lon=lon if known else None,
        located="event" if known else None,
        damage=dollars(row["DAMAGE_PROPERTY"]),
    )


def _time(row: Mapping[str, str], edge: str, offset: timedelta) -> int | None:
    month, day, clock = (_integer(row[f"{edge}_{part}"]) for part in ("YEARMONTH", "DAY", "TIME"))
    if month is None or day is None or clock is None:
        return None
    try:
        local = datetime(month // 100, month % 100, day, clock // 100, clock % 100, tzinfo=UTC)
        return int((local - offset).timestamp())
    except (ValueError, OverflowError):
        return None


def _integer(text: str) -> int | None:
    text = text.strip()
    return int(text) if re.fullmatch(r"\d{1,12}", text, re.ASCII) else None


def _degrees(text: str, most: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= most else None
