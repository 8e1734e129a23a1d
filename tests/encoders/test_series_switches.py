"""The series tower with parts of it switched off, as in the ablations of the paper."""

import numpy as np
import pytest
import torch

import tracets.encoders.series as room
from tracets.data.collate import collate
from tracets.encoders.series import to_series_batch
from tracets.errors import ConfigError, DataError
from tracets.types import Sample

NAMES = ("load", "wind speed", "temperature")


def series(c=3, t=30, *, seed=0, missing=0.0, names=NAMES):
    rng = np.random.default_rng(seed)
    values = 10 * rng.normal(size=(c, 1)) + np.cumsum(rng.normal(size=(c, t)), axis=1)
    values[rng.random((c, t)) < missing] = np.nan
    return Sample(f"s{seed}", values, names[:c])


def changed(sample, values):
    return Sample("other", values, sample.channel_names)


def one(model, sample):
    """The vector of the window and those of its channels."""
    vectors = model.encode_series([sample])
    return vectors.sample[0], vectors.channels[0]


def moved(a, b):
    return float(np.abs(a - b).max())


def empty(sample):
    return changed(sample, np.full_like(sample.values, np.nan))


@pytest.mark.parametrize("features", ["none", "level", "summary"])
def test_a_sample_vector_apart_is_made_by_hand_and_does_not_pull_on_the_channels(tiny_model, features):
    """Identity and features of each living channel, mixed, and their mean, mapped; nothing else of the tower moves."""
    model = tiny_model(features=features).eval()
    mixed = [series(3, missing=0.1), series(1, 20, seed=1), empty(series(2, seed=2))]
    tower, batch = model.series, to_series_batch(collate(mixed), model.backbone)
    sample, _ = tower(batch)
    when = batch.calendar.clone()
    when[:, room.SEASON] = 0
    found = tower.read_features(batch)
    with torch.no_grad():
        for i, alive in enumerate(batch.channel_valid):
            mixed_channels = [torch.zeros(16)]
            for c in alive.nonzero().flatten().tolist():
                said = [] if found is None else [found[0][i, c].flatten(), found[1][i, c]]
                name = tower.identity_apart.weight @ batch.names[i, c] + tower.identity_apart.bias
                mixed_channels.append(tower.apart.channel(torch.cat([name, *said, when[i]])))
            mean = torch.stack(mixed_channels).sum(0) / max(1, len(mixed_channels) - 1)
            expected = torch.nn.functional.normalize(tower.apart.window(mean), dim=0)
            torch.testing.assert_close(sample[i], expected, atol=1e-5, rtol=1e-4)
    sample.square().sum(0)[0].backward()
    moved = {name.partition(".")[0] for name, p in tower.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"apart", "identity_apart"}


def test_causal_attention_sees_what_came_before(tiny_model):
    """A channel's vector knows earlier channels and its own patches, no later channel; [CLS] knows all."""
    model, sample = tiny_model(attention="causal", features="none", sample="cls"), series()
    before = one(model, sample)
    for c in range(3):
        values = sample.values.copy()
        values[c] = values[c][::-1] ** 3
        after = one(model, changed(sample, values))
        gaps = [moved(after[1][k], before[1][k]) for k in range(3)]
        assert all(gap < 1e-6 for gap in gaps[:c]) and all(gap > 1e-4 for gap in gaps[c:])
        assert moved(after[0], before[0]) > 1e-4


def test_in_blocks_channels_meet_in_their_cit(tiny_model):
    """What a channel's patches say reaches another channel's vector from the second layer on, and so [CLS]."""
    sample = series()
    values = sample.values.copy()
    values[1] = values[1][::-1] ** 3
    for layers, still in ((1, True), (2, False)):
        model = tiny_model(attention="block", features="none", sample="cls", layers=layers)
        before, after = one(model, sample), one(model, changed(sample, values))
        others, whole = moved(before[1][[0, 2]], after[1][[0, 2]]), moved(before[0], after[0])
        assert max(others, whole) < 1e-6 if still else min(others, whole) > 1e-4, (layers, others, whole)
        assert moved(before[1][1], after[1][1]) > 1e-3


def test_in_blocks_the_weights_are_those_of_the_other_forms_and_a_cit_is_needed(tiny_model):
    a, b = (tiny_model(attention=form).state_dict() for form in ("biased", "block"))
    assert all(torch.equal(a[name], b[name]) for name in a | b)
    with pytest.raises(ConfigError, match="needs summary = 'cit'"):
        tiny_model(attention="block", summary="patches")


@pytest.mark.parametrize("features", ["none", "summary"])
def test_without_cit_a_channel_is_the_mean_of_its_observed_patches(tiny_model, features):
    model = tiny_model(summary="patches", features=features).eval()
    samples = [series(missing=0.3), series(1, 9, seed=1), series(2, 61, seed=2, missing=0.4)]
    batch = to_series_batch(collate(samples), model.backbone)
    tower, seen = model.series, {}
    tower.norm.register_forward_hook(lambda module, given, out: seen.update(x=out))
    tower.to_channel.register_forward_hook(lambda module, given, out: seen.update(heads=given[0]))
    with torch.no_grad():
        tower(batch)
    n, c = batch.channel_valid.shape
    filled = tower._patches(batch.observed).any(-1)
    assert seen["x"].shape[1] == 1 + c * filled.shape[-1], "no [CIT] among the tokens"
    for i in range(n):
        for k in range(c):
            own = [seen["x"][i, 1 + k * filled.shape[-1] + p] for p in range(filled.shape[-1]) if filled[i, k, p]]
            mean = torch.stack(own).mean(0) if own else torch.zeros(16)
            torch.testing.assert_close(seen["heads"][i, k], mean, atol=1e-5, rtol=1e-5)


def test_without_cit_the_name_of_a_channel_is_not_read(tiny_model):
    model = tiny_model(summary="patches", sample="cls")
    for a, b in zip(one(model, series()), one(model, series(names=("a", "b", "c"))), strict=True):
        assert np.array_equal(a, b)
    assert not any(name.startswith(("series.cit", "series.identity")) for name in model.state_dict())


@pytest.mark.parametrize("summary", ["cit", "patches"])
@pytest.mark.parametrize(("positions", "matters"), [("rotary", True), ("absolute", True), ("none", False)])
def test_the_order_of_patches_matters_by_their_positions_alone(tiny_model, positions, matters, summary):
    model = tiny_model(features="none", positions=positions, summary=summary, sample="cls")
    sample = series(2, 12)
    swapped = changed(sample, sample.values[:, [8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3]])
    a, b = one(model, sample), one(model, swapped)
    assert all((moved(x, y) > 1e-4) == matters for x, y in zip(a, b, strict=True))


def test_learned_positions_end_somewhere(tiny_model, monkeypatch):
    monkeypatch.setattr(room, "MAX_PATCHES", 3)
    model = tiny_model(positions="absolute")
    assert np.isfinite(one(model, series(1, 12))[0]).all()
    with pytest.raises(DataError, match="positions for 3 patches, got 4. Use shorter windows"):
        one(model, series(1, 13))
