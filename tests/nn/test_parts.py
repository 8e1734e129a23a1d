"""Which part is highest, calm or moving, the smoothed turn, the gap and the cycle: by hand, and free of padding."""

import math

import numpy as np
import pytest
import torch

from tracets.nn.parts import (
    DAYPARTS,
    DAYS,
    N_MORE_MOMENTS,
    N_PARTS,
    N_RHYTHM,
    RELATIVE,
    all_parts,
)

NAN = float("nan")
SIZES = (*RELATIVE, DAYPARTS, DAYS)
CHANGE = 3 * sum(SIZES)
RANGE, ROUGH, ROUGHEST, CALMEST = (CHANGE + 3 * k for k in range(1, 5))
DAYPART_CHANGE = CHANGE + 15
HOURLY = (0.0, 3600.0)
UNTIMED = torch.full((1, 2), NAN)


def read(*channels):
    x = torch.tensor([list(c) for c in channels], dtype=torch.float32)[None]
    return torch.nan_to_num(x, nan=0.0), ~x.isnan()


def more_moments(*given):
    return all_parts(*given)[0].float()


def rhythm_numbers(*given):
    return all_parts(*given)[1]


def part_features(*given):
    return all_parts(*given)[2]


def parts(*channels, clock=HOURLY):
    values, observed = read(*channels)
    return part_features(values, observed, torch.tensor([values.shape[-1]]), torch.tensor([clock]))[0]


def group(features, number):
    """The mean, "highest" and "lowest" of the parts of a group: thirds, quarters, sevenths, parts of the day, days."""
    begin, size = 3 * sum(SIZES[:number]), SIZES[number]
    return features[begin : begin + 3 * size].view(3, size)


