"""Slow, plain recomputation of every number that a fact states, from the values alone."""

import math
from datetime import timedelta

import numpy as np

from tracets.data.captions import words
from tracets.data.captions.facts import Fact
from tracets.types import Sample


def seen(row):
    return [float(v) for v in row if not math.isnan(v)]


def mean(values):
    return sum(values) / len(values)


def std(values):
    middle = mean(values)
    return math.sqrt(mean([(v - middle) ** 2 for v in values]))


def spells(flags):
    found, begin = [], None
    for i, flag in enumerate([*flags, False]):
        if flag and begin is None:
            begin = i
        elif not flag and begin is not None:
            found.append((begin, i))
            begin = None
    return found


def filled(row):
    at = [i for i, v in enumerate(row) if not math.isnan(v)]
    out = []
    for i, v in enumerate(row):
        if not math.isnan(v):
            out.append(float(v))
        elif i < at[0] or i > at[-1]:
            out.append(float(row[at[0] if i < at[0] else at[-1]]))
        else:
            left, right = max(j for j in at if j < i), min(j for j in at if j > i)
            out.append(float(row[left]) + (float(row[right]) - float(row[left])) * (i - left) / (right - left))
    return out


def pearson(x, y):
    both = [(a, b) for a, b in zip(x, y, strict=True) if not (math.isnan(a) or math.isnan(b))]
    xs, ys = [a for a, _ in both], [b for _, b in both]
    mx, my = mean(xs), mean(ys)
    scale = std(xs) * std(ys)
    return mean([(a - mx) * (b - my) for a, b in both]) / scale if scale > 1e-9 else 0.0


def part_means(row, parts):
    size, rest = divmod(len(row), parts)
    out, at = [], 0
    for i in range(parts):
        end = at + size + (i < rest)
        out.append(mean(row[at:end]))
        at = end
    return out


def local_times(sample: Sample, seconds: float):
    return [sample.start + timedelta(seconds=seconds * i) for i in range(sample.n_steps)]


def acf(row, lag):
    n = len(row)
    slope, offset = np.polyfit(range(n), row, 1)
    rest = [v - slope * i - offset for i, v in enumerate(row)]
    return sum(a * b for a, b in zip(rest, rest[lag:], strict=False)) / (n - lag) / (sum(v * v for v in rest) / n)


