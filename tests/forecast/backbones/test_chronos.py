"""Tiny checkpoints with random weights, read through the path of a user's folder, against the package itself."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from tracets.errors import ModelError
from tracets.forecast.backbones import load_backbone
from tracets.forecast.backbones.rows import at_levels
from tracets.types import LEVELS, Sample

# imported where it is used: it takes seconds, and every worker collects this file
pytestmark = pytest.mark.skipif(find_spec("chronos") is None, reason="the extra `chronos` is not installed")
WIDE = [0.01, 0.05, *LEVELS, 0.95, 0.99]


@pytest.fixture(scope="module")
def bolt_folder(tmp_path_factory):
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    sizes = {"context_length": 64, "prediction_length": 8, "input_patch_size": 4, "input_patch_stride": 4}
    config = T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_decoder_layers=1, num_heads=2, vocab_size=2,
        feed_forward_proj="relu", pad_token_id=0, decoder_start_token_id=0, initializer_factor=0.5,
        architectures=["ChronosBoltModelForForecasting"], chronos_pipeline_class="ChronosBoltPipeline",
        chronos_config=sizes | {"quantiles": list(LEVELS), "use_reg_token": True},
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bolt")
    ChronosBoltModelForForecasting(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def two_folder(tmp_path_factory):
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    sizes = {"context_length": 64, "output_patch_size": 4, "input_patch_size": 4, "input_patch_stride": 4}
    config = Chronos2CoreConfig(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, initializer_factor=0.5,
        architectures=["Chronos2Model"], chronos_pipeline_class="Chronos2Pipeline",
        chronos_config=sizes | {"quantiles": WIDE, "use_reg_token": True, "use_arcsinh": True, "max_output_patches": 4,
                                "time_encoding_scale": 64},
    )  # fmt: skip
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("two")
    Chronos2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bolt(bolt_folder):
    return load_backbone(f"chronos-bolt:{bolt_folder}")


@pytest.fixture(scope="module")
def two(two_folder):
    return load_backbone("chronos-2", checkpoint=two_folder)


def test_the_contract_of_bolt(bolt, bolt_folder, keeps_contract):
    assert bolt.name == f"chronos-bolt:{bolt_folder}"
    keeps_contract(bolt, horizon=11, shortest=2)


def test_the_contract_of_two(two, two_folder, keeps_contract):
    assert two.name == f"chronos-2:{two_folder}"
    keeps_contract(two, horizon=19, shortest=2)


def series():
    values = 50 + np.random.default_rng(0).normal(size=(3, 40)).cumsum(1).astype(np.float32)
    values[0, [0, 9, 39]] = np.nan
    return values


@pytest.mark.filterwarnings("ignore:We recommend")
def test_as_their_own_package_says(bolt, bolt_folder, two, two_folder):
    import chronos

    values = series()
    sample = Sample("w", values, ("a", "b", "c"))
    pipeline = chronos.BaseChronosPipeline.from_pretrained(bolt_folder)
    expected = np.sort(pipeline.predict(torch.tensor(values), prediction_length=20).numpy(), 1)  # (3, 9, 20)
    assert np.allclose(bolt.forecast([sample], 20)[0].quantiles, expected.transpose(1, 0, 2), atol=1e-2)

    pipeline = chronos.BaseChronosPipeline.from_pretrained(two_folder)
    (together,) = pipeline.predict([values], prediction_length=20)  # (3, 13, 20)
    expected = np.sort(at_levels(together.numpy(), WIDE), 1)
    assert np.allclose(two.forecast([sample], 20)[0].quantiles, expected.transpose(1, 0, 2), atol=1e-2)


def test_chronos_two_reads_the_channels_of_a_window_together(two):
    values = series()
    (together,) = two.forecast([Sample("w", values, ("a", "b", "c"))], 4)
    (apart,) = two.forecast([Sample("w", values[:1], ("a",))], 4)
    assert np.abs(together.quantiles[:, 0] - apart.quantiles[:, 0]).max() > 1e-3


def test_nothing_in_them_learns(bolt, two):
    for model in (*bolt.modules(), *two.modules()):
        parameters = list(model.parameters())
        assert parameters and not any(p.requires_grad for p in parameters) and not model.training


def test_run_is_forecast_without_a_prompt(bolt):
    values = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    known = torch.rand(2, 50, generator=torch.Generator().manual_seed(1)) > 0.2
    expected = bolt.pipeline.predict(torch.where(known, values, torch.nan), prediction_length=8)
    assert torch.allclose(bolt.run(values, known, 8), expected, atol=1e-5)


def test_a_prompt_is_read_and_takes_a_gradient(bolt):
    values = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    known = torch.ones_like(values, dtype=torch.bool)
    prompt = torch.randn(2, 3, bolt.prompt_dim, generator=torch.Generator().manual_seed(2)).requires_grad_()
    prompted = bolt.run(values, known, 12, prompt)
    assert prompted.shape == (2, 9, 12) and (prompted - bolt.run(values, known, 12)).abs().mean() > 1e-3
    (gradient,) = torch.autograd.grad(prompted.square().sum(), prompt)
    assert (gradient.abs().sum(2) > 0).all()


def test_checkpoints_that_are_none(bolt_folder, two_folder, tmp_path):
    with pytest.raises(ModelError, match="it holds a ChronosBoltModelForForecasting, not a Chronos2Model"):
        load_backbone(f"chronos-2:{bolt_folder}")
    with pytest.raises(ModelError, match="it holds a Chronos2Model, not a ChronosBoltModelForForecasting"):
        load_backbone(f"chronos-bolt:{two_folder}")
    with pytest.raises(ModelError, match="'chronos-bolt': checkpoint 'amazon/chronos-bolt-small' cannot be read"):
        load_backbone("chronos-bolt:amazon/chronos-bolt-small")
    config = (two_folder / "config.json").read_text()
    (tmp_path / "config.json").write_text(config)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"'chronos-2': checkpoint .* \(OSError: .*safetensors"):
        load_backbone(f"chronos-2:{tmp_path}")


def test_weights_that_are_missing_are_not_made_up(two_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(two_folder / "model.safetensors")
    gone = next(name for name in weights if "output_patch_embedding" in name)
    save_file(
        {name: w for name, w in weights.items() if name != gone}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    (tmp_path / "config.json").write_text((two_folder / "config.json").read_text())
    with pytest.raises(ModelError, match=f"it lacks 1 weights, {gone} among them"):
        load_backbone(f"chronos-2:{tmp_path}")
