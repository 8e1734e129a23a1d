"""Model folders: the same vectors after a round trip, and every damage noticed."""

import json
import resource
import struct
from copy import copy

import numpy as np
import pytest
import torch

import tracets.encoders.model as model_room
from tracets.encoders import store
from tracets.encoders.store import load_model, model_folder, save_model, shipped_models
from tracets.errors import ModelError, NotFound
from tracets.types import Sample

SAMPLE = Sample("s", np.random.default_rng(0).normal(size=(2, 20)).astype(np.float32), ("load", "wind"))


@pytest.fixture(autouse=True)
def no_heavy_backbone(monkeypatch, word_backbone):
    """Loaded models read words with the stand-in."""
    monkeypatch.setattr(model_room, "TextBackbone", lambda name: word_backbone)


@pytest.fixture
def folder(tiny_model, tmp_path):
    return save_model(tiny_model(), tmp_path / "model", card="# card\n")


def test_round_trip_gives_identical_vectors(tiny_model, folder):
    model, loaded = tiny_model(), load_model(folder)
    assert loaded.config == model.config and not loaded.training
    assert loaded.name == str(folder), "a model is called as it was asked for"
    assert loaded.fingerprint == model.fingerprint
    a, b = model.encode_series([SAMPLE]), loaded.encode_series([SAMPLE])
    assert np.array_equal(a.sample, b.sample) and np.array_equal(a.channels[0], b.channels[0])
    a, b = model.encode_texts(["low of 3. dry"]), loaded.encode_texts(["low of 3. dry"])
    assert np.array_equal(a.sample, b.sample) and np.array_equal(a.sentences[0], b.sentences[0])


def test_what_is_in_a_folder(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["card.md", "config.json", "model.safetensors"]
    assert (folder / "card.md").read_text() == "# card\n"
    for path in folder.iterdir():
        assert not path.read_bytes().startswith((b"\x80", b"PK")), f"{path.name} looks like a pickle"
        assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.slow
def test_saving_again_replaces_the_model(tiny_model, folder):
    other = tiny_model(seed=1)
    save_model(other, folder, card="")
    assert load_model(folder).fingerprint == other.fingerprint


def test_a_failed_write_leaves_the_old_model(tiny_model, folder, monkeypatch):
    before = load_model(folder).fingerprint
    monkeypatch.setattr(store.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_model(tiny_model(seed=1), folder, card="")
    assert load_model(folder).fingerprint == before


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x04
    path.write_bytes(bytes(data))


@pytest.mark.slow
def test_a_flipped_byte_of_the_weights_is_noticed(folder):
    path = folder / "model.safetensors"
    size = path.stat().st_size
    header = 8 + struct.unpack("<Q", path.read_bytes()[:8])[0]
    whole = path.read_bytes()
    places = [0, 7, 9, 60, header - 1, header, header + 1, (header + size) // 2, size - 1, *range(100, header, 997)]
    for at in places:
        flip(path, at)
        with pytest.raises(ModelError, match=str(folder)):
            load_model(folder)
        path.write_bytes(whole)
    load_model(folder)


@pytest.mark.slow
def test_a_flipped_byte_of_the_settings_is_noticed(folder):
    """All but the name that it was trained under, which nothing reads."""
    path = folder / "config.json"
    whole = path.read_bytes()
    name = whole.index(b'"name"'), whole.index(b"\n", whole.index(b'"name"')) - 1
    places = [at for at in range(0, len(whole) - 1, 5) if not name[0] <= at < name[1]]
    assert len(places) > 100
    for at in places:
        flip(path, at)
        with pytest.raises(ModelError, match=str(folder)):
            load_model(folder)
        path.write_bytes(whole)
    load_model(folder)


def edit(folder, **changes):
    saved = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(saved | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "has format 99; this version of tracets reads 5"),
        ({"format": None}, "has format None"),
        ({"fingerprint": "0" * 16}, "its weights are not those it was saved with"),
        ({"model": {"series": {"patsch": 3}}}, "did you mean 'model.series.patch'?"),
        ({"model": 3}, "must be a table of settings"),
    ],
)
def test_settings_that_do_not_fit_are_refused(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(ModelError) as error:
        load_model(folder)
    assert message in str(error.value) and str(folder) in str(error.value)


def without_later_settings(folder):
    """The settings of a folder as an earlier version wrote them."""
    model = json.loads((folder / "config.json").read_text())["model"]
    for room, name in (("series", "summary"), ("series", "positions"), ("text", "reader")):
        del model[room][name]
    return model


def test_a_folder_from_before_a_setting_loads_and_is_still_checked(tiny_model, folder):
    old = without_later_settings(folder)
    edit(folder, model=old)
    assert load_model(folder).fingerprint == tiny_model().fingerprint
    for room, name, value in (("series", "positions", "none"), ("series", "attention", "full"), ("text", "dim", 32)):
        edit(folder, model=old | {room: old[room] | {name: value}})
        with pytest.raises(ModelError, match="is damaged"):
            load_model(folder)


@pytest.mark.parametrize(
    ("room", "name", "value"),
    [
        ("series", "layers", 10**9), ("text", "context_layers", 513), ("series", "dim", 2**40),
        ("series", "patch", 2**20), ("series", "vectors", 2**20), ("text", "dim", 2**18),
    ],
)  # fmt: skip
def test_settings_that_declare_a_giant_are_refused_before_it_is_made(folder, monkeypatch, room, name, value):
    """Whatever is made is made of air (the device "meta") until its shapes are those of the file."""
    saved = json.loads((folder / "config.json").read_text())["model"]
    edit(folder, model=saved | {room: saved[room] | {name: value}})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match="is more than any model has|settings declare weights|is damaged"):
        load_model(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tiny_model, tmp_path, bad):
    model = tiny_model()
    with torch.no_grad():
        model.log_scale.fill_(bad)
    folder = save_model(model, tmp_path / "bad", card="")
    with pytest.raises(ModelError, match="its weights 'log_scale' are not all finite"):
        load_model(folder)


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95" + b"x" * 50, b"PK\x03\x04" + b"x" * 50, b"", b"\xff" * 8, b"\x10" + b"\0" * 7]
)
def test_weights_that_are_something_else_are_refused(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


@pytest.mark.parametrize("text", ["[]", "{", "", "3"])
def test_settings_that_are_no_table_are_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=str(folder)):
        load_model(folder)


