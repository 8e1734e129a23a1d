"""benchmarks/reliability.py in small: kills, a crowd, full disks, read-only folders, flipped bits."""

import importlib
import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")


@pytest.fixture(scope="module")
def reliability():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("reliability")
        for name in ("reliability", "faults"):
            sys.modules.pop(name, None)


def wrong(records):
    return [what for record in records for what in record["wrong"]]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills(reliability, tmp_path):
    records = list(reliability.kills(12, tmp_path, seed=1))
    assert wrong(records) == [] and [r["job"] for r in records[:6]] == list(reliability.JOBS)
    assert sum(r["in_flight"] for r in records) > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_crowd(reliability, tmp_path):
    record = reliability.crowd(4, tmp_path, writers=2, searchers=2)
    assert record["wrong"] == [] and record["searches"] > 0 and record["writes"]["upsert"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_full_disks_and_folders_that_cannot_be_written_to(reliability, tmp_path):
    records = list(reliability.starved(tmp_path))
    assert wrong(records) == [] and {r["part"] for r in records} >= {"full (limit on file size)", "read-only"}
    assert any(r["error"] for r in records)


@pytest.mark.slow
def test_flipped_bits_in_this_process(reliability, tmp_path):
    """A few that cannot end the tests; the benchmark flips one of every byte."""
    faults, pristine, copy = reliability.faults, tmp_path / "pristine", tmp_path / "copy"
    faults.create(pristine, {"a": 1, "b": 2})
    faults.do(pristine, {"kind": "upsert", "rows": {"a": 3}})
    right = faults.answers(pristine)
    flat = max(pristine.glob("vectors-*")).relative_to(pristine)
    expected = {"manifest.json": {"error"}, flat / "state-2.json": {"same"}, flat / "sample.f32": {"noticed", "same"},
                flat / "kind": {"same"}, flat / "text_sizes": {"same"}}  # fmt: skip
    for name, outcomes in expected.items():
        assert faults.flipped(pristine, copy, name, 2, 6, right) in outcomes, name
    for file in [*pristine.glob("rows.lance/_deletions/*"), *pristine.glob("rows.lance/_versions/*6.manifest")]:
        assert faults.flipped(pristine, copy, file.relative_to(pristine), 9, 1, right) in ("error", "same"), file


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_flipped_bits(reliability, tmp_path):
    records = list(reliability.flips(60, tmp_path))
    assert wrong(records) == [] and {r["outcome"] for r in records} <= {"same", "error", "noticed"}


def test_a_checker_that_can_fail(reliability, tmp_path):
    """What the other tests rest on sees a lost row, a doubled one, and one that is not whole."""
    faults = reliability.faults
    held = {"a": 1, "b": 2}
    faults.create(tmp_path / "index", held)
    assert faults.wrong_in(tmp_path / "index", [held]) == ([], held)
    assert "differs in" in faults.wrong_in(tmp_path / "index", [{"a": 1}])[0][0]
    broken = faults.rows_of({"c": 3})
    broken.series.sample[0] = broken.series.sample[0][::-1]
    reliability.IndexFolder.open(tmp_path / "index").add([broken])
    assert faults.wrong_in(tmp_path / "index", [held | {"c": 3}])[0] == ["AssertionError: another vector"]
    assert faults.wrong_in(tmp_path / "nothing", [held])[0][0].startswith("IndexFolderError: there is no index")


def test_the_table_counts_what_went_wrong(reliability):
    kill = {"part": "kill", "job": "watch", "acknowledged": 3, "in_flight": 1, "landed": True}
    flip = {"part": "flip", "kind": "data", "outcome": "same", "wrong": []}
    records = [kill | {"wrong": []}, kill | {"wrong": ["lost"]}, flip, flip | {"outcome": "CRASH", "wrong": ["CRASH"]}]
    table = reliability.table(json.loads(json.dumps(records)))
    assert "| watch | 2 | 6 | 2 | 2 | 1 |" in table and "| data | 2 | 1 | 0 | 0 | 1 |" in table
