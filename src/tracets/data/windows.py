"""Cutting long series into windows, at several resolutions, split by time without overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np

from tracets.data.calendar import step_seconds, to_offset
from tracets.data.series import Series, observed_share
from tracets.errors import ConfigError, DataError
from tracets.types import Sample

Statistic = Literal["mean", "sum", "min", "max"]


@dataclass(frozen=True)
class Resolution:
    """A sampling step with a window length in steps."""

    freq: str
    length: int


# The paper's three: a week of hours, four weeks of 4 hours, half a year of days.
RESOLUTIONS: Mapping[str, Resolution] = {
    "hourly": Resolution("h", 168),
    "4-hourly": Resolution("4h", 168),
    "daily": Resolution("D", 180),
}


@dataclass(frozen=True)
class TimeSplit:
    """Training ends and validation begins at `val`; validation ends and test begins at `test`.

    The times hold for all series alike: stations that lie side by side see the same storm. Times without a zone are
    local to the series.
    """

    val: datetime
    test: datetime

    def __post_init__(self) -> None:
        if (self.val.tzinfo is None) != (self.test.tzinfo is None):
            raise ConfigError("split times must both have a time zone or both have none.")
        if self.val > self.test:
            raise ConfigError(f"the test split must not begin before validation, got {self.val} and {self.test}.")


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows that were cut, and how many were left out because too little of them was observed."""

    samples: tuple[Sample, ...]
    dropped: int

    def __len__(self) -> int:
        return len(self.samples)


