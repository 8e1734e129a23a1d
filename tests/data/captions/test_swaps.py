"""Swapped facts are false: every one is held against numbers recomputed from the values."""

import importlib.util
import re
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tracets.data.captions import read_facts
from tracets.data.captions.clock import step_seconds
from tracets.data.captions.facts import WindowFacts
from tracets.data.captions.slots import names
from tracets.data.captions.swaps import SWAPS, contrasts, drawn_contrasts, swapped
from tracets.data.generate import generate_samples
from tracets.types import Sample

_spec = importlib.util.spec_from_file_location("caption_oracle", Path(__file__).with_name("oracle.py"))
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)


@pytest.fixture(scope="module")
def windows():
    return [(sample, read_facts(sample)) for sample in generate_samples(80, seed=4, captions=False)]


def row_of(sample, channel):
    return sample.values[sample.channel_names.index(channel)]


def swaps_of(windows, kind, seed=0):
    rng = Random(seed)
    for sample, window in windows:
        for fact in window.facts:
            other = swapped(fact, kind, window, rng)
            if other is not None:
                yield sample, window, fact, other


def thirds(sample, channel):
    return np.array_split(np.array(oracle.filled(row_of(sample, channel).astype(float).tolist())), 3)


def contradicted(fact, sample):
    """Whether the values of the window contradict a fact, by plain recomputation."""
    row = np.array(oracle.filled(row_of(sample, fact.channel).astype(float).tolist()))
    what, _, place = fact.variant.partition(":")
    order = ("first", "middle", "last")
    if fact.kind in ("texture", "spread") and not fact.numbers:
        rough, relative = np.abs(np.diff(row)).mean() / row.std(), row.std() / np.ptp(row)
        return {"smooth": rough > 0.2, "jagged": rough < 0.8, "steady": relative > 0.15, "variable": relative < 0.33}[
            what
        ]
    if fact.kind == "volatile_third":
        stds = [np.diff(part).std() for part in thirds(sample, fact.channel)]
        return order[int(np.argmax(stds) if what == "most" else np.argmin(stds))] != place
    if fact.kind == "third":
        part = thirds(sample, fact.channel)[order.index(place)]
        slope = np.polyfit(range(len(part)), part, 1)[0] * (len(part) - 1) / np.ptp(row)
        return {"rise": slope < 0.35, "fall": slope > -0.35, "flat": np.ptp(part) > 0.15 * np.ptp(row)}[what]
    if fact.kind == "dayparts":
        facts = [f for f in read_facts(sample).facts if f.channel == fact.channel and f.kind == "dayparts"]
        return all(f.variant != fact.variant for f in facts)
    if fact.kind == "trend":
        same = [f for f in read_facts(sample).facts if f.channel == fact.channel and f.kind == "trend"]
        assert same[0].variant.split(":")[0] != what or fact.numbers != same[0].numbers
        if fact.variant != same[0].variant and "early" in fact.numbers:
            early, *_, late = oracle.part_means(row.tolist(), 4)
            return (late > early) == (what == "fall")
        return True
    if fact.kind == "period":
        lag = int(round(fact.numbers["period_steps"]))
        kept = [f for f in read_facts(sample).facts if f.channel == fact.channel and f.kind == "period"]
        ratio = max(
            (max(lag, f.numbers["period_steps"]) / min(lag, f.numbers["period_steps"]) for f in kept), default=9
        )
        return ratio >= 1.8
    try:
        true = oracle.expected(fact, sample, step_seconds(sample.freq))
    except AssertionError:
        return True
    return any(
        abs(fact.numbers[k] - v) > 1e-6 + 0.2 * abs(v) * k.endswith("_hour")
        for k, v in true.items()
        if k in fact.numbers
    )


