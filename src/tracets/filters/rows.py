"""The rows of a table for which a filter holds, by Arrow's kernels; reads the columns that the filter names, no others.

Numbers are compared exactly, whatever their types: 2.5 with whole numbers, 2 ** 70 with anything. NaN counts as null.
A time without a zone is a local time of its column's zone; one with an offset is a moment. A date is its midnight.
Text is compared by code points. Arrow's own conversions of Python values are avoided: they import pandas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracets.errors import QueryError
from tracets.filters.algebra import (
    Among,
    And,
    Between,
    Compare,
    Filter,
    Has,
    IsNull,
    Like,
    Not,
    Or,
    Value,
    check_size,
)
from tracets.filters.sql import parse, shown, to_sql

KERNELS = {
    "=": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal,
}  # fmt: skip
TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""Units of a column of times in a second."""
EPOCH = datetime(1970, 1, 1)

Truth = Any
"""An Arrow array: one of true, false and null (unknown) a row."""
Number = int | Fraction


def rows_where(where: str | Filter, table: pa.Table) -> NDArray[np.int64]:
    """The rows, rising, for which a filter holds.

    Parameters
    ----------
    where : str or Filter
        SQL as `tracets.filters.sql` reads it, or a filter.
    table : Table
        Its columns may be named by any case.

    Raises
    ------
    QueryError
        Text that is no filter, an unknown column, or a value that a column of its type cannot be compared with.

    Examples
    --------
    >>> rows_where("n > 1.5 OR n IS NULL", pa.table({"n": [1, 2, None]})).tolist()
    [1, 2]
    """
    found = parse(where) if isinstance(where, str) else where
    if not isinstance(found, Filter):
        raise QueryError(f"a filter is SQL or made with col(), got {where!r}. Write for instance \"label = 'fair'\".")
    check_size(found)
    try:
        kept = pc.indices_nonzero(_Rows(table).truth(found))
    except QueryError as error:
        said = shown(where if isinstance(where, str) else to_sql(found))
        raise QueryError(f'cannot filter by "{said}": {error}') from None
    return _numbers(kept)


class _Rows:
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def truth(self, where: Filter) -> Truth:
        match where:
            case And() | Or():
                meet = pc.and_kleene if isinstance(where, And) else pc.or_kleene
                found = _all(isinstance(where, And), self.table.num_rows)
                for part in where.parts:
                    found = meet(found, self.truth(part))
                return found
            case Not():
                return pc.invert(self.truth(where.part))
            case IsNull():
                return pc.is_null(_known(self.column(where.column)))
            case Compare():
                return _Cells(where.column, self.column(where.column)).compare(where.op, where.value)
            case Between():
                cells = _Cells(where.column, self.column(where.column))
                return pc.and_kleene(cells.compare(">=", where.low), cells.compare("<=", where.high))
            case Among():
                return _Cells(where.column, self.column(where.column)).among(where.values)
            case Like():
                return _Cells(where.column, self.column(where.column)).like(where.pattern, where.ignore_case)
            case Has():
                return _has(where.column, self.column(where.column), where.value)
        raise QueryError(f"{where!r} is no filter that rows can be asked for.")

    def column(self, name: str) -> pa.ChunkedArray:
        names = self.table.column_names
        same = [name] if name in names else [n for n in names if n.casefold() == name.casefold()]
        if len(same) != 1:
            what = f"there is no column '{shown(name)}'" if not same else f"'{name}' may be any of {', '.join(same)}"
            raise QueryError(f"{what}. The columns are {', '.join(names)}.")
        found = self.table[same[0]]
        if pa.types.is_dictionary(found.type):
            return found.cast(found.type.value_type)
        return found.cast(pa.large_string()) if pa.types.is_string_view(found.type) else found


