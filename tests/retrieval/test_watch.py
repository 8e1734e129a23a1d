"""Files that arrive in a folder: each is indexed once, whatever happens in between."""

import json
import os
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tracets.data import Corpus, write_corpus
from tracets.errors import DataError, IndexFolderError
from tracets.index import IndexFolder
from tracets.index.verify import verify
from tracets.retrieval import watch as watch_module
from tracets.retrieval.ledger import Entry, Ledger
from tracets.retrieval.watch import Watcher
from tracets.types import Sample, SeriesVectors, TextVectors

pytestmark = pytest.mark.slow  # folders are watched over several turns

DIM = 4


@dataclass
class Counting:
    """Draws vectors from what it is given, and counts how much that was."""

    name: str = "counting"
    fingerprint: str = "c"
    dim: int = DIM
    sample_weight: float = 0.5
    windows: int = 0

    def encode_series(self, samples, *, batch_size=64):
        self.windows += len(samples)
        rngs = [np.random.default_rng(abs(int(s.values.sum() * 1000))) for s in samples]
        return SeriesVectors(np.stack([unit(rng)[0] for rng in rngs]), tuple(unit(rng)[None] for rng in rngs))

    def encode_texts(self, texts, *, batch_size=64):
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        sample = np.array([unit(rng)[0] for rng in rngs], np.float32).reshape(-1, DIM)
        return TextVectors(sample, tuple(unit(rng) for rng in rngs), (("",),) * len(texts))


def unit(rng):
    x = rng.normal(size=(1, DIM)).astype(np.float32)
    return x / np.linalg.norm(x)


def put(folder, name, **values):
    """A corpus file with one window for each id."""
    samples = [Sample(i, np.full((1, 3), v), ("load",), text=f"About {v}.") for i, v in values.items()]
    write_corpus(Corpus.from_samples(samples), folder / name)


@pytest.fixture
def drop(tmp_path):
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


@pytest.fixture
def look(drop, tmp_path):
    """A function that looks once: what became of files, by their names."""

    def once(encoder=None, quiet=0.0):
        seen = []
        watcher = Watcher(drop, tmp_path / "index", encoder or Counting(), report=seen.append, quiet=quiet)
        watcher.run(once=True, every=1.0)
        return [(os.path.basename(s.file), s.outcome, s.windows, s.encoded, s.deleted) for s in seen]

    return once


def held(tmp_path):
    index = IndexFolder.open(tmp_path / "index")
    assert verify(index.path)[1] == []
    return {s.id: float(s.values[0, 0]) for s in index.samples(index.ids())}


def test_each_file_is_indexed_once(drop, look, tmp_path):
    put(drop, "a.parquet", a1=1, a2=2)
    (drop / "sub").mkdir()
    put(drop / "sub", "b.parquet", b1=3)
    for name in (".hidden.parquet", "late.parquet.part", "x.parquet~"):
        (drop / name).write_text("not yet")
    assert look() == [("a.parquet", "indexed", 2, 2, 0), ("b.parquet", "indexed", 1, 1, 0)]
    assert held(tmp_path) == {"a1": 1, "a2": 2, "b1": 3}
    version = IndexFolder.open(tmp_path / "index").version
    assert look() == [] and IndexFolder.open(tmp_path / "index").version == version
    os.utime(drop / "a.parquet", (1, 1))  # another time, the same content
    assert look() == [] and IndexFolder.open(tmp_path / "index").version == version


def test_a_changed_file_replaces_its_windows_and_embeds_only_what_changed(drop, look, tmp_path):
    put(drop, "a.parquet", a1=1, a2=2, a3=3)
    put(drop, "b.parquet", b1=9)
    look()
    put(drop, "a.parquet", a2=2, a3=30, a4=4)
    encoder = Counting()
    assert look(encoder) == [("a.parquet", "indexed", 3, 2, 1)] and encoder.windows == 2
    assert held(tmp_path) == {"a2": 2, "a3": 30, "a4": 4, "b1": 9}


def test_the_same_content_under_another_name_is_indexed_once_for_as_long_as_it_stands(drop, look, tmp_path):
    put(drop, "a.parquet", w=1)
    (drop / "b.parquet").write_bytes((drop / "a.parquet").read_bytes())
    assert look() == [("a.parquet", "indexed", 1, 1, 0), ("b.parquet", "same", 0, 0, 0)]
    put(drop, "a.parquet", v=2)
    assert look() == [("a.parquet", "indexed", 1, 1, 1), ("b.parquet", "indexed", 1, 1, 0)]
    assert held(tmp_path) == {"v": 2, "w": 1}


def test_what_cannot_be_read_is_set_aside_until_it_changes(drop, look, tmp_path):
    (drop / "a.parquet").write_text("no parquet")
    (drop / "b.csv").write_bytes(b"\xff\xfe\x00time")
    (drop / "c.png").write_bytes(b"\x89PNG")
    put(drop, "d.parquet", d=4)
    outcomes = look()
    assert [(name, outcome) for name, outcome, *_ in outcomes] == [
        ("a.parquet", "refused"), ("b.csv", "refused"), ("c.png", "refused"), ("d.parquet", "indexed"),
    ]  # fmt: skip
    again = [name for name, outcome, *_ in look()]
    assert set(again) <= {"a.parquet", "b.csv", "c.png"}  # before there was an index, nothing could be noted
    assert look() == []
    put(drop, "a.parquet", a=1)
    assert look() == [("a.parquet", "indexed", 1, 1, 0)] and held(tmp_path) == {"d": 4, "a": 1}
    (drop / "d.parquet").write_text("broken now")
    assert look() == [("d.parquet", "refused", 0, 0, 0)] and held(tmp_path) == {"d": 4, "a": 1}
    put(drop, "d.parquet", e=5)
    assert look() == [("d.parquet", "indexed", 1, 1, 1)] and held(tmp_path) == {"a": 1, "e": 5}


