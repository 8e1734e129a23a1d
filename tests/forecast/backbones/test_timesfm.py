"""Tiny checkpoints with random weights, read through the path of a user's folder, against transformers itself."""

import numpy as np
import pytest
import torch

from tracets.errors import ModelError
from tracets.forecast.backbones import load_backbone
from tracets.forecast.backbones.timesfm import kind_of
from tracets.types import Sample


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    import transformers as t

    sizes = {
        "patch_length": 4, "context_length": 64, "horizon_length": 8, "num_hidden_layers": 1, "hidden_size": 16,
        "intermediate_size": 16, "head_dim": 8, "num_attention_heads": 2, "initializer_range": 0.2,
    }  # fmt: skip
    models = {
        "2.0": (t.TimesFmModelForPrediction, t.TimesFmConfig(**sizes)),
        "2.5": (
            t.TimesFm2_5ModelForPrediction,
            t.TimesFm2_5Config(**sizes, output_quantile_len=8, num_key_value_heads=2),
        ),
    }
    found = {}
    for name, (kind, config) in models.items():
        torch.manual_seed(0)
        found[name] = tmp_path_factory.mktemp(f"timesfm-{name}")
        kind(config).save_pretrained(found[name])
    return found


@pytest.fixture(scope="module", params=["2.0", "2.5"])
def version(request):
    return request.param


@pytest.fixture(scope="module")
def backbone(folders, version):
    return load_backbone(f"timesfm:{folders[version]}")


def test_the_contract(backbone, keeps_contract):
    keeps_contract(backbone, horizon=11, shortest=2)


def test_as_transformers_says(backbone, folders, version):
    """On a row that is scaled already, whole and as long as the context, so that nothing is left to us."""
    import transformers as t

    kind = {"2.0": t.TimesFmModelForPrediction, "2.5": t.TimesFm2_5ModelForPrediction}[version]
    row = np.random.default_rng(0).normal(size=64).cumsum()
    row = torch.tensor((row - row.mean()) / row.std(), dtype=torch.float32)
    with torch.no_grad():
        options = {"freq": [1]} if version == "2.0" else {}
        answer = kind.from_pretrained(folders[version])(past_values=[row], truncate_negative=False, **options)
    expected = answer.full_predictions[0, :, 1:].sort(1).values.T  # (9, 8)
    (forecast,) = backbone.forecast([Sample("w", row.numpy()[None], ("x",), freq="W-SUN")], 8)
    assert np.allclose(forecast.quantiles[:, 0], expected, atol=1e-4)


def test_nothing_in_it_learns(backbone):
    (model,) = backbone.modules()
    assert not any(p.requires_grad for p in model.parameters()) and not model.training


def test_what_it_is_told_of_the_step():
    assert [kind_of(freq) for freq in (None, "h", "D", "B", "W-SUN", "MS", "QS", "YS")] == [0, 0, 0, 1, 1, 1, 2, 2]


def test_checkpoints_that_are_none(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ModelError, match="its model_type is 't5', not one of timesfm, timesfm2_5"):
        load_backbone(f"timesfm:{tmp_path}")
