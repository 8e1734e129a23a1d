"""Filters as values: comparisons of a column with a constant, joined by and, or and not.

A filter may be written in Python (`col("entity") == "ny"`), in SQL (`tracets.filters.sql`) or in JSON
(`tracets.filters.wire`); `tracets.filters.rows` finds the rows for which it holds. The columns' types are looked at
only there: a filter by itself knows no table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

from tracets.errors import QueryError

Value = bool | int | float | str | date | datetime
"""What a column may be compared with. A datetime is a date too; the types are told apart."""

OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
MAX_DEPTH = 64
"""Filters inside one another."""
MAX_NODES = 1000
"""Comparisons, ands, ors and nots in one filter."""
MAX_VALUES = 100_000
"""Values in one list of an `Among`."""
MAX_PATTERN = 1000
"""Characters in a pattern of `Like`."""
DIGITS = 400
"""Digits of a whole number; a float has at most 309 before its point."""


@dataclass(frozen=True)
class Filter:
    """A condition on the columns of a row: it holds, does not hold, or is unknown, as in SQL.

    Comparing null with anything is unknown; so is its negation. Unknown and false is false, unknown or true is true,
    and what stays unknown is not kept. Join filters by ``&``, ``|`` and ``~``.

    Examples
    --------
    >>> (col("entity") == "ny") & ~col("label").is_null()
    And(parts=(Compare(column='entity', op='=', value='ny'), Not(part=IsNull(column='label'))))
    """

    def __and__(self, other: Filter) -> Filter:
        return _joined(And, self, other)

    def __or__(self, other: Filter) -> Filter:
        return _joined(Or, self, other)

    def __invert__(self) -> Filter:
        return Not(self)

    def __bool__(self) -> bool:
        raise QueryError(
            "a filter has no truth value. Join filters by &, | and ~, each in brackets; write a range as between()."
        )


@dataclass(frozen=True)
class Compare(Filter):
    """`column` stands in the relation `op` to `value`; `op` is one of =, !=, <, <=, >, >=."""

    column: str
    op: str
    value: Value

    def __post_init__(self) -> None:
        _check_name(self.column)
        if self.op not in OPERATORS:
            raise QueryError(f"there is no comparison '{self.op}'. Use one of {', '.join(OPERATORS)}.")
        object.__setattr__(self, "value", checked(self.value))


@dataclass(frozen=True)
class Among(Filter):
    """`column` equals one of `values`; at least one."""

    column: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        _check_name(self.column)
        if not 0 < len(self.values) <= MAX_VALUES:
            raise QueryError(f"IN takes 1 to {MAX_VALUES} values, got {len(self.values)}.")
        object.__setattr__(self, "values", tuple(checked(value) for value in self.values))


@dataclass(frozen=True)
class Between(Filter):
    """`column` lies in [`low`, `high`], both ends included; nothing does when low > high."""

    column: str
    low: Value
    high: Value

    def __post_init__(self) -> None:
        _check_name(self.column)
        object.__setattr__(self, "low", checked(self.low))
        object.__setattr__(self, "high", checked(self.high))


@dataclass(frozen=True)
class Like(Filter):
    """The text in `column` has the form of `pattern`: % is any text, _ any character, a backslash takes their meaning.

    With `ignore_case` capitals are as good as small letters.
    """

    column: str
    pattern: str
    ignore_case: bool = False

    def __post_init__(self) -> None:
        _check_name(self.column)
        if not isinstance(self.pattern, str) or len(self.pattern) > MAX_PATTERN:
            raise QueryError(f"LIKE takes a text of at most {MAX_PATTERN} characters, such as 'storm%'.")
        checked(self.pattern)
        if (len(self.pattern) - len(self.pattern.rstrip("\\"))) % 2:
            raise QueryError("a pattern of LIKE ends in a backslash that nothing follows. Write two for a backslash.")


@dataclass(frozen=True)
class Has(Filter):
    """The list in `column`, such as `channel_names`, holds `value`."""

    column: str
    value: Value

    def __post_init__(self) -> None:
        _check_name(self.column)
        object.__setattr__(self, "value", checked(self.value))


@dataclass(frozen=True)
class IsNull(Filter):
    """Nothing is known in `column`. NaN counts as null. It is never unknown itself."""

    column: str

    def __post_init__(self) -> None:
        _check_name(self.column)


@dataclass(frozen=True)
class And(Filter):
    """All `parts` hold; without parts it holds everywhere."""

    parts: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _filters(self.parts))


@dataclass(frozen=True)
class Or(Filter):
    """One of `parts` holds; without parts it holds nowhere."""

    parts: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _filters(self.parts))


@dataclass(frozen=True)
class Not(Filter):
    """`part` is false; where it is unknown, so is this."""

    part: Filter

    def __post_init__(self) -> None:
        _filters((self.part,))


@dataclass(frozen=True, eq=False)
class Column:
    """A column by its name; comparing it gives a filter. Capitals and small letters are one in names."""

    name: str

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, value: Any) -> Filter:  # type: ignore[override]
        return Compare(self.name, "=", value)

    def __ne__(self, value: Any) -> Filter:  # type: ignore[override]
        return Compare(self.name, "!=", value)

    def __lt__(self, value: Value) -> Filter:
        return Compare(self.name, "<", value)

    def __le__(self, value: Value) -> Filter:
        return Compare(self.name, "<=", value)

    def __gt__(self, value: Value) -> Filter:
        return Compare(self.name, ">", value)

    def __ge__(self, value: Value) -> Filter:
        return Compare(self.name, ">=", value)

    def isin(self, values: Iterable[Value]) -> Filter:
        """Equal to one of `values`; nothing is in an empty list."""
        given = tuple(values)
        return Among(self.name, given) if given else Or()

    def between(self, low: Value, high: Value) -> Filter:
        """In [low, high]."""
        return Between(self.name, low, high)

    def is_null(self) -> Filter:
        """Null or NaN."""
        return IsNull(self.name)

    def like(self, pattern: str, *, ignore_case: bool = False) -> Filter:
        """Of the form of `pattern`; see `Like`."""
        return Like(self.name, pattern, ignore_case)

    def has(self, value: Value) -> Filter:
        """A list that holds `value`."""
        return Has(self.name, value)


def col(name: str) -> Column:
    """A column of an index or of a corpus, to be compared.

    Parameters
    ----------
    name : str
        Capitals and small letters are one.

    Returns
    -------
    Column
        Compare it (`==`, `<`, ...) or ask it (`is_null()`, `among(...)`, ...) for a `Filter`.

    Examples
    --------
    >>> (col("entity") == "ny") & ~col("label").is_null()
    And(parts=(Compare(column='entity', op='=', value='ny'), Not(part=IsNull(column='label'))))
    """
    return Column(name)


def check_size(where: Filter) -> None:
    """Refuse a filter that is nested too deeply or too large.

    Raises
    ------
    QueryError
        More than `MAX_DEPTH` filters inside one another, or more than `MAX_NODES` in all.
    """
    open_, seen = [(where, 1)], 0
    while open_:
        node, depth = open_.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise QueryError(f"the filter has more than {MAX_DEPTH} conditions inside one another. Flatten it.")
        if seen > MAX_NODES:
            raise QueryError(f"the filter has more than {MAX_NODES} conditions. Name many values by IN.")
        inner = (node.part,) if isinstance(node, Not) else node.parts if isinstance(node, And | Or) else ()
        open_ += [(part, depth + 1) for part in inner]


def checked(value: Any) -> Value:
    """A value that a column may be compared with, in Python's own types; a time with a zone has a fixed offset.

    Raises
    ------
    QueryError
        Null, a number that is not finite, text that is not Unicode, or another type.
    """
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.astype("datetime64[us]").item() if value.dtype.kind == "M" else value.item()
    if value is None:
        raise QueryError("null is neither equal nor unequal to anything. Ask for it by IS NULL, or is_null().")
    if isinstance(value, float) and not math.isfinite(value):
        raise QueryError(f"a column cannot be compared with {value}. NaN counts as null: ask by IS NULL, or is_null().")
    if isinstance(value, int) and abs(value) >= 10**DIGITS:
        raise QueryError(f"a number may have at most {DIGITS} digits.")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise QueryError(f"{value!r} is not valid text. Give Unicode without lone surrogates.") from None
    if isinstance(value, datetime):
        offset = value.utcoffset()
        return value.replace(tzinfo=None if offset is None else timezone(offset), fold=0)
    if not isinstance(value, bool | int | float | str | date):
        raise QueryError(
            f"a column cannot be compared with a {type(value).__name__}. Give a text, a number, a boolean, a date or a "
            f"time."
        )
    return value


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise QueryError(f"a filter names a column by a text, got {name!r}.")


def _filters(parts: Iterable[Any]) -> tuple[Filter, ...]:
    found = tuple(parts)
    wrong = [part for part in found if not isinstance(part, Filter)]
    if wrong:
        raise QueryError(f"and, or and not join filters, got {wrong[0]!r}. Write for instance col('label') == 'fair'.")
    return found


def _joined(kind: type[And] | type[Or], *given: Filter) -> Filter:
    parts: list[Filter] = []
    for part in given:
        parts += part.parts if isinstance(part, kind) and part.parts else (part,)
    return kind(tuple(parts))
