"""A tiny checkpoint with random weights; runs where momentfm was installed by hand."""

import json

import numpy as np
import pytest
import torch

from tracets.errors import MissingExtra, ModelError
from tracets.forecast.backbones import load_backbone
from tracets.forecast.backbones.rows import Rows


def test_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "momentfm", None)
    with pytest.raises(MissingExtra, match="'moment' needs the package momentfm.*pip install --no-deps momentfm"):
        load_backbone("moment:folder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    package = pytest.importorskip("momentfm", reason="momentfm is not installed (pip install --no-deps momentfm)")
    encoder = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 4,
               "is_encoder_decoder": False, "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu_new",
               "is_gated_act": True}  # fmt: skip
    config = {"task_name": "reconstruction", "transformer_type": "encoder_only", "d_model": None, "seq_len": 64,
              "patch_len": 8, "patch_stride_len": 8, "transformer_backbone": "google/flan-t5-small",
              "t5_config": encoder, "enable_gradient_checkpointing": False}  # fmt: skip
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("moment")
    package.MOMENTPipeline(config, model_kwargs={}).save_pretrained(path)
    written = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(written | {"enable_gradient_checkpointing": True}))
    return path


@pytest.fixture(scope="module")
def backbone(folder):
    return load_backbone(f"moment:{folder}")


def test_the_contract(backbone, keeps_contract):
    keeps_contract(backbone, horizon=9, shortest=2)


def test_nothing_is_printed(folder, capsys):
    load_backbone(f"moment:{folder}")
    assert capsys.readouterr().out == ""


def test_as_its_own_package_says_a_block_at_a_time(backbone, folder):
    import momentfm

    model = momentfm.MOMENTPipeline.from_pretrained(folder, model_kwargs={}).eval()
    row = np.random.default_rng(0).normal(size=(1, 64)).astype(np.float32)
    found = backbone._point(Rows(row, np.zeros(1, np.int64), (None,)), 20)
    known = torch.ones(1, 64)
    series = torch.tensor(row)[:, None]
    with torch.no_grad():
        first = model.short_forecast(x_enc=series, input_mask=known, forecast_horizon=16).forecast
        second = torch.cat([series, first], 2)[..., -64:]
        second = model.short_forecast(x_enc=second, input_mask=known, forecast_horizon=4).forecast
    assert backbone.block == 16
    assert np.allclose(found, torch.cat([first, second], 2)[:, 0], atol=1e-5)


def test_nothing_in_it_learns(backbone):
    (model,) = backbone.modules()
    assert not any(p.requires_grad for p in model.parameters()) and not model.training


def test_weights_that_are_missing_are_not_made_up(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({n: w for n, w in weights.items() if n != "head.linear.weight"}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ModelError, match="it lacks 1 weights, head.linear.weight among them"):
        load_backbone(f"moment:{tmp_path}")