LONG = ("direction", "position")
"""Kinds of which there are so many that their check takes seconds."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.slow] * (k in LONG)) for k in SWAPS if k != "channel"]
)
def test_every_swap_is_contradicted_by_the_values(windows, kind):
    seen = Counter()
    for sample, _, fact, other in swaps_of(windows, kind):
        assert contradicted(other, sample), (fact, other)
        assert (other.kind, other.channel) == (fact.kind, fact.channel)
        seen[fact.kind] += 1
    assert sum(seen.values()) > 20 and (kind == "periodicity" or len(seen) > 2), seen


def test_what_is_said_of_another_channel_is_false_of_it(windows):
    seen = Counter()
    for sample, window, fact, other in swaps_of(windows, "channel"):
        assert (other.kind, other.variant) == (fact.kind, fact.variant) and other.channel != fact.channel
        peers = [f for f in window.of(other.channel) if f.kind == fact.kind]
        if fact.kind in ("peak", "trough"):
            row = row_of(sample, other.channel)
            at = int(np.nanargmax(row) if fact.kind == "peak" else np.nanargmin(row))
            assert abs(at - other.numbers["at_step"]) >= sample.n_steps / 3
        elif fact.kind == "level":
            row = row_of(sample, other.channel)
            assert abs(other.numbers["mean"] - np.nanmean(row)) >= 0.74 * (np.nanmax(row) - np.nanmin(row))
        else:
            assert all(f.variant != fact.variant for f in peers), (fact, peers)
            if fact.kind in ("texture", "spread", "third", "volatile_third"):
                assert contradicted(other, sample), (fact, other)
        seen[fact.kind] += 1
    assert len(seen) > 6


def test_times_are_moved_by_a_third_into_the_other_half(windows):
    for sample, _, fact, other in swaps_of(windows, "position"):
        n = sample.n_steps
        for key, value in other.numbers.items():
            if key.endswith("_step") and value != fact.numbers[key]:
                assert abs(value - fact.numbers[key]) >= n / 3 and 0 <= value < n
                assert (2 * value + 1 < n) != (2 * fact.numbers[key] + 1 < n)
        assert all(fact.numbers[k] == v for k, v in other.numbers.items() if not k.endswith("_step") and k not in
                   ("top", "bottom", "top_day", "bottom_day"))  # fmt: skip


def test_levels_are_moved_by_three_quarters_of_the_range_and_stay_in_the_domain(windows):
    checked = 0
    for sample, _, fact, other in swaps_of(windows, "level"):
        row = row_of(sample, fact.channel)
        spread = np.nanmax(row) - np.nanmin(row)
        if fact.kind in ("level", "peak", "trough", "limit") and "total" not in other.numbers:
            moved = {k: v for k, v in other.numbers.items() if v != fact.numbers[k]}
            assert len(moved) == 1
            for key, value in moved.items():
                assert abs(value - fact.numbers[key]) >= 0.749 * spread
                assert value >= 0 or np.nanmin(row) < 0
            checked += 1
    assert checked > 50


def test_sentences_differ_and_name_their_channel(windows):
    kinds = Counter()
    for _, window in windows:
        seen = set()
        for made in contrasts(window, 1):
            assert made.true != made.false and made.true.endswith(".") and made.false.endswith(".")
            assert names(made.channel)[0].lower() in made.true.lower()
            if made.kind != "channel":
                assert names(made.channel)[0].lower() in made.false.lower()
            assert (made.kind, made.channel) not in seen
            seen.add((made.kind, made.channel))
            kinds[made.kind] += 1
    assert set(kinds) == set(SWAPS) and min(kinds.values()) > 20


def without_digits(text):
    return re.sub(r"-?\d+(\.\d+)?", "0", text)


def test_a_swapped_number_changes_nothing_else_in_the_sentence(windows):
    checked = 0
    for _, window in windows:
        plain = WindowFacts(
            window.id, window.clock, window.channels, tuple(f for f in window.facts if f.kind == "level")
        )
        for made in contrasts(plain, 2, kinds=["level"]):
            assert without_digits(made.true) == without_digits(made.false)
            checked += 1
    assert checked > 50


def test_a_swapped_direction_keeps_the_template():
    sample = Sample("a", np.arange(48.0)[None], ("load",), ("MW",))
    window = read_facts(sample)
    trend = WindowFacts("a", window.clock, window.channels, tuple(f for f in window.facts if f.kind == "trend"))
    way = r"(?i)\b(ris|climb|increas|go|mov|fall|drop|decreas|declin|ros|fell|went|dropp)\w*( up| down)?"
    for seed in range(40):
        (made,) = contrasts(trend, seed, kinds=["direction"])
        same = [
            re.sub(r"(?i)\ban\b", "a", re.sub(way, "X", without_digits(t))).lower() for t in (made.true, made.false)
        ]
        assert same[0] == same[1], made


def test_the_seed_decides(windows):
    window = windows[0][1]
    assert contrasts(window, 3) == contrasts(window, 3) != contrasts(window, 4)
    assert drawn_contrasts(window, 3, 6) == drawn_contrasts(window, 3, 6) != drawn_contrasts(window, 4, 6)


def test_pairs_for_training_are_distinct_and_at_most_as_many_as_asked(windows):
    for _, window in windows[:20]:
        found = drawn_contrasts(window, 0, 8)
        assert 4 <= len(found) <= 8 and len({(c.true, c.false) for c in found}) == len(found)
        assert all(c.true != c.false for c in found)
        for c in found:
            assert (
                names(c.channel)[0].lower() in c.true.lower() and names(c.false_channel)[0].lower() in c.false.lower()
            )
            assert (c.channel != c.false_channel) == (c.kind == "channel")


def test_a_window_without_facts_to_swap_gives_nothing():
    window = read_facts(Sample("a", np.full((1, 24), np.nan), ("load",)))
    assert contrasts(window, 0) == () == drawn_contrasts(window, 0, 4)
