"""Adding, replacing and deleting rows while others read: one commit each, none half, nobody in the way of another."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracets.errors import DataError, IndexFolderError, NotFound, QueryError
from tracets.index import IndexFolder, Manifest
from tracets.index import derive as derive_module
from tracets.index.lock import writing
from tracets.index.opening import open_table
from tracets.index.verify import verify

OLD = Path(__file__).parent / "data" / "format-1.tar.gz"
CAREFULLY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # there from Python 3.11.4 on


def vector_of(index, name):
    return index.mapped.sample.exact[index.row(name)]


def test_upsert_replaces_by_id_and_adds_the_rest_in_one_commit(index, rows):
    new = rows("c", "x", "a", seed=7, texts={"x": "New."})
    written = index.upsert([new])
    found = written.folder
    assert (written.added, written.replaced, written.deleted) == (1, 2, 0)
    assert found.version == index.version + 1
    assert found.ids()[:2] == ["b", "d"] and sorted(found.ids()) == ["a", "b", "c", "d", "x"]
    for i, name in enumerate(("c", "x", "a")):
        np.testing.assert_array_equal(vector_of(found, name), new.series.sample[i])
    assert found.n_texts == 1 and found.rows(["c"], ["text"])[0]["text"] is None
    assert found.live.tolist() == [False, True, False, True, True, True, True]
    assert found.row("c") >= 4 and sorted(found.select("label = 'even'").tolist()) == sorted(
        [found.row("c"), found.row("a")]
    )
    assert verify(index.path)[1] == []


@pytest.mark.slow
def test_delete_takes_ids_or_a_filter(index):
    written = index.delete(["d", "a", "d"])
    assert written.deleted == 2 and written.folder.ids() == ["b", "c"]
    with pytest.raises(NotFound, match="no window with id 'a'"):
        index.delete(["b", "a"])
    assert index.refresh().ids() == ["b", "c"]
    assert index.delete_where("n > 1").folder.ids() == ["b"]
    version = index.refresh().version
    assert index.delete_where("n > 1").deleted == 0 and index.refresh().version == version
    with pytest.raises(QueryError, match="cannot filter"):
        index.delete_where("nothing = 1")
    empty = index.delete(["b"]).folder
    assert len(empty) == 0 and empty.ids() == [] and list(empty.contents()) == []
    assert empty.compact().ids() == [] and verify(index.path)[1] == []


@pytest.mark.slow
def test_what_was_open_shows_what_it_showed(index, rows):
    before = index.ids()
    index.upsert([rows("a", "e", seed=3)])
    index.refresh().delete(["b"])
    index.refresh().compact()
    assert index.ids() == before and index.hubness().tolist() == [0.5, 0.25]
    assert [s.id for s in index.samples(before)] == before and index.select("n = 1").tolist() == [1]
    assert sorted(index.refresh().ids()) == ["a", "c", "d", "e"]
    assert index.refresh().hubness() is None


def test_rows_that_do_not_fit_change_nothing(index, rows):
    version = index.version
    with pytest.raises(DataError, match="id 'b' comes twice: the index has it already.*upsert"):
        index.add([rows("new"), rows("b")])
    with pytest.raises(DataError, match="comes twice"):
        index.upsert([rows("new"), rows("new")])
    assert index.refresh().version == version and index.refresh().ids() == ["a", "b", "c", "d"]
    assert index.add([]).folder.version == version
    assert not list(index.path.glob(".spool*"))


def test_a_second_writer_waits_and_says_so(index, rows):
    with writing(index.path), pytest.raises(IndexFolderError, match="being written to by another.*within 0.05 s"):
        index.delete(["a"], patience=0.05)
    assert index.refresh().ids() == ["a", "b", "c", "d"]
    assert index.delete(["a"], patience=0.05).deleted == 1


def test_a_reader_needs_no_lock(index):
    with writing(index.path):
        assert IndexFolder.open(index.path).ids() == ["a", "b", "c", "d"]


def test_while_a_commit_is_being_followed_the_version_before_is_shown(index, monkeypatch):
    """A writer is at work between its commit and its state: a reader sees the old version whole, the next the new."""
    seen, follow = [], derive_module._settled

    def slow(*arguments):
        reader = threading.Thread(target=lambda: seen.append(IndexFolder.open(index.path).ids()))
        reader.start()
        reader.join()
        return follow(*arguments)

    monkeypatch.setattr(derive_module, "_settled", slow)
    assert index.delete(["a"]).folder.ids() == ["b", "c", "d"]
    assert seen == [["a", "b", "c", "d"]]


def test_a_commit_that_a_killed_writer_left_is_finished_by_a_reader(index, rows):
    open_table(index.path, "rows").delete("id = 'a'")  # as a process leaves it that is killed after its commit
    found = IndexFolder.open(index.path)
    assert found.ids() == ["b", "c", "d"] and found.hubness() is None
    assert verify(index.path)[1] == []


def test_a_state_that_is_gone_or_damaged_is_made_from_the_table(index):
    index.delete(["a"])
    (folder,) = index.path.glob("vectors-*")
    (folder / "state-2.json").write_text("{}")
    assert "state-2.json: is damaged" in str(verify(index.path)[1][0])
    assert verify(index.path)[1] == []
    assert IndexFolder.open(index.path).ids() == ["b", "c", "d"]


def test_a_lost_version_is_not_taken_for_the_newest(index):
    index.delete(["a"])
    versions = sorted((index.path / "rows.lance" / "_versions").glob("*.manifest"))
    versions[0].unlink()
    with pytest.raises(IndexFolderError, match="version 2 of its table is gone"):
        IndexFolder.open(index.path)


def test_there_is_an_index_at_every_moment_of_an_overwrite(index, rows, monkeypatch):
    """Seen before every rename of the overwrite, and by whoever had the old one open."""
    seen, rename = [], os.replace

    def watched(source, target):
        seen.append(IndexFolder.open(index.path).ids())
        rename(source, target)

    monkeypatch.setattr(os, "replace", watched)
    new = IndexFolder.create(
        index.path, [rows("z", seed=2)], model="n", fingerprint="g", sample_weight=0.5, overwrite=True
    )
    monkeypatch.undo()
    assert len(seen) > 2 and all(ids == ["a", "b", "c", "d"] for ids in seen)
    assert new.ids() == ["z"] and new.manifest.model == "n" and new.manifest.table != "rows"
    assert index.select("n = 1").tolist() == [1] and index.refresh().ids() == ["z"]
    os.utime(index.path / "manifest.json", (0, 0))
    new.add([rows("y", seed=3)])
    assert [p.name for p in index.path.glob("*.lance")] == [f"{new.manifest.table}.lance"]


@pytest.mark.slow
def test_compact_keeps_what_a_reader_of_the_last_hour_may_read(index, rows):
    index.delete(["a"])
    old = IndexFolder.open(index.path)
    index.upsert([rows("b", seed=4)])
    now = old.refresh().compact()
    assert now.mapped.state.dead == 0 and now.ids() == ["c", "d", "b"]
    assert [s.id for s in old.samples(["b"])] == ["b"] and old.select("n = 1").tolist() == [1]
    bare = now.compact(keep_seconds=0)
    about = bare.about()
    assert (about["versions"], about["readable_versions"], about["dead_rows"]) == (1, 1, 0)
    assert bare.ids() == ["c", "d", "b"] and len(list(bare.path.glob("vectors-*"))) == 1
    with pytest.raises(IndexFolderError, match="damaged"):
        IndexFolder(old.path, old.manifest, old.mapped).samples(["b"])


def test_compact_does_not_copy_damage(index):
    data = next((index.path / "rows.lance" / "data").iterdir())
    content = bytearray(data.read_bytes())
    content[100] ^= 1
    data.write_bytes(content)
    with pytest.raises(IndexFolderError, match="rows.lance/data/.* does not match its checksum"):
        index.compact()


@pytest.mark.slow
def test_an_index_of_format_1_opens_and_is_migrated_by_its_first_change(tmp_path, rows):
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, **CAREFULLY)
    path = tmp_path / "format-1.index"
    old = IndexFolder.open(path)
    assert old.ids() == ["old-0", "old-1", "old-2"] and old.n_texts == 2 and old.manifest.model == "old"
    assert json.loads((path / "manifest.json").read_text())["format"] == 1
    assert old.samples(["old-2"])[0].values.tolist() == [[2, 3, 4], [5, 6, 7]] and verify(path)[1] == []
    new = old.delete(["old-0"]).folder
    assert new.ids() == ["old-1", "old-2"] and new.manifest == replace(old.manifest, format=2)
    assert json.loads((path / "manifest.json").read_text())["format"] == 2 and verify(path)[1] == []
    for folder in (path, *path.glob("*.json")):
        os.utime(folder, (0, 0))
    new.delete(["old-1"])
    assert [p.name for p in path.glob("vectors-*")] == ["vectors-rows.1"]


def test_a_newer_format_is_refused_with_both_numbers(index):
    manifest = json.loads((index.path / "manifest.json").read_text())
    (index.path / "manifest.json").write_text(json.dumps(manifest | {"format": 7}))
    with pytest.raises(IndexFolderError, match="has format 7; tracets .* reads formats 1 to 2"):
        IndexFolder.open(index.path)


def test_an_index_that_was_built_anew_while_rows_were_encoded_refuses_them(index, rows):
    def batches():
        yield rows("new", seed=1)
        IndexFolder.create(
            index.path, [rows("z", seed=2)], model="n", fingerprint="g", sample_weight=0.5, overwrite=True
        )

    with pytest.raises(IndexFolderError, match="built anew with model 'n' meanwhile"):
        index.add(batches())
    assert IndexFolder.open(index.path).ids() == ["z"]


def test_what_a_killed_writer_left_is_removed_by_the_next(index):
    code = "import os, sys; os.kill(os.getpid(), 9)"
    process = subprocess.run([sys.executable, "-c", code])
    assert process.returncode == -signal.SIGKILL
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    for name in (f".spool-{child.pid}-x", f".vectors-rows.building-{child.pid}"):
        (index.path / name).mkdir()
    mine = index.path / f".spool-{os.getpid()}-y"
    mine.mkdir()
    index.delete(["a"])
    assert [p.name for p in index.path.glob(".spool*")] == [mine.name]
    assert not list(index.path.glob(".vectors*"))


def test_a_build_that_was_killed_leaves_nothing_once_another_runs(tmp_path, rows):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    (tmp_path / f".index.building-{child.pid}").mkdir()
    IndexFolder.create(tmp_path / "index", [rows("a")], model="m", fingerprint="f", sample_weight=0.5)
    assert [p.name for p in tmp_path.iterdir()] == ["index"]


def test_the_table_says_what_the_manifest_says(index):
    Manifest.read(index.path)
    manifest = json.loads((index.path / "manifest.json").read_text())
    (index.path / "manifest.json").write_text(json.dumps(manifest | {"fingerprint": "another"}))
    (problem,) = verify(index.path)[1]
    assert str(problem).startswith("manifest.json: differs from what the table says of its model. Restore the index")


def test_a_copy_of_an_index_is_an_index(index, tmp_path):
    shutil.copytree(index.path, tmp_path / "copy")
    copied = IndexFolder.open(tmp_path / "copy")
    assert copied.delete(["a"]).folder.ids() == ["b", "c", "d"] and verify(copied.path)[1] == []
    assert index.refresh() is index


def test_a_version_that_comes_between_two_looks_is_no_damage(index, monkeypatch):
    """The versions are listed, another process commits and publishes, then the states are listed."""
    from tracets.index import opening

    look, waiting = opening.states, [lambda: IndexFolder.open(index.path).delete(["a"])]

    def states(*arguments):
        if waiting:
            waiting.pop()()
        return look(*arguments)

    monkeypatch.setattr(opening, "states", states)
    assert IndexFolder.open(index.path).ids() == ["b", "c", "d"]


def test_a_disk_that_is_full_before_the_commit_is_said_to_be(index, rows, monkeypatch):
    import pyarrow as pa

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa.ipc, "new_file", full)
    with pytest.raises(IndexFolderError, match="No space left on device. Nothing was changed. Free the disk"):
        index.add([rows("new")])
    monkeypatch.undo()
    assert index.refresh().version == index.version and not list(index.path.glob(".spool*"))


def test_a_disk_that_is_full_after_the_commit_shows_the_version_before_until_there_is_room(index, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(derive_module, "write_whole", full)
    with pytest.raises(IndexFolderError, match="The change is in its table, but is not shown yet"):
        index.delete(["a"])
    assert IndexFolder.open(index.path).ids() == ["a", "b", "c", "d"]
    monkeypatch.undo()
    assert IndexFolder.open(index.path).ids() == ["b", "c", "d"] and verify(index.path)[1] == []
