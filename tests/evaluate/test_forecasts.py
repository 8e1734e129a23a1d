"""Forecast metrics on four rows by hand, scales of the training part, and paired differences."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tracets.data.pairs import Pair, cut_pairs
from tracets.data.series import Series
from tracets.data.windows import split_by_fractions
from tracets.errors import DataError, NotFound
from tracets.evaluate.forecasts import evaluate_forecasts, training_scales
from tracets.forecast.backbones import load_backbone
from tracets.types import LEVELS, Forecast, Sample

NAN = np.nan
START = datetime(2020, 1, 1, tzinfo=UTC)


def pair(first, past, future, *, entity="s", names=("a",), freq="h"):
    past = np.atleast_2d(np.asarray(past, float))
    start = START + timedelta(hours=first)
    sample = Sample(f"{entity}-{first}", past, names, start=start, freq=freq, metadata={"entity": entity})
    return Pair(sample, np.atleast_2d(np.asarray(future, float)), first)


class Says:
    """Always forecasts the same mean with quantiles at fixed distances."""

    def __init__(self, name, mean, width=0.0):
        self.name, self.mean, self.width = name, mean, width

    def forecast(self, pasts, horizon):
        out = []
        for past in pasts:
            mean = np.full((past.n_channels, horizon), self.mean)
            around = (np.array(LEVELS) - 0.5)[:, None, None] * self.width
            out.append(Forecast(past.id, mean, mean + around, past.channel_names))
        return out


TRAIN = [pair(0, [0, 2], [4, 6]), pair(2, [4, 6], [8])]  # 0, 2, 4, 6, 8: deviation the root of 8, steps of 2


def test_scales_by_hand():
    scale = training_scales(TRAIN)["s", "a"]
    assert scale.deviation == pytest.approx(np.sqrt(8)) and scale.naive == pytest.approx(2)  # shorter than a day


def test_the_seasonal_naive_error_is_over_a_season():
    values = np.tile(np.arange(24.0), 4) + np.repeat([0, 1, 3, 6], 24)
    train = [pair(0, values[:60], values[60:])]
    assert training_scales(train)["s", "a"].naive == pytest.approx(2)  # days differ by 1, 2 and 3


def test_each_series_has_scales_of_its_own_and_a_stranger_those_of_the_name():
    train = [pair(0, [0, 2], [4, 6]), pair(0, [0, 20], [40, 60], entity="t", names=("A",))]
    found = training_scales(train)
    assert found["t", "a"].deviation == pytest.approx(10 * found["s", "a"].deviation)
    assert found["", "a"].deviation == pytest.approx(np.std([0, 2, 4, 6, 0, 20, 40, 60]))
    assert found["", "a"].naive == pytest.approx((2 + 20) / 2)


def test_metrics_by_hand():
    """Means of 5 for 6, 8 and 5, ?: errors 1, 3, 0. Quantiles 1 apart in all: from 4.6 to 5.4."""
    test = [pair(5, [8, 8], [6, 8]), pair(6, [8, 8], [5, NAN])]
    report = evaluate_forecasts(test, [Says("five", 5.0, width=1.0)], train=TRAIN)
    [errors] = report.forecasters.values()
    deviation = np.sqrt(8)
    assert errors.mse == pytest.approx((1 + 9 + 0) / 3 / 8)
    assert errors.mae == pytest.approx((1 + 3 + 0) / 3 / deviation)
    assert errors.mase == pytest.approx((1 + 3 + 0) / 3 / 2)
    quantiles = 5 + np.array(LEVELS) - 0.5
    pinball = [
        np.mean([max(q * (y - x), (q - 1) * (y - x)) for q, x in zip(LEVELS, quantiles, strict=True)])
        for y in (6, 8, 5)
    ]
    assert errors.crps == pytest.approx(2 * np.mean(pinball) / deviation)
    assert errors.coverage == pytest.approx([1 / 3 * (x >= 5) for x in quantiles])
    assert report.n == 2 and report.paired == {} and report.reference == ""


def test_constant_channels_of_the_training_part_do_not_count():
    train = [pair(0, [[0, 2], [3, 3]], [[4], [3]], names=("a", "b"))]
    test = [pair(5, [[1, 1], [3, 3]], [[6], [9]], names=("a", "b"))]
    report = evaluate_forecasts(test, [Says("five", 5.0)], train=train)
    assert report.forecasters["five"].mse == pytest.approx(1 / np.var([0, 2, 4]))


def long_pairs(n=300, *, horizon=4, stride=1):
    rng = np.random.default_rng(0)
    series = [Series(name, rng.normal(size=(1, n)), ("a",), START, "h") for name in ("x", "y")]
    split = split_by_fractions(series, (0.6, 0.1, 0.3))
    pairs = cut_pairs(series, context=8, horizon=horizon, stride=stride, split=split)
    return [p for p in pairs if p.past.split == "train"], [p for p in pairs if p.past.split == "test"]


def test_a_difference_has_its_sign_and_an_interval():
    train, test = long_pairs()
    good, bad = Says("good", 0.0), Says("bad", 1.0)
    report = evaluate_forecasts(test, [good, bad], train=train, n_boot=200)
    gap = report.paired["good"]
    assert report.reference == "bad" and gap.low < gap.value < gap.high < 0
    each = {name: errors.mse for name, errors in report.forecasters.items()}
    assert gap.value == pytest.approx(each["good"] - each["bad"])
    turned = evaluate_forecasts(test, [good, bad], train=train, reference="good", n_boot=200).paired["bad"]
    assert turned.value == pytest.approx(-gap.value)


@pytest.mark.slow
def test_blocks_hold_windows_that_overlap():
    """Two series side by side, a horizon of 24 steps: 24 windows of each share a step; at most a tenth of all."""
    train, test = long_pairs(1200, horizon=24)
    assert evaluate_forecasts(test, [Says("zero", 0.0)], train=train).block == min(48, len(test) // 10)
    train, test = long_pairs(1200, horizon=24, stride=24)
    assert evaluate_forecasts(test, [Says("zero", 0.0)], train=train).block == round(len(test) ** (1 / 3))


@pytest.mark.slow
def test_the_json_is_that_of_the_contract():
    train, test = long_pairs()
    forecasters = [Says("zero", 0.0), load_backbone("last-value"), load_backbone("seasonal-naive")]
    report = evaluate_forecasts(test, forecasters, train=train, retrieval="series", n_boot=50)
    found = json.loads(json.dumps(report.to_json()))
    assert {"horizon", "n", "mse", "mae", "mase", "crps", "scale", "retrieval", "paired"} <= set(found)
    assert found["horizon"] == 4 and found["n"] == len(test) and found["retrieval"] == "series"
    assert set(found["paired"]) == {"mse_diff", "low", "high"} and found["reference"] == "seasonal-naive"
    assert set(found["others"]) == {"last-value", "seasonal-naive"}
    assert found["mse"] == report.forecasters["zero"].mse and list(found["coverage"]) == [str(x) for x in LEVELS]
    table = report.to_table()
    assert f"| zero | {found['mse']:.3f} |" in table and "| seasonal-naive |" in table


def test_a_metric_without_a_value_is_null():
    train = [pair(0, [1, 1, 1], [1, 2], freq=None), pair(0, [0, 2], [4, 6], names=("b",))]
    test = [pair(5, [1, 1], [2])]
    flat = [Pair(p.past, p.future, p.first) for p in train]
    flat[0] = pair(0, [1, 1, 2], [1, NAN], freq=None)
    report = evaluate_forecasts(test, [Says("five", 5.0)], train=flat)
    assert report.to_json()["paired"] is None
    nothing = evaluate_forecasts([pair(5, [1, 1], [2], names=("b",))], [Says("five", 5.0)],
                                 train=[pair(0, [1, NAN, 2], [NAN, 1], names=("b",))])  # fmt: skip
    assert nothing.to_json()["mase"] is None and "| - |" in nothing.to_table()


def test_nothing_to_measure_is_said():
    train, test = long_pairs()
    with pytest.raises(DataError, match=r"got 0 windows with horizons \[\]"):
        evaluate_forecasts([], [Says("zero", 0.0)], train=train)
    with pytest.raises(DataError, match="and 0 training windows"):
        evaluate_forecasts(test, [Says("zero", 0.0)], train=[])
    with pytest.raises(DataError, match=r"horizons \[1, 2\]"):
        evaluate_forecasts([pair(0, [1], [1]), pair(0, [1], [1, 2])], [Says("zero", 0.0)], train=train)
    with pytest.raises(DataError, match="nothing is known of what followed"):
        evaluate_forecasts([pair(0, [1], [NAN])], [Says("zero", 0.0)], train=TRAIN)
    with pytest.raises(NotFound, match="reference 'one' is none of the forecasters: zero"):
        evaluate_forecasts(test, [Says("zero", 0.0)], train=train, reference="one")
