"""Filters in SQL: the conditions of a WHERE, no more.

    condition := condition OR condition | condition AND condition | NOT condition | ( condition ) | TRUE | FALSE
               | column | column IS [NOT] NULL | column IS [NOT] TRUE | column IS [NOT] FALSE
               | column op value | value op column               op: = == <> != < <= > >=
               | column [NOT] IN (value, ...) | column [NOT] BETWEEN value AND value
               | column [NOT] LIKE 'pattern' | column [NOT] ILIKE 'pattern'
               | array_has(column, value) | value [NOT] IN column
    value     := 'text' | number | TRUE | FALSE | date '2013-07-01' | timestamp '2013-07-01T00:00:00-04:00'
    column    := name | `odd name` | "odd name"

NOT binds closest, then AND, then OR. A quote inside quotes is doubled. Read by recursive descent within bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeVar

from tracets.errors import QueryError
from tracets.filters.algebra import (
    DIGITS,
    MAX_DEPTH,
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

MAX_LENGTH = 1_000_000
"""Characters in an expression."""
SHOWN = 120
"""Characters of an expression in a message."""
ALLOWED = (
    "Allowed are =, <>, <, <=, >, >=, IN (...), BETWEEN, LIKE, ILIKE, IS NULL and array_has(list, value) between a "
    "column and values, joined by AND, OR, NOT and brackets"
)

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<quoted>`(?:[^`]|``)+`|"(?:[^"]|"")+")
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<word>[^\W\d]\w*)
    | (?P<sign><>|!=|==|<=|>=|[=<>(),+-])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d{1,9})?)?"
    r" ?(?P<zone>[zZ]|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?"
)
_PLAIN = re.compile(r"[^\W\d]\w*")
_SAME = {"==": "=", "<>": "!="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_KEYWORDS = ("AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "NULL", "TRUE", "FALSE")
_LITERALS = ("DATE", "TIMESTAMP")
_MEMBERS = ("ARRAY_HAS", "ARRAY_CONTAINS")

T = TypeVar("T")


class _Token(NamedTuple):
    kind: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        return (self.kind == "word" and self.text.upper() in words) or (self.kind == "sign" and self.text in words)


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass(frozen=True)
class _Constant:
    value: Value


_Operand = _Name | _Constant | Filter


def parse(expression: str) -> Filter:
    """Read a filter in SQL.

    Raises
    ------
    QueryError
        Anything that is not of the grammar above; names the place and what is allowed there.

    Examples
    --------
    >>> parse("entity = 'ny' AND NOT label IS NULL")
    And(parts=(Compare(column='entity', op='=', value='ny'), Not(part=IsNull(column='label'))))
    """
    if len(expression) > MAX_LENGTH:
        raise QueryError(f"a filter may have {MAX_LENGTH} characters, got {len(expression)}. Shorten it.")
    return _Parser(expression).whole()


def shown(expression: str) -> str:
    """An expression as messages cite it: on one line, and not too long."""
    line = " ".join(expression.split())
    return line if len(line) <= SHOWN else line[:SHOWN] + "..."


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.depth = 0
        self.tokens = self._split()
        self.next = 0

    def _split(self) -> list[_Token]:
        found, at = [], 0
        while True:
            match = _TOKEN.match(self.expression, at)
            if match is None or match.lastgroup is None:
                at += len(self.expression[at:]) - len(self.expression[at:].lstrip())
                raise self._refusal(f"cannot read {shown(self.expression[at : at + 20])!r}", at)
            found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            if match.lastgroup == "end":
                return found
            at = match.end()

    def whole(self) -> Filter:
        if self._peek().kind == "end":
            raise self._refusal("it is empty", 0)
        found = self._filter(self._or())
        if self._peek().kind != "end":
            raise self._expected("AND, OR or the end")
        check_size(found)
        return found

    def _or(self) -> _Operand:
        return self._joined("OR", Or, self._and)

    def _and(self) -> _Operand:
        return self._joined("AND", And, self._not)

    def _joined(self, word: str, kind: type[And] | type[Or], inner: Callable[[], _Operand]) -> _Operand:
        first = inner()
        if not self._peek().says(word):
            return first
        parts = [self._filter(first)]
        while self._peek().says(word):
            self.next += 1
            parts.append(self._filter(inner()))
        return kind(tuple(parts))

    def _not(self) -> _Operand:
        if not self._peek().says("NOT"):
            return self._predicate()
        self._deeper()
        self.next += 1
        found = Not(self._filter(self._not()))
        self.depth -= 1
        return found

    def _predicate(self) -> _Operand:
        begin = self._peek().at
        left = self._operand()
        token = self._peek()
        if token.says("IS"):
            self.next += 1
            return self._is(left, begin)
        if token.says(*OPERATORS, *_SAME):
            self.next += 1
            return self._compared(left, _SAME.get(token.text, token.text), self._operand(), token)
        negated = token.says("NOT")
        if negated:
            self.next += 1
            token = self._peek()
        if token.says("IN", "BETWEEN", "LIKE", "ILIKE"):
            self.next += 1
            found = self._built(lambda: self._ranged(left, token, begin), token)
            return Not(found) if negated else found
        if negated:
            raise self._expected("IN, BETWEEN, LIKE or ILIKE")
        return left

    def _ranged(self, left: _Operand, token: _Token, begin: int) -> Filter:
        word = token.text.upper()
        if word == "IN" and isinstance(left, _Constant):
            return Has(self._column(self._operand(), token.at), left.value)
        name = self._column(left, begin)
        if word == "IN":
            self._take("(")
            values = [self._value()]
            while self._peek().says(","):
                self.next += 1
                values.append(self._value())
            self._take(")")
            return Among(name, tuple(values))
        if word == "BETWEEN":
            low = self._value()
            self._take("AND")
            return Between(name, low, self._value())
        pattern = self._value()
        if not isinstance(pattern, str):
            raise self._refusal(f"{word} takes a text such as 'storm%'", token.at)
        return Like(name, pattern, ignore_case=word == "ILIKE")

    def _is(self, left: _Operand, begin: int) -> Filter:
        negated = self._peek().says("NOT")
        self.next += negated
        word = self._take("NULL", "TRUE", "FALSE").text.upper()
        name = self._column(left, begin)
        found: Filter = IsNull(name)
        if word != "NULL":  # never unknown, unlike a comparison
            found = And((Not(IsNull(name)), Compare(name, "=", word == "TRUE")))
        return Not(found) if negated else found

    def _compared(self, left: _Operand, op: str, right: _Operand, token: _Token) -> Filter:
        if isinstance(left, _Constant) and isinstance(right, _Name):
            left, op, right = right, _TURNED.get(op, op), left
        if isinstance(left, _Name) and isinstance(right, _Constant):
            name, value = left.name, right.value
            return self._built(lambda: Compare(name, op, value), token)
        raise self._refusal(f"'{token.text}' stands between a column and a value, and here it does not", token.at)

    def _operand(self) -> _Operand:
        token = self._peek()
        if token.says("("):
            self._deeper()
            self.next += 1
            inner = self._or()
            self._take(")")
            self.depth -= 1
            return inner
        following = self.tokens[min(self.next + 1, len(self.tokens) - 1)]
        if token.says(*_MEMBERS) and following.says("("):
            self.next += 2
            name = self._column(self._operand(), following.at)
            self._take(",")
            found = self._built(lambda: Has(name, self._value()), token)
            self._take(")")
            return found
        if following.says("(") and token.kind == "word" and not token.says(*_KEYWORDS):
            raise self._refusal(f"the function {token.text}() is not known", token.at)
        is_literal = token.says(*_LITERALS) and following.kind == "text"
        if token.kind == "quoted":
            self.next += 1
            quote = token.text[0]
            return _Name(token.text[1:-1].replace(quote * 2, quote))
        if token.kind == "word" and not token.says(*_KEYWORDS) and not is_literal:
            self.next += 1
            return _Name(token.text)
        return _Constant(self._value())

    def _value(self) -> Value:
        token = self._peek()
        self.next += 1
        if token.kind == "text":
            return self._built(lambda: checked(token.text[1:-1].replace("''", "'")), token)
        if token.says("TRUE", "FALSE"):
            return token.says("TRUE")
        if token.says(*_LITERALS):
            given = self._peek()
            if given.kind == "text":
                self.next += 1
                return self._built(lambda: read_time(given.text[1:-1].strip(), whole_day=token.says("DATE")), given)
        if token.says("+", "-") or token.kind == "number":
            given = token
            if token.kind == "sign":
                given = self._peek()
                self.next += 1
            if given.kind == "number":
                return self._built(lambda: _number(given.text, negative=token.text == "-"), token)
        if token.says("NULL"):
            raise self._refusal("null is neither equal nor unequal to anything, ask by IS NULL", token.at)
        self.next -= 1
        raise self._expected("a value ('text', a number, TRUE, FALSE, date '...' or timestamp '...')")

    def _filter(self, found: _Operand) -> Filter:
        """What stands alone as a condition: a filter, TRUE, FALSE or a column of booleans."""
        if isinstance(found, Filter):
            return found
        if isinstance(found, _Name):
            return Compare(found.name, "=", True)
        if isinstance(found.value, bool):
            return And() if found.value else Or()
        raise self._expected("a comparison")

    def _column(self, found: _Operand, at: int) -> str:
        if isinstance(found, _Name):
            return found.name
        raise self._refusal("a column is expected", at)

    def _built(self, build: Callable[[], T], token: _Token) -> T:
        """What `build` gives; a value that it refuses is named with its place."""
        try:
            return build()
        except QueryError as error:
            if str(error).startswith("cannot filter"):
                raise
            raise self._refusal(str(error).rstrip("."), token.at) from None

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _take(self, *words: str) -> _Token:
        token = self._peek()
        if not token.says(*words):
            raise self._expected(" or ".join(words))
        self.next += 1
        return token

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._refusal(f"more than {MAX_DEPTH} brackets and NOTs inside one another", self._peek().at)

    def _expected(self, what: str) -> QueryError:
        token = self._peek()
        found = "the end" if token.kind == "end" else f"'{shown(token.text)}'"
        return self._refusal(f"expected {what}, found {found}", token.at)

    def _refusal(self, why: str, at: int) -> QueryError:
        return QueryError(f'cannot filter by "{shown(self.expression)}": {why}, at character {at + 1}. {ALLOWED}.')


def _number(text: str, *, negative: bool) -> Value:
    if not text.isdigit():
        return checked(-float(text) if negative else float(text))
    if len(text) > DIGITS:
        raise QueryError(f"a number may have at most {DIGITS} digits")
    return -int(text) if negative else int(text)


def read_time(text: str, *, whole_day: bool) -> Value:
    """A time in ISO 8601, or a date. Raises QueryError for anything else."""
    match = _TIME.fullmatch(text)
    wrong = QueryError(
        f"{text[:40]!r} is not a date, write it as 2013-07-01"
        if whole_day
        else f"{text[:40]!r} is not a time, write it as 2013-07-01T00:00:00 or 2013-07-01T00:00:00-04:00"
    )
    if match is None or (whole_day and (match["clock"] or match["zone"])):
        raise wrong
    fraction = match["fraction"] or ""
    if fraction[7:].strip("0"):
        raise QueryError("times are known to the microsecond, give at most 6 digits")
    zone = (match["zone"] or "").upper().replace("Z", "+00:00")
    clock = (match["clock"] or "00:00") + (fraction[:7].ljust(7, "0") if fraction else "")
    try:
        day = date.fromisoformat(match["day"])
        return day if whole_day else checked(datetime.fromisoformat(f"{day}T{clock}{zone}"))
    except ValueError:
        raise wrong from None


def to_sql(where: Filter) -> str:
    """A filter as SQL that `parse` reads as the same filter (an and, or an or, of one part as that part).

    Examples
    --------
    >>> to_sql(Compare("odd name", "=", "it's") | IsNull("label"))
    "`odd name` = 'it''s' OR label IS NULL"
    """
    check_size(where)
    return _said(where)


def _said(where: Filter) -> str:
    match where:
        case Compare():
            return f"{_named(where.column)} {where.op} {_literal(where.value)}"
        case Among():
            return f"{_named(where.column)} IN ({', '.join(map(_literal, where.values))})"
        case Between():
            return f"{_named(where.column)} BETWEEN {_literal(where.low)} AND {_literal(where.high)}"
        case Like():
            word = "ILIKE" if where.ignore_case else "LIKE"
            return f"{_named(where.column)} {word} {_literal(where.pattern)}"
        case Has():
            return f"array_has({_named(where.column)}, {_literal(where.value)})"
        case IsNull():
            return f"{_named(where.column)} IS NULL"
        case Not():
            return f"NOT {_bracketed(where.part)}"
        case And() | Or() if not where.parts:
            return "TRUE" if isinstance(where, And) else "FALSE"
        case And() | Or():
            word = " AND " if isinstance(where, And) else " OR "
            return word.join(map(_bracketed, where.parts))
    raise QueryError(f"{where!r} is no filter that SQL can say.")


def _bracketed(where: Filter) -> str:
    joined = isinstance(where, And | Or) and where.parts
    return f"({_said(where)})" if joined else _said(where)


def _named(column: str) -> str:
    known = column.upper() in (*_KEYWORDS, *_LITERALS, *_MEMBERS)
    return column if _PLAIN.fullmatch(column) and not known else "`" + column.replace("`", "``") + "`"


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat()}'"
    return f"date '{value.isoformat()}'" if isinstance(value, date) else repr(value)
