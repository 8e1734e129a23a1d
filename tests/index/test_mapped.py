"""The memory-mapped vectors: those of the table, never those of another version of it, and whole or not there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tracets.errors import IndexFolderError
from tracets.index import IndexFolder, Rows
from tracets.index import derive as derive_module
from tracets.index.mapped import open_mapped
from tracets.index.opening import open_table
from tracets.index.state import State
from tracets.types import Sample, SeriesVectors, TextVectors

DIM, M = 12, 2


def window(name, **given):
    return Sample(name, np.array([[1, np.nan, 3], [4, 5, 6]], np.float32), ("rain", "wind"), **given)


FULL = window("full", text="Rain falls.", label="storm")
BARE = Sample("bare", np.array([[7.0]], np.float32), ("load",))


def rows_of(*samples, seed=0):
    rng = np.random.default_rng(seed)

    def unit(*shape):
        x = rng.normal(size=(*shape, DIM)).astype(np.float32)
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    n = sum(s.text is not None for s in samples)
    sentences = tuple(unit(1 + i) for i in range(n))
    series = SeriesVectors(unit(len(samples)), tuple(unit(s.n_channels, M) for s in samples))
    return Rows(samples, series, TextVectors(unit(n), sentences, tuple(("x",) * len(s) for s in sentences)))


def create(path, *batches):
    return IndexFolder.create(path, batches, model="m", fingerprint="f", sample_weight=0.5)


def folders(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if "vectors-" in p.name)


def dead(rows):
    """The rows with the first channel of the first sample unobserved, and one vector of another channel zero."""
    channels = [c.copy() for c in rows.series.channels]
    channels[0][0], channels[0][1, 0] = 0, 0
    return type(rows)(rows.samples, SeriesVectors(rows.series.sample, tuple(channels)), rows.texts)


def test_they_hold_what_the_table_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(derive_module, "AT_ONCE", 2)
    first, second = dead(rows_of(FULL, BARE, window("c", text="Dry."))), rows_of(window("d", text="Wet."), seed=1)
    index = create(tmp_path / "index", first, second)
    found, stored, texts = IndexFolder.open(tmp_path / "index").mapped, index.series(), index.texts()
    assert len(found) == 4 and found.facts["id"].to_pylist() == [FULL.id, "bare", "c", "d"]
    np.testing.assert_array_equal(found.sample.exact, stored.sample)
    np.testing.assert_array_equal(found.channels.exact, stored.channels[stored.channels.any(axis=1)])
    assert np.diff(found.offsets).tolist() == [0, M - 1] + [M] * 5
    assert [found.kinds[i] for i in found.kind] == list(stored.names)
    assert found.text_rows.tolist() == texts.rows.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(found.text_sample.exact, texts.sample)
    np.testing.assert_array_equal(found.sentences.exact, texts.sentences)
    assert np.diff(found.text_offsets).tolist() == texts.n_sentences.tolist()
    for vectors in (found.sample, found.channels, found.text_sample, found.sentences):
        wide = vectors.coarse.numbers * vectors.coarse.scales[:, None]
        assert np.linalg.norm(wide - vectors.exact, axis=1).max() <= vectors.coarse.residual + 1e-7
    assert "vector" not in found.facts.column_names and "values" not in found.facts.column_names


@pytest.mark.slow
def test_a_commit_of_another_writer_is_followed(tmp_path):
    path = tmp_path / "index"
    index = create(path, rows_of(FULL, BARE))
    assert index.add([rows_of(window("b"), seed=5)]).folder.ids() == [FULL.id, "bare", "b"]
    assert folders(path) == ["vectors-rows.1"]
    other = open_table(path, "rows")  # a writer that knows nothing of these files
    other.delete("id = 'bare'")
    again = IndexFolder.open(path)
    assert len(again) == 2 and again.ids() == [FULL.id, "b"] and again.select("id = 'b'").tolist() == [2]
    assert again.mapped.live.tolist() == [True, False, True] and folders(path) == ["vectors-rows.1"]
    other.optimize()
    assert IndexFolder.open(path).ids() == [FULL.id, "b"]


@pytest.mark.slow
def test_a_change_appends_to_the_files_and_leaves_what_is_there(tmp_path):
    path = tmp_path / "index"
    create(path, rows_of(FULL, BARE))
    file = path / "vectors-rows.1" / "sample.f32"
    before = file.read_bytes()
    with file.open("ab") as killed:
        killed.write(b"half of a row that a killed writer left")
    index = IndexFolder.open(path)
    assert len(index) == 2
    more = rows_of(window("b"), seed=5)
    assert index.add([more]).folder.mapped.sample.exact.shape == (3, DIM)
    assert file.read_bytes() == before + more.series.sample.tobytes()
    IndexFolder.open(path).upsert([rows_of(FULL, seed=9)])
    IndexFolder.open(path).delete(["b"])
    assert file.read_bytes()[: len(before)] == before and len(file.read_bytes()) == 4 * DIM * 4


@pytest.mark.slow
def test_facts_of_many_changes_become_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tracets.index.flat.MOST_FACTS", 3)
    index = create(tmp_path / "index", rows_of(FULL))
    for i in range(5):
        index = index.add([rows_of(window(f"new-{i}", label=str(i)), seed=i)]).folder
    assert len(index.mapped.state.facts) == 3
    assert [row["label"] for row in index.rows(index.ids(), ["label"])] == ["storm", "0", "1", "2", "3", "4"]


@pytest.mark.slow
def test_a_folder_that_is_open_stays_in_its_state_while_another_writes(tmp_path):
    path = tmp_path / "index"
    create(path, rows_of(FULL, BARE, window("c")))
    early, late = IndexFolder.open(path), IndexFolder.open(path)
    other = IndexFolder.open(path).add([rows_of(window("d"), seed=5)]).folder
    other.delete(["full"]).folder.compact()
    assert late.ids() == ["full", "bare", "c"] and late.select("id IN ('c', 'd')").tolist() == [2]
    np.testing.assert_array_equal(late.vectors([2, 0]).series[0][0], late.mapped.sample.exact[2])
    assert early.select("id = 'bare'").tolist() == [1]
    assert early.refresh().ids() == ["bare", "c", "d"] and early.ids() == ["full", "bare", "c"]
    now = early.refresh()
    assert now.refresh() is now and now.select("id = 'd'").tolist() == [2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["channels.i8", "state-1.json", "facts-0-*", "kind"])
def test_files_that_are_lost_or_cut_off_are_made_again(tmp_path, name):
    path = tmp_path / "index"
    expected = create(path, rows_of(FULL, BARE)).mapped.channels.exact.copy()
    for damage in (lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-3])):
        folder = max(path.glob("vectors-*"), key=lambda folder: folder.name)
        damage(next(folder.glob(name)))
        found = IndexFolder.open(path).mapped
        np.testing.assert_array_equal(found.channels.exact, expected)
        assert found.folder != folder
        assert open_mapped(found.folder, State.read(found.folder / "state-1.json")) is not None


def test_an_index_without_them_gets_them_when_it_is_opened(tmp_path):
    path = tmp_path / "index"
    create(path, rows_of(FULL, BARE))
    shutil.rmtree(next(path.glob("vectors-*")))
    assert IndexFolder.open(path).ids() == [FULL.id, "bare"] and len(folders(path)) == 1


def test_an_index_that_cannot_be_written_is_searched_all_the_same(tmp_path, monkeypatch):
    path = tmp_path / "index"
    create(path, rows_of(FULL, BARE))
    shutil.rmtree(next(path.glob("vectors-*")))
    (path / ".lock").unlink(missing_ok=True)
    if os.geteuid() == 0:  # nothing is read-only to root

        def refused(self):
            raise PermissionError("read-only")

        monkeypatch.setattr("filelock.FileLock._acquire", refused)
    path.chmod(0o555)
    assert IndexFolder.open(path).mapped.sample.exact.shape == (2, DIM)
    assert folders(path) == []


def test_a_failure_midway_leaves_none(tmp_path, monkeypatch):
    path = tmp_path / "index"
    create(path, rows_of(FULL, BARE))
    shutil.rmtree(next(path.glob("vectors-*")))

    def broken(*arguments):
        raise ValueError("broken")

    monkeypatch.setattr("tracets.index.flat.quantise", broken)
    with pytest.raises(IndexFolderError, match="damaged"):
        IndexFolder.open(path).mapped  # noqa: B018
    assert folders(path) == []


@pytest.mark.slow
def test_ids_and_facts_need_no_database(tmp_path):
    create(tmp_path / "index", rows_of(FULL, BARE))
    code = """
import sys
from tracets.index import IndexFolder
index = IndexFolder.open(sys.argv[1])
assert index.ids()[1] == "bare" and index.rows(["bare"], ["start", "label"])[0]["label"] is None
print([name for name in ("lancedb", "pandas", "torch") if name in sys.modules])
"""
    source = str(Path(derive_module.__file__).parents[2])
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "index"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": source},
    )  # fmt: skip
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
