"""Kept exports: where they lie, what their names depend on, and which of them are whole."""

import inspect
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import onnx
import platformdirs
import pytest

from tracets.encoders import checked, kept
from tracets.encoders.kept import exports_folder, find_kept, key_of
from tracets.encoders.onnx_model import EXPORT_FORMAT, FILES, SENTENCES, SERIES
from tracets.encoders.seals import hash_of, sealed
from tracets.encoders.series import SeriesTower
from tracets.encoders.settings import ModelConfig, TextConfig
from tracets.encoders.text import TextTower
from tracets.errors import ModelError
from tracets.nn.attention import Block
from tracets.nn.features import value_features


def write_settings(folder, *, backbone=TextConfig.backbone, fingerprint="0123"):
    config = {"fingerprint": fingerprint, "model": asdict(ModelConfig(text=TextConfig(backbone=str(backbone))))}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """A key reads settings as such and weights as bytes."""
    (tmp_path / "model").mkdir()
    write_settings(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model"


def test_a_copy_has_the_same_key(folder, tmp_path):
    (folder / "card.md").write_text("# not read\n")
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "card.md").unlink()
    assert key_of(copy) == key_of(folder) and len(key_of(folder)) == 24


def test_whatever_the_graphs_depend_on_changes_the_key(folder, tmp_path, monkeypatch):
    keys = [key_of(folder)]
    (folder / "model.safetensors").write_bytes(b"weightz")  # with the fingerprint as it was
    keys.append(key_of(folder))
    write_settings(folder, fingerprint="4567")
    keys.append(key_of(folder))
    version = kept.version
    for package in (*kept.MAKERS, TextConfig.backbone):
        with monkeypatch.context() as patch:
            patch.setattr(kept, "version", lambda name, other=package: version(name) + "+" * (name == other))
            keys.append(key_of(folder))
    with monkeypatch.context() as patch:
        patch.setattr(kept, "EXPORT_FORMAT", "onnx-99")
        keys.append(key_of(folder))
        patch.undo()
        sources = kept._sources()
        patch.setattr(kept, "_sources", lambda: [*sources[:-1], sources[-1] + "#"])
        keys.append(key_of(folder))
    assert len(keys) == len(set(keys)) == 10


def test_a_sentence_encoder_in_a_folder_is_known_by_its_files(folder, tmp_path):
    (tmp_path / "reader").mkdir()
    weights = tmp_path / "reader" / "model.safetensors"
    weights.write_bytes(b"12")
    write_settings(folder, backbone=tmp_path / "reader")
    keys = [key_of(folder), key_of(folder)]
    os.utime(weights, ns=(0, 7))
    keys.append(key_of(folder))
    weights.write_bytes(b"123")
    os.utime(weights, ns=(0, 7))
    keys.append(key_of(folder))
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_no_key_where_it_cannot_be_told(folder, monkeypatch):
    write_settings(folder, backbone="sentence-transformers/some-model")
    assert key_of(folder) is None and find_kept(None) is None
    (folder / "config.json").write_text("{}")
    assert key_of(folder) is None
    write_settings(folder)
    assert key_of(folder) is not None
    (folder / "model.safetensors").unlink()
    assert key_of(folder) is None


def test_all_code_that_is_traced_is_in_the_key():
    code = "".join(kept._sources())
    for traced in (SeriesTower, TextTower, Block, value_features):
        assert inspect.getsource(traced) in code


def test_where_they_lie(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    assert exports_folder() == tmp_path / "onnx"
    monkeypatch.setenv("TRACETS_CACHE", "")
    assert exports_folder() == Path(platformdirs.user_cache_dir("tracets", appauthor=False)) / "onnx"


def write_export(folder, **tensor):
    """What is taken for an export until it is run: graphs of one weight, with the fields of a tensor that are given."""
    folder.mkdir(parents=True, exist_ok=True)
    weight = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
    for name, value in tensor.items():
        setattr(weight, name, value)
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [weight])).SerializeToString()
    for name in FILES:
        (folder / name).write_bytes(graph)
    sizes, hashes = {name: len(graph) for name in FILES}, {name: hash_of(folder / name) for name in FILES}
    write_sealed(folder, {"format": EXPORT_FORMAT, "sizes": sizes, "sha256": hashes})


def write_sealed(folder, config):
    (folder / "config.json").write_text(json.dumps(sealed(config)))


def test_only_a_whole_one_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    folder = tmp_path / "onnx" / "abc"
    assert find_kept("abc") is None
    write_export(folder)
    assert find_kept("abc") == folder and find_kept("abd") is None
    config = json.loads((folder / "config.json").read_text())
    graph = (folder / SERIES).read_bytes()
    for damage in (graph[:-1], graph + b"1", graph[:-1] + b"1", b"", None):
        (folder / SERIES).unlink()
        if damage is not None:
            (folder / SERIES).write_bytes(damage)
        assert find_kept("abc") is None, damage
        (folder / SERIES).write_bytes(graph)
        assert find_kept("abc") == folder
    for broken in (config | {"format": "onnx-0"}, config | {"max_tokens": 1}, {"format": EXPORT_FORMAT}, [], None):
        (folder / "config.json").write_text(json.dumps(broken))
        assert find_kept("abc") is None, broken
    (folder / "config.json").write_text(json.dumps(config)[:-5])
    assert find_kept("abc") is None


