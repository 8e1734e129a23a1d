"""What every backbone must keep, whoever made it."""

from datetime import datetime

import numpy as np
import pytest

from tracets.errors import ConfigError, DataError
from tracets.forecast.protocol import Backbone
from tracets.types import Sample


def wave(n, *, period=24, seed=0):
    rng = np.random.default_rng(seed)
    return 10 + 3 * np.sin(2 * np.pi * np.arange(n) / period) + rng.normal(size=n) / 5


@pytest.fixture(scope="session")
def windows():
    """Five channels in three windows: gaps, a constant, nothing observed, another length, no calendar."""
    gaps = wave(96)
    gaps[[5, 6, 40, 95]] = np.nan
    first = np.stack([gaps, np.full(96, -7.25), np.full(96, np.nan)])
    return [
        Sample("a", first, ("load", "still", "dead"), ("MW", None, "K"), start=datetime(2024, 2, 28), freq="h"),
        Sample("b", 1e4 + wave(130, period=7, seed=1)[None], ("visits",), start=datetime(2024, 1, 1), freq="D"),
        Sample("c", 1e-3 * wave(96, seed=2)[None], ("x",)),
    ]


@pytest.fixture(scope="session")
def keeps_contract(windows):
    """A function that checks a backbone; `tolerance` is for company in a batch, as a share of the spread."""

    def check(backbone, *, horizon, shortest=1, tolerance=1e-3):
        assert isinstance(backbone, Backbone)
        found = backbone.forecast(windows, horizon)
        assert [f.id for f in found] == ["a", "b", "c"]
        assert [f.mean.shape for f in found] == [(3, horizon), (1, horizon), (1, horizon)]
        assert [f.channel_names for f in found] == [w.channel_names for w in windows]
        assert found[0].units == ("MW", None, "K") and found[0].freq == "h"
        assert [f.start for f in found] == [datetime(2024, 3, 3), datetime(2024, 5, 10), None]
        assert (found[0].mean[1] == -7.25).all() and (found[0].quantiles[:, 1] == -7.25).all()
        assert (found[0].mean[2] == 0).all() and (found[0].quantiles[:, 2] == 0).all()
        assert all((f.mean == f.quantiles[4]).all() for f in found)
        for window, one in zip(windows, found, strict=True):  # company in a batch changes nothing
            (alone,) = backbone.forecast([window], horizon)
            assert np.abs(alone.quantiles - one.quantiles).max() <= tolerance * np.nanstd(window.values[0])
        scaled = Sample("s", 100 - 5 * windows[2].values * 1e3, ("x",))  # the spread, not the unit, is what is read
        plain = Sample("p", -windows[2].values, ("x",))
        (big,), (small,) = backbone.forecast([scaled], horizon), backbone.forecast([plain], horizon)
        assert np.abs(big.quantiles - (100 + 5e3 * small.quantiles)).max() <= 5e-3 * np.nanstd(scaled.values)
        with pytest.raises(ConfigError, match="horizon must be at least 1, got 0"):
            backbone.forecast(windows, 0)
        assert backbone.forecast([], horizon) == []
        if shortest > 1:
            short = Sample("short", np.arange(shortest - 1.0)[None], ("x",))
            with pytest.raises(DataError, match=f"window 'short' has {shortest - 1} steps; .* at least {shortest}"):
                backbone.forecast([short], horizon)
        else:
            (forecast,) = backbone.forecast([Sample("short", np.array([[2.0]]), ("x",))], horizon)
            assert (forecast.mean == 2).all()
        return found

    return check
