"""Levels against numpy on what was observed; shapes free of level, scale and padding; finite whatever comes."""

import math

import numpy as np
import pytest
import torch

from tracets.nn.features import (
    BLOCKS,
    FOURIER,
    HALF_BLOCKS,
    HARMONICS,
    LAGS,
    N_LEVELS,
    N_SHAPES,
    N_STATED,
    PARTS,
    PLACE_DIM,
    PLACE_TURNS,
    VALUE_DIM,
    latest_numbers,
    level_features,
    location_and_spread,
    moment_numbers,
    moment_places,
    moments,
    patch_levels,
    shape_features,
    stated_features,
    stated_numbers,
    value_features,
)

NAN = float("nan")
FIRST_MEAN, FIRST_LOW, FIRST_HIGH = 0, BLOCKS, BLOCKS + HALF_BLOCKS
SPREADS = BLOCKS + 2 * HALF_BLOCKS
SPECTRUM = SPREADS + HALF_BLOCKS
CORRELATIONS = SPECTRUM + HARMONICS
SLOPE, BOW, UP, ROUGHNESS, FLOOR, CEILING, ZERO, SHARE = range(CORRELATIONS + len(LAGS), N_SHAPES)


def read(*channels):
    """One sample (1, c, t) and what is observed of it, from lists with NaN for missing."""
    x = torch.tensor([list(c) for c in channels], dtype=torch.float32)[None]
    return torch.nan_to_num(x, nan=0.0), ~x.isnan()


def shapes(*channels):
    values, observed = read(*channels)
    return shape_features(values, observed, torch.tensor([values.shape[-1]]))[0]


def noise(t, *, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, t)
    x[rng.random(t) < missing] = np.nan
    return x.astype(np.float32)


