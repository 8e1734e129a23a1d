"""The processes of a training on one machine map one file of a large corpus."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

from tracets.data import read_corpus
from tracets.data.sharing import shared_by_processes

READ = """
import sys
room = __import__("importlib").import_module("tracets.data.corpus")
room.IN_MEMORY = 1
from tracets.data import read_corpus
corpus = read_corpus(sys.argv[1])
mapped = [line.split() for line in open("/proc/self/maps") if ".arrow" in line]
print(*{(line[4], line[5]) for line in mapped}, len(corpus), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def large(monkeypatch, tmp_path):
    """Every corpus counts as a large one; temporary files go to a folder of their own."""
    monkeypatch.setattr(importlib.import_module("tracets.data.corpus"), "IN_MEMORY", 1)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_process_that_trains_alone_shares_nothing(corpus_file, large):
    with shared_by_processes(corpus_file) as shared:
        assert shared is None
    read_corpus(corpus_file)
    assert list(large.iterdir()) == []


def test_the_second_reader_maps_what_the_first_one_made(corpus_file, large, monkeypatch):
    alone = read_corpus(corpus_file)
    monkeypatch.setenv("LOCAL_RANK", "1")
    first = read_corpus(corpus_file)
    monkeypatch.setattr(importlib.import_module("tracets.data.corpus"), "_kept", lambda *a: pytest.fail("read again"))
    second = read_corpus(corpus_file)
    for found in (first, second):
        assert found.table.drop(["values"]).equals(alone.table.drop(["values"]))
        for a, b in zip(found, alone, strict=True):
            np.testing.assert_array_equal(a.values, b.values)
    assert len(list(large.glob("*/*.arrow"))) == 1


def test_a_file_that_has_changed_is_another_one(corpus_file, large, monkeypatch, tmp_path):
    monkeypatch.setenv("LOCAL_RANK", "0")
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(corpus_file.read_bytes())
    names = []
    for later in (0, 1):
        os.utime(copy, ns=(0, later))
        with shared_by_processes(copy) as shared:
            names.append(shared)
    assert names[0] != names[1] and names[0].parent == names[1].parent


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="reads the maps of a process as Linux shows them")
def test_processes_that_begin_together_map_one_file_which_goes_with_them(corpus_file, tmp_path):
    def start(rank):
        environment = os.environ | {"LOCAL_RANK": str(rank), "TMPDIR": str(tmp_path)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", READ, corpus_file], env=environment, **pipes)

    running = [start(rank) for rank in range(3)]
    said = {process.stdout.readline() for process in running}
    assert len(said) == 1 and said.pop().strip().endswith(" 12")
    for process in running:
        process.communicate("")
    assert not list(tmp_path.glob("*/*.arrow"))
