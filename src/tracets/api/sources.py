"""What stands in the place of a file: databases and servers by their address. Heavy imports wait for their use."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

from tracets.errors import ConfigError
from tracets.types import ANSWER_SECONDS, AnyPath

if TYPE_CHECKING:
    from tracets.data.sources.http import Server
    from tracets.data.sources.source import Source

FROM_ENVIRONMENT = "env:"
LOGIN = {"token": "TRACETS_SOURCE_TOKEN", "user": "TRACETS_SOURCE_USER", "password": "TRACETS_SOURCE_PASSWORD"}
"""Variables of the environment that log in to a server; each may be a file instead, named by the same with _FILE."""
NAMED = re.compile(r"^([\w][\w .°%/-]*(?:\[[^\]]*\])?)=(?![=~])(.+)$", re.DOTALL)
"""A query with a name before it. No expression of PromQL begins with a name and one equals sign."""


def source(
    url: AnyPath,
    *,
    table: str | None = None,
    query: Sequence[str] = (),
    time: str | None = None,
    values: Sequence[str] = (),
    channel: str | None = None,
    unit: str | None = None,
    entity: Sequence[str] = (),
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    precision: str | None = None,
    reports: str | None = None,
    timeout: float = ANSWER_SECONDS,
) -> Source:
    """A database, server or file of line protocol as a source of long series, in the place of a file.

    A token, or a user and a password, for Prometheus and InfluxDB come from the environment: TRACETS_SOURCE_TOKEN, or
    TRACETS_SOURCE_USER and TRACETS_SOURCE_PASSWORD, or files that the same names with _FILE behind them name.

    Parameters
    ----------
    url : str or path
        postgresql://user@host/name or another URL of SQLAlchemy, sqlite:///file.db; prometheus+http://host:9090;
        influx+http://host:8086?org=NAME (Flux) or ?db=NAME (InfluxQL); a file of line protocol, or "-" for stdin;
        env:NAME for the address that a variable of the environment holds.
    table : str, optional
        SQL: a table, a view, or a SELECT.
    query : sequence of str
        Prometheus: expressions, each perhaps with a name for its channel, as in "load [MW]=sum(power)/1e6".
        InfluxDB: one query.
    time, values, channel, unit
        SQL: names of columns, see `tracets.data.sources.sql.SqlSource`.
    entity : sequence of str
        The columns, tags or labels that tell series apart; without them there is one series.
    since, until : datetime or str, optional
        SQL and Prometheus: times from `since` to before `until`, as ISO 8601.
    precision : str, optional
        SQL and line protocol: what whole numbers as times count since 1970: "s", "ms", "us" or "ns"; for line protocol
        "ns" where it is not given.
    reports : str, optional
        SQL: a table or SELECT of reports. InfluxDB: the field whose texts are reports.
    timeout : float, default=ANSWER_SECONDS
        Prometheus and InfluxDB: seconds without an answer after which to give up.

    Returns
    -------
    Source
        `windows`, `read` and `cut` take it in the place of a file.

    Raises
    ------
    ConfigError
        An address that is none, an argument that the source does not take, or one that is wanted.
    MissingExtra
        A package that the source needs is not installed.

    Examples
    --------
    >>> plant = tracets.source("postgresql://localhost/plant", table="weather", entity=["station"])
    >>> corpus = tracets.windows(plant, length=168, stride=24, split=True)  # doctest: +SKIP
    """
    address = _address(os.fspath(url))
    given = {
        "table": table, "query": tuple(query), "time": time, "values": tuple(values), "channel": channel, "unit": unit,
        "entity": tuple(entity), "since": since, "until": until, "precision": precision, "reports": reports,
    }  # fmt: skip
    kind = kind_of_source(address)
    _refuse({name for name, value in given.items() if value}, kind)
    begin, end = _time(since, "since"), _time(until, "until")
    if kind == "prometheus":
        from tracets.data.sources.prometheus import PrometheusSource

        if begin is None or end is None:
            raise ConfigError("Prometheus needs a time range: since and until.")
        server, _ = _server(address, "Bearer", timeout, set())
        return PrometheusSource(server, tuple(map(_named, query)), begin, end, tuple(entity))
    if kind == "influx":
        from tracets.data.sources.influx import InfluxSource

        if len(query) != 1:
            raise ConfigError(f"InfluxDB is asked one query at a time, got {len(query)}.")
        server, options = _server(address, "Token", timeout, {"org", "db"})
        return InfluxSource(server, query[0], options.get("org"), options.get("db"), tuple(entity), reports)
    if kind == "line protocol":
        from tracets.data.sources.line_protocol import LineProtocol

        return LineProtocol(address, tuple(entity), precision or "ns", reports)
    from tracets.data.sources.sql import SqlSource

    if table is None:
        raise ConfigError("a database needs a table: its name, or a SELECT.")
    return SqlSource(
        address, table, time=time, values=tuple(values), channel=channel, unit=unit, entity=tuple(entity), since=begin,
        until=end, precision=precision, reports=reports,
    )  # fmt: skip


TAKES = {
    "prometheus": {"query", "entity", "since", "until"},
    "influx": {"query", "entity", "reports"},
    "line protocol": {"entity", "precision", "reports"},
    "sql": {"table", "time", "values", "channel", "unit", "entity", "since", "until", "precision", "reports"},
}


def kind_of_source(url: AnyPath) -> str | None:
    """What `source` takes an address for.

    Parameters
    ----------
    url : str or path
        The address.

    Returns
    -------
    str or None
        "sql", "prometheus", "influx" or "line protocol"; None for a path of another file.

    Examples
    --------
    >>> [tracets.kind_of_source(url) for url in ("sqlite:///plant.db", "-", "plant.csv")]
    ['sql', 'line protocol', None]
    """
    text = os.fspath(url)
    if text.startswith(FROM_ENVIRONMENT):
        return "sql"  # what it is shows when it is looked up; no file is meant
    scheme, separator, _ = text.partition("://")
    if separator and re.fullmatch(r"[A-Za-z][\w+.-]*", scheme):
        name = scheme.partition("+")[0].lower()
        return name if name in TAKES else "sql"
    return "line protocol" if text == "-" or text.lower().endswith(".lp") else None


def _address(url: str) -> str:
    if not url.startswith(FROM_ENVIRONMENT):
        address = url
    elif not (address := os.environ.get(url.removeprefix(FROM_ENVIRONMENT), "")):
        raise ConfigError(f"the environment has no variable '{url.removeprefix(FROM_ENVIRONMENT)}'. Set it.")
    kind = kind_of_source(address)
    if kind is None or address.startswith(FROM_ENVIRONMENT):
        raise ConfigError("a source is a database, a server or a file of line protocol (.lp), and this is none.")
    if kind == "sql" and address.partition("://")[0] in ("http", "https", "s3", "file"):
        raise ConfigError(
            "this address is of no database. Write prometheus+http://..., influx+http://... or postgresql://..."
        )
    return address


def _refuse(given: set[str], kind: str | None) -> None:
    assert kind is not None
    wrong = sorted(given - TAKES[kind])
    if wrong:
        raise ConfigError(f"{kind}: takes no {', '.join(wrong)}. It takes {', '.join(sorted(TAKES[kind]))}.")


def _server(address: str, scheme: str, timeout: float, takes: set[str]) -> tuple[Server, dict[str, str]]:
    """A server without the options that stand behind its address, and these."""
    from tracets.data.sources.http import Login, Server

    try:
        parts = urlsplit(address.partition("+")[2])
    except ValueError:
        raise ConfigError(
            "the address of the server cannot be read. Write it as prometheus+http://host:9090."
        ) from None
    login = Login(**{name: _secret(variable) for name, variable in LOGIN.items()})
    options = {name: found[-1] for name, found in parse_qs(parts.query).items()}
    unknown = sorted(set(options) - takes)
    if unknown:
        raise ConfigError(
            f"the address has {', '.join(unknown)} behind its ?, which takes {' or '.join(sorted(takes)) or 'nothing'}."
        )
    return Server(urlunsplit(parts._replace(query="", fragment="")), scheme, login, timeout), options


def _secret(variable: str) -> str | None:
    value, file = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    if value and file:
        raise ConfigError(f"both {variable} and {variable}_FILE are set. Unset one.")
    if file:
        from tracets.files import read_bytes

        value = read_bytes(file, most=65_536).decode("utf-8", "replace").strip()
    if value and not (value.isprintable() and (value.isascii() or variable != LOGIN["token"])):
        raise ConfigError(f"{variable} holds characters that no header can. Check it for line ends.")
    return value or None


def _time(given: datetime | str | None, name: str) -> datetime | None:
    if not isinstance(given, str):
        return given
    try:
        return datetime.fromisoformat(given.strip())
    except ValueError:
        raise ConfigError(f"{name} must be a time in ISO 8601, such as 2024-03-01T00:00Z, got '{given}'.") from None


def _named(query: str) -> tuple[str | None, str]:
    """The name in front of a query, and the query.

    >>> _named("load [MW]=sum(power)"), _named('up{job="a"}'), _named("up == 1")
    (('load [MW]', 'sum(power)'), (None, 'up{job="a"}'), (None, 'up == 1'))
    """
    found = NAMED.match(query)
    return (found[1].strip(), found[2].strip()) if found else (None, query)
