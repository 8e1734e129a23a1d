"""Channels that were read one by one, each with its own times, put on one grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tracets.data.times import to_grid
from tracets.errors import DataError
from tracets.files import Limits
from tracets.types import FloatArray


def join_channels(
    read: Mapping[str, Any], *, row_of: Callable[[str, int], int], freq: str | None, where: str, limits: Limits
) -> tuple[Any, str, FloatArray]:
    """One grid for all channels of a series.

    Parameters
    ----------
    read : mapping of str to pandas.Series
        Values by channel, each over times that rise.
    row_of : callable
        The row of the file or answer in which value i of a channel stands, for messages.
    freq : str or None
        None: all channels must have the same, regular stamps. Given: see `tracets.data.times.to_grid`.

    Returns
    -------
    start : Timestamp
    freq : str
    values : ndarray of shape (c, n_steps), float32, channels in the order of `read`

    Raises
    ------
    DataError
        Channels with and without an offset from UTC; without `freq`, channels with stamps of their own.
    """
    import pandas as pd

    zones = {str(one.index.tz): channel for channel, one in read.items()}
    if len(zones) > 1:
        (_, first), (_, other) = list(zones.items())[:2]
        raise DataError(
            f"{where}: the times of channel '{first}' have another offset from UTC than those of '{other}', or none. "
            f"Write all times alike, or name the time zone: zone='UTC'."
        )
    if freq is not None:  # channels with stamps of their own: a table of all stamps and channels is mostly empty
        stamps = len(pd.Index(np.concatenate([one.index.asi8 for one in read.values()])).unique())
        given = sum(map(len, read.values()))
        limits.check_decoded(8 * stamps * len(read), of=8 * given, where=where)
    frame = pd.DataFrame(dict(read)).sort_index()
    first = next(iter(read))
    if freq is None:
        for channel, values in read.items():
            if not values.index.equals(read[first].index):
                time = values.index.symmetric_difference(read[first].index)[0]
                lacking, having = (first, channel) if time in values.index else (channel, first)
                row = row_of(having, read[having].index.get_loc(time))
                raise DataError(
                    f"{where}: channel '{channel}' has {len(values)} values, channel '{first}' has {len(read[first])}; "
                    f"'{lacking}' lacks {time.isoformat()} (row {row} of '{having}'). Add a row with an empty value, "
                    f"or pass freq= to fill gaps with NaN."
                )
    lines = [row_of(first, i) for i in range(len(frame))] if freq is None else range(len(frame))
    return to_grid(frame.index, frame.to_numpy(np.float32).T, freq=freq, lines=lines, where=where, limits=limits)