@pytest.mark.parametrize("keep", [0, 5, 1000])
def test_cut_weights_are_refused(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


def test_weights_of_another_model_are_refused(tiny_model, folder, tmp_path):
    other = save_model(tiny_model(layers=1), tmp_path / "other", card="")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="is damaged"):
        load_model(folder)


def test_an_unknown_name_lists_the_models_that_ship(monkeypatch, tmp_path):
    for name in ("base", "large"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    assert shipped_models() == ["base", "large"] and model_folder("base") == tmp_path / "base"
    with pytest.raises(NotFound, match=r"no model 'bas': .*shipped models \(base, large\)") as error:
        model_folder("bas")
    assert "tracets train CORPUS --out bas" in str(error.value)


def test_a_name_is_no_way_out_of_the_shipped_folder(monkeypatch, folder):
    monkeypatch.setattr(store, "SHIPPED", folder.parent / "models")
    with pytest.raises(NotFound):
        model_folder("../" + folder.name)


def test_a_weight_that_is_a_view_of_larger_memory_is_saved(tiny_model, tmp_path):
    model = tiny_model()
    big = torch.randn(4, *model.series.patch.weight.shape)
    model.series.patch.weight.data = big[2]
    path = save_model(model, tmp_path / "view", card="")
    assert torch.equal(load_model(path).series.patch.weight, big[2])


def test_kinds_of_numbers_that_no_model_has_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(4, dtype=torch.float8_e4m3fn)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="its weights 'a' are not all finite numbers"):
        store.read_weights(tmp_path / "w.safetensors", what="model 'x'")


def test_a_frozen_encoder_is_shared_where_one_is_given(tiny_model, tmp_path, word_backbone):
    folder = save_model(tiny_model(), tmp_path / "model", card="")
    shared = copy(word_backbone)
    assert load_model(folder, backbone=shared).backbone is shared
    assert load_model(folder).backbone is word_backbone
