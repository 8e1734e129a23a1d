"""Quantiles for models that say one number a step: from how far they were off inside the window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tracets.forecast.backbones.rows import Predict, Rows, is_telling
from tracets.types import LEVELS, FloatArray

Point = Callable[[Rows, int], FloatArray]
"""(rows, horizon) -> (n, horizon) in the scale of the rows."""

ORIGINS = 2
"""At how many earlier ends a model is asked again."""
FEWEST_ERRORS = 8


def with_spread(point: Point, *, fewest: int = 2) -> Predict:
    """A model of points as one of quantiles.

    1. forecast from the end of the window  2. forecast again from ends that lie one horizon earlier, two, up to
    `ORIGINS`, as long as `fewest` known steps are left  3. the quantiles of these errors, around their median, lie
    around the forecast, the same at each of its steps

    A row with fewer than `FEWEST_ERRORS` errors takes the quantiles of its differences from step to step in their
    place, wider by the square root of the steps ahead; the median is the model's point in either case.

    Parameters
    ----------
    fewest : int, default=2
        Known steps without which the model is not asked.
    """

    def predict(rows: Rows, horizon: int) -> FloatArray:
        ahead = point(rows, horizon)
        errors = [_errors(point, rows, horizon, back * horizon, fewest) for back in range(1, ORIGINS + 1)]
        pooled = np.concatenate(errors, 1)  # (n, ORIGINS * horizon)
        spread = np.stack([_around(own, row, horizon) for own, row in zip(pooled, rows.values, strict=True)])
        return (ahead[:, None] + spread).astype(np.float32)

    return predict


def _errors(point: Point, rows: Rows, horizon: int, back: int, fewest: int) -> FloatArray:
    """What the model was off, asked `back` steps before the end; NaN where it was not asked or nothing is known."""
    n, t = rows.values.shape
    out = np.full((n, horizon), np.nan, np.float32)
    end = t - back
    asked = is_telling(rows.values[:, : max(end, 0)].astype(np.float64), fewest) if end >= fewest else np.zeros(n, bool)
    if asked.any():
        chosen = np.flatnonzero(asked)
        before = Rows(rows.values[chosen, :end], rows.window[chosen], tuple(rows.freq[i] for i in chosen))
        out[chosen] = rows.values[chosen, end : end + horizon] - point(before, horizon)
    return out


def _around(errors: FloatArray, row: FloatArray, horizon: int) -> NDArray[np.float64]:
    """Quantiles of errors around their median, (len(LEVELS), horizon)."""
    known = errors[np.isfinite(errors)]
    wider = np.ones(horizon)
    if len(known) < FEWEST_ERRORS:
        known, wider = np.diff(row[np.isfinite(row)]), np.sqrt(np.arange(horizon) + 1)
    levels = np.quantile(known, LEVELS)
    around: NDArray[np.float64] = (levels - levels[LEVELS.index(0.5)])[:, None] * wider
    return around
