"""A window block by block: what each channel does inside a part of the day, a day or a third of the window."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tracets.data.captions import words
from tracets.data.captions.clock import Clock
from tracets.data.captions.facts import ChannelView, Fact
from tracets.data.captions.measure import Row, filled, smoothed, swings

KINDS = ("missing", "block")

# What people call a little and a lot in a block: changes under the first are none, under the second slight, from the
# third on sharp; in the unit of the quantity's scale. Other channels: shares of the window's own range.
NOTICED = {
    "temperature": (0.8, 2.5, 7.0), "humidity": (4.0, 12.0, 28.0), "pressure": (0.8, 2.5, 6.0), "wind": (0.9, 2.0, 4.5),
    "visibility": (1.5, 4.0, 9.0), "cloud": (12.0, 30.0, 60.0),
}  # fmt: skip
RELATIVE = (0.15, 0.4, 0.75)
_OF_MEAN = (0.01, 0.02, 0.04)  # and at least this share of the mean

# Upper bounds of the classes in words; the last has none. In the unit of `words.SCALES`.
LEVELS: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "temperature": ((-8, 0, 7, 13, 19, 25, 31),
                    ("bitter", "freezing", "cold", "cool", "mild", "warm", "hot", "very hot")),
    "humidity": ((30, 45, 60, 70, 85), ("very dry", "dry", "average", "moderate", "humid", "very humid")),
    "pressure": ((998, 1009, 1018, 1030), ("very low", "low", "average", "high", "very high")),
    "wind": ((0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8),
             ("calm", "light air", "light breeze", "gentle breeze", "moderate breeze", "fresh breeze", "strong breeze",
              "near gale", "gale", "storm")),
    "visibility": ((1, 4, 10), ("fog", "poor", "moderate", "good")),
    "cloud": ((12, 37, 62, 88), ("clear", "few", "scattered", "broken", "overcast")),
    # mm an hour, the mean of the block.
    "rain": ((1e-9, 0.5, 2.5), ("dry", "light", "moderate", "heavy")),
    # Place of the block's mean in the window's range.
    "window": ((0.15, 0.38, 0.62, 0.85), ("lowest", "low", "middle", "high", "highest")),
}  # fmt: skip
POINTS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")
_CLOUD = re.compile(r"\bclouds?\b|\bsky cover\b", re.IGNORECASE)
_DAY_LABELS = {"night": "early morning", "morning": "morning", "afternoon": "afternoon", "evening": "evening"}


@dataclass(frozen=True)
class Block:
    """Steps `begin` up to but not including `end`.

    `label` is a part of the day, "day 2", "third 1", "half 2" or "whole".
    """

    label: str
    begin: int
    end: int


def blocks_of(clock: Clock) -> tuple[Block, ...]:
    """Cut a window: parts of the day for about a day, days for several, halves or thirds else, one for a few hours."""
    n, step = clock.n_steps, clock.step
    hours = None if step is None else n * step / 3600
    whole = (Block("whole", 0, n),)
    if n < 6 or (hours is not None and hours <= 8.5 and n <= 100):
        return whole
    if clock.has_clock and hours is not None and step is not None and step <= 3 * 3600 and 8.5 < hours <= 30:
        return _parts_of_day(clock)
    if hours is not None and step is not None and step <= 6 * 3600 and 36 <= hours <= 108:
        days = clock.day_numbers
        edges = [0, *(int(i) + 1 for i in np.flatnonzero(np.diff(days))), n]
        cut = [Block(f"day {i + 1}", a, b) for i, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True))]
        if min(b.end - b.begin for b in cut) * step >= 6 * 3600:
            return tuple(cut)
    parts, word = (2, "half") if n < 12 else (3, "third")
    edges = [round(i * n / parts) for i in range(parts + 1)]
    return tuple(Block(f"{word} {i + 1}", edges[i], edges[i + 1]) for i in range(parts))


def _parts_of_day(clock: Clock) -> tuple[Block, ...]:
    names = [_DAY_LABELS[clock.part(i)] for i in range(clock.n_steps)]
    edges = [0, *(i for i in range(1, len(names)) if names[i] != names[i - 1]), len(names)]
    out: list[Block] = []
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        known = any(b.label.endswith(names[begin]) for b in out if names[begin] != "morning" or "early" not in b.label)
        out.append(Block(f"next {names[begin]}" if known else names[begin], begin, end))
    return tuple(out)


def quantity_of(view: ChannelView, mean: float) -> str:
    """What a channel measures, as far as there are words for it; "window" where there are none."""
    if words.is_direction(view.name, view.unit):
        return "direction"
    scale = words.scale_of(view.name, view.unit)
    if scale is not None and scale.fits(mean, view.unit or ""):
        return scale.quantity
    if words.is_rain(view.name, view.unit):
        return "rain"
    if view.unit in ("%", "percent") and _CLOUD.search(words.humanise(view.name)):
        return "cloud"
    return "window"


def block_facts(row: Row, view: ChannelView, clock: Clock) -> list[Fact]:
    """One fact a block with anything seen in it; `row` (n_steps,) float64, NaN = missing.

    Its variant is "quantity:trend:first class>last class", its numbers the block's steps, mean, change and range.
    """
    seen = row[~np.isnan(row)]
    if not len(seen):
        return [Fact("missing", view.name)]
    quantity = quantity_of(view, float(seen.mean()))
    low, high = float(seen.min()), float(seen.max())
    scaled, spread = _scaled(row, view, quantity, clock), high - low
    found = []
    for i, block in enumerate(blocks_of(clock)):
        part = scaled[block.begin : block.end]
        if (~np.isnan(part)).sum() * 2 < len(part):
            continue
        if quantity == "direction":
            trend, levels, numbers = _turning(part[~np.isnan(part)])
        else:
            trend, levels, numbers = _moving(filled(part), quantity, low, spread)
        span = {"block": float(i), "begin_step": float(block.begin), "end_step": float(block.end - 1)}
        found.append(Fact("block", view.name, span | numbers, f"{quantity}:{trend}:{levels}"))
    return found or [Fact("missing", view.name, variant="mostly")]


def _scaled(row: Row, view: ChannelView, quantity: str, clock: Clock) -> Row:
    """The row in the unit of its quantity's classes."""
    scale = words.scale_of(view.name, view.unit)
    if scale is not None and quantity == scale.quantity:
        factor, offset = scale.factors[view.unit or ""]
        # Float32 and a unit's factor may leave a value a hair under its class.
        return row * factor + offset + 5e-7
    if quantity == "rain":
        hours = (clock.step or 3600.0) / 3600
        return row * words.MILLIMETRES[view.unit or "mm"] / hours
    return row


