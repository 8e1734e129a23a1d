"""`TraceForecaster`: accuracy on series of a known rule, the contracts of scikit-learn and of backbones, bad input."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from tracets.data.pairs import cut_pairs
from tracets.data.series import Series
from tracets.data.windows import split_by_fractions
from tracets.errors import ConfigError, DataError
from tracets.forecast.protocol import Backbone
from tracets.tasks.forecaster import READS, TraceForecaster
from tracets.types import LEVELS, Sample

H, T = 8, 32
PLAIN = ("recent", "level")
START = datetime(2020, 1, 1, tzinfo=UTC)


def waves(n=420, *, noise=0.05, seed=0, id="a"):
    """Two channels of one season and different levels."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n)
    values = np.stack([np.sin(2 * np.pi * steps / 12), 20 + 3 * np.cos(2 * np.pi * steps / 12)])
    return Series(id, values + noise * rng.normal(size=(2, n)), ("wind", "load"), START, "h", units=("m/s", "MW"))


@pytest.fixture(scope="module")
def pairs():
    series = [waves()]
    return cut_pairs(series, context=T, horizon=H, stride=2, split=split_by_fractions(series, (0.6, 0.2, 0.2)))


@pytest.fixture(scope="module")
def arrays(pairs):
    return np.stack([p.past.values for p in pairs]), np.stack([p.future for p in pairs])


@pytest.fixture(scope="module")
def fitted(pairs, tiny_model):
    return TraceForecaster(model=tiny_model()).fit(pairs)


def of(pairs, part):
    return [p for p in pairs if p.past.split == part]


def test_it_finds_the_rule(fitted, pairs):
    test = of(pairs, "test")
    found = fitted.forecast([p.past for p in test], H)
    truth = np.stack([p.future for p in test])
    off = np.stack([f.mean for f in found]) - truth
    assert np.abs(off).mean() < 0.08  # the noise alone makes 0.04
    quantiles = np.stack([f.quantiles for f in found])
    below = [(truth <= quantiles[:, k]).mean() for k in range(len(LEVELS))]
    np.testing.assert_allclose(below, LEVELS, atol=0.1)


def test_it_is_a_backbone(fitted, pairs):
    assert isinstance(fitted, Backbone) and fitted.name == "tracets:tiny"
    past = pairs[0].past
    [found] = fitted.forecast([past], 3)
    assert found.horizon == 3 and found.id == past.id and found.units == ("m/s", "MW")
    assert found.start == past.start + timedelta(hours=T) and found.freq == "h"
    np.testing.assert_array_equal(found.mean, fitted.forecast([past], H)[0].mean[:, :3])


