"""`tracets reproduce`: Markdown or JSON on stdout, progress on stderr, files in a folder."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tracets import reproduction
from tracets.errors import DataError
from tracets.tables.table import Line, Panel, Step, Table


@pytest.fixture
def toys(monkeypatch):
    """Two tables and a figure that count the windows of each corpus."""

    def steps(given, size, seed):
        def counted(source):
            return lambda: [Line("windows", {"all": {"n": [float(len(source.windows))]}})]

        return [Step(source.name, source.digest, "count", counted(source)) for source in given]

    panel = Panel("all", ("n",))
    toys = {name: Table(name, f"Toy {name}", "Counts.", (), (), (panel,), steps) for name in ("a", "b", "f")}
    monkeypatch.setitem(sys.modules, "tracets.reproduction.toy", SimpleNamespace(FIGURE=toys.pop("f")))
    monkeypatch.setattr(reproduction, "FIGURES", {"f": "toy"})
    monkeypatch.setattr(reproduction, "TABLES", toys)


@pytest.mark.slow
def test_tables_figures_or_all_are_listed_before_they_are_made(toys, tracets, corpus_file, tmp_path):
    made = {"all": ["a", "b", "f"], "tables": ["a", "b"], "figures": ["f"]}
    for asked, names in made.items():
        done = tracets("reproduce", asked, "--data", corpus_file, "--out", tmp_path / asked)
        assert done.code == 0 and done.err.splitlines()[0] == f"makes {', '.join(names)}"
        assert sorted(path.stem for path in (tmp_path / asked).glob("*.md")) == names


@pytest.mark.slow
def test_all_tables_as_markdown_with_progress_on_stderr(toys, tracets, corpus_file, tmp_path):
    done = tracets("reproduce", "tables", "--data", corpus_file, "--out", tmp_path / "out")
    assert done.code == 0 and done.out.index("# Toy a") < done.out.index("# Toy b")
    assert "| windows | 12 |" in done.out
    assert done.err.splitlines()[1].startswith("a: days, count (") and "b.md, .json and .html" in done.err
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_one_table_as_a_line_of_json(toys, tracets, corpus_file, tmp_path):
    done = tracets("reproduce", "b", "--data", corpus_file, "--out", tmp_path, "--seed", "4", "--json")
    [line] = done.out.splitlines()
    found = json.loads(line)
    assert (found["table"], found["size"], found["seed"]) == ("b", "smoke", 4)
    assert found["rows"][0]["figures"] == {"all": {"n": [12.0]}}


@pytest.mark.slow
def test_all_passes_over_tables_that_the_data_do_not_allow(toys, tracets, corpus_file, tmp_path, monkeypatch):
    def refuse():
        raise DataError("no labels")

    none = replace(reproduction.TABLES["a"], steps=lambda given, size, seed: [Step("days", "0", "labels", refuse)])
    monkeypatch.setitem(reproduction.TABLES, "a", none)
    done = tracets("reproduce", "--data", corpus_file, "--out", tmp_path / "out")
    assert done.code == 0 and "# Toy b" in done.out and "# Toy a" not in done.out
    assert "no row of table 'a' could be made: no labels" in done.err.splitlines()
    monkeypatch.delitem(reproduction.TABLES, "b")
    alone = tracets("reproduce", "tables", "--data", corpus_file, "--out", tmp_path / "out")
    assert (alone.code, alone.out) == (2, "") and alone.err.endswith("could be made: no labels\n")


def test_mistakes_are_one_line(toys, refused, tmp_path):
    assert "no table or figure 'c'. Choose from: a, b, f." in refused("reproduce", "c", "--out", tmp_path)
    assert "--size" in refused("reproduce", "a", "--size", "huge")
    assert "no such file" in refused("reproduce", "a", "--data", tmp_path / "x.parquet", "--out", tmp_path)
