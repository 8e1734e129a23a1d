"""One station-year of GHCNh (`GHCNh_<id>_<year>.psv`) as hours: seven channels on a full grid of UTC hours.

What the file says, and where it is not what its documentation says:

- Values are in °C, m/s, hPa, mm, km and % already. Times are UTC. Several reports fall into one hour.
- The documentation has 234 columns with DATE; files have 329 and more, with DATE and Year ... Minute, or with Year ...
  Minute alone, `STATION` or `Station_ID`. Columns are found by name, and none of the channels must be there.
- Cloud cover is in `sky_cover_summation_1..4` now, and was in `sky_cover_1..3`; `FEW:02`, `SCT:04;` or a bare number.
- Codes are a letter now (`C`), and were a letter with its meaning (`C-Calm`): what is before the dash counts. 9
  (`9-Missing`) says that the source gave no code, not that the value is missing.
- A direction of 999 or none is calm or variable wind, 000 is calm, 360 is north. -9999 and 9999 mean missing.
- What a quality code means depends on the source of the value: see `passes`.
- Reports between the routine ones (FM16) repeat a running total of the hour's precipitation: adding up would count rain
  twice.
- The last column holds remarks with quotes, and bytes that are no UTF-8: it is not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.files import LIMITS, Limits, open_bytes
from tracets.types import FloatArray

CHANNELS = {
    "temperature": "°C",
    "precipitation": "mm",
    "relative humidity": "%",
    "visibility": "km",
    "wind u": "m/s",
    "wind v": "m/s",
    "sky code": "okta",
}
"""In the order of the paper's files. u blows to the east, v to the north; the sky code is the share that is covered."""
HOUR = 3600
DECIMALS = 3
RANGES = {
    "temperature": (-90.0, 60.0), "precipitation": (0.0, 500.0), "relative_humidity": (0.0, 100.0),
    "visibility": (0.0, 300.0), "wind_speed": (0.0, 115.0), "wind_direction": (0.0, 360.0),
}  # fmt: skip
"""Outside them no place on earth ever was."""
SKY = (*(f"sky_cover_summation_{i}" for i in range(1, 5)), *(f"sky_cover_{i}" for i in range(1, 4)))
OKTAS = {"CLR": 0.0, "SKC": 0.0, "NSC": 0.0, "NCD": 0.0, "FEW": 2.0, "SCT": 4.0, "BKN": 6.0, "OVC": 8.0, "VV": 8.0}
CLOCK = ("Year", "Month", "Day", "Hour", "Minute")
ISD = frozenset({"313", "314", "315", "322", "335", "343", "344", "346"})
USAF = frozenset({"220", "221", "222", "223", "347", "348"})
OVERFLOWN = "345"
"""Sources that came with quality codes of their own; those of 345 tell of fields that were too narrow."""
GOOD = {"isd": frozenset("0145ACIMPRU"), "usaf": frozenset("014"), "overflown": frozenset("0"),
        "other": frozenset("0145")}  # fmt: skip
CALM, VARIABLE = "C", "V"
TRACE = ("T", "2")
UNTOLD = "9"
NO_HOUR = {"isd": frozenset("1"), "usaf": frozenset("1345678IJ"), "other": frozenset("a.")}
"""Measurement codes of precipitation that was not measured, is incomplete, or fell in another time than an hour."""
ROUTINE, SPECIAL, FIVE_MINUTES = "FM15", "FM16", "CRN05"
LONGEST_HEADER = 2**16
BLOCK = 1 << 22


