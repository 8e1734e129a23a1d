"""What neighbours add: by hand where it can be counted, shut where it does not pay."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from tracets.data.pairs import Pair, cut_pairs
from tracets.data.series import Series
from tracets.errors import ConfigError, DataError
from tracets.forecast.continuations import continuations
from tracets.forecast.gate import Gate, fit_gate, gate_features
from tracets.forecast.neighbours import Memory
from tracets.forecast.rag import RagForecaster
from tracets.types import LEVELS, Forecast, Sample

CONTEXT, HORIZON = 12, 4


class LastValue:
    name = "last value"

    def forecast(self, pasts, horizon):
        out = []
        for past in pasts:
            mean = np.repeat(past.values[:, -1:], horizon, axis=1)
            quantiles = np.stack([mean + level for level in LEVELS])
            out.append(Forecast(past.id, mean, quantiles, past.channel_names))
        return out


def bumps(n, *, seed=0, surprising=False):
    """Flat, with a rise now and then that is always followed by the same fall; or by nothing that could be known."""
    rng = np.random.default_rng(seed)
    values = 0.05 * rng.normal(size=n)
    for at in range(CONTEXT, n - HORIZON, 16):
        values[at - 3 : at] += [1, 2, 3]
        values[at : at + HORIZON] += rng.normal(size=HORIZON) if surprising else [6, -6, 6, -6]
    return Series("a", values[None].astype(np.float32), ("level",), datetime(2020, 1, 1), "h")


def cut(series):
    return cut_pairs([series], context=CONTEXT, horizon=HORIZON, stride=16)


def mse(forecaster, pairs):
    found = forecaster.forecast([pair.past for pair in pairs], HORIZON)
    return np.mean([(one.mean - pair.future) ** 2 for one, pair in zip(found, pairs, strict=True)])


@pytest.fixture(scope="module")
def encoder(tiny_model):
    return tiny_model(patch=4)


def test_what_always_follows_is_learnt_and_told(encoder):
    pairs = cut(bumps(16 * 60))
    remembered, learn, test = pairs[:25], pairs[25:40], pairs[40:]
    rag = RagForecaster(LastValue(), Memory(remembered, encoder), top=4)
    assert mse(rag, test) == mse(LastValue(), test)  # shut until it has learnt
    rag.fit(learn)
    assert rag.gate.gain.high < 0
    assert mse(rag, test) < 0.1 * mse(LastValue(), test)
    one = rag.forecast([test[0].past], HORIZON)[0]
    assert len(one.neighbours) == 4 and set(one.neighbours) <= {pair.past.id for pair in remembered}
    width = one.quantiles[-1] - one.quantiles[0]
    assert width == pytest.approx(np.full((1, HORIZON), LEVELS[-1] - LEVELS[0]), abs=1e-5)  # the backbone's spread
    assert rag.name == "last value + series"


def test_neighbours_are_told_whether_the_gate_is_open_or_shut(encoder):
    pairs = cut(bumps(16 * 60))
    memory = Memory(pairs[:25], encoder)
    rag, asked = RagForecaster(LastValue(), memory, top=2), pairs[30].past
    [told] = rag.neighbours([asked])
    rows = memory.nearest([asked], top=2).rows[0]
    assert [one.id for one in told] == [pairs[row].past.id for row in rows]
    assert 1 >= told[0].score >= told[1].score
    for one, row in zip(told, rows, strict=True):
        past, future = pairs[row].past.values, pairs[row].future
        shares = (
            np.concatenate([past, future], axis=1) - past.mean()
        ) / past.std()  # the gate's first anchor: the mean
        expected = asked.values.mean() + shares * asked.values.std()
        np.testing.assert_allclose(np.concatenate([one.past, one.future], axis=1), expected, rtol=1e-4, atol=1e-5)
    assert RagForecaster(LastValue(), memory, retrieval="none").neighbours([asked]) == [()]


def test_the_gate_stays_shut_where_nothing_is_to_be_known(encoder):
    pairs = cut(bumps(16 * 60, surprising=True))
    rng = np.random.default_rng(1)

    class Mean(LastValue):
        def forecast(self, pasts, horizon):
            return [
                replace(one, mean=0 * one.mean, quantiles=0 * one.quantiles) for one in super().forecast(pasts, horizon)
            ]

    noise = [replace(pair, future=10 * rng.normal(size=pair.future.shape)) for pair in pairs[:25]]
    rag = RagForecaster(Mean(), Memory(noise, encoder), top=2).fit(pairs[25:40])
    assert rag.gate.weights is None
    assert all(one.neighbours == () for one in rag.forecast([pair.past for pair in pairs[40:]], HORIZON))
    assert mse(rag, pairs[40:]) == mse(Mean(), pairs[40:])


def test_no_retrieval_is_the_backbone(encoder):
    pairs = cut(bumps(16 * 40))
    rag = RagForecaster(LastValue(), Memory(pairs[:20], encoder), retrieval="none").fit(pairs[20:])
    assert rag.name == "last value" and rag.gate.weights is None
    assert mse(rag, pairs[20:]) == mse(LastValue(), pairs[20:])


@pytest.mark.slow
def test_a_shorter_horizon_may_be_asked_a_longer_one_not(encoder):
    pairs = cut(bumps(16 * 60))
    rag = RagForecaster(LastValue(), Memory(pairs[:25], encoder)).fit(pairs[25:40])
    short, whole = (rag.forecast([pairs[-1].past], h)[0].mean for h in (2, HORIZON))
    assert short == pytest.approx(whole[:, :2])
    with pytest.raises(ConfigError, match="knows 4 steps after each window, 5 were asked"):
        rag.forecast([pairs[-1].past], 5)


def test_wrong_settings_are_refused(encoder):
    pairs = cut(bumps(16 * 40))
    memory = Memory(pairs, encoder)
    with pytest.raises(ConfigError, match="top >= 1, got 'series' and 0"):
        RagForecaster(LastValue(), memory, top=0)
    with pytest.raises(ConfigError, match="'text'"):
        RagForecaster(LastValue(), memory, retrieval="text")
    with pytest.raises(DataError, match="horizon of 4, as the memory has, got \\[\\]"):
        RagForecaster(LastValue(), memory).fit([])


def remembered(values, future, names=("x",)):
    class Known:
        horizon = 2
        pairs = (Pair(Sample("a", np.array(values), names), np.array(future)),)

    return Known()


@pytest.mark.parametrize(
    "anchor, expected",
    [
        ("mean", [20 + 10 * 2, 20 - 10 * 1]),  # past 0, 2: mean 1, spread 1; query 10, 30: mean 20, spread 10
        ("last", [30 + 10 * 1, 30 - 10 * 2]),
        ("level", [3, 0]),
    ],
)
def test_a_future_is_told_in_the_units_of_the_query(anchor, expected):
    memory = remembered([[0.0, 2.0]], [[3.0, 0.0]])
    found = continuations(memory, np.array([0, -1]), Sample("q", np.array([[10.0, 30.0]]), ("X",)), anchor=anchor)
    assert found[0, 0].tolist() == expected
    assert np.isnan(found[1]).all()


def test_channels_are_matched_by_name():
    memory = remembered([[0.0, 2.0], [0.0, 0.0]], [[3.0, 0.0], [5.0, np.nan]], ("x", "flat"))
    query = Sample("q", np.array([[10.0, 30.0], [7.0, 7.0], [1.0, 1.0]]), ("other", "flat", "x"))
    found = continuations(memory, np.array([0]), query, anchor="mean")[0]
    assert np.isnan(found[0]).all()
    assert found[1, 0] == 12 and np.isnan(found[1, 1])  # a flat past: its distance in its own units
    assert found[2].tolist() == [3, 0]


def test_features_are_those_counted_by_hand():
    futures = np.array([[[1.0, np.nan]], [[3.0, np.nan]]], np.float32)  # two neighbours, one channel
    features = gate_features(np.array([0.5, 0.25]), futures, np.array([2.0]))
    assert features[0, 0] == pytest.approx([0.5, np.log(1 / 2 + 1e-3), 0, 1])
    assert np.isnan(features[0, 1]).all()


def test_a_gate_is_the_best_constant_where_features_say_nothing():
    rng = np.random.default_rng(0)
    n, h = 400, 2
    truth = rng.normal(size=(n, h))
    backbone, neighbours = truth + rng.normal(size=truth.shape), truth + 2 * rng.normal(size=truth.shape)
    gate = fit_gate(np.zeros((n, h, 4)), backbone, neighbours, truth, windows=np.arange(n))
    a, b = backbone - truth, neighbours - truth
    best = (a * (a - b)).mean() / ((a - b) ** 2).mean()
    assert gate(np.zeros((1, 1, 4)))[0, 0] == pytest.approx(best, abs=0.02)
    assert gate.gain.value == pytest.approx((((1 - best) * a + best * b) ** 2).mean() - (a**2).mean(), abs=0.02)


def test_a_gate_learns_when_to_trust():
    rng = np.random.default_rng(0)
    n = 400
    truth = rng.normal(size=(n, 1))
    good = rng.random(n) < 0.5
    neighbours = np.where(good[:, None], truth, 5 * rng.normal(size=truth.shape))
    features = np.zeros((n, 1, 4))
    features[..., 0] = good[:, None]
    gate = fit_gate(features, np.zeros_like(truth), neighbours, truth, windows=np.arange(n) // 2)
    shares = gate(features)[:, 0]
    assert shares[good].min() > 0.85 and shares[~good].max() < 0.15


def test_a_window_counts_once_however_many_channels_it_has():
    """One window in two has three channels: the gain is the mean over windows of the means over channels."""
    rng = np.random.default_rng(0)
    windows = np.repeat(np.arange(200), np.where(np.arange(200) % 2, 3, 1))
    m = len(windows)
    truth = rng.normal(size=(m, 2))
    wide = (np.bincount(windows)[windows] == 3)[:, None]
    backbone = truth + np.where(wide, 1.0, 3.0)  # what is exact in the neighbours is off by 1 or by 3
    gate = fit_gate(np.zeros((m, 2, 4)), backbone, truth, truth, windows=windows)
    share = gate(np.zeros((1, 1, 4)))[0, 0]
    assert gate.gain.value == pytest.approx(((1 - share) ** 2 - 1) * (1 + 9) / 2, abs=0.02)


def test_what_is_not_known_opens_no_gate():
    gate = Gate(np.ones(5))
    assert gate(np.full((1, 1, 4), np.nan)).tolist() == [[0]]
    nothing, zeros = np.full((20, 2), np.nan), np.zeros((20, 2))
    assert fit_gate(np.zeros((20, 2, 4)), zeros, nothing, zeros, windows=np.arange(20)).weights is None
    few = np.zeros((3, 2))
    assert fit_gate(np.zeros((3, 2, 4)), few, few, few, windows=np.arange(3)).weights is None
    none = np.zeros((0, 2))
    assert fit_gate(np.zeros((0, 2, 4)), none, none, none, windows=np.zeros(0, np.int64)).weights is None


@pytest.mark.slow
def test_windows_may_differ_in_their_channels(encoder):
    noise = np.random.default_rng(0).normal(size=16 * 60).astype(np.float32)
    one, wide = (bumps(16 * 60), bumps(16 * 60, seed=1))
    wide = replace(wide, id="b", values=np.stack([wide.values[0], noise]), channel_names=("Level", "noise"), units=())
    parts = [(cut(series)[:25], cut(series)[25:40], cut(series)[40:]) for series in (one, wide)]
    remembered_, learn, test = (a + b for a, b in zip(*parts, strict=True))
    rag = RagForecaster(LastValue(), Memory(remembered_, encoder), top=4).fit(learn)
    found = rag.forecast([pair.past for pair in test], HORIZON)
    assert [len(f.mean) for f in found] == [1] * len(parts[0][2]) + [2] * len(parts[1][2])
    plain = LastValue().forecast([pair.past for pair in test], HORIZON)
    errors = [
        np.mean([(f.mean[0] - p.future[0]) ** 2 for f, p in zip(each, test, strict=True)]) for each in (found, plain)
    ]
    assert errors[0] < 0.2 * errors[1]
