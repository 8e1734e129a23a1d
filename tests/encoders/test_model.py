"""The pair of towers as retrieval sees it: protocol, temperature, fingerprint."""

import math

import numpy as np
import pytest
import torch

from tracets.encoders.model import INITIAL_SCALE, LARGEST_SCALE, TraceModel
from tracets.encoders.protocol import PairEncoder
from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig, told_apart
from tracets.errors import ConfigError


def test_is_a_pair_encoder_with_the_settings_of_its_config(tiny_model):
    model = tiny_model()
    assert isinstance(model, PairEncoder)
    assert (model.name, model.dim, model.sample_weight) == ("tiny", 16, model.config.sample_weight)


def test_towers_meet_in_one_space_whatever_their_widths(word_backbone):
    config = ModelConfig(dim=24, series=SeriesConfig(dim=16, heads=2), text=TextConfig(dim=8, heads=2))
    model = TraceModel(config, name="x", backbone=word_backbone)
    assert model.encode_texts(["rain"]).sample.shape == (1, 24) and model.encode_texts(["rain"]).sentences[0].shape == (
        1,
        24,
    )
    assert model.encode_series([]).sample.shape == (0, 24) and model.encode_series([]).channels == ()


def test_scale_is_learned_and_bounded(tiny_model):
    model = tiny_model()
    assert model.scale.item() == pytest.approx(INITIAL_SCALE)
    assert model.log_scale.requires_grad and any(p is model.log_scale for p in model.parameters())
    with torch.no_grad():
        model.log_scale.fill_(math.log(1e6))
    assert model.scale.item() == LARGEST_SCALE


@pytest.mark.slow
def test_fingerprint_changes_with_every_weight_and_setting(tiny_model, word_backbone):
    model = tiny_model()
    prints = {model.fingerprint}
    assert tiny_model().fingerprint in prints and len(model.fingerprint) == 16
    for _, weight in model.named_parameters():
        with torch.no_grad():
            weight.view(-1)[-1] += 1e-3
        prints.add(model.fingerprint)
    assert len(prints) == 1 + len(list(model.parameters()))
    assert tiny_model(attention="full").fingerprint != tiny_model().fingerprint, "the same weights, other vectors"


def test_later_settings_are_hashed_only_where_they_do_something(tiny_model):
    """Or every model that was saved before them would be refused."""
    known = told_apart(tiny_model().config)
    assert not {"summary", "positions"} & set(known["series"]) and "reader" not in known["text"]
    assert {"dim", "attention", "max_channels"} <= set(known["series"]) and known["sample_weight"] == 0.3
    assert told_apart(SeriesConfig(summary="patches"))["summary"] == "patches"
    assert tiny_model(positions="none").fingerprint != tiny_model().fingerprint, "the same weights, other vectors"


def test_fingerprint_is_of_the_values_not_of_the_mode(tiny_model):
    model = tiny_model()
    before = model.fingerprint
    model.train().requires_grad_(False).eval()
    assert model.fingerprint == before


@pytest.mark.slow
def test_backbone_is_frozen_and_not_saved(minilm):
    model = TraceModel(ModelConfig(dim=16), name="x", backbone=minilm)
    minilm.states([])
    owned = {id(p) for p in model.parameters()}
    assert not any(p.requires_grad or id(p) in owned for p in minilm._load().parameters())
    assert not any("backbone" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SeriesConfig(patch=0), "series.patch must be at least 1, got 0"),
        (lambda: SeriesConfig(dim=30, heads=4), "series.dim must be a multiple of 2 * heads (8), got 30"),
        (lambda: TextConfig(context_layers=-1), "text.context_layers must be at least 0, got -1"),
        (lambda: TextConfig(dim=12, heads=4), "text.dim must be a multiple of 2 * heads (8), got 12"),
        (lambda: ModelConfig(sample_weight=1.5), "model.sample_weight must be in [0, 1], got 1.5"),
        (lambda: ModelConfig(dim=4), "model.dim must be at least 8, got 4"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ConfigError) as error:
        make()
    assert message in str(error.value)


def test_weights_depend_on_the_seed(tiny_model):
    assert np.abs(tiny_model().encode_texts(["a"]).sample - tiny_model(seed=1).encode_texts(["a"]).sample).max() > 1e-3
