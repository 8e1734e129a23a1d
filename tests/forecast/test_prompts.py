"""Soft prompts before frozen backbones: a plain one whose answers are known, and the real one."""

from datetime import datetime

import numpy as np
import pytest
import torch

from tracets.data.pairs import Pair
from tracets.errors import ConfigError, DataError
from tracets.forecast.backbones import load_backbone, rows
from tracets.forecast.prompt_training import PromptTraining, fit_prompt, standard_error
from tracets.forecast.prompts import PromptableBackbone, SoftPrompt, forecast_with_prompt
from tracets.types import LEVELS, Sample

NORMAL = torch.distributions.Normal(0, 1).icdf(torch.tensor(LEVELS))


class Shifted(torch.nn.Module):
    """Says the normal distribution, moved by the first number of each embedding of the prompt."""

    name, prompt_dim, context, fewest, device = "shifted", 3, 50, 2, torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.size = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def modules(self):
        return (self,)

    def run(self, values, observed, horizon, prompt=None):
        moved = torch.zeros(len(values)) if prompt is None else prompt[:, :, 0].sum(1)
        return self.size * (moved[:, None, None] + NORMAL[:, None]).expand(-1, -1, horizon)

    def forecast(self, pasts, horizon):
        def predict(given, horizon):
            values = torch.from_numpy(given.values)
            return self.run(values, values.isfinite(), horizon).numpy()

        return rows.continue_windows(pasts, horizon, predict, name=self.name, context=self.context)


def told(n, *, seed, informative, horizon=4):
    """White noise that jumps by one spread up or down; the first of two pairs says which way, or nothing does."""
    rng = np.random.default_rng(seed)
    way = rng.choice([-1.0, 1.0], size=n)
    past = rng.normal(size=(n, 1, 30))
    future = past.mean(2, keepdims=True) + past.std(2, keepdims=True) * (
        way[:, None, None] + 0.3 * rng.normal(size=(n, 1, horizon))
    )
    vectors = rng.normal(size=(n, 2, 6)).astype(np.float32)
    if informative:
        vectors[:, 0, 0] = 2 * way
    pairs = [Pair(Sample(str(i), past[i], ("x",)), future[i]) for i in range(n)]
    return pairs, vectors / np.linalg.norm(vectors, axis=2, keepdims=True)


BRIEF = PromptTraining(max_steps=150, validate_every=15, learning_rate=0.02, batch_size=32, max_minutes=None)


def fit(backbone, informative, settings=BRIEF):
    pairs, vectors = told(160, seed=0, informative=informative)
    tried, tried_vectors = told(80, seed=1, informative=informative)
    return fit_prompt(backbone, pairs, vectors, validation=tried, validation_vectors=tried_vectors, settings=settings)


@pytest.fixture(scope="module")
def informed():
    return fit(Shifted(), True)