def test_an_id_of_another_file_is_refused_with_both_names(drop, tmp_path):
    put(drop, "a.parquet", w=1)
    put(drop, "b.parquet", w=2, x=3)
    seen = []
    Watcher(drop, tmp_path / "index", Counting(), report=seen.append, quiet=0.0).run(once=True, every=1.0)
    assert "b.parquet: window 'w' came with" in str(seen[1]) and "a.parquet; ids are unique" in str(seen[1])
    assert held(tmp_path) == {"w": 1}


def test_a_file_that_is_still_being_written_is_left(drop, look, tmp_path):
    put(drop, "old.parquet", o=1)
    os.utime(drop / "old.parquet", (1, 1))
    put(drop, "a.parquet", a=1)
    os.utime(drop / "a.parquet", (2**32, 2**32))
    assert look(quiet=0.01) == [("old.parquet", "indexed", 1, 1, 0), ("a.parquet", "waiting", 0, 0, 0)]
    os.utime(drop / "a.parquet", (1, 1))
    assert look(quiet=0.01) == [("a.parquet", "indexed", 1, 1, 0)]


@pytest.mark.parametrize("moment", ["before the commit", "after the commit", "after the deletion"])
def test_a_kill_doubles_and_loses_nothing(drop, look, tmp_path, monkeypatch, moment):
    put(drop, "a.parquet", a1=1, a2=2)
    look()
    put(drop, "a.parquet", a2=20, a3=3)

    def kill(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "before the commit":
            patch.setattr(watch_module, "extend_index", kill)
        elif moment == "after the commit":
            patch.setattr(IndexFolder, "delete", kill)
        else:
            append = Ledger.append
            patch.setattr(Ledger, "append", lambda self, e: append(self, e) if e.outcome == "started" else kill())
        with pytest.raises(KeyboardInterrupt):
            look()
    put(drop, "a.parquet", a3=3, a4=4)  # and it changes once more before the next look
    assert look()[0][:3] == ("a.parquet", "indexed", 2) and held(tmp_path) == {"a3": 3, "a4": 4}


def test_a_line_of_the_ledger_that_a_kill_cut_off_costs_that_line(drop, look, tmp_path):
    put(drop, "a.parquet", a=1)
    put(drop, "b.parquet", b=2)
    look()
    file = tmp_path / "index" / "watched.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    put(drop, "c.parquet", c=3)
    assert [name for name, *_ in look()] == ["b.parquet", "c.parquet"]
    assert held(tmp_path) == {"a": 1, "b": 2, "c": 3} and look() == []


def test_an_index_that_is_built_anew_has_seen_no_file(drop, look, tmp_path):
    put(drop, "a.parquet", a=1)
    look()
    from tracets.retrieval.build import build_index

    build_index([Sample("z", np.ones((1, 3)), ("load",))], Counting(), tmp_path / "index", overwrite=True)
    assert look() == [("a.parquet", "indexed", 1, 1, 0)] and held(tmp_path) == {"z": 1, "a": 1}


def test_who_may_watch(drop, look, tmp_path):
    put(drop, "a.parquet", a=1)
    look()
    with pytest.raises(IndexFolderError, match="'counting'.*'other'"):
        look(replace(Counting(), name="other", fingerprint="o"))
    with pytest.raises(DataError, match="no folder '.*nowhere' to watch"):
        Watcher(tmp_path / "nowhere", tmp_path / "index", Counting(), report=print)
    first = Watcher(drop, tmp_path / "index", Counting(), report=print, quiet=0.0)
    first.look()
    with pytest.raises(IndexFolderError, match="another tracets watch fills index"):
        look()
    first._lock.release()


def test_many_small_commits_are_compacted(drop, look, tmp_path, monkeypatch):
    monkeypatch.setattr(watch_module, "MOST_FRAGMENTS", 3)
    for i in range(6):
        put(drop, f"{i}.parquet", **{f"w{i}": i + 1})
    look()
    about = IndexFolder.open(tmp_path / "index").about()
    assert about["windows"] == 6 and about["version"] > 6 and held(tmp_path)["w5"] == 6


def test_the_ledger_is_plain_lines(tmp_path):
    ledger = Ledger(tmp_path, "rows")
    entry = Entry("a.csv", 3, 4, "ff", "indexed", ("w", "é"))
    ledger.append(replace(entry, outcome="started", ids=("w", "x")))
    assert ledger.brought("a.csv") == {"w", "x"}
    ledger.append(entry)
    assert ledger.brought("a.csv") == {"w", "é"}
    lines = [json.loads(line) for line in (tmp_path / "watched.jsonl").read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["started", "indexed"] and lines[1]["table"] == "rows"
    assert Ledger(tmp_path, "rows").last == {"a.csv": entry} and Ledger(tmp_path, "other").last == {}
