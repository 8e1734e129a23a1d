"""The shape of one curve as people see it: moves, flat stretches, humps and where they are.

Shares of height are of (high - low) of the channel's values, shares of length of the window's n - 1 intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracets.data.captions.clock import Clock
from tracets.data.captions.facts import ChannelFact, ChannelView, Fact
from tracets.data.captions.measure import Row, filled, smoothed, swings

KINDS = (
    "missing",
    "constant",
    "move",
    "hump",
    "extreme",
    "flat",
    "mostly",
    "ends",
    "order",
    "wiggle",
    "spike",
    "halves",
)

LEG = 0.22  # height share from which a rise or fall is seen
FLAT = 0.2  # height share within which a stretch is flat
_EDGE = 0.12  # of a leg's height: what lies before and after it is not the move itself
_LONG = 0.2  # length share from which a stretch between moves counts


@dataclass(frozen=True)
class Part:
    """A stretch of a curve, `way` being "rise", "fall" or "flat"; `begin` and `end` are steps, both in it."""

    way: str
    begin: int
    end: int


def shape_facts(row: Row, view: ChannelView, clock: Clock) -> list[Fact]:
    """What can be said without numbers of one channel; `row` (n_steps,) float64, NaN = missing."""

    def fact(kind: str, variant: str = "", salience: float = 0.5, **numbers: float) -> Fact:
        return Fact(kind, view.name, {k: float(v) for k, v in numbers.items()}, variant, (), salience)

    seen = row[~np.isnan(row)]
    n = len(row)
    if not len(seen):
        return [fact("missing")]
    low, high = float(seen.min()), float(seen.max())
    if low == high or n < 2:
        return [fact("constant")]
    spread = high - low
    curve = seen_curve(row)
    found = [fact("ends", _way(curve[-1] - curve[0], spread), 0.12)]
    spike = _spike(curve, spread)
    if spike is not None:
        step, way = spike
        return [fact("spike", f"{way}:{place(step, step, n)}", 1.0, at_step=step)]
    legs = swings(curve, LEG * spread)
    turns = len(legs) - 1
    if turns >= 3 and spread <= 0.08 * np.abs(seen).max():
        return [fact("constant", "nearly"), *found]
    if turns >= 5:
        found.append(fact("wiggle", "many", 1.0, turns=turns))
    elif turns >= 3:
        found.append(fact("wiggle", "some", 0.4, turns=turns))
    parts = curve_parts(curve, spread)
    if turns < 5:
        for part in parts:
            where = place(part.begin, part.end, n)
            if part.way == "flat":
                height = (curve[part.begin : part.end + 1].mean() - low) / spread
                level = "low" if height < 0.25 else "high" if height > 0.75 else "mid"
                length = (part.end - part.begin) / (n - 1)
                found.append(fact("flat", f"{level}:{where}", 0.5, begin_step=part.begin, end_step=part.end))
                if length >= 0.55:
                    found.append(fact("mostly", level, 0.4, begin_step=part.begin, end_step=part.end))
            else:
                share = abs(curve[part.end] - curve[part.begin]) / spread
                manner = "+".join(manners(curve, part, spread))
                found.append(
                    fact("move", f"{part.way}:{where}:{manner}", 0.4 + 0.6 * share, begin_step=part.begin,
                         end_step=part.end, height_share=share)
                )  # fmt: skip
        if 2 <= len(parts) <= 4:
            found.append(fact("order", ">".join(p.way for p in parts), 0.5))
        found += _humps(fact, curve, legs, spread)
    found += _extremes(fact, curve)
    half = n // 2
    if n >= 4 and abs(curve[-half:].mean() - curve[:half].mean()) >= 0.3 * spread:
        found.append(fact("halves", "up" if curve[-half:].mean() > curve[:half].mean() else "down", 0.12))
    return found


def seen_curve(row: Row) -> Row:
    """The curve as the eye follows it: gaps bridged, long ones smoothed over a sixteenth of their length."""
    return smoothed(filled(row), len(row) // 16)


def _way(change: float, spread: float) -> str:
    if abs(change) <= 0.1 * spread:
        return "same"
    return "up" if change > 0 else "down"


def place(begin: int, end: int, n: int) -> str:
    """Where a stretch of steps lies: "throughout", or a third or half of the window by its centre.

    >>> place(0, 9, 10), place(0, 1, 12), place(5, 6, 12), place(7, 7, 12), place(11, 11, 12)
    ('throughout', 'start', 'middle', 'past', 'end')
    """
    last = max(n - 1, 1)
    if (end - begin) / last >= 0.75:
        return "throughout"
    centre = (begin + end) / 2 / last
    if centre < 0.28:
        return "start"
    if centre < 0.4:
        return "before"
    if centre <= 0.6:
        return "middle"
    return "past" if centre <= 0.72 else "end"


def curve_parts(curve: Row, spread: float) -> list[Part]:
    """Rises, falls and the flat stretches before, between and after them."""
    n = len(curve)
    legs = swings(curve, LEG * spread)
    cores = [_core(curve, begin, end) for begin, end in legs]
    if not cores:
        return [Part("flat", 0, n - 1)] if np.ptp(curve) <= FLAT * spread else []
    least = max(2, round(_LONG * (n - 1)))
    parts: list[Part] = []
    at = 0
    for i, (begin, end) in enumerate(cores):
        before = curve[at : begin + 1]
        if begin - at >= least and np.ptp(before) <= FLAT * spread:
            parts.append(Part("flat", at, begin))
        else:
            begin = legs[i][0]
        rest = (cores[i + 1][0] if i + 1 < len(cores) else n - 1) - end
        after = curve[end : end + rest + 1]
        if not (rest >= least and np.ptp(after) <= FLAT * spread):
            end = legs[i][1]
        parts.append(Part("rise" if curve[end] > curve[begin] else "fall", begin, end))
        at = end
    if n - 1 - at >= least and np.ptp(curve[at:]) <= FLAT * spread:
        parts.append(Part("flat", at, n - 1))
    return parts


def _core(curve: Row, begin: int, end: int) -> tuple[int, int]:
    """Where a leg does its moving: from the last step near its foot to the first near its head."""
    way = (curve[begin : end + 1] - curve[begin]) / (curve[end] - curve[begin])
    last = int(np.flatnonzero(way >= 1 - _EDGE)[0])
    first = int(np.flatnonzero(way[: last + 1] <= _EDGE)[-1])
    return begin + first, begin + last


def manners(curve: Row, part: Part, spread: float) -> list[str]:
    """How a move goes: any of "sharp", "steady", "gradual", "slight"."""
    stretch = curve[part.begin : part.end + 1]
    height = abs(stretch[-1] - stretch[0]) / spread
    length = (part.end - part.begin) / max(len(curve) - 1, 1)
    found = []
    if height >= 0.5 and length <= 0.4:
        found.append("sharp")
    line = np.linspace(stretch[0], stretch[-1], len(stretch))
    if len(stretch) >= 4 and np.abs(stretch - line).max() <= 0.12 * abs(stretch[-1] - stretch[0]):
        found.append("steady")
    if length >= 0.5:
        found.append("gradual")
    if height <= 0.35:
        found.append("slight")
    return found


def _spike(curve: Row, spread: float) -> tuple[int, str] | None:
    """The one or two neighbouring steps that stand out from an otherwise level curve."""
    if len(curve) < 8:
        return None
    out = np.flatnonzero(np.abs(curve - np.median(curve)) > 0.5 * spread)
    if not 1 <= len(out) <= max(2, len(curve) // 30) or out[-1] - out[0] != len(out) - 1:
        return None
    if np.ptp(np.delete(curve, out)) > 0.25 * spread:
        return None
    # At an end it is a step to another level as much as a spike.
    if out[0] == 0 or out[-1] == len(curve) - 1:
        return None
    step = int(out[np.abs(curve[out] - np.median(curve)).argmax()])
    return step, "up" if curve[step] > np.median(curve) else "down"


def _humps(fact: ChannelFact, curve: Row, legs: list[tuple[int, int]], spread: float) -> list[Fact]:
    found = []
    for (begin, top), (_, end) in zip(legs[:-1], legs[1:], strict=True):
        height = min(abs(curve[top] - curve[begin]), abs(curve[top] - curve[end])) / spread
        way = "peak" if curve[top] > curve[begin] else "dip"
        found.append(
            fact("hump", f"{way}:{place(top, top, len(curve))}", 0.3 + 0.7 * height, at_step=top, height_share=height)
        )
    return found


def _extremes(fact: ChannelFact, curve: Row) -> list[Fact]:
    """Where the highest and lowest are, unless the curve comes close to them somewhere else."""
    found = []
    n, spread = len(curve), np.ptp(curve)
    for way, near in (("high", curve >= curve.max() - 0.08 * spread), ("low", curve <= curve.min() + 0.08 * spread)):
        steps = np.flatnonzero(near)
        if spread > 0 and steps[-1] - steps[0] <= 0.3 * (n - 1):
            where = place(int(steps[0]), int(steps[-1]), n)
            found.append(fact("extreme", f"{way}:{where}", 0.3, at_step=steps[len(steps) // 2]))
    return found
