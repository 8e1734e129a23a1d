"""The pages of docs/examples: their tables and the numbers of their prose are those of figures.json."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tracets import api
from tracets.data import Corpus
from tracets.types import Sample

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "examples"
NAMES = ("health", "energy", "environment", "ecg")
pytestmark = pytest.mark.skipif(not PAGES.is_dir(), reason="the docs are not beside the tests")


def script(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module


@pytest.fixture(scope="module")
def examples():
    return script("examples")


@pytest.fixture(scope="module")
def figures():
    return script("examples_figures")


@pytest.fixture(scope="module")
def known():
    return json.loads((PAGES / "figures.json").read_text(encoding="utf-8"))


def page(name):
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_those_of_the_figures(name, examples, known):
    assert examples.filled(page(name), known[name]) == page(name), "python benchmarks/examples.py fill"
    marked = set(re.findall(r"<!-- table (\S+) -->", page(name)))
    assert len(marked) >= 4 and page(name).count("<!-- end -->") == len(marked)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_the_prose_are_figures(name, examples, known):
    """Every number with a point that is told outside of tables and blocks is one of a table."""
    prose = re.sub(r"^```.*?^```$|<!-- table .*?<!-- end -->", "", page(name), flags=re.M | re.S)
    told = {number for number in re.findall(r"(?<![\w.])-?\d*\.\d+", prose) if not re.match(r"\d+\.\d+\.\d", number)}
    cells = " ".join(examples.told(cell) for table in known[name].values() for row in table["rows"] for cell in row)
    there = set(re.findall(r"(?<![\w.])-?\d*\.\d+", cells))
    assert told - there - set(PAPER) == set()


PAPER = ("2.2", "2.5", "1.8", ".6", "4.0")
"""What is no measurement: the national baseline of the reports, the limits of a rule, a licence."""


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_small_and_those_that_the_script_draws(name):
    shown = re.findall(r"\]\(\.\./pictures/([\w-]+)\.jpg\)", page(name))
    assert sorted(shown) == sorted(script("examples_pictures").SHOTS[name]) and len(shown) >= 2
    for picture in shown:
        assert 5_000 < (ROOT / "docs" / "pictures" / f"{picture}.jpg").stat().st_size < 150_000


def test_cells_are_told_with_three_digits(examples):
    assert [examples.told(cell) for cell in (None, 3, "x", 0.25, -0.1234, 1.5)] == [
        "",
        "3",
        "x",
        ".250",
        "-.123",
        "1.500",
    ]
    assert examples.told("CD|NORM") == "CD\\|NORM"
    assert examples.told([0.25, -0.1, 1.0]) == ".250 [-.100, 1.000]"
    table = {"head": ["a", "b"], "rows": [[1, 0.5]]}
    text = "x\n<!-- table t -->\nold\n<!-- end -->\ny"
    want = "x\n<!-- table t -->\n\n| a | b |\n| --- | --- |\n| 1 | .500 |\n\n<!-- end -->\ny"
    assert examples.filled(text, {"t": table}) == want == examples.filled(want, {"t": table})


def test_single_commands_of_a_page(examples, tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "PAGES", tmp_path)
    (tmp_path / "p.md").write_text(
        '```sh\ntracets a \\\n  --b "c d"\nls\n```\n```python\nx = 1\n```\n```text\ntracets no\n```\n'
    )
    assert list(examples.blocks("p")) == [("sh", "tracets a --b 'c d'"), ("python", "x = 1\n")]


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        ("above_and_rising", [1, 2, 2, 2, 3], [4, 2, 2, 2, 3]),
        ("below", [3, 2.1], [1, 2.3]),
        ("fell", [9, 6, 5, 4, 3, 2, 1], [6, 5, 4, 4, 2, 1]),
        ("rose", [9, 1, 2, 3, 4, 5, 6], [1, 2, 3, 3, 5, 6]),
        ("spiked", [1, 1, 1, 1, 3, 1, 1], [1, 1, 1, 2, 3, 2, 1]),
        ("climbed", [1, 3, 2, 4], [3, 1, 2, 1]),
        ("peaked_late", [5, 1, 1, 6], [5, 1, 1, 4]),
    ],
)
def test_rules_by_hand(figures, rule, right, wrong):
    told = getattr(figures, rule)
    assert told(np.array(right, float)) and not told(np.array(wrong, float))


def test_questions_are_held_against_the_values(figures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "U.S. gasoline price"
    rows = {"down": np.arange(8, 0, -1), "up": np.arange(8), "early": np.arange(8, 0, -1)}
    windows = [
        Sample(key, [row], (name,), split="train" if key == "early" else "test", text=f"about {key}")
        for key, row in rows.items()
    ]
    api.write(Corpus.from_samples(windows), "gasoline.parquet")
    line = "tracets search tuned.index 'The national average retail gasoline price fell.' --plot x"
    found = [
        {"rank": i, "id": key, "score": 0.5, "start": "2020-01-01T", "end": "2020-02-01T", "text": None}
        for i, key in enumerate(("down", "up"), 1)
    ]
    said = {line: {"out": found}}
    want = ["The national average retail gasoline price fell.", "tuned", "1 of 2", 0.5, 0.5, 2]
    assert figures.questions("energy", said)["rows"] == [want]
    first, second = figures.hits("energy", said)["rows"]
    assert first == [1, "down", 0.5, "2020-01-01", "2020-02-01", 8.0, 8.0, 1.0, "yes", ""] and second[-2] == "no"


def test_what_the_gate_says_is_kept(figures):
    line = "tracets forecast base --index x"
    said = {line: {"err": "fitted\nneighbours are left aside: nothing was learnt\n", "out": []}}
    assert figures.gate(said)["rows"] == [["neighbours are left aside: nothing was learnt"]]


def test_a_model_is_ranked_beside_chance_and_baselines(figures):
    pair = {"pair": {"MRR": 0.5, "P@1": 0.25, "P@10": 1.0}}
    ways = {"text_to_series": pair, "series_to_text": pair}
    spread = {way: {"pair": {"MRR": [0.4, 0.6]}} for way in ways}
    one = ways | {
        "n": 4,
        "chance": ways,
        "baselines": {"bm25": ways},
        "intervals": spread | {"baselines": {"bm25": spread}},
    }
    said = {"tracets evaluate retrieval x": {"out": [one]}, "tracets evaluate retrieval x --model m": {"out": [one]}}
    found = figures.retrieval(said)
    assert found["head"][0] == "4 pairs" and [row[0] for row in found["rows"]] == ["chance", "bm25", "base", "m"]
    assert found["rows"][0][1:4] == [0.5, 0.25, 1.0] and found["rows"][3][1:4] == [[0.5, 0.4, 0.6], 0.25, 1.0]
