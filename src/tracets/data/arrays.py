"""Windows in memory, in any of the usual forms, to samples: the door of the estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracets.data.corpus import Corpus
from tracets.data.csv_files import long_columns
from tracets.data.times import parse_times, to_grid
from tracets.errors import DataError
from tracets.types import FloatArray, Sample

FORMS = (
    "an array (n, n_channels, n_steps) or (n, n_steps), a list of arrays (n_channels, n_steps), samples, a corpus, or "
    "a pandas frame with the columns id, time, channel, value"
)


def as_samples(
    X: Any,
    *,
    channel_names: Sequence[str] | None = None,
    units: Sequence[str | None] | None = None,
    freq: str | None = None,
) -> list[Sample]:
    """Windows in any of the usual forms as samples, in their order.

    Parameters
    ----------
    X : array, list, corpus or frame
        One of: an array (n, n_channels, n_steps), as in aeon, or (n, n_steps) of one channel each; a list of arrays
        (n_channels, n_steps_i) or (n_steps_i,); a list of `Sample` or a `Corpus`; a pandas frame in long form with the
        columns id, time, channel, value, whose windows come in the order of their first rows. NaN = missing.
    channel_names : sequence of str, optional
        Names for the channels of arrays; by default "channel 0", "channel 1", ... The encoder reads names: real ones
        help it. Samples, corpora and frames have their own.
    units : sequence of str or None, optional
        One a channel, for arrays and frames (there in the order of the channels of the first window).
    freq : str, optional
        Sampling step as a pandas offset, for arrays; a frame is put on a grid of this step.

    Raises
    ------
    DataError
        Another form, no window at all, infinities, text or complex numbers in place of numbers, names that do not fit,
        or stamps that are repeated or irregular. Windows are named by their place.

    Examples
    --------
    >>> [s.values.shape for s in as_samples(np.zeros((2, 3, 24)), channel_names=["load", "wind", "sun"])]
    [(3, 24), (3, 24)]
    >>> as_samples([np.zeros(5), np.zeros((1, 7))])[1].channel_names
    ('channel 0',)
    """
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if isinstance(X, Corpus) or (_is_list(X) and len(X) and all(isinstance(x, Sample) for x in X)):
        if channel_names is not None or units is not None or freq is not None:
            raise DataError("samples have names, units and a freq of their own. Leave channel_names, units, freq out.")
        samples = list(X)
    elif hasattr(X, "columns") and hasattr(X, "groupby"):
        if channel_names is not None:
            raise DataError("a frame names its channels in the column 'channel'. Leave channel_names out.")
        samples = _from_frame(X, units=units, freq=freq)
    else:
        samples = [
            _from_array(values, i, channel_names=channel_names, units=units, freq=freq)
            for i, values in enumerate(_arrays(X))
        ]
    if not samples:
        raise DataError("got 0 windows (0 sample(s)), a minimum of 1 is required. Check the filter or the split.")
    return samples


def _is_list(X: Any) -> bool:
    return isinstance(X, list | tuple)


def _arrays(X: Any) -> list[FloatArray]:
    """The windows of an array or of a list of arrays, each (n_channels, n_steps)."""
    if hasattr(X, "tocsr"):
        raise DataError(f"got a sparse matrix, expects {FORMS}. Pass X.toarray().")
    if _is_list(X) and len({np.shape(x) for x in X}) != 1:
        windows = [_numbers(x, f"window {i}") for i, x in enumerate(X)]
        for i, values in enumerate(windows):
            if values.ndim not in (1, 2):
                raise DataError(f"window {i} of the list has shape {values.shape}, expects (n_channels, n_steps).")
        return [values[None] if values.ndim == 1 else values for values in windows]
    values = _numbers(X, "X")
    if values.ndim not in (2, 3):
        # the last words are those that scikit-learn's checks look for
        raise DataError(f"got an array of shape {values.shape}, expects {FORMS}. Reshape your data.")
    if 0 in values.shape[1:]:
        raise DataError(f"0 feature(s) (shape={values.shape}) while a minimum of 1 is required: windows have no steps.")
    return list(values[:, None] if values.ndim == 2 else values)


def _numbers(values: Any, where: str) -> FloatArray:
    found = np.asarray(values)
    if found.dtype.kind == "c":
        raise DataError(f"{where}: Complex data not supported. Pass real and imaginary parts as two channels.")
    if found.dtype.kind not in "biuf" and found.dtype != object:
        raise DataError(f"{where} holds {found.dtype}, not numbers. Expects {FORMS}.")
    try:
        numbers = found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} holds something that is no number: {error}. Expects {FORMS}.") from error
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _from_array(
    values: FloatArray,
    i: int,
    *,
    channel_names: Sequence[str] | None,
    units: Sequence[str | None] | None,
    freq: str | None,
) -> Sample:
    names = channel_names if channel_names is not None else [f"channel {c}" for c in range(len(values))]
    return Sample(str(i), values, tuple(names), tuple(units or ()), freq=freq)


def _from_frame(frame: Any, *, units: Sequence[str | None] | None, freq: str | None) -> list[Sample]:
    import pandas as pd

    found, absent = long_columns([str(name) for name in frame.columns])
    if absent:
        raise DataError(
            f"a frame needs the columns id, time, channel, value (one row a reading); it lacks {', '.join(absent)}. "
            f"Rename or melt it, or pass an array (n, n_channels, n_steps)."
        )
    one, time, channel, value = (found[role] for role in ("id", "time", "channel", "value"))
    if frame[[one, time, channel]].isna().any(axis=None):
        raise DataError("a frame may miss values, but no id, time or channel. Fill or drop those rows.")
    stamps = frame[time]
    if not (pd.api.types.is_numeric_dtype(stamps) or pd.api.types.is_datetime64_any_dtype(stamps)):
        lines = list(range(len(frame)))
        frame = frame.assign(**{time: parse_times([str(t) for t in stamps], lines=lines, where="frame", zone=None)})
    samples = []
    for name, rows in frame.groupby(one, sort=False):
        where = f"window '{name}'"
        twice = rows.duplicated([time, channel])
        if twice.any():
            row = rows[twice].iloc[0]
            raise DataError(f"{where}: channel '{row[channel]}' has two values at {row[time]}. Keep one.")
        channels = list(dict.fromkeys(rows[channel]))
        wide = rows.pivot(index=time, columns=channel, values=value)[channels].sort_index()
        values = _numbers(wide.to_numpy().T, where)
        start, step = None, freq
        if isinstance(wide.index, pd.DatetimeIndex):
            lines = list(range(len(wide)))
            first, step, values = to_grid(wide.index.as_unit("us"), values, freq=freq, lines=lines, where=where)
            start = first.to_pydatetime()
        else:
            _check_steps(wide.index, where)
        samples.append(
            Sample(str(name), values, tuple(str(c) for c in channels), tuple(units or ()), start=start, freq=step)
        )
    return samples


def _check_steps(index: Any, where: str) -> None:
    """Refuse numbered steps that leave some out: the encoder would take them for neighbours."""
    gaps = np.diff(index.to_numpy(np.float64))
    if len(gaps) and not np.allclose(gaps, gaps[0]):
        raise DataError(f"{where}: its steps are not evenly spaced. Add rows for those left out, without a value.")
