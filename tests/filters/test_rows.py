"""Rows that a filter keeps: those of a plain loop, of LanceDB where it is right, and nothing that does not fit."""

import json
import os
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import filter_oracle as oracle
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings

import tracets
from tracets.errors import QueryError
from tracets.filters import And, Compare, Has, Not, Or, col, from_json, to_json, to_sql
from tracets.filters.rows import rows_where

pytestmark = pytest.mark.slow  # thousands of filters beside LanceDB and a plain loop

PLAIN = pa.table(
    {
        "i": pa.array(range(8)),
        "entity": ["ny", "NY", None, "sf", "a%b", "a_b", "o'hare", "日"],
        "n": pa.array([1, 2, None, 4, 5, -1, 2**53 + 1, -(2**63)]),
        "x": pa.array([1.5, 2.0, None, -1.0, 0.0, -0.0, 1e300, float("inf")]),
        "ok": pa.array([True, False, None, True, False, True, None, False]),
        "day": pa.array([date(2013, 3, 1 + i) for i in range(7)] + [None]),
        "when": pa.array([datetime(2013, 3, 10, i) for i in range(7)] + [None], pa.timestamp("us")),
        "start": pa.array(
            [datetime(2013, 3, 9, 3 * i, tzinfo=UTC) for i in range(7)] + [None], pa.timestamp("us", "America/New_York")
        ),
        "tags": [["y"], ["y", "z"], None, [], ["z", None], ["q"], [None], ["日"]],
    }
)


def check(where, table):
    kept = [i for i, row in enumerate(oracle.rows_of(table)) if oracle.holds(where, row) is True]
    assert rows_where(where, table).tolist() == kept
    assert rows_where(to_sql(where), table).tolist() == kept
    assert rows_where(from_json(json.loads(json.dumps(to_json(where)))), table).tolist() == kept


@settings(max_examples=60, deadline=None)
@given(oracle.questions())
@example((Not(Compare("f", ">", 0)), pa.table({"f": [float("nan"), 1.0, None]})))
@example((Compare("i", ">", float(2**53)), pa.table({"i": [2**53 + 1, 2**53]})))
def test_rows_are_those_of_a_plain_loop(question):
    check(*question)


@settings(max_examples=3000, deadline=None)
@given(oracle.questions())
def test_rows_are_those_of_a_plain_loop_again_and_again(question):
    check(*question)


ATOMS = """entity = 'ny' | entity <> 'ny' | ENTITY != 'sf' | entity IN ('ny', 'sf') | entity NOT IN ('ny')
entity LIKE 'a%' | entity LIKE 'a\\_b' | entity NOT LIKE '_b%' | entity ILIKE 'n_' | entity > 'm' | entity = 'o''hare'
entity BETWEEN 'a' AND 'o' | entity IS NULL | entity IS NOT NULL | n = 2 | n == 4 | 2 <> n | 1 < n | n <= 2
n IN (1, 5) | n = -1 | n = - 1 | n BETWEEN -1 AND 2 | n NOT BETWEEN 1 AND 4 | n BETWEEN 4 AND 1 | n IS NULL
n > 9007199254740992 | x > 1 | x < 0.5 | x = 0 | x = -0.0 | x >= 1e300 | x NOT IN (1.5, 2) | x IS NULL | ok
NOT ok | ok = false | ok <> true | ok IS TRUE | ok IS NOT TRUE | ok IS FALSE | ok IS NOT FALSE | true = ok | ok IS NULL
day > date '2013-03-02' | day IN (date '2013-03-02') | day >= timestamp '2013-03-03'
when > timestamp '2013-03-10 02:00:00' | when <= timestamp '2013-03-10T02:00:00.500' | when >= date '2013-03-10'
start > timestamp '2013-03-09T01:30:00' | start BETWEEN timestamp '2013-03-09' AND timestamp '2013-03-09T04:00:00'
start IS NOT NULL | true | false
array_has(tags, 'z') | array_contains(tags, 'y') | tags IS NULL | (entity) = 'ny' | ((n = 2))"""


@pytest.fixture(scope="module")
def lance():
    import lancedb

    table = lancedb.connect("memory://").create_table("rows", PLAIN)
    return lambda sql: sorted(table.search().where(sql).select(["i"]).limit(100).to_arrow()["i"].to_pylist())


