"""Pairs of a window and what followed it: what forecasters learn from, and what retrieval remembers.

A pair belongs to the part of time in which its future lies, wholly; its past may reach back into the part before, as
in the usual protocol. No future of one part is a future of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracets.data.calendar import to_offset
from tracets.data.series import Series, observed_share
from tracets.data.windows import TimeSplit, parts_of_time, stamp
from tracets.errors import ConfigError, DataError
from tracets.types import FloatArray, Sample


@dataclass(frozen=True, eq=False)
class Pair:
    """A window and the steps that followed it.

    `past.split` names the part, `past.metadata["entity"]` the series, `first` the step of that series at which the
    past begins. `future` (n_channels, horizon) float32 in raw units; NaN where it is unknown.
    """

    past: Sample
    future: FloatArray
    first: int = 0

    def __post_init__(self) -> None:
        future = np.asarray(self.future, dtype=np.float32)
        if future.ndim != 2 or len(future) != self.past.n_channels or not future.shape[1]:
            raise DataError(
                f"window '{self.past.id}': its future must have shape ({self.past.n_channels}, horizon) with a horizon "
                f"of at least 1, got {future.shape}."
            )
        object.__setattr__(self, "future", future)

    @property
    def horizon(self) -> int:
        return self.future.shape[1]

    @property
    def end(self) -> int:
        """The step after the last one of the future."""
        return self.first + self.past.n_steps + self.horizon


def cut_pairs(
    series: Sequence[Series],
    *,
    context: int,
    horizon: int,
    stride: int = 1,
    split: TimeSplit | None = None,
    min_observed: float = 0.5,
    text: Callable[[Sample], Sample] | None = None,
) -> list[Pair]:
    """Cut long series into pairs of `context` and `horizon` steps.

    Parameters
    ----------
    stride : int, default=1
        Steps from one pair to the next, counted from the beginning of each part.
    split : TimeSplit, optional
        Parts; without it pairs have none. Futures lie wholly in a part, pasts may reach back.
    min_observed : float, default=0.5
        Pairs of whose past or future a smaller share is observed, in [0, 1], are left out.
    text : callable, optional
        Gives a past its text; it must not look at the future.

    Returns
    -------
    list of Pair
        In the order of series, part and time. Ids name the first step of the past, as those of windows do.

    Raises
    ------
    ConfigError
        A number out of its range.
    DataError
        No pair fits: which series was too short, and what would fit.

    Examples
    --------
    >>> day = Series("ny", np.arange(24.0)[None], ("load",), datetime(2013, 1, 1), "h")
    >>> [pair] = cut_pairs([day], context=18, horizon=6, stride=6)
    >>> pair.past.n_steps, pair.future[0, 0], pair.end
    (18, 18.0, 24)
    """
    if min(context, horizon, stride) < 1 or not 0 <= min_observed <= 1:
        raise ConfigError(
            f"pairs need context, horizon and stride >= 1 and min_observed in [0, 1], got context={context}, "
            f"horizon={horizon}, stride={stride}, min_observed={min_observed}."
        )
    pairs, sparse = [], 0
    for one in series:
        times = one.times_until(one.n_steps + 1)
        whole = one.to_sample()
        for part, begin, end in parts_of_time(times, split, gap=0):
            for at in range(max(begin, context), end - horizon + 1, stride):
                first = at - context
                values, future = one.values[:, first:at], one.values[:, at : at + horizon]
                if min(observed_share(values), observed_share(future)) < min_observed:
                    sparse += 1
                    continue
                past = replace(
                    whole,
                    id=f"{one.id}-{stamp(times[first], one.freq)}",
                    values=values,
                    start=times[first].to_pydatetime(),
                    split=part,
                )
                pairs.append(Pair(past if text is None else text(past), future, first))
    if sparse and not pairs:
        raise DataError(
            f"of {sparse} windows of {context} steps none knows {min_observed:.0%} of its values and of the {horizon} "
            f"steps after it. Give series with fewer gaps, or with a coarser step."
        )
    if not pairs:
        longest = max((s.n_steps for s in series), default=0)
        raise DataError(
            f"no window of {context} steps with {horizon} after it: the longest of {len(series)} series has {longest} "
            f"steps{'' if split is None else ', in parts'}. Ask for a shorter horizon or context, or give longer "
            f"series."
        )
    return pairs


def followed_by(windows: Sequence[Sample], horizon: int, *, min_observed: float = 0.5) -> list[Pair]:
    """Windows with what followed them, as far as other windows of the same series hold it.

    Windows are of one series when their metadata column "entity" (or, without one, no entity at all), sampling step and
    channel names are the same. Where windows overlap and differ, the later in the list counts.

    Parameters
    ----------
    min_observed : float, default=0.5
        Windows of whose future a smaller share is held, in [0, 1], are left out; so are those without start or freq.

    Examples
    --------
    >>> start, names = datetime(2013, 1, 1), ("load",)
    >>> days = [Sample(f"{i}", np.full((1, 24), i), names, start=start + timedelta(i), freq="h") for i in range(2)]
    >>> [(pair.past.id, pair.future.mean()) for pair in followed_by(days, 6)]
    [('0', np.float32(1.0))]
    """
    if horizon < 1:
        raise ConfigError(f"followed_by() expects a horizon of at least 1, got {horizon}.")
    groups: dict[Any, list[int]] = {}
    for i, window in enumerate(windows):
        if window.start is not None and window.freq is not None:
            key = (window.metadata.get("entity"), window.freq, window.channel_names)
            groups.setdefault(key, []).append(i)
    found: list[tuple[int, Pair]] = []
    for (_, freq, _), members in groups.items():
        first = _places([windows[i] for i in members], freq)
        ends = [begin + windows[i].n_steps for i, begin in zip(members, first, strict=True)]
        whole = np.full((windows[members[0]].n_channels, max(ends) + horizon), np.nan, np.float32)
        for i, begin, end in zip(members, first, ends, strict=True):
            whole[:, begin:end] = windows[i].values
        for i, begin, end in zip(members, first, ends, strict=True):
            future = whole[:, end : end + horizon]
            if observed_share(future) >= max(min_observed, 1 / future.size):
                found.append((i, Pair(windows[i], future.copy(), begin)))
    return [pair for _, pair in sorted(found, key=lambda one: one[0])]


def _places(windows: Sequence[Sample], freq: str) -> list[int]:
    """The step at which each window begins, counted from the earliest; windows off the grid go to the step before."""
    import pandas as pd

    starts = pd.DatetimeIndex([window.start for window in windows])
    grid = pd.date_range(starts.min(), starts.max(), freq=to_offset(freq))
    return [int(place) for place in grid.searchsorted(starts, side="right") - 1]


def pairs_of_windows(windows: Iterable[Sample], *, horizon: int, context: int | None = None) -> list[Pair]:
    """Part each window into its last `horizon` steps and the `context` steps before them (default: all before).

    Raises
    ------
    DataError
        A window of no more than `horizon` steps.

    Examples
    --------
    >>> [pair] = pairs_of_windows([Sample("a", np.arange(24.0)[None], ("load",))], horizon=6)
    >>> pair.past.n_steps, pair.future[0, 0]
    (18, 18.0)
    """
    pairs = []
    for window in windows:
        if window.n_steps <= horizon:
            raise DataError(
                f"window '{window.id}' has {window.n_steps} steps, none before a horizon of {horizon}. Ask for a "
                f"shorter horizon, or give longer windows."
            )
        past = replace(window, values=window.values[:, :-horizon])
        past = past if context is None else last_steps(past, context)
        pairs.append(Pair(past, window.values[:, -horizon:], window.n_steps - horizon - past.n_steps))
    return pairs


def last_steps(past: Sample, n: int) -> Sample:
    """The last n steps of a window; all of it where it has no more."""
    skipped = past.n_steps - n
    if skipped <= 0:
        return past
    start = None
    if past.start is not None and past.freq is not None:
        import pandas as pd

        start = (pd.Timestamp(past.start) + skipped * to_offset(past.freq)).to_pydatetime()
    return replace(past, values=past.values[:, -n:], start=start)


def in_time_order(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs by the beginning of their pasts, those of one time in the order given; as given where a time is unknown."""
    if any(pair.past.start is None for pair in pairs):
        return list(pairs)
    return sorted(pairs, key=lambda pair: pair.past.start)  # type: ignore[arg-type, return-value]
