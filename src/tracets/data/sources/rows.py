"""Rows that a database gives in the order of entity and time, as series: one in memory at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.data.joining import join_channels
from tracets.data.series import Series
from tracets.data.sources.source import id_and_metadata, inside, stamps_of
from tracets.data.table import split_unit
from tracets.data.times import check_order, times_of, to_grid
from tracets.errors import DataError
from tracets.files import Limits


@dataclass(frozen=True)
class Columns:
    """Which column is what. Rows have them in the order: `entity`, `time`, then `rest`."""

    time: str
    entity: tuple[str, ...]
    channel: str | None
    unit: str | None
    values: tuple[str, ...]

    @property
    def rest(self) -> tuple[str, ...]:
        return (*(name for name in (self.channel, self.unit) if name is not None), *self.values)


@dataclass(frozen=True)
class _How:
    """What holds for every series of one pass."""

    columns: Columns
    where: str
    name: str
    since: datetime | None
    until: datetime | None
    precision: str | None
    freq: str | None
    zone: str | None
    limits: Limits


def series_of_rows(
    parts: Iterator[Sequence[Any]],
    columns: Columns,
    *,
    where: str,
    name: str,
    since: datetime | None,
    until: datetime | None,
    precision: str | None,
    freq: str | None,
    zone: str | None,
    limits: Limits,
) -> Iterator[Series]:
    """Series from parts of rows, in their order; rows of one entity follow each other, by time.

    Raises
    ------
    DataError
        No rows, a row without entity or time, a value that is no number, an entity whose rows do not follow each
        other; or as for `tracets.data.read`.
    """
    how = _How(columns, where, name, since, until, precision, freq, zone, limits)
    n, row, block, done, empty = len(columns.entity), 0, None, dict[str, tuple[Any, ...]](), True
    for part in parts:
        cells = list(zip(*part, strict=True))
        keys = list(zip(*cells[:n], strict=True)) if n else [()] * len(part)
        edges = [0, *(i for i in range(1, len(keys)) if keys[i] != keys[i - 1]), len(keys)]
        for at, end in itertools.pairwise(edges):
            key = keys[at]
            if block is None or block.key != key:
                if block is not None and (one := block.series()) is not None:
                    empty = False
                    yield one
                block = _Block(how, key, row + 1)
                if block.id in done:
                    raise DataError(
                        f"{where}: {done[block.id]} and {key} make the same id '{block.id}', or their rows are not "
                        f"together. Rename one."
                    )
                done[block.id] = key
            block.add([column[at:end] for column in cells[n:]], row + 1)
            row += end - at
        if row > limits.rows:
            limits.check("rows", row, "rows or more", where=where)
    if block is not None and (one := block.series()) is not None:
        empty = False
        yield one
    if empty:
        raise DataError(f"{where}: there is not one row. Check the table and the time range.")


class _Block:
    """The rows of one entity, in compact arrays."""

    def __init__(self, how: _How, key: tuple[Any, ...], first: int) -> None:
        self._how, self.key, self._first = how, key, first
        if any(part is None for part in key):
            raise DataError(
                f"{how.where}, row {first}: {', '.join(how.columns.entity)} is NULL. Leave such rows out with a SELECT."
            )
        self.id, self._metadata = id_and_metadata(how.columns.entity, [str(part) for part in key], how.name)
        how.limits.check("name_chars", len(self.id), "characters in an id", where=how.where)
        self._whole = f"{how.where}: series '{self.id}'"
        self._texts: list[str] = []
        self._micros: list[NDArray[np.int64]] = []
        self._aware: bool | None = None
        self._values: list[NDArray[np.float32]] = []
        self._channels: list[str] = []
        self._units: dict[str, str | None] = {}

    def add(self, cells: Sequence[Sequence[Any]], first: int) -> None:
        """The columns of rows from number `first` on, without those of the entity."""
        how, lines = self._how, range(first, first + len(cells[0]))
        self._add_times(cells[0], lines)
        rest = cells[1:]
        if how.columns.channel is not None:
            units = rest[1] if how.columns.unit is not None else None
            self._add_channels(rest[0], units, lines)
            rest = rest[1 if units is None else 2 :]
        names = zip(how.columns.values, rest, strict=True)
        self._values.append(np.stack([_floats(c, lines, f"{self._whole}, column '{name}'") for name, c in names]))

    def _add_times(self, raw: Sequence[Any], lines: range) -> None:
        for line, one in zip(lines, raw, strict=True):
            if one is None:
                raise DataError(f"{self._whole}, row {line}: the time is NULL. Leave such rows out with a SELECT.")
        if isinstance(raw[0], str) and not self._micros:
            self._texts += raw  # parsed as a whole, as those of a file
            return
        index = stamps_of(raw, precision=self._how.precision, lines=lines, where=self._whole, zone=None)
        aware = index.tz is not None
        if self._texts or self._aware not in (None, aware):
            raise DataError(f"{self._whole}, row {lines[0]}: {raw[0]!r} is not a time like those before it.")
        self._aware = aware
        self._micros.append(index.asi8)

    def _add_channels(self, names: Sequence[Any], units: Sequence[Any] | None, lines: range) -> None:
        for i, name in enumerate(names):
            if name is None or not str(name).strip():
                raise DataError(f"{self._whole}, row {lines[i]}: the row names no channel. Leave it out with a SELECT.")
            unit = str(units[i]) if units is not None and units[i] is not None else None
            known = self._units.setdefault(str(name), unit)
            if known != unit:
                raise DataError(
                    f"{self._whole}, channel '{name}', row {lines[i]}: unit '{unit}' differs from '{known}' before. "
                    f"Convert the values to one unit."
                )
            self._channels.append(str(name))
        self._how.limits.check("channels", len(self._units), "channels", where=self._whole)

    def series(self) -> Series | None:
        """The series; None where no row lies in the time range."""
        how = self._how
        values = np.concatenate(self._values, axis=1)
        lines = np.arange(self._first, self._first + values.shape[1])
        if how.columns.channel is None:
            index, kept = self._times(lines, self._whole)
            if not len(index):
                return None
            values, rows = values[:, kept], lines[kept].tolist()
            check_order(index, lines=rows, where=self._whole)
            start, step, grid = to_grid(
                index, values, freq=how.freq, lines=rows, where=self._whole, limits=how.limits
            )  # fmt: skip
            named = [split_unit(name) for name in how.columns.values]
        else:
            found = self._long(values[0], lines)
            if found is None:
                return None
            start, step, grid, names = found
            named = [(name, self._units[name]) for name in names]
            if how.columns.unit is None:
                named = [split_unit(name) for name in names]
        return Series(
            id=self.id,
            values=grid,
            channel_names=tuple(name for name, _ in named),
            start=start.to_pydatetime(),
            freq=step,
            units=tuple(unit for _, unit in named),
            source=how.where,
            metadata=self._metadata,
        )

    def _long(self, values: NDArray[np.float32], lines: NDArray[np.int64]) -> Any:
        import pandas as pd

        codes, names = pd.factorize(np.array(self._channels, object))
        read, rows_of = {}, {}
        for code in np.argsort(names):
            at = np.flatnonzero(codes == code)
            channel = str(names[code])
            where = f"{self._whole}, channel '{channel}'"
            index, kept = self._times(lines, where, at)
            if not len(index):
                continue
            rows_of[channel] = lines[at][kept].tolist()
            check_order(index, lines=rows_of[channel], where=where)
            read[channel] = pd.Series(values[at][kept], index=index)
        if not read:
            return None
        return (
            *join_channels(
                read, row_of=lambda c, i: rows_of[c][i], freq=self._how.freq, where=self._whole,
                limits=self._how.limits,
            ),
            list(read),
        )  # fmt: skip

    def _times(self, lines: NDArray[np.int64], where: str, at: Any = slice(None)) -> tuple[Any, Any]:
        """The times of rows `at`, and which of them lie in the time range."""
        how, rows = self._how, lines[at].tolist()
        if self._texts:
            texts = self._texts if isinstance(at, slice) else [self._texts[i] for i in at]
            index = stamps_of(texts, precision=None, lines=rows, where=where, zone=how.zone)
        else:
            micros = np.concatenate(self._micros)[at]
            index = times_of(micros, aware=bool(self._aware), lines=rows, where=where, zone=how.zone)
        kept = inside(index, how.since, how.until, how.zone)
        return index[kept], kept


def _floats(cells: Sequence[Any], lines: range, where: str) -> NDArray[np.float32]:
    """Numbers, truths and NULL (missing) as float32; as a CSV of them would be read."""
    try:
        wide = np.array(cells, np.float64)
        if any(isinstance(cell, str | bytes) for cell in cells[:1]):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        wide = np.array([_float(cell, line, where) for cell, line in zip(cells, lines, strict=True)])
    with np.errstate(over="ignore"):
        small = wide.astype(np.float32)
    for i in np.flatnonzero(np.isinf(small))[:1]:
        raise DataError(f"{where}, row {lines[i]}: {cells[i]} is infinite. Make it NULL where it means missing.")
    return small


def _float(cell: Any, line: int, where: str) -> float:
    try:
        return float("nan") if cell is None else float(cell)
    except (ValueError, TypeError, OverflowError):
        raise DataError(
            f"{where}, row {line}: {cell!r} is not a number. Name the columns of values (--value), or leave this one "
            f"out with a SELECT."
        ) from None