def split_by_fractions(series: Sequence[Series], fractions: tuple[float, float, float]) -> TimeSplit:
    """Split times such that train, val and test take these shares of the time that all series span together.

    Raises
    ------
    ConfigError
        The fractions are negative or do not sum to 1.
    DataError
        No series.

    Examples
    --------
    >>> year = Series("ny", np.zeros((1, 365)), ("load",), datetime(2013, 1, 1), "D")
    >>> split_by_fractions([year], (0.6, 0.2, 0.2)).test.isoformat()
    '2013-10-20T00:00:00'
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"split fractions must be >= 0 and sum to 1, got {fractions}.")
    if not series:
        raise DataError("split_by_fractions() got no series.")
    first = min(s.times_until(1)[0] for s in series)
    last = max(s.times_until(s.n_steps + 1)[-1] for s in series)
    val = first + (last - first) * fractions[0]
    test = first + (last - first) * (fractions[0] + fractions[1])
    return TimeSplit(val.round("us").to_pydatetime(), test.round("us").to_pydatetime())


def cut_windows(
    series: Sequence[Series],
    *,
    length: int,
    stride: int,
    train_stride: int | None = None,
    split: TimeSplit | None = None,
    gap: int = 0,
    min_observed: float = 0.5,
    label: Callable[[Sample], str | None] | None = None,
) -> Windows:
    """Cut long series into windows of equal length.

    1. part each series by `split`; a window lies wholly in one part  2. cut from the beginning of each part  3. leave
    out windows of which too little was observed  4. label

    Parameters
    ----------
    series : sequence of Series
    length, stride : int
        In steps, at least 1. A rest shorter than `length` at the end of a part is left out.
    train_stride : int, optional
        Stride of the training part; `stride` where it is not given.
    split : TimeSplit, optional
        Without it, windows have no split.
    gap : int, default=0
        Steps left free at the beginning of val and of test, beyond the windows not overlapping.
    min_observed : float, default=0.5
        Windows with a smaller share of observed values, in [0, 1], are dropped and counted.
    label : callable, optional
        Gives each window its label.

    Returns
    -------
    Windows
        `samples` in the order of series, part and time, ids like "EWR-2013-10-03T00"; `dropped`.

    Raises
    ------
    ConfigError
        A number out of its range.
    DataError
        No window fits; or a split without a time zone for series of several zones.

    Examples
    --------
    >>> day = Series("ny", np.zeros((1, 24)), ("load",), datetime(2013, 1, 1), "h")
    >>> [s.id for s in cut_windows([day], length=12, stride=6).samples]
    ['ny-2013-01-01T00', 'ny-2013-01-01T06', 'ny-2013-01-01T12']
    """
    strides = {"train": stride if train_stride is None else train_stride, "val": stride, "test": stride, None: stride}
    if min(length, *strides.values()) < 1 or gap < 0 or not 0 <= min_observed <= 1:
        raise ConfigError(
            f"windows need length >= 1, strides >= 1, gap >= 0 and min_observed in [0, 1], got length={length}, "
            f"stride={stride}, train_stride={train_stride}, gap={gap}, min_observed={min_observed}."
        )
    zones = {str(s.start.tzinfo) for s in series}
    if split is not None and split.val.tzinfo is None and len(zones) > 1:
        raise DataError(f"the series lie in several time zones ({', '.join(sorted(zones))}). Give split times a zone.")
    kept, dropped = [], 0
    for one in series:
        times = one.times_until(one.n_steps + 1)
        for part, first, last in parts_of_time(times, split, gap=gap):
            for i in range(first, last - length + 1, strides[part]):
                values = one.values[:, i : i + length]
                if observed_share(values) < min_observed:
                    dropped += 1
                    continue
                window = replace(
                    one.to_sample(),
                    id=f"{one.id}-{stamp(times[i], one.freq)}",
                    values=values,
                    start=times[i].to_pydatetime(),
                    split=part,
                )
                kept.append(window if label is None else replace(window, label=label(window)))
    if not kept:
        longest = max((s.n_steps for s in series), default=0)
        raise DataError(
            f"no window of {length} steps: the longest of {len(series)} series has {longest} steps, and {dropped} "
            f"windows had less than {min_observed:.0%} observed. Use shorter windows, a lower min_observed or "
            f"another split."
        )
    return Windows(tuple(kept), dropped)


def parts_of_time(times: Any, split: TimeSplit | None, *, gap: int) -> Iterator[tuple[str | None, int, int]]:
    """Name, first step and end of each part of a grid of n + 1 times (the last is the end of the last step)."""
    n = len(times) - 1
    if split is None:
        yield None, 0, n
        return
    import pandas as pd

    edges = [pd.Timestamp(t) for t in (split.val, split.test)]
    if times.tz is not None:
        edges = [t.tz_localize(times.tz) if t.tz is None else t for t in edges]
    elif edges[0].tz is not None:
        raise DataError("the series have no time zone, so the split times must have none.")
    # A step belongs to a part when it begins in it; "right" counts the steps that end by the edge.
    begins = [int(times[:n].searchsorted(t, side="left")) for t in edges]
    ends = [int(times[1:].searchsorted(t, side="right")) for t in edges]
    yield "train", 0, ends[0]
    yield "val", min(begins[0] + gap, n), ends[1]
    yield "test", min(begins[1] + gap, n), n


def stamp(time: Any, freq: str) -> str:
    """A time as short as its step allows: 2013-10-03, 2013-10-03T00, 2013-10-03T00:30, or all of it.

    The second pass through the hour that the end of summer time repeats gets its offset from UTC.
    """
    step = step_seconds(freq)
    if step >= 86400 and time == time.normalize():
        return time.strftime("%Y-%m-%d")
    whole = not (time.minute or time.second or time.microsecond)
    if step % 3600 == 0 and whole:
        text = time.strftime("%Y-%m-%dT%H")
    elif step % 60 == 0 and not (time.second or time.microsecond):
        text = time.strftime("%Y-%m-%dT%H:%M")
    else:
        text = time.tz_localize(None).isoformat()
    return text + time.strftime("%z") if time.fold else text


def aggregate(
    series: Series,
    freq: str,
    *,
    statistics: Mapping[str, Statistic] | None = None,
    min_observed: float = 0.5,
) -> Series:
    """A series at a coarser step, its id extended by the new freq.

    Parameters
    ----------
    series : Series
    freq : str
        Longer than the step of the series; steps begin on it (midnight for "D", Monday for "W-MON").
    statistics : mapping, optional
        Channel name to "mean" (the default), "sum", "min" or "max". Precipitation is a sum.
    min_observed : float, default=0.5
        A coarse step is NaN when a smaller share of its fine steps was observed. A sum needs all of them, as a partial
        one would be too low. Fine steps before the first and after the last whole coarse step are left out.

    Raises
    ------
    DataError
        freq is not coarser, a channel or statistic is unknown, or not one whole coarse step is there.

    Examples
    --------
    >>> day = Series("ny", np.arange(24.0)[None], ("rain",), datetime(2013, 1, 1), "h")
    >>> aggregate(day, "12h", statistics={"rain": "sum"}).values.tolist()
    [[66.0, 210.0]]
    """
    default: Statistic = "mean"
    how = dict.fromkeys(series.channel_names, default) | dict(statistics or {})
    unknown = [f"{c}={s}" for c, s in how.items() if c not in series.channel_names or s not in get_args(Statistic)]
    if unknown:
        raise DataError(
            f"series '{series.id}': cannot aggregate {', '.join(unknown)}. "
            f"Channels: {', '.join(series.channel_names)}; statistics: {', '.join(get_args(Statistic))}."
        )
    if step_seconds(freq) < step_seconds(series.freq):
        raise DataError(
            f"series '{series.id}': freq '{freq}' is finer than its own '{series.freq}'. Choose a coarser one."
        )
    import pandas as pd

    frame = pd.DataFrame(series.values.T.astype(np.float64), index=series.times, columns=list(series.channel_names))
    bins = frame.resample(to_offset(freq), closed="left", label="left")
    enough = bins.count().ge(bins.size() * min_observed, axis=0) & bins.count().gt(0)
    coarse = pd.DataFrame({c: getattr(bins[c], how[c])() for c in frame.columns})
    for name, statistic in how.items():
        if statistic == "sum":
            enough[name] = bins[name].count() == bins.size()
    coarse = coarse.where(enough)
    end = series.times_until(series.n_steps + 1)[-1]
    whole = (coarse.index >= frame.index[0]) & (coarse.index + to_offset(freq) <= end)
    coarse = coarse[whole]
    if coarse.empty:
        raise DataError(f"series '{series.id}' is shorter than one step of '{freq}'. Choose a finer freq.")
    return replace(
        series,
        id=f"{series.id}-{freq}",
        values=coarse.to_numpy(np.float32).T,
        start=coarse.index[0].to_pydatetime(),
        freq=freq,
        metadata={"entity": series.id} | dict(series.metadata),
    )
