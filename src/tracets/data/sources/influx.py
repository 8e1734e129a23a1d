"""InfluxDB by its HTTP API: Flux with annotated CSV (`/api/v2/query`), InfluxQL with JSON (`/query`)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tracets.data.sources.fields import MEASUREMENT, Fields
from tracets.data.sources.http import Server
from tracets.data.sources.source import Reading
from tracets.errors import ConfigError, DataError, SourceError
from tracets.files import LIMITS, Limits, parse_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NUMBERS = ("double", "long", "unsignedLong", "boolean")
PLUMBING = ("", "result", "table", "_start", "_stop", "_time")
"""Columns of a Flux answer that are neither a tag nor a field."""
QUOTED = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
"""Strings, names and comments of InfluxQL."""


@dataclass(frozen=True)
class InfluxSource:
    """What a query to an InfluxDB server answers.

    Parameters
    ----------
    server : Server
    query : str
        Flux where `org` is given; InfluxQL where `database` is. The time range is part of it.
    org, database : str or None
        One of the two.
    entity : tuple of str
        The tags that tell series apart (`_measurement` is one); without them the answer is one series. For InfluxQL
        they must be in its GROUP BY.
    reports : str or None
        The field whose texts are reports. Any other field that is a text is refused.
    """

    server: Server
    query: str
    org: str | None = None
    database: str | None = None
    entity: tuple[str, ...] = ()
    reports: str | None = None

    def __post_init__(self) -> None:
        if (self.org is None) == (self.database is None):
            raise ConfigError(
                "InfluxDB is asked in Flux with ?org=NAME, or in InfluxQL with ?db=NAME, at the end of its address."
            )
        if self.database is not None and not only_reads(self.query):
            raise ConfigError("a query in InfluxQL must be one SELECT without INTO: a server would run others too.")

    def __str__(self) -> str:
        return str(self.server)

    def reading(self, *, freq: str | None, zone: str | None, limits: Limits) -> Reading:
        """Ask, and take in the whole answer.

        Raises
        ------
        SourceError
            The server cannot be reached, refuses, or answers in a wrong shape.
        DataError
            What it answers is no series: names the row.
        """
        fields = Fields(str(self), entity=self.entity, reports=self.reports, limits=limits)
        if self.org is not None:
            answer = self.server.ask(
                "/api/v2/query",
                query={"org": self.org},
                body={
                    "query": self.query,
                    "type": "flux",
                    "dialect": {"header": True, "delimiter": ",", "annotations": ["datatype", "group", "default"]},
                },
                accept="application/csv",
                limits=limits,
            )
            take_csv(answer, fields, where=str(self))
        else:
            assert self.database is not None
            answer = self.server.ask(
                "/query", query={"db": self.database, "q": self.query, "epoch": "ns"}, limits=limits
            )
            take_json(answer, fields, where=str(self), limits=limits)
        return fields.reading(self.database or "series", freq=freq, zone=zone)


def only_reads(query: str) -> bool:
    """Whether InfluxQL is one SELECT that keeps nothing; a server of version 1 runs a DROP even by GET.

    >>> only_reads("SELECT mean(load) FROM plant;"), only_reads("SELECT * INTO copy FROM plant"), only_reads("DROP x")
    (True, False, False)
    """
    bare = QUOTED.sub("", query).strip().removesuffix(";")
    return bare[:6].lower() == "select" and ";" not in bare and not re.search(r"\binto\b", bare, re.IGNORECASE)


def take_csv(answer: bytes, fields: Fields, *, where: str) -> None:
    """Take in annotated CSV: one field a row (`_field`, `_value`), or pivoted, one column a field.

    Raises
    ------
    SourceError
        An error of the server inside the answer, or no annotated CSV.
    DataError
        A row that is no value of a field.
    """
    for number, kinds, row in _rows(answer, where):
        if "error" in row and "reference" in row:
            raise SourceError(f"{where}: the query failed ({row['error']}). Mend it.")
        if not row.get("_time"):
            raise DataError(
                f"{where}, row {number} has no _time. Keep it in the query, or add |> duplicate(column: \"_stop\", "
                f"as: \"_time\")."
            )  # fmt: skip
        micros = _micros(row["_time"], f"{where}, row {number}")
        long = "_field" in row and "_value" in row
        told = {k: v for k, v in row.items() if k not in (*PLUMBING, MEASUREMENT, "_field", "_value") and v != ""}
        values = {row["_field"]: (kinds["_value"], row["_value"])} if long else {}
        if not long:
            values = {k: (kinds[k], v) for k, v in row.items() if kinds[k] in NUMBERS and k not in PLUMBING}
            values |= {k: ("string", told[k]) for k in (fields.told_by,) if k in told}
        tags = tuple(sorted((k, v) for k, v in told.items() if kinds[k] == "string" and k not in values))
        for key, (kind, text) in values.items():
            value = _value(kind, text, f"{where}, row {number}, field '{key}'")
            fields.add(row.get(MEASUREMENT, ""), tags, key, micros, value, number)


def _rows(answer: bytes, where: str) -> Iterator[tuple[int, dict[str, str], dict[str, str]]]:
    """Number, kind of each column, and fields of every row; empty fields are the default of their column."""
    try:
        text = io.StringIO(answer.decode("utf-8"), newline="")
    except UnicodeDecodeError as error:
        raise SourceError(f"{where}: the answer is not UTF-8 text ({error.reason}).") from error
    notes: dict[str, list[str]] = {}
    names: list[str] | None = None
    reader = csv.reader(text, strict=True)
    try:
        for cells in reader:
            number = reader.line_num
            if not any(cells):
                notes, names = {}, None  # a blank line ends a table
            elif cells[0].startswith("#"):
                if names is not None:
                    notes, names = {}, None
                notes[cells[0]] = cells
            elif names is None:
                names = cells
                if names[:2] == ["error", "reference"] or names[1:3] == ["error", "reference"]:
                    notes.setdefault("#datatype", [""] * len(names))
                if "#datatype" not in notes or len(notes["#datatype"]) != len(names):
                    raise SourceError(f"{where}: the answer is no annotated CSV (row {number} has no #datatype).")
            else:
                if len(cells) != len(names):
                    raise SourceError(
                        f"{where}: row {number} of the answer has {len(cells)} cells, its header {len(names)}."
                    )
                kinds = dict(zip(names, notes["#datatype"], strict=True))
                defaults = notes.get("#default", [""] * len(names))
                row = {
                    name: cell or default for name, cell, default in zip(names, cells, defaults, strict=False)
                }  # fmt: skip
                yield number, kinds, row
    except csv.Error as error:
        raise SourceError(f"{where}: the answer is no CSV ({error}, row {reader.line_num}).") from error


def _micros(text: str, where: str) -> int:
    try:
        return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError):
        raise DataError(f"{where}: '{text}' is not a time with an offset.") from None


def _value(kind: str, text: str, where: str) -> float | str:
    if kind == "string":
        return text
    if text == "":
        return float("nan")
    if kind == "boolean":
        return float(text == "true")
    if kind in NUMBERS:
        try:
            return float(text)
        except ValueError:
            pass
    raise DataError(f"{where}: '{text}' ({kind}) is no number. Leave it out of the query.")


def take_json(answer: bytes, fields: Fields, *, where: str, limits: Limits = LIMITS) -> None:
    """Take in the JSON of InfluxQL: series of columns, with their tags where there is a GROUP BY.

    Raises
    ------
    SourceError
        An error of the server inside the answer, an answer that was cut short, or another shape.
    DataError
        A value that is neither number, truth, null nor a report.
    """
    told = parse_json(answer, where=where, error=SourceError, limits=limits)
    number = 0
    try:
        if told.get("error"):
            raise SourceError(f"{where}: the query failed ({told['error']}). Mend it.")
        for result in told["results"]:
            if result.get("error"):
                raise SourceError(f"{where}: the query failed ({result['error']}). Mend it.")
            for one in result.get("series", ()):
                if one.get("partial") or result.get("partial"):
                    raise SourceError(f"{where}: the server cut the answer short. Ask for a shorter time range.")
                columns: Sequence[str] = one["columns"]
                if columns[0] != "time":
                    raise SourceError(
                        f"{where}: the answer has no times (its columns: {', '.join(columns)}). Use SELECT."
                    )
                tags = tuple(sorted((str(k), str(v)) for k, v in one.get("tags", {}).items() if v != ""))
                for row in one.get("values", ()):
                    number += 1
                    for key, value in zip(columns[1:], row[1:], strict=True):
                        if value is not None or key != fields.told_by:
                            _take(fields, one.get("name", ""), tags, key, row[0], value, number)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise SourceError(f"{where}: the answer has not the shape of an answer of InfluxDB ({error!r}).") from error


def _take(
    fields: Fields, measurement: str, tags: tuple[tuple[str, str], ...], key: str, time: Any, value: Any, row: int
) -> None:
    if not isinstance(time, int) or not isinstance(value, int | float | str | None):
        raise ValueError(f"{key} = {value!r} at {time!r}")
    if value is None:
        value = float("nan")
    fields.add(measurement, tags, key, time // 1000, value if isinstance(value, str) else float(value), row)
