"""Filters on the columns of an index or a corpus: in Python, in SQL and in JSON, with one meaning."""

from __future__ import annotations

from tracets.filters.algebra import Among, And, Between, Compare, Filter, Has, IsNull, Like, Not, Or, Value, col
from tracets.filters.sql import parse, to_sql
from tracets.filters.wire import from_json, to_json

__all__ = [
    "Among", "And", "Between", "Compare", "Filter", "Has", "IsNull", "Like", "Not", "Or", "Value", "col", "from_json",
    "parse", "to_json", "to_sql",
]  # fmt: skip