class _Cells:
    """One column, and what its values may be compared with."""

    def __init__(self, name: str, column: pa.ChunkedArray) -> None:
        self.name, self.type = name, column.type
        self.column = _known(column)
        if pa.types.is_boolean(self.type):
            self.column = column.cast(pa.uint8())
        elif pa.types.is_timestamp(self.type) or pa.types.is_date64(self.type):
            self.column = _viewed(column, pa.int64())
        elif pa.types.is_date32(self.type):
            self.column = _viewed(column, pa.int32())

    def compare(self, op: str, value: Value) -> Truth:
        if pa.types.is_null(self.type):
            return _viewed(self.column, pa.bool_())
        found = self._checked(value)
        if isinstance(found, str):
            return KERNELS[op](self.column, _array([found], self.column.type)[0])
        if pa.types.is_floating(self.column.type):
            return _compare_floats(self.column, op, Fraction(found))
        return _compare_whole(self.column, op, Fraction(found))

    def among(self, values: Sequence[Value]) -> Truth:
        if pa.types.is_null(self.type):
            return _viewed(self.column, pa.bool_())
        held: Any = [self._checked(value) for value in values]
        if pa.types.is_floating(self.column.type):
            exact = set(held)
            held = [f for f in map(_nearest, held) if math.isfinite(f) and Fraction(f) in exact]
            held += [-0.0] * (0.0 in held)  # another value to a table of hashes
        elif not _is_text(self.type):
            low, high = _range(self.column.type)
            held = [int(v) for v in held if Fraction(v).denominator == 1 and low <= v <= high]
        if not held:
            return _constant(self.column, False)
        found = pc.is_in(self.column, options=pc.SetLookupOptions(_array(held, self.column.type), skip_nulls=True))
        return pc.or_kleene(found, _constant(self.column, False))

    def like(self, pattern: str, ignore_case: bool) -> Truth:
        if pa.types.is_null(self.type):
            return _viewed(self.column, pa.bool_())
        if not _is_text(self.type):
            raise QueryError(f"column '{self.name}' holds {_said(self.type)}, and LIKE asks for text.")
        return pc.match_like(self.column, pattern, ignore_case=ignore_case)

    def _checked(self, value: Value) -> Any:
        """The value in the unit of the column: text, or a number."""
        kind = self.type
        if _is_text(kind) and isinstance(value, str):
            return value
        if pa.types.is_boolean(kind) and isinstance(value, bool):
            return int(value)
        if (pa.types.is_integer(kind) or pa.types.is_floating(kind)) and _is_number(value):
            return Fraction(value)  # type: ignore[arg-type]
        if isinstance(value, date):
            if pa.types.is_timestamp(kind):
                return _moment(self.name, value, kind.tz) * TICKS[kind.unit]
            if pa.types.is_date(kind):
                days = Fraction(_moment(self.name, value, None), 86_400)
                return days if pa.types.is_date32(kind) else days * 86_400_000
        raise QueryError(f"column '{self.name}' holds {_said(kind)}, got {_said_of(value)}. {_fix(kind)}")


def _compare_whole(column: pa.ChunkedArray, op: str, value: Fraction) -> Truth:
    """Whole numbers with any number: as a comparison with a whole number of their type that decides the same."""
    low, high = _range(column.type)
    if op in ("=", "!="):
        if value.denominator != 1 or not low <= value <= high:
            return _constant(column, op == "!=")
        return KERNELS[op](column, _array([int(value)], column.type)[0])
    upto = {"<": math.ceil(value) - 1, "<=": math.floor(value), ">": math.floor(value), ">=": math.ceil(value) - 1}[op]
    below = op in ("<", "<=")  # x <= upto, or else x > upto
    if not low <= upto < high:
        return _constant(column, (upto >= high) == below)
    return KERNELS["<=" if below else ">"](column, _array([upto], column.type)[0])


def _compare_floats(column: pa.ChunkedArray, op: str, value: Fraction) -> Truth:
    """Floats with any number: where it is no float itself, by the largest float below it."""
    nearest = _nearest(value)
    if math.isfinite(nearest) and Fraction(nearest) == value:
        return KERNELS[op](column, _array([nearest], column.type)[0])
    if op in ("=", "!="):
        return _constant(column, op == "!=")
    below = nearest if nearest < value else math.nextafter(nearest, -math.inf)
    return KERNELS["<=" if op in ("<", "<=") else ">"](column, _array([below], column.type)[0])


