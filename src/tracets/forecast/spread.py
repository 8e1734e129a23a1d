"""The closed-form start of the quantiles: how wide windows differ, and where errors lie, from errors that were made."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from tracets.forecast.ridge import ridge
from tracets.types import LEVELS

Floats = NDArray[np.float64]

PENALTY = 0.1
SMALLEST = 1e-3
ERRORS = 40_000
"""That quantiles of a step are taken of, of rows evenly taken: neighbouring windows overlap."""
SMOOTH = 6
"""Quantiles of a step are taken over a sixth of the horizon around it: neighbouring steps err alike."""


def fit_spread(errors: Floats, told: Floats, val: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Where errors lie, and how their size depends on the window.

    Parameters
    ----------
    errors : ndarray of shape (m, horizon)
        Truth less mean, of rows that had not been learnt from; NaN = unknown.
    told : ndarray of shape (m, context)
        What the spread may depend on.
    val : ndarray of shape (m,), bool
        The validation part. What has the lowest pinball loss on it, learnt from the others, is taken: one spread for
        all windows or one of each, errors around their own median or around 0. Without a validation part: the first.

    Returns
    -------
    table : ndarray of shape (len(LEVELS), horizon)
        Quantiles of the errors of a window of the usual spread.
    spread : ndarray of shape (context,)
        exp(told @ spread) is the spread of a window.
    """
    none = np.zeros(told.shape[1])
    best = (False, False)
    if val.any() and not val.all():
        own, losses = _spread(errors[~val], told[~val]), {}
        for varies, centred in itertools.product((False, True), repeat=2):
            by = own if varies else none
            found = np.exp(told[val] @ by)[:, None, None] * _table(errors[~val], told[~val] @ by, centred=centred)
            losses[varies, centred] = _pinball(errors[val][:, None] - found)
        best = min(losses, key=lambda how: losses[how])
    spread = _spread(errors, told) if best[0] else none
    return _table(errors, told @ spread, centred=best[1]), spread


def _spread(errors: Floats, told: Floats) -> Floats:
    """The linear map of `told` (centred) that is nearest to the logarithm of a row's mean error."""
    known = np.isfinite(errors).any(1)
    size, told = np.log(np.nanmean(np.abs(errors[known]), axis=1).clip(SMALLEST)), told[known]
    centred = told - told.mean(0)
    product = centred.T @ (size - size.mean())[:, None] / len(told)
    return ridge(centred.T @ centred / len(told), product, np.full(told.shape[1], PENALTY))[:, 0]


def _table(errors: Floats, log_spread: Floats, *, centred: bool) -> Floats:
    """Quantiles of the errors of each step and its neighbours in spreads, (len(LEVELS), horizon); `centred`: as far
    from their median as they are, around 0."""
    horizon = errors.shape[1]
    half = horizon // (2 * SMOOTH)
    every = max(1, len(errors) * (2 * half + 1) // ERRORS)
    errors = errors[::every] / np.exp(log_spread[::every])[:, None]
    out = np.empty((len(LEVELS), horizon))
    for h in range(horizon):
        near = errors[:, max(0, h - half) : h + half + 1]
        near = near[np.isfinite(near)]
        out[:, h] = np.quantile(near, LEVELS) if len(near) else 0.0
    return out - out[LEVELS.index(0.5)] if centred else out


def _pinball(off: Floats) -> float:
    """Of truth less quantile (m, len(LEVELS), horizon)."""
    at = np.array(LEVELS)[:, None]
    return float(np.nanmean(np.maximum(at * off, (at - 1) * off)))
