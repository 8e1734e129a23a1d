"""Databases by SQLAlchemy URL (PostgreSQL, TimescaleDB, SQLite): a table or a SELECT, read as a stream, read only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tracets.data.csv_files import TIME_NAMES, find_column, long_columns
from tracets.data.series import Series
from tracets.data.sources.rows import Columns, series_of_rows
from tracets.data.sources.source import Reading, Report, bound_like, check_precision, id_and_metadata, inside, stamps_of
from tracets.data.sources.sql_engine import asking, connected, safe_url
from tracets.data.times import check_zone
from tracets.errors import ConfigError, DataError
from tracets.files import Limits

ROWS_AT_ONCE = 10_000
TEXT_NAMES = ("text", "report")


@dataclass(frozen=True)
class SqlSource:
    """A table or a SELECT of a database.

    Parameters
    ----------
    url : str
        As SQLAlchemy reads it; never printed. "postgresql://" means psycopg.
    table : str
        The name of a table or view, "schema.name", or a SELECT.
    time : str or None
        The column of times; by default the one called time, timestamp, datetime, date or ds.
    values : tuple of str
        The columns of values, headed "name" or "name [unit]", each a channel; by default all others. With `channel`,
        the one column of values; by default "value".
    channel : str or None
        The column that says which channel a row is of, where the table is a long one. A table with the columns of a
        long CSV (id, time, channel, value) is known as one.
    unit : str or None
        The column with the unit, in a long table.
    entity : tuple of str
        The columns that tell series apart; without them the table is one series.
    since, until : datetime or None
        Only times from `since` to before `until`.
    precision : str or None
        What times count that are whole numbers: "s", "ms", "us" or "ns" since 1970 in UTC.
    reports : str or None
        A table or SELECT of reports: a time, a text (a column "text" or "report", else the only one left), and the
        columns of `entity`, where there are any.
    """

    url: str = field(repr=False)
    table: str
    time: str | None = None
    values: tuple[str, ...] = ()
    channel: str | None = None
    unit: str | None = None
    entity: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    precision: str | None = None
    reports: str | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)
        safe_url(self.url)
        if self.channel is None and self.unit is not None:
            raise ConfigError(
                "unit= is the column of units of a long table. Name its column of channels too: channel=."
            )
        if self.channel is not None and len(self.values) > 1:
            raise ConfigError(f"a long table has one column of values, got {', '.join(self.values)}.")
        if self.since is not None and self.until is not None:
            if (self.since.tzinfo is None) != (self.until.tzinfo is None):
                raise ConfigError("since and until must both have an offset from UTC or both have none.")
            if self.since >= self.until:
                raise ConfigError(f"since must come before until, got {self.since} and {self.until}.")

    def __str__(self) -> str:
        return safe_url(self.url)

    def reading(self, *, freq: str | None, zone: str | None, limits: Limits) -> Reading:
        """Begin to read: reports now, series as they are asked for, one at a time.

        Raises
        ------
        SourceError
            The database cannot be reached, or refuses, with what it says.
        ConfigError
            A column that the table does not have.
        DataError
            In a row: no time, no entity, no number; or as for `tracets.data.read`.
        """
        if zone is not None:
            check_zone(zone)
        reports = self._reports(zone, limits) if self.reports is not None else ()
        return Reading(self._series(freq, zone, limits), reports)

    def _series(self, freq: str | None, zone: str | None, limits: Limits) -> Iterator[Series]:
        with connected(self.url) as connection, asking(self.url):
            found = _names(connection, self.table, limits)
            columns = self._columns(found)
            order = (*columns.entity, columns.time)
            wanted = (*order, *columns.rest)
            bounds = _bounds(connection, self.table, columns.time, self, zone)
            rows = _rows(connection, self.table, wanted, order, bounds)
            yield from series_of_rows(
                rows, columns, where=str(self), name=_plain(self.table), since=self.since, until=self.until,
                precision=self.precision, freq=freq, zone=zone, limits=limits,
            )  # fmt: skip

    def _columns(self, names: list[str]) -> Columns:
        long, absent = long_columns(names)
        plain = not (self.time or self.values or self.channel or self.entity)
        if plain and not absent:
            unit = find_column(names, ("unit",))
            return Columns(long["time"], (long["id"],), long["channel"], unit, (long["value"],))
        time = self.time or find_column(names, TIME_NAMES)
        if time is None:
            raise ConfigError(f"{self}: which column is the time? Name one of {', '.join(names)} with time=.")
        values = self.values
        if self.channel is not None:
            values = values or ("value",)
        elif not values:
            values = tuple(name for name in names if name not in (time, *self.entity))
        told = (time, *self.entity, *values, *(c for c in (self.channel, self.unit) if c))
        for name in told:
            if name not in names:
                raise ConfigError(f"{self}: there is no column '{name}'. There are {', '.join(names)}.")
        if len(set(told)) < len(told) or not values:
            raise ConfigError(f"{self}: a column can be one thing only, and at least one has values; got {told}.")
        return Columns(time, self.entity, self.channel, self.unit, values)

    def _reports(self, zone: str | None, limits: Limits) -> tuple[Report, ...]:
        assert self.reports is not None
        where = f"{self}, reports"
        with connected(self.url) as connection, asking(self.url):
            names = _names(connection, self.reports, limits)
            time = self.time if self.time in names else find_column(names, TIME_NAMES)
            entity = self.entity if all(name in names for name in self.entity) else ()
            rest = [name for name in names if name not in (time, *entity)]
            text = find_column(rest, TEXT_NAMES) or (rest[0] if len(rest) == 1 else None)
            if time is None or text is None:
                raise ConfigError(
                    f"{where}: needs a column of times and one of texts, called text or report; got {', '.join(names)}."
                )
            bounds = _bounds(connection, self.reports, time, self, zone)
            rows: list[tuple[Any, ...]] = []
            for part in _rows(connection, self.reports, (time, text, *entity), (time,), bounds):
                for row in part:
                    if row[1] is None:
                        continue
                    rows.append(tuple(row))
                    if any(cell is None for cell in row):
                        raise DataError(
                            f"{where}, row {len(rows)}: has no time, or does not say of which series it is."
                        )
                    limits.check("text_chars", len(str(row[1])), "characters", where=f"{where}, row {len(rows)}")
                limits.check("rows", len(rows), "reports or more", where=where)
        if not rows:
            return ()
        lines = range(1, len(rows) + 1)
        times = stamps_of([row[0] for row in rows], precision=self.precision, lines=lines, where=where, zone=zone)
        return tuple(
            Report(time, str(row[1]), id_and_metadata(entity, [str(c) for c in row[2:]], "")[0] or None)
            for time, row, kept in zip(times, rows, inside(times, self.since, self.until, zone), strict=True)
            if kept
        )


def is_select(table: str) -> bool:
    """Whether a text is a statement; a name has no blank and is none.

    >>> is_select("plant.weather"), is_select("SELECT * FROM plant.weather")
    (False, True)
    """
    words = table.split()
    return len(words) > 1 and words[0].lower() in ("select", "with", "values", "table")


def _plain(table: str) -> str:
    return "series" if is_select(table) else table.strip().rpartition(".")[2]


def _from(table: str) -> Any:
    """A name, quoted by SQLAlchemy, or a SELECT in brackets: what follows a FROM, so that nothing else can be run."""
    import sqlalchemy as sa

    if is_select(table):
        statement = table.strip().rstrip("; \n")
        # a colon before a word would be a parameter of SQLAlchemy; a comment at the end would eat the bracket
        return sa.text(statement.replace(":", "\\:") + "\n").columns().subquery("asked")
    schema, _, name = table.strip().rpartition(".")
    return sa.table(name, schema=schema or None)


def _names(connection: Any, table: str, limits: Limits) -> list[str]:
    import sqlalchemy as sa

    names = list(connection.execute(sa.select(sa.text("*")).select_from(_from(table)).limit(0)).keys())
    limits.check("columns", len(names), "columns", where=table)
    if len(set(names)) < len(names):
        raise ConfigError(f"two columns of the SELECT have the same name ({', '.join(names)}). Name them with AS.")
    return names


def _rows(
    connection: Any, table: str, wanted: Sequence[str], order: Sequence[str], bounds: Sequence[Any]
) -> Iterator[Sequence[Any]]:
    """Parts of `ROWS_AT_ONCE` rows, from a cursor of the server where the database has them."""
    import sqlalchemy as sa

    query: Any = sa.select(*(sa.column(name) for name in wanted)).select_from(_from(table))
    query = query.where(*bounds).order_by(*(sa.column(name) for name in order))
    yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query).partitions()


def _bounds(connection: Any, table: str, time: str, asked: SqlSource, zone: str | None) -> list[Any]:
    """The conditions on the time, with values of the kind that the column holds; none for times that are texts."""
    if asked.since is None and asked.until is None:
        return []
    import sqlalchemy as sa

    column: Any = sa.column(time)
    query = sa.select(column).select_from(_from(table)).where(column.is_not(None)).limit(1)
    one = connection.execute(query).scalar()
    if one is None or isinstance(one, str):
        return []
    found = []
    if asked.since is not None:
        found.append(column >= bound_like(asked.since, one, asked.precision, zone))
    if asked.until is not None:
        found.append(column < bound_like(asked.until, one, asked.precision, zone))
    return found
