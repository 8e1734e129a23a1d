"""Sites of the generated curriculum: what the windows of one archive have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracets.data.channel_types import CHANNEL_TYPES, DOMAINS, ChannelType

Row = NDArray[np.float64]
Rng = np.random.Generator
Range = tuple[int, int]

FREQS = ("min", "5min", "10min", "15min", "30min", "h", "h", "h", "3h", "4h", "6h", "D", "D", "W", "MS")
# Economic figures come by the day at most.
_SLOW_FREQS = ("D", "W", "W", "MS", "MS", "MS", "QS")
_LENGTHS = (12, 24, 28, 36, 48, 48, 60, 72, 96, 120, 144, 168, 168, 168, 180, 240, 288, 336)
_PLACES = ("north", "south", "upper", "lower", "inner", "outer", "left", "right", "inlet", "outlet", "backup")
# Step -> lengths of about a day, and of six to twelve hours.
_DAY_STEPS = {"15min": (96,), "20min": (72,), "30min": (48,), "h": (24,), "2h": (12,), "3h": (8,)}
_HOUR_STEPS = {"10min": (36, 48, 72), "15min": (24, 32, 48), "30min": (12, 12, 16, 24), "h": (6, 8, 12)}
# In the order in which stations list them, with how often they do.
_STATION = (
    ("temperature", 0.9), ("humidity", 0.85), ("pressure", 0.8), ("wind speed", 0.85), ("wind direction", 0.8),
    ("visibility", 0.25), ("precipitation", 0.25), ("cloud cover", 0.2), ("dew point", 0.15),
)  # fmt: skip
# Of a channel's usual spread within a window, how much a day or less of it shows.
_CALMER = 0.55
_UNNAMED = ("value", "value", "value", "values", "series", "y", "x")


@dataclass(frozen=True)
class Site:
    """An archive; `scales` (factor, offset) of the unit of each channel, `kind` one of "any", "days", "shapes"."""

    freq: str | None
    n_steps: int
    domain: str
    kinds: tuple[ChannelType, ...]
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    scales: tuple[tuple[float, float], ...]
    kind: str = "any"


def any_site(rng: Rng, lengths: Range, channels: Range, mixed: float) -> Site:
    """A site of any domain; with probability `mixed` its channels come from all of them."""
    freq = FREQS[rng.integers(len(FREQS))]
    fitting = [length for length in _LENGTHS if lengths[0] <= length <= lengths[1]]
    if fitting and rng.random() < 0.7:
        n = fitting[rng.integers(len(fitting))]
    else:
        n = int(rng.integers(lengths[0], lengths[1] + 1))
    domain = DOMAINS[rng.integers(len(DOMAINS))]
    pool = list(CHANNEL_TYPES)
    if rng.random() >= mixed:
        pool = [kind for kind in pool if kind.domain == domain]
        if domain == "economy":
            freq = _SLOW_FREQS[rng.integers(len(_SLOW_FREQS))]
    else:
        domain = "mixed"
    wanted = int(rng.integers(channels[0], channels[1] + 1))
    picked = rng.permutation(np.resize(rng.permutation(len(pool)), max(wanted, len(pool))))[:wanted]
    return _equipped(freq, n, domain, [pool[at] for at in picked], rng)


def weather_site(rng: Rng, lengths: Range, channels: Range) -> Site | None:
    """A weather station told by the day or by a few hours; None where neither fits `lengths`."""
    steps = _DAY_STEPS if rng.random() < 0.55 else _HOUR_STEPS
    options = [(freq, n) for freq, fits in steps.items() for n in fits if lengths[0] <= n <= lengths[1]]
    if not options:
        return None
    freq, n = options[rng.integers(len(options))]
    by_name = {kind.names[0]: kind for kind in CHANNEL_TYPES if kind.domain == "weather"}
    listed = [name for name, share in _STATION if rng.random() < share] or ["temperature"]
    most = int(rng.integers(channels[0], channels[1] + 1)) if rng.random() < 0.3 else channels[1]
    listed = sorted(rng.permutation(listed)[:most], key=[name for name, _ in _STATION].index)
    rest = [name for name, _ in _STATION if name not in listed]
    listed += list(rng.permutation(rest)[: max(0, channels[0] - len(listed))])
    whole = rng.random() < 0.5
    kinds = [
        replace(kind, spread=(_CALMER * kind.spread[0] / 3, _CALMER * kind.spread[1]),
                decimals=0 if whole and kind.form != "rain" else kind.decimals)
        for kind in (by_name[name] for name in listed)
    ]  # fmt: skip
    return replace(_equipped(freq, n, "weather", kinds, rng), kind="days")


def shape_site(rng: Rng, lengths: Range, channels: Range) -> Site | None:
    """One unnamed channel over 12 to 24 steps; None where that is not wanted."""
    low, high = max(12, lengths[0]), min(24, lengths[1])
    if low > high or channels[0] > 1:
        return None
    n = low if rng.random() < 0.5 else int(rng.integers(low, high + 1))
    freq = (None, None, None, "D", "MS")[rng.integers(5)]
    name = _UNNAMED[rng.integers(len(_UNNAMED))]
    return Site(freq, n, "shapes", (), (name,), (None,), (), "shapes")


def simple_shape(n: int, rng: Rng) -> Row:
    """Whole numbers from 0 to 100: a level with one or two events, a straight line or a zigzag."""
    t = np.arange(n)
    form = rng.random()
    if form < 0.2:
        row = rng.choice((-1, 1)) * t * rng.uniform(0.3, 1.0) / (n - 1)
        if rng.random() < 0.25:
            row = np.sign(row[-1]) * np.abs(row) ** rng.uniform(1.5, 3)
    elif form < 0.28:
        row = 0.5 * (-1.0) ** (t // int(rng.integers(1, 4))) * rng.uniform(0.4, 1, n)
    elif form < 0.33:
        row = np.cumsum(rng.normal(size=n)) / n**0.5
    elif form < 0.37:
        row = np.zeros(n)
    else:
        row = np.zeros(n)
        for _ in range(1 if rng.random() < 0.8 else 2):
            row += _event(n, rng)
    row = row - row.min()
    top = max(row.max(), 1.0)
    height = rng.uniform(10, 95)
    row = row / top * height + rng.uniform(0, 98 - height * row.max() / top)
    if rng.random() < 0.75:
        row = row + rng.uniform(-1, 1, n) * rng.choice((1.5, 2.5, 5.0))
    return np.clip(np.round(row), 0, 100)


def _event(n: int, rng: Rng) -> Row:
    """A ramp or step to another level, a peak or dip, or a plateau, anywhere in the window."""
    sign, at = rng.choice((-1.0, 1.0)), rng.uniform(0.04, 0.96) * (n - 1)
    width = rng.uniform(0.08, 0.4) * n
    t, draw = np.arange(n), rng.random()
    if draw < 0.45:
        return sign * np.clip((t - at) / (width if rng.random() < 0.8 else 0.5) + 0.5, 0, 1)
    if draw < 0.85:
        # The two flanks may differ, and the level after from the one before.
        left, right = width, width * rng.choice((0.3, 1.0, 1.0, 2.0))
        hump = np.where(t < at, np.clip(1 - (at - t) / left, 0, 1), np.clip(1 - (t - at) / right, 0, 1))
        return sign * (
            hump + (t > at) * np.clip((t - at) / right, 0, 1) * (rng.uniform(-0.5, 0.7) * (rng.random() < 0.5))
        )
    return sign * ((np.abs(t - at) < width).astype(np.float64))


def _equipped(freq: str, n: int, domain: str, kinds: list[ChannelType], rng: Rng) -> Site:
    """Names and units for the channels."""
    names: list[str] = []
    units: list[str | None] = []
    scales: list[tuple[float, float]] = []
    for kind in kinds:
        unit, factor, offset = kind.units[rng.integers(len(kind.units))]
        names.append(_name(kind, names, rng))
        units.append(unit if rng.random() < 0.9 else None)
        scales.append((factor, offset))
    return Site(freq, n, domain, tuple(kinds), tuple(names), tuple(units), tuple(scales))


def _name(kind: ChannelType, taken: list[str], rng: Rng) -> str:
    name = kind.names[rng.integers(len(kind.names))]
    if name not in taken:
        return name
    # A second channel of one kind is told apart by its place, as on a plant.
    places = [place for place in _PLACES if _at(place, name) not in taken]
    return _at(places[rng.integers(len(places))], name)


def _at(place: str, name: str) -> str:
    return f"{place}_{name}" if "_" in name else f"{place} {name}"
