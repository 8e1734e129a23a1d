"""Summary features of a window, a fixed number for each channel, for baselines without a network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tracets.types import Sample

N_BLOCKS = 8
N_WAVES = 6
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_FEATURES = 1 + 4 + len(QUANTILES) + N_BLOCKS + (N_BLOCKS - 1) + N_BLOCKS + 4 + 3 + 2 * N_WAVES


def window_features(samples: Sequence[Sample], names: Sequence[str]) -> NDArray[np.float64]:
    """Features of every channel name side by side, and the calendar: (n, len(names) * N_FEATURES + 4).

    A window without the channel has zeros there and a missing share of 1.
    """
    width = len(names) * N_FEATURES
    out = np.zeros((len(samples), width + 4))
    for i, sample in enumerate(samples):
        rows = dict(zip(sample.channel_names, sample.values, strict=True))
        for c, name in enumerate(names):
            row = rows.get(name)
            found = channel_features(row) if row is not None else channel_features(np.array([np.nan]))
            out[i, c * N_FEATURES : (c + 1) * N_FEATURES] = found
        out[i, width:] = calendar_features(sample.start)
    return out


def channel_features(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Level, spread, quantiles, block means and their differences, block spreads, slope, extremes, roughness, spectrum.

    Missing values are interpolated for all but the missing share: (n_steps,) -> (N_FEATURES,). The first is the
    missing share.
    """
    known = ~np.isnan(values)
    out = np.zeros(N_FEATURES)
    out[0] = 1 - known.mean()
    if not known.any():
        return out
    steps = np.arange(len(values))
    x = np.interp(steps, steps[known], values[known].astype(np.float64))
    place = (steps + 0.5) / len(x)
    blocks = np.array_split(x, N_BLOCKS) if len(x) >= N_BLOCKS else [x[[int(b)]] for b in _spread(len(x))]
    means = np.array([block.mean() for block in blocks])
    centred = place - place.mean()
    slope = float(centred @ x / max(centred @ centred, 1e-12))
    steps_taken = np.diff(x) if len(x) > 1 else np.zeros(1)
    wave = np.fft.rfft(x - x.mean())[1 : N_WAVES + 1] / len(x)
    wave = np.pad(wave, (0, N_WAVES - len(wave)))
    out[1:] = np.concatenate(
        [
            [x.mean(), x.std(), x.min(), x.max()],
            np.quantile(x, QUANTILES),
            means,
            np.diff(means),
            [block.std() for block in blocks],
            [slope, x[-1] - x[0], place[x.argmin()], place[x.argmax()]],
            [np.abs(steps_taken).mean(), steps_taken.max(), steps_taken.min()],
            np.abs(wave),
            wave.real,
        ]
    )
    return out


def calendar_features(start: datetime | None) -> NDArray[np.float64]:
    """Season and hour of the first step as sine and cosine; zeros where the start is not known."""
    if start is None:
        return np.zeros(4)
    year = 2 * np.pi * start.timetuple().tm_yday / 365.25
    day = 2 * np.pi * (start.hour + start.minute / 60) / 24
    return np.array([np.sin(year), np.cos(year), np.sin(day), np.cos(day)])


def _spread(n: int) -> NDArray[np.int64]:
    return np.linspace(0, n - 1, N_BLOCKS).round().astype(np.int64)