def test_rows_are_those_of_lancedb(lance):
    atoms = [atom.strip() for line in ATOMS.splitlines() for atom in line.split(" | ")]
    assert len(atoms) == 60
    draw = random.Random(0)

    def some(depth):
        kind = draw.random()
        if depth == 0 or kind < 0.3:
            return draw.choice(atoms)
        if kind < 0.45:
            return f"NOT ({some(depth - 1)})"
        brackets = draw.random() < 0.4
        joined = f" {draw.choice(['AND', 'OR', 'and'])} ".join(some(depth - 1) for _ in range(draw.randint(2, 3)))
        return f"({joined})" if brackets else joined

    answers = set()
    for sql in atoms + [some(3) for _ in range(150)]:
        found = rows_where(sql, PLAIN).tolist()
        assert found == lance(sql), sql
        answers.add(tuple(found))
    assert len(answers) > 50


@pytest.mark.parametrize(
    ("sql", "rows", "lances"),
    [
        # a moment is a moment, whatever the zone of the column; LanceDB leaves the offset out
        ("start > timestamp '2013-03-09T06:30:00Z'", [3, 4, 5, 6], [4, 5, 6]),
        ("start > timestamp '2013-03-09T01:30:00-05:00'", [3, 4, 5, 6], [4, 5, 6]),
        # a date is midnight where the column is, as a time without a clock is; for LanceDB it is midnight in UTC
        ("start >= date '2013-03-09'", [2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_where_lancedb_was_wrong(lance, sql, rows, lances):
    assert rows_where(sql, PLAIN).tolist() == rows
    assert lance(sql) == lances
    clock = {"start >= date '2013-03-09'": "start >= timestamp '2013-03-09'"}.get(sql)
    assert clock is None or lance(clock) == rows


def test_nan_counts_as_null():
    table = pa.table({"x": [1.0, float("nan"), None]})
    for sql, rows in (
        ("x > 0", [0]), ("x <= 0", []), ("NOT x > 5", [0]), ("x IS NULL", [1, 2]), ("x <> 3", [0]),
        ("x IN (1, 2)", [0]),
    ):  # fmt: skip
        assert rows_where(sql, table).tolist() == rows, sql


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("n > 1.5", [1, 3, 4, 6]),
        ("n = 2.0", [1]),
        ("n < -9223372036854775807", [7]),
        ("n = 9007199254740992.0", []),
        ("n >= 9007199254740993", [6]),
        ("n > 99999999999999999999", []),
        ("n < 99999999999999999999", [0, 1, 3, 4, 5, 6, 7]),
        ("NOT n < 99999999999999999999", []),
        ("n IN (2.5, 4, 99999999999999999999)", [3]),
        ("x IN (0)", [4, 5]),
        ("'z' IN tags", [1, 4]),
        ("'z' NOT IN tags", [0, 3, 5, 6, 7]),
        ("`start` >= timestamp '2013-03-09 01:00'", [2, 3, 4, 5, 6]),
        ("day = timestamp '2013-03-02 12:00:00'", []),
        ("END = 1 OR `i` = 1", None),
    ],
)
def test_more_than_lancedb_could(sql, rows):
    if rows is None:
        with pytest.raises(QueryError, match="there is no column 'END'. The columns are i, entity, n, x, ok"):
            rows_where(sql, PLAIN)
    else:
        assert rows_where(sql, PLAIN).tolist() == rows


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("n = '2'", "column 'n' holds numbers, got the text '2'. Write a number without quotes, such as 2.5."),
        ("entity = 2", "column 'entity' holds text, got 2. Write a text in quotes"),
        ("ok = 1", "column 'ok' holds true or false, got 1. Compare it with TRUE or FALSE."),
        (col("n") == True, "column 'n' holds numbers, got True"),  # noqa: E712
        ("n", "cannot filter by \"n\": column 'n' holds numbers"),
        ("day > '2013-03-02'", "holds dates, got the text '2013-03-02'. Write date '2013-07-01'"),
        ("start > '2013-03-02'", "holds times in the zone America/New_York, got the text .* Write timestamp '2013"),
        ("when = timestamp '2013-03-02T00:00:00Z'", "the times of column 'when' have no zone, .* Leave the offset out"),
        ("day = timestamp '2013-03-02T00:00:00+01:00'", "column 'day' have no zone"),
        (
            "start < timestamp '2013-03-10T02:30:00'",
            "2013-03-10T02:30:00 comes twice or never in America/New_York.*off",
        ),
        (col("start") < datetime(2013, 11, 3, 1, 30), "2013-11-03T01:30:00 comes twice or never"),
        ("tags = 'z'", "type list<.*string>, got the text 'z'. Ask a list by array_has"),
        ("array_has(entity, 'z')", "column 'entity' holds text, and array_has asks for a list"),
        ("array_has(tags, 3)", "column 'tags' holds text, got 3"),
        ("n LIKE '2%'", "column 'n' holds numbers, and LIKE asks for text"),
        ("x BETWEEN 1 AND 'z'", "column 'x' holds numbers"),
        ("entity IN ('a', 3)", "column 'entity' holds text, got 3"),
        ("town = 'ny'", "there is no column 'town'. The columns are i, entity, n"),
        (3, "made with col\\(\\), got 3"),
        (Or((Has("tags", "z"), And(tuple(Compare("town", "=", "x") for _ in range(3))))), "no column 'town'"),
    ],
)
def test_what_does_not_fit_a_column_is_refused(where, message):
    with pytest.raises(QueryError, match=message) as caught:
        rows_where(where, PLAIN)
    assert "\n" not in str(caught.value)
    if isinstance(where, str):
        assert str(caught.value).startswith(f'cannot filter by "{where}"')


