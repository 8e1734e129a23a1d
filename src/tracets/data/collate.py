"""Samples of any shape to one padded batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracets.data.calendar import step_seconds
from tracets.errors import DataError
from tracets.types import Batch, BoolArray, Sample

__all__ = ["collate", "step_seconds"]


def collate(samples: Sequence[Sample]) -> Batch:
    """Pad samples to a common number of channels and steps, on the right, and say what was observed.

    Parameters
    ----------
    samples : sequence of Sample
        At least one; numbers of channels and steps may differ.

    Returns
    -------
    Batch
        `values` (n, c, t) is 0 wherever `observed` (n, c, t) is False: missing or padding.

    Raises
    ------
    DataError
        No sample at all, or a `freq` that is not a pandas offset.

    Examples
    --------
    >>> batch = collate([Sample("a", np.ones((1, 3)), ("x",)), Sample("b", np.ones((2, 2)), ("x", "y"))])
    >>> batch.values.shape, batch.channel_valid.tolist()
    ((2, 2, 3), [[True, False], [True, True]])
    """
    if not samples:
        raise DataError("collate() expects at least one sample, got none. Check the split or the filter.")
    shape = (len(samples), max(s.n_channels for s in samples), max(s.n_steps for s in samples))
    values = np.zeros(shape, dtype=np.float32)  # (n, c, t)
    observed: BoolArray = np.zeros(shape, dtype=np.bool_)
    for i, sample in enumerate(samples):
        known = ~np.isnan(sample.values)
        observed[i, : sample.n_channels, : sample.n_steps] = known
        values[i, : sample.n_channels, : sample.n_steps] = np.where(known, sample.values, 0)
    channel_valid: BoolArray = np.asarray(observed.any(axis=2))
    return Batch(
        values=values,
        observed=observed,
        channel_valid=channel_valid,
        channel_names=tuple(s.channel_names for s in samples),
        units=tuple(s.units for s in samples),
        start=tuple(s.start for s in samples),
        step_seconds=np.array([step_seconds(s.freq) for s in samples], dtype=np.float64),
        n_steps=np.array([s.n_steps for s in samples], dtype=np.int64),
    )
