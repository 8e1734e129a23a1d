"""Facts against plain recomputation from the values."""

from datetime import datetime

import numpy as np
import pytest

from tracets.data.captions.facts import Fact
from tracets.data.captions.reader import read_facts, view_channel
from tracets.types import Sample

T = np.arange(168)


def sample_of(*rows, names=None, units=None, start=datetime(2021, 3, 1), freq="h"):
    names = names or tuple(f"ch{i}" for i in range(len(rows)))
    return Sample("s", np.array(rows, dtype=np.float32), names, units or (), start, freq)


def facts_of(*rows, **kwargs) -> list[Fact]:
    return list(read_facts(sample_of(*rows, **kwargs)).facts)


def one(facts, kind, channel="ch0"):
    found = [f for f in facts if f.kind == kind and f.channel == channel]
    assert len(found) == 1, f"{kind}: {found}"
    return found[0]


def kinds(facts):
    return {f.kind for f in facts}


def test_level_of_a_window_with_gaps_by_hand():
    facts = facts_of([1.0, np.nan, 4.0, 7.0, np.nan, 8.0])
    assert one(facts, "level").numbers == {"low": 1.0, "high": 8.0, "mean": 5.0}
    gaps = one(facts, "gaps")
    assert gaps.numbers["missing_share"] == pytest.approx(1 / 3)
    assert (gaps.numbers["count"], gaps.numbers["longest_steps"], gaps.numbers["gap_step"]) == (2, 1, 1)


def test_total_only_where_adding_means_something():
    row = [0.0, 1.0, 2.5, 0.0, 0.0, 0.0]
    assert one(facts_of(row, names=("precipitation",), units=("mm",)), "level", "precipitation").numbers["total"] == 3.5
    assert "total" not in one(facts_of(row, names=("displacement",), units=("mm",)), "level", "displacement").numbers


def test_missing_and_constant_channels_say_nothing_else():
    facts = facts_of([np.nan] * 8, [5.0] * 8, [3.0, np.nan] * 4)
    assert [f.kind for f in facts if f.channel == "ch0"] == ["missing"]
    assert [f.kind for f in facts if f.channel == "ch1"] == ["constant"]
    assert [f.kind for f in facts if f.channel == "ch2"] == ["constant", "gaps"]


@pytest.mark.parametrize(
    ("row", "variant"),
    [
        (T, "rise:throughout"),
        (-T, "fall:throughout"),
        (np.minimum(T, 100) - np.maximum(T - 100, 0), "rise_fall"),
        (np.maximum(60 - T, 0) + np.maximum(T - 60, 0), "fall_rise"),
        (np.where(T < 120, 0, T - 120), "rise:sharp"),
        (np.sin(T * 2 * np.pi / 168), "rise_fall_rise"),
        (np.where(T % 2, 1.0, -1.0), "flat"),
        (np.sin(T * 2 * np.pi / 24), "flat"),
        (np.cos(T * 2 * np.pi / 24) + T / 40, "rise:throughout"),
    ],
)
def test_trend_shapes(row, variant):
    assert one(facts_of(row), "trend").variant == variant


def test_the_turn_is_where_the_series_turns():
    row = np.minimum(T, 100) - np.maximum(T - 100, 0)
    assert abs(one(facts_of(row), "trend").numbers["turn_step"] - 100) <= 5


def test_daily_cycle_is_found_with_its_hours():
    row = 10 + np.sin((T - 9) * 2 * np.pi / 24)
    period = one(facts_of(row), "period")
    assert (period.variant, period.numbers["period_steps"]) == ("strong:daily", 24)
    assert (period.numbers["peak_hour"], period.numbers["trough_hour"]) == (15, 3)


def test_noise_has_no_cycle_and_a_walk_neither():
    rng = np.random.default_rng(0)
    noise, walk = rng.normal(size=(50, 168)), rng.normal(size=(50, 168)).cumsum(1)
    assert sum("period" in kinds(facts_of(row)) for row in noise) == 0
    assert sum("period" in kinds(facts_of(row)) for row in walk) <= 5


def test_a_burst_of_rain():
    row = np.zeros(168)
    row[140:146] = [0.2, 3, 8, 4, 1, 0.5]
    row[20] = 0.2
    facts = facts_of(row, names=("precipitation",), units=("mm",))
    burst = one(facts, "burst", "precipitation")
    assert burst.variant == "most:heavy"
    assert burst.numbers["amount"] == pytest.approx(16.7)
    assert (burst.numbers["begin_step"], burst.numbers["end_step"], burst.numbers["at_step"]) == (140, 145, 142)
    assert one(facts, "zeros", "precipitation").numbers["zero_share"] == pytest.approx(161 / 168)


