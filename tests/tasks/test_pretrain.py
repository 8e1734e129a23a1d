"""Stage 1: which patches are hidden, what the score means, and that a small tower learns."""

import numpy as np
import pytest
import torch

from tracets.errors import ConfigError
from tracets.tasks.pretrain import PretrainConfig, PretrainTask, kind_of
from tracets.training.loop import fit
from tracets.training.settings import OptimConfig
from tracets.types import Sample


def sines(n, *, t=48, seed=0):
    """Two channels of one sine each, of period 12, with random phase, level and size."""
    rng = np.random.default_rng(seed)
    phase, level, size = rng.uniform(0, 7, (n, 2, 1)), rng.normal(0, 20, (n, 2, 1)), rng.uniform(1, 9, (n, 2, 1))
    values = level + size * np.sin(2 * np.pi * np.arange(t) / 12 + phase)
    return [Sample(f"s{i}", v.astype(np.float32), ("a", "b")) for i, v in enumerate(values)]


def task(model, train, validation=None, *, batch_size=8, seed=0, **config):
    validation = train if validation is None else validation
    return PretrainTask(model, train, validation, PretrainConfig(**config), batch_size=batch_size, seed=seed)


def test_a_step_is_a_function_of_seed_and_step(tiny_model):
    train = sines(20)
    first, again, other = (task(tiny_model(), train, seed=s).batch(4) for s in (0, 0, 1))
    assert torch.equal(first[0].values, again[0].values) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1]) and not torch.equal(first[1], task(tiny_model(), train).batch(5)[1])


@pytest.mark.parametrize(("share", "expected"), [(0.3, 4), (0.5, 6)])
def test_the_share_of_hidden_patches_in_every_channel(tiny_model, share, expected):
    _, hidden = task(tiny_model(), sines(20), hidden=share).batch(0)
    assert hidden.shape == (8, 2, 12) and (hidden.sum(-1) == expected).all()


def test_over_the_steps_every_patch_is_hidden_as_often(tiny_model):
    """The released mask never hides the first patch and hides the last in 77 % of the cases."""
    made = task(tiny_model(), sines(8))
    often = torch.stack([made.batch(step)[1] for step in range(60)]).float().mean((0, 1, 2))
    # 960 draws of 4 in 12: a standard deviation of .0152
    assert often.tolist() == pytest.approx([1 / 3] * 12, abs=4 * 0.0152)


def test_texts_are_not_read(tiny_model):
    train = sines(8)
    told = [Sample(s.id, s.values, s.channel_names, text=f"text {s.id}") for s in train]
    plain, with_text = task(tiny_model(), train).batch(0), task(tiny_model(), told).batch(0)
    assert torch.equal(plain[0].values, with_text[0].values) and torch.equal(plain[0].names, with_text[0].names)


def test_padding_is_not_hidden_and_adds_nothing(tiny_model):
    """A short series in a batch of long ones is predicted as it is alone."""
    model = tiny_model().eval()
    short, long = sines(1, t=20)[0], sines(1, t=48, seed=1)[0]
    made = task(model, [short, long])
    batch, hidden = made._hide([short, long], seed=3)
    alone, _ = made._hide([short], seed=3)
    hidden[0, :, 1], hidden[0, :, 7:] = True, True
    with torch.no_grad():
        together = model.series.reconstruct_hidden(batch, hidden)
        by_itself = model.series.reconstruct_hidden(alone, hidden[:1, :, :5])
    for a, b in zip(together, by_itself, strict=True):
        torch.testing.assert_close(a[:1, :, :5].float(), b.float(), atol=1e-5, rtol=1e-5)
    assert not together[2][0, :, 5:].any()


@pytest.mark.slow
def test_score_of_predicting_the_visible_mean_is_zero(tiny_model):
    made = task(tiny_model().eval(), sines(12), batch_size=5)
    tower = made.model.series
    with torch.no_grad():
        tower.reconstruct.weight.zero_()
        tower.reconstruct.bias.zero_()
        assert made.validate()["explained"] == pytest.approx(0, abs=1e-6)
        tower.reconstruct.bias.fill_(3.0)
        assert made.validate()["explained"] < -1
        assert made.validate() == made.validate()


def test_loss_is_the_mean_square_over_hidden_observed_steps(tiny_model):
    made = task(tiny_model().eval(), sines(8))
    batch = made.batch(0)
    with torch.no_grad():
        prediction, target, counted = made.model.series.reconstruct_hidden(*batch)
        loss = made.loss(batch, progress=0.0)["loss"].item()
    error = [
        float(p - t) ** 2
        for p, t, c in zip(prediction.flatten(), target.flatten(), counted.flatten(), strict=True)
        if c
    ]
    assert len(error) == 8 * 2 * 4 * 4
    assert loss == pytest.approx(sum(error) / len(error), rel=1e-5)


def test_nothing_to_hide_is_no_error(tiny_model):
    made = task(tiny_model(), sines(4, t=3))
    loss = made.loss(made.batch(0), progress=0.0)["loss"]
    loss.backward()
    with torch.no_grad():
        assert loss.item() == 0 and made.validate() == {"explained": 0.0}


@pytest.mark.slow
def test_a_step_runs_where_the_tower_is(tiny_model):
    """Training moves the tower alone to an accelerator; the meta device stands for one."""
    made = task(tiny_model(), sines(8))
    batch = made.batch(0)
    made.module.to("meta")
    assert made.loss(batch, progress=0.0)["loss"].device.type == "meta"


@pytest.mark.slow
def test_a_few_dozen_steps_beat_the_visible_mean(tiny_model, tmp_path):
    """The released loss also counts what is visible: it learns to copy, 1.034 against 1.035 for the mean."""
    made = task(tiny_model(dim=32, features="none"), sines(96), sines(32, seed=1), batch_size=32, hidden=0.3)
    optim = OptimConfig(
        batch_size=32, learning_rate=5e-3, warmup_steps=5, max_steps=80, max_minutes=None, validate_every=80
    )
    found = fit(made, optim, folder=tmp_path, monitor="explained", seed=0, resume=False, progress_bar=False)
    assert found["explained"] > 0.3


def test_windows_of_one_kind_share_names_and_length():
    a, b = sines(2)
    assert kind_of(a) == kind_of(b) == (("a", "b"), 48)
    assert kind_of(Sample("x", a.values, ("a", "c"))) != kind_of(a) != kind_of(sines(1, t=47)[0])


@pytest.mark.parametrize("config", [{"share": 1.0}, {"share": -0.1}, {"hidden": 0.0}, {"hidden": 1.0}])
def test_settings_out_of_range(config):
    with pytest.raises(ConfigError, match="pretrain.share must be in"):
        PretrainConfig(**config)
