"""benchmarks/classification.py: what is compared, on what, and what the table says."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tracets.types import Sample

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        spec = importlib.util.spec_from_file_location("classification", SCRIPTS / "classification.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "classification", module)
        spec.loader.exec_module(module)
        yield module


def record(method, right, *, data="days"):
    share = np.mean([*map(int, right)])
    both = {"accuracy": share, "macro_f1": share / 2}
    return {
        "data": data, "method": method, "seed": 0, "n": len(right), "n_train": 20, "n_classes": 2, "seconds": 3.4,
        "right": right, **both, "log_loss": 0.5, "ece": 0.1, "chance": {**both, "log_loss": 0.69},
        "intervals": {name: [value - 0.1, value + 0.1] for name, value in both.items()},
    }  # fmt: skip


def test_the_table_has_chance_methods_and_paired_differences(bench):
    lines = bench.table([record("all", "1110"), record("minirocket", "1100")]).splitlines()
    assert lines[2] == "| days (20, 4, 2) | commonest class | .750 | .375 | 0.69 | | | |"
    assert lines[3].startswith("| | all | .750 [.650, .850] | .375 [.275, .475] | 0.50 | .100 | +0.250 [+0.000, +0.")
    assert lines[4] == "| | minirocket | .500 [.400, .600] | .250 [.150, .350] |  |  |  | 3 |"


def test_gaps_are_filled_before_a_rocket(bench):
    nan = np.nan
    windows = [Sample("a", np.array([[1, nan, 3]]), ("x",)), Sample("b", np.array([[nan, nan, nan]]), ("x",))]
    np.testing.assert_array_equal(bench.filled(windows), [[[1, 2, 3]], [[0, 0, 0]]])
    assert isinstance(bench.filled([*windows, Sample("c", np.ones((1, 5)), ("x",))]), list)


def test_what_is_not_there_is_left_out(bench):
    assert bench.load("jena", None) is None
    if importlib.util.find_spec("aeon") is None:
        assert bench.load("GunPoint", None) is None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_method_of_ours_is_measured_once(bench, corpus_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "CORPORA", {"days": corpus_file.name})
    monkeypatch.setattr(bench, "ARCHIVE", ())
    out = tmp_path / "rows.jsonl"
    for _ in range(2):
        bench.main(corpus_file.parent, out, only="", methods=",".join(bench.OURS), seed=0, threads=1)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["method"] for row in rows] == list(bench.OURS)
    assert all(row["n"] == 2 and len(row["right"]) == 2 for row in rows)
    assert {row["method"]: set(row["weights"]) for row in rows}["encoder+neighbours"] == {
        "vectors", "whole", "neighbours",
    }  # fmt: skip
    assert len(capsys.readouterr().out.splitlines()) == 2 * (len(rows) + 3)