def test_company_in_a_batch_changes_nothing(fitted, pairs):
    pasts = [p.past for p in pairs[:5]]
    together, alone = fitted.forecast(pasts, H), [fitted.forecast([p], H)[0] for p in pasts]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.quantiles, b.quantiles, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_forecaster(fitted, pairs, tiny_model):
    other = TraceForecaster(model=tiny_model()).fit(pairs)
    for a, b in zip(fitted.head_.parameters(), other.head_.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


@pytest.mark.slow
def test_arrays_give_arrays(arrays):
    X, y = arrays
    model = TraceForecaster(reads=PLAIN).fit(X[:120], y[:120])
    mean, quantiles = model.predict(X[120:]), model.predict_quantiles(X[120:])
    assert mean.shape == (len(X) - 120, 2, H) and quantiles.shape == (len(X) - 120, len(LEVELS), 2, H)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert model.score(X[120:], y[120:]) > 0.95
    assert model.score(X[120:], y[120:]) == pytest.approx(
        1 - np.mean(((mean - y[120:]) ** 2).mean((0, 2)) / y[120:].var((0, 2))), abs=1e-5
    )


@pytest.mark.slow
def test_one_channel_may_be_flat(arrays):
    X, y = arrays
    model = TraceForecaster(reads=PLAIN).fit(X[:100, 0], y[:100, 0])
    assert model.predict(X[:3, 0]).shape == (3, 1, H)
    single = TraceForecaster(reads=PLAIN).fit(X[:100, 0], y[:100, 0, 0])
    assert single.predict(X[:3, 0]).shape == (3, 1, 1)


@pytest.mark.slow
def test_windows_to_choose_by_may_be_given(arrays):
    X, y = arrays
    model = TraceForecaster(reads=PLAIN).fit(X[:80], y[:80], X_val=X[80:120], y_val=y[80:120])
    assert model.n_windows_ == (80, 40)
    assert TraceForecaster(reads=PLAIN, validation=0.25).fit(X[:80], y[:80]).n_windows_ == (60, 20)


@pytest.mark.slow
def test_it_is_cloned_searched_and_piped(arrays):
    X, y = arrays
    model = TraceForecaster(reads=PLAIN, context=16)
    assert is_regressor(model) and clone(model).get_params() == model.get_params()
    piped = Pipeline([("forecast", model)]).fit(X[:80], y[:80])
    np.testing.assert_array_equal(piped.predict(X[:2]), clone(model).fit(X[:80], y[:80]).predict(X[:2]))
    search = GridSearchCV(model, {"context": [4, 24]}, cv=KFold(2)).fit(X[:80], y[:80])
    assert search.best_params_ == {"context": 24}  # four steps do not show the season


def test_an_unfitted_one_says_so(arrays):
    with pytest.raises(NotFittedError):
        TraceForecaster().predict(arrays[0])


@pytest.mark.slow
def test_input_stays_as_it_was(arrays):
    X, y = (x.copy() for x in arrays)
    TraceForecaster(reads=PLAIN).fit(X, y).predict(X)
    np.testing.assert_array_equal(X, arrays[0])
    np.testing.assert_array_equal(y, arrays[1])


def test_any_channels_in_any_order(fitted, pairs):
    past = pairs[-1].past
    turned = replace(past, values=past.values[::-1], channel_names=("LOAD", "Wind"), units=("MW", "m/s"))
    a, b = (fitted.forecast([p], H)[0] for p in (past, turned))
    np.testing.assert_allclose(a.mean, b.mean[::-1], rtol=1e-3, atol=1e-3)
    stranger = replace(
        past, values=past.values[:1] * 1000 + 5e4, channel_names=("who knows",), units=(), channel_texts=()
    )
    [found] = fitted.forecast([stranger], H)
    truth = (pairs[-1].future[0]) * 1000 + 5e4
    assert np.abs(found.mean[0] - truth).mean() < 300  # of waves of 1,000


@pytest.mark.slow
@pytest.mark.parametrize("reads", [PLAIN, READS])
def test_channels_that_tell_nothing(pairs, tiny_model, reads):
    model = TraceForecaster(model=tiny_model(), reads=reads).fit(pairs)
    values = np.stack([np.full(T, 7.5), np.full(T, np.nan), np.r_[np.full(T - 1, np.nan), 3.0], np.arange(T)])
    [found] = model.forecast([Sample("x", values, ("wind", "load", "b", "c"))], H)
    assert (found.mean[0] == 7.5).all() and (found.quantiles[:, 0] == 7.5).all()
    assert not found.mean[1].any() and not found.quantiles[:, 1].any()
    assert (found.mean[2] == 3).all() and np.isfinite(found.quantiles).all()


def test_gaps_cost_little(fitted, pairs):
    rng = np.random.default_rng(0)
    test = of(pairs, "test")
    holed = [
        replace(p.past, values=np.where(rng.random(p.past.values.shape) < 0.1, np.nan, p.past.values)) for p in test
    ]
    truth = np.stack([p.future for p in test])[:, 0]
    off = np.stack([f.mean for f in fitted.forecast(holed, H)])[:, 0] - truth
    assert np.abs(off).mean() < 0.25  # of a wave of 1


@pytest.mark.slow
def test_unknown_futures_are_learnt_around(pairs):
    rng = np.random.default_rng(0)
    holed = []
    for pair in pairs:
        future = np.where(rng.random(pair.future.shape) < 0.3, np.nan, pair.future)
        holed.append(replace(pair, future=future))
    model = TraceForecaster(reads=PLAIN).fit(holed)
    test = of(pairs, "test")
    off = np.stack([f.mean for f in model.forecast([p.past for p in test], H)]) - np.stack([p.future for p in test])
    assert np.abs(off[:, 0]).mean() < 0.15


def test_longer_and_shorter_windows(fitted, pairs):
    """The last steps alone count; a shorter window is forecast as long as it has the steps that are read."""
    past = pairs[-1].past
    longer = replace(
        past, values=np.concatenate([np.full((2, 9), 1e3), past.values], 1), start=past.start - timedelta(hours=9)
    )
    np.testing.assert_allclose(fitted.forecast([longer], H)[0].mean, fitted.forecast([past], H)[0].mean, rtol=1e-5)
    recent = fitted.fitted_.choice.recent
    with pytest.raises(DataError, match=f"has {recent - 1} steps; forecaster 'tracets:tiny' reads the last {recent}"):
        fitted.forecast([replace(past, values=past.values[:, -recent + 1 :])], H)


def test_a_horizon_beyond_the_fitted_one_is_refused(fitted, pairs):
    with pytest.raises(ConfigError, match=f"fitted for {H} steps, {H + 1} were asked for"):
        fitted.forecast([pairs[0].past], H + 1)
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        fitted.forecast([pairs[0].past], 0)


@pytest.mark.slow
def test_a_shorter_horizon_may_be_asked_for_and_a_longer_one_not(arrays):
    X, y = arrays
    assert TraceForecaster(3, reads=PLAIN).fit(X[:60], y[:60]).predict(X[:1]).shape == (1, 2, 3)
    with pytest.raises(DataError, match="futures have 8 steps; a horizon of 9 needs as many"):
        TraceForecaster(9, reads=PLAIN).fit(X, y)


def test_nothing_to_learn_from_is_said(arrays):
    X, y = arrays
    with pytest.raises(DataError, match="no window to learn from"):
        TraceForecaster(reads=PLAIN).fit(np.ones_like(X), y)
    with pytest.raises(DataError, match="no window to learn from"):
        TraceForecaster(reads=PLAIN).fit(X, np.full_like(y, np.nan))


def test_windows_of_different_channels_have_no_array(fitted, pairs):
    past = pairs[0].past
    one = replace(past, values=past.values[:1], channel_names=("wind",), units=(), channel_texts=())
    with pytest.raises(DataError, match=r"one number of channels, got \[1, 2\]. Use forecast"):
        fitted.predict([past, one])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tuning": "some"}, "tuning must be one of linear, adapter, full"),
        ({"reads": ("future",)}, "reads must be some of recent, beside"),
        ({"reads": ()}, "reads must be some of"),
        ({"tuning": "full", "reads": PLAIN}, "whose vectors are not read"),
        ({"refit": True, "max_steps": 3}, "refit=True solves again"),
        ({"validation": 0.9}, r"validation in \[0, 0.5\].*got 0.9"),
        ({"context": 0}, "context >= 1"),
    ],
)
def test_wrong_parameters_are_refused(arrays, given, message):
    with pytest.raises(ConfigError, match=message):
        TraceForecaster(**given).fit(*arrays)


