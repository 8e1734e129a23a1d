"""`tracets data windows` of databases, servers and line protocol, as a user meets it."""

import io
import re
import shlex
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer

from tracets import api
from tracets.cli.main import app
from tracets.errors import ConfigError

pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed: tracets[sql]")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
HOURS = [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(48)]


@pytest.fixture
def database(tmp_path):
    with sqlite3.connect(tmp_path / "plant.db") as connection:
        connection.execute('CREATE TABLE w (time, site, "load [MW]")')
        rows = [(t.isoformat(), s, i) for s in ("north", "south") for i, t in enumerate(HOURS)]
        connection.executemany("INSERT INTO w VALUES (?, ?, ?)", rows)
        connection.execute("CREATE TABLE news AS SELECT '2024-01-02T09:00' AS time, 'south' AS site, 'A trip.' AS text")
    connection.close()
    return f"sqlite:///{tmp_path / 'plant.db'}"


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "plant.lp"
    seconds = [int((t - datetime(1970, 1, 1)).total_seconds()) for t in HOURS]
    path.write_text("".join(f"w,site=north load={i}i,rain={i}.5 {t * 10**9}\n" for i, t in enumerate(seconds)))
    return path


def windows(tracets, tmp_path, *arguments):
    out = tmp_path / "out.parquet"
    result = tracets("data", "windows", *arguments, "--out", out, "--length", 24)
    assert result.code == 0, result
    return api.read(out), result


def test_a_database(tracets, tmp_path, database):
    corpus, result = windows(tracets, tmp_path, database, "--table", "w", "--entity", "site", "--reports", "news")
    assert corpus.column("id") == [f"{site}-2024-01-0{day}T00" for site in ("north", "south") for day in (1, 2)]
    assert corpus.column("text") == [None, None, None, "A trip."] and corpus.column("site")[0] == "north"
    assert corpus[0].units == ("MW",) and corpus[1].values.tolist() == [list(range(24, 48))]
    assert result.err == f"wrote 4 windows to {tmp_path / 'out.parquet'}\n"
    select = "SELECT time, \"load [MW]\" AS x FROM w WHERE site = 'south'"
    corpus, _ = windows(tracets, tmp_path, database, "--table", select, "--since", "2024-01-02", "--value", "x")
    assert corpus.column("id") == ["series-2024-01-02T00"]


def test_line_protocol_from_a_file_and_from_stdin(tracets, tmp_path, lines, monkeypatch):
    corpus, _ = windows(tracets, tmp_path, lines)
    assert corpus.column("id") == ["plant-2024-01-01T00", "plant-2024-01-02T00"]
    assert corpus[0].channel_names == ("load", "rain")
    with lines.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        same, _ = windows(tracets, tmp_path, "-", "--entity", "site", "--precision", "ns", "--zone", "Europe/Berlin")
    assert same.column("id") == ["north-2024-01-01T01", "north-2024-01-02T01"]
    np.testing.assert_array_equal(same[0].values, corpus[0].values)


def test_an_address_in_the_environment(tracets, refused, tmp_path, database, monkeypatch):
    monkeypatch.setenv("PLANT", database)
    corpus, _ = windows(tracets, tmp_path, "env:PLANT", "--table", "w", "--entity", "site")
    assert len(corpus) == 4
    said = refused("data", "windows", "env:ABSENT", "--out", tmp_path / "x", "--length", 3, "--table", "w")
    assert said == "tracets: the environment has no variable 'ABSENT'. Set it.\n"
    monkeypatch.setenv("PLANT", "plant.csv")
    said = refused("data", "windows", "env:PLANT", "--out", tmp_path / "x", "--length", 3, "--table", "w")
    assert "and this is none" in said and "plant.csv" not in said


