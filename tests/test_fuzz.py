"""Some hundred cases of benchmarks/fuzz.py and benchmarks/flips.py: what they count, and that they find nothing."""

import importlib
import json
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the benchmarks are not beside the tests")
READERS = (
    "corpus", "trace", "csv-wide", "csv-long", "line-protocol", "csv-gridded", "time-mmd", "time-mmd-facts", "npy",
    "llm-answer", "model-settings", "recipe", "safetensors",
)  # fmt: skip


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield {name: importlib.import_module(name) for name in ("fuzz", "fuzz_cases")}


def test_every_reader_is_fuzzed(scripts):
    from tracets.data.readers import BUILT_IN

    assert tuple(scripts["fuzz"].DOORS) == READERS and {reader.name for reader in BUILT_IN} <= set(READERS)
    assert sum(door.share for door in scripts["fuzz"].DOORS.values()) == 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_few_cases(scripts, name, tmp_path, monkeypatch):
    monkeypatch.setattr(scripts["fuzz"], "SECONDS", 30.0)
    number = 40 if name != "time-mmd" else 12  # of which each is some hundred windows
    found = scripts["fuzz"].fuzz(name, first=0, last=number, seed=11, findings=tmp_path / "findings", folder=tmp_path)
    assert found["finding"] == 0, found
    assert found["read"] + found["refused"] == number
    if name not in ("model-settings", "llm-answer"):  # there are no weights beside the settings, and answers are judged
        assert found["read"] and found["refused"]


def test_a_fault_is_found_and_cut(scripts, tmp_path, monkeypatch):
    """A reader that cannot bear an "x" after a "b"."""
    fuzz = scripts["fuzz"]

    def read(path):
        data = path.read_bytes()
        if b"x" in data.partition(b"b")[2]:
            raise KeyError("x")

    door = fuzz.Door(0, "f", lambda rng: b"a" * 30 + (b"b" + b"c" * 20 + b"x" if rng.random() < 0.5 else b""), read)
    monkeypatch.setitem(fuzz.DOORS, "faulty", door)
    found = fuzz.fuzz("faulty", first=0, last=30, seed=0, findings=tmp_path / "findings", folder=tmp_path)
    assert found["finding"] > 5 and set(found["found"]) == {next(iter(found["found"]))}
    assert {file.read_bytes() for file in (tmp_path / "findings").glob("*[0-9]")} == {b"bx"}
    assert all("KeyError at test_fuzz.py" in file.read_text() for file in (tmp_path / "findings").glob("*.said"))


def test_cases_are_a_function_of_the_seed(scripts):
    fuzz = scripts["fuzz"]
    cases = [fuzz.case("csv-wide", 0, i) for i in range(20)]
    assert cases == [fuzz.case("csv-wide", 0, i) for i in range(20)] and len(set(cases)) == 20
    assert cases != [fuzz.case("csv-wide", 1, i) for i in range(20)]


@pytest.mark.slow
def test_flipped_bytes_of_folders(monkeypatch, tmp_path):
    """The first and last of each file; benchmarks/flips.py takes all of them."""
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    flips = importlib.import_module("flips")
    seen = set()
    for name, (folder, answer) in flips.make_folders(tmp_path).items():
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            size = file.stat().st_size
            for first in (0, max(size - 20, 20)):
                found = flips.flip(file, lambda f=folder, a=answer: a(f), seed=3, first=first, last=first + 20)
                assert found["findings"] == [], (name, file.name)
            seen.add((name, str(file.relative_to(folder))))
    assert len(seen) == 15 and json.dumps(sorted(seen))
