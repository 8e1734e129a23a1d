"""Filters as JSON objects, for programs that speak over a wire.

    {"and": [FILTER, ...]}   {"or": [FILTER, ...]}   {"not": FILTER}
    {"column": NAME, "op": "=", "value": VALUE}           also !=, <, <=, >, >=
    {"column": NAME, "op": "in", "values": [VALUE, ...]}
    {"column": NAME, "op": "between", "low": VALUE, "high": VALUE}
    {"column": NAME, "op": "like", "value": PATTERN}      also ilike
    {"column": NAME, "op": "has", "value": VALUE}         a list that holds the value
    {"column": NAME, "op": "is null"}

VALUE is a text, a number, true, false, {"date": "2013-07-01"} or {"timestamp": "2013-07-01T00:00:00-04:00"}.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from tracets.errors import QueryError
from tracets.filters.algebra import (
    MAX_DEPTH,
    MAX_NODES,
    OPERATORS,
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
    checked,
)
from tracets.filters.sql import read_time

_FIELDS = {
    "in": ("values",), "between": ("low", "high"), "is null": (),
    **dict.fromkeys((*OPERATORS, "like", "ilike", "has"), ("value",)),
}  # fmt: skip
"""What each op has beside column and op."""


def to_json(where: Filter) -> dict[str, Any]:
    """A filter as an object that `json` can write.

    Parameters
    ----------
    where : Filter
        Any.

    Returns
    -------
    dict
        docs/filters.md has its form.

    Examples
    --------
    >>> to_json(Compare("entity", "=", "ny"))
    {'column': 'entity', 'op': '=', 'value': 'ny'}
    """
    check_size(where)
    return _object(where)


def from_json(given: Any) -> Filter:
    """Read a filter from a parsed JSON object.

    Parameters
    ----------
    given : dict
        As `to_json` gives it.

    Returns
    -------
    Filter
        The same.

    Raises
    ------
    QueryError
        Not of the form above; names the place as a path and what is allowed there. At most `MAX_DEPTH` objects inside
        one another and `MAX_NODES` in all.

    Examples
    --------
    >>> from_json({"not": {"column": "label", "op": "is null"}})
    Not(part=IsNull(column='label'))
    """
    return _Reader().filter(given, "filter", 1)


def _object(where: Filter) -> dict[str, Any]:
    match where:
        case And() | Or():
            return {"and" if isinstance(where, And) else "or": [_object(part) for part in where.parts]}
        case Not():
            return {"not": _object(where.part)}
        case Compare():
            return {"column": where.column, "op": where.op, "value": _plain(where.value)}
        case Among():
            return {"column": where.column, "op": "in", "values": [_plain(value) for value in where.values]}
        case Between():
            low, high = _plain(where.low), _plain(where.high)
            return {"column": where.column, "op": "between", "low": low, "high": high}
        case Like():
            return {"column": where.column, "op": "ilike" if where.ignore_case else "like", "value": where.pattern}
        case Has():
            return {"column": where.column, "op": "has", "value": _plain(where.value)}
        case IsNull():
            return {"column": where.column, "op": "is null"}
    raise QueryError(f"{where!r} is no filter that JSON can say.")


def _plain(value: Value) -> Any:
    if isinstance(value, datetime):
        return {"timestamp": value.isoformat()}
    return {"date": value.isoformat()} if isinstance(value, date) else value


class _Reader:
    def __init__(self) -> None:
        self.seen = 0

    def filter(self, given: Any, path: str, depth: int) -> Filter:
        self.seen += 1
        if depth > MAX_DEPTH or self.seen > MAX_NODES:
            raise QueryError(
                f"{path}: a filter may have {MAX_DEPTH} conditions inside one another and {MAX_NODES} in all. "
                f"Name many values by the op 'in'."
            )
        if not isinstance(given, Mapping):
            raise QueryError(f'{path}: expected an object such as {{"column": "entity", "op": "=", "value": "ny"}}.')
        for word, kind in (("and", And), ("or", Or)):
            if word in given:
                _only(given, (word,), path)
                if not isinstance(given[word], list):
                    raise QueryError(f"{path}.{word}: expected a list of filters.")
                return kind(
                    tuple(self.filter(part, f"{path}.{word}[{i}]", depth + 1) for i, part in enumerate(given[word]))
                )
        if "not" in given:
            _only(given, ("not",), path)
            return Not(self.filter(given["not"], f"{path}.not", depth + 1))
        return _condition(given, path)


def _condition(given: Mapping[Any, Any], path: str) -> Filter:
    op = given.get("op")
    if not isinstance(op, str) or op not in _FIELDS:
        raise QueryError(f"{path}.op: expected one of {', '.join(_FIELDS)}; or an object with and, or, not.")
    _only(given, ("column", "op", *_FIELDS[op]), path)
    try:
        return _built(op, given["column"], given, path)
    except QueryError as error:
        raise error if str(error).startswith(path) else QueryError(f"{path}: {error}") from None


def _built(op: str, column: str, given: Mapping[Any, Any], path: str) -> Filter:
    match op:
        case "is null":
            return IsNull(column)
        case "like" | "ilike":
            return Like(column, given["value"], op == "ilike")
        case "between":
            return Between(column, _value(given["low"], f"{path}.low"), _value(given["high"], f"{path}.high"))
        case "in":
            if not isinstance(given["values"], list):
                raise QueryError(f"{path}.values: expected a list of values.")
            return Among(column, tuple(_value(v, f"{path}.values[{i}]") for i, v in enumerate(given["values"])))
        case "has":
            return Has(column, _value(given["value"], f"{path}.value"))
    return Compare(column, op, _value(given["value"], f"{path}.value"))


def _value(given: Any, path: str) -> Value:
    try:
        if not isinstance(given, Mapping):
            return checked(given)
        kind, text = next(iter(given.items())) if len(given) == 1 else (None, None)
        if kind not in ("date", "timestamp") or not isinstance(text, str):
            raise QueryError('expected a plain value, {"date": ...} or {"timestamp": ...}.')
        return read_time(text, whole_day=kind == "date")
    except QueryError as error:
        raise QueryError(f"{path}: {str(error).rstrip('.')}.") from None


def _only(given: Mapping[Any, Any], allowed: tuple[str, ...], path: str) -> None:
    missing = [name for name in allowed if name not in given]
    unknown = [name for name in given if name not in allowed]
    if missing or unknown:
        what = f"lacks '{missing[0]}'" if missing else f"has {str(unknown[0])[:40]!r}"
        raise QueryError(f"{path}: {what}; this object has {', '.join(allowed)}.")
