"""Facts across channels: which move together, which leads, which varies most, which extremes coincide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions import words
from tracets.data.captions.clock import Clock
from tracets.data.captions.facts import ChannelView, CrossFact, Fact
from tracets.data.captions.words import THRESHOLDS

KINDS = ("related", "unrelated", "lead", "most_varied", "coincide", "compare", "together", "only_gaps")
Rows = NDArray[np.float64]


def cross_facts(values: Rows, views: tuple[ChannelView, ...], clock: Clock, facts: list[Fact]) -> list[Fact]:
    """Facts that name two or more channels. `values` (n_channels, n_steps) float64; `facts` those of the channels."""

    def fact(kind: str, others: tuple[str, ...], variant: str = "", salience: float = 0.5, **numbers: float) -> Fact:
        return Fact(kind, None, {k: float(v) for k, v in numbers.items()}, variant, others, salience)

    seen = ~np.isnan(values)
    moving = [
        i
        for i, (row, ok, view) in enumerate(zip(values, seen, views, strict=True))
        if ok.sum() >= max(4, len(row) // 2)
        and row[ok].max() > row[ok].min()
        and not words.is_direction(view.name, view.unit)
    ]
    found = _only_gaps(fact, seen, views)
    if len(moving) < 2:
        return found
    rows, names = values[moving], [views[i].name for i in moving]
    found += _relations(fact, rows, names) + _most_varied(fact, rows, names)
    found += _coincide(fact, facts, names, values.shape[1]) + _together(fact, facts, names)
    found += _compare(fact, rows, [views[i] for i in moving])
    return found


def correlations(rows: Rows, lag: int = 0) -> Rows:
    """(c, c) Pearson correlation of row i at t with row j at t + lag, over the steps that both have.

    0 where fewer than 4 steps are shared or one of the two does not move there.
    """
    early, late = rows[:, : rows.shape[1] - lag], rows[:, lag:]
    m1, m2 = ~np.isnan(early), ~np.isnan(late)
    # Centring by each row's mean first keeps the sums small; correlation does not depend on it.
    base = np.nanmean(rows, axis=1, keepdims=True)
    x, y = np.where(m1, early - base, 0.0), np.where(m2, late - base, 0.0)
    w1, w2 = m1.astype(float), m2.astype(float)
    n = w1 @ w2.T
    sx, sy = x @ w2.T, w1 @ y.T
    sxx, syy, sxy = (x**2) @ w2.T, w1 @ (y**2).T, x @ y.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vx, vy = sxx - sx**2 / n, syy - sy**2 / n
        r = (sxy - sx * sy / n) / np.sqrt(vx * vy)
        moves = (n >= 4) & (vx > 1e-9 * sxx) & (vy > 1e-9 * syy)
    return np.where(moves, np.clip(np.nan_to_num(r), -1.0, 1.0), 0.0)


def _relations(fact: CrossFact, rows: Rows, names: list[str]) -> list[Fact]:
    n, c = rows.shape[1], len(names)
    at_once = correlations(rows)
    pairs = [(i, j) for i in range(c) for j in range(i + 1, c)]
    found = []
    strong = sorted((p for p in pairs if abs(at_once[p]) >= THRESHOLDS["related"]), key=lambda p: -abs(at_once[p]))
    for i, j in strong[:4]:
        r = at_once[i, j]
        close = "closely" if abs(r) >= THRESHOLDS["closely"] else "clearly"
        found.append(
            fact("related", (names[i], names[j]), f"{'with' if r > 0 else 'against'}:{close}", 0.5 + 0.4 * abs(r), r=r)
        )
    weak = [p for p in pairs if abs(at_once[p]) <= THRESHOLDS["unrelated"] and n >= 24]
    if weak:
        i, j = min(weak, key=lambda p: abs(at_once[p]))
        found.append(fact("unrelated", (names[i], names[j]), "", 0.25, r=at_once[i, j]))
    # Lags mean little where a few steps carry everything.
    dense = np.mean(rows == 0, axis=1) < THRESHOLDS["zeros"]
    if n < 24 or dense.sum() < 2:
        return found
    lags = np.arange(1, min(24, n // 12) + 1)
    later = np.stack([correlations(rows, int(lag)) for lag in lags])  # (lags, c, c), row i leads row j
    size = np.abs(later).max(axis=0)
    gain = size - np.maximum(np.abs(at_once), size.T)
    np.fill_diagonal(gain, -1)
    gain[size < THRESHOLDS["related"]] = -1
    gain[~(dense[:, None] & dense[None, :])] = -1
    i, j = divmod(int(gain.argmax()), c)
    if size[i, j] - abs(at_once[i, j]) >= THRESHOLDS["lead_gain"] and gain[i, j] > 0:
        best = int(np.abs(later[:, i, j]).argmax())
        if best == len(lags) - 1:
            return found  # still growing at the longest lag: no lag is found
        r = later[best, i, j]
        found.append(
            fact("lead", (names[i], names[j]), "same" if r > 0 else "opposite", 0.8, lag_steps=lags[best], r=r)
        )
    return found


def _most_varied(fact: CrossFact, rows: Rows, names: list[str]) -> list[Fact]:
    """Spread relative to the own level: only where levels are above zero throughout do such ratios mean anything."""
    # ... and of a channel that is mostly zero the ratio is large whatever it does.
    keep = (np.nanmin(rows, axis=1) >= 0) & (np.mean(rows == 0, axis=1) < THRESHOLDS["zeros"])
    rows, names = rows[keep], [n for n, k in zip(names, keep, strict=True) if k]
    if len(rows) < 2:
        return []
    ratio = np.nanstd(rows, axis=1) / np.nanmean(rows, axis=1)
    order = np.argsort(-ratio)
    if ratio[order[0]] < THRESHOLDS["most_varied"] * ratio[order[1]]:
        return []
    return [
        fact("most_varied", (names[order[0]], names[order[-1]]), "", 0.4, ratio=ratio[order[0]], least=ratio[order[-1]])
    ]


def _coincide(fact: CrossFact, facts: list[Fact], names: list[str], n: int) -> list[Fact]:
    known = [f for f in facts if f.kind in ("peak", "trough") and f.variant == "once" and f.channel in names]
    found = []
    for a in range(len(known)):
        for b in range(a + 1, len(known)):
            one, two = known[a], known[b]
            apart = abs(one.numbers["at_step"] - two.numbers["at_step"])
            if one.channel != two.channel and apart <= THRESHOLDS["coincide"] * n:
                found.append(
                    fact("coincide", (str(one.channel), str(two.channel)), f"{one.kind}:{two.kind}", 0.55,
                         at_step=one.numbers["at_step"], at2_step=two.numbers["at_step"], value=one.numbers["value"],
                         value2=two.numbers["value"])
                )  # fmt: skip
    return found[:6]


def _together(fact: CrossFact, facts: list[Fact], names: list[str]) -> list[Fact]:
    trend = {f.channel: f.variant.split(":")[0] for f in facts if f.kind == "trend" and f.channel in names}
    rising = tuple(n for n in names if trend.get(n) == "rise")
    falling = tuple(n for n in names if trend.get(n) == "fall")
    found = []
    if rising and falling:
        found.append(fact("together", (rising[0], falling[0]), "rise:fall", 0.6))
    for way, group in (("rise", rising), ("fall", falling)):
        if len(group) >= 2:
            found.append(fact("together", group[:2], f"{way}:{way}", 0.55))
    return found


def _compare(fact: CrossFact, rows: Rows, views: list[ChannelView]) -> list[Fact]:
    """Means of two channels in one unit."""
    found = []
    means = np.nanmean(rows, axis=1)
    for i in range(len(views)):
        for j in range(len(views)):
            unit = views[i].unit
            if i != j and unit and unit == views[j].unit:
                one, two = float(means[i]), float(means[j])
                both = ~np.isnan(rows[i]) & ~np.isnan(rows[j])
                always = bool(both.any() and (rows[i][both] > rows[j][both]).all())
                if one > two:
                    found.append(
                        fact("compare", (views[i].name, views[j].name), "always" if always else "mean", 0.4, mean=one,
                             mean2=two, gap=one - two)
                    )  # fmt: skip
    return found[:4]


def _only_gaps(fact: CrossFact, seen: NDArray[np.bool_], views: tuple[ChannelView, ...]) -> list[Fact]:
    gappy = [v.name for v, ok in zip(views, seen, strict=True) if not ok.all() and ok.any()]
    if len(gappy) != 1 or len(views) < 3:
        return []
    return [
        fact("only_gaps", (gappy[0],), "", 0.35, missing_share=1 - seen[[v.name for v in views].index(gappy[0])].mean())
    ]
