"""Numeric tools of the captions: smoothing, swings, autocorrelation, runs. Pure functions of one row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]


def filled(row: Row) -> Row:
    """Missing values interpolated linearly, the ends carried outwards. At least one value must be there."""
    seen = ~np.isnan(row)
    if seen.all():
        return row
    steps = np.arange(len(row))
    return np.interp(steps, steps[seen], row[seen])


def smoothed(row: Row, width: int) -> Row:
    """Centred moving mean over `width` steps (made odd), over what there is of it at the ends."""
    half = width // 2
    if half == 0:
        return row
    sums = np.concatenate(([0.0], np.cumsum(row)))
    index = np.arange(len(row))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(row))
    return (sums[high] - sums[low]) / (high - low)


def cycle_free(row: Row, width: int) -> Row:
    """Moving mean over exactly `width` steps (a whole number of cycles), held where the window would leave the row."""
    sums = np.concatenate(([0.0], np.cumsum(row)))
    means = (sums[width:] - sums[:-width]) / width
    before = (len(row) - len(means)) // 2
    return np.pad(means, (before, len(row) - len(means) - before), mode="edge")


def swings(row: Row, least: float) -> list[tuple[int, int]]:
    """The alternating rises and falls of a row that are at least `least` high, as (first, last) step of each.

    >>> swings(np.array([0.0, 1.0, 3.0, 2.8, 3.1, 0.5]), 1.0)
    [(0, 4), (4, 5)]
    """
    values = row.tolist()
    low = high = last = 0
    going = 0
    turns: list[int] = []
    for i, value in enumerate(values):
        if going == 0:
            if value < values[low]:
                low = i
            if value > values[high]:
                high = i
            if values[high] - values[low] >= least > 0:
                going = 1 if high > low else -1
                turns, last = [min(low, high)], max(low, high)
        elif (value - values[last]) * going > 0:
            last = i
        elif (values[last] - value) * going >= least:
            turns.append(last)
            going, last = -going, i
    if going == 0:
        return []
    turns.append(last)
    return list(zip(turns[:-1], turns[1:], strict=True))


def autocorrelation(row: Row) -> Row:
    """Autocorrelation at lags 0 to n - 1 after removing the fitted line; each lag is weighted by its own overlap."""
    n = len(row)
    steps = np.arange(n) - (n - 1) / 2
    rest = row - row.mean()
    rest = rest - steps * ((rest @ steps) / (steps @ steps))
    spectrum = np.fft.rfft(rest, 2 * n)
    sums = np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[:n]
    if sums[0] <= 1e-12 * max(1.0, float(row @ row)):
        return np.zeros(n)
    return sums / sums[0] * (n / np.arange(n, 0, -1))


def dominant_lag(acf: Row, least: float, repeats: float) -> int | None:
    """The lag of the first high peak of an autocorrelation after it fell below zero, or None."""
    n = len(acf)
    below = np.flatnonzero(acf < 0)
    if not len(below):
        return None
    stop = int(n / repeats)
    lags = np.arange(max(3, below[0]), stop + 1)
    if not len(lags) or lags[-1] + 1 >= n:
        return None
    peak = (acf[lags] >= acf[lags - 1]) & (acf[lags] >= acf[lags + 1])
    lags = lags[peak & (acf[lags] >= least)]
    if not len(lags):
        return None
    return int(lags[acf[lags] >= 0.9 * acf[lags].max()][0])


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(k, 2) first step and step after the last of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges.reshape(-1, 2)


def rolling_median(row: Row, width: int) -> Row:
    """Median of the `width` (odd) steps around each; the ends are mirrored."""
    half = width // 2
    padded = np.pad(row, half, mode="reflect")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
