"""From windows to rows of numbers and back: what all forecasters that read one channel at a time share.

A channel that tells nothing never reaches a model: one with nothing observed is continued by zeros, a constant one by
its constant, one with fewer known values than the model needs by the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import to_offset
from tracets.errors import ConfigError, DataError, ModelError
from tracets.types import LEVELS, FloatArray, Forecast, Sample

ROWS_AT_ONCE = 64
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Rows:
    """Channels of windows as rows, each scaled to mean 0 and spread 1 over its observed steps.

    `values` (n, t) float32, NaN = missing, also before the first step of a shorter window; `window` (n,) int64 the
    place of each row's window among all that are asked about, `freq` its sampling step.
    """

    values: FloatArray
    window: NDArray[np.int64]
    freq: tuple[str | None, ...]

    def until(self, n_steps: int) -> Rows:
        """The first n steps only."""
        return Rows(self.values[:, :n_steps], self.window, self.freq)


Predict = Callable[[Rows, int], FloatArray]
"""(rows, horizon) -> quantiles (n, len(LEVELS), horizon) in the scale of the rows."""


def continue_windows(
    pasts: Sequence[Sample], horizon: int, predict: Predict, *, name: str, context: int, fewest: int = 2
) -> list[Forecast]:
    """Forecasts of a model that reads rows.

    1. keep the last `context` steps  2. answer channels that tell nothing  3. scale the others to mean 0 and spread 1
    4. ask the model for a few windows at a time  5. sort its quantiles and scale them back

    Parameters
    ----------
    predict : callable
        See `Predict`. May give its quantiles in any order; they are sorted.
    name : str
        What the backbone is called in errors.
    context : int
        Steps that the model reads at most.
    fewest : int, default=2
        Steps that a window must have, and known values that a channel must have for the model to be asked.

    Returns
    -------
    list of Forecast
        `mean` is the median, as the models' own packages give it.

    Raises
    ------
    ConfigError
        A horizon below 1.
    DataError
        A window shorter than `fewest` steps.
    ModelError
        The model answered with values that are not finite.
    """
    check_horizon(horizon)
    for past in pasts:
        if past.n_steps < fewest:
            raise DataError(
                f"window '{past.id}' has {past.n_steps} steps; backbone '{name}' needs at least {fewest}. "
                f"Give longer windows."
            )
    forecasts: list[Forecast] = []
    for first, group in _groups(pasts):
        values = [p.values[:, -context:].astype(np.float64) for p in group]
        table = np.concatenate([padded(v, max(v.shape[1] for v in values)) for v in values])  # (n, t)
        window = np.repeat(first + np.arange(len(group)), [p.n_channels for p in group])
        quantiles = np.repeat(last_known(table)[:, None, None], len(LEVELS), 1).repeat(horizon, 2)
        asked = np.flatnonzero(is_telling(table, fewest))
        if len(asked):
            location, spread = location_and_spread(table[asked])
            rows = Rows(
                ((table[asked] - location) / spread).astype(np.float32),
                window[asked],
                tuple(pasts[w].freq for w in window[asked]),
            )
            scaled = predict(rows, horizon)
            expected = (len(asked), len(LEVELS), horizon)
            if scaled.shape != expected or not np.isfinite(scaled).all():
                raise ModelError(
                    f"backbone '{name}' answered with shape {scaled.shape} and {(~np.isfinite(scaled)).sum()} values "
                    f"that are not finite; {expected} was asked for. Is its checkpoint whole?"
                )
            quantiles[asked] = np.sort(scaled, 1) * spread[:, :, None] + location[:, :, None]
        quantiles = np.clip(quantiles, -LARGEST, LARGEST)
        for w, past in enumerate(group, start=first):
            forecasts.append(to_forecast(past, quantiles[window == w].transpose(1, 0, 2)))
    return forecasts


def check_horizon(horizon: int) -> None:
    """Refuse a horizon below 1."""
    if horizon < 1:
        raise ConfigError(f"horizon must be at least 1, got {horizon}.")


def is_telling(table: NDArray[np.float64], fewest: int) -> NDArray[np.bool_]:
    """Rows of (n, t) with at least `fewest` known values that are not all the same."""
    known = np.isfinite(table)
    top, bottom = (np.where(known, table, -np.inf).max(1), np.where(known, table, np.inf).min(1))
    return (known.sum(1) >= fewest) & (top > bottom)


def last_known(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The last value of each row of (n, t) that is not NaN; 0 where there is none. (n,)"""
    known = np.isfinite(table)
    at = table.shape[1] - 1 - known[:, ::-1].argmax(1)
    return np.where(known.any(1), table[np.arange(len(table)), at], 0.0)


def location_and_spread(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the known values of each row, both (n, 1); no row may be constant."""
    return np.nanmean(table, 1, keepdims=True), np.nanstd(table, 1, keepdims=True)


def at_levels(quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Quantiles (n, len(levels), h) at the levels of every forecast, linear between two; (n, len(LEVELS), h).

    A level outside a model's own takes the nearest it has.
    """
    if tuple(levels) == LEVELS:
        return quantiles
    return np.einsum("nqh,ql->nlh", np.sort(quantiles, 1), level_weights(levels)).astype(np.float32)


def level_weights(levels: Sequence[float]) -> FloatArray:
    """What each of a model's levels adds to each of `LEVELS`, (len(levels), len(LEVELS)); columns sum to 1."""
    return np.stack([np.interp(LEVELS, levels, own) for own in np.eye(len(levels))]).astype(np.float32)


def to_forecast(past: Sample, quantiles: NDArray[np.float64]) -> Forecast:
    """Rising quantiles (len(LEVELS), c, h) in raw units as the forecast of a window."""
    return Forecast(
        id=past.id,
        mean=quantiles[LEVELS.index(0.5)].astype(np.float32),
        quantiles=quantiles.astype(np.float32),
        channel_names=past.channel_names,
        units=past.units,
        start=time_after(past),
        freq=past.freq,
    )


def time_after(past: Sample) -> datetime | None:
    """The time of the step after a window; None where its start or freq is unknown."""
    if past.start is None or past.freq is None:
        return None
    import pandas as pd

    step = past.n_steps * to_offset(past.freq)  # as one step: a list of all of them takes milliseconds a window
    after: datetime = pd.date_range(past.start, periods=2, freq=step)[-1].to_pydatetime()
    return after


def _groups(pasts: Sequence[Sample]) -> Iterator[tuple[int, list[Sample]]]:
    """Windows in their order, as many at a time as have at most `ROWS_AT_ONCE` channels together, and their begin."""
    begin, n_rows = 0, 0
    for at, past in enumerate(pasts):
        if n_rows and n_rows + past.n_channels > ROWS_AT_ONCE:
            yield begin, list(pasts[begin:at])
            begin, n_rows = at, 0
        n_rows += past.n_channels
    if n_rows:
        yield begin, list(pasts[begin:])


def padded(values: NDArray[np.float64], n_steps: int) -> NDArray[np.float64]:
    """(c, t) with NaN before the first step, (c, n_steps)."""
    return np.pad(values, ((0, 0), (n_steps - values.shape[1], 0)), constant_values=np.nan)