def _nearest(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _has(name: str, column: pa.ChunkedArray, value: Value) -> Truth:
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise QueryError(f"column '{name}' holds {_said(kind)}, and array_has asks for a list.")
    held = _numbers(pc.indices_nonzero(_Cells(name, pc.list_flatten(column)).compare("=", value)))
    known = pc.is_valid(column)
    lengths = pc.list_value_length(column).drop_null().cast(pa.uint64())
    sizes = np.zeros(len(column), np.int64)
    sizes[_numbers(pc.indices_nonzero(known))] = np.concatenate([np.zeros(0, np.int64), *map(_numbers, lengths.chunks)])
    found = np.zeros(len(column), bool)
    found[np.repeat(np.arange(len(column)), sizes)[held]] = True
    return pc.if_else(known, _bools(found), _unknown(1)[0])


def _moment(name: str, value: date, zone: str | None) -> Fraction:
    """Seconds since 1970, exactly: of a moment where the column has a zone, of the clock where it has none."""
    time = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if zone is None:
        if time.tzinfo is not None:
            raise QueryError(
                f"the times of column '{name}' have no zone, got {value.isoformat()}. Leave the offset out."
            )
        return Fraction((time - EPOCH) // timedelta(microseconds=1), 1_000_000)
    if time.tzinfo is None:
        place = _zone(zone)
        offsets = {time.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1)}
        if len(offsets) > 1:
            raise QueryError(
                f"the local time {time.isoformat()} comes twice or never in {zone}, the zone of column '{name}'. Write "
                f"it with its offset, as in 2013-07-01T00:00:00-04:00."
            )
        offset = offsets.pop() or timedelta()
    else:
        offset = time.utcoffset() or timedelta()
    clock = (time.replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)
    return Fraction(clock - offset // timedelta(microseconds=1), 1_000_000)


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name.upper() == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        found: tzinfo = pa.lib.string_to_tzinfo(name)  # an offset such as +05:30
        return found


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with null for NaN; floats as doubles."""
    if not pa.types.is_floating(column.type):
        return column
    wide = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(wide), pa.nulls(1, pa.float64())[0], wide)


def _viewed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_null(column.type):
        return _unknown(len(column))
    return pa.chunked_array([chunk.view(kind) for chunk in column.chunks], kind)


def _constant(column: pa.ChunkedArray, holds: bool) -> Truth:
    """True or false in every row, and unknown where the column is null."""
    return KERNELS["=" if holds else "!="](column, column)


def _all(holds: bool, n: int) -> pa.Array:
    return _bools(np.full(n, holds))


def _bools(values: NDArray[np.bool_]) -> pa.Array:
    bits = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits])


def _unknown(n: int) -> pa.Array:
    return pa.nulls(n, pa.bool_())


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What pa.array() gives, without its import of pandas."""
    if not _is_text(kind):
        data = np.array(values, kind.to_pandas_dtype())
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])
    texts = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.large_string(), len(values), buffers).cast(kind)


def _numbers(found: pa.Array) -> NDArray[np.int64]:
    """What to_numpy() gives of unsigned numbers without null, without its import of pandas."""
    data = found.buffers()[1]
    if data is None or not len(found):
        return np.zeros(0, np.int64)
    return np.frombuffer(data, np.uint64)[found.offset : found.offset + len(found)].astype(np.int64)


def _range(kind: pa.DataType) -> tuple[int, int]:
    found = np.iinfo(kind.to_pandas_dtype())
    return int(found.min), int(found.max)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(kind: pa.DataType) -> str:
    if _is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "numbers"
    if pa.types.is_timestamp(kind):
        return f"times in the zone {kind.tz}" if kind.tz else "times without a zone"
    if pa.types.is_date(kind):
        return "dates"
    return f"values of the type {str(kind)[:80]}"


def _said_of(value: Value) -> str:
    if isinstance(value, str):
        return f"the text '{shown(value)}'"
    if isinstance(value, datetime):
        return f"the time {value.isoformat()}"
    return f"the date {value.isoformat()}" if isinstance(value, date) else f"{str(value)[:40]}"


def _fix(kind: pa.DataType) -> str:
    if _is_text(kind):
        return "Write a text in quotes, such as 'storm'."
    if pa.types.is_boolean(kind):
        return "Compare it with TRUE or FALSE."
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "Write a number without quotes, such as 2.5."
    if pa.types.is_timestamp(kind):
        return "Write timestamp '2013-07-01T00:00:00' (in Python a datetime)."
    if pa.types.is_date(kind):
        return "Write date '2013-07-01' (in Python a date)."
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "Ask a list by array_has(column, value), or any column by IS NULL."
    return "Such a column can be asked by IS NULL alone."
