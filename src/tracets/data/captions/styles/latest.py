"""The latest step of each channel against the ones before it: what a bulletin reports."""

from __future__ import annotations

import numpy as np

from tracets.data.captions import words
from tracets.data.captions.clock import Clock
from tracets.data.captions.facts import ChannelView, Fact
from tracets.data.captions.measure import Row

KINDS = ("missing", "latest")

_DAY = 86400.0
_YEAR = 365.2425 * _DAY
# Length of a step in seconds, at most -> its name, and the earlier period that bulletins compare with: name, seconds.
STEPS: tuple[tuple[float, str, str, float], ...] = (
    (1.01 * 3600, "hour", "day", _DAY), (1.01 * _DAY, "day", "week", 7 * _DAY), (7.1 * _DAY, "week", "year", _YEAR),
    (31.1 * _DAY, "month", "year", _YEAR), (93 * _DAY, "quarter", "year", _YEAR),
)  # fmt: skip


def step_name(clock: Clock) -> str:
    """ "week", "month" or, where a step has no name of its own, "reading"."""
    found = _known(clock)
    return found[1] if found else "year" if clock.step and clock.step > 300 * _DAY else "reading"


def comparison(clock: Clock) -> tuple[str, int] | None:
    """The earlier period and how many steps ago it lies.

    >>> comparison(Clock(60, 604800.0)), comparison(Clock(60, 3600.0))
    (('year', 52), ('day', 24))
    """
    found = _known(clock)
    return (found[2], round(found[3] / clock.step)) if found and clock.step else None


def _known(clock: Clock) -> tuple[float, str, str, float] | None:
    if clock.step is None:
        return None
    for row in STEPS:
        if row[0] * 0.9 <= clock.step <= row[0]:
            return row
    return None


def latest_facts(row: Row, view: ChannelView, clock: Clock) -> list[Fact]:
    """One fact with every number a report may state; `row` (n_steps,) float64, NaN = missing.

    Its variant is the way of the last change. `decimals` is the data's own resolution, at most 3; percentages are left
    out where zero is no natural origin.
    """
    seen = row[~np.isnan(row)]
    if not len(seen):
        return [Fact("missing", view.name)]
    # What is rounded first adds up for the reader.
    decimals = own_decimals(seen)
    rounded = np.round(seen, decimals)
    value = float(rounded[-1])
    numbers = {"value": value, "decimals": float(decimals), "mean": float(rounded.mean()), "steps": float(len(row))}
    if np.isnan(row[-1]) or len(seen) < 2 or words.is_direction(view.name, view.unit):
        return [Fact("latest", view.name, numbers, "alone")]
    ratio = bool((rounded > 0).all()) and words.unit_text(view.unit).strip() not in ("%", "°C", "°F", "K")
    if not np.isnan(row[-2]):
        numbers |= _change("", value, float(rounded[-2]), ratio)
    if not np.isnan(row[0]) and len(row) > 3:
        numbers |= _change("first_", value, float(rounded[0]), ratio)
    known = comparison(clock)
    if known is not None and known[1] < len(row) and not np.isnan(row[-1 - known[1]]):
        numbers |= _change("ago_", value, float(np.round(row[-1 - known[1]], decimals)), ratio)
    way = np.sign(numbers.get("change", 0.0))
    if len(seen) == len(row):
        moves = np.sign(np.diff(rounded))
        if way:
            other = np.flatnonzero(moves != way)
            numbers["run"] = float(len(moves) - 1 - other[-1] if len(other) else len(moves))
            # Steps since it was as high (or low) as now.
            reached = np.flatnonzero((rounded[:-1] - value) * way >= 0)
            since = float(len(row) - 1 - reached[-1]) if len(reached) else float(len(row))
            numbers["since"] = since
    return [Fact("latest", view.name, numbers, "up" if way > 0 else "down" if way < 0 else "same")]


def _change(prefix: str, value: float, before: float, ratio: bool) -> dict[str, float]:
    found = {f"{prefix}before": before, f"{prefix}change": value - before}
    if ratio:
        found[f"{prefix}percent"] = 100 * (value / before - 1)
    return found


def own_decimals(seen: Row) -> int:
    """The fewest decimals, up to 3, that give the values back to six digits; whole numbers from 10,000 on.

    >>> own_decimals(np.array([2.15, 3.0])), own_decimals(np.array([123456.5]))
    (2, 0)
    """
    most = int(np.clip(4 - np.floor(np.log10(max(float(np.abs(seen).max()), 1e-3))), 0, 3))
    grain = 2e-7 * float(np.abs(seen).max()) + 1e-12
    return next((d for d in range(most) if np.abs(seen - np.round(seen, d)).max() <= grain), most)