def test_what_the_pairs_tell_is_learnt(informed):
    assert isinstance(Shifted(), PromptableBackbone)
    assert informed.after < 0.5 * informed.before and informed.before - informed.after > 2 * informed.error > 0
    assert float(informed.prompt.gate) > 0.5
    tested, vectors = told(80, seed=2, informative=True)
    pasts, future = [p.past for p in tested], np.stack([p.future for p in tested])
    errors = [
        np.square(
            np.stack([f.mean for f in forecast_with_prompt(Shifted(), prompt, pasts, 4, vectors)]) - future
        ).mean()
        for prompt in (informed.prompt, None)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_where_the_pairs_tell_nothing_there_is_no_prompt():
    result = fit(Shifted(), False)
    assert result.prompt is None and result.before - result.after <= 2 * result.error
    assert result.steps < BRIEF.max_steps, "it gives up before"


def test_the_error_of_a_gain_is_taken_over_parts_of_time():
    gain = torch.arange(10.0).repeat_interleave(7)  # ten parts, within which all windows say the same
    assert standard_error(gain) == pytest.approx(float(torch.arange(10.0).std()) / 10**0.5)
    alone = torch.tensor([1.0, 3.0])
    assert standard_error(alone) == pytest.approx(1) and standard_error(alone[:1]) == float("inf")


@pytest.mark.slow
def test_without_a_clock_a_fit_is_a_function_of_its_seed(informed):
    again, other = fit(Shifted(), True), fit(Shifted(), True, PromptTraining(**{**vars(BRIEF), "seed": 1}))
    assert torch.equal(again.prompt.projection.weight, informed.prompt.projection.weight)
    assert not torch.equal(other.prompt.projection.weight, informed.prompt.projection.weight)


def test_only_projection_and_gate_are_trained(informed):
    assert {name: p.numel() for name, p in informed.prompt.named_parameters()} == {
        "projection.weight": 6 * 3, "gate_logit": 1,
    }  # fmt: skip
    assert not any(p.requires_grad for p in informed.prompt.parameters())


def test_training_begins_very_near_the_backbone():
    torch.manual_seed(0)
    prompt = SoftPrompt(6, 3)
    plain, prompted = torch.zeros(1, 9, 1), torch.ones(1, 9, 1)
    assert prompt.mix(plain, prompted).max().item() == pytest.approx(0.0474, abs=1e-4)
    assert (prompt(torch.zeros(1, 2, 6)) == 0).all(), "pairs of zeros say nothing"
    prompt.gate_logit.data.fill_(-100.0)
    assert torch.equal(prompt.mix(plain, prompted), plain), "the gate can close"


def test_each_window_has_its_own_pairs_whatever_its_company(monkeypatch):
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 3)
    prompt = SoftPrompt(2, 3)
    prompt.projection.weight.data = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    prompt.gate_logit.data.fill_(100.0)
    rng = np.random.default_rng(0)
    pasts = [Sample(str(i), rng.normal(size=(2, 20)), ("a", "b")) for i in range(4)]
    vectors = np.zeros((4, 1, 2), np.float32)
    vectors[:, 0, 0] = [0, 10, 20, 30]
    found = forecast_with_prompt(Shifted(), prompt, pasts, 2, vectors)
    for i, (past, forecast) in enumerate(zip(pasts, found, strict=True)):
        moved = (forecast.mean[:, 0] - past.values.mean(1)) / past.values.std(1)
        assert moved.tolist() == pytest.approx([10 * i] * 2, abs=1e-3)


def test_what_is_refused():
    pairs, vectors = told(4, seed=0, informative=True)
    naive = load_backbone("last-value")
    backbone = Shifted()
    with pytest.raises(ConfigError, match="backbone 'last-value' takes no soft prompt. Use fracast or chronos-bolt"):
        fit_prompt(naive, pairs, vectors, validation=pairs, validation_vectors=vectors)
    pasts = [p.past for p in pairs]
    with pytest.raises(ConfigError, match="takes prompts of width 3; this one was fitted for 5"):
        forecast_with_prompt(backbone, SoftPrompt(6, 5), pasts, 2, vectors)
    with pytest.raises(DataError, match=r"shape \(4, R, 7\), one row a window, got \(4, 2, 6\)"):
        forecast_with_prompt(backbone, SoftPrompt(7, 3), pasts, 2, vectors)
    with pytest.raises(DataError, match="pair vectors must be finite. Give zeros where"):
        forecast_with_prompt(backbone, SoftPrompt(6, 3), pasts, 2, np.full_like(vectors, np.nan))

    def fitted(training, validation=pairs):
        return fit_prompt(
            backbone, training, vectors[: len(training)], validation=validation, validation_vectors=vectors
        )

    with pytest.raises(DataError, match=r"shape \(3, R, width\)"):
        fit_prompt(backbone, pairs[:3], vectors, validation=pairs, validation_vectors=vectors)
    longer = told(4, seed=0, informative=True, horizon=6)[0]
    with pytest.raises(DataError, match="horizons differ: 4 in training, 6 in validation"):
        fitted(pairs, longer)
    with pytest.raises(DataError, match=r"pairs of the training part have the horizons \[4, 6\]; give one"):
        fitted([pairs[0], longer[1]])
    unknown = [Pair(p.past, np.full((1, 4), np.nan)) for p in pairs]
    with pytest.raises(DataError, match="the validation part has no channel to fit a prompt to: 4 pairs, none with"):
        fitted(pairs, unknown)
    backbone.size.requires_grad_(True)
    with pytest.raises(ConfigError, match="backbone 'shifted' has parameters that take gradients. Freeze it first"):
        fitted(pairs)
    for name in ("batch_size", "max_steps", "validate_every", "patience", "most_validation"):
        with pytest.raises(ConfigError, match=f"{name} must be at least 1, got 0"):
            PromptTraining(**{name: 0})
    with pytest.raises(ConfigError, match="learning_rate and max_minutes must be above 0, got 0.001 and 0"):
        PromptTraining(learning_rate=0.001, max_minutes=0)


