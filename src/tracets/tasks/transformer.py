"""Vectors of windows as features, for pipelines of scikit-learn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError
from tracets.tasks.loaded import encoder_of, same_steps, windows_of
from tracets.tasks.views import Layout, Patterns, check_views, feature_names, read_views
from tracets.types import FloatArray


class TraceTransformer(TransformerMixin, BaseEstimator):
    """Turn windows of multivariate series into one row of features each.

    Parameters
    ----------
    model : str, path or PairEncoder, default="base"
        The pretrained encoder.
    views : sequence of str, default=("vectors", "whole")
        What the row holds, side by side: "vectors" of the channels and of the "whole" window, by the encoder; "levels"
        and "shapes", plain numbers of each channel, and "patterns", how often short shapes occur (`TraceClassifier`).
    channel_names, units, freq
        For arrays, see `tracets.data.arrays.as_samples`: the encoder reads names and units.
    batch_size : int, default=64
        Windows encoded at once; changes no figure.
    seed : int, default=0
        Of the thresholds of "patterns".

    Notes
    -----
    Where all windows of `fit` have the same channels, these stand side by side by name, in the order of the first
    window; otherwise the mean and the largest over the channels of a window do. What is unknown, such as a channel with
    nothing observed, gets the mean of the windows of `fit`, so that no NaN leaves.

    Examples
    --------
    >>> features = TraceTransformer(channel_names=["load", "sun"]).fit_transform(np.zeros((3, 2, 24)))
    >>> len(features), features.dtype.name  # (3, 1152) by `base`
    (3, 'float32')
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | PairEncoder = "base",
        *,
        views: Sequence[str] = ("vectors", "whole"),
        channel_names: Sequence[str] | None = None,
        units: Sequence[str | None] | None = None,
        freq: str | None = None,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.views = views
        self.channel_names = channel_names
        self.units = units
        self.freq = freq
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> TraceTransformer:
        """Learn which channels there are, and the means that stand for what is unknown. `y` is not looked at."""
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> FloatArray:
        """The same as `fit` and then `transform`, with one encoding."""
        return self._filled(self._fit(X))

    def transform(self, X: Any) -> FloatArray:
        """Features of n windows, (n, n_features) float32. Raises DataError for windows that cannot be read."""
        check_is_fitted(self, "means_")
        same_steps(self, X, fitting=False)
        samples = windows_of(self, X)
        found = read_views(
            encoder_of(self.model), samples, self.layout_, check_views(self.views), patterns=self.patterns_,
            batch_size=self.batch_size,
        )  # fmt: skip
        return self._filled(found)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """One name a column, such as "vectors: load: 17". `input_features` is not looked at: windows have none."""
        check_is_fitted(self, "means_")
        return np.array(feature_names(self.layout_, list(self.means_), [len(m) for m in self.means_.values()]), object)

    def _fit(self, X: Any) -> dict[str, FloatArray]:
        views = check_views(self.views)
        if self.batch_size < 1:
            raise ConfigError(f"batch_size must be at least 1, got {self.batch_size}.")
        samples = windows_of(self, X)
        same_steps(self, X, fitting=True)
        self.layout_ = Layout.of(samples)
        self.patterns_ = Patterns.of(samples, self.layout_, seed=self.seed) if "patterns" in views else None
        found = read_views(
            encoder_of(self.model), samples, self.layout_, views, patterns=self.patterns_, batch_size=self.batch_size
        )
        self.means_ = {name: _means(rows) for name, rows in found.items()}
        return found

    def _filled(self, found: dict[str, FloatArray]) -> FloatArray:
        return np.concatenate([np.where(np.isnan(x), self.means_[name], x) for name, x in found.items()], axis=1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _means(rows: FloatArray) -> FloatArray:
    known = ~np.isnan(rows)
    means = np.where(known, rows, 0).sum(0, dtype=np.float64) / np.maximum(known.sum(0), 1)
    return means.astype(np.float32)
