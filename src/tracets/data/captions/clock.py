"""When a step of a window is, in words: day of the window, clock time, part of day, or relative position.

Never a calendar date, month or year: those would name the window without reading its values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from random import Random

import numpy as np
from numpy.typing import NDArray

_MONTH = 86400 * 365.2425 / 12
_UNIT_SECONDS = {
    "ms": 1e-3, "s": 1, "S": 1, "min": 60, "T": 60, "t": 60, "h": 3600, "H": 3600, "D": 86400, "d": 86400, "B": 86400,
    "W": 604800, "w": 604800, "M": _MONTH, "MS": _MONTH, "ME": _MONTH, "Q": 3 * _MONTH, "QS": 3 * _MONTH,
    "QE": 3 * _MONTH, "Y": 12 * _MONTH, "YS": 12 * _MONTH, "YE": 12 * _MONTH, "A": 12 * _MONTH, "AS": 12 * _MONTH,
}  # fmt: skip
_FREQ = re.compile(r"\s*(\d+(?:\.\d+)?)?\s*([A-Za-z]+)(?:-[A-Za-z]{3})?\s*")

# Parts of the day by clock hour: [first, last) -> word.
DAY_PARTS = ((0, 6, "night"), (6, 12, "morning"), (12, 18, "afternoon"), (18, 24, "evening"))

# Relative position of a step, (step + 0.5) / n_steps below the bound -> phrases that are true there.
POSITIONS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.08, ("at the very start", "right at the start", "at the beginning", "at the outset", "in the first third")),
    (0.22, ("near the start", "early on", "near the beginning", "early in the window", "in the first third")),
    (0.42, ("about a third of the way through", "in the first half", "roughly a third of the way in")),
    (0.58, ("in the middle", "midway", "halfway through", "around the middle", "mid-window")),
    (0.78, ("about two thirds of the way through", "in the second half", "past the middle")),
    (0.92, ("near the end", "late in the window", "towards the end", "late on", "in the last third")),
    (1.01, ("at the very end", "right at the end", "at the end", "at the close", "in the last third")),
)
THIRDS = ("first", "middle", "last")


def step_seconds(freq: str | None) -> float | None:
    """Length of one sampling step in seconds, or None where `freq` is None or unknown. Months count 30.44 days.

    >>> step_seconds("30min"), step_seconds("W-SUN"), step_seconds("fortnight")
    (1800.0, 604800.0, None)
    """
    match = _FREQ.fullmatch(freq) if freq else None
    if match is None or match[2] not in _UNIT_SECONDS:
        return None
    seconds = float(match[1] or 1) * _UNIT_SECONDS[match[2]]
    return seconds if seconds > 0 else None


def number(value: float, decimals: int) -> str:
    """Fixed-point text, no thousands separator, ASCII minus, never "-0"."""
    text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def plain(value: float) -> str:
    """At most one decimal, none where it is whole."""
    return number(value, 0 if abs(value - round(value)) < 0.05 else 1)


@dataclass(frozen=True)
class Clock:
    """Times of a window's steps. `step` is None where the sampling step is unknown, `start` likewise."""

    n_steps: int
    step: float | None = None
    start: datetime | None = None

    @cached_property
    def has_clock(self) -> bool:
        """Local clock times are known and mean something (steps shorter than a day)."""
        return self.start is not None and self.step is not None and self.step < 86400

    @cached_property
    def days(self) -> int:
        """Number of the last day of the window; 1 where days are not counted."""
        return self.day(self.n_steps - 1)

    @cached_property
    def hours(self) -> NDArray[np.int64]:
        """Local clock hour of every step; needs a clock."""
        return np.array([self.hour(i) for i in range(self.n_steps)])

    @cached_property
    def day_numbers(self) -> NDArray[np.int64]:
        """Day of the window of every step."""
        return np.array([self.day(i) for i in range(self.n_steps)])

    def local(self, step: int) -> datetime:
        """Local wall time of a step; a zone's change of clocks is followed."""
        assert self.start is not None and self.step is not None
        shift = timedelta(seconds=step * self.step)
        if self.start.tzinfo is None:
            return self.start + shift
        return (self.start.astimezone(UTC) + shift).astimezone(self.start.tzinfo)

    def day(self, step: int) -> int:
        """Day of the window, from 1: the local calendar day with a clock, else 24-hour blocks from the first step."""
        if self.has_clock:
            assert self.start is not None
            return (self.local(step).date() - self.start.date()).days + 1
        if self.step is not None and self.step < 7 * 86400:
            return int(step * self.step // 86400) + 1
        return 1

    def hour(self, step: int) -> int:
        return self.local(step).hour

    def third(self, step: int) -> str:
        return THIRDS[min(2, 3 * step // self.n_steps)]

    def relative(self, step: int, rng: Random) -> str:
        """Where the step lies in the window, without a number.

        >>> Clock(100).relative(95, Random(0)) in POSITIONS[-1][1]
        True
        """
        place = (step + 0.5) / self.n_steps
        return rng.choice(next(words for bound, words in POSITIONS if place < bound))

    def exact(self, step: int, rng: Random) -> str:
        """The step's time as exactly as it is known: clock and day, day, week or month of the window, or its number."""
        if self.has_clock:
            at = self.local(step).strftime("%H:%M")
            if self.days == 1:
                return rng.choice((f"at {at}", f"around {at}", f"at about {at}"))
            day = self.day(step)
            return rng.choice((f"at {at} on day {day}", f"around {at} on day {day}", f"on day {day} at {at}"))
        if self.step is None:
            return f"in step {step + 1}" if rng.random() < 0.5 else f"at step {step + 1} of {self.n_steps}"
        if self.step < 86400:
            if self.days > 1 and rng.random() < 0.5:
                return f"on day {self.day(step)}"
            if not step:
                return "in the first step"
            return rng.choice((f"after {self.duration(step)}", f"{self.duration(step)} into the window"))
        if self.step < 7 * 86400:
            return f"on day {self.day(step)}"
        for seconds, word in ((12 * _MONTH, "year"), (_MONTH, "month"), (7 * 86400, "week")):
            if self.step >= seconds * 0.99:
                return f"in {word} {int(step * self.step / seconds + 0.01) + 1}"
        raise AssertionError(self.step)

    def say(self, step: int, rng: Random) -> str:
        """One true phrase for when the step is: exact, by part of day, or by relative position."""
        draw = rng.random()
        if draw < 0.3:
            return self.relative(step, rng)
        if draw < 0.5 and self.has_clock and self.days > 1:
            part = self.part(step)
            day = self.day(step)
            if part == "night":
                return rng.choice((f"in the early hours of day {day}", f"in the small hours of day {day}"))
            return rng.choice((f"in the {part} of day {day}", f"on the {part} of day {day}", f"on day {day}"))
        return self.exact(step, rng)

    def note(self, step: int, rng: Random) -> str:
        """A terse form for notes: "day 5, 04:00"."""
        if not self.has_clock:
            return self.exact(step, rng).removeprefix("on ").removeprefix("in ").removeprefix("at ")
        at = self.local(step).strftime("%H:%M")
        return at if self.days == 1 else f"day {self.day(step)}, {at}"

    def part(self, step: int) -> str:
        hour = self.hour(step)
        return next(word for low, high, word in DAY_PARTS if low <= hour < high)

    def duration(self, steps: float) -> str:
        """A number of steps as a span of time: "18 hours", "3.5 days", "40 steps"."""
        if self.step is None:
            return _counted(steps, "step")
        seconds = steps * self.step
        if self.step >= 0.99 * _MONTH:
            return _counted(seconds / _MONTH, "month")
        if self.step >= 7 * 86400:
            return _counted(seconds / (7 * 86400), "week")
        for unit, word, least in ((86400, "day", 2.0), (3600, "hour", 1.0), (60, "minute", 1.0)):
            if seconds >= least * unit or (word == "day" and self.step >= 86400):
                return _counted(seconds / unit, word)
        return _counted(seconds, "second")


def _counted(value: float, word: str) -> str:
    text = plain(value)
    return f"{text} {word}" if text == "1" else f"{text} {word}s"
