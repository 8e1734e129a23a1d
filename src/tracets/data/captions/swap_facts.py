"""Facts turned false: one statement about a channel swapped for another that the window contradicts.

A swap keeps every number that it does not change, and leaves out those that would betray it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from tracets.data.captions import words
from tracets.data.captions.clock import Clock
from tracets.data.captions.facts import Fact, WindowFacts

SWAPS = ("direction", "position", "level", "volatility", "periodicity", "channel")

# The kinds of facts that each swap can be asked of.
SWAPPED_KINDS: Mapping[str, frozenset[str]] = {
    "direction": frozenset({"trend", "ends", "shift", "spikes", "third", "dayparts"}),
    "position": frozenset({"peak", "trough", "trend", "burst", "spikes", "shift", "quarters", "third", "dayparts",
                           "days", "gaps", "volatile_third"}),
    "level": frozenset({"level", "peak", "trough", "limit", "constant", "regime", "compass"}),
    "volatility": frozenset({"texture", "spread", "volatile_third"}),
    "periodicity": frozenset({"period"}),
    "channel": frozenset({"trend", "texture", "spread", "volatile_third", "third", "dayparts", "period", "shift",
                          "spikes", "peak", "trough", "level"}),
}  # fmt: skip

# Of range: how far a number is moved. A third of the window: how far a time is.
CLEAR, FAR = 0.75, 1 / 3
# Periods as multiples of the true one; whole multiples would still repeat the window.
PERIOD_FACTORS = (0.3, 0.4, 0.55, 1.8, 2.5, 3.4)
_NAMED_PERIODS = {"half-daily": 43200.0, "daily": 86400.0, "weekly": 604800.0}
_TURNED = {"rise": "fall", "fall": "rise", "up": "down", "down": "up"}
_EXCHANGED = (("early", "late"), ("first", "last"), ("before", "after"))
_TIMES = ("begin_step", "finish_step", "end_step", "at_step", "middle_step", "gap_step", "gap_end_step")
_RAW_NUMBERS = frozenset({"early", "late", "change", "before", "after", "value", "part_mean", "std", "range", "mean",
                          "largest_change", "low", "high", "total"})  # fmt: skip


def swapped(fact: Fact, kind: str, window: WindowFacts, rng: Random) -> Fact | None:
    """Swap one thing in a fact so that it is false of its window.

    Parameters
    ----------
    fact : Fact
        One of `window.facts`, about a single channel.
    kind : str
        One of `SWAPS`.
    rng : Random
        Draws where there is a choice: another place, another number, another channel.

    Returns
    -------
    Fact or None
        None where the fact cannot be swapped so, or where nothing makes sure that the swap is false.
    """
    if fact.channel is None or fact.kind not in SWAPPED_KINDS[kind]:
        return None
    return _RULES[kind](fact, window, rng)


def far_apart(step: float, other: float, clock: Clock) -> bool:
    """Whether two steps lie so far apart that no phrase for the time fits both.

    They do when at least a third of the window lies between them, on different days and in different halves.
    """
    n = clock.n_steps
    if abs(step - other) < FAR * n or (2 * step + 1 < n) == (2 * other + 1 < n):
        return False
    return clock.days == 1 or clock.day(int(step)) != clock.day(int(other))


def _find(window: WindowFacts, channel: str | None, kind: str) -> Fact | None:
    return next((f for f in window.facts if f.channel == channel and f.kind == kind), None)


def _direction(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    variant = re.sub("|".join(_TURNED), lambda m: _TURNED[m[0]], fact.variant)
    if variant == fact.variant or variant.endswith(":many"):
        return None
    numbers = dict(fact.numbers)
    for one, other in _EXCHANGED:
        if one in numbers:
            numbers[one], numbers[other] = numbers[other], numbers[one]
    if fact.kind == "spikes":
        level = _find(window, fact.channel, "level")
        if level is None:
            return None
        numbers["value"] = level.numbers["low"] + level.numbers["high"] - numbers["value"]
    return replace(fact, variant=variant, numbers=numbers)


def _position(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    if fact.kind in ("third", "dayparts", "volatile_third"):
        return _other_part(fact, window, rng)
    if fact.kind == "quarters":
        return _other_count(fact, "top", "bottom", 4, rng)
    if fact.kind == "days":
        return _other_count(fact, "top_day", "bottom_day", window.clock.days, rng)
    if not _only_one(fact, window):
        return None
    keys = [k for k in (("turn_step",) if "turn_step" in fact.numbers else _TIMES) if k in fact.numbers]
    steps = [fact.numbers[k] for k in keys]
    if not steps or max(steps) - min(steps) > FAR * window.clock.n_steps:
        return None
    for _ in range(12):
        shift = rng.randrange(window.clock.n_steps) - steps[0]
        moved = [s + shift for s in steps]
        first = 1 if fact.kind == "shift" else 0  # a step to another level has something before it
        if min(moved) < first or max(moved) >= window.clock.n_steps:
            continue
        if "turn_step" in keys and not fact.numbers["begin_step"] < moved[0] < fact.numbers["finish_step"]:
            continue
        if all(far_apart(old, new, window.clock) for old, new in zip(steps, moved, strict=True)):
            return replace(fact, numbers={**fact.numbers, **dict(zip(keys, moved, strict=True))})
    return None


def _only_one(fact: Fact, window: WindowFacts) -> bool:
    """Whether there is but one event of its sort, so that naming another time for it is false."""
    if fact.kind in ("peak", "trough"):
        return fact.variant == "once"
    if fact.kind == "trend":
        # One short leg, or two legs and the turn between them.
        return fact.variant.endswith(":sharp") or fact.variant.count("_") == 1
    if fact.kind == "burst":
        peak = _find(window, fact.channel, "peak")
        return peak is not None and peak.variant == "once"
    if fact.kind == "spikes":
        return fact.variant.endswith(":one")
    return fact.kind == "shift" or fact.numbers["count"] == 1


def _other_part(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    """Another third or part of the day; for a movement, one where the channel is known to move otherwise."""
    what, _, place = fact.variant.partition(":")
    if fact.kind == "volatile_third":
        places = [p for p in ("first", "middle", "last") if p != place]
    else:
        peers = [f.variant.split(":") for f in window.facts if f.channel == fact.channel and f.kind == fact.kind]
        places = [p for w, p in peers if w != what and p != place]
    return replace(fact, variant=f"{what}:{rng.choice(places)}") if places else None


def _other_count(fact: Fact, top: str, bottom: str, n: int, rng: Random) -> Fact | None:
    """Another quarter or day for the highest or the lowest mean."""
    keys = [top, bottom]
    rng.shuffle(keys)
    for key in keys:
        taken = (fact.numbers[top], fact.numbers[bottom])
        free = [c for c in range(1, n + 1) if abs(c - fact.numbers[key]) > FAR * n and c not in taken]
        if free:
            return replace(fact, numbers={**fact.numbers, key: float(rng.choice(free))})
    return None


def _level(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    if fact.kind == "regime":
        return _other_class(fact, window, rng)
    if fact.kind == "compass":
        return _other_sector(fact, rng)
    if fact.kind == "constant":
        value = fact.numbers["value"]
        # With nothing but zeros there is no telling what another sensible value would be.
        return replace(fact, numbers={"value": value * rng.choice((0.3, 0.5, 1.8, 2.5))}) if value else None
    level = _find(window, fact.channel, "level")
    if level is None:
        return None
    low, high = level.numbers["low"], level.numbers["high"]
    # Inwards: "never above 30" stays true when the number grows.
    far = (high - low) * rng.uniform(CLEAR, 0.95)
    if fact.kind in ("peak", "trough", "limit"):
        down = fact.kind == "peak" or fact.variant == "top"
        return replace(fact, numbers={**fact.numbers, "value": high - far if down else low + far})
    which = rng.choice(("total", "total", "mean") if "total" in fact.numbers else ("low", "high", "mean", "mean"))
    if which == "total":
        return replace(fact, numbers={"total": fact.numbers["total"] * rng.choice((0.3, 0.5, 2.0, 3.0))})
    if which == "low":
        return replace(fact, numbers={"low": low + far, "high": high})
    if which == "high":
        return replace(fact, numbers={"low": low, "high": high - far})
    unit = next(view.unit for view in window.channels if view.name == fact.channel)
    means = [fact.numbers["mean"] + sign * (high - low) * rng.uniform(CLEAR, 1.5) for sign in (1, -1)]
    floor = 0.0 if low >= 0 else float("-inf")
    ceiling = 100.0 if unit in ("%", "percent") and high <= 100 else float("inf")
    sensible = [mean for mean in means if floor <= mean <= ceiling]
    return replace(fact, numbers={"mean": rng.choice(sensible)}) if sensible else None


def _other_class(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    """A class that is no neighbour of the true one. The mean is left out: it would contradict the class."""
    quantity, form, *classes = fact.variant.split(":")
    if form == "between":
        return None
    names = next(scale.classes for scale in words.SCALES if scale.quantity == quantity)
    true = names.index(classes[0])
    other = rng.choice([c for i, c in enumerate(names) if abs(i - true) > 1])
    numbers = {k: v for k, v in fact.numbers.items() if k != "mean"}
    return replace(fact, variant=f"{quantity}:{form}:{other}", numbers=numbers)


def _other_sector(fact: Fact, rng: Random) -> Fact | None:
    """The opposite eighth of the compass or one beside it."""
    if fact.variant == "variable":
        return None
    eighth, _, rest = fact.variant.partition(":")
    turn = rng.choice((3, 4, 5))
    other = words.COMPASS[(words.COMPASS.index(eighth) + turn) % 8]
    numbers = {**fact.numbers, "degrees": (fact.numbers["degrees"] + 45 * turn) % 360}
    return replace(fact, variant=f"{other}:{rest}" if rest else other, numbers=numbers)


def _volatility(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    if fact.kind == "texture":
        return replace(fact, variant="jagged" if fact.variant == "smooth" else "smooth", numbers={})
    if fact.kind == "volatile_third":
        what, _, place = fact.variant.partition(":")
        return replace(fact, variant=f"{'least' if what == 'most' else 'most'}:{place}")
    if fact.variant:
        if fact.variant == "still" and fact.numbers["std"] >= words.THRESHOLDS["variable_std"] * fact.numbers["range"]:
            return None  # small against its level, but it uses all of its small range
        return replace(fact, variant="steady" if fact.variant == "variable" else "variable", numbers={})
    factor = rng.choice((0.3, 0.45, 2.2, 3.0))
    numbers = {k: v * factor if k in ("std", "range") else v for k, v in fact.numbers.items()}
    return replace(fact, numbers=numbers)


def _periodicity(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    strength, _, name = fact.variant.partition(":")
    steps, clock = fact.numbers["period_steps"], window.clock
    if name:
        assert clock.step is not None, "a named cycle comes from a known step"
        named = {other: seconds / clock.step for other, seconds in _NAMED_PERIODS.items() if other != name}
        fits = [other for other, length in named.items() if 2 <= length <= clock.n_steps]
        if not fits:
            return None
        other = rng.choice(fits)
        return replace(fact, variant=f"{strength}:{other}", numbers={"period_steps": named[other]})
    fits_ = [f for f in PERIOD_FACTORS if 2 <= round(steps * f) <= clock.n_steps and _clearly(steps, round(steps * f))]
    return replace(fact, numbers={"period_steps": float(round(steps * rng.choice(fits_)))}) if fits_ else None


def _clearly(steps: float, other: float) -> bool:
    return max(steps, other) >= 1.8 * min(steps, other)


def _channel(fact: Fact, window: WindowFacts, rng: Random) -> Fact | None:
    """The same of another channel, without numbers in the unit of the first."""
    numbers = {k: v for k, v in fact.numbers.items() if k not in _RAW_NUMBERS}
    others = [view.name for view in window.channels if view.name != fact.channel]
    rng.shuffle(others)
    for other in others:
        peers = [f for f in window.facts if f.channel == other]
        if fact.kind == "level":
            if _levels_differ(fact, other, peers, window):
                return replace(fact, channel=other, numbers={"mean": fact.numbers["mean"]})
        elif _is_false_of(fact, peers, window.clock):
            return replace(fact, channel=other, numbers=numbers)
    return None


def _levels_differ(fact: Fact, other: str, peers: list[Fact], window: WindowFacts) -> bool:
    units = {view.name: view.unit for view in window.channels}
    level = next((f for f in peers if f.kind == "level"), None)
    if level is None or units[other] != units[str(fact.channel)]:
        return False
    spread = level.numbers["high"] - level.numbers["low"]
    return abs(level.numbers["mean"] - fact.numbers["mean"]) >= CLEAR * spread


def _is_false_of(fact: Fact, peers: list[Fact], clock: Clock) -> bool:
    """Whether a channel with the facts `peers` contradicts a fact of another channel."""
    same = [f for f in peers if f.kind == fact.kind]
    what, _, place = fact.variant.partition(":")
    if fact.kind in ("peak", "trough"):
        return bool(same) and fact.variant == same[0].variant == "once" and far_apart(
            fact.numbers["at_step"], same[0].numbers["at_step"], clock
        )  # fmt: skip
    if fact.kind in ("period", "shift", "spikes"):
        # Not found where it was looked for: in channels that are no on-off ones and whole enough for a texture.
        sought = any(f.kind == "spread" for f in peers)
        return sought and not same and what != "weak" and (fact.kind != "spikes" or place == "one")
    if fact.kind == "texture":
        return bool(same) and same[0].variant != fact.variant
    if fact.kind == "spread":
        return bool(same) and {same[0].variant, fact.variant} == {"steady", "variable"}
    if fact.kind in ("third", "dayparts"):
        return any(f.variant.endswith(f":{place}") and not f.variant.startswith(what) for f in same)
    if fact.kind == "volatile_third":
        return any(f.variant.startswith(what) and not f.variant.endswith(place) for f in same)
    if not same or "swings" in (fact.variant, same[0].variant):
        return False
    ways, others = (f.variant.split(":")[0].split("_") for f in (fact, same[0]))
    # A channel with more legs may well do at some time what the sentence says.
    return ways[0] != others[0] and len(others) <= len(ways)


_RULES: Mapping[str, Callable[[Fact, WindowFacts, Random], Fact | None]] = {
    "direction": _direction,
    "position": _position,
    "level": _level,
    "volatility": _volatility,
    "periodicity": _periodicity,
    "channel": _channel,
}