def noise(t, *, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(3, 2, t)
    x[rng.random(t) < missing] = np.nan
    return x.astype(np.float32)


@pytest.mark.parametrize(("number", "size"), [*enumerate(RELATIVE)])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_means_of_relative_parts_by_numpy(number, size, missing):
    x = noise(84, missing=missing)
    relative = (x - np.nanmin(x)) / np.nanmax(x - np.nanmin(x))
    means = [np.nanmean(part) for part in np.split(relative, size)]
    found, highest, lowest = group(parts(x)[0], number).numpy()
    np.testing.assert_allclose(found, np.array(means) - 0.5, atol=1e-5)
    assert highest.argmax() == np.argmax(means) and lowest.argmax() == np.argmin(means)
    assert highest.sum() == pytest.approx(1) and lowest.sum() == pytest.approx(1)


def test_days_are_those_of_the_calendar():
    """From 18 o'clock on: six hours of the first day, then a whole one, then the rest."""
    x = np.r_[np.full(6, 1.0), np.full(24, 9.0), np.full(10, 5.0)]
    mean, highest, lowest = group(parts(x, clock=(18 * 3600.0, 3600.0))[0], 4)
    assert mean[:4].tolist() == pytest.approx([-0.5, 0.5, 0, 0]) and not mean[3:].any()
    assert int(highest.argmax()) == 1 and int(lowest.argmax()) == 0
    assert rhythm_numbers(*read(x), torch.tensor([40]), torch.tensor([(18 * 3600.0, 3600.0)]))[0, 0, :2].tolist() == [
        2,
        1,
    ]


def test_parts_of_the_day_need_a_clock_and_steps_below_a_day():
    x = np.tile(np.repeat([1.0, 2, 4, 3], 6), 3)
    mean, highest, lowest = group(parts(x)[0], 3)
    assert mean.tolist() == pytest.approx([-0.5, 1 / 3 - 0.5, 0.5, 2 / 3 - 0.5])
    assert (int(highest.argmax()), int(lowest.argmax())) == (2, 0)
    for clock in ((NAN, 3600.0), (0.0, NAN), (0.0, 86_400.0)):
        assert not group(parts(x, clock=clock)[0], 3).any()


def test_thirds_that_move_and_thirds_that_rest():
    x = np.r_[np.linspace(0, 10, 20), np.full(20, 10.0), np.linspace(10, 5, 20)]
    found = parts(x)[0]
    assert found[CHANGE:RANGE].tolist() == pytest.approx([1, 0, -0.5], abs=0.06)
    assert found[RANGE:ROUGH].tolist() == pytest.approx([1, 0, 0.5], abs=1e-5)


@pytest.mark.parametrize("third", range(3))
def test_the_roughest_and_the_calmest_third(third):
    x = 0.1 * noise(90)
    x[30 * third : 30 * third + 30] *= 10
    found = parts(x, 10 - x[::-1])
    assert [int(row.argmax()) for row in found[:, ROUGHEST:CALMEST]] == [third, 2 - third]
    still = noise(90)
    still[30 * third : 30 * third + 30] = 3
    assert int(parts(still)[0, CALMEST : CALMEST + 3].argmax()) == third


def test_movement_inside_parts_of_the_day():
    x = np.r_[np.linspace(0, 4, 6), np.full(6, 4.0), np.linspace(4, 8, 6), np.linspace(8, 0, 6)]
    change = parts(x)[0, DAYPART_CHANGE : DAYPART_CHANGE + DAYPARTS]
    assert change.tolist() == pytest.approx([0.5, 0, 0.5, -1], abs=0.06)
    assert not parts(np.tile(x, 3))[0, DAYPART_CHANGE : DAYPART_CHANGE + 2 * DAYPARTS].any(), "three days have several"


def test_the_turn_of_the_smoothed_channel_is_not_the_spike():
    x = -np.abs(np.arange(60) - 40.0)
    x[5] = 30
    low, high, gap = more_moments(*read(x), torch.tensor([60]), UNTIMED)[0, 0].tolist()
    assert high == 40 and low >= 59 - 5 or low <= 5
    assert gap == -1


@pytest.mark.parametrize(
    ("x", "middle"),
    [
        ([1, NAN, 3, NAN, NAN, NAN, 2], 4),
        ([NAN, NAN, 1, 2], 0),
        ([1, 2, NAN, NAN], 2),
        ([1, 2, 3], -1),
        ([1, NAN, 2, NAN], 1),
    ],
)
def test_the_middle_of_the_longest_gap_whatever_the_padding(x, middle):
    for more in (0, 5):
        values, observed = read([*x, *[NAN] * more])
        assert more_moments(values, observed, torch.tensor([len(x)]), UNTIMED)[0, 0, 2] == middle


@pytest.mark.parametrize("period", [5, 12, 24])
def test_the_cycle_in_steps_hours_and_days(period):
    x = np.sin(2 * np.pi * np.arange(120) / period) + 0.02 * np.arange(120)
    steps, hours, days = rhythm_numbers(*read(x), torch.tensor([120]), torch.tensor([(0.0, 1800.0)]))[0, 0, 2:].tolist()
    assert (steps, hours, days) == pytest.approx((period, period / 2, period / 48))
    assert parts(x)[0, -1] > 0.8


@pytest.mark.parametrize("x", [np.arange(50.0), np.ones(50), [1.0, 2, 3]])
def test_no_cycle_has_no_number(x):
    assert rhythm_numbers(*read(x), torch.tensor([len(x)]), torch.tensor([HOURLY]))[0, 0, 2:].isnan().all()
    assert parts(x)[0, -1] == 0


@pytest.mark.parametrize("of", [part_features, more_moments, rhythm_numbers])
class TestEvery:
    CLOCK = torch.tensor([[5 * 3600.0, 3600.0]])

    def test_is_free_of_padding(self, of):
        values, observed = read(noise(60, missing=0.2), np.sin(np.arange(60) / 3))
        padded, seen = torch.nn.functional.pad(values, (0, 41), value=9.0), torch.nn.functional.pad(observed, (0, 41))
        steps = torch.tensor([60])
        got, expected = of(padded, seen, steps, self.CLOCK), of(values, observed, steps, self.CLOCK)
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4, equal_nan=True)

    @pytest.mark.parametrize("hidden", [1e9, -1e9, NAN, math.inf])
    def test_never_looks_at_an_unobserved_value(self, of, hidden):
        values, observed = read(noise(40, missing=0.3), [NAN] * 40)
        steps = torch.tensor([40])
        before = of(values, observed, steps, self.CLOCK)
        after = of(values.masked_fill(~observed, hidden), observed, steps, self.CLOCK)
        assert torch.equal(before.nan_to_num(-7), after.nan_to_num(-7))

    @pytest.mark.parametrize(("factor", "shift"), [(5, -10), (1e-3, 0), (250, 1013)])
    def test_is_free_of_level_and_scale(self, of, factor, shift):
        x = np.stack([noise(100, seed=1, missing=0.1), np.sin(np.arange(100) / 5)])
        steps = torch.tensor([100])
        got, expected = (of(*read(*y), steps, self.CLOCK) for y in (x, x * factor + shift))
        torch.testing.assert_close(got, expected, atol=5e-3, rtol=5e-3, equal_nan=True)

    @pytest.mark.slow
    @pytest.mark.parametrize("t", [1, 2, 3, 9, 300])
    @pytest.mark.parametrize("x", [0.0, 7.3, 1e16, 1e-30])
    def test_is_finite_or_unknown(self, of, t, x):
        row = np.full(t, x, np.float32)
        row[t // 2 :] *= 2
        sizes = {part_features: N_PARTS, rhythm_numbers: N_RHYTHM}
        for step in (NAN, 1.0, 3600.0, 1e9):
            found = of(*read(row, [NAN] * t), torch.tensor([t]), torch.tensor([[NAN, step]]))
            assert found.shape == (1, 2, sizes.get(of, N_MORE_MOMENTS)) and not found.isinf().any()
            assert of is rhythm_numbers or not found.isnan().any()
