"""What every model that reads rows shares, with models of one line."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tracets.data.series import Series
from tracets.errors import ModelError
from tracets.forecast.backbones import rows
from tracets.forecast.backbones.rows import at_levels, continue_windows, level_weights, time_after
from tracets.types import LEVELS, Sample


def last_step(given, horizon):
    """The last value, with quantiles in falling order."""
    spread = np.linspace(1, -1, len(LEVELS))
    filled = rows.last_known(given.values.astype(float))
    return (filled[:, None, None] + spread[:, None] + np.zeros(horizon)).astype(np.float32)


def test_scaled_in_and_out_and_sorted():
    values = np.array([[1.0, np.nan, 3.0, 5.0]])
    (forecast,) = continue_windows([Sample("w", values, ("x",))], 2, last_step, name="one", context=4)
    spread = np.std([1, 3, 5])
    assert forecast.quantiles[[0, 4, 8], 0, 1].tolist() == pytest.approx([5 - spread, 5, 5 + spread], abs=1e-5)


def test_only_the_last_steps_are_read():
    seen = []

    def look(given, horizon):
        seen.append(given.values)
        return last_step(given, horizon)

    values = np.concatenate([np.full(50, 1e6), [1.0, 2.0, 3.0]])[None]
    continue_windows([Sample("w", values, ("x",))], 1, look, name="one", context=3)
    assert seen[0].shape == (1, 3) and seen[0][0, 0] == pytest.approx(-(1.5**0.5))


def test_windows_come_in_groups_and_whole(monkeypatch):
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 4)
    shapes = []

    def look(given, horizon):
        shapes.append((given.values.shape, given.window.tolist(), given.freq))
        return last_step(given, horizon)

    rng = np.random.default_rng(0)
    samples = [
        Sample(str(i), rng.normal(size=(c, t)), [f"c{j}" for j in range(c)], freq="h" if t == 9 else None)
        for i, (c, t) in enumerate([(3, 5), (2, 9), (1, 7), (6, 5)])
    ]
    found = continue_windows(samples, 1, look, name="one", context=20)
    assert shapes == [
        ((3, 5), [0, 0, 0], (None,) * 3),
        ((3, 9), [1, 1, 2], ("h", "h", None)),
        ((6, 5), [3] * 6, (None,) * 6),
    ]
    for sample, forecast in zip(samples, found, strict=True):
        assert forecast.mean[:, 0].tolist() == pytest.approx(sample.values[:, -1].tolist(), abs=1e-5)


def test_channels_that_tell_nothing_never_reach_the_model():
    def refuse(given, horizon):
        raise AssertionError("asked")

    values = np.full((3, 10), np.nan)
    values[0] = 4.5
    values[1, 3:6] = [1, 2, 3]  # fewer than it needs
    (forecast,) = continue_windows([Sample("w", values, ("a", "b", "c"))], 2, refuse, name="m", context=10, fewest=8)
    assert forecast.mean.tolist() == [[4.5, 4.5], [3, 3], [0, 0]]


def test_an_answer_that_is_not_finite_is_an_error():
    def broken(given, horizon):
        return np.full((len(given.values), len(LEVELS), horizon), np.nan)

    sample = Sample("w", np.arange(5.0)[None], ("x",))
    with pytest.raises(ModelError, match=r"backbone 'broken' answered with shape \(1, 9, 2\) and 18 values that are"):
        continue_windows([sample], 2, broken, name="broken", context=9)


def test_huge_values_stay_finite():
    values = np.array([[-3.3e38, 3.3e38, -3.3e38, 3.3e38]], np.float32)
    (forecast,) = continue_windows([Sample("w", values, ("x",))], 1, last_step, name="one", context=4)
    assert np.isfinite(forecast.quantiles).all() and forecast.quantiles[8, 0, 0] == np.finfo(np.float32).max


def test_levels_of_others_are_interpolated():
    levels = (0.05, 0.25, 0.5, 0.95)
    given = np.array([[[10.0], [0.0], [20.0], [30.0]]])  # crossed: sorted first
    expected = np.interp(LEVELS, levels, [0, 10, 20, 30])
    assert at_levels(given, levels)[0, :, 0].tolist() == pytest.approx(expected.tolist())
    assert np.allclose(level_weights(levels).sum(0), 1)
    narrow = at_levels(np.array([[[1.0], [2.0]]]), (0.4, 0.6))[0, :, 0]
    assert narrow.tolist() == pytest.approx([1, 1, 1, 1, 1.5, 2, 2, 2, 2])


@pytest.mark.parametrize(
    ("start", "freq", "n"),
    [
        (datetime(2024, 3, 30, tzinfo=ZoneInfo("Europe/Berlin")), "D", 3),  # a day of 23 hours among them
        (datetime(2024, 3, 30, tzinfo=ZoneInfo("Europe/Berlin")), "h", 50),
        (datetime(2024, 1, 31), "ME", 25), (datetime(2024, 2, 1), "MS", 13), (datetime(2024, 1, 7), "W-SUN", 60),
        (datetime(2024, 1, 5), "B", 4), (datetime(2024, 1, 1, 5), "30min", 100),
    ],
)  # fmt: skip
def test_the_time_of_the_first_step_ahead(start, freq, n):
    sample = Sample("w", np.zeros((1, n)), ("x",), start=start, freq=freq)
    one_by_one = Series("s", np.zeros((1, n)), ("x",), start, freq).times_until(n + 1)[-1]
    assert time_after(sample) == one_by_one and time_after(sample).tzinfo == start.tzinfo
    assert time_after(Sample("w", np.zeros((1, n)), ("x",), start=start)) is None