def passes(quality: str, source: str) -> bool:
    """Whether a value with this quality code, of this source, may be used.

    No code passes: nothing was found; so does 9. Digits of ISD's sources (`ISD`): 0, 1, 4 and 5 pass; 2, 3, 6 and 7 are
    suspect or wrong; letters that say that somebody accepted or mended the value pass. Two of these, C and U, are
    letters of checks too; C stands on every temperature of stations that report whole degrees, so that both pass.
    Digits of the Air Force's (`USAF`): 0 (not checked), 1 (good) and 4 (calculated) pass; 5 means removed. Of 345, 0
    alone. Of other sources 0, 1, 4 and 5 pass. Every other letter is a check that failed.

    >>> passes("", "343"), passes("5", "343"), passes("5", "223"), passes("o", "343"), passes("A", "343")
    (True, True, False, False, True)
    """
    code = code_of(quality)
    return not code or code == UNTOLD or code in GOOD[_family(source)]


def is_of_an_hour(measurement: str, source: str) -> bool:
    """Whether an amount of precipitation with this measurement code was measured, and fell in the hour of its report.

    >>> is_of_an_hour("", "343"), is_of_an_hour("3", "343"), is_of_an_hour("3", "223"), is_of_an_hour("06-hr-accum", "")
    (True, True, False, False)
    """
    family = _family(source)
    return "accum" not in measurement.lower() and code_of(measurement) not in NO_HOUR.get(family, NO_HOUR["other"])


def _family(source: str) -> str:
    return "isd" if source in ISD else "usaf" if source in USAF else "overflown" if source == OVERFLOWN else "other"


def code_of(text: str) -> str:
    """A code without its meaning: "C" of "C-Calm"."""
    return text.split("-", 1)[0].strip()


def oktas(text: str) -> float:
    """Eighths of the sky that a layer's code says are covered; NaN where it says nothing.

    A sky that cannot be seen (09, VV) counts as covered; one that is partly hidden (10) is unknown.

    >>> oktas("BKN:07"), oktas("SCT:04;"), oktas("OVC"), oktas("00"), oktas("VV:09"), oktas("X:10"), oktas("")
    (7.0, 4.0, 8.0, 0.0, 8.0, nan, nan)
    """
    word, _, rest = text.strip().rstrip(";").partition(":")
    digits = rest.strip() or word
    if re.fullmatch(r"\d{1,2}", digits, re.ASCII):
        number = int(digits)
        return float(number) if number <= 8 else 8.0 if number == 9 else float("nan")
    return OKTAS.get(word.strip().upper(), float("nan"))


def read_hours(path: Path, year: int, counts: Counter[str], *, limits: Limits = LIMITS) -> FloatArray:
    """The hours of one year.

    An hour takes the reports from its first second to its last: the mean of temperature, humidity, visibility and of
    the components of the wind, the last cloud cover, and the precipitation of the last routine report (see `_rain`).

    Parameters
    ----------
    counts : Counter
        Gains "rows", and how many values were "flagged" or "out of range".

    Returns
    -------
    ndarray of shape (7, hours of the year), float32
        NaN where nothing (usable) was reported; channels and units: `CHANNELS`.

    Raises
    ------
    DataError
        Not such a file, or more than `limits` allow.
    """
    columns = _read(path, limits)
    n = hours_of(year)
    times = _times(columns, path)
    seconds = times - int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    inside = np.flatnonzero((seconds >= 0) & (seconds < n * HOUR))
    inside = inside[np.argsort(seconds[inside], kind="stable")]
    columns = {name: column[inside] for name, column in columns.items()}
    hour = seconds[inside] // HOUR
    counts["rows"] += len(inside)
    table = _Table(columns, len(inside), counts)
    u, v = _wind(table)
    rows = {
        "temperature": _means(table.numbers("temperature"), hour, n),
        "precipitation": _rain(table, hour, n),
        "relative humidity": _means(table.numbers("relative_humidity"), hour, n),
        "visibility": _means(table.numbers("visibility"), hour, n),
        "wind u": _means(u, hour, n),
        "wind v": _means(v, hour, n),
        "sky code": _last(_sky(table), hour, n),
    }
    return (np.stack([rows[name] for name in CHANNELS]).round(DECIMALS) + 0.0).astype(np.float32)  # no -0


def hours_of(year: int) -> int:
    return int((datetime(year + 1, 1, 1) - datetime(year, 1, 1)).total_seconds()) // HOUR