@pytest.mark.parametrize(
    ("place", "options", "said"),
    [
        ("plant.csv", ["--table", "w"], "--table, --query, --entity and the like are for databases, servers and line"),
        ("sqlite:///absent.db", ["--table", "w"], "no such file: 'absent.db'"),
        ("sqlite:///absent.db", [], "a database needs a table: its name, or a SELECT."),
        ("sqlite://", ["--table", "w"], "sqlite:// needs a file"),
        ("sqlite:///x.db", ["--table", "w", "--query", "up"], "sql: takes no query. It takes channel, entity, prec"),
        ("postgresql://u:hush@127.0.0.1:1/db", ["--table", "w"], "postgresql://127.0.0.1:1/db: connection failed"),
        ("prometheus+http://u:hush@127.0.0.1:1", ["--query", "up"], "Prometheus needs a time range: since and until."),
        ("prometheus+http://127.0.0.1:1", ["--table", "w"], "prometheus: takes no table."),
        ("prometheus+http://127.0.0.1:1?db=x", ["--query", "up", "--since", "2024-01-01", "--until", "2024-01-02"],
         "the address has db behind its ?, which takes nothing."),
        ("prometheus+http://127.0.0.1:1", ["--query", "up", "--since", "2024-01-01", "--until", "soon"],
         "until must be a time in ISO 8601, such as 2024-03-01T00:00Z, got 'soon'."),
        ("prometheus+http://u:hush@127.0.0.1:1", ["--query", "up", "--since", "2024-01-01T00:00Z", "--until",
         "2024-01-02T00:00Z", "--freq", "h"], "http://127.0.0.1:1: cannot be asked"),
        ("prometheus+ftp://h", ["--query", "up", "--since", "2024-01-01T00:00Z", "--until", "2024-01-02T00:00Z"],
         "the address of a server must read as http://host:port"),
        ("influx+http://127.0.0.1:1?org=a", [], "InfluxDB is asked one query at a time, got 0."),
        ("influx+http://127.0.0.1:1", ["--query", "x"], "asked in Flux with ?org=NAME, or in InfluxQL with ?db=NAME"),
        ("influx+http://h?org=a&token=hush", ["--query", "x"], "has token behind its ?, which takes db or org."),
        ("influx+http://127.0.0.1:1?org=a", ["--query", "x", "--since", "2024-01-01"], "influx: takes no since."),
        ("http://127.0.0.1:1", ["--table", "w"], "this address is of no database. Write prometheus+http://..."),
        ("plant.lp", ["--precision", "h"], "precision must be one of s, ms, us, ns, got 'h'."),
        ("plant.lp", ["--reader", "csv-wide"], "a reader is for files, and this is none"),
    ],
)  # fmt: skip
def test_what_is_refused_in_one_line(refused, tmp_path, monkeypatch, place, options, said):
    monkeypatch.chdir(tmp_path)
    told = refused("data", "windows", place, "--out", "out.parquet", "--length", "24", *options)
    assert said in told and "hush" not in told
    assert not (tmp_path / "out.parquet").exists() and not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize("command", [["index"], ["data", "describe"], ["data", "caption"]])
def test_an_address_where_a_file_is_wanted(refused, tmp_path, command):
    more = [] if command[-1] == "describe" else ["--out", tmp_path / "out"]
    said = refused(*command, "postgresql+psycopg://u:hush@127.0.0.1/db", *more)
    assert "tracets data windows ADDRESS --out FILE" in said and "hush" not in said
    with pytest.raises(ConfigError, match=r"Read it by tracets\.source\(\.\.\.\)"):
        api.windows("postgresql://u:hush@127.0.0.1/db", length=3)


def test_what_the_environment_logs_in_with(monkeypatch, tmp_path):
    for name in ("TOKEN", "USER", "PASSWORD"):
        monkeypatch.delenv(f"TRACETS_SOURCE_{name}", raising=False)

    def login():
        return api.source("influx+http://127.0.0.1:1?db=x", query=["SELECT 1"]).server.login

    assert (login().token, login().user, login().password) == (None, None, None)
    monkeypatch.setenv("TRACETS_SOURCE_USER", "ann")
    (tmp_path / "secret").write_text("hush\n")
    monkeypatch.setenv("TRACETS_SOURCE_PASSWORD_FILE", str(tmp_path / "secret"))
    assert (login().user, login().password) == ("ann", "hush")
    monkeypatch.setenv("TRACETS_SOURCE_PASSWORD", "other")
    with pytest.raises(ConfigError, match="both TRACETS_SOURCE_PASSWORD and TRACETS_SOURCE_PASSWORD_FILE are set"):
        login()
    monkeypatch.delenv("TRACETS_SOURCE_PASSWORD_FILE")
    monkeypatch.setenv("TRACETS_SOURCE_TOKEN", "abc")
    with pytest.raises(ConfigError, match="not by both"):
        login()
    monkeypatch.delenv("TRACETS_SOURCE_USER")
    monkeypatch.setenv("TRACETS_SOURCE_TOKEN", "a\nb")
    with pytest.raises(ValueError, match="TRACETS_SOURCE_TOKEN holds characters that no header can") as refused:
        login()
    assert "a\nb" not in str(refused.value)


def test_a_source_is_cut_as_a_stream(database):
    cutting = api.cut(api.source(database, table="w", entity=["site"]), lengths=[24])
    for _ in range(2):  # asked anew in each pass
        assert len(list(cutting)) == 2 * 5 and cutting.cut.series == 2 and cutting.cut.uncovered == 0
    assert cutting.cut.steps == 96


@pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside the tests")
def test_every_command_and_option_of_the_page():
    page = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    command = typer.main.get_command(app).commands["data"].commands["windows"]
    commands = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) == 5
    for program, *words in commands:
        assert (program, *words[:2]) == ("tracets", "data", "windows")
        given = command.make_context("windows", words[2:]).params
        assert api.kind_of_source(given["file"]) is not None
        api.source(
            given["file"], table=given["table"], query=given["query"] or (), entity=given["entity"] or (),
            since=given["since"], until=given["until"], precision=given["precision"],
        )  # fmt: skip
    known = {option for one in command.params for option in one.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", page)) - known <= {"--file-limit"}
