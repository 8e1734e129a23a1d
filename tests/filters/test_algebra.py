"""Filters made in Python: operators, values in plain types, and what has no meaning."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.errors import QueryError
from tracets.filters import Among, And, Between, Compare, Has, IsNull, Like, Not, Or, col


def test_comparing_a_column_gives_a_filter():
    n = col("n")
    assert [n == 1, n != 1, n < 1, n <= 1, n > 1, n >= 1] == [
        Compare("n", op, 1) for op in ("=", "!=", "<", "<=", ">", ">=")
    ]
    assert (1 < n) == Compare("n", ">", 1) and ("x" == n) == Compare("n", "=", "x")
    assert n.isin({3}) == Among("n", (3,)) and n.isin([]) == Or()
    assert n.between(1, 2) == Between("n", 1, 2) and n.is_null() == IsNull("n")
    assert n.like("a%") == Like("n", "a%") and n.has("x") == Has("n", "x")
    assert n.like("a%", ignore_case=True) == Like("n", "a%", True)


def test_joining_keeps_one_level():
    a, b, c = (col(name) == 1 for name in "abc")
    assert a & b & c == And((a, b, c)) and a | b | c == Or((a, b, c))
    assert a & (b | ~c) == And((a, Or((b, Not(c)))))
    assert a & And() == And((a, And()))


def test_a_filter_has_no_truth_value():
    for use in (lambda: 1 < col("n") < 3, lambda: not (col("n") == 1), lambda: (col("n") == 1) and (col("m") == 1)):
        with pytest.raises(QueryError, match="no truth value. Join filters by &, | and ~"):
            use()
    with pytest.raises(TypeError):
        hash(col("n"))


def test_values_in_plain_types():
    assert type((col("n") == np.int64(3)).value) is int and type((col("n") == np.float32(0.5)).value) is float
    assert type((col("n") == np.bool_(True)).value) is bool
    assert (col("t") == np.datetime64("2013-07-01T00:00:00", "ns")).value == datetime(2013, 7, 1)
    zone = ZoneInfo("America/New_York")
    for fold, hours in ((0, -4), (1, -5)):  # the hour that comes twice
        found = (col("t") == datetime(2013, 11, 3, 1, 30, tzinfo=zone, fold=fold)).value
        assert found == datetime(2013, 11, 3, 1, 30, tzinfo=timezone(timedelta(hours=hours)))
        assert found.tzinfo != zone
    assert (col("t") == datetime(2013, 7, 1, tzinfo=UTC)).value.tzinfo == UTC


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: col("n") == None, "null is neither equal nor unequal to anything. Ask for it by IS NULL, or is_null"),  # noqa: E711
        (lambda: col("n") < float("inf"), "cannot be compared with inf"),
        (lambda: col("n") == [1], "cannot be compared with a list"),
        (lambda: col("n") == b"x", "cannot be compared with a bytes"),
        (lambda: col("n") == "\udc00", "not valid text"),
        (lambda: col("n") == 10**400, "at most 400 digits"),
        (lambda: col("n").between(1, None), "null is neither"),
        (lambda: col("") == 1, "names a column by a text, got ''"),
        (lambda: col(3).is_null(), "names a column by a text, got 3"),
        (lambda: Compare("n", "~", 1), "no comparison '~'. Use one of =, !="),
        (lambda: Among("n", ()), "IN takes 1 to 100000 values, got 0"),
        (lambda: Like("n", 3), "LIKE takes a text"),
        (lambda: Like("n", "a\\"), "ends in a backslash that nothing follows"),
        (lambda: And((1,)), "join filters, got 1"),
        (lambda: Not("a = 1"), "join filters, got 'a = 1'"),
        (lambda: (col("n") == 1) & True, "join filters, got True"),
    ],
)
def test_what_has_no_meaning_is_refused(make, message):
    with pytest.raises(QueryError, match=message):
        make()