class _Table:
    """Columns of text of one station-year, as numbers that passed."""

    def __init__(self, columns: dict[str, NDArray[Any]], n: int, counts: Counter[str]) -> None:
        self.columns, self.n, self.counts = columns, n, counts

    def text(self, name: str) -> NDArray[Any]:
        return self.columns.get(name, np.full(self.n, "", dtype=object))

    def codes(self, name: str) -> NDArray[Any]:
        return _each(self.text(f"{name}_Measurement_Code"), code_of)

    def passed(self, name: str) -> NDArray[np.bool_]:
        return self._by_source(name, "Quality_Code", passes)

    def of_an_hour(self, name: str) -> NDArray[np.bool_]:
        return self._by_source(name, "Measurement_Code", is_of_an_hour)

    def _by_source(self, name: str, code: str, test: Callable[[str, str], bool]) -> NDArray[np.bool_]:
        codes, sources = self.text(f"{name}_{code}"), self.text(f"{name}_Source_Code")
        pairs = np.array([f"{c}|{s.strip()}" for c, s in zip(codes, sources, strict=True)], dtype=object)
        return _each(pairs, lambda pair: test(*pair.rsplit("|", 1))).astype(bool)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Values of a variable; NaN where there is none, a check failed, or none such was ever measured."""
        import pandas as pd

        values = pd.to_numeric(pd.Series(self.text(name), dtype=object), errors="coerce").to_numpy(
            np.float64, copy=True
        )
        values[np.isin(np.abs(values), (9999.0, 999.9))] = np.nan
        if name == "wind_direction":
            values[values == 999] = np.nan
        flagged = np.isfinite(values) & ~self.passed(name)
        low, high = RANGES[name]
        outside = ~flagged & ~np.isnan(values) & ~((values >= low) & (values <= high))
        self.counts["flagged"] += int(flagged.sum())
        self.counts["out of range"] += int(outside.sum())
        values[flagged | outside] = np.nan
        return values


def _each(texts: NDArray[Any], make: Callable[[str], Any]) -> NDArray[Any]:
    """A function of every text, asked once for each that differs."""
    known = {text: make(text) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype=object)


def _wind(table: _Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Components of the wind, from the direction that it comes from; unknown where it varies and is not calm. North is
    360: a direction of 000 beside a speed contradicts it."""
    speed, direction = table.numbers("wind_speed"), table.numbers("wind_direction")
    codes = (table.codes("wind_direction"), table.codes("wind_speed"))
    calm = (codes[0] == CALM) | (codes[1] == CALM)
    speed = np.where(calm & np.isnan(speed), 0.0, speed)
    direction = np.where((codes[0] == VARIABLE) | (codes[1] == VARIABLE) | (direction == 0), np.nan, direction)
    angle = np.radians(np.where(speed == 0, 0.0, direction))
    return -speed * np.sin(angle), -speed * np.cos(angle)


def _sky(table: _Table) -> NDArray[np.float64]:
    """The most that any layer says; layers that a check found wrong are left out."""
    most = np.full(table.n, np.nan)
    for name in SKY:
        if name in table.columns:
            layer = _each(table.text(name), oktas).astype(np.float64)
            flagged = np.isfinite(layer) & ~table.passed(name)
            table.counts["flagged"] += int(flagged.sum())
            most = np.fmax(most, np.where(flagged, np.nan, layer))
    return most


