"""Connections that can only read, and errors that never hold a password."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tracets.errors import ConfigError, MissingExtra, SourceError
from tracets.files import size_of

CONNECT_SECONDS = 10
SECRET = re.compile(r"pass|secret|token|key", re.IGNORECASE)


def _parsed(url: str) -> Any:
    sqlalchemy = _sqlalchemy()
    try:
        parsed = sqlalchemy.engine.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ConfigError(
            "the URL of the database cannot be read. Write it as postgresql://user@host:5432/name or "
            "sqlite:///file.db, special characters in user and password as %40."
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "timescaledb"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def safe_url(url: str) -> str:
    """A URL without user, password and options, for messages.

    >>> safe_url("postgresql://ann:secret@db.local:5432/plant?sslpassword=x")
    'postgresql://db.local:5432/plant'
    """
    parsed = _parsed(url)
    host = f"{parsed.host or ''}{f':{parsed.port}' if parsed.port else ''}"
    return f"{parsed.get_backend_name()}://{host}/{parsed.database or ''}"


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection in a transaction that can only read and sees one state of the data.

    Raises
    ------
    SourceError
        The database cannot be reached, or the file of SQLite is not there.
    MissingExtra
        SQLAlchemy or the driver is not installed.
    """
    sqlalchemy = _sqlalchemy()
    parsed, options = _parsed(url), {}
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError("sqlite:// needs a file, as in sqlite:///plant.db.")
        if not parsed.database.startswith("file:"):
            size_of(parsed.database, error=SourceError)
            file = quote(os.path.abspath(parsed.database))
            parsed = parsed.set(database=f"file:{file}", query={**parsed.query, "mode": "ro", "uri": "true"})
    elif parsed.drivername == "postgresql+psycopg" and "connect_timeout" not in parsed.query:
        options["connect_timeout"] = CONNECT_SECONDS
    with asking(url):
        try:
            engine = sqlalchemy.create_engine(parsed, connect_args=options, poolclass=sqlalchemy.pool.NullPool)
        except ImportError as error:
            raise MissingExtra(
                f"the driver of {parsed.drivername} is not installed ({error.name}). For PostgreSQL: pip install "
                f'"tracets[sql]"; for another database install its driver.'
            ) from None
        connection = engine.connect()
    try:
        with asking(url):
            if backend == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            elif backend == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only = ON")
                connection.exec_driver_sql("PRAGMA trusted_schema = OFF")
        yield connection
    finally:
        connection.close()  # which rolls back
        engine.dispose()


@contextmanager
def asking(url: str) -> Iterator[None]:
    """Turn an error of the database into one of ours, with what the server said and without a secret."""
    sqlalchemy = _sqlalchemy()
    try:
        yield
    except sqlalchemy.exc.SQLAlchemyError as error:
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        parsed = _parsed(url)
        secrets = [parsed.password, *(v for k, v in parsed.query.items() if SECRET.search(k))]
        for secret in secrets:
            said = said.replace(str(secret), "***") if secret else said
        # from None: what SQLAlchemy raises can hold the statement with its values
        raise SourceError(f"{safe_url(url)}: {said[:500]}. Check the URL, the table and the columns.") from None


def _sqlalchemy() -> Any:
    try:
        import sqlalchemy
        import sqlalchemy.exc
    except ImportError as error:
        raise MissingExtra(
            f"databases are read by SQLAlchemy, which is not installed ({error.name}). Install it with: pip install "
            f'"tracets[sql]"'
        ) from None
    return sqlalchemy
