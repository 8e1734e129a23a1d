"""Databases: PostgreSQL for real, and SQLite, held against the CSV of the same data."""

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed: tracets[sql]")

from tracets import api
from tracets.data import read
from tracets.data.sources import sql as module
from tracets.data.sources import sql_engine
from tracets.data.sources.sql import SqlSource
from tracets.errors import ConfigError, DataError, MissingExtra, SourceError
from tracets.files import LIMITS, Limits

pytestmark = pytest.mark.slow

NAN = float("nan")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def series(url, table, *, freq=None, zone=None, limits=LIMITS, **options):
    return list(SqlSource(url, table, **options).reading(freq=freq, zone=zone, limits=limits).series)


def hours(n, begin=BEGIN):
    return [begin + timedelta(hours=i) for i in range(n)]


def fill(sql, create: str, rows) -> None:
    sql(create)
    table, marks = create.split()[2], ",".join(["%s"] * len(rows[0]))
    for row in rows:
        sql(f"INSERT INTO {table} VALUES ({marks})", row)


def test_a_wide_table_by_hand(postgres, sql):
    rows = [
        (t, site, base + i, Decimal("0.1") * i, None if i == 1 else i % 2 == 0, i)
        for i, t in reversed(list(enumerate(hours(3))))  # in no order
        for site, base in (("south", 20.5), ("no'rth", 10.25))
    ]
    fill(
        sql, 'CREATE TABLE weather (ts timestamptz, site text, "temp [°C]" real, rain numeric, open bool, n int)', rows
    )
    north, south = series(postgres, "weather", time="ts", entity=("site",))
    assert (north.id, south.id) == ("no'rth", "south") and north.metadata == {"site": "no'rth"}
    assert north.channel_names == ("temp", "rain", "open", "n") and north.units == ("°C", None, None, None)
    assert (north.start, north.freq) == (BEGIN, "h") and north.start.isoformat() == "2024-01-01T00:00:00+00:00"
    wanted = [[10.25, 11.25, 12.25], [0, 0.1, 0.2], [1, NAN, 1], [0, 1, 2]]
    np.testing.assert_array_equal(north.values, np.array(wanted, np.float32))
    assert south.values[0].tolist() == [20.5, 21.5, 22.5]
    (one,) = series(postgres, "weather", time="ts", values=("n", "rain"), freq="h", since=BEGIN, until=hours(9)[-1],
                    entity=("site",))[:1]  # fmt: skip
    assert one.channel_names == ("n", "rain")


def test_a_long_table_by_hand(postgres, sql):
    rows = [(t, u, c, v + i, unit) for i, t in enumerate(hours(2)) for u, c, v, unit in
            ((2, "load", 5, "MW"), (2, "Alarm", 0, None), (1, "load", 7, "MW"), (1, "Alarm", 1, None))]  # fmt: skip
    fill(sql, "CREATE TABLE points (at timestamptz, plant int, tag text, reading float8, uom text)", rows)
    one, two = series(postgres, "points", time="at", entity=("plant",), channel="tag", values=("reading",), unit="uom")
    assert (one.id, two.id) == ("1", "2") and one.channel_names == ("Alarm", "load") and one.units == (None, "MW")
    assert one.values.tolist() == [[1, 2], [7, 8]] and two.values.tolist() == [[0, 1], [5, 6]]
    with pytest.raises(ConfigError, match="there is no column 'value'. There are at, plant, tag, reading, uom"):
        series(postgres, "points", time="at", channel="tag")


