"""The styles beside numbers are true as well: every claim is recomputed from the values."""

import hashlib
import re
from datetime import datetime

import numpy as np
import pytest

from tracets.data.captions import STYLES, caption, read_facts
from tracets.data.captions.caption import phrase_sentences
from tracets.data.captions.clock import Clock
from tracets.data.captions.grammar import template
from tracets.data.captions.styles import blocks, crowd, latest, narrative_words, report, shape
from tracets.data.generate import generate_samples
from tracets.errors import DataError
from tracets.types import Sample

NEW = STYLES[1:]


@pytest.fixture(scope="module")
def samples():
    return list(generate_samples(250, seed=21, captions=False))


def rows_of(sample, style):
    return zip(sample.values.astype(float), read_facts(sample, style=style).channels, strict=True)


@pytest.mark.slow
def test_numbers_read_as_they_always_did():
    rng = np.random.default_rng(0)
    told = hashlib.sha256()
    for i in range(40):
        n = [12, 48, 168][i % 3]
        values = np.round(np.cumsum(rng.normal(size=(4, n)), 1) + [[20], [60], [1012], [180]], 1)
        values[3] %= 360
        values[1, : i % 7] = np.nan
        names, units = ("temperature", "humidity", "pressure", "wind_dir"), ("degC", "%", "hPa", "degrees")
        start = datetime(2020, 1, 1, i % 24) if i % 2 else None
        texts = caption(Sample(f"pin-{i}", values, names, units, start, ["h", "D", "30min", None][i % 4]), seed=i)
        told.update("\n".join((texts.text, *texts.channel_texts)).encode())
    assert told.hexdigest() == "1b2411d726f8d1aef5e70d15e0a1e316e013557f4b311034061afe212eb5c7b0"


def test_an_unknown_style_is_refused():
    with pytest.raises(DataError, match="numbers, crowd, narrative, report"):
        caption(Sample("a", np.ones((1, 4)), ("a",)), style="poem")


@pytest.mark.parametrize("style", NEW)
def test_odd_windows_have_texts(style):
    nan = np.nan
    for row in (
        [nan] * 5,
        [3.0] * 12,
        [1.0],
        [nan],
        [0.0, 1.0],
        [nan, 2.0, nan, nan],
        [1.0] + [nan] * 30,
        [-1.0, 0.0] * 9,
    ):
        for name, unit, freq in (
            ("value", None, None),
            ("wind_dir", "degrees", "h"),
            ("rain", "mm", "W"),
            ("b.", "A", "MS"),
        ):
            for start in (None, datetime(2020, 2, 3, 4)):
                sample = Sample("odd", np.array([row]), (name,), (unit,), start, freq)
                for seed in range(4):
                    texts = caption(sample, seed=seed, style=style)
                    assert re.search(r"\w", texts.text) and all(map(str.strip, texts.channel_texts))
                    assert "nan" not in texts.text and "{" not in texts.text


@pytest.mark.slow
@pytest.mark.parametrize("style", NEW)
def test_the_same_seed_tells_the_same_and_others_differ(samples, style):
    told = {caption(s, seed=seed, style=style).text for s in samples[:60] for seed in range(4)}
    assert len(told) > 190
    assert caption(samples[0], seed=1, style=style) == caption(samples[0], seed=1, style=style)
    assert not any(re.search(r"[\[\]{}|]|  ", text) for text in told)


# crowd