def level_of(quantity: str, value: float) -> str:
    """The class of a value.

    >>> level_of("pressure", 1008.9), level_of("pressure", 1009), level_of("humidity", 90)
    ('low', 'average', 'very humid')
    """
    bounds, classes = LEVELS[quantity]
    return classes[int(np.searchsorted(bounds, value, side="right"))]


def _moving(part: Row, quantity: str, low: float, spread: float) -> tuple[str, str, dict[str, float]]:
    edge = max(1, len(part) // 5)
    first, last = float(part[:edge].mean()), float(part[-edge:].mean())
    mean = float(part.mean())
    bounds = NOTICED.get(quantity) or tuple(
        max(a * spread, b * abs(mean)) for a, b in zip(RELATIVE, _OF_MEAN, strict=True)
    )
    trend = "none" if spread == 0 or len(part) < 2 else trend_of(part, first, last, bounds)
    if quantity == "rain":
        levels = f"{level_of('rain', mean)}"
    elif quantity == "window":
        at = [(v - low) / spread if spread else 0.5 for v in (mean, first, last)]
        levels = ">".join(level_of("window", v) for v in at)
    else:
        levels = ">".join(level_of(quantity, v) for v in (mean, first, last))
    return trend, levels, {"mean": mean, "first": first, "last": last, "change": last - first}


def trend_of(part: Row, first: float, last: float, bounds: tuple[float, ...]) -> str:
    """How a stretch goes: "steady", "rough", "up-1" to "up-3" with "-early" or "-late", "rise_fall", "fall_rise"."""
    small, much, sharp = bounds
    if len(swings(part, max(small, 0.5 * float(np.ptp(part))))) > 3:
        return "rough"
    curve = smoothed(part, max(1, len(part) // 5))
    change = last - first
    over = float(curve.max()) - max(first, last)
    under = min(first, last) - float(curve.min())
    if max(over, under) >= max(1.5 * small, 0.6 * abs(change)) and len(part) >= 4:
        return "rise_fall" if over >= under else "fall_rise"
    if abs(change) >= small:
        degree = 3 if abs(change) >= sharp else 2 if abs(change) >= much else 1
        way = "up" if change > 0 else "down"
        middle = float(curve[len(curve) // 2])
        done = (middle - first) / change
        when = "-early" if done >= 0.8 else "-late" if done <= 0.2 else ""
        return f"{way}-{degree}{when if len(part) >= 5 else ''}"
    return "steady" if np.ptp(part) <= 1.6 * small else "rough"


def _turning(part: Row) -> tuple[str, str, dict[str, float]]:
    """A direction: where it comes from on the whole, and at first and last where it turns."""
    edge = max(1, len(part) // 3)
    (mean, strength), (first, held_first), (last, held_last) = (
        _round_mean(p) for p in (part, part[:edge], part[-edge:])
    )
    turn = (last - first + 180) % 360 - 180
    if min(held_first, held_last) >= 0.8 and abs(turn) >= 40:
        trend = "shift"
    else:
        trend = "steady" if strength >= 0.85 else "mostly" if strength >= 0.6 else "variable"
    levels = ">".join(point(v) for v in (mean, first, last))
    return trend, levels, {"mean": mean, "first": first, "last": last, "strength": strength}


def _round_mean(degrees: Row) -> tuple[float, float]:
    angle = np.radians(degrees)
    x, y = float(np.cos(angle).mean()), float(np.sin(angle).mean())
    return float(np.degrees(np.arctan2(y, x)) % 360), float(np.hypot(x, y))


def point(degrees: float) -> str:
    """The sixteenth of the compass rose around a direction.

    >>> point(202.5), point(350), point(214)
    ('SSW', 'N', 'SW')
    """
    return POINTS[int((degrees % 360) / 22.5 + 0.5) % 16]
