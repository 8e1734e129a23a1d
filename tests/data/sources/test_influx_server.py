"""A real InfluxDB: what it reads of line protocol we read alike, and what it answers comes back whole."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracets import api
from tracets.data.sources.line_protocol import parse
from tracets.errors import ConfigError, DataError, SourceError

NUMBER = itertools.count()
BEGIN = 1_704_067_200  # 2024-01-01T00:00:00Z


def asked(influxdb, database, query, monkeypatch, password=None, **options):
    monkeypatch.setenv("TRACETS_SOURCE_USER", influxdb.user)
    monkeypatch.setenv("TRACETS_SOURCE_PASSWORD", password or influxdb.password)
    return api.source(f"influx+{influxdb.url}?db={database}", query=[query], **options)


def plant() -> str:
    lines = [
        f"weather,site={site},sensor=s\\ 1 temp={base + i / 4},rain={i}i,open={'t' if i % 2 else 'F'} {BEGIN + 900 * i}"
        for i in range(200)
        for site, base in (("south", 20), ("no\\,rth", 10))
    ]
    return "\n".join(lines[::-1])  # in no order of time


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["s", "ms", "us", "ns"])
def test_a_file_and_the_server_that_was_fed_with_it_give_the_same_windows(
    influxdb, precision, tmp_path, same_windows, monkeypatch
):
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[precision]
    scaled = [f"{line.rpartition(' ')[0]} {int(line.rpartition(' ')[2]) * factor}" for line in plant().splitlines()]
    lines = "\n".join(scaled)
    (tmp_path / "plant.lp").write_text(lines)
    assert influxdb.write(f"plant_{precision}", lines, precision) == 204
    file = api.source(tmp_path / "plant.lp", entity=["site"], precision=precision)
    query = "SELECT temp, rain, open FROM weather GROUP BY site"
    server = asked(influxdb, f"plant_{precision}", query, monkeypatch, entity=["site"])
    wanted = api.windows(file, length=96, stride=8, split=True)
    assert {w.metadata["site"] for w in wanted} == {"south", "no,rth"} and len(wanted) == 2 * (2 + 0 + 2)
    same_windows(api.windows(server, length=96, stride=8, split=True), wanted)


def test_gaps_and_means_of_the_server(influxdb, monkeypatch):
    influxdb.write("gaps", f"m f=1 {BEGIN}\nm f=3 {BEGIN + 60}\nm f=8 {BEGIN + 7200}", "s")
    query = f"SELECT mean(f) AS f FROM m WHERE time >= {BEGIN}s AND time < {BEGIN + 4 * 3600}s GROUP BY time(1h)"
    (found,) = api.read(asked(influxdb, "gaps", query, monkeypatch))
    np.testing.assert_array_equal(found.values, [[2, np.nan, 8, np.nan]])
    assert found.freq == "h" and found.start.isoformat() == "2024-01-01T00:00:00+00:00"


def test_texts_are_reports(influxdb, monkeypatch):
    lines = "".join(f"m,unit=u{u} f={h} {BEGIN + 3600 * h}\n" for u in "12" for h in range(48))
    lines += f'm,unit=u2 note="He said \\"stop\\", twice" {BEGIN + 3600 * 30}\n'
    influxdb.write("told", lines, "s")
    source = asked(influxdb, "told", "SELECT * FROM m GROUP BY unit", monkeypatch, entity=["unit"], reports="note")
    assert api.windows(source, length=24).column("text") == [None, None, None, 'He said "stop", twice']
    source = asked(influxdb, "told", "SELECT * FROM m GROUP BY unit", monkeypatch, entity=["unit"])
    with pytest.raises(DataError, match=r"field 'note' of 'm' is a text"):
        api.read(source)


@pytest.mark.slow
def test_what_the_server_refuses(influxdb, monkeypatch):
    with pytest.raises(
        SourceError, match=r"answered 401 \(authorization failed\)\. Check the token, or user and pass"
    ) as no:
        api.read(asked(influxdb, "x", "SELECT 1", monkeypatch, password="wr0ng"))
    assert "wr0ng" not in str(no.value)
    with pytest.raises(SourceError, match=r"answered 400 \(error parsing query"):
        api.read(asked(influxdb, "x", "SELECT FROM", monkeypatch))
    with pytest.raises(SourceError, match=r"the query failed \(database not found: absent\)"):
        api.read(asked(influxdb, "absent", "SELECT f FROM m", monkeypatch))
    with pytest.raises(DataError, match="there is not one value"):
        influxdb.write("empty", f"m f=1 {BEGIN}", "s")
        api.read(asked(influxdb, "empty", "SELECT f FROM absent", monkeypatch))


def test_a_query_cannot_write(influxdb, monkeypatch):
    influxdb.write("kept", f"m f=1 {BEGIN}\nm f=2 {BEGIN + 60}", "s")
    writing = ("DROP DATABASE kept", "DELETE FROM m", "SELECT * INTO other FROM m",
               "SELECT f FROM m; DROP MEASUREMENT m", "/* SELECT */ DROP DATABASE kept",
               'SELECT * into"other" FROM m', "")  # fmt: skip
    for statement in writing:
        with pytest.raises(ConfigError, match="must be one SELECT without INTO"):
            asked(influxdb, "kept", statement, monkeypatch)
    (found,) = api.read(asked(influxdb, "kept", "SELECT f FROM m WHERE x != 'a; INTO \\' b' -- ; INTO", monkeypatch))
    assert found.values.tolist() == [[1, 2]]


names = st.text(alphabet='ab1 ,="é#\\', min_size=1, max_size=6).filter(
    # what one reader takes for an escape and another does not: a backslash at the end or before what is escaped
    lambda name: not any(pair in name + "," for pair in ("\\,", "\\ ", "\\=", "\\\\", '\\"'))
)
escaped = names.map(lambda s: s.replace(",", r"\,").replace(" ", r"\ ").replace("=", r"\="))
good = st.sampled_from(
    ["1", "1.", ".5", "-2.5e3", "7i", "-7i", "t", "F", "true", '"text"', '"a \\"b\\", c=\\\\"', '""']
)
bad = st.sampled_from(["1.5i", "x", "NaN", "1e5i", "1_0", "", "--1", "yes"])


@st.composite
def lines(draw):
    """One line, most often a good one."""
    value = draw(st.sampled_from([good, good, good, bad]))
    measurement = draw(names.map(lambda s: s.replace(",", r"\,").replace(" ", r"\ ")).filter(lambda s: s[0] != "#"))
    keys = draw(st.lists(escaped, max_size=2, unique=True))
    tags = "".join(f",{key}={draw(escaped)}" for key in keys)
    fields = ",".join(f"{key}={draw(value)}" for key in draw(st.lists(escaped, min_size=1, max_size=2, unique=True)))
    return f"{measurement}{tags}{draw(st.sampled_from([' ', '  ']))}{fields} {BEGIN}"


def stored(influxdb, database):
    """What the server holds: {(measurement, tags, field): value}."""
    found = {}
    answer = influxdb.ask("SELECT * FROM /.*/ GROUP BY *", db=database, epoch="s")
    for result in answer["results"]:
        for one in result.get("series", []):
            tags = tuple(sorted((k, v) for k, v in one.get("tags", {}).items() if v != ""))
            for row in one["values"]:
                for key, cell in zip(one["columns"][1:], row[1:], strict=True):
                    if cell is not None:
                        found[one["name"], tags, key] = cell
    return found


@pytest.mark.slow
@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(lines())
def test_the_server_reads_a_line_as_we_do(influxdb, line):
    """It takes the same lines, for the same points."""
    database = f"line{next(NUMBER)}"
    status = influxdb.write(database, line, "s")
    try:
        points = [point for _, point in parse(io.BytesIO(line.encode()), where="x")]
    except DataError:
        points = None
    theirs = stored(influxdb, database) if status == 204 else None
    influxdb.ask(f'DROP DATABASE "{database}"')
    ours = None if points is None else {(p.measurement, p.tags, key): v for p in points for key, v in p.fields}
    assert ours == theirs