def test_types_that_can_only_be_null():
    table = pa.table({"a": [{"x": 1}, None], "b": [b"x", None], "c": pa.array([timedelta(1), None])})
    for name in table.column_names:
        assert rows_where(f"{name} IS NULL", table).tolist() == [1]
        with pytest.raises(QueryError, match=f"column '{name}' holds values of the type .* by IS NULL alone"):
            rows_where(f"{name} = 1", table)


def test_names_by_any_case_but_one_column():
    table = pa.table({"Name": [1, 2], "NAME": [2, 1], "Straße": [1, 2]})
    assert rows_where("NAME = 2", table).tolist() == [0]
    assert rows_where("straSSE = 2", table).tolist() == [1]
    with pytest.raises(QueryError, match="'name' may be any of Name, NAME"):
        rows_where("name = 2", table)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_text(kind):
    table = pa.table({"s": pa.array(["a", "b", None]).cast(kind)})
    for sql, rows in (("s = 'b'", [1]), ("s IN ('a', 'c')", [0]), ("s < 'b'", [0]), ("s IS NULL", [2])):
        assert rows_where(sql, table).tolist() == rows
    assert rows_where("s LIKE 'a%'", table).tolist() == [0]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32()])
def test_every_kind_of_number(kind):
    table = pa.table({"n": pa.array(np.array([1, 2, 3]).astype(kind.to_pandas_dtype()))})
    for sql, rows in (("n = 2", [1]), ("n < 2.5", [0, 1]), ("n IN (1, 3, 1000000)", [0, 2]), ("n > -99999", [0, 1, 2])):
        assert rows_where(sql, table).tolist() == rows


def test_a_large_list_is_one_look_at_the_column():
    table = pa.table({"id": [f"w{i}" for i in range(3000)], "n": range(3000)})
    assert rows_where(col("id").isin(f"w{i}" for i in range(0, 200_000, 2) if i < 100_000), table).tolist() == list(
        range(0, 3000, 2)
    )
    assert rows_where(col("n").isin(range(50_000, -1, -1)), table).tolist() == list(range(3000))
    assert rows_where(col("n").isin([]), table).tolist() == []
    assert rows_where(~col("n").isin([]), table).tolist() == list(range(3000))


def test_neither_a_database_nor_pandas_is_imported(tmp_path):
    code = """
import sys
from datetime import UTC, date, datetime
import pyarrow as pa
import pyarrow.compute
from tracets.filters.rows import rows_where
with pa.memory_map(sys.argv[1]) as source:
    table = pa.ipc.open_file(source).read_all()
for sql in sys.stdin.read().splitlines():
    rows_where(sql, table)
print([name for name in ("lancedb", "pandas", "torch", "sqlglot") if name in sys.modules])
"""
    atoms = "\n".join(atom for line in ATOMS.splitlines() for atom in line.split(" | "))
    path = tmp_path / "facts.arrow"
    with pa.ipc.new_file(path, PLAIN.schema) as writer:
        writer.write_table(PLAIN)
    ran = subprocess.run(
        [sys.executable, "-c", code, path], input=atoms, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(tracets.__file__).parents[1])},
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
