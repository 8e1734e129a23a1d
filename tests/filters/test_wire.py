"""Filters as JSON: what is written is read as the same, and everything else is refused with its path."""

import json
from datetime import UTC, date, datetime

import filter_oracle as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.errors import QueryError
from tracets.filters import And, Compare, Filter, Not, Or, col, from_json, to_json

NY = {"column": "entity", "op": "=", "value": "ny"}


def test_every_form():
    where = (
        (col("entity") == "ny")
        & (col("n").isin([1, 2.5]) | ~col("label").is_null())
        & col("start").between(datetime(2013, 7, 1, tzinfo=UTC), date(2013, 7, 2))
        & (col("text").like("a%") | col("text").like("b", ignore_case=True))
        & col("channel_names").has("wind")
    )
    assert to_json(where) == {
        "and": [
            NY,
            {
                "or": [
                    {"column": "n", "op": "in", "values": [1, 2.5]},
                    {"not": {"column": "label", "op": "is null"}},
                ]
            },
            {
                "column": "start",
                "op": "between",
                "low": {"timestamp": "2013-07-01T00:00:00+00:00"},
                "high": {"date": "2013-07-02"},
            },
            {"or": [{"column": "text", "op": "like", "value": "a%"}, {"column": "text", "op": "ilike", "value": "b"}]},
            {"column": "channel_names", "op": "has", "value": "wind"},
        ]
    }
    assert from_json(to_json(where)) == where


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(oracle.FILTERS)
def test_what_is_written_is_read_as_the_same(where):
    found = from_json(json.loads(json.dumps(to_json(where), allow_nan=False)))
    assert found == where and repr(found) == repr(where)


def nested(depth):
    found = NY
    for _ in range(depth - 1):
        found = {"not": found}
    return found


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (None, "^filter: expected an object such as"),
        ([NY], "^filter: expected an object"),
        ({}, "^filter.op: expected one of in, between, is null, =, .*; or an object with and, or, not"),
        (NY | {"op": "=="}, "^filter.op: expected one of"),
        (NY | {"op": ["="]}, "^filter.op: expected one of"),
        ({"column": "a", "op": "="}, "^filter: lacks 'value'; this object has column, op, value"),
        (NY | {"valu": 1}, "^filter: has 'valu'; this object has column, op, value"),
        (NY | {"column": 3}, "^filter: a filter names a column by a text, got 3"),
        (NY | {"value": None}, "^filter.value: null is neither equal nor unequal.*IS NULL"),
        (NY | {"value": [1]}, "^filter.value: a column cannot be compared with a list"),
        (NY | {"value": float("nan")}, "^filter.value: a column cannot be compared with nan"),
        (NY | {"value": {"date": "2013-13-01"}}, "^filter.value: '2013-13-01' is not a date"),
        (NY | {"value": {"time": "x"}}, "^filter.value: expected a plain value"),
        (NY | {"value": {"date": "2013-01-01", "x": 1}}, "^filter.value: expected a plain value"),
        (NY | {"value": "\ud800"}, "^filter.value: .*not valid text"),
        (NY | {"op": "like", "value": 3}, "^filter: LIKE takes a text"),
        ({"column": "a", "op": "in", "values": []}, "^filter: IN takes 1 to 100000 values, got 0"),
        ({"column": "a", "op": "in", "values": "x"}, "^filter.values: expected a list of values"),
        ({"column": "a", "op": "in", "values": [1, None]}, r"^filter.values\[1\]: null is neither"),
        ({"and": NY}, "^filter.and: expected a list of filters"),
        ({"and": [NY, {"or": [NY, 3]}]}, r"^filter.and\[1\].or\[1\]: expected an object"),
        ({"not": NY, "and": [NY]}, "^filter: has 'not'; this object has and"),
        (nested(65), "a filter may have 64 conditions inside one another"),
        ({"or": [NY] * 1000}, r"^filter.or\[999\]: a filter may have .* 1000 in all. Name many values by the op 'in'"),
    ],
)
def test_what_is_refused_with_its_path(given_, message):
    with pytest.raises(QueryError, match=message) as caught:
        from_json(given_)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400 + 4 * 65


def test_bounds_are_those_of_filters():
    assert from_json(nested(64)) == from_json(to_json(from_json(nested(64))))
    assert len(from_json({"or": [NY] * 999}).parts) == 999


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "=", "in", "is null", "2013-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["and", "or", "not", "column", "op", "value", "values", "low", "high", "date", "timestamp"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(JSON)
def test_whatever_comes_is_a_filter_or_an_error_of_ours(found):
    try:
        where = from_json(found)
    except QueryError as error:
        assert str(error).startswith("filter") and "\n" not in str(error)
    else:
        assert isinstance(where, Filter) and from_json(to_json(where)) == where


def test_empty_and_and_or():
    assert from_json({"and": []}) == And() and from_json({"or": []}) == Or()
    assert from_json({"not": {"and": []}}) == Not(And())
    assert from_json(NY) == Compare("entity", "=", "ny")