def test_local_times_get_their_zone_as_those_of_a_file(postgres, sql, tmp_path):
    stamps = [datetime(2024, 10, 27, h) for h in (1, 2, 2, 3)]  # in Berlin the clocks go back
    sql("CREATE TABLE w (time timestamp, x float8, n serial)")
    for i, t in enumerate(stamps):
        sql("INSERT INTO w VALUES (%s, %s)", (t, i))
    (found,) = series(postgres, "w", zone="Europe/Berlin", values=("x",))
    assert [t.isoformat() for t in found.times] == [
        "2024-10-27T01:00:00+02:00", "2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]  # fmt: skip
    (found,) = series(postgres, "SELECT DISTINCT ON (time) time, x FROM w", freq="h")
    assert found.start == datetime(2024, 10, 27, 1) and found.start.tzinfo is None
    with pytest.raises(DataError, match=r"series 'w', row 3: 2024-10-27T02:00:00 repeats row 2"):
        series(postgres, "w", values=("x",))


def test_every_kind_of_time_and_range(postgres, sql, lite):
    since, until = BEGIN + timedelta(hours=1), BEGIN + timedelta(hours=3)
    naive = {"since": since.replace(tzinfo=None), "until": until.replace(tzinfo=None)}
    aware = {"since": since, "until": until}
    epoch = [int(t.timestamp()) for t in hours(5)]
    tables = {
        "timestamptz": (hours(5), aware, None), "timestamp": ([t.replace(tzinfo=None) for t in hours(5)], naive, None),
        "bigint": (epoch, aware, "s"), "int8": ([n * 1000 for n in epoch], aware, "ms"),
        "text": ([t.isoformat() for t in hours(5)], aware, None),
    }  # fmt: skip
    for kind, (times, bounds, precision) in tables.items():
        fill(sql, f"CREATE TABLE {kind}_t (time {kind}, x float8)", [(t, i) for i, t in enumerate(times)])
        (found,) = series(postgres, f"{kind}_t", **bounds, precision=precision)
        assert found.values.tolist() == [[1, 2]], kind
        assert found.start.replace(tzinfo=UTC) == since, kind
        if bounds is naive:
            with pytest.raises(ConfigError, match="has an offset from UTC and the times have none"):
                series(postgres, f"{kind}_t", **aware, precision=precision)
            berlin = {name: bound + timedelta(hours=-1) for name, bound in aware.items()}
            assert series(postgres, f"{kind}_t", **berlin, zone="Europe/Berlin")[0].values.tolist() == [[1, 2]]
        else:
            with pytest.raises(ConfigError, match="has no offset from UTC and the times have"):
                series(postgres, f"{kind}_t", **naive, precision=precision)
    with pytest.raises(DataError, match=r"row 1: the time is a number \(1704067200\)\. Say what it counts"):
        series(postgres, "bigint_t")
    fill(sql, "CREATE TABLE days (date date, x int)", [(date(2024, 1, d), d) for d in (1, 2, 3)])
    (found,) = series(postgres, "days", since=datetime(2024, 1, 2))
    assert found.values.tolist() == [[2, 3]] and found.freq == "D"
    url = lite("CREATE TABLE w (time, x)", [(t.strftime("%Y-%m-%dT%H:%M:%SZ"), i) for i, t in enumerate(hours(5))])
    (found,) = series(url, "w", **aware, zone="Europe/Berlin")
    assert found.values.tolist() == [[1, 2]] and found.start.isoformat() == "2024-01-01T02:00:00+01:00"
    with pytest.raises(DataError, match="there is not one row"):
        series(url, "w", since=until + timedelta(days=9))


def test_a_select_with_colons_quotes_percents_and_comments(postgres, sql):
    fill(sql, 'CREATE TABLE w (ts timestamptz, "a:b" float8)', [(t, i) for i, t in enumerate(hours(30))])
    statement = """
        SELECT ts AS time, "a:b" + 5 % 3 AS "odd ""name"" [100%]", '10:30'::text || ':x' AS site /* ; */
        FROM w WHERE '%:y' <> ':y' AND (ts AT TIME ZONE 'UTC')::date = '2024-01-01' -- the first day
        ;
    """
    (found,) = series(postgres, statement, entity=("site",))
    assert found.id == "10:30:x" and found.channel_names == ('odd "name"',) and found.units == ("100%",)
    assert found.values.tolist() == [[i + 2 for i in range(24)]]


@pytest.mark.parametrize(
    "statement",
    [
        "WITH a AS (SELECT time, x FROM w) SELECT time, x FROM a",
        "TABLE w",
        "SELECT * FROM (VALUES ('2024-01-01Z'::timestamptz, 0), ('2024-01-01 01:00Z', 1)) AS v (time, x)",
        "select time, x from w union all select * from w where false",
        "SELECT time, x FROM w ORDER BY x DESC LIMIT 2",
        "SELECT date_trunc('hour', time) AS time, avg(x) AS x FROM w GROUP BY 1",
    ],
)
def test_every_kind_of_select(postgres, sql, statement):
    fill(sql, "CREATE TABLE w (time timestamptz, x float8)", [(t, i) for i, t in enumerate(hours(2))])
    (found,) = series(postgres, statement)
    assert (found.id, found.values.tolist(), found.start) == ("series", [[0, 1]], BEGIN)


EVIL = 'w"; DROP TABLE w; --'


def test_names_and_values_are_never_part_of_a_statement(postgres, sql):
    quoted = EVIL.replace('"', '""')
    sql("CREATE TABLE w (time timestamptz)")
    sql(f'CREATE TABLE "{quoted}" (time timestamptz, "{quoted}" float8, site text)')
    for i, t in enumerate(hours(2)):
        sql(f'INSERT INTO "{quoted}" VALUES (%s, %s, %s)', (t, i, EVIL))
    (found,) = series(postgres, EVIL, values=(EVIL,), entity=("site",), since=BEGIN)
    assert found.id == EVIL and found.channel_names == (EVIL,) and found.values.tolist() == [[0, 1]]
    for table in ("w; DROP TABLE w", "SELECT 1; DROP TABLE w", "SELECT 1 AS time) AS x; DROP TABLE w; --", "w'--"):
        with pytest.raises(SourceError, match="syntax error|does not exist"):
            series(postgres, table)
    assert sql("SELECT count(*) FROM w").fetchone() == (0,)


def test_nothing_can_be_written(postgres, sql, lite, tmp_path):
    sql("CREATE TABLE w (time timestamptz, x float8)")
    sql("INSERT INTO w VALUES (now(), 1)")
    sql("CREATE FUNCTION sly() RETURNS float8 LANGUAGE sql AS 'INSERT INTO w VALUES (now(), 2); SELECT 1.0::float8'")
    with pytest.raises(SourceError, match="cannot execute INSERT in a read-only transaction"):
        series(postgres, "SELECT time, sly() AS x FROM w")
    with pytest.raises(SourceError, match="syntax error"):
        series(postgres, "WITH gone AS (DELETE FROM w RETURNING *) DELETE FROM w RETURNING time, x")
    with pytest.raises(SourceError, match="WITH clause containing a data-modifying statement must be at the top level"):
        series(postgres, "WITH gone AS (DELETE FROM w RETURNING *) SELECT * FROM gone")
    assert sql("SELECT count(*) FROM w").fetchone() == (1,)

    url = lite("CREATE TABLE w (time, x)", [("2024-01-01", 1), ("2024-01-02", 2)])
    with sql_engine.connected(url) as connection:
        for statement in ("DELETE FROM w", "CREATE TABLE v (x)"):
            with pytest.raises(Exception, match="readonly"):
                connection.exec_driver_sql(statement)
    with pytest.raises(SourceError, match="no such file"):
        series(f"sqlite:///{tmp_path / 'absent.db'}", "w")
    assert not (tmp_path / "absent.db").exists()


def test_a_file_of_sqlite_with_an_odd_name(lite, tmp_path):
    url = lite("CREATE TABLE w (time, x)", [("2024-01-01", 1), ("2024-01-02", 2)], name="a b#é.db")
    assert series(url, "w")[0].values.tolist() == [[1, 2]]
    (tmp_path / "text.db").write_text("no database" * 100)
    with pytest.raises(SourceError, match="file is not a database"):
        series(f"sqlite:///{tmp_path / 'text.db'}", "w")


def test_a_schema_before_the_name_and_views(postgres, sql):
    sql('CREATE SCHEMA "plant A"')
    fill(sql, "CREATE TABLE w (time timestamptz, x float8)", [(t, 1) for t in hours(2)])
    sql('CREATE VIEW "plant A".v AS SELECT time, x * 2 AS x FROM w')
    (found,) = series(postgres, "plant A.v")
    assert found.id == "v" and found.values.tolist() == [[2, 2]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(None, "a", 1)], "series 'a', row 1: the time is NULL"),
        ([(BEGIN, None, 1)], "row 1: site is NULL"),
        ([(BEGIN, "a", "two")], "series 'a', column 'x', row 1: 'two' is not a number"),
        ([(BEGIN, "a", "1"), (BEGIN, "a", "2")], "series 'a', row 2: .* repeats row 1. Remove one"),
        ([(BEGIN, "a", "Infinity"), (hours(2)[1], "a", "1")], "column 'x', row 1: Infinity is infinite"),
        ([(BEGIN, "a", "1e39"), (hours(2)[1], "a", "1")], "column 'x', row 1: 1e39 is infinite"),
        ([(BEGIN, "a", "1")], "there is one time only, so the sampling step is unknown"),
        ([(hours(9)[i], "a", "1") for i in (0, 1, 2, 5)], "row 4: irregular sampling, 0 days 03:00:00 after row 3"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(postgres, sql, rows, said):
    fill(sql, "CREATE TABLE w (time timestamptz, site text, x text)", rows)
    with pytest.raises(DataError, match=said):
        series(postgres, "w", entity=("site",))


def test_tables_and_columns_that_are_not_there(postgres, sql):
    with pytest.raises(SourceError, match='relation "absent" does not exist'):
        series(postgres, "absent")
    sql("CREATE TABLE w (moment timestamptz, x float8)")
    with pytest.raises(ConfigError, match=r"which column is the time\? Name one of moment, x with time="):
        series(postgres, "w")
    with pytest.raises(ConfigError, match=r"there is no column 'y'\. There are moment, x\."):
        series(postgres, "w", time="moment", values=("y",))
    with pytest.raises(ConfigError, match="a column can be one thing only"):
        series(postgres, "w", time="moment", values=("x",), entity=("x",))
    with pytest.raises(DataError, match="there is not one row"):
        series(postgres, "w", time="moment")
    with pytest.raises(ConfigError, match="two columns of the SELECT have the same name"):
        series(postgres, "SELECT moment AS time, x, x FROM w")
    with pytest.raises(ConfigError, match="channel="):
        SqlSource(postgres, "w", unit="u")
    with pytest.raises(ConfigError, match="one column of values"):
        SqlSource(postgres, "w", channel="c", values=("a", "b"))
    with pytest.raises(ConfigError, match="since must come before until"):
        SqlSource(postgres, "w", since=BEGIN, until=BEGIN)


def test_ids_that_would_be_the_same(postgres, sql):
    rows = [(BEGIN, "x/y", "z", 1), (BEGIN, "x", "y/z", 1)]
    fill(sql, "CREATE TABLE w (time timestamptz, a text, b text, x float8)", rows)
    with pytest.raises(DataError, match=r"\('x.*'\) make the same id 'x/y/z'"):
        series(postgres, "w", entity=("a", "b"), freq="h")


def test_reports_of_another_table(postgres, sql, caplog):
    fill(sql, "CREATE TABLE w (time timestamptz, site text, x float8)",
         [(t, s, i) for i, t in enumerate(hours(48)) for s in "ab"])  # fmt: skip
    told = [(2, "a", "second"), (1, "a", "first"), (24, "a", "next day"), (30, "b", "of b"), (99, "a", "too late"),
            (3, "a", None)]  # fmt: skip
    fill(sql, "CREATE TABLE bulletins (site text, at timestamptz, body text)",
         [(s, BEGIN + timedelta(hours=h), text) for h, s, text in told])  # fmt: skip
    source = SqlSource(postgres, "w", entity=("site",), reports="SELECT at AS time, site, body FROM bulletins")
    corpus = api.windows(source, length=24)
    assert corpus.column("text") == ["first second", "next day", None, "of b"]
    assert "1 of 5 reports of 'postgresql://" in caplog.text and "lie in no window" in caplog.text
    assert read(source).column("text") == ["first second next day", "of b"]
    caplog.clear()
    later = replace(source, since=hours(25)[-1], until=hours(49)[-1])
    assert api.windows(later, length=24).column("text") == ["next day", "of b"] and caplog.text == ""
    with pytest.raises(ConfigError, match="reports: needs a column of times and one of texts, called text or report"):
        SqlSource(postgres, "w", reports="bulletins").reading(freq=None, zone=None, limits=LIMITS)
    sql("UPDATE bulletins SET at = NULL WHERE body = 'of b'")
    with pytest.raises(DataError, match="reports, row .: has no time"):
        api.windows(source, length=24)


def test_reports_about_everything(lite):
    url = lite("CREATE TABLE w (time, site, x)", [(f"2024-01-0{d}", s, d) for s in "ab" for d in (1, 2)])
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("CREATE TABLE news AS SELECT '2024-01-02 12:00' AS date, 'storm' AS report")
    connection.close()
    source = SqlSource(url, "w", entity=("site",), reports="news")
    assert api.windows(source, length=1).column("text") == [None, "storm", None, "storm"]
    told = SqlSource(url, "w", entity=("site",), reports="news", until=datetime(2024, 1, 2)).reading(
        freq="D", zone=None, limits=LIMITS
    )
    assert told.reports == () and [one.n_steps for one in told.series] == [1, 1]


SECRETS = ("p@ss:w/rd", "p%40ss%3Aw%2Frd")


def test_no_message_holds_the_password(postgres):
    from sqlalchemy.engine import make_url

    url = make_url(postgres)
    wrong = [url.set(password="wr0ng"), url.set(port=1), url.set(database="absent"), url.set(host="127.0.0.1", port=1)]
    for one in wrong:
        text = one.render_as_string(hide_password=False)
        with pytest.raises(SourceError) as refused:
            series(text, "w")
        error, source = refused.value, SqlSource(text, "w")
        seen = f"{error!s} {error!r} {error.__cause__} {source!s} {source!r}"
        assert "wr0ng" not in seen and not any(secret in seen for secret in SECRETS)
        assert refused.value.__cause__ is None and refused.value.__suppress_context__
    source = SqlSource(f"postgresql://u:{SECRETS[1]}@h:1/db?sslpassword=hush", "w")
    assert str(source) == "postgresql://h:1/db" and "hush" not in repr(source)
    for bad in ("postgresql://u:wr0ng@h:port/db", "wr0ng", "://wr0ng"):
        with pytest.raises(ConfigError) as refused:
            SqlSource(bad, "w")
        assert "wr0ng" not in str(refused.value) and refused.value.__suppress_context__


def test_a_driver_or_sqlalchemy_that_is_not_installed(monkeypatch):
    with pytest.raises(MissingExtra, match="the driver of mysql is not installed"):
        series("mysql://u@127.0.0.1/db", "w")
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    with pytest.raises(MissingExtra, match=r'pip install "tracets\[sql\]"'):
        SqlSource("sqlite:///x.db", "w")


def test_parts_of_any_size_give_the_same(lite, monkeypatch):
    rows = [(t.isoformat(), s, i * 0.1) for s in "abc" for i, t in enumerate(hours(7))]
    url = lite("CREATE TABLE w (time, site, x)", rows)
    whole = series(url, "w", entity=("site",))
    for size in (1, 2, 3, 7, 8):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", size)
        for one, other in zip(whole, series(url, "w", entity=("site",)), strict=True):
            assert one.values.tobytes() == other.values.tobytes() and (one.id, one.start) == (other.id, other.start)
    with pytest.raises(DataError, match=r"more than the 20 that limits\.rows allows"):
        series(url, "w", entity=("site",), limits=Limits(rows=20))


def test_memory_is_bounded_by_one_series(postgres, sql):
    """100 series of 1,000 steps, one at a time from a cursor of the server: much less than the rows at once."""
    import tracemalloc

    sql("CREATE TABLE w AS SELECT '2024-01-01Z'::timestamptz + i * interval '1 hour' AS time, s AS site, "
        "random() AS x FROM generate_series(0, 999) i, generate_series(1, 100) s")  # fmt: skip
    source = SqlSource(postgres, "w", entity=("site",))
    next(iter(source.reading(freq=None, zone=None, limits=LIMITS).series))  # imports
    tracemalloc.start()
    try:
        count = sum(one.n_steps for one in source.reading(freq=None, zone=None, limits=LIMITS).series)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 8_000_000, "100,000 rows of a time and two numbers are some 20 MB of Python objects"


def test_a_pass_can_be_left_early(postgres, sql):
    fill(sql, "CREATE TABLE w (time timestamptz, site text, x float8)", [(t, s, 1) for t in hours(3) for s in "ab"])
    passing = SqlSource(postgres, "w", entity=("site",)).reading(freq=None, zone=None, limits=LIMITS).series
    assert next(passing).id == "a"
    passing.close()
    assert sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%'").fetchone() == (0,)