def test_a_graph_that_points_to_other_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    write_export(tmp_path, data_location=onnx.TensorProto.EXTERNAL)
    with pytest.raises(ModelError, match="series.onnx' keeps weights in other files"):
        checked.check_files(tmp_path, json.loads((tmp_path / "config.json").read_text()), FILES)


def test_what_was_checked_is_hashed_again_when_it_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    hashed = []
    monkeypatch.setattr(checked, "hash_of", lambda path: hashed.append(path.name) or hash_of(path))
    folder = tmp_path / "export"
    write_export(folder)
    saved = json.loads((folder / "config.json").read_text())
    for _ in range(2):  # files as young as this may change once more within the tick of their clock
        checked.check_files(folder, saved, FILES)
    assert hashed == [*FILES, *FILES]
    monkeypatch.setattr(checked, "SOON", -1.0)
    for _ in range(3):
        checked.check_files(folder, saved, FILES)
    assert hashed == [*FILES] * 3
    graph = bytearray((folder / SERIES).read_bytes())
    graph[-1] ^= 1
    (folder / SERIES).write_bytes(graph)
    os.utime(folder / SERIES, ns=(0, 7))
    with pytest.raises(ModelError, match="series.onnx' is damaged: it is not what was written"):
        checked.check_files(folder, saved, FILES)
    (tmp_path / "cache" / "checked").joinpath(next((tmp_path / "cache" / "checked").iterdir()).name).write_text("[[[")
    with pytest.raises(ModelError, match="is not what was written"):
        checked.check_files(folder, saved, FILES)


def test_exports_of_other_versions_are_pruned(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    root, maker, now = tmp_path / "onnx", "a" * 8, 1e9
    names = {"own": maker + "0" * 16} | {f"other{i}": f"{i}" * 24 for i in range(7)}
    for name in names.values():
        (root / name).mkdir(parents=True)
        os.utime(root / name, (0, 0))
    (root / ".making-x").mkdir()
    (root / ("b" * 24 + ".refused")).write_text("no")
    os.utime(root / ("b" * 24 + ".refused"), (0, 0))
    (root / "notes of somebody").mkdir()
    for i, days in enumerate((1, 2, 3, 4, 6, 8, 9)):  # since they were used
        os.utime(root / names[f"other{i}"], (now - days * kept.A_DAY,) * 2)
    kept.prune(root, maker, now=now)
    left = {path.name for path in root.iterdir()}
    assert left == {"notes of somebody", ".making-x", *(names[n] for n in names if n not in ("other5", "other6"))}
    os.utime(root / ".making-x", (0, 0))
    kept.prune(root, maker, now=now + 30 * kept.A_DAY)
    assert {path.name for path in root.iterdir()} == {
        "notes of somebody", *(names[n] for n in ("own", "other0", "other1", "other2")),
    }  # fmt: skip
    kept.prune(tmp_path / "none", maker, now=now)


def test_an_export_that_is_used_while_it_is_pruned_stays(tmp_path, monkeypatch):
    """The use comes between the look at its age and its deletion."""
    root = tmp_path / "onnx"
    for i in range(4):
        (root / (f"{i}" * 24)).mkdir(parents=True)
        os.utime(root / (f"{i}" * 24), (i, i))
    rename = os.rename

    def used_first(old, new):
        monkeypatch.setattr(os, "rename", rename)
        os.utime(old, (1e9, 1e9))
        rename(old, new)

    monkeypatch.setattr(os, "rename", used_first)
    kept.prune(root, "a" * 8, now=1e9)
    assert sorted(path.name[0] for path in root.iterdir()) == ["0", "1", "2", "3"]


@pytest.fixture
def three(tmp_path):
    """Two exports that are kept, and a new one."""
    for name, graph in (("a", b"other"), ("b", b"graph"), ("new", b"graph")):
        (tmp_path / name).mkdir()
        (tmp_path / name / SENTENCES).write_bytes(graph)
    new = (tmp_path / "new").rename(tmp_path / "b" / "new")  # as deep as a folder that is being made
    return tmp_path, new


def test_equal_graphs_of_sentence_encoders_share_their_place(three):
    root, new = three
    kept._share_sentences(new, root)
    assert (new / SENTENCES).samefile(root / "b" / SENTENCES) and [p.name for p in new.iterdir()] == [SENTENCES]
    shutil.rmtree(root / "b", ignore_errors=True)
    assert not (root / "b").exists() and (root / "a" / SENTENCES).read_bytes() == b"other"


def test_without_hard_links_each_keeps_its_own(three, monkeypatch):
    root, new = three

    def refused(*paths):
        raise OSError("no links on this disk")

    monkeypatch.setattr(os, "link", refused)
    kept._share_sentences(new, root)
    assert not (new / SENTENCES).samefile(root / "b" / SENTENCES) and (new / SENTENCES).read_bytes() == b"graph"
