"""A fitted forecaster that is written and read forecasts as before; what is damaged or does not fit is refused."""

import json

import numpy as np
import pytest

from tracets.errors import ModelError, NotFound
from tracets.tasks.forecaster import TraceForecaster
from tracets.tasks.forecaster_folder import is_forecaster, load_forecaster, save_forecaster

pytestmark = pytest.mark.slow

T, H = 24, 4


@pytest.fixture(scope="module")
def arrays():
    waves = np.sin(np.arange(60 * 2).reshape(60, 2, 1) / 5 + np.arange(T + H) / 3)
    noise = 0.1 * np.random.default_rng(0).normal(size=(60, 2, T + H))
    return (waves + noise)[:, :, :T], (waves + noise)[:, :, T:]


@pytest.fixture(scope="module")
def fitted(arrays, model_folder):
    return TraceForecaster(model=str(model_folder), channel_names=["a", "b"]).fit(*arrays)


@pytest.fixture
def folder(fitted, tmp_path):
    return save_forecaster(fitted, tmp_path / "forecaster")


def test_what_is_read_forecasts_as_what_was_written(fitted, folder, arrays):
    read = load_forecaster(folder)
    np.testing.assert_array_equal(read.predict_quantiles(arrays[0]), fitted.predict_quantiles(arrays[0]))
    np.testing.assert_array_equal(read.predict(arrays[0]), fitted.predict(arrays[0]))
    assert read.summary == fitted.summary and read.n_fitted_ == fitted.n_fitted_
    told = read.get_params()
    assert {name: told[name] for name in ("channel_names", "reads", "tuning")} == {
        "channel_names": ["a", "b"], "reads": fitted.reads, "tuning": "linear",
    }  # fmt: skip


def test_there_is_no_pickle_and_no_copy_of_a_frozen_encoder(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "head.safetensors"]
    assert folder.stat().st_size < 2e5


def test_a_head_without_vectors_needs_no_encoder(arrays, tmp_path):
    made = TraceForecaster(model="not there", reads=("recent", "level")).fit(*arrays)
    read = load_forecaster(save_forecaster(made, tmp_path / "plain"))
    np.testing.assert_array_equal(read.predict(arrays[0]), made.predict(arrays[0]))


@pytest.mark.parametrize("tuning", ["adapter", "full"])
def test_a_tuned_encoder_goes_along(arrays, model_folder, tmp_path, tuning):
    made = TraceForecaster(model=str(model_folder), tuning=tuning, max_steps=20, learning_rate=0.01).fit(*arrays)
    read = load_forecaster(save_forecaster(made, tmp_path / "tuned"))
    np.testing.assert_allclose(read.predict(arrays[0]), made.predict(arrays[0]), rtol=1e-3, atol=1e-3)
    assert (tmp_path / "tuned/encoder/model.safetensors").is_file() and read.n_tuned_ == made.n_tuned_ > 0


def test_folders_are_told_apart(folder, model_folder, tmp_path):
    assert is_forecaster(folder) and not is_forecaster(model_folder) and not is_forecaster(tmp_path / "nothing")
    with pytest.raises(NotFound, match=r"holds no fitted forecaster. Make one with: tracets forecast base"):
        load_forecaster(model_folder)


def test_another_format_and_damage_are_said(folder, change_settings):
    weights = (folder / "head.safetensors").read_bytes()
    (folder / "head.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match="its head is not the one it was saved with"):
        load_forecaster(folder)
    (folder / "head.safetensors").write_bytes(weights)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"mean": "channels"}))
    with pytest.raises(ModelError, match="its settings are not those it was saved with"):
        load_forecaster(folder)
    for maps in (10**9, 1000):
        (folder / "config.json").write_text(json.dumps(config))
        change_settings(folder, sizes=config["sizes"] | {"maps": maps})
        with pytest.raises(ModelError, match="is more than any model has|its settings declare weights"):
            load_forecaster(folder)
    change_settings(folder, sizes={"features": 3})
    with pytest.raises(ModelError, match="is damaged"):
        load_forecaster(folder)
    change_settings(folder, format="forecaster-0")
    with pytest.raises(ModelError, match="has format forecaster-0; this version of tracets reads forecaster-1"):
        load_forecaster(folder)


def test_another_encoder_is_refused(folder, change_settings, model_folder, other_model):
    config = json.loads((folder / "config.json").read_text())
    change_settings(folder, encoder=config["encoder"] | {"name": str(other_model)})
    with pytest.raises(ModelError, match="was fitted on encoder .* with fingerprint .*; the one found has"):
        load_forecaster(folder)
