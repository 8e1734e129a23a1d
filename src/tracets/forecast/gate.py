"""How far to trust what followed the neighbours: a gate with five numbers, learnt, which stays shut unless it pays.

forecast = (1 - g) * backbone + g * neighbours, with g in [0, 1] from how alike the neighbours are, how far they agree
with one another, and how many steps ahead they are asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.metrics import Interval, default_block, paired_bootstrap
from tracets.types import FloatArray

FOLDS = 4
LEVEL = 0.9
"""The gate opens when the interval of this coverage says that errors fall."""
RIDGE = 1e-3

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Gate:
    """A learnt gate; `weights` None is a shut one. `gain` is what it changed squared errors by where it was not fitted.

    `gain` is the mean difference (with the gate less without, on the scale that errors were given in) and its interval,
    on parts of the pairs left out of the fit.
    """

    weights: Floats | None
    gain: Interval | None = None

    def __call__(self, features: Floats) -> Floats:
        """The share of the neighbours (..., h) by features (..., h, 4); 0 where a feature is NaN."""
        if self.weights is None:
            return np.zeros(features.shape[:-1])
        known: Mask = np.asarray(np.isfinite(features).all(axis=-1))
        shares = _sigmoid(_with_one(np.where(known[..., None], features, 0)) @ self.weights)
        return np.where(known, shares, 0)


def gate_features(scores: FloatArray, futures: FloatArray, scale: Floats) -> Floats:
    """What the gate looks at in one window: (c, h, 4).

    Parameters
    ----------
    scores : ndarray (top,)
        Of the neighbours; NaN = none.
    futures : ndarray (top, c, h)
        Of the neighbours, told in the query's units; NaN = unknown.
    scale : ndarray (c,)
        Of each channel, to compare channels by.

    Returns
    -------
    ndarray
        Best score, log of the futures' disagreement in units of `scale`, logarithm of the step ahead, share of
        neighbours that know this step. NaN where none knows it.
    """
    top, c, h = futures.shape
    known = np.isfinite(futures)
    count = known.sum(axis=0)
    filled = np.where(known, futures, 0).astype(np.float64)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    spread = np.sqrt((np.where(known, filled - mean, 0) ** 2).sum(axis=0) / np.maximum(count, 1))
    out = np.empty((c, h, 4))
    out[..., 0] = np.where(np.isfinite(scores), scores, -1).max()
    out[..., 1] = np.log(spread / scale[:, None] + 1e-3)
    out[..., 2] = np.log1p(np.arange(h))
    out[..., 3] = count / top
    out[count == 0] = np.nan
    return out


def fit_gate(
    features: Floats,
    backbone: Floats,
    neighbours: Floats,
    truth: Floats,
    *,
    windows: NDArray[np.int64],
    seed: int = 0,
) -> Gate:
    """Learn a gate that lessens squared errors, or leave it shut.

    1. fit on all folds of time but one, measure on that one  2. unless errors fall there beyond their interval, shut
    3. fit on all

    Parameters
    ----------
    features : ndarray (m, h, 4)
        Of m channels, in all windows together.
    backbone, neighbours, truth : ndarray (m, h)
        Forecasts and what came, all on one scale (each channel's own). NaN in `neighbours` or `truth` is left out.
    windows : ndarray (m,)
        The window of each channel, counted from 0 in time order.
    """
    n = 1 + int(windows.max(initial=-1))
    known: Mask = np.isfinite(features).all(axis=-1) & np.isfinite(neighbours) & np.isfinite(truth)
    if n < 2 * FOLDS or not known.any():
        return Gate(None)
    before = np.where(known, (backbone - truth) ** 2, 0)
    after = before.copy()
    for held in np.array_split(np.arange(n), FOLDS):
        out = np.isin(windows, held)
        rest = ~out
        gate = Gate(_fit(features[rest], backbone[rest], neighbours[rest], truth[rest], known[rest]))
        after[out] = np.where(known[out], (_mixed(gate, features, backbone, neighbours, out) - truth[out]) ** 2, 0)
    channels = np.bincount(windows, minlength=n)
    per = [np.bincount(windows, errors.mean(axis=1), minlength=n) / channels for errors in (after, before)]
    gain = paired_bootstrap(*per, seed=seed, block=default_block(n, overlap=truth.shape[1]), level=LEVEL)
    if gain.high >= 0:
        return Gate(None, gain)
    return Gate(_fit(features, backbone, neighbours, truth, known), gain)


def _mixed(gate: Gate, features: Floats, backbone: Floats, neighbours: Floats, rows: Mask) -> Floats:
    share = gate(features[rows])
    return (1 - share) * backbone[rows] + share * np.nan_to_num(neighbours[rows])


def _fit(features: Floats, backbone: Floats, neighbours: Floats, truth: Floats, known: Mask) -> Floats:
    from scipy.optimize import minimize

    x = _with_one(features[known])
    start, step, wanted = backbone[known], (neighbours - backbone)[known], truth[known]
    size = max(float(np.mean((start - wanted) ** 2)), 1e-12)

    def loss(weights: Floats) -> tuple[float, Floats]:
        share = _sigmoid(x @ weights)
        error = start + share * step - wanted
        slope = 2 * error * step * share * (1 - share) / len(x) / size
        return float(np.mean(error**2) / size + RIDGE * weights @ weights), x.T @ slope + 2 * RIDGE * weights

    found: Floats = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def _with_one(features: Floats) -> Floats:
    return np.concatenate([features, np.ones((*features.shape[:-1], 1))], axis=-1)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
