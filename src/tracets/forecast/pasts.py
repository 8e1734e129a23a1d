"""Channels of pasts as rows: what the head reads one at a time, with gaps filled and the calendar of the next step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import step_seconds
from tracets.errors import DataError
from tracets.forecast.backbones.rows import is_telling, last_known
from tracets.types import BoolArray, Sample

Floats = NDArray[np.float64]

CYCLES = {"day": 86_400.0, "week": 7 * 86_400.0, "year": 365.2425 * 86_400.0}
HARMONICS = 3
BESIDE, MOST_COMPANY = 12, 16
"""Steps that are read of each channel beside a row, of at most so many channels."""
STEPS_IN_CYCLE, CYCLES_SEEN = 4, 2
"""A cycle is read where it has that many steps, and where what was learnt from spans that many cycles."""


@dataclass(frozen=True, eq=False)
class PastRows:
    """The channels of n windows that tell something, m rows in their order.

    `filled` (m, context) raw values, gaps filled by the last known one (before the first: by that), `known` (m,
    context) which of them were observed; `calendar` (m, features) of the first step after the window; `window` and
    `channel` (m,) whose row it is; `time` (m,) the beginning of its window in steps, or its place among the windows.
    `beside` (n, len(company), BESIDE): the last raw values of the channels called so in each window, its own among
    them; NaN where a window has no such channel or knows nothing of it.
    """

    filled: Floats
    known: BoolArray
    calendar: Floats
    window: NDArray[np.int64]
    channel: NDArray[np.int64]
    names: tuple[str, ...]
    time: Floats
    company: tuple[str, ...]
    beside: Floats

    def __len__(self) -> int:
        return len(self.filled)

    def at(self, rows: NDArray[np.int64] | BoolArray) -> PastRows:
        """Some of the rows."""
        names = tuple(np.array(self.names, object)[rows])
        return replace(
            self, filled=self.filled[rows], known=self.known[rows], calendar=self.calendar[rows],
            window=self.window[rows], channel=self.channel[rows], names=names, time=self.time[rows],
        )  # fmt: skip


def past_rows(
    pasts: Sequence[Sample], *, context: int, cycles: Sequence[str] = (), company: Sequence[str] = ()
) -> PastRows:
    """The last `context` steps of every channel in which at least two values are known and not all are the same.

    A shorter window is filled at its beginning by its first known values, as a gap is. Names are told apart without
    their case.
    """
    tables, windows, channels, names = [], [], [], []
    for i, past in enumerate(pasts):
        values = past.values[:, -context:].astype(np.float64)
        telling = np.flatnonzero(is_telling(values, 2))
        tables.append(np.pad(values[telling], ((0, 0), (context - values.shape[1], 0)), constant_values=np.nan))
        windows += [i] * len(telling)
        channels += telling.tolist()
        names += [past.channel_names[c].casefold() for c in telling]
    table = np.concatenate(tables) if tables else np.zeros((0, context))
    window = np.array(windows, np.int64)
    seasons = np.array([calendar_of(past, cycles) for past in pasts], np.float64).reshape(len(pasts), -1)
    return PastRows(
        filled=_filled(table),
        known=np.isfinite(table),
        calendar=seasons[window],
        window=window,
        channel=np.array(channels, np.int64),
        names=tuple(names),
        time=_times(pasts)[window],
        company=tuple(company),
        beside=_beside(pasts, company),
    )


def company_of(pasts: Sequence[Sample]) -> tuple[str, ...]:
    """The names of channels that stand side by side in these windows, in lower case; none where that is one, or more
    than `MOST_COMPANY`."""
    names = tuple(dict.fromkeys(name.casefold() for past in pasts for name in past.channel_names))
    return names if 2 <= len(names) <= MOST_COMPANY else ()


def _beside(pasts: Sequence[Sample], company: Sequence[str]) -> Floats:
    out = np.full((len(pasts), len(company), BESIDE), np.nan)
    place = {name: i for i, name in enumerate(company)}
    for w, past in enumerate(pasts if company else ()):
        for c, name in enumerate(past.channel_names):
            values = past.values[c].astype(np.float64)
            if (i := place.get(name.casefold())) is not None and np.isfinite(values).any():
                last = _filled(values[None])[0, -BESIDE:]
                out[w, i] = np.pad(last, (BESIDE - len(last), 0), mode="edge")
    return out


def continued_flat(pasts: Sequence[Sample], horizon: int) -> list[Floats]:
    """Every channel's last known value, 0 where there is none: (n_channels, horizon) a window."""
    return [np.repeat(last_known(past.values.astype(np.float64))[:, None], horizon, 1) for past in pasts]


