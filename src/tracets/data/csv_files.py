"""Long series from CSV files: wide (time + one column a channel) and long (id, time, channel, value)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tracets.data.joining import join_channels
from tracets.data.series import Series
from tracets.data.table import Table, numbers, read_header, read_table, split_unit
from tracets.data.times import check_order, parse_times, to_grid
from tracets.errors import DataError
from tracets.files import LIMITS, Limits

TIME_NAMES = ("time", "timestamp", "datetime", "date", "ds")
LONG_NAMES = {"id": ("id", "unique_id", "item_id"), "time": TIME_NAMES, "channel": ("channel",), "value": ("value",)}


def is_long(path: Path) -> bool:
    """Whether the header of a CSV file is that of the long layout."""
    return not long_columns(read_header(path))[1]


def long_columns(names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Which column has which role in the long layout (id, time, channel, value), and the roles that no column has."""
    found = {role: find_column(names, candidates) for role, candidates in LONG_NAMES.items()}
    absent = [role for role, name in found.items() if name is None]
    return {role: name for role, name in found.items() if name is not None}, absent


def read_wide_csv(path: Path, *, freq: str | None, zone: str | None, limits: Limits = LIMITS) -> list[Series]:
    """One series from a CSV file with a time column and one column a channel.

    Parameters
    ----------
    path : Path
        UTF-8 with a header. The time column is the one called time, timestamp, datetime, date or ds, otherwise the
        first. Every other column is a channel, headed "name" or "name [unit]"; an empty field is missing.
    freq : str or None
        Puts irregular stamps on a grid of this step (see `tracets.data.times.to_grid`).
    zone : str or None
        The time zone of stamps without an offset, or the one to show stamps with an offset in.
    limits : Limits
        What the file may hold at most.

    Returns
    -------
    list of Series
        One; its id is the file's name without the ending.

    Raises
    ------
    DataError
        Names file, series and row, with the fix.
    """
    table = read_table(path, limits=limits)
    where = f"{path}: series '{path.stem}'"
    time = find_column(table.names, TIME_NAMES) or table.names[0]
    headers = [name for name in table.names if name != time]
    if not headers:
        raise DataError(f"{where} has a time column ('{time}') but no channel. Add one column a channel.")
    channels = [split_unit(header) for header in headers]
    times = parse_times(table.columns[time], lines=table.lines, where=where, zone=zone)
    check_order(times, lines=table.lines, where=where)
    values = np.stack(
        [numbers(table.columns[h], lines=table.lines, where=f"{where}, column '{h}'") for h in headers]
    )  # (c, t)
    start, step, values = to_grid(times, values, freq=freq, lines=table.lines, where=where, limits=limits)
    return [
        Series(
            id=path.stem,
            values=values,
            channel_names=tuple(name for name, _ in channels),
            start=start.to_pydatetime(),
            freq=step,
            units=tuple(unit for _, unit in channels),
            source=path.name,
        )
    ]


def write_wide_csv(series: Series, path: Path) -> None:
    """Write one series as `read_wide_csv` reads it: columns time and "name [unit]", missing steps as empty fields.

    Examples
    --------
    >>> write_wide_csv(read_wide_csv(Path("a.csv"), freq=None, zone=None)[0], Path("b.csv"))  # doctest: +SKIP
    """
    named = zip(series.channel_names, series.units, strict=True)
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(["time", *(f"{name} [{unit}]" if unit else name for name, unit in named)])
    for time, row in zip(series.times, series.values.T, strict=True):
        writer.writerow([time.isoformat(), *("" if np.isnan(value) else str(value) for value in row)])
    path.write_text(told.getvalue(), encoding="utf-8")


def read_long_csv(path: Path, *, freq: str | None, zone: str | None, limits: Limits = LIMITS) -> list[Series]:
    """Several series from a CSV file with the columns id, time, channel, value and perhaps unit.

    Parameters
    ----------
    path : Path
        id may also be called unique_id or item_id, time as in `read_wide_csv`. Within a channel, rows are in the order
        of time. Without `freq`, all channels of a series must have the same stamps.
    freq, zone : str or None
        See `read_wide_csv`, also for `limits`. With `freq`, channels may have stamps of their own; what is missing
        becomes NaN.

    Returns
    -------
    list of Series
        In the order of the file, channels too.

    Raises
    ------
    DataError
        Names file, series and row, with the fix.
    """
    table = read_table(path, limits=limits)
    found, absent = long_columns(table.names)
    unit = find_column(table.names, ("unit",))
    extra = [n for n in table.names if n not in (*found.values(), unit)]
    if absent or extra:
        raise DataError(
            f"{path}: a long CSV has the columns id, time, channel, value and perhaps unit; "
            f"missing: {', '.join(absent) or 'none'}; unknown: {', '.join(extra) or 'none'}. Rename or remove them."
        )
    columns = {role: table.columns[name] for role, name in found.items()}
    rows: dict[str, dict[str, list[int]]] = {}
    for i, (one, channel) in enumerate(zip(columns["id"], columns["channel"], strict=True)):
        if not one.strip() or not channel.strip():
            raise DataError(f"{path}: row {table.lines[i]} has no id or no channel. Fill both.")
        rows.setdefault(one, {}).setdefault(channel, []).append(i)
    units = table.columns[unit] if unit else None
    return [_long_series(table, columns, units, one, channels, freq, zone, limits) for one, channels in rows.items()]


def _long_series(
    table: Table,
    columns: dict[str, list[str]],
    units: list[str] | None,
    name: str,
    channels: dict[str, list[int]],
    freq: str | None,
    zone: str | None,
    limits: Limits,
) -> Series:
    import pandas as pd

    whole = f"{table.file}: series '{name}'"
    limits.check("name_chars", len(name), "characters in an id", where=table.file)
    limits.check("channels", len(channels), "channels", where=whole)
    read = {}
    for channel, rows in channels.items():
        where, lines = f"{whole}, channel '{channel}'", [table.lines[i] for i in rows]
        times = parse_times([columns["time"][i] for i in rows], lines=lines, where=where, zone=zone)
        check_order(times, lines=lines, where=where)
        values = numbers([columns["value"][i] for i in rows], lines=lines, where=where)
        read[channel] = pd.Series(values, index=times)
    start, step, grid = join_channels(
        read, row_of=lambda c, i: table.lines[channels[c][i]], freq=freq, where=whole, limits=limits
    )
    return Series(
        id=name,
        values=grid,
        channel_names=tuple(channels),
        start=start.to_pydatetime(),
        freq=step,
        units=tuple(_unit(units, rows, table, f"{whole}, channel '{c}'") for c, rows in channels.items()),
        source=table.file.replace("\\", "/").rsplit("/", 1)[-1],
    )


def _unit(units: list[str] | None, rows: list[int], table: Table, where: str) -> str | None:
    if units is None:
        return None
    first = units[rows[0]].strip()
    for i in rows:
        if units[i].strip() != first:
            raise DataError(
                f"{where}, row {table.lines[i]}: unit '{units[i]}' differs from '{first}' in row "
                f"{table.lines[rows[0]]}. Convert the values to one unit."
            )
    return first or None


def find_column(names: list[str], candidates: tuple[str, ...]) -> str | None:
    """The column whose name is the first of `candidates` that there is; case is ignored."""
    lower = {name.lower(): name for name in names}
    return next((lower[c] for c in candidates if c in lower), None)
