"""Logistic regression on one view of windows, as plain arrays that can be saved, and its strength chosen held out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tracets.tasks.targets import Floats, Targets
from tracets.types import FloatArray

STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Inverse penalties that are tried, weakest model first (`C` of scikit-learn)."""
USUAL = 0.1
"""The inverse penalty where too few windows are there to choose one."""
N_COMPONENTS = 512
"""A wide view is turned to so many principal components: as good on every corpus tried, and ten times as fast."""
FARTHEST = 10.0
"""Standardised features are cut here: one window far out may not be told by one number alone."""
ROWS_AT_ONCE = 4096
UNSEEN = -12.0
"""The logit of a class that no window of a fit has."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LinearView:
    """Standardise features (n, d), then one affine map to logits (n, n_classes). What is unknown counts as the mean.

    `n_trained` numbers of it were learnt from labels: one a class and principal component, where there are any.
    """

    centre: Floats
    scale: Floats
    weight: Floats
    bias: Floats
    n_trained: int

    def standardised(self, features: FloatArray) -> FloatArray:
        """(n, d) -> (n, d), 0 where nothing is known."""
        out = np.empty(features.shape, np.float32)
        for begin in range(0, len(features), ROWS_AT_ONCE):  # in double precision, which all rows need not have at once
            part = features[begin : begin + ROWS_AT_ONCE].astype(np.float64)
            out[begin : begin + ROWS_AT_ONCE] = np.nan_to_num((part - self.centre) / self.scale)
        return out.clip(-FARTHEST, FARTHEST, out=out)

    def logits(self, features: FloatArray) -> Floats:
        """(n, d) -> (n, n_classes)."""
        return self.standardised(features) @ self.weight.T + self.bias


def fit_path(
    features: FloatArray, targets: Targets, weights: Floats, *, strengths: Sequence[float], seed: int
) -> Iterator[LinearView]:
    """Fit one model for each of the strengths, which rise; each starts where the one before ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features without a value, and of strengths that end before they converge
        scaler = StandardScaler()
        for begin in range(0, len(features), ROWS_AT_ONCE):
            scaler.partial_fit(features[begin : begin + ROWS_AT_ONCE].astype(np.float64))
    centre, scale = np.nan_to_num(scaler.mean_), np.nan_to_num(scaler.scale_, nan=1.0)
    blank = LinearView(centre, scale, np.zeros((0, len(centre))), np.zeros(0), 0)
    standard = blank.standardised(features)
    pca: PCA | None = None
    if min(standard.shape) > 1 and standard.shape[1] > min(N_COMPONENTS, len(standard)):
        few = len(standard) <= N_COMPONENTS
        pca = PCA(
            min(N_COMPONENTS, len(standard) - 1), svd_solver="full" if few else "randomized", iterated_power=2,
            random_state=seed,
        )  # fmt: skip
        standard = pca.fit_transform(standard).astype(np.float64)  # the few that are left, for the optimiser's sake
    fits = _Fits(standard, targets, weights)
    for strength in strengths:
        small, bias = fits.at(strength)
        weight = small if pca is None else small @ pca.components_
        shift = 0.0 if pca is None else weight @ pca.mean_
        yield LinearView(centre, scale, weight, bias - shift, small.size + bias.size)


class _Fits:
    """Fits of the same windows at rising strengths."""

    def __init__(self, x: NDArray[np.floating], targets: Targets, weights: Floats) -> None:
        self.x, self.n_classes, self.multilabel = x, len(targets.classes), targets.multilabel
        self.columns = list(targets.rows.T) if targets.multilabel else [targets.rows]
        self.weights = list(weights.T) if targets.multilabel else [weights]
        self.models = [LogisticRegression(warm_start=True, max_iter=200, tol=1e-3) for _ in self.columns]

    def at(self, strength: float) -> tuple[Floats, Floats]:
        """Weight (n_classes, d) and bias (n_classes,)."""
        parts = [
            _fit(model.set_params(C=strength), self.x, column, weights)
            for model, column, weights in zip(self.models, self.columns, self.weights, strict=True)
        ]
        if self.multilabel:
            return np.concatenate([w[1:] - w[:1] for w, _ in parts]), np.concatenate([b[1:] - b[:1] for _, b in parts])
        (found, bias), codes = parts[0], np.unique(self.columns[0])
        every, biases = np.zeros((self.n_classes, self.x.shape[1])), np.full(self.n_classes, UNSEEN)
        every[codes], biases[codes] = found[-len(codes) :], bias[-len(codes) :]
        return every, biases


def _fit(model: LogisticRegression, x: NDArray[np.floating], codes: Rows, weights: Floats) -> tuple[Floats, Floats]:
    """One row for each class that is there, two for a question of yes or no; a single class gets its certainty."""
    there = np.unique(codes)
    if len(there) == 1:
        bias = np.zeros(2)
        bias[1 - int(there[0] > 0)] = UNSEEN
        return np.zeros((2, x.shape[1])), bias
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, codes, sample_weight=weights)
    if len(there) > 2:
        return model.coef_, model.intercept_
    zero = np.zeros_like(model.coef_)
    return np.concatenate([zero, model.coef_]), np.concatenate([np.zeros(1), model.intercept_])


def fit_view(
    features: FloatArray,
    targets: Targets,
    weights: Floats,
    folds: Sequence[tuple[Rows, Rows]],
    *,
    last: Rows,
    seed: int,
) -> tuple[LinearView, float, Floats]:
    """Choose the strength by the log loss of held-out windows, then fit on the windows `last`.

    Parameters
    ----------
    folds : sequence of (fitted, held out) rows
        None: the usual strength.

    Returns
    -------
    tuple
        The model, its strength, and the held-out logits (n_held_out, n_classes), fold after fold.
    """
    if not folds:
        [view] = fit_path(features[last], targets.take(last), weights[last], strengths=(USUAL,), seed=seed)
        return view, USUAL, np.zeros((0, len(targets.classes)))
    held = [np.zeros((0, len(targets.classes)))] * len(STRENGTHS)
    same: list[LinearView] = []
    for fitted, out in folds:
        path = fit_path(features[fitted], targets.take(fitted), weights[fitted], strengths=STRENGTHS, seed=seed)
        same = []
        for k, view in enumerate(path):
            held[k] = np.concatenate([held[k], view.logits(features[out])])
            same.append(view)
    rows = np.concatenate([out for _, out in folds])
    losses = [targets.take(rows).loss(logits, weights[rows]) for logits in held]
    best = int(np.argmin(losses))
    if len(folds) == 1 and np.array_equal(folds[0][0], last):
        return same[best], STRENGTHS[best], held[best]
    *_, view = fit_path(features[last], targets.take(last), weights[last], strengths=STRENGTHS[: best + 1], seed=seed)
    return view, STRENGTHS[best], held[best]
