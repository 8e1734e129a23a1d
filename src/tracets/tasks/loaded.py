"""What estimators share: the encoder that one names, loaded once, and scikit-learn's rule for arrays of two axes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import numpy as np

from tracets.data.arrays import as_samples
from tracets.data.corpus import Corpus
from tracets.encoders.backends import load
from tracets.encoders.onnx_model import is_export
from tracets.encoders.protocol import PairEncoder
from tracets.encoders.store import model_folder
from tracets.errors import ConfigError, DataError, ModelError
from tracets.files import LIMITS, read_bytes
from tracets.types import Sample


def encoder_of(model: str | os.PathLike[str] | PairEncoder) -> PairEncoder:
    """A model by name or folder, or the model given.

    The last one loaded is kept for the next estimator that names it, as in cross-validation; nobody changes its
    weights. A folder whose config.json was written anew is read again.

    Raises
    ------
    NotFound, ModelError
        As `tracets.load`.
    ConfigError
        Neither a name nor a model.
    """
    if isinstance(model, str | os.PathLike):
        config = model_folder(model) / "config.json"
        return _kept(os.fspath(model), read_bytes(config, most=LIMITS.json_bytes, error=ModelError))
    if isinstance(model, PairEncoder):
        return model
    raise ConfigError(f"model must be a folder, the name of a shipped model, or a loaded model, got {model!r}.")


@lru_cache(maxsize=1)
def _kept(name: str, config: bytes) -> PairEncoder:
    # torch is here already, for the features and for tuning; an export, whose vectors differ a little, only if named
    return load(name, backend=None if is_export(model_folder(name)) else "torch")


def windows_of(estimator: Any, X: Any) -> list[Sample]:
    """Windows in any form; the names, units and freq of an estimator are for those that have none of their own."""
    if isinstance(X, Corpus) or (isinstance(X, list | tuple) and X and isinstance(X[0], Sample)):
        return as_samples(X)
    names = None if hasattr(X, "groupby") else estimator.channel_names
    return as_samples(X, channel_names=names, units=estimator.units, freq=estimator.freq)


def same_steps(estimator: Any, X: Any, *, fitting: bool) -> None:
    """Keep scikit-learn's rule for arrays of two axes: what is fitted on (n, n_steps) takes no other number of steps.

    Windows of any length come as (n, 1, n_steps), as lists or as samples. Raises DataError.
    """
    rows = isinstance(X, list | tuple) and all(isinstance(row, list | tuple) for row in X)
    if rows and len({len(row) for row in X}) == 1:
        X = np.array(X)
    n_steps = X.shape[1] if isinstance(X, np.ndarray) and X.ndim == 2 else None
    if fitting:
        estimator.__dict__.pop("n_features_in_", None)
        if n_steps is not None:
            estimator.n_features_in_ = n_steps
    elif n_steps is not None and n_steps != getattr(estimator, "n_features_in_", n_steps):
        raise DataError(
            f"X has {n_steps} features, but {type(estimator).__name__} is expecting {estimator.n_features_in_} "
            f"features as input: an array of two axes holds windows of one length. Pass (n, 1, n_steps) for others."
        )