def future_rows(futures: Sequence[NDArray[np.float32]], rows: PastRows) -> Floats:
    """The futures (n_channels, horizon) of the windows, row by row: (m, horizon), NaN = unknown."""
    if not len(rows):
        return np.zeros((0, futures[0].shape[1] if futures else 0))
    return np.stack([futures[w][c] for w, c in zip(rows.window, rows.channel, strict=True)]).astype(np.float64)


def interpolated(futures: Floats, last: Floats) -> Floats:
    """Gaps of futures (m, horizon) on the line between the known neighbours; `last` (m,) is known before the first.

    After the last known value it is repeated.
    """
    out, at = futures.copy(), np.arange(futures.shape[1] + 1)
    for i in np.flatnonzero(np.isnan(futures).any(1)):
        row = np.concatenate([last[i : i + 1], futures[i]])
        known = np.isfinite(row)
        out[i] = np.interp(at, at[known], row[known])[1:]
    return out


def cycles_of(pasts: Sequence[Sample]) -> tuple[str, ...]:
    """The cycles whose phase is worth knowing: longer than a few steps, and seen at least twice by these windows.

    None where one of the windows has no start or no freq.
    """
    if any(past.start is None or past.freq is None for past in pasts):
        return ()
    steps = [step_seconds(past.freq) for past in pasts]
    ends = [_seconds(past) + past.n_steps * step for past, step in zip(pasts, steps, strict=True)]
    span = max(ends) - min(map(_seconds, pasts))
    longest = max(steps)
    return tuple(c for c, t in CYCLES.items() if t >= STEPS_IN_CYCLE * longest and span >= CYCLES_SEEN * t)


def calendar_of(past: Sample, cycles: Sequence[str]) -> list[float]:
    """Sines and cosines of the time after a window in each cycle, `HARMONICS` each; all 0 where it is unknown."""
    if past.start is None or past.freq is None:
        return [0.0] * (2 * HARMONICS * len(cycles))
    after = _later(past.start, past.n_steps * step_seconds(past.freq))
    midnight = after.hour * 3600.0 + after.minute * 60 + after.second
    day = after.timetuple().tm_yday - 1
    seconds = {"day": midnight, "week": after.weekday() * 86_400 + midnight, "year": day * 86_400 + midnight}
    out = []
    for cycle in cycles:
        turn = 2 * math.pi * seconds[cycle] / CYCLES[cycle]
        out += [f(k * turn) for k in range(1, HARMONICS + 1) for f in (math.sin, math.cos)]
    return out


def check_length(pasts: Sequence[Sample], fewest: int, *, name: str) -> None:
    """Refuse windows of fewer steps than a forecaster reads."""
    for past in pasts:
        if past.n_steps < fewest:
            raise DataError(
                f"window '{past.id}' has {past.n_steps} steps; forecaster '{name}' reads the last {fewest}. Give "
                f"longer windows, or fit with a shorter context."
            )


def _later(start: datetime, seconds: float) -> datetime:
    if start.tzinfo is None:
        return start + timedelta(seconds=seconds)
    return (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(start.tzinfo)


def _seconds(past: Sample) -> float:
    assert past.start is not None
    return (past.start if past.start.tzinfo else past.start.replace(tzinfo=UTC)).timestamp()


def _times(pasts: Sequence[Sample]) -> Floats:
    """When windows begin, in steps; their places where one has no start or no freq."""
    if any(past.start is None or past.freq is None for past in pasts):
        return np.arange(len(pasts), dtype=np.float64)
    return np.array([_seconds(past) / step_seconds(past.freq) for past in pasts])


def _filled(table: Floats) -> Floats:
    """Gaps of (m, t) filled by the value before, at the beginning by the one after; every row knows a value."""
    known, at = np.isfinite(table), np.arange(table.shape[1])
    before = np.maximum.accumulate(np.where(known, at, -1), 1)
    first = known.argmax(1)[:, None] if len(table) else before[:, :1]
    filled: Floats = np.take_along_axis(table, np.where(before < 0, first, before), 1)
    return filled
