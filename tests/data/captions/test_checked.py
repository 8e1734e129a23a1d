"""Numbers of a text held against the values: all true ones of captions agree, false ones are told, others are left."""

import re
from datetime import datetime
from random import Random

import numpy as np
import pytest

from tracets.data.captions import caption, phrase_sentences, read_facts
from tracets.data.captions.checked import MOST, check_numbers
from tracets.data.captions.clock import Clock
from tracets.data.captions.grammar import template
from tracets.data.captions.phrases import CLAUSES, SENTENCES
from tracets.data.captions.slots import Slots
from tracets.data.captions.spoken import LONGEST, Reader, _forms
from tracets.data.captions.swaps import contrasts
from tracets.data.generate import Curriculum, generate_samples
from tracets.types import Sample

PLAN = Curriculum(family=8)


def week():
    """Three days of hours: a high of 9.5 at step 40, a low of -2 at step 5, a gap from step 60 to 63."""
    rows = np.full((2, 72), 3.0)
    rows[0] += np.sin(np.arange(72))
    rows[0, 40], rows[0, 5] = 9.5, -2
    rows[0, 60:64] = np.nan
    rows[1] = np.linspace(100, 171, 72)
    start = datetime(2020, 5, 1, 6)
    return Sample("w", rows, ("load", "wind speed"), ("MW", "m/s"), start=start, freq="h")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The load peaks at 9.5 MW on day 2.",
         [("9.5 MW", "high", "agrees", 40, 1), ("on day 2", "time of the high", "agrees", 40, 1)]),
        ("The load peaks at 9.6 MW on day 3.",
         [("9.6 MW", "high", "differs", 40, 1), ("on day 3", "time of the high", "differs", 40, 1)]),
        ("Load: low -2.0 MW, high 9.5 MW, mean 3.1 MW.",
         [("-2.0 MW", "low", "agrees", 5, 1), ("9.5 MW", "high", "agrees", 40, 1),
          ("3.1 MW", "mean", "agrees", 0, 72)]),
        ("Load is lowest at 11:00 on day 1, at -2.0 MW.",
         [("at 11:00 on day 1", "time of the low", "agrees", 5, 1), ("-2.0 MW", "low", "agrees", 5, 1)]),
        ("The load is missing for 5.6 % of the time.", [("5.6 %", "share missing", "agrees", 0, 72)]),
        ("The longest gap in the load lasts 4 hours.", [("4 hours", "longest gap", "agrees", 60, 4)]),
        ("The longest gap in the load lasts 5 hours.", [("5 hours", "longest gap", "differs", 60, 4)]),
        ("Wind speed rises over the whole window.", []),
        ("Wind speed starts at 100 m/s and ends higher, at 171 m/s.",
         [("100 m/s", "first reading", "agrees", 0, 1), ("171 m/s", "last reading", "agrees", 71, 1)]),
        ("Wind speed is up by 71 m/s from first to last reading.", [("71 m/s", "change", "agrees", 0, 72)]),
        ("By quarters, wind speed is lowest in the first and highest in the third.",
         [("first", "quarter of the lowest mean", "agrees", 0, 18),
          ("third", "quarter of the highest mean", "differs", 54, 18)]),
        # the number is right, what the sentence says of it is not
        ("Wind speed is down by 71 m/s from first to last reading.", [("71 m/s", "change", "differs", None, None)]),
        # a note: each clause by itself
        ("Load: high 9.5 MW, day 2, 22:00; 9.9% missing.",
         [("9.5 MW", "high", "agrees", 40, 1), ("day 2, 22:00", "time of the high", "agrees", 40, 1),
          ("9.9%", "share missing", "differs", 0, 72)]),
        # another unit is another number, and nothing of it is known
        ("The load peaks at 9.5 kW on day 2.",
         [("9.5", "", "not checked", None, None), ("2", "", "not checked", None, None)]),
        # what people write is left alone
        ("Outage of unit 3 at 14:30, about 200 customers.",
         [("3", "", "not checked", None, None), ("14:30", "", "not checked", None, None),
          ("200", "", "not checked", None, None)]),
    ],
)  # fmt: skip
def test_numbers_by_hand(text, expected):
    found = check_numbers(week(), text)
    assert [(n.number, n.says, n.result, n.first_step, n.n_steps) for n in found] == expected
    assert all(text[n.at : n.at + len(n.number)] == n.number for n in found)
    assert all((n.recomputed is None) == (n.result == "not checked" or n.first_step is None) for n in found)


def test_what_is_recomputed_is_written_as_a_caption_would():
    text = "The load peaks at 8.1 MW at 03:00 on day 1. Nothing else. Load averages 7.0 MW."
    found = check_numbers(week(), text)
    assert [n.recomputed for n in found] == ["9.5 MW", "day 2, 22:00", "3.1 MW"]
    assert [n.channel for n in found] == ["load"] * 3
    assert text[found[2].at :] == "7.0 MW."


def samples():
    return generate_samples(40, seed=7, captions=False, curriculum=PLAN)


