"""What stands in the place of a file: a source of long series, and of reports about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tracets.data.schema import CONTRACT
from tracets.data.series import Series
from tracets.data.times import parse_times, times_of
from tracets.errors import ConfigError, DataError
from tracets.files import Limits

PRECISIONS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0}
"""What a whole number counts since 1970, and how many microseconds that is (0: less than one)."""


@dataclass(frozen=True)
class Report:
    """A text about the series `entity` (None: about all of them) that belongs to the window which holds `time`."""

    time: Any
    text: str
    entity: str | None = None


@dataclass(frozen=True)
class Reading:
    """One pass over a source: its series, one after the other, and the reports about them."""

    series: Iterator[Series]
    reports: tuple[Report, ...] = ()


@runtime_checkable
class Source(Protocol):
    """Where long series come from; `str` of it names it in messages, without a password."""

    def reading(self, *, freq: str | None, zone: str | None, limits: Limits) -> Reading:
        """Begin a pass; `freq` and `zone` as for `tracets.data.read`."""
        ...


def stamps_of(raw: Sequence[Any], *, precision: str | None, lines: Sequence[int], where: str, zone: str | None) -> Any:
    """The times of a column, as a database or a server gives them, as a pandas DatetimeIndex.

    Parameters
    ----------
    raw : sequence
        All datetimes, dates, ISO 8601 texts, or whole numbers since 1970 in UTC.
    precision : str or None
        What numbers count: one of `PRECISIONS`. Parts of a microsecond are cut off.

    Raises
    ------
    DataError
        Not times, of several kinds, or as for `tracets.data.times.parse_times`.
    """
    first = raw[0]
    if isinstance(first, str):
        texts = [_kept(one, str, lines[i], where) for i, one in enumerate(raw)]
        return parse_times(texts, lines=lines, where=where, zone=zone)
    if isinstance(first, int | np.integer) and not isinstance(first, bool):
        counts = [_kept(one, (int, np.integer), lines[i], where) for i, one in enumerate(raw)]
        micros = [to_micros(int(n), precision, where=f"{where}, row {lines[i]}") for i, n in enumerate(counts)]
        return times_of(np.array(micros, np.int64), aware=True, lines=lines, where=where, zone=zone)
    import pandas as pd

    aware = isinstance(first, datetime) and first.tzinfo is not None
    if not isinstance(first, datetime) and not (hasattr(first, "year") and not hasattr(first, "hour")):
        raise DataError(f"{where}, row {lines[0]}: {first!r} is not a time. Name the column that is, with time=.")
    for i, one in enumerate(raw):
        if (isinstance(one, datetime) and one.tzinfo is not None) != aware or isinstance(one, datetime) != isinstance(
            first, datetime
        ):
            raise DataError(f"{where}, row {lines[i]}: {one!r} is not a time like {first!r} of row {lines[0]}.")
    parsed = pd.DatetimeIndex(pd.to_datetime(list(raw), utc=aware, errors="coerce")).as_unit("us")
    for i in np.flatnonzero(parsed.isna())[:1]:
        raise DataError(f"{where}, row {lines[i]}: '{raw[i]}' cannot be taken as a time.")
    return times_of(parsed.asi8, aware=aware, lines=lines, where=where, zone=zone)


def _kept(one: Any, kind: Any, line: int, where: str) -> Any:
    if not isinstance(one, kind):
        raise DataError(f"{where}, row {line}: {one!r} is not a time like those before it. Write all times alike.")
    return one


def to_micros(count: int, precision: str | None, *, where: str) -> int:
    """Microseconds since 1970 of a time that is a whole number.

    >>> to_micros(1_500, "ms", where="plant.lp"), to_micros(-1, "ns", where="plant.lp")
    (1500000, -1)
    """
    if precision is None:
        raise DataError(f"{where}: the time is a number ({count}). Say what it counts: precision= s, ms, us or ns.")
    micros = count * PRECISIONS[precision] if precision != "ns" else count // 1000
    if abs(micros) > 2**62:
        raise DataError(f"{where}: {count} {precision} since 1970 is no time of our calendar. Is precision= right?")
    return micros


def bound_like(bound: datetime, one: Any, precision: str | None, zone: str | None) -> Any:
    """An end of a time range as a value of the kind of the time `one`, so that like is compared with like.

    Raises
    ------
    ConfigError
        The bound has an offset from UTC and the times have none, or the other way round, and no `zone` tells.

    Examples
    --------
    >>> bound_like(datetime(2024, 7, 1), datetime(2024, 1, 1), None, None).isoformat()
    '2024-07-01T00:00:00'
    >>> bound_like(datetime(2024, 7, 1), 1_700_000_000, "s", "Europe/Berlin")
    1719784800
    """
    number, local = isinstance(one, int), ZoneInfo(zone) if zone else None
    if number or getattr(one, "tzinfo", None) is not None:
        if bound.tzinfo is None and local is None:
            raise ConfigError(f"{bound} has no offset from UTC and the times have ({one}). Write {bound.isoformat()}Z.")
        bound = bound.replace(tzinfo=local) if bound.tzinfo is None else bound
    elif bound.tzinfo is not None:
        if local is None:
            raise ConfigError(f"{bound} has an offset from UTC and the times have none ({one}). Leave it out.")
        bound = bound.astimezone(local).replace(tzinfo=None)
    if not number:
        return bound
    micros = (bound - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if precision is None:
        raise DataError(f"the time is a number ({one}). Say what it counts: precision= s, ms, us or ns.")
    return micros * 1000 if precision == "ns" else -(-micros // PRECISIONS[precision])


def inside(times: Any, since: datetime | None, until: datetime | None, zone: str | None) -> NDArray[np.bool_]:
    """Which of the times, a DatetimeIndex of length >= 1, lie from `since` to before `until`."""
    kept = np.ones(len(times), bool)
    if since is not None:
        kept &= times >= bound_like(since, times[0], None, zone)
    if until is not None:
        kept &= times < bound_like(until, times[0], None, zone)
    return kept


def check_precision(given: str | None) -> None:
    """Refuse an unknown precision. Raises ConfigError."""
    if given is not None and given not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, got '{given}'.")


def id_and_metadata(names: Sequence[str], values: Sequence[str], default: str) -> tuple[str, dict[str, str]]:
    """The id of a series from the columns or labels that tell series apart, and these as metadata of its windows.

    >>> id_and_metadata(["site", "unit"], ["north", "2"], "plant")
    ('north/2', {'site': 'north', 'unit': '2'})
    """
    if not names:
        return default, {}
    told = {name: value for name, value in zip(names, values, strict=True) if name not in (*CONTRACT, "entity")}
    return "/".join(values), told
