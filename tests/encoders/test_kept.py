"""Kept exports: where they lie, what their names depend on, and which of them are whole."""

import inspect
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import platformdirs
import pytest

from tracets.encoders import kept
from tracets.encoders.kept import exports_folder, find_kept, key_of
from tracets.encoders.onnx_model import EXPORT_FORMAT, SENTENCES, SERIES
from tracets.encoders.series import SeriesTower
from tracets.encoders.settings import ModelConfig, TextConfig
from tracets.encoders.text import TextTower
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


def test_only_a_whole_one_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    folder = tmp_path / "onnx" / "abc"
    folder.mkdir(parents=True)
    assert find_kept("abc") is None
    (folder / SERIES).write_bytes(b"12345")
    config = {"format": EXPORT_FORMAT, "sizes": {SERIES: 5}}
    (folder / "config.json").write_text(json.dumps(config))
    assert find_kept("abc") == folder and find_kept("abd") is None
    (folder / SERIES).write_bytes(b"1234")
    assert find_kept("abc") is None
    (folder / SERIES).unlink()
    assert find_kept("abc") is None
    (folder / SERIES).write_bytes(b"12345")
    for broken in (config | {"format": "onnx-0"}, {"format": EXPORT_FORMAT}, [], None):
        (folder / "config.json").write_text(json.dumps(broken))
        assert find_kept("abc") is None, broken
    (folder / "config.json").write_text(json.dumps(config)[:-5])
    assert find_kept("abc") is None


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