@pytest.mark.slow
def test_every_number_of_a_caption_is_read_and_agrees():
    count = 0
    for i, sample in enumerate(samples()):
        made = caption(sample, seed=i)
        for text in (made.text, *made.channel_texts):
            for found in check_numbers(sample, text):
                assert found.result == "agrees", (found, text)
                count += 1
    assert count > 500


@pytest.mark.slow
def test_a_changed_digit_is_told():
    changed = told = 0
    for i, sample in enumerate(samples()):
        rng = Random(i)
        for said in phrase_sentences(read_facts(sample), i).text:
            numbers = [
                n for n in check_numbers(sample, said.text) if n.result == "agrees" and re.match(r"-?\d", n.number)
            ]
            for one in numbers[:1]:
                digit = next(k for k in range(len(one.number)) if one.number[k].isdigit())
                other = rng.choice([d for d in "123456789" if d != one.number[digit]])
                at = one.at + digit
                text = said.text[:at] + other + said.text[at + 1 :]
                changed += 1
                told += all(n.result != "agrees" for n in check_numbers(sample, text) if n.at == one.at)
    assert changed > 100
    assert told == changed


@pytest.mark.slow
def test_swapped_facts_with_numbers_are_told_and_true_ones_never():
    told = {kind: [0, 0] for kind in ("level", "direction", "volatility", "periodicity")}
    for i, sample in enumerate(samples()):
        for pair in contrasts(read_facts(sample), i, kinds=tuple(told)):
            assert "differs" not in {n.result for n in check_numbers(sample, pair.true)}, pair
            results = {n.result for n in check_numbers(sample, pair.false)} - {"not checked"}
            if results:
                told[pair.kind][0] += "differs" in results
                told[pair.kind][1] += 1
    for kind, (right, n) in told.items():
        assert n > 10 and right >= 0.97 * n, (kind, right, n)


@pytest.mark.slow
def test_every_form_with_a_number_can_be_read():
    """Each template filled by a caption's own slots is read, by itself or by one that says the same."""
    sample = next(s for s in samples() if s.n_channels > 2)
    window = read_facts(sample)
    views = {view.name: view for view in window.channels}
    reader, read = Reader(sample.channel_names, sample.units), 0
    for fact in window.facts:
        for key in (fact.kind, f"{fact.kind}/{fact.variant}"):
            for source in SENTENCES.get(key, ()):
                made = template(source)
                slots = Slots(fact, views, window.clock, Random(1))
                if "cls" in made.slots or not made.slots <= {*fact.numbers, "N", "n", "b"}:
                    continue
                said = made.render(Random(2), slots)
                if made.slots - {"N", "n", "b"} and any(c.isdigit() for c in said):
                    assert key in {reading.key for reading in reader.read(said)}, said
                    read += 1
    assert read > 20


@pytest.mark.slow
def test_reading_is_bounded():
    sample = week()
    long = "The load peaks at 9.5 MW" + " and so on" * LONGEST + "."
    assert [n.result for n in check_numbers(sample, long)] == ["not checked"]
    many = "The load peaks at 9.5 MW on day 2. " * (MOST + 5)
    results = [n.result for n in check_numbers(sample, many)]
    assert results.count("agrees") == 2 * MOST and results.count("not checked") == 10
    assert check_numbers(sample, "") == () and check_numbers(sample, "Calm.") == ()


@pytest.mark.slow
def test_names_and_units_with_digits_are_no_numbers():
    sample = Sample("a", np.array([[1.0, 2.0], [3.0, 4.0]]), ("pm2_5", "sensor 12"), ("ug/m3", None))
    assert [n.number for n in check_numbers(sample, "PM2.5 and sensor 12 were read 7 times in µg/m³.")] == ["7"]
    [low, high] = check_numbers(sample, "PM2.5 ranges from 1 to 2 µg/m³.")
    assert (low.result, high.result, high.channel) == ("agrees", "agrees", "pm2_5")


@pytest.mark.slow
def test_a_window_without_clock_or_values():
    sample = Sample("a", np.array([[1.0, 2.0, 5.0, 3.0], [np.nan] * 4]), ("load", "wind"))
    assert [(n.number, n.result) for n in check_numbers(sample, "Load peaks at 5 at step 3 of 4.")] == [
        ("5", "agrees"), ("at step 3 of 4", "agrees"),
    ]  # fmt: skip
    assert [n.result for n in check_numbers(sample, "Load peaks at 5 at step 2 of 4.")] == ["agrees", "differs"]
    assert [n.result for n in check_numbers(sample, "Wind peaks at 5 at 04:00 on day 2.")] == ["not checked"] * 2


def test_forms_are_made_once():
    names = ("load",), ("MW",)
    assert _forms("sentence", *names) is _forms("sentence", *names)
    assert {form.key for form in _forms("clause", *names)} <= {*CLAUSES, *_regimes()}
    assert Clock(4).note(2, Random(0))


def _regimes():
    from tracets.data.captions.cross_phrases import REGIME_CLAUSES

    return REGIME_CLAUSES
