"""Models saved, loaded and mapped in the manner of Hugging Face, without a hub (tests of that: test_hub)."""

import shutil

import numpy as np
import pytest
import torch

import tracets
from tracets import api
from tracets.encoders.onnx_model import OnnxModel
from tracets.encoders.store import load_model
from tracets.errors import ConfigError, DataError, ModelError, NotFound
from tracets.types import Sample

FILES = {"config.json", "model.safetensors", "card.md"}


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_what_is_saved_is_what_was_loaded(model_folder, tmp_path, backend):
    model = api.load(model_folder, backend=backend)
    saved = model.save_pretrained(tmp_path / "saved")
    assert saved == tmp_path / "saved" and files_of(saved) == files_of(model_folder)
    assert load_model(saved).fingerprint == model.fingerprint


@pytest.mark.slow
def test_a_changed_model_is_saved_as_it_is_now_without_the_card_of_another(model_folder, tmp_path):
    model = load_model(model_folder)
    with torch.no_grad():
        model.log_scale.add_(0.5)
    saved = model.save_pretrained(tmp_path / "saved")
    assert set(files_of(saved)) == FILES and load_model(saved).fingerprint == model.fingerprint
    assert model.fingerprint != load_model(model_folder).fingerprint
    assert b"no card of their own" in files_of(saved)["card.md"]
    again = model.save_pretrained(tmp_path / "again")  # from the folder that it was saved to
    assert files_of(again) == files_of(saved)


@pytest.mark.slow
def test_a_folder_that_changed_since_is_not_copied(model_folder, other_model, tmp_path):
    own = shutil.copytree(model_folder, tmp_path / "own")
    model = load_model(own)
    for name, data in files_of(other_model).items():
        (own / name).write_bytes(data)
    assert load_model(model.save_pretrained(tmp_path / "saved")).fingerprint == model.fingerprint
    shutil.rmtree(own)
    assert load_model(model.save_pretrained(tmp_path / "later")).fingerprint == model.fingerprint


def test_a_folder_with_something_in_it_is_left_alone(model_folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        load_model(model_folder).save_pretrained(tmp_path)
    assert files_of(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.slow
def test_an_export_by_itself_has_no_weights_to_save(model_folder, tmp_path):
    api.export(model_folder, tmp_path / "graphs")
    with pytest.raises(ModelError, match="holds no weights to save.*backend='torch'"):
        api.load(tmp_path / "graphs").save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_from_pretrained_gives_the_class_it_is_asked_of(model_folder):
    assert type(tracets.TraceModel.from_pretrained(model_folder)) is tracets.TraceModel
    assert type(OnnxModel.from_pretrained(str(model_folder))) is OnnxModel
    with pytest.raises(ConfigError, match="has no revisions"):
        tracets.TraceModel.from_pretrained(model_folder, revision="main")
    with pytest.raises(NotFound, match="no model 'nothing'"):
        tracets.TraceModel.from_pretrained("nothing")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_map_of_a_corpus_is_that_of_its_index(model_folder, index_folder, corpus_file, backend):
    corpus = api.read(corpus_file)
    figure = api.load(model_folder, backend=backend).map(corpus)
    assert {trace.name for trace in figure.data} == {"fair", "stormy"}
    found = {text.split("<br>")[0]: (x, y) for t in figure.data for text, x, y in zip(t.text, t.x, t.y, strict=True)}
    expected = {point["id"]: (point["x"], point["y"]) for point in api.map_of(api.open_index(index_folder))}
    assert found.keys() == expected.keys()
    for name, place in expected.items():
        np.testing.assert_allclose(found[name], place, atol=2e-4)


def test_a_map_is_bounded_and_refuses_what_it_cannot_show(model_folder, corpus_file, monkeypatch):
    model, corpus = load_model(model_folder), api.read(corpus_file)
    assert sum(len(trace.x) for trace in model.map(list(corpus), most=5, by="entity").data) == 5
    monkeypatch.setattr(model, "encode_series", lambda *a, **k: pytest.fail("encoded before the mistake was told"))
    with pytest.raises(DataError, match="coloured by 'x'"):
        model.map(corpus, by="x")
    with pytest.raises(DataError, match="at least 1"):
        model.map(corpus, most=0)
    with pytest.raises(DataError, match="no windows to draw"):
        model.map([])


def test_a_channel_with_nothing_observed_does_not_move_its_window(model_folder):
    rng = np.random.default_rng(0)
    model, rows = load_model(model_folder), rng.normal(size=(3, 24))
    alive = [Sample(str(i), rows[i : i + 1], ("load",)) for i in range(3)]
    dead = [Sample(str(i), [rows[i], np.full(24, np.nan)], ("load", "sun")) for i in range(3)]
    one, other = (model.map(samples).data[0] for samples in (alive, dead))
    np.testing.assert_allclose([one.x, one.y], [other.x, other.y], atol=1e-4)