def _rain(table: _Table, hour: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Precipitation of each hour.

    1. the last routine report (FM15), whose total is that of its hour  2. else the largest running total of special
    reports (FM16)  3. else the sum of five-minute values (CRN05)  4. else the last report. A trace is 0; amounts that
    are not of an hour are left out.
    """
    values = table.numbers("precipitation")
    trace = np.isin(table.codes("precipitation"), TRACE) & table.passed("precipitation")
    values[trace & np.isnan(values)] = 0.0
    values[~table.of_an_hour("precipitation")] = np.nan
    kinds = _each(table.text("precipitation_Report_Type"), lambda text: text.replace("-", "").strip()[:5].upper())
    routine, special, short = (np.array([k[: len(w)] == w for k in kinds], dtype=bool)
                               for w in (ROUTINE, SPECIAL, FIVE_MINUTES))  # fmt: skip
    total = _last(np.where(routine, values, np.nan), hour, n)
    running = np.full(n, -np.inf)
    np.fmax.at(running, hour[special], values[special])
    running[~np.isfinite(running)] = np.nan
    short_values = np.where(short, values, np.nan)
    summed = _means(short_values, hour, n) * np.bincount(hour[~np.isnan(short_values)], minlength=n)
    other = _last(np.where(routine | special | short, np.nan, values), hour, n)
    for part in (running, summed, other):
        total = np.where(np.isnan(total), part, total)
    return total


def _means(values: NDArray[np.float64], hour: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    count = np.bincount(hour[known], minlength=n)
    total = np.bincount(hour[known], weights=values[known], minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)


def _last(values: NDArray[np.float64], hour: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    result = np.full(n, np.nan)
    result[hour[known]] = values[known]  # in the order of time, so that the last one stays
    return result


def _read(path: Path, limits: Limits) -> dict[str, NDArray[Any]]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = _header(path, limits)
    parts = ("", "_Measurement_Code", "_Quality_Code", "_Source_Code", "_Report_Type")
    wanted = ["DATE", *CLOCK, *(f"{variable}{part}" for variable in (*RANGES, *SKY) for part in parts)]
    wanted = [name for name in wanted if name in names]
    if "DATE" not in names and not set(CLOCK) <= set(names):
        raise DataError(f"{path}: has neither DATE nor {', '.join(CLOCK)}. Is it a station-year of GHCNh (.psv)?")
    gathered: dict[str, list[NDArray[Any]]] = {name: [] for name in wanted}
    rows = 0
    try:
        with open_bytes(path, most=limits.file_bytes) as file:
            reader = arrow_csv.open_csv(
                file,
                read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK),
                parse_options=arrow_csv.ParseOptions(delimiter="|", quote_char=False),
                convert_options=arrow_csv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in reader:
                rows += batch.num_rows
                limits.check("rows", rows, "rows or more", where=str(path))
                for name in wanted:
                    gathered[name].append(batch[name].to_numpy(zero_copy_only=False))
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        said = " ".join(str(error).split())
        raise DataError(f"{path}: {said}. Delete the file, so that it is fetched again.") from error
    empty = np.array([], dtype=object)
    return {name: np.concatenate(columns) if columns else empty for name, columns in gathered.items()}


def _header(path: Path, limits: Limits) -> list[str]:
    with open_bytes(path, most=limits.file_bytes) as file:
        line = file.readline(LONGEST_HEADER).decode("utf-8-sig", errors="replace")
    return line.rstrip("\r\n").split("|")  # no field is ever quoted


def _times(columns: dict[str, NDArray[Any]], path: Path) -> NDArray[np.int64]:
    """Seconds since 1970 of every row; a row without a time is put before all years."""
    import pandas as pd

    if "DATE" in columns:
        told = pd.to_datetime(pd.Series(columns["DATE"], dtype=object), format="ISO8601", utc=True, errors="coerce")
    else:
        clock = {name.lower(): pd.to_numeric(pd.Series(columns[name], dtype=object), errors="coerce") for name in CLOCK}
        told = pd.to_datetime(pd.DataFrame(clock), utc=True, errors="coerce")
    if len(told) and told.isna().all():
        raise DataError(f"{path}: no row has a time that can be read. Is it a station-year of GHCNh (.psv)?")
    known = told.notna().to_numpy()
    seconds = np.full(len(told), np.iinfo(np.int64).min // 2)
    seconds[known] = told[known].dt.as_unit("s").astype("int64").to_numpy()
    return seconds
