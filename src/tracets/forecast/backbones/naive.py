"""The forecasts that every other must beat: the last season again, or the last value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import season_of
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rows import check_horizon, last_known, to_forecast
from tracets.types import LEVELS, Forecast, Sample

FEWEST_DIFFERENCES = 8
"""Below this many known differences over a season, spreads come from differences of one step."""


class Naive:
    """Repeats the last season of each channel (`season_of` the window's freq), or its last value.

    A missing step takes the last known value of its place in the season, and the last known value at all where there is
    none. A window that is shorter than a season is continued by its last value.

    Quantiles: those of the differences in the window from one season to the next, around their median, wider by the
    square root of the seasons ahead. Without enough of them, the same with steps in place of seasons; without two of
    those, no spread at all.
    """

    def __init__(self, name: str, *, seasonal: bool) -> None:
        self.name, self.seasonal = name, seasonal

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`; no window is too short and no horizon too long."""
        check_horizon(horizon)
        return [to_forecast(past, self._continue(past, horizon)) for past in pasts]

    def _continue(self, past: Sample, horizon: int) -> NDArray[np.float64]:
        values = past.values.astype(np.float64)
        season = season_of(past.freq) if self.seasonal else 1
        season = season if season <= past.n_steps else 1
        ahead = np.arange(horizon)
        point = _last_season(values, season)[:, ahead % season]  # (c, h)
        spread = np.stack([_spread(row, season, horizon) for row in values], 1)  # (levels, c, h)
        quantiles: NDArray[np.float64] = point + spread
        return quantiles


def _last_season(values: NDArray[np.float64], season: int) -> NDArray[np.float64]:
    """The last known value of each place in the season, (c, t) -> (c, season); the next step is at place 0."""
    c, t = values.shape
    whole = np.pad(values, ((0, 0), (-t % season, 0)), constant_values=np.nan).reshape(c, -1, season)
    by_place = whole.transpose(0, 2, 1).reshape(c * season, -1)
    known = np.isfinite(by_place).any(1).reshape(c, season)
    return np.where(known, last_known(by_place).reshape(c, season), last_known(values)[:, None])


def _spread(row: NDArray[np.float64], season: int, horizon: int) -> NDArray[np.float64]:
    """Quantiles of the error of each step, (len(LEVELS), h), 0 at the median."""
    differences = row[season:] - row[:-season]
    differences = differences[np.isfinite(differences)]
    if len(differences) < FEWEST_DIFFERENCES:
        season, known = 1, row[np.isfinite(row)]
        differences = np.diff(known)
    if len(differences) < 2:
        return np.zeros((len(LEVELS), horizon))
    levels = np.quantile(differences, LEVELS)
    seasons_ahead = np.arange(horizon) // season + 1
    return (levels - levels[LEVELS.index(0.5)])[:, None] * np.sqrt(seasons_ahead)


def load(source: Source) -> Naive:
    """The seasonal one; neither has weights."""
    return Naive("seasonal-naive", seasonal=True)


def load_last_value(source: Source) -> Naive:
    """The one that repeats the last value."""
    return Naive("last-value", seasonal=False)