def test_gaps_constants_and_unknown_steps_do_no_harm():
    pairs, vectors = told(12, seed=0, informative=True)
    ragged = [p.past.values.copy() for p in pairs]
    ragged[0][:, :7], ragged[1][:] = np.nan, 3.0
    shorter = ragged[2][:, 11:]
    broken = [Sample(p.past.id, v, ("x",)) for p, v in zip(pairs, [*ragged[:2], shorter, *ragged[3:]], strict=True)]
    futures = [p.future.copy() for p in pairs]
    futures[3][:, 1:], futures[4][:] = np.nan, np.nan
    training = [Pair(past, future) for past, future in zip(broken, futures, strict=True)]
    brief = PromptTraining(max_steps=3, validate_every=1, batch_size=4)
    result = fit_prompt(
        Shifted(), training, vectors, validation=training, validation_vectors=vectors, settings=brief
    )  # fmt: skip
    assert np.isfinite([result.before, result.after, result.error]).all() and result.steps == 3


@pytest.fixture(scope="module")
def fracast():
    pytest.importorskip("fracast", reason="the extra `fracast` is not installed")
    return load_backbone("fracast")


def weights(backbone):
    return torch.cat([p.flatten() for module in backbone.modules() for p in module.parameters()]).clone()


@pytest.mark.slow
def test_the_real_backbone_stays_as_it_is_and_pairs_of_zeros_add_nothing(fracast):
    before = weights(fracast)
    pairs, vectors = told(4, seed=0, informative=True)
    brief = PromptTraining(max_steps=2, validate_every=1, batch_size=2)
    result = fit_prompt(
        fracast, pairs, np.zeros_like(vectors), validation=pairs[:2], validation_vectors=vectors[:2] * 0, settings=brief
    )
    assert result.prompt is None and result.before == result.after and result.error == 0
    assert torch.equal(weights(fracast), before)
    past = [Sample("w", pairs[0].past.values, ("x",), start=datetime(2024, 1, 1), freq="h")]
    torch.manual_seed(0)
    closed = SoftPrompt(6, fracast.prompt_dim)
    closed.gate_logit.data.fill_(-100.0)
    (found,) = forecast_with_prompt(fracast, closed, past, 50, vectors[:1])
    (own,) = fracast.forecast(past, 50)
    assert np.array_equal(found.quantiles, own.quantiles) and found.start == own.start


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_real_backbone_learns_to_read_a_prompt(fracast):
    """Noise that jumps up or down as its pair says: nothing in the past tells, the prompt does."""
    before = weights(fracast)
    pairs, vectors = told(64, seed=0, informative=True)
    tried, tried_vectors = told(32, seed=1, informative=True)
    brief = PromptTraining(max_steps=60, validate_every=30, batch_size=8, learning_rate=0.05)
    result = fit_prompt(fracast, pairs, vectors, validation=tried, validation_vectors=tried_vectors, settings=brief)
    assert result.prompt is not None and result.after < 0.9 * result.before
    assert torch.equal(weights(fracast), before)
