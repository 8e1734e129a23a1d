"""The documented calls of Timer-XL and Time-MoE, kept by a stand-in whose code lies beside its weights.

The published code was never run here: what is tested is how it would be loaded and asked.
"""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tracets.errors import ConfigError, ModelError
from tracets.forecast.backbones import load_backbone
from tracets.types import Sample

CODE = '''
import torch
from transformers import PretrainedConfig, PreTrainedModel


class StandInConfig(PretrainedConfig):
    model_type = "stand_in"


class StandIn(PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.step = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def _init_weights(self, module):
        pass

    def generate(self, inputs, max_new_tokens):
        """Time-MoE gives the past back in front of the forecast, Timer-XL does not."""
        assert inputs.isfinite().all() and inputs.shape[1] % self.config.input_token_len == 0
        ahead = inputs[:, -1:] + self.step * torch.arange(1, max_new_tokens + 1)
        return torch.cat([inputs, ahead], 1) if self.config.gives_past else ahead
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A function that writes a stand-in; its module goes into a cache of this test alone."""
    from transformers import dynamic_module_utils

    cache = tmp_path / "modules"
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(cache))
    monkeypatch.syspath_prepend(str(cache))

    def write(*, gives_past=True, input_token_len=1, name="stand"):
        path = tmp_path / name
        path.mkdir()
        config = {
            "model_type": "stand_in", "architectures": ["StandIn"], "gives_past": gives_past,
            "input_token_len": input_token_len,
            "auto_map": {"AutoConfig": "modeling.StandInConfig", "AutoModelForCausalLM": "modeling.StandIn"},
        }  # fmt: skip
        (path / "config.json").write_text(json.dumps(config))
        (path / "modeling.py").write_text(CODE)
        save_file({"step": torch.tensor([0.5])}, path / "model.safetensors", {"format": "pt"})
        return path

    return write


def test_code_runs_only_where_it_is_asked_for(folder):
    path = folder()
    with pytest.raises(ConfigError, match="'time-moe' is Python code that lies beside its weights"):
        load_backbone(f"time-moe:{path}")


def test_the_contract_of_time_moe(folder, keeps_contract):
    path = folder()
    backbone = load_backbone(f"time-moe:{path}", trust_remote_code=True)
    assert backbone.name == f"time-moe:{path}"
    keeps_contract(backbone, horizon=5, shortest=2)
    (model,) = backbone.modules()
    assert not any(p.requires_grad for p in model.parameters()) and not model.training


def test_the_forecast_of_timer_xl_reads_whole_patches(folder, keeps_contract):
    backbone = load_backbone(
        "timer-xl", checkpoint=folder(gives_past=False, input_token_len=48), trust_remote_code=True
    )
    keeps_contract(backbone, horizon=5, shortest=48)
    values = np.random.default_rng(0).normal(size=(1, 100))
    (forecast,) = backbone.forecast([Sample("w", values, ("x",))], 3)
    expected = values[0, -1] + 0.5 * np.std(values) * np.arange(1, 4)
    assert forecast.mean[0].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_horizons_beyond_its_reach_are_refused(folder):
    backbone = load_backbone(f"time-moe:{folder()}", trust_remote_code=True)
    with pytest.raises(ConfigError, match="reads 4096 steps, 2 of them of the past: a horizon of 4095 is .*4094"):
        backbone.forecast([Sample("w", np.arange(9.0)[None], ("x",))], 4095)


def test_an_answer_of_another_shape(folder):
    backbone = load_backbone(f"time-moe:{folder()}", trust_remote_code=True)
    backbone.model.generate = lambda inputs, max_new_tokens: inputs[:, None]
    with pytest.raises(ModelError, match=r"generated shape \(1, 1, 9\) for 1 rows and a horizon of 2"):
        backbone.forecast([Sample("w", np.arange(9.0)[None], ("x",))], 2)
