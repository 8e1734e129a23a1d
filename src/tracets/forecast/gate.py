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
        """The share of the neighbours (n, c, h) by features (n, c, h, 4); 0 where a feature is NaN."""
        if self.weights is None:
            return np.zeros(features.shape[:-1])
        known: Mask = np.asarray(np.isfinite(features).all(axis=-1))
        shares = _sigmoid(_with_one(np.where(known[..., None], features, 0)) @ self.weights)
        return np.where(known, shares, 0)


def gate_features(scores: FloatArray, futures: FloatArray, scale: Floats) -> Floats:
    """What the gate looks at: (n, c, h, 4).

    Parameters
    ----------
    scores : ndarray (n, top)
        Of the neighbours; NaN = none.
    futures : ndarray (n, top, c, h)
        Of the neighbours, told in the query's units; NaN = unknown.
    scale : ndarray (n, c)
        Of each channel, to compare channels by.

    Returns
    -------
    ndarray
        Best score, log of the futures' disagreement in units of `scale`, logarithm of the step ahead, share of
        neighbours that know this step. NaN where none knows it.
    """
    n, _, c, h = futures.shape
    known = np.isfinite(futures)
    count = known.sum(axis=1)
    filled = np.where(known, futures, 0).astype(np.float64)
    mean = filled.sum(axis=1) / np.maximum(count, 1)
    spread = np.sqrt((np.where(known, filled - mean[:, None], 0) ** 2).sum(axis=1) / np.maximum(count, 1))
    best = np.where(np.isfinite(scores), scores, -1).max(axis=1)
    out = np.empty((n, c, h, 4))
    out[..., 0] = best[:, None, None]
    out[..., 1] = np.log(spread / scale[..., None] + 1e-3)
    out[..., 2] = np.log1p(np.arange(h))
    out[..., 3] = count / futures.shape[1]
    out[count == 0] = np.nan
    return out


def fit_gate(features: Floats, backbone: Floats, neighbours: Floats, truth: Floats, *, seed: int = 0) -> Gate:
    """Learn a gate that lessens squared errors, or leave it shut.

    1. fit on all folds of time but one, measure on that one  2. unless errors fall there beyond their interval, shut
    3. fit on all

    Parameters
    ----------
    features : ndarray (n, c, h, 4)
    backbone, neighbours, truth : ndarray (n, c, h)
        Forecasts and what came, all on one scale (each channel's own), pairs in time order. NaN in `neighbours` or
        `truth` is left out.
    """
    n = len(truth)
    known: Mask = np.isfinite(features).all(axis=-1) & np.isfinite(neighbours) & np.isfinite(truth)
    if n < 2 * FOLDS or not known.any():
        return Gate(None)
    before = np.where(known, (backbone - truth) ** 2, 0)
    after = before.copy()
    for held in np.array_split(np.arange(n), FOLDS):
        rest = np.setdiff1d(np.arange(n), held)
        gate = Gate(_fit(features[rest], backbone[rest], neighbours[rest], truth[rest], known[rest]))
        after[held] = np.where(known[held], (_mixed(gate, features, backbone, neighbours, held) - truth[held]) ** 2, 0)
    per = [errors.mean(axis=(1, 2)) for errors in (after, before)]
    gain = paired_bootstrap(*per, seed=seed, block=default_block(n, overlap=truth.shape[2]), level=LEVEL)
    if gain.high >= 0:
        return Gate(None, gain)
    return Gate(_fit(features, backbone, neighbours, truth, known), gain)


def _mixed(gate: Gate, features: Floats, backbone: Floats, neighbours: Floats, rows: NDArray[np.int64]) -> Floats:
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