def expected(fact: Fact, sample: Sample, seconds: float | None) -> dict[str, float]:
    """Numbers of a fact as they must be; kinds whose steps are only bounded return what can be pinned."""
    rows = dict(zip(sample.channel_names, sample.values.astype(float).tolist(), strict=True))
    units = dict(zip(sample.channel_names, sample.units, strict=True))
    if fact.channel is None:
        return cross(fact, [rows[name] for name in fact.others], rows)
    row, unit, n = rows[fact.channel], units[fact.channel], sample.n_steps
    values, got = seen(row), fact.numbers
    if fact.kind == "missing":
        assert not values
        return {}
    low, high = min(values), max(values)
    if fact.kind == "constant":
        assert low == high
        return {"value": low}
    if fact.kind == "level":
        total = {"total": sum(values)} if words.accumulates(fact.channel, unit) else {}
        return {"low": low, "high": high, "mean": mean(values)} | total
    if fact.kind == "gaps":
        gaps = spells([math.isnan(v) for v in row])
        begin, end = max(gaps, key=lambda g: g[1] - g[0])
        return {
            "missing_share": (n - len(values)) / n, "count": len(gaps), "longest_steps": end - begin,
            "gap_step": begin, "gap_end_step": end - 1, "middle_step": (begin + end - 1) // 2,
        }  # fmt: skip
    if fact.kind in ("peak", "trough"):
        value = high if fact.kind == "peak" else low
        at = [i for i, v in enumerate(row) if v == value]
        return {"value": value} | ({"at_step": at[0]} if fact.variant == "once" else {"times": len(at)})
    if fact.kind == "ends":
        at = [i for i, v in enumerate(row) if not math.isnan(v)]
        first, last = row[at[0]], row[at[-1]]
        assert {"up": last > first, "down": last < first, "same": True}[fact.variant]
        return {"first": first, "last": last, "change": abs(last - first)}
    if fact.kind == "sign":
        assert low < 0
        if fact.variant == "negative":
            assert high < 0
            return {}
        return {"below_share": mean([v < 0 for v in values]), "low": low, "high": high}
    if fact.kind == "regime":
        scale = words.scale_of(fact.channel, unit)
        _, form, *classes = fact.variant.split(":")
        if form == "mostly":
            share = mean([scale.classify(v, unit) == classes[0] for v in values])
            assert share >= 0.6
            return {"class_share": share}
        if form == "between":
            assert [scale.classify(low, unit), scale.classify(high, unit)] == classes
            return {}
        assert scale.classify(mean(values), unit) == classes[0]
        return {"mean": mean(values)}
    if fact.kind == "compass":
        if fact.variant == "variable":
            return {}
        x, y = mean([math.cos(math.radians(v)) for v in values]), mean([math.sin(math.radians(v)) for v in values])
        eighth = fact.variant.split(":")[0]
        angle = math.degrees(math.atan2(y, x)) % 360
        share = mean([words.COMPASS[math.floor(v % 360 / 45 + 0.5) % 8] == eighth for v in values])
        return {"degrees": round(angle) % 360, "eighth_share": share}
    whole = filled(row)
    if fact.kind in ("spread", "texture"):
        changes = [abs(b - a) for a, b in zip(values, values[1:], strict=False)]
        known = {"std": std(values), "range": high - low, "mean": mean(values), "largest_change": max(changes)}
        return {key: known[key] for key in got}
    if fact.kind == "quarters":
        means = part_means(whole, 4)
        return {
            "top": means.index(max(means)) + 1, "bottom": means.index(min(means)) + 1,
            "top_mean": max(means), "bottom_mean": min(means),
        }  # fmt: skip
    if fact.kind == "trend":
        for key, value in got.items():
            assert not key.endswith("_step") or 0 <= value < n
        if "early" in got:
            early, *_, late = part_means(whole, 4)
            assert (late > early) == fact.variant.startswith("rise")
            return {"early": early, "late": late, "change": abs(late - early)}
        if fact.variant == "swings":
            assert got["turns"] >= 3
        return {}
    if fact.kind == "zeros":
        return {"zero_share": mean([v == 0 for v in values]), "spells": len(merged_spells(whole))}
    if fact.kind == "burst":
        merged = merged_spells(whole)
        if fact.variant == "scattered":
            return {"spells": len(merged), "high": max(whole), "at_step": whole.index(max(whole))}
        sums = [sum(whole[b:e]) for b, e in merged]
        begin, end = merged[sums.index(max(sums))]
        inside = whole[begin:end]
        known = {
            "amount": sum(inside), "begin_step": begin, "end_step": end - 1,
            "at_step": begin + inside.index(max(inside)), "middle_step": (begin + end - 1) // 2,
            "length_steps": end - begin, "of_total_share": sum(inside) / sum(whole), "high": high,
        }  # fmt: skip
        return {key: known[key] for key in got}
    if fact.kind == "limit":
        value = high if fact.variant == "top" else low
        return {"value": value, "at_share": mean([v == value for v in values])}
    if fact.kind == "shift":
        at = int(got["at_step"])
        before, after = mean(whole[:at]), mean(whole[at:])
        assert (after > before) == (fact.variant == "up")
        return {"before": before, "after": after}
    if fact.kind == "spikes":
        at = int(got["at_step"])
        near = whole[at - 3 : at] + whole[at + 1 : at + 4]
        assert not 3 <= at < n - 3 or (row[at] > np.median(near)) == fact.variant.startswith("up")
        return {"value": row[at]}
    if fact.kind == "period":
        lag = int(got["period_steps"])
        known = {"strength": acf(whole, lag), "repeats": n / lag}
        assert known["strength"] >= 0.35
        if "peak_hour" in got:
            hours = [t.hour for t in local_times(sample, seconds)]
            means = {h: mean([v for v, at in zip(whole, hours, strict=True) if at == h]) for h in sorted(set(hours))}
            known |= {"peak_hour": max(means, key=means.get), "trough_hour": min(means, key=means.get)}
        return known
    if fact.kind == "days":
        days = [(t.date() - sample.start.date()).days + 1 for t in local_times(sample, seconds)]
        by_day = {d: seen([v for v, at in zip(row, days, strict=True) if at == d]) for d in sorted(set(days))}
        means = {d: mean(part) for d, part in by_day.items() if len(part) >= 43200 / seconds}
        top, bottom = max(means, key=means.get), min(means, key=means.get)
        return {"top_day": top, "bottom_day": bottom, "top_mean": means[top], "bottom_mean": means[bottom]}
    if fact.kind == "dayparts":
        begin = {"night": 0, "morning": 6, "afternoon": 12, "evening": 18}[fact.variant.split(":")[1]]
        times = local_times(sample, seconds)
        inside = seen([v for v, t in zip(row, times, strict=True) if begin <= t.hour < begin + 6])
        return {"part_mean": mean(inside)}
    assert fact.kind in ("third", "volatile_third"), f"no oracle for {fact.kind}"
    return {}


def merged_spells(whole):
    allowed = max(1, len(whole) // 50)
    merged = []
    for begin, end in spells([v > 0 for v in whole]):
        if merged and begin - merged[-1][1] <= allowed:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return merged


def cross(fact: Fact, rows, every) -> dict[str, float]:
    got = fact.numbers
    if fact.kind in ("related", "unrelated"):
        r = pearson(rows[0], rows[1])
        assert fact.kind == "unrelated" or (r > 0) == fact.variant.startswith("with")
        return {"r": r}
    if fact.kind == "lead":
        lag = int(got["lag_steps"])
        r = pearson(rows[0][:-lag], rows[1][lag:])
        assert abs(r) > abs(pearson(rows[0], rows[1])) and (r > 0) == (fact.variant == "same")
        return {"lag_steps": lag, "r": r}
    if fact.kind == "most_varied":
        ratios = [std(seen(row)) / mean(seen(row)) for row in rows]
        return {"ratio": ratios[0], "least": ratios[1]}
    if fact.kind == "compare":
        means = [mean(seen(row)) for row in rows]
        if fact.variant == "always":
            assert all(a > b for a, b in zip(*rows, strict=True) if not (math.isnan(a) or math.isnan(b)))
        return {"mean": means[0], "mean2": means[1], "gap": means[0] - means[1]}
    if fact.kind == "coincide":
        pick = [max if kind == "peak" else min for kind in fact.variant.split(":")]
        values = [pick[i](seen(rows[i])) for i in range(2)]
        steps = [rows[i].index(values[i]) for i in range(2)]
        return {"value": values[0], "value2": values[1], "at_step": steps[0], "at2_step": steps[1]}
    if fact.kind == "only_gaps":
        gappy = [name for name, row in every.items() if any(map(math.isnan, row)) and seen(row)]
        assert gappy == list(fact.others)
        return {"missing_share": mean([math.isnan(v) for v in rows[0]])}
    assert fact.kind == "together", f"no oracle for {fact.kind}"
    return {}
