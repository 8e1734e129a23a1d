"""SQL read and written: what every form says, and one line with the place for all that is not of the grammar."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import filter_oracle as oracle
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tracets.errors import QueryError
from tracets.filters import Among, And, Between, Compare, Filter, Has, IsNull, Like, Not, Or, col, parse, to_sql

a, b, c = (Compare(name, "=", 1) for name in "abc")


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("a = 1 OR b = 1 AND NOT c = 1", Or((a, And((b, Not(c)))))),
        ("(a = 1 or b = 1) and c = 1", And((Or((a, b)), c))),
        ("NOT a = 1 AND b = 1", And((Not(a), b))),
        ("not not a = 1", Not(Not(a))),
        ("a = 1 AND b = 1 AND c = 1", And((a, b, c))),
        ("1 = a", a),
        ("-2.5 >= a", Compare("a", "<=", -2.5)),
        ("a <> 'it''s'", Compare("a", "!=", "it's")),
        ("a != .5", Compare("a", "!=", 0.5)),
        ("a == 1e3", Compare("a", "=", 1000.0)),
        ("a = - 3", Compare("a", "=", -3)),
        ("`odd ``name`=1", Compare("odd `name", "=", 1)),
        ('"end"=1', Compare("end", "=", 1)),
        ("end = 1", Compare("end", "=", 1)),
        ("日_1 = 'x\ny'", Compare("日_1", "=", "x\ny")),
        ("(a) = (1)", a),
        ("a", Compare("a", "=", True)),
        ("NOT a", Not(Compare("a", "=", True))),
        ("a = TRUE", Compare("a", "=", True)),
        ("true", And()),
        ("FALSE or a = 1", Or((Or(), a))),
        ("a IN (1, 2.5, 'x')", Among("a", (1, 2.5, "x"))),
        ("a NOT IN (1)", Not(Among("a", (1,)))),
        ("a BETWEEN 1 AND 2 AND b = 1", And((Between("a", 1, 2), b))),
        ("a NOT BETWEEN 1 AND 2", Not(Between("a", 1, 2))),
        ("a LIKE 'x%'", Like("a", "x%")),
        ("a NOT ILIKE 'x_'", Not(Like("a", "x_", ignore_case=True))),
        ("a IS NULL", IsNull("a")),
        ("a IS NOT NULL", Not(IsNull("a"))),
        ("a IS TRUE", And((Not(IsNull("a")), Compare("a", "=", True)))),
        ("a IS NOT FALSE", Not(And((Not(IsNull("a")), Compare("a", "=", False))))),
        ("array_has(a, 'x')", Has("a", "x")),
        ("ARRAY_CONTAINS(a, 1)", Has("a", 1)),
        ("'x' IN a", Has("a", "x")),
        ("'x' NOT IN a", Not(Has("a", "x"))),
        ("date = date '2013-07-01'", Compare("date", "=", date(2013, 7, 1))),
        ("a > timestamp '2013-07-01'", Compare("a", ">", datetime(2013, 7, 1))),
        ("a > TIMESTAMP '2013-07-01 06:05'", Compare("a", ">", datetime(2013, 7, 1, 6, 5))),
        ("a > timestamp '2013-07-01T06:05:04.25'", Compare("a", ">", datetime(2013, 7, 1, 6, 5, 4, 250_000))),
        ("a > timestamp '2013-07-01T06:05:04.000001000Z'", Compare("a", ">", datetime(2013, 7, 1, 6, 5, 4, 1, UTC))),
        (
            "a > timestamp '2013-07-01 06:05:04 -04:00'",
            Compare("a", ">", datetime(2013, 7, 1, 6, 5, 4, tzinfo=timezone(timedelta(hours=-4)))),
        ),
        ("timestamp = 1", Compare("timestamp", "=", 1)),
    ],
)
def test_what_is_read(sql, where):
    assert parse(sql) == where
    assert parse(to_sql(where)) == where


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "why", "at"),
    [
        ("", "it is empty", 1),
        ("a =", "expected a value .*, found the end", 4),
        ("a = 1 b", "expected AND, OR or the end, found 'b'", 7),
        ("a = 'x", 'cannot read "\'x"', 5),
        ("a ; b", "cannot read '; b'", 3),
        ("a = 1)", "expected AND, OR or the end, found '\\)'", 6),
        ("(a = 1", "expected \\), found the end", 7),
        ("a = NULL", "null is neither equal nor unequal to anything, ask by IS NULL", 5),
        ("a IN (1, NULL)", "null is neither", 10),
        ("a IN ()", "expected a value", 7),
        ("a = b", "'=' stands between a column and a value", 3),
        ("1 = 1", "'=' stands between a column and a value", 3),
        ("a = 1 = 2", "expected AND, OR or the end, found '='", 7),
        ("lower(a) = 'x'", "the function lower\\(\\) is not known", 1),
        ("a + 1 = 2", "found '\\+'", 3),
        ("a IS 3", "expected NULL or TRUE or FALSE, found '3'", 6),
        ("a NOT 3", "expected IN, BETWEEN, LIKE or ILIKE, found '3'", 7),
        ("a LIKE 3", "LIKE takes a text", 3),
        ("a LIKE '" + "x" * 1001 + "'", "at most 1000 characters", 3),
        ("a BETWEEN 1 OR 2", "expected AND, found 'OR'", 13),
        ("a = 0x1", "cannot read '0x1'", 5),
        ("a = 1e999", "cannot be compared with inf", 5),
        ("a = " + "9" * 401, "at most 400 digits", 5),
        ("a > timestamp '2013-02-30'", "'2013-02-30' is not a time, write it as 2013-07-01T00:00:00", 15),
        ("a > timestamp '2013-02-20T25:00'", "is not a time", 15),
        ("a > timestamp '2013-02-20T12:00:00.0000001'", "known to the microsecond", 15),
        ("a > date '2013-02-20T12:00'", "is not a date, write it as 2013-07-01", 10),
        ("a > date 3", "'>' stands between a column and a value", 3),
        ("'a' AND b", "expected a comparison", 5),
        ("(a = 1) IS NULL", "a column is expected", 1),
        ("SELECT * FROM x", "cannot read '\\* FROM x'", 8),
        ("a = 1 -- x", "found '-'", 7),
        ("(" * 65 + "a" + ")" * 65, "more than 64 brackets and NOTs inside one another", 65),
        ("NOT " * 5000 + "a", "more than 64 brackets", 257),
        ("(" * 100_000, "more than 64 brackets", 65),
    ],
)
def test_what_is_refused_with_its_place(sql, why, at):
    with pytest.raises(QueryError, match=why) as caught:
        parse(sql)
    said = str(caught.value)
    assert f", at character {at}. Allowed are =, <>" in said and "\n" not in said and len(said) < 700


@pytest.mark.slow
def test_bounds():
    many = " OR ".join(["a = 1"] * 1001)
    with pytest.raises(QueryError, match="more than 1000 conditions. Name many values by IN."):
        parse(many)
    with pytest.raises(QueryError, match="may have 1000000 characters, got 1000001"):
        parse(" " * 1_000_001)
    assert len(parse(f"a IN ({', '.join(map(str, range(100_000)))})").values) == 100_000
    deep = col("a") == 1
    for _ in range(63):
        deep = Not(deep)
    assert parse(to_sql(deep)) == deep
    deep = Not(deep)
    with pytest.raises(QueryError, match="more than 64 conditions inside one another"):
        to_sql(deep)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(oracle.FILTERS)
@example(Compare("and", "=", "it's\\"))
@example(Compare("a`b\n", "=", 1e-300))
def test_what_is_written_is_read_as_the_same(where):
    found, expected = parse(to_sql(where)), oracle.shortened(where)
    assert found == expected and repr(found) == repr(expected)  # 1 equals 1.0 and True


PIECES = st.sampled_from(
    [*re.findall(r"\S+", "a AND OR NOT IN ( ) , = <> < BETWEEN LIKE IS NULL TRUE 'x' 1 -2.5 `b c` date timestamp"),
     "'2013-01-01'", "array_has", "'", "`", "1e", "\x00", "é", ";", "--", "\\"]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=30))
def test_whatever_comes_is_a_filter_or_an_error_of_ours(sql):
    try:
        found = parse(sql)
    except QueryError as error:
        assert str(error).startswith("cannot filter by ") and len(str(error).splitlines()) == 1
    else:
        assert isinstance(found, Filter) and parse(to_sql(found)) == found
