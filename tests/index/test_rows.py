"""Columns of an index as Python values."""

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from tracets.index.rows import plain_values


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "+05:30", "Australia/Lord_Howe"])
@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_are_those_of_arrow(zone, unit):
    """On both sides of changes of the clocks, before 1970, and null."""
    times = [datetime(2013, 11, 3, hour, 30) for hour in range(0, 10)]
    times += [datetime(1931, 5, 1, 12, 0, 1), None, datetime(2024, 3, 10, 7), datetime(2024, 4, 6, 15, 0)]
    column = pa.chunked_array([pa.array(times, pa.timestamp(unit, tz=zone))])
    found, expected = plain_values(column), column.to_pylist()
    assert found == expected
    assert [t and (t.utcoffset(), t.fold) for t in found] == [t and (t.utcoffset(), t.fold) for t in expected]


def test_a_time_by_hand():
    column = pa.chunked_array([pa.array([1_000_000, -1], pa.timestamp("us", tz="+02:00"))])
    first, second = plain_values(column)
    assert (first, first.utcoffset()) == (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), timedelta(hours=2))
    assert second == datetime(1970, 1, 1, 1, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=2)))


def test_other_columns_are_as_arrow_gives_them():
    for values in ([1, None], ["a", None], [["a"], None], [None, None], [{"a": 1}, None]):
        assert plain_values(pa.chunked_array([pa.array(values)])) == values
