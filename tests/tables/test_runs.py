"""Runs as JSON lines: kept, found again, and what a kill or a stranger leaves in the file."""

import json

import pytest

from tracets.errors import DataError
from tracets.tables.runs import IDENTITY, Runs

RUN = {name: f"a {name}" for name in IDENTITY} | {"seed": 0}


def test_a_run_is_found_again_by_all_that_names_it(tmp_path):
    runs = Runs(tmp_path / "new" / "t.jsonl")
    assert runs.find(RUN) is None
    runs.add(RUN | {"minutes": 1.5})
    runs.add(RUN | {"minutes": 2.5})
    again = Runs(tmp_path / "new" / "t.jsonl")
    assert again.find(RUN)["minutes"] == 2.5  # the latest
    for name in IDENTITY:
        assert again.find(RUN | {name: "another"}) is None, name


def test_what_a_kill_cut_off_is_removed_and_the_rest_stays(tmp_path):
    path = tmp_path / "t.jsonl"
    Runs(path).add(RUN | {"note": "°C"})
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-5])
    assert len(Runs(path).records) == 1 and path.read_bytes() == whole
    Runs(path).add(RUN)
    assert [json.loads(line)["seed"] for line in path.read_text(encoding="utf-8").splitlines()] == [0, 0]


@pytest.mark.parametrize("line", ["no json", "[1]"])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, line):
    path = tmp_path / "t.jsonl"
    path.write_text(f"{json.dumps(RUN)}\n{line}\n")
    with pytest.raises(DataError, match=r"t\.jsonl, line 2: is no run of this command"):
        Runs(path)
    assert path.read_text().endswith(f"{line}\n")
