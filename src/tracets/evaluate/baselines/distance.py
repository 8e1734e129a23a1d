"""Baselines, series to series: Euclidean distance and dynamic time warping of aligned channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tracets.errors import MissingExtra
from tracets.evaluate.baselines.extras import optional
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.types import FloatArray, Sample

WINDOW = 0.1
"""Half-width of the Sakoe-Chiba band as a share of the length."""

Scales = Mapping[str, tuple[float, float]]
Distances = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # (n, c, t) -> (n, n)


def euclidean(pool: Pool, *, train: Sequence[Sample], seed: int) -> ScoreMatrices:
    """Minus the Euclidean distance of z-normalised series; see `distance_scores`."""
    return _scored(pool, train, euclidean_distances)


def dtw(pool: Pool, *, train: Sequence[Sample], seed: int) -> ScoreMatrices:
    """Minus the multi-dimensional DTW distance (one warping for all channels) of z-normalised series, inside a band."""
    return _scored(pool, train, dtw_distances)


def channel_scales(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each channel name over all windows, NaN left out; a spread of 0 becomes 1."""
    seen: dict[str, list[NDArray[np.float32]]] = {}
    for sample in samples:
        for name, row in zip(sample.channel_names, sample.values, strict=True):
            seen.setdefault(name, []).append(row[~np.isnan(row)])
    scales = {}
    for name, rows in seen.items():
        values = np.concatenate(rows).astype(np.float64)
        if len(values):
            scales[name] = (float(values.mean()), float(values.std()) or 1.0)
    return scales


def distance_scores(samples: Sequence[Sample], scales: Scales, distances: Distances) -> FloatArray:
    """Score each window against each other one: (n, n), minus the distance.

    Channels are put in order of their names, z-normalised by `scales`, and missing values are interpolated in time (a
    channel with nothing observed lies at its mean). Only windows of the same channel names and the same number of steps
    are compared; all others score -inf.
    """
    groups: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for i, sample in enumerate(samples):
        groups.setdefault((tuple(sorted(sample.channel_names)), sample.n_steps), []).append(i)
    scores = np.full((len(samples), len(samples)), -np.inf, dtype=np.float32)
    for rows in groups.values():
        scores[np.ix_(rows, rows)] = -distances(np.stack([_normalised(samples[i], scales) for i in rows]))
    return scores


def euclidean_distances(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance of every two series, all channels together: (n, c, t) -> (n, n)."""
    flat = series.reshape(len(series), -1)
    return np.stack([np.sqrt(((flat - row) ** 2).sum(axis=1)) for row in flat])


def dtw_distances(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """DTW distance of every two series, one warping for all channels, inside the band: (n, c, t) -> (n, n)."""
    library = optional("dtaidistance.dtw_ndim", baseline="dtw")
    if optional("dtaidistance.dtw", baseline="dtw").dtw_cc is None:
        raise MissingExtra(
            "baseline 'dtw' needs the compiled part of dtaidistance, which this installation lacks. "
            "Install a wheel of it, or a C compiler and then: pip install --force-reinstall dtaidistance"
        )
    n, _, t = series.shape
    if n < 2:
        return np.zeros((n, n))
    band = band_of(t) + 1  # the library allows shifts smaller than its window
    by_time = np.ascontiguousarray(series.transpose(0, 2, 1))  # (n, t, c)
    upper = library.distance_matrix_fast(list(by_time), window=band, parallel=False)
    upper = np.triu(np.where(np.isfinite(upper), upper, 0), 1)
    return upper + upper.T


def band_of(n_steps: int) -> int:
    """How many steps the warping may shift: `WINDOW` of the length, at least 1."""
    return max(1, round(WINDOW * n_steps))


def _scored(pool: Pool, train: Sequence[Sample], distances: Distances) -> ScoreMatrices:
    scales = {**channel_scales(pool.samples), **channel_scales(train)}
    samples = [pool.samples[i] for i in pool.labelled]
    return ScoreMatrices(series_to_series=distance_scores(samples, scales, distances))


def _normalised(sample: Sample, scales: Scales) -> NDArray[np.float64]:
    order = sorted(range(sample.n_channels), key=lambda c: sample.channel_names[c])
    out = np.zeros((sample.n_channels, sample.n_steps))
    steps = np.arange(sample.n_steps)
    for place, c in enumerate(order):
        row = sample.values[c].astype(np.float64)
        known = ~np.isnan(row)
        if known.any():
            mean, spread = scales[sample.channel_names[c]]
            out[place] = (np.interp(steps, steps[known], row[known]) - mean) / spread
    return out