def levels_by_numpy(x):
    """In the order of the docstring, of what was observed."""
    seen = x[~np.isnan(x)].astype(np.float64)
    n = len(seen)
    if not n:
        return np.zeros(N_LEVELS)
    ordered = np.sort(seen)
    low, tenth, half, ninth, high = (ordered[round(share * (n - 1))] for share in (0, 0.1, 0.5, 0.9, 1))
    steps = np.abs(np.diff(x))
    jump = np.nanmax(steps) if (~np.isnan(steps)).any() else 0.0
    parts = [seen[[p * i // n == k for i in range(n)]] for p in PARTS for k in range(p)]
    means = [part.mean() if len(part) else seen.mean() for part in parts]
    first, last = seen[0], seen[-1]
    return [
        *(seen.mean(), seen.std(), low, tenth, half, ninth, high, high - low),
        *(first, last, last - first, jump, seen.sum(), *means),
    ]


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("t", [1, 2, 7, 24, 50])
def test_levels_by_numpy(t, missing):
    channels = [noise(t, seed=s, missing=missing) for s in range(4)]
    got = level_features(*read(*channels))[0].numpy()
    np.testing.assert_allclose(got, [levels_by_numpy(x) for x in channels], rtol=1e-4, atol=1e-5)


def test_levels_by_hand():
    got = level_features(*read([NAN, 4, 1, NAN, 3, 3, NAN]))[0, 0]
    spread = 1.1875**0.5
    quarters, sevenths = [4, 1, 3, 3], [4, 1, 2.75, 3, 2.75, 3, 2.75]  # an empty part has the mean of all
    expected = [2.75, spread, 1, 1, 3, 4, 4, 3, 4, 3, -1, 3, 11, *quarters, *sevenths]
    assert got.tolist() == pytest.approx(expected, rel=1e-6)


def test_nothing_observed_has_no_level_and_no_shape():
    values, observed = read([NAN] * 5, [1, 2, 3, 4, 5])
    assert not level_features(values, observed)[0, 0].any()
    assert not shape_features(values, observed, torch.tensor([5]))[0, 0].any()
    assert shape_features(values, observed, torch.tensor([5]))[0, 1].any()


@pytest.mark.parametrize("hidden", [1e9, -1e9, NAN, math.inf])
def test_an_unobserved_value_is_never_looked_at(hidden):
    values, observed = read(noise(30, missing=0.3), [NAN] * 30)
    steps = torch.tensor([30])
    changed = values.masked_fill(~observed, hidden)
    for of in (level_features, moments, patch_levels, lambda v, o: shape_features(v, o, steps)):
        assert torch.equal(of(values, observed), of(changed, observed))
    for before, after in zip(
        location_and_spread(values, observed), location_and_spread(changed, observed), strict=True
    ):
        assert torch.equal(before, after)


def test_location_and_spread_by_numpy():
    x = noise(40, missing=0.4)
    mean, spread = location_and_spread(*read(x))
    assert mean.item() == pytest.approx(float(np.nanmean(x)), rel=1e-5)
    assert spread.item() == pytest.approx(float(np.nanstd(x)), rel=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.1, -273.15, 101325.0, 1e-7])
def test_the_spread_of_a_constant_is_one(level):
    mean, spread = location_and_spread(*read([level] * 97))
    assert mean.item() == pytest.approx(level, rel=1e-5) and spread.item() == 1.0


@pytest.mark.parametrize("unit", [1e-12, 1e-8, 1e-3, 1e6])
def test_a_small_unit_is_no_constant(unit):
    """A mixing ratio of 1e-8 varies as much as one in parts per billion."""
    x = noise(40)
    mean, spread = location_and_spread(*read(x * unit))
    assert spread.item() == pytest.approx(float(np.std(x)) * unit, rel=1e-4)


# the share of zeros (feature ZERO) is about the zero of the unit, so it alone depends on the level
@pytest.mark.parametrize(("factor", "shift"), [(5, -10), (9, 35), (1e-3, 0), (1e-9, 0), (250, 1013)])
def test_shapes_are_free_of_level_and_scale(factor, shift):
    x = np.stack([noise(100, seed=1, missing=0.1), np.sin(np.arange(100) / 5) + 0.01 * noise(100, seed=2)])
    rest = [i for i in range(N_SHAPES) if i != ZERO]
    torch.testing.assert_close(shapes(*x)[:, rest], shapes(*(x * factor + shift))[:, rest], atol=2e-3, rtol=2e-3)


def test_shapes_are_free_of_padding():
    x = noise(60, missing=0.2)
    values, observed = read(x)
    padded, seen = torch.nn.functional.pad(values, (0, 40), value=9.0), torch.nn.functional.pad(observed, (0, 40))
    steps = torch.tensor([60])
    torch.testing.assert_close(
        shape_features(values, observed, steps), shape_features(padded, seen, steps), atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(level_features(values, observed), level_features(padded, seen), atol=1e-5, rtol=1e-5)
    assert torch.equal(moments(values, observed), moments(padded, seen))


@pytest.mark.slow
@pytest.mark.parametrize("t", [1, 2, 3, 5, 300])
@pytest.mark.parametrize("kind", ["constant", "zero", "one seen", "two seen", "spike", "huge", "tiny"])
def test_shapes_are_finite(t, kind):
    x = np.zeros(t, np.float32)
    if kind == "constant":
        x[:] = 7.3
    elif kind == "one seen":
        x[1:] = np.nan
    elif kind == "two seen":
        x[1:-1] = np.nan
        x[-1] = 2
    elif kind == "spike":
        x[t // 2] = 1e6
    elif kind in ("huge", "tiny"):
        x = noise(t) * np.float32(1e14 if kind == "huge" else 1e-30)
    assert shapes(x).isfinite().all()
    assert level_features(*read(x)).isfinite().all()
    assert value_features(level_features(*read(x))).isfinite().all()


def test_number_of_shapes():
    assert shapes([1, 2, 3]).shape == (1, N_SHAPES) and SHARE == N_SHAPES - 1


def test_block_means_by_hand():
    """A series of one value a block: z and asinh are monotone, so the blocks keep the order of the steps."""
    x = noise(BLOCKS, seed=5)
    z = np.arcsinh((x - x.mean()) / x.std())
    got = shapes(x)[0]
    np.testing.assert_allclose(got[:BLOCKS], z, atol=1e-5)
    pairs = z.reshape(HALF_BLOCKS, 2)
    np.testing.assert_allclose(got[FIRST_LOW : FIRST_LOW + HALF_BLOCKS], pairs.min(1), atol=1e-5)
    np.testing.assert_allclose(got[FIRST_HIGH : FIRST_HIGH + HALF_BLOCKS], pairs.max(1), atol=1e-5)
    np.testing.assert_allclose(got[SPREADS : SPREADS + HALF_BLOCKS], pairs.std(1), atol=1e-3)


def test_an_empty_block_repeats_the_one_before_and_a_leading_one_the_one_after():
    x = noise(BLOCKS, seed=6)
    x[[0, 1, 10, 11]] = np.nan
    got = shapes(x)[0]
    assert got[0] == got[1] == got[2] != got[3]
    assert got[10] == got[11] == got[9] != got[12]


def test_trend_turn_and_mirror():
    up, down, bowl = np.arange(50.0), -np.arange(50.0), (np.arange(50) - 24.5) ** 2
    slopes = shapes(up, down, bowl)
    assert slopes[0, SLOPE] > 0.3 and slopes[1, SLOPE] == pytest.approx(-slopes[0, SLOPE].item(), abs=1e-5)
    assert slopes[2, SLOPE] == pytest.approx(0, abs=1e-4)
    assert slopes[2, BOW] > 0.1 and slopes[0, BOW] == pytest.approx(0, abs=1e-4)
    assert slopes[:2, UP].tolist() == pytest.approx([1, 0], abs=1e-5)
    assert slopes[2, UP] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("cycles", [1, 4, 7])
def test_spectrum_peaks_at_the_number_of_cycles(cycles):
    x = np.sin(2 * np.pi * cycles * np.arange(168) / 168)
    assert int(shapes(x)[0, SPECTRUM : SPECTRUM + HARMONICS].argmax()) == cycles - 1


def test_autocorrelation_by_hand():
    x = noise(60, seed=8, missing=0.2)
    z = np.arcsinh((x - np.nanmean(x)) / np.nanstd(x))
    expected = [np.nanmean(z[lag:] * z[:-lag]) / np.nanmean(z**2) for lag in LAGS]
    np.testing.assert_allclose(shapes(x)[0, CORRELATIONS : CORRELATIONS + len(LAGS)], expected, atol=1e-4)


def test_a_lag_beyond_the_end_is_zero():
    got = shapes(noise(10))[0, CORRELATIONS : CORRELATIONS + len(LAGS)]
    assert not got[[lag >= 10 for lag in LAGS]].any() and got[[lag < 9 for lag in LAGS]].all()


def test_shares_by_hand():
    got = shapes([0, 0, NAN, 10, 10, 10, 5, 0.1, NAN, 9.9])[0]
    assert got[[FLOOR, CEILING, ZERO, SHARE]].tolist() == pytest.approx([3 / 8, 4 / 8, 2 / 8, 8 / 10])


@pytest.mark.parametrize(
    ("x", "low", "high", "rise", "fall"),
    [
        ([3, 1, 2, 7, 7, 0], 5, 3, 3, 5),
        ([5, 4, 2, 1], 3, 0, 1, 2),  # only falls: the least of them is the steepest rise
        ([5, NAN, 4, NAN, 3, 2], 5, 0, 5, 5),  # one pair of neighbours
        ([5, NAN, 4, NAN, 6], 2, 4, 4, 2),  # none: the extremes stand for the moves
        ([NAN, 2, NAN], 1, 1, 1, 1),
        ([4], 0, 0, 0, 0),
        ([1, 1, 1], 0, 0, 1, 1),
    ],
)
def test_moments_by_hand_whatever_the_padding(x, low, high, rise, fall):
    for more in (0, 1, 9):
        assert moments(*read(list(x) + [NAN] * more))[0, 0].tolist() == [low, high, rise, fall]


def value(x):
    return value_features(torch.tensor(float(x)))


@pytest.mark.parametrize(
    ("step", "start", "step_seconds", "hour", "day"),
    [
        (0, 0.0, 3600.0, 0, 1),
        (20, 6 * 3600.0, 3600.0, 2, 2),  # six o'clock and twenty hours is two o'clock of the second day
        (4, 0.0, 900.0, 1, 1),
        (3, 0.0, 86_400.0, None, 4),
        (3, 0.0, 7 * 86_400.0, None, None),
        (20, NAN, 3600.0, None, 1),
        (20, 0.0, NAN, None, None),
    ],
)
def test_when_by_hand(step, start, step_seconds, hour, day):
    place = moment_places(torch.tensor([[[step]]]), torch.tensor([30]))[0, 0, 0]
    assert place.shape == (PLACE_DIM,)
    angles = [math.pi * (step + 0.5) / 30 * turn for turn in PLACE_TURNS]
    assert place.tolist() == pytest.approx([*map(math.sin, angles), *map(math.cos, angles)], abs=1e-5)
    numbers = moment_numbers(torch.tensor([[[step]]]), torch.tensor([[start, step_seconds]]))[0, 0, 0]
    assert [None if math.isnan(x) else round(x, 4) for x in numbers.tolist()] == [hour, day, step + 1]
    said = stated_features(numbers)
    for got, expected in zip(said, (hour, day, step + 1), strict=True):
        wanted = torch.zeros(VALUE_DIM) if expected is None else value(expected)
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def test_numbers_that_a_text_may_state_by_hand():
    values, observed = read([0, 5, NAN, 5, 1, 0, 5, 2], [NAN] * 8)
    clock = torch.tensor([[22 * 3600.0, 3600.0]])
    got = stated_numbers(values, observed, torch.tensor([8]), moments(values, observed), clock)[0]
    assert got.shape == (2, N_STATED) and got[1].isnan().all()
    torch.testing.assert_close(got[0, :N_LEVELS], level_features(values, observed)[0, 0])
    missing, zero, top = got[0, N_LEVELS : N_LEVELS + 3].tolist()
    assert (missing, zero, top) == pytest.approx((100 / 8, 200 / 7, 300 / 7), abs=1e-4)
    low, high, rise, fall = got[0, N_LEVELS + 3 : N_LEVELS + 15].view(4, 3).tolist()  # hour, day, number of the step
    assert low == [22, 1, 1] and high == [23, 1, 2] and rise == [23, 1, 2] and fall == [2, 2, 5]


def test_an_unknown_number_is_not_zero():
    unknown, zero, below = stated_features(torch.tensor([NAN, 0.0, -3.0]))
    assert not unknown.any() and zero.any()
    assert torch.equal(zero, value(0)) and torch.equal(below, value(-3))


@pytest.mark.parametrize("hidden", [1e9, -1e9, NAN, math.inf])
def test_stated_numbers_never_look_at_an_unobserved_value(hidden):
    values, observed = read(noise(30, missing=0.3), [NAN] * 30)
    clock, steps = torch.tensor([[0.0, 3600.0]]), torch.tensor([30])
    before, after = (
        stated_numbers(v, observed, steps, moments(v, observed), clock)
        for v in (values, values.masked_fill(~observed, hidden))
    )
    assert torch.equal(before.nan_to_num(7), after.nan_to_num(7))


def test_patch_levels_by_hand():
    values, observed = read([1, NAN, 6, 2], [NAN] * 4, [-3, -3, -3, -3])
    got = patch_levels(values, observed)[0]
    torch.testing.assert_close(got[0], torch.cat([value(3), value(1), value(6)]))
    assert not got[1].any(), "a patch with nothing observed says nothing, not zero"
    torch.testing.assert_close(got[2], torch.cat([value(-3)] * 3))


def test_values_by_hand():
    x = [0.0, 3.0, -1013.25]
    got = value_features(torch.tensor(x))
    for row, value in zip(got, x, strict=True):
        axis = math.asinh(value)
        angles = [axis * math.pi / 16 * 2**k for k in range(FOURIER)]
        assert row.tolist() == pytest.approx([axis / 5, *map(math.sin, angles), *map(math.cos, angles)], abs=2e-4)
    assert got.shape == (3, VALUE_DIM)


def test_equal_numbers_have_equal_features_wherever_they_come_from():
    of_series = value_features(level_features(*read([-10.1] * 3))[0, 0, 0])
    assert torch.allclose(of_series, value_features(torch.tensor(-10.1)), atol=1e-4)
    numbers = torch.tensor([-10.1, 10.1, 10.4, -10.4, 0.0])
    apart = torch.cdist(value_features(numbers), value_features(numbers))
    assert (apart + torch.eye(5) > 0.3).all()


def test_largest_floats_have_finite_features():
    assert value_features(torch.tensor([3.4e38, -3.4e38, 1e-38, math.inf, -math.inf])).isfinite().all()


def test_latest_readings_by_hand():
    got = latest_numbers(*read([NAN, 4, 5, NAN, -6, NAN], [0, 2, 2, 2, 2, 0], [NAN, NAN, 7, NAN, NAN, NAN], [NAN] * 6))[
        0
    ]
    expected = [[5, 11, -220, -250], [2, 2, -100, NAN], [NAN, NAN, NAN, 0], [NAN] * 4]
    np.testing.assert_allclose(got.numpy(), expected)
