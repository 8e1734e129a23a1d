"""The pictures of rows: drawn from plain numbers, which is all that is kept of them."""

import json

import numpy as np
import pytest

from tracets.tables.drawing import curves, drawn, short, window
from tracets.tables.table import Line, Panel, Picture
from tracets.types import Sample

EVIL = "<b onclick=x>"


def kept(picture):
    """What a file of runs gives back."""
    line = Line("row", {}, pictures=[picture])
    [found] = Line.from_json(json.loads(json.dumps(line.to_json()))).pictures
    return found


def test_numbers_are_short_and_missing_ones_none():
    assert short(np.array([[1.23456, np.nan], [1e-7, 123456.0]])) == [[1.235, None], [1e-07, 123500.0]]
    assert short([]) == []
    with pytest.raises(TypeError, match="got float"):
        short(1.0)


def test_a_window_is_drawn_as_it_was():
    sample = Sample(EVIL, [[1.0, np.nan, 3], [4, 5, 6]], ("rain", "wind"), ("mm", None))
    picture = kept(window("1. hit", sample, scores={"rain": 0.25}, text="label calm"))
    assert picture.title == "1. hit" and picture.data["text"] == "label calm"
    figure = drawn(picture)
    rain = figure.data[0]
    np.testing.assert_array_equal(np.asarray(rain.y, float), sample.values[0])
    assert "★ rain" in figure.layout.annotations[0].text and "0.25" in figure.layout.annotations[0].text


def test_points_have_the_colour_of_their_group_and_the_shape_of_their_kind():
    kinds = {
        "series": {"x": [0, 1, 2], "y": [0, 0, 1], "group": ["calm", "calm", "storm"], "said": ["a", "b", EVIL]},
        "text": {"x": [0.5], "y": [0.5], "group": ["storm"], "said": ["It storms."]},
    }
    figure = drawn(kept(Picture("map", "points", {"kinds": kinds})))
    found = {trace.name: trace for trace in figure.data}
    assert set(found) == {"calm, series", "storm, series", "storm, text"}
    assert found["calm, series"].x == (0, 1) and found["storm, series"].text == ("&lt;b onclick=x&gt;",)
    assert found["storm, series"].marker.color == found["storm, text"].marker.color
    assert found["storm, series"].marker.symbol != found["storm, text"].marker.symbol


def test_a_matrix_has_its_first_row_on_top():
    data = {
        "values": [[1, None], [0, 1]],
        "rows": ["same", "same"],
        "columns": [EVIL, "b"],
        "named": ["text", "series"],
    }
    figure = drawn(kept(Picture("scores", "matrix", data)))
    assert figure.data[0].y == ("1. same", "2. same") and figure.data[0].x[0] == "1. &lt;b onclick=x&gt;"
    assert figure.layout.yaxis.autorange == "reversed" and figure.layout.xaxis.title.text == "series"


def test_rows_with_a_number_are_curves_and_others_levels():
    panel = Panel("ahead", ("MSE",), over="windows R")
    lines = [
        ("none", Line("none", {"ahead": {"MSE": [0.9]}})),
        ("one, R = 2", Line("R = 2", {"ahead": {"MSE": [0.8, 0.7, 0.95]}}, at=2.0, curve="series")),
        ("one, R = 4", Line("R = 4", {"ahead": {"MSE": [0.6, 0.5, 0.7]}}, at=4.0, curve="series")),
        ("two, R = 4", Line("R = 4", {"ahead": {"MSE": [0.5]}}, at=4.0, curve="series")),
        ("empty", Line("empty", {"ahead": {"MSE": [None]}})),
    ]
    figure = curves(panel, lines, "MSE")
    found = {trace.name: trace for trace in figure.data}
    assert set(found) == {"one, series", "two, series", "none"}
    assert found["one, series"].x == (2.0, 4.0) and found["one, series"].y == (0.8, 0.6)
    assert found["one, series"].error_y.array == pytest.approx((0.15, 0.1))
    assert found["none"].y == (0.9, 0.9) and found["none"].x == (2.0, 4.0) and found["none"].line.dash == "dash"
    assert figure.layout.xaxis.ticktext == ("2", "4") and figure.layout.xaxis.title.text == "windows R"


def test_what_a_row_of_a_table_does_not_have_is_not_kept():
    assert Line("a", {}).to_json() == {"row": "a", "figures": {}, "note": ""}
    at = Line("a", {}, at=2.0, curve="c")
    assert Line.from_json(at.to_json()) == at
