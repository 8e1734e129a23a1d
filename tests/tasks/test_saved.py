"""Classifiers as folders: the same answers after loading, no pickle, and damage that is told."""

import json

import numpy as np
import pytest

from tracets.errors import ConfigError, ModelError, NotFound
from tracets.tasks.classifier import TraceClassifier
from tracets.tasks.saved import is_classifier

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(24, 2, 12)) + np.arange(24)[:, None, None] % 2
Y = np.array(["odd" if i % 2 else "even" for i in range(24)])


@pytest.fixture(scope="module")
def saved(model_folder, tmp_path_factory):
    """Fitted on the tiny model's folder, with neighbours, and the folder it is saved to."""
    fitted = TraceClassifier(str(model_folder), neighbours=4, class_weight={"odd": 2.0}).fit(X, Y)
    fitted.weights_["neighbours"] = 0.2  # whatever validation said, they are to be saved
    folder = tmp_path_factory.mktemp("classifiers") / "odd"
    fitted.save(folder)
    return fitted, folder


def test_a_loaded_classifier_gives_the_same_answers(saved):
    fitted, folder = saved
    loaded = TraceClassifier.load(folder)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.predict(X[:2]).tolist() == fitted.predict(X[:2]).tolist()
    assert loaded.weights_ == fitted.weights_ and loaded.strengths_ == fitted.strengths_
    assert loaded.get_params() | {"model": ""} == fitted.get_params() | {"model": ""}
    assert loaded.prior_.tolist() == [0.5, 0.5] and loaded.n_trained_ == fitted.n_trained_


def test_the_folder_holds_its_encoder_and_no_pickle(saved, model_folder):
    _, folder = saved
    assert is_classifier(folder) and not is_classifier(folder / "encoder") and not is_classifier(folder / "none")
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["classifier.safetensors", "config.json", "encoder/card.md", "encoder/config.json",
                     "encoder/model.safetensors"]  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["format"] == "classifier-1" and config["classes"] == ["even", "odd"]
    assert config["channels"] == ["channel 0", "channel 1"] and config["params"]["class_weight"] == [["odd", 2.0]]


def test_a_shipped_encoder_is_named_and_not_copied(model_folder, tmp_path, monkeypatch):
    from tracets.encoders import store

    monkeypatch.setattr(store, "SHIPPED", model_folder.parent)
    fitted = TraceClassifier("tiny", views=("levels",)).fit(X, Y)
    fitted.save(tmp_path / "c")
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == ["classifier.safetensors", "config.json"]
    np.testing.assert_array_equal(TraceClassifier.load(tmp_path / "c").predict_proba(X), fitted.predict_proba(X))


def test_a_tuned_encoder_goes_along(model_folder, tmp_path):
    tuned = TraceClassifier(str(model_folder), tuning="adapter", views=("vectors",), epochs=1, learning_rate=0.01)
    tuned.fit(X, [["a"] if label == "odd" else ["a", "b"] for label in Y])
    tuned.save(tmp_path / "c")
    loaded = TraceClassifier.load(tmp_path / "c")
    np.testing.assert_allclose(loaded.predict_proba(X), tuned.predict_proba(X), rtol=1e-6)
    assert loaded.multilabel_ and loaded.losses_ == tuned.losses_


def test_a_folder_that_is_in_use_stays_as_it_is(saved, tmp_path):
    fitted, folder = saved
    with pytest.raises(ConfigError, match="exists already"):
        fitted.save(folder)


def test_what_is_no_classifier_is_told(model_folder, tmp_path):
    for folder in (tmp_path, model_folder):
        with pytest.raises(NotFound, match="no classifier in .* Train one with: tracets classify"):
            TraceClassifier.load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "classifier-9"}, "has format classifier-9; this version of tracets reads classifier-1"),
        ({"sha256": "0"}, "its arrays are not those"),
        ({"encoder": "0"}, "was fitted on another encoder"),
        ({"weights": None}, "is damaged"),
        ({"params": {}}, "is damaged"),
    ],
)
def test_damage_is_told(saved, tmp_path, change_settings, change, said):
    import shutil

    copy = shutil.copytree(saved[1], tmp_path / "copy")
    change_settings(copy, **change)
    with pytest.raises(ModelError, match=said):
        TraceClassifier.load(copy).predict_proba(X)


def test_settings_that_were_changed_are_told(saved, tmp_path):
    """Each is a number that nothing else would notice."""
    import shutil

    copy = shutil.copytree(saved[1], tmp_path / "copy")
    whole = json.loads((copy / "config.json").read_text())
    changes = ({"prior": [0.9, 0.1]}, {"n_trained": 1}, {"seal": "0" * 64}, {"seel": 1})
    for change in changes:
        (copy / "config.json").write_text(json.dumps(whole | change))
        with pytest.raises(ModelError, match="its settings are not those it was saved with"):
            TraceClassifier.load(copy)
    unsealed = {name: value for name, value in whole.items() if name != "seal"}
    (copy / "config.json").write_text(json.dumps(unsealed | {"seel": whole["seal"]}))
    with pytest.raises(ModelError, match="its settings hold 'seel' and no seal"):
        TraceClassifier.load(copy)


def test_a_folder_from_before_seals_is_read(saved, tmp_path):
    import shutil

    copy = shutil.copytree(saved[1], tmp_path / "copy")
    whole = json.loads((copy / "config.json").read_text())
    del whole["seal"]
    (copy / "config.json").write_text(json.dumps(whole))
    assert TraceClassifier.load(copy).predict_proba(X).tolist() == saved[0].predict_proba(X).tolist()


def test_torn_arrays_are_told(saved, tmp_path):
    import shutil

    copy = shutil.copytree(saved[1], tmp_path / "copy")
    data = (copy / "classifier.safetensors").read_bytes()
    (copy / "classifier.safetensors").write_bytes(data[:-8])
    with pytest.raises(ModelError, match="is damaged"):
        TraceClassifier.load(copy)
    (copy / "classifier.safetensors").unlink()
    with pytest.raises(ModelError, match="is damaged"):
        TraceClassifier.load(copy)


@pytest.mark.timeout(180)
def test_an_export_can_be_the_encoder_of_a_linear_classifier(model_folder, tmp_path):
    pytest.importorskip("onnxruntime")
    from tracets import api

    api.export(model_folder, tmp_path / "export")
    export = str(tmp_path / "export")
    fitted = TraceClassifier(export, views=("vectors",)).fit(X, Y)
    plain = TraceClassifier(str(model_folder), views=("vectors",)).fit(X, Y)
    np.testing.assert_allclose(fitted.predict_proba(X), plain.predict_proba(X), atol=0.02)
    with pytest.raises(ConfigError, match='an ONNX export can be "linear" only'):
        TraceClassifier(export, tuning="adapter").fit(X, Y)
    with pytest.raises(ConfigError, match="is no torch model and cannot be saved"):
        fitted.save(tmp_path / "c")