def test_spike_shift_and_volatile_third():
    rng = np.random.default_rng(1)
    row = rng.normal(0, 0.1, 168)
    row[50] = 9
    assert one(facts_of(row), "spikes").numbers["at_step"] == 50
    row = rng.normal(0, 0.1, 168) + 5 * (T >= 90)
    shift = one(facts_of(row), "shift")
    assert (shift.variant, shift.numbers["at_step"]) == ("up", 90)
    row = rng.normal(0, np.where(T >= 112, 3.0, 0.3))
    assert "most:last" in {f.variant for f in facts_of(row) if f.kind == "volatile_third"}


def test_ramp_is_no_shift():
    assert "shift" not in kinds(facts_of(T.astype(float)))


def test_directions_of_the_compass_have_no_mean_level():
    row = np.where(T % 2, 350.0, 10.0)
    facts = facts_of(row, names=("wind_dir",), units=("degrees",))
    assert kinds(facts) == {"compass"}
    assert one(facts, "compass", "wind_dir").variant == "north:wind"


def test_cross_channel_facts():
    rng = np.random.default_rng(2)
    base = np.convolve(rng.normal(size=200), np.ones(8) / 8, mode="same")[:174]
    facts = facts_of(base[6:], base[:168], -base[6:] + 3)
    related = [f for f in facts if f.kind == "related"][0]
    assert related.others == ("ch0", "ch2") and related.variant == "against:closely"
    assert related.numbers["r"] == pytest.approx(-1.0)
    lead = next(f for f in facts if f.kind == "lead")
    assert lead.numbers["lag_steps"] == 6 and lead.others[1] == "ch1"


def test_correlation_with_gaps_matches_a_plain_loop():
    from tracets.data.captions.cross_facts import correlations

    rng = np.random.default_rng(3)
    rows = rng.normal(size=(4, 60)) + rng.normal(size=60) + 1000
    rows[rng.random((4, 60)) < 0.2] = np.nan
    for lag in (0, 5):
        got = correlations(rows, lag)
        for i in range(4):
            for j in range(4):
                x, y = rows[i, : 60 - lag], rows[j, lag:]
                both = ~np.isnan(x) & ~np.isnan(y)
                assert got[i, j] == pytest.approx(np.corrcoef(x[both], y[both])[0, 1], abs=1e-9)


@pytest.mark.parametrize(
    ("row", "decimals"),
    [([998.2, 1015.1], 1), ([1, 90], 0), ([0.001, 0.004], 5), ([5.0, 6.0], 0), ([12e6, 13e6 + 1], 0), ([0.1, 0.3], 1)],
)
def test_rounding_follows_range_and_resolution(row, decimals):
    assert view_channel(np.array(row, dtype=np.float32).astype(float), "a", None).decimals <= decimals
    view = view_channel(np.array(row, dtype=np.float32).astype(float), "a", None)
    assert np.allclose(np.round(row, view.decimals), row, atol=np.ptp(row) / 50)


@pytest.mark.slow
@pytest.mark.parametrize("n", [4, 5, 7, 12, 336])
@pytest.mark.parametrize("freq", ["min", "30min", "h", "4h", "D", "W-SUN", "MS", "QS", None, "nonsense"])
def test_any_length_and_step(n, freq):
    rng = np.random.default_rng(n)
    rows = rng.normal(size=(3, n))
    rows[1, ::3] = np.nan
    assert "level" in kinds(facts_of(*rows, freq=freq))
    assert "level" in kinds(facts_of(*rows, freq=freq, start=None))


@pytest.mark.parametrize(
    ("peak", "freq", "variant"),
    [(2.49, "h", "light"), (2.5, "h", "moderate"), (7.59, "h", "moderate"), (7.6, "h", "heavy"),
     (3.8, "30min", "heavy"), (4.9, "D", "light"), (5.0, "D", "moderate"), (20.0, "D", "heavy"), (50.0, None, "plain")],
)  # fmt: skip
def test_rain_is_heavy_by_its_rate(peak, freq, variant):
    row = np.zeros(48)
    row[10] = peak
    facts = facts_of(row, names=("rain",), units=("mm",), freq=freq)
    assert one(facts, "burst", "rain").variant == f"only:{variant}"


def test_no_slot_can_be_read_in_two_ways():
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(3, 96)).cumsum(1)
    rows[0, 5:20] = np.nan
    rows[1] = np.where(rng.random(96) < 0.1, 5.0, 0.0)
    for fact in facts_of(*rows):
        slots = [key.removesuffix("_steps").removesuffix("_step").removesuffix("_share") for key in fact.numbers]
        assert len(set(slots)) == len(slots), fact
