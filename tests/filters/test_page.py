"""docs/filters.md says what is so: its three forms are one filter."""

import json
import re
from pathlib import Path

import pytest

from tracets.filters import Filter, col, from_json, parse, to_json

PAGE = Path(__file__).resolve().parents[2] / "docs" / "filters.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside the tests")


def forms():
    """For every row of the table with the three forms: pieces of code in each of its columns."""
    table = PAGE.read_text(encoding="utf-8").split("## The three forms")[1].split("\n\n")[1]
    for line in table.splitlines()[2:]:
        yield [re.findall(r"`([^`]+)`", cell) for cell in re.split(r"(?<!\\)\|", line)[1:4]]


def test_the_forms_of_a_row_are_one_filter():
    whole = 0
    for sql, python, wire in forms():
        if not wire[0].startswith('{"column"'):
            continue
        expected = parse(sql[0])
        assert from_json(json.loads(wire[0])) == expected and to_json(expected) == json.loads(wire[0])
        found = eval(python[0], {"col": col})
        assert isinstance(found, Filter) and to_json(found) == to_json(expected)
        whole += 1
    assert whole == 5


def test_every_piece_of_sql_is_read():
    pieces = [piece for sql, _, _ in forms() for piece in sql if " " in piece or "(" in piece]
    assert len(pieces) >= 10
    for piece in pieces:
        assert isinstance(parse(piece), Filter)