def test_few_windows_still_give_a_forecast():
    series = [waves(T + H + 5)]
    model = TraceForecaster(reads=PLAIN).fit(cut_pairs(series, context=T, horizon=H))
    [found] = model.forecast([series[0].to_sample()], H)
    assert np.isfinite(found.quantiles).all()


@pytest.mark.slow
def test_of_very_many_rows_an_even_part_is_learnt_from(arrays, monkeypatch):
    X, y = arrays
    monkeypatch.setattr("tracets.tasks.forecaster.MOST_ROWS", 60)
    assert TraceForecaster(reads=PLAIN, validation=0.25).fit(X[:90], y[:90]).n_windows_ == (23, 7)


@pytest.mark.slow
def test_refit_learns_from_the_windows_that_were_chosen_by(pairs):
    """In the validation part the rule is another one: only a refit can know."""
    turned = [replace(p, future=-p.future) if p.past.split == "val" else p for p in pairs if p.past.split != "test"]
    plain, refit = (TraceForecaster(reads=PLAIN, refit=r).fit(turned) for r in (False, True))
    val = of(turned, "val")
    truth = np.stack([p.future for p in val])
    error = [
        np.abs(np.stack([f.mean for f in m.forecast([p.past for p in val], H)]) - truth).mean() for m in (plain, refit)
    ]
    assert error[1] < 0.9 * error[0] and plain.fitted_.choice.score == refit.fitted_.choice.score


def test_the_summary_says_what_was_done(fitted, pairs):
    n = [len(of(pairs, part)) for part in ("train", "val")]
    assert fitted.summary.startswith(f"fitted on {n[0]} windows of {T} steps, chosen on {n[1]} later ones")
    assert fitted.n_fitted_ == sum(p.numel() for p in fitted.head_.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["linear", "adapter", "full"])
def test_gradient_training_is_never_worse_on_validation_and_changes_what_it_should(pairs, tiny_model, tuning):
    model = tiny_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    made = TraceForecaster(model=model, tuning=tuning, max_steps=40, learning_rate=3e-3).fit(pairs)
    assert made.training_["score"] >= -1
    assert all((p == before[name]).all() for name, p in model.named_parameters())  # what was given stays
    tower = {name for name, p in made.encoder_.named_parameters() if not (p == before[name]).all()}
    assert all(name.startswith("series.") for name in tower)
    inner = made.n_tuned_
    assert (inner > 0) == (tuning != "linear") and (not tower) == (tuning == "linear" or made.training_["step"] == 0)
    test = of(pairs, "test")
    off = np.stack([f.mean for f in made.forecast([p.past for p in test], H)]) - np.stack([p.future for p in test])
    assert np.abs(off).mean() < 0.12


@pytest.mark.slow
def test_adapters_train_a_small_share(tiny_model, pairs):
    full, adapter = (TraceForecaster(model=tiny_model(), tuning=t, max_steps=1).fit(pairs) for t in ("full", "adapter"))
    assert 0 < adapter.n_tuned_ < full.n_tuned_ == sum(p.numel() for p in full.encoder_.series.parameters())
    assert set(adapter.encoder_.state_dict()) == set(full.encoder_.state_dict())  # merged
