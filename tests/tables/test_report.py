"""A table that was made, as Markdown, JSON and pictures: pinned by hand, and written whole or not at all."""

import json
from dataclasses import replace

import pytest

from tracets import plots
from tracets.tables.report import TableReport
from tracets.tables.table import SIZES, Line, Panel, Table

PANELS = (Panel("Both ways", ("MRR", "median rank")), Panel("Labels", ("accuracy", "n")))
TABLE = Table(
    "toy", "A toy", "Shows how.", ("Everything.",), (Line("TRACE", {"Both ways": {"MRR": [0.56]}}),), PANELS,
    lambda sources, size, seed: (),
)  # fmt: skip
ROWS = [
    ("one", Line("ours|<b>", {"Both ways": {"MRR": [0.1234, 0.05, 0.2], "median rank": [12.5, 1.0, 130.0]}})),
    ("one", Line("cheap", {"Labels": {"accuracy": [None, None, None], "n": [24.0]}}, "a remark")),
]
RUN = {
    "source": "one", "digest": "abc", "minutes": 1.26, "ended": "2026-11-26T10:00:00+00:00", "version": "0.1.0",
    "commit": "c0ffee", "machine": {"cores": 2, "gpu": None}, "lines": [],
}  # fmt: skip


def report(rows=ROWS, left_out=(("one", "dtw", "Install it."),), data=("one",)) -> TableReport:
    return TableReport(TABLE, SIZES["smoke"], 3, data, rows, left_out, [RUN, RUN])


def test_the_markdown_page_by_hand():
    assert report().to_markdown() == (
        "# A toy\n\nShows how.\n\n"
        "Size `smoke` shows that everything runs. Its trainings have a few steps: its figures say nothing.\n\n"
        "## Both ways\n\n"
        "| | MRR | median rank |\n|---|---|---|\n"
        "| paper: TRACE | 0.560 | - |\n"
        "| ours\\|<b> | 0.123 [0.050, 0.200] | 12.5 [1, 130] |\n\n"
        "## Labels\n\n"
        "| | accuracy | n |\n|---|---|---|\n"
        "| cheap | - | 24 |\n\n"
        "## Remarks\n\n- cheap: a remark\n- one, dtw: not made. Install it.\n\n"
        "## What differs from the paper\n\n- Everything.\n\n"
        "## Where the figures come from\n\n"
        "- `tracets reproduce toy --size smoke --seed 3 --data one`\n"
        "- Data one: sha256 abc.\n"
        "- 2.5 minutes, runs: 2, ended 2026-11-26.\n"
        "- tracets 0.1.0, commit c0ffee.\n"
        "- Machine: cores 2.\n"
    )


def test_rows_of_several_corpora_say_which():
    rows = [("one", ROWS[0][1]), ("two", ROWS[0][1])]
    assert "| one, ours\\|<b> |" in report(rows).to_markdown() and "| two, ours\\|<b> |" in report(rows).to_markdown()
    assert "--data" not in report(rows, data=()).to_markdown()  # the built-in weather


def test_a_panel_without_a_row_of_ours_is_left_out_unless_it_stands_alone():
    for alone in (False, True):
        panels = (Panel("Both ways", ("MRR",), alone=alone), PANELS[1])
        said = replace(report(ROWS[1:]), table=replace(TABLE, panels=panels)).to_markdown()
        assert ("| paper: TRACE | 0.560 |" in said) is alone and "## Labels" in said


def test_the_json_has_plain_numbers_and_the_runs():
    found = json.loads(json.dumps(report().to_json(), allow_nan=False))
    assert found["rows"][0] == {
        "source": "one", "row": "ours|<b>", "note": "",
        "figures": {"Both ways": {"MRR": [0.1234, 0.05, 0.2], "median rank": [12.5, 1.0, 130.0]}},
    }  # fmt: skip
    assert found["rows"][1]["figures"]["Labels"]["accuracy"] == [None, None, None]
    assert (found["minutes"], found["seed"], found["data"]) == (2.52, 3, {"one": "abc"})
    assert found["left_out"] == [{"source": "one", "step": "dtw", "reason": "Install it."}]
    assert len(found["runs"]) == 2 and "lines" not in found["runs"][0]
    assert Line.from_json(found["rows"][0]) == ROWS[0][1]


@pytest.mark.slow
def test_the_page_draws_the_first_figure_of_each_panel_and_escapes_names(tmp_path):
    report().write(tmp_path)
    page = (tmp_path / "toy.html").read_text(encoding="utf-8")
    shown = page[page.index("<body>") :]
    assert "<h2>Both ways</h2>" in shown and "<h2>Labels</h2>" not in shown  # nothing to draw there
    assert "<b>" not in shown and "0.1234" in shown
    assert "its figures say nothing. Everything. tracets reproduce toy --size smoke" in shown  # no bar without a word
    assert sorted(p.name for p in tmp_path.iterdir()) == ["toy.html", "toy.json", "toy.md"]


def test_bars_carry_their_intervals():
    from plotly import graph_objects

    seen = []
    show = graph_objects.Figure.to_html
    try:
        graph_objects.Figure.to_html = lambda self, **options: seen.append(self) or ""
        plots._ranked("MRR", {"a": [0.5, 0.25, 1.0], "b": [0.125]})
    finally:
        graph_objects.Figure.to_html = show
    [bar] = seen[0].data
    assert list(bar.x) == [0.5, 0.125] and list(bar.y) == ["a", "b"]
    assert list(bar.error_x.array) == [0.5, 0.0] and list(bar.error_x.arrayminus) == [0.25, 0.0]


def test_nothing_is_replaced_where_one_of_the_files_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "toy.md").write_text("old")

    def broken(*arguments, pictures):
        raise RuntimeError("no picture")

    monkeypatch.setattr(plots, "plot_rows", broken)
    with pytest.raises(RuntimeError, match="no picture"):
        report().write(tmp_path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("toy.md", "old")]