def moved(row):
    """The smoothed curve, by hand."""
    at = np.flatnonzero(~np.isnan(row))
    whole = np.interp(np.arange(len(row)), at, row[at])
    half = (len(row) // 16) // 2
    return np.array([whole[max(0, i - half) : i + half + 1].mean() for i in range(len(row))])


@pytest.mark.slow
def test_shapes_are_there(samples):
    checked = dict.fromkeys(shape.KINDS, 0)
    for sample in samples:
        window = read_facts(sample, style="crowd")
        for row, view in rows_of(sample, "crowd"):
            seen = row[~np.isnan(row)]
            curve = moved(row) if len(seen) else row
            for fact in window.of(view.name):
                checked[fact.kind] += 1
                check_shape(fact, curve, seen, len(row))
    assert min(checked.values()) > 3, checked


def check_shape(fact, curve, seen, n):
    way, _, rest = fact.variant.partition(":")
    where = rest.split(":")[0]
    num = {k: int(v) if k.endswith("_step") else v for k, v in fact.numbers.items()}
    spread = np.ptp(seen) if len(seen) else 0.0
    if where:
        first = num.get("begin_step", num.get("at_step"))
        assert fact.kind == "extreme" or where == by_centre(first, num.get("end_step", first), n)
    if fact.kind == "missing":
        assert not len(seen)
    elif fact.kind == "constant":
        assert spread == 0 or n == 1 or (way == "nearly" and spread <= 0.08 * np.abs(seen).max())
    elif fact.kind == "move":
        change = curve[num["end_step"]] - curve[num["begin_step"]]
        assert (change > 0) == (way == "rise") and abs(change) / spread == pytest.approx(num["height_share"])
        length = (num["end_step"] - num["begin_step"]) / (n - 1)
        how = rest.split(":")[1].split("+")
        assert ("sharp" in how) == (abs(change) >= 0.5 * spread and length <= 0.4)
        assert ("gradual" in how) == (length >= 0.5) and ("slight" in how) == (abs(change) <= 0.35 * spread)
    elif fact.kind == "hump":
        sign, at = (1 if way == "peak" else -1), num["at_step"]
        least = num["height_share"] * spread - 1e-9
        assert sign * (curve[at] - (sign * curve[:at]).min() * sign) >= least
        assert sign * (curve[at] - (sign * curve[at:]).min() * sign) >= least
    elif fact.kind in ("flat", "mostly"):
        stretch = curve[num["begin_step"] : num["end_step"] + 1]
        height = (stretch.mean() - seen.min()) / spread
        assert np.ptp(stretch) <= 0.2 * spread + 1e-9
        assert way == ("low" if height < 0.25 else "high" if height > 0.75 else "mid")
        assert fact.kind == "flat" or len(stretch) - 1 >= 0.55 * (n - 1)
    elif fact.kind == "extreme":
        best = curve.argmax() if way == "high" else curve.argmin()
        near = np.flatnonzero(np.abs(curve - curve[best]) <= 0.08 * np.ptp(curve))
        assert where == by_centre(near[0], near[-1], n) and near[-1] - near[0] <= 0.3 * (n - 1)
    elif fact.kind == "ends":
        change = (curve[-1] - curve[0]) / spread
        assert way == ("same" if abs(change) <= 0.1 else "up" if change > 0 else "down")
    elif fact.kind == "halves":
        change = curve[-(n // 2) :].mean() - curve[: n // 2].mean()
        assert abs(change) >= 0.3 * spread and (change > 0) == (way == "up")
    elif fact.kind == "spike":
        away = (curve - np.median(curve)) * (1 if way == "up" else -1)
        assert away.argmax() == num["at_step"] and (away > 0.5 * spread).sum() <= max(2, n // 30)
    elif fact.kind == "wiggle":
        assert num["turns"] >= (5 if way == "many" else 3)


def by_centre(begin, end, n):
    if end - begin >= 0.75 * (n - 1):
        return "throughout"
    centre = (begin + end) / 2 / (n - 1)
    return (
        "start"
        if centre < 0.28
        else "before"
        if centre < 0.4
        else "middle"
        if centre <= 0.6
        else "past"
        if centre <= 0.72
        else "end"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([2, 8, 14, 20, 26, 32, 38, 44, 50, 56, 62, 68], {"move rise:throughout:steady+gradual"}),
        ([20, 21, 20, 20, 21, 50, 80, 50, 21, 20, 21, 20], {"hump peak:middle", "order flat>rise>fall>flat"}),
        ([70, 71, 70, 40, 10, 11, 10, 11, 10, 11, 10, 10], {"move fall:start:sharp", "mostly low"}),
        ([50, 51, 50, 50, 51, 50, 90, 50, 51, 50, 51, 50], {"spike up:middle"}),
        ([0, 9, 0, 8, 1, 9, 0, 9, 1, 8, 0, 9], {"wiggle many"}),
        ([60, 61, 60, 62, 60, 61, 60, 62, 61, 60, 61, 60], {"constant nearly"}),
    ],
)  # fmt: skip
def test_shapes_that_anyone_sees(row, said):
    facts = read_facts(Sample("a", np.array([row], float), ("value",)), style="crowd").facts
    found = {f"{f.kind} {f.variant}" for f in facts}
    assert said <= found, found


UPWARD = r"\b(ris\w+|increas\w*|climb\w*|grow\w*|ascen\w+|inclin\w+|higher|surge\w*|soar\w*|leap\w*|jump\w*)\b"
DOWNWARD = (
    r"\b(fall\w*|drop\w*|decreas\w*|declin\w*|descen\w+|lower|plung\w+|plummet\w*|dive\w*|crash\w*|sink\w*|tumbl\w*)\b"
)


def forms(source, count=60):
    from random import Random

    made = template(source)
    return {made.render(Random(i), lambda name, form: f"<{name}>") for i in range(count)}


@pytest.mark.parametrize(("way", "other"), [("rise", DOWNWARD), ("fall", UPWARD)])
def test_words_of_a_move_have_its_direction(way, other):
    for sources in (crowd.WAYS[way].values(), report.WAYS["up" if way == "rise" else "down"].values()):
        assert not any(re.search(other, text) for source in sources for text in forms(source))
    for key, sources in narrative_words.TRENDS.items():
        if key.startswith("up" if way == "rise" else "down"):
            assert not any(re.search(other, text) for source in sources for text in forms(source)), key


# narrative


def converted(value, view, quantity, clock):
    if quantity == "temperature" and view.unit in ("degF", "°F"):
        return (value - 32) / 1.8
    speeds = {"km/h": 1 / 3.6, "mph": 0.44704, "kn": 0.514444}
    if quantity == "wind":
        return value * speeds.get(view.unit, 1.0)
    if quantity == "visibility":
        return value * {"mi": 1.609344, "m": 0.001}.get(view.unit, 1.0)
    if quantity == "pressure":
        return value * (10 if view.unit == "kPa" else 1)
    if quantity == "rain":
        return value * {"in": 25.4, "cm": 10}.get(view.unit, 1.0) / (clock.step / 3600)
    return value


@pytest.mark.slow
def test_blocks_are_as_told(samples):
    ways = {}
    for sample in samples:
        window = read_facts(sample, style="narrative")
        for row, view in rows_of(sample, "narrative"):
            for fact in window.of(view.name):
                if fact.kind == "missing":
                    continue
                quantity, trend, levels = fact.variant.split(":")
                ways[quantity, trend.split("-")[0]] = ways.get((quantity, trend.split("-")[0]), 0) + 1
                begin, end = int(fact.numbers["begin_step"]), int(fact.numbers["end_step"]) + 1
                part = row[begin:end]
                if quantity == "direction":
                    angles = np.exp(1j * np.radians(part[~np.isnan(part)]))
                    mean = np.degrees(np.angle(angles.mean())) % 360
                    assert abs((blocks.POINTS.index(levels.split(">")[0]) * 22.5 - mean + 180) % 360 - 180) <= 11.26
                    assert trend != "steady" or abs(angles.mean()) >= 0.85
                    continue
                at = np.flatnonzero(~np.isnan(part))
                whole = np.interp(np.arange(len(part)), at, part[at])
                edge = max(1, len(part) // 5)
                change = whole[-edge:].mean() - whole[:edge].mean()
                if trend.startswith(("up", "down")):
                    assert (change > 0) == trend.startswith("up"), (fact, part)
                if trend == "none":
                    assert np.nanmin(row) == np.nanmax(row) or len(part) == 1
                if quantity != "window":
                    mean = converted(whole.mean(), view, quantity, window.clock)
                    bounds, classes = blocks.LEVELS[quantity]
                    near = {classes[sum(b <= mean + e for b in bounds)] for e in (-1e-5, 1e-5)}
                    assert levels.split(">")[0] in near, (view, mean, levels)
                elif np.nanmax(row) > np.nanmin(row):
                    place = (whole.mean() - np.nanmin(row)) / (np.nanmax(row) - np.nanmin(row))
                    assert levels.split(">")[0] == blocks.level_of("window", place)
    assert {"temperature", "humidity", "pressure", "wind", "direction", "rain", "cloud", "visibility"} <= {
        q for q, _ in ways
    }
    assert {"up", "down", "steady", "rough", "rise_fall", "fall_rise", "shift", "variable"} <= {t for _, t in ways}


@pytest.mark.parametrize(
    ("quantity", "value", "level"),
    [("pressure", 1008.9, "low"), ("pressure", 1018, "high"), ("humidity", 44.9, "dry"), ("humidity", 85, "very humid"),
     ("wind", 3.4, "gentle breeze"), ("temperature", -0.1, "freezing"), ("visibility", 0.9, "fog"),
     ("cloud", 88, "overcast"),
     ("rain", 0.0, "dry"), ("rain", 0.2, "light"), ("rain", 2.5, "heavy")],
)  # fmt: skip
def test_classes_at_the_edges(quantity, value, level):
    assert blocks.level_of(quantity, value) == level


@pytest.mark.parametrize(
    ("row", "trend"),
    [([1, 2, 3, 4, 5, 6, 7, 8], "up-2"), ([5] * 8, "steady"), ([1, 4, 7, 9, 9, 7, 4, 1], "rise_fall"),
     ([9, 6, 3, 1, 1, 3, 6, 9], "fall_rise"), ([9, 1, 9, 1, 9, 1, 9, 1, 9], "rough"),
     ([0, 6, 9, 9, 9, 9, 9, 9], "up-3-early")],
)  # fmt: skip
def test_trends_of_a_block(row, trend):
    part = np.array(row, float)
    edge = max(1, len(part) // 5)
    assert blocks.trend_of(part, part[:edge].mean(), part[-edge:].mean(), (1.0, 4.0, 8.0)) == trend


def test_a_day_is_told_by_its_parts():
    clock = Clock(48, 1800.0, datetime(2020, 1, 1))
    assert [b.label for b in blocks.blocks_of(clock)] == ["early morning", "morning", "afternoon", "evening"]
    late = blocks.blocks_of(Clock(24, 3600.0, datetime(2020, 1, 1, 14)))
    assert [b.label for b in late] == ["afternoon", "evening", "early morning", "morning", "next afternoon"]
    assert [b.label for b in blocks.blocks_of(Clock(12, 1800.0))] == ["whole"]
    assert [b.label for b in blocks.blocks_of(Clock(72, 3600.0, datetime(2020, 1, 1)))] == ["day 1", "day 2", "day 3"]
    assert [b.label for b in blocks.blocks_of(Clock(52, 604800.0))] == ["third 1", "third 2", "third 3"]


# report


@pytest.mark.slow
def test_the_latest_numbers_are_right(samples):
    checked = 0
    for sample in samples:
        window = read_facts(sample, style="report")
        known = latest.comparison(window.clock)
        for row, view in rows_of(sample, "report"):
            (fact,) = window.of(view.name)
            if fact.kind == "missing":
                assert np.isnan(row).all()
                continue
            num = dict(fact.numbers)
            row = np.round(row, int(num["decimals"]))
            seen = [v for v in row if not np.isnan(v)]
            assert num["value"] == seen[-1] and num["mean"] == pytest.approx(np.mean(seen))
            for prefix, at in (("", -2), ("first_", 0), ("ago_", -1 - known[1] if known else None)):
                if f"{prefix}change" in num:
                    assert num[f"{prefix}before"] == row[at] and num[f"{prefix}change"] == num["value"] - row[at]
                if f"{prefix}percent" in num:
                    assert num[f"{prefix}percent"] == pytest.approx(100 * (num["value"] - row[at]) / row[at])
            if "run" in num:
                checked += 1
                sign = np.sign(num["change"])
                run = next((k for k in range(1, len(row)) if (row[-k] - row[-k - 1]) * sign <= 0), len(row))
                assert num["run"] == run - 1
                back = next((k for k in range(1, len(row)) if (row[-1 - k] - row[-1]) * sign >= 0), len(row))
                assert num["since"] == back
                assert fact.variant == ("up" if sign > 0 else "down")
    assert checked > 100


@pytest.mark.slow
def test_every_number_of_a_report_is_one_of_its_facts(samples):
    figure = re.compile(r"(?<![\w.])-?[$€£]?(\d[\d,]*(?:\.\d+)?)( thousand| million| billion| trillion)?")
    sizes = {"": 1.0, " thousand": 1e3, " million": 1e6, " billion": 1e9, " trillion": 1e12}
    checked = 0
    for sample in samples[:120]:
        if any(re.search(r"\d", f"{n} {u}") for n, u in zip(sample.channel_names, sample.units, strict=True)):
            continue
        units = dict(zip(sample.channel_names, sample.units, strict=True))
        for seed in range(3):
            for said in phrase_sentences(read_facts(sample, style="report"), seed).text:
                (fact,) = said.facts
                unit = next((s for s in sizes if s and s.strip() in (units[fact.channel] or "")), "")
                for text, size in figure.findall(said.text):
                    value = float(text.replace(",", "")) * sizes[size or ""]
                    grain = 0.51 * 10.0 ** -len(text.partition(".")[2]) * sizes[size or ""]
                    true = [abs(v) * sizes[unit] for v in fact.numbers.values()] + [
                        abs(v) for v in fact.numbers.values()
                    ]
                    assert any(abs(v - value) <= grain for v in true), (said.text, dict(fact.numbers))
                    checked += 1
    assert checked > 300


def test_a_bulletin_reads_like_one():
    prices = np.array([[2.40, 2.629, *[2.3] * 48, 2.183, 2.171, 2.159, 2.150]])
    sample = Sample("gas", prices, ("average price",), ("$/gallon",), None, "W")
    told = " ".join(caption(sample, seed=i, style="report").text for i in range(80))
    assert "$2.150 per gallon" in told and "fourth week in a row" in told and "$0.009" in told
    assert "$0.479 " in told and "a year" in told
    deficit = Sample("d", np.array([[-30000.0, -35800.0, -52400.0]]), ("trade balance",), ("million USD",), None, "MS")
    told = " ".join(caption(deficit, seed=i, style="report").text for i in range(60))
    assert re.search(r"deficit (widened|grew|increased) (by )?\$16.6 billion to \$52.4 billion", told)
    assert re.search(r"deficit (widened|grew|increased) from \$35.8 billion", told)
