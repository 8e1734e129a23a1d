"""Mixed windows: made from given channels only, moved as said, the same every time, and captioned from themselves."""

import numpy as np
import pytest

from tracets.data.augment import mixed_windows
from tracets.data.captions import caption
from tracets.errors import DataError
from tracets.types import Sample


def window(i: int, *, n_steps: int = 72) -> Sample:
    rng = np.random.default_rng(i)
    rain = np.where(rng.random(n_steps) < 0.2, rng.gamma(1, 2, n_steps), 0)
    rows = [10 * i + rng.normal(size=n_steps), rng.uniform(20, 100, n_steps), rain]
    return Sample(f"w{i}", np.array(rows), ("temperature", "humidity", "rain"), ("°C", "%", "mm"), freq="h")


WINDOWS = [window(i) for i in range(4)]


def test_window_i_depends_on_seed_and_i_alone():
    one, two = list(mixed_windows(WINDOWS, 3, seed=1)), list(mixed_windows(WINDOWS, 5, seed=1))
    assert [s.id for s in one] == [s.id for s in two[:3]]
    np.testing.assert_array_equal([s.values for s in one], [s.values for s in two[:3]])
    assert not np.array_equal(one[0].values, next(mixed_windows(WINDOWS, 1, seed=2)).values)


@pytest.mark.slow
def test_amounts_keep_their_zero_and_shares_their_limits():
    for sample in mixed_windows(WINDOWS, 50, seed=0):
        humidity, rain = sample.values[1:]
        assert 0 <= humidity.min() and humidity.max() <= 100
        assert rain.min() == 0 and 0.5 < (rain == 0).mean() < 1


@pytest.mark.slow
def test_a_channel_without_zero_is_an_affine_image_of_a_given_one_turned_by_whole_days():
    for sample in mixed_windows(WINDOWS, 20, seed=3):
        found = max(
            np.corrcoef(np.roll(giver.values[0], turn), sample.values[0])[0, 1]
            for giver in WINDOWS
            for turn in (0, 24, 48)
        )
        assert found > 0.999


def test_the_text_speaks_of_the_new_numbers():
    sample = next(mixed_windows(WINDOWS, 1, seed=0))
    assert sample.text == caption(sample, seed=0).text
    assert all(sample.channel_texts)


def test_windows_of_several_kinds_are_refused():
    with pytest.raises(DataError, match="one kind .* got 2 kinds"):
        next(mixed_windows([window(0), window(1, n_steps=48)], 1, seed=0))
