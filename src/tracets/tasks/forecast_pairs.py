"""Whatever `TraceForecaster` is given, as pairs with their parts: to learn from, to choose by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracets.data.pairs import Pair, in_time_order
from tracets.errors import DataError
from tracets.tasks.loaded import windows_of


def pairs_of(estimator: Any, X: Any, y: Any) -> list[Pair]:
    """Pairs as they are, or windows (see `windows_of`) with their futures.

    Raises
    ------
    DataError
        Pairs together with y, windows without, or not as many futures as windows.
    """
    if isinstance(X, list | tuple) and len(X) and all(isinstance(x, Pair) for x in X):
        if y is not None:
            raise DataError("pairs hold their own futures. Leave y out.")
        return list(X)
    windows = windows_of(estimator, X)
    if y is None:
        raise DataError(
            "fit() requires y to be passed, but the target y is None: what followed each window, (n, n_channels, "
            "horizon). Or pass a list of Pair as X."
        )
    told = np.asarray(y) if hasattr(y, "__array__") else y
    futures = [np.atleast_1d(np.asarray(future, np.float32)) for future in told]
    if len(futures) != len(windows):
        raise DataError(f"X has {len(windows)} windows and y {len(futures)}. Give one future a window.")
    return [Pair(past, np.atleast_2d(future)) for past, future in zip(windows, futures, strict=True)]


def parted(pairs: Sequence[Pair], chosen_by: Sequence[Pair] | None, validation: float) -> list[tuple[Pair, str]]:
    """Pairs with their part, "train" or "val".

    Parameters
    ----------
    chosen_by : sequence of Pair, optional
        The validation part; then all of `pairs` are of the training part.
    validation : float
        Where neither `chosen_by` nor the pairs' own splits name a validation part: the last share of them in time.

    Raises
    ------
    DataError
        Nothing to learn from.
    """
    if chosen_by is not None:
        return [(pair, "train") for pair in pairs] + [(pair, "val") for pair in chosen_by]
    told = [(pair, pair.past.split or "train") for pair in pairs if pair.past.split != "test"]
    if not any(part == "train" for _, part in told):
        raise DataError(f"none of {len(pairs)} windows is of split 'train' or without a split: nothing to learn from.")
    if any(part == "val" for _, part in told):
        return told
    order = in_time_order([pair for pair, _ in told])
    n_val = round(validation * len(order))
    return [(pair, "val" if i >= len(order) - n_val else "train") for i, pair in enumerate(order)]
