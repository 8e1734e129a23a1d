"""Facts about one channel, each from its own numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions import words
from tracets.data.captions.clock import DAY_PARTS, Clock
from tracets.data.captions.facts import ChannelFact, ChannelView, Fact
from tracets.data.captions.measure import (
    Row,
    autocorrelation,
    cycle_free,
    dominant_lag,
    filled,
    rolling_median,
    runs,
    smoothed,
    swings,
)
from tracets.data.captions.words import THRESHOLDS

KINDS = (
    "missing", "constant", "level", "gaps", "ends", "peak", "trough", "trend", "quarters", "third", "period", "texture",
    "spread", "volatile_third", "spikes", "burst", "zeros", "limit", "shift", "sign", "regime", "compass", "days",
    "dayparts",
)  # fmt: skip

_DAY = 86400
# Lags that people know, in seconds: half a day, a day, a week, a year.
_KNOWN_CYCLES = (43200.0, 86400.0, 604800.0, 365.2425 * 86400)


def channel_facts(row: Row, view: ChannelView, clock: Clock) -> list[Fact]:
    """Everything said of one channel; `row` (n_steps,) float64, NaN = missing."""

    def fact(kind: str, variant: str = "", salience: float = 0.5, **numbers: float) -> Fact:
        return Fact(kind, view.name, {k: float(v) for k, v in numbers.items()}, variant, (), salience)

    missing = np.isnan(row)
    seen = row[~missing]
    n = len(row)
    if not len(seen):
        return [fact("missing", salience=1.0)]
    low, high, mean = float(seen.min()), float(seen.max()), float(seen.mean())
    found = []
    if missing.any():
        found.append(_gaps(fact, missing))
    if low == high:
        kind = "zero" if low == 0 and words.is_rain(view.name, view.unit) else ""
        return [fact("constant", kind, 0.9, value=low), *found]
    if words.is_direction(view.name, view.unit):
        return [_compass(fact, row, view), *found]
    total = {"total": float(seen.sum())} if words.accumulates(view.name, view.unit) else {}
    found.insert(0, fact("level", "", 0.7, low=low, high=high, mean=mean, **total))
    found += _extremes(fact, row, low, high)
    first, last = np.flatnonzero(~missing)[[0, -1]]
    found.append(
        fact("ends", _way(row[last] - row[first], high - low), 0.35, first=row[first], last=row[last],
             change=abs(row[last] - row[first]))
    )  # fmt: skip
    found += _sign(fact, seen, low, high) + _regime(fact, seen, mean, view)
    if len(seen) < max(4, n // 2):
        return found

    whole = filled(row)
    spread = high - low
    std = float(seen.std())
    on_off = _zeros(fact, whole, seen, low, high, view, clock)
    if on_off:
        # That the low is zero goes without saying.
        found = [f for f in found if f.kind not in ("trough", "ends", "regime")] + on_off
    lag = None
    if not on_off:
        lag = _cycle(fact, found, whole, clock)
        found += _texture(fact, whole, std, spread, seen, mean)
        found += _spikes(fact, whole, row, spread)
    smooth = smoothed(whole, round(n / 6)) if lag is None else cycle_free(whole, lag * max(1, round(n / 6 / lag)))
    if not on_off or on_off[0].numbers["zero_share"] < THRESHOLDS["mostly_zero"]:
        found += _trend(fact, smooth, whole, spread, n)
        found += _shift(fact, whole, spread)
    if not on_off and lag is None:
        found += _thirds(fact, whole, spread)
    found += _volatile_third(fact, whole) + _limit(fact, seen, low, high)
    if clock.has_clock and not on_off:
        found += _days(fact, row, clock, spread) + _dayparts(fact, row, clock, spread)
    return found


def _grade(value: float, grades: tuple[tuple[str, float], ...]) -> str:
    """The first grade whose lower bound `value` reaches."""
    return next(name for name, least in grades if value >= least)


def _way(change: float, spread: float) -> str:
    if abs(change) <= THRESHOLDS["back_again"] * spread:
        return "same"
    return "up" if change > 0 else "down"


def _gaps(fact: ChannelFact, missing: NDArray[np.bool_]) -> Fact:
    spells = runs(missing)
    lengths = spells[:, 1] - spells[:, 0]
    longest = int(lengths.argmax())
    share = missing.mean()
    grades = (("many", THRESHOLDS["many_missing"]), ("some", THRESHOLDS["some_missing"]), ("few", 0.0))
    return fact(
        "gaps", _grade(share, grades), 0.6 + 0.3 * share, missing_share=share, count=len(spells),
        longest_steps=lengths[longest], gap_step=spells[longest, 0], gap_end_step=spells[longest, 1] - 1,
        middle_step=(spells[longest].sum() - 1) // 2,
    )  # fmt: skip


def _extremes(fact: ChannelFact, row: Row, low: float, high: float) -> list[Fact]:
    found = []
    for kind, value in (("peak", high), ("trough", low)):
        steps = np.flatnonzero(row == value)
        # Seen all over the window, the time of an extreme is no fact.
        if steps[-1] - steps[0] <= max(1, 0.05 * len(row)):
            found.append(fact(kind, "once", 0.6, value=value, at_step=steps[0]))
        else:
            found.append(fact(kind, "often", 0.3, value=value, times=len(steps)))
    return found


def _sign(fact: ChannelFact, seen: Row, low: float, high: float) -> list[Fact]:
    if low >= 0:
        return []
    if high < 0:
        return [fact("sign", "negative", 0.4)]
    share = float((seen < 0).mean())
    return [fact("sign", "crosses", 0.45, below_share=share, low=low, high=high)]


def _regime(fact: ChannelFact, seen: Row, mean: float, view: ChannelView) -> list[Fact]:
    scale = words.scale_of(view.name, view.unit)
    unit = view.unit or ""
    if scale is None or not scale.fits(mean, unit):
        return []
    ranks = scale.ranks(seen, unit)
    counts = np.bincount(ranks, minlength=len(scale.classes))
    most, share = scale.classes[int(counts.argmax())], float(counts.max() / len(seen))
    lowest, highest = scale.classes[ranks.min()], scale.classes[ranks.max()]
    found = []
    if share >= THRESHOLDS["regime"]:
        found.append(fact("regime", f"{scale.quantity}:mostly:{most}", 0.5, class_share=share))
    if lowest != highest:
        found.append(fact("regime", f"{scale.quantity}:between:{lowest}:{highest}", 0.5))
    found.append(fact("regime", f"{scale.quantity}:mean:{scale.classify(mean, unit)}", 0.5, mean=mean))
    return found


def _compass(fact: ChannelFact, row: Row, view: ChannelView) -> Fact:
    degrees = row[~np.isnan(row)]
    angles = np.deg2rad(degrees)
    east, north = np.sin(angles).mean(), np.cos(angles).mean()
    length = float(np.hypot(east, north))
    toward = float(np.rad2deg(np.arctan2(east, north)) % 360)
    if length < THRESHOLDS["prevailing"]:
        return fact("compass", "variable", 0.5)
    eighth = words.compass(toward)
    share = float(np.mean([words.compass(d) == eighth for d in degrees]))
    variant = eighth + (":wind" if "wind" in words.humanise(view.name) else "")
    return fact("compass", variant, 0.5, degrees=round(toward) % 360, eighth_share=share)


def _zeros(
    fact: ChannelFact, whole: Row, seen: Row, low: float, high: float, view: ChannelView, clock: Clock
) -> list[Fact]:
    """On-off channels (rain, counts of rare events): how much is zero, and the spell that carries most of the sum."""
    share = float((seen == 0).mean())
    if low < 0 or share < THRESHOLDS["zeros"]:
        return []
    on = whole > 0
    spells = runs(on)
    # Dry steps inside a spell do not split it when they are few against the window.
    merged = [spells[0].tolist()]
    for begin, end in spells[1:].tolist():
        if begin - merged[-1][1] <= max(1, len(whole) // 50):
            merged[-1][1] = end
        else:
            merged.append([begin, end])
    sums = np.array([whole[b:e].sum() for b, e in merged])
    best = int(sums.argmax())
    begin, end = merged[best]
    of_total = float(sums[best] / sums.sum())
    amount = (
        "almost" if share >= THRESHOLDS["almost_all_zero"] else "most" if share >= THRESHOLDS["mostly_zero"] else "half"
    )
    dry = ":rain" if words.is_rain(view.name, view.unit) else ""
    found = [fact("zeros", amount + dry, 0.6, zero_share=share, spells=len(merged))]
    if len(merged) == 1 or of_total >= THRESHOLDS["main_burst"]:
        variant = ("only" if len(merged) == 1 else "most") + ":" + _intensity(view, clock, high)
        # The sum over a spell is an amount only where adding up steps means something.
        amount_of = {"amount": sums[best]} if words.accumulates(view.name, view.unit) else {}
        found.append(
            fact("burst", variant, 0.9, **amount_of, begin_step=begin, end_step=end - 1,
                 at_step=begin + int(whole[begin:end].argmax()), middle_step=(begin + end - 1) // 2,
                 length_steps=end - begin, of_total_share=of_total, high=high)
        )  # fmt: skip
    else:
        found.append(fact("burst", "scattered", 0.6, spells=len(merged), high=high, at_step=int(whole.argmax())))
    return found


def _intensity(view: ChannelView, clock: Clock, high: float) -> str:
    """How hard the strongest step of a spell is: by rate for rain, unknown for what has no such scale."""
    if not words.is_rain(view.name, view.unit) or clock.step is None:
        return "plain"
    millimetres = high * words.MILLIMETRES[view.unit or "mm"]
    if clock.step <= 6 * 3600:
        rate, prefix = millimetres / (clock.step / 3600), "hour"
    else:
        rate, prefix = millimetres / (clock.step / _DAY), "day"
    bounds = (("heavy", THRESHOLDS[f"heavy_rain_{prefix}"]), ("moderate", THRESHOLDS[f"moderate_rain_{prefix}"]))
    # Readings are float32: 7.6 arrives as 7.5999999.
    return _grade(rate * (1 + 1e-6), (*bounds, ("light", 0.0)))


def _cycle(fact: ChannelFact, found: list[Fact], whole: Row, clock: Clock) -> int | None:
    if len(whole) < 8:
        return None
    acf = autocorrelation(whole)
    lag = dominant_lag(acf, THRESHOLDS["cycle"], THRESHOLDS["cycle_repeats"])
    if lag is None:
        return None
    name = ""
    if clock.step is not None:
        for seconds in _KNOWN_CYCLES:
            known = round(seconds / clock.step)
            near = abs(lag - known) <= max(1, 0.08 * known)
            if known >= 3 and near and known <= len(whole) / 2 and acf[known] >= 0.93 * acf[lag]:
                lag = known
                name = {43200.0: "half-daily", 86400.0: "daily", 604800.0: "weekly"}.get(seconds, "yearly")
    numbers = {"period_steps": lag, "strength": acf[lag], "repeats": len(whole) / lag}
    if name == "daily" and clock.has_clock:
        means = {h: whole[clock.hours == h].mean() for h in np.unique(clock.hours).tolist()}
        numbers |= {"peak_hour": max(means, key=lambda h: means[h]), "trough_hour": min(means, key=lambda h: means[h])}
    strength = "strong" if acf[lag] >= THRESHOLDS["strong_cycle"] else "weak"
    found.append(fact("period", f"{strength}:{name}", 0.55 + 0.3 * float(acf[lag] - 0.4), **numbers))
    return lag


def _texture(fact: ChannelFact, whole: Row, std: float, spread: float, seen: Row, mean: float) -> list[Fact]:
    rough = float(np.abs(np.diff(whole)).mean() / std)
    found = []
    if rough <= THRESHOLDS["smooth"]:
        found.append(fact("texture", "smooth", 0.4, std=std))
    elif rough >= THRESHOLDS["jagged"]:
        found.append(fact("texture", "jagged", 0.45, std=std, largest_change=np.abs(np.diff(seen)).max()))
    relative = std / spread
    variant = (
        "steady"
        if relative <= THRESHOLDS["steady_std"]
        else "variable"
        if relative >= THRESHOLDS["variable_std"]
        else ""
    )
    if abs(mean) > 0 and spread / abs(mean) <= THRESHOLDS["nearly_constant"]:
        variant = "still"
    found.append(fact("spread", variant, 0.4 if variant else 0.25, std=std, range=spread, mean=mean))
    return found


def _spikes(fact: ChannelFact, whole: Row, row: Row, spread: float) -> list[Fact]:
    if len(whole) < 12:
        return []
    away = whole - rolling_median(whole, 7)
    scale = 1.4826 * float(np.median(np.abs(away)))
    out = (np.abs(away) >= max(THRESHOLDS["spike_mad"] * scale, THRESHOLDS["spike_range"] * spread)) & ~np.isnan(row)
    out[[0, -1]] = False  # an end has one neighbour only: no telling a spike from a turn
    spells = runs(out)
    if not 1 <= len(spells) <= 5 or (spells[:, 1] - spells[:, 0]).max() > 3:
        return []
    at = int(np.argmax(np.where(out, np.abs(away), -1)))
    variant = ("up" if away[at] > 0 else "down") + (":one" if len(spells) == 1 else ":many")
    return [fact("spikes", variant, 0.85, count=len(spells), value=row[at], at_step=at)]


def _trend(fact: ChannelFact, smooth: Row, whole: Row, spread: float, n: int) -> list[Fact]:
    legs = swings(smooth, THRESHOLDS["swing"] * spread)
    quarters = [float(part.mean()) for part in np.array_split(whole, 4)]
    numbers: dict[str, float] = {}
    if not legs:
        return [fact("trend", "flat", 0.4)]
    up = smooth[legs[0][1]] > smooth[legs[0][0]]
    begin, finish = _moving(smooth, *legs[0])[0], _moving(smooth, *legs[-1])[1]
    if len(legs) > 3:
        return [fact("trend", "swings", 0.4, turns=len(legs) - 1)]
    ways = ["rise" if up == (i % 2 == 0) else "fall" for i in range(len(legs))]
    numbers["begin_step"], numbers["finish_step"] = begin, finish
    if len(legs) == 1:
        share = (finish - begin + 1) / n
        pace = (
            "throughout"
            if share >= THRESHOLDS["throughout"]
            else "sharp"
            if share <= THRESHOLDS["short_leg"]
            else "part"
        )
        variant = f"{ways[0]}:{pace}"
        if (quarters[3] - quarters[0]) * (1 if up else -1) >= THRESHOLDS["swing"] * spread:
            numbers |= {"early": quarters[0], "late": quarters[3], "change": abs(quarters[3] - quarters[0])}
    else:
        variant = "_".join(ways)
        numbers["turn_step"] = legs[0][1]
        if len(legs) == 3:
            numbers["turn2_step"] = legs[1][1]
    return [fact("trend", variant, 0.8 if len(legs) == 1 else 0.75, **numbers), *_quarters(fact, quarters, spread)]


def _moving(smooth: Row, first: int, last: int) -> tuple[int, int]:
    """The steps between which a leg really moves: without the flat 5 % of its height at either end."""
    rest = 0.05 * abs(smooth[last] - smooth[first])
    leg = smooth[first : last + 1]
    begin = first + int(np.flatnonzero(np.abs(leg - leg[0]) <= rest)[-1])
    finish = first + int(np.flatnonzero(np.abs(leg - leg[-1]) <= rest)[0])
    return begin, finish


def _quarters(fact: ChannelFact, quarters: list[float], spread: float) -> list[Fact]:
    if max(quarters) - min(quarters) < THRESHOLDS["swing"] * spread:
        return []
    top, bottom = int(np.argmax(quarters)), int(np.argmin(quarters))
    return [
        fact("quarters", "", 0.35, top=top + 1, bottom=bottom + 1, top_mean=quarters[top], bottom_mean=quarters[bottom])
    ]


def _thirds(fact: ChannelFact, whole: Row, spread: float) -> list[Fact]:
    """Thirds whose fitted line moves a lot: "drops at the beginning", "climbs at the end"."""
    found: list[Fact] = []
    if len(whole) < 6:
        return found
    for place, part in zip(("first", "middle", "last"), np.array_split(whole, 3), strict=True):
        steps = np.arange(len(part)) - (len(part) - 1) / 2
        change = float(part @ steps) / float(steps @ steps) * (len(part) - 1)
        if abs(change) >= THRESHOLDS["third_move"] * spread:
            found.append(fact("third", f"{'rise' if change > 0 else 'fall'}:{place}", 0.55))
        elif np.ptp(part) <= THRESHOLDS["steady_std"] * spread:
            found.append(fact("third", f"flat:{place}", 0.45))
    return found


def _shift(fact: ChannelFact, whole: Row, spread: float) -> list[Fact]:
    """One step between two levels: the best split of the window, if the levels are far apart against their inside."""
    n = len(whole)
    if n < 12:
        return []
    counts = np.arange(1, n)
    sums, squares = np.cumsum(whole)[:-1], np.cumsum(whole**2)[:-1]
    total, total2 = whole.sum(), float(whole @ whole)
    left, right = sums / counts, (total - sums) / (n - counts)
    inside = squares - counts * left**2 + (total2 - squares) - (n - counts) * right**2
    edge = max(3, n // 10)
    at = int(np.argmin(inside[edge - 1 : n - edge])) + edge
    before, after = float(left[at - 1]), float(right[at - 1])
    # A ramp has two far levels too; a shift happens within a few steps.
    near = whole[max(0, at - 2) : at + 2]
    std = float(np.sqrt(max(inside[at - 1], 0.0) / n))
    step = float(np.ptp(near))
    if abs(after - before) < THRESHOLDS["shift"] * std or step < 0.6 * abs(after - before):
        return []
    return [fact("shift", "up" if after > before else "down", 0.85, before=before, after=after, at_step=at)]


def _volatile_third(fact: ChannelFact, whole: Row) -> list[Fact]:
    if len(whole) < 12:
        return []
    stds = np.array([np.diff(part).std() for part in np.array_split(whole, 3)])
    order = np.argsort(stds)
    names = ("first", "middle", "last")
    found = []
    if stds[order[2]] > 0 and stds[order[2]] >= THRESHOLDS["unequal_thirds"] * stds[order[1]]:
        found.append(fact("volatile_third", f"most:{names[order[2]]}", 0.45))
    if stds[order[2]] > 0 and stds[order[1]] >= THRESHOLDS["unequal_thirds"] * stds[order[0]]:
        found.append(fact("volatile_third", f"least:{names[order[0]]}", 0.35))
    return found


def _limit(fact: ChannelFact, seen: Row, low: float, high: float) -> list[Fact]:
    found: list[Fact] = []
    # Coarse readings repeat their extremes anyway; a limit is something that a fine-grained series runs into.
    if len(seen) < 12 or len(np.unique(seen)) < 10:
        return found
    for variant, value in (("top", high), ("bottom", low)):
        share = float((seen == value).mean())
        if share >= THRESHOLDS["at_limit"] and not (value == 0 and low == 0):
            found.append(fact("limit", variant, 0.4, value=value, at_share=share))
    return found


def _days(fact: ChannelFact, row: Row, clock: Clock, spread: float) -> list[Fact]:
    """The days with the highest and the lowest mean, among those that are at least half observed."""
    if clock.step is None or clock.days < 3 or clock.step > _DAY / 4:
        return []
    day = clock.day_numbers
    need = 0.5 * _DAY / clock.step
    seen = ~np.isnan(row)
    counts = np.bincount(day[seen], minlength=clock.days + 1)
    sums = np.bincount(day[seen], weights=row[seen], minlength=clock.days + 1)
    means = {d: float(sums[d] / counts[d]) for d in range(1, clock.days + 1) if counts[d] >= need}
    if len(means) < 3:
        return []
    top, bottom = max(means, key=lambda d: means[d]), min(means, key=lambda d: means[d])
    if means[top] - means[bottom] < THRESHOLDS["swing"] * spread:
        return []
    return [fact("days", "", 0.5, top_day=top, bottom_day=bottom, top_mean=means[top], bottom_mean=means[bottom])]


def _dayparts(fact: ChannelFact, row: Row, clock: Clock, spread: float) -> list[Fact]:
    """How a channel goes inside each part of the day, for windows of at most a day and a half."""
    if clock.step is None or clock.step > 3600 or clock.n_steps * clock.step > 1.5 * _DAY or clock.days > 1:
        return []
    found = []
    for begin, end, name in DAY_PARTS:
        inside = np.flatnonzero((clock.hours >= begin) & (clock.hours < end) & ~np.isnan(row))
        if len(inside) < 4 or len(inside) * clock.step < 3 * 3600:
            continue
        values = row[inside]
        steps = inside - inside.mean()
        change = float(values @ steps) / float(steps @ steps) * (inside[-1] - inside[0])
        if abs(change) >= THRESHOLDS["swing"] * spread:
            variant = f"{'rise' if change > 0 else 'fall'}:{name}"
        elif np.ptp(values) <= THRESHOLDS["steady_std"] * spread:
            variant = f"flat:{name}"
        else:
            continue
        found.append(fact("dayparts", variant, 0.5, part_mean=values.mean()))
    return found
