"""What a recipe trains on, and captions that are written anew."""

import pytest

import tracets.tasks.curriculum as room
from tracets.data.captions import caption, read_facts
from tracets.data.captions.swaps import drawn_contrasts
from tracets.data.generate import generate_samples
from tracets.encoders.sentences import read_numbers
from tracets.encoders.text import sentences_of
from tracets.errors import ConfigError
from tracets.tasks.curriculum import (
    drill_windows,
    fewer_channel_texts,
    fresh_captions,
    fresh_swaps,
    recipe_windows,
)
from tracets.types import Sample

PLAN = {"weather": False, "resolutions": False, "mixed": 0, "generated": 40, "family": 8}


@pytest.fixture(scope="module")
def generated():
    return recipe_windows(**PLAN, seed=0)


def test_generated_windows_have_texts_ids_and_splits_of_their_own(generated):
    windows, about = generated
    assert [sum(s.split == split for s in windows) for split in ("train", "val")] == [40, 2]
    assert len({s.id for s in windows}) == 42 and all(s.text for s in windows)
    assert about == "Data: 40 generated windows."


@pytest.mark.slow
def test_windows_are_a_function_of_the_seed(generated):
    def said(windows):
        return [(s.id, s.text, s.channel_texts) for s in windows]

    assert said(recipe_windows(**PLAN, seed=0)[0]) == said(generated[0])
    assert said(recipe_windows(**PLAN, seed=1)[0]) != said(generated[0])


def test_no_data_named_is_refused():
    with pytest.raises(ConfigError, match="set data.weather = true or data.generated"):
        recipe_windows(**PLAN | {"generated": 0}, seed=0)


@pytest.mark.slow
def test_one_channel_keeps_its_text():
    for sample in generate_samples(20, seed=3):
        told = fewer_channel_texts(sample)
        kept = [c for c, text in enumerate(told.channel_texts) if text is not None]
        assert len(kept) == 1 and told.channel_texts[kept[0]] == sample.channel_texts[kept[0]]
        assert fewer_channel_texts(sample).channel_texts == told.channel_texts and told.text == sample.text


def test_a_window_is_measured_once_and_told_in_other_words(monkeypatch):
    measured = []
    read = room.read_facts
    monkeypatch.setattr(
        room, "read_facts", lambda sample, style: measured.append(sample.id) or read(sample, style=style)
    )
    captioner = fresh_captions()
    one, two = generate_samples(2, seed=0, captions=False)
    told = {captioner(one, seed)[0] for seed in range(6)}
    assert len(told) > 1 and measured == [one.id]
    assert captioner(one, 3) == captioner(one, 3)
    text, channels = captioner(two, 0)
    assert isinstance(text, str) and len(channels) == two.n_channels and measured == [one.id, two.id]


def test_a_window_is_told_in_its_own_style():
    told = fresh_captions()
    for sample in generate_samples(12, seed=4, captions=False):
        new = caption(sample, seed=9, style=sample.metadata["style"])
        assert told(sample, 9) == (new.text, new.channel_texts)


def test_the_oldest_facts_are_forgotten(monkeypatch):
    monkeypatch.setattr(room, "FACTS_KEPT", 2)
    measured = []
    read = room.read_facts
    monkeypatch.setattr(
        room, "read_facts", lambda sample, style: measured.append(sample.id) or read(sample, style=style)
    )
    captioner = fresh_captions()
    samples = list(generate_samples(3, seed=0, captions=False))
    for sample in (*samples, samples[2], samples[0]):
        assert isinstance(sample, Sample) and captioner(sample, 0)[0]
    assert measured == [s.id for s in (*samples, samples[0])]


@pytest.mark.slow
def test_swaps_are_a_function_of_the_seed_and_differ_in_a_fact():
    samples = list(generate_samples(10, seed=3))
    drawn = [fresh_swaps(0)(s) for s in samples]
    assert drawn == [fresh_swaps(0)(s) for s in samples] and drawn != [fresh_swaps(1)(s) for s in samples]
    assert all(c.true != c.false for found in drawn for c in found) and sum(map(len, drawn)) > 5


@pytest.mark.slow
def test_drills_are_new_windows_of_known_sites_in_known_words(generated):
    windows = [s for s in generated[0] if s.split == "train"]
    swapper = fresh_swaps(0)
    plan = {"weather": False, "generated": 40, "family": 8, "seed": 0}
    drills = drill_windows(20, windows, swapper, **plan)
    assert len(drills) > 10 and all(pairs for _, pairs in drills)

    def words(pairs):
        return {read_numbers(s).words for c in pairs for t in (c.true, c.false) for s in sentences_of(t)}

    assert words(c for _, pairs in drills for c in pairs) <= words(c for s in windows for c in swapper(s))
    layouts = {(s.channel_names, s.n_steps) for s in windows}
    known = {s.values.tobytes() for s in windows}
    for sample, pairs in drills:
        assert (sample.channel_names, sample.n_steps) in layouts and sample.values.tobytes() not in known
        assert sample.text is None and set(pairs) <= set(drawn_contrasts(read_facts(sample), 0, 30))
    again = drill_windows(20, windows, fresh_swaps(0), **plan)
    assert [(s.id, pairs) for s, pairs in again] == [(s.id, pairs) for s, pairs in drills]


@pytest.mark.slow
def test_drills_of_the_weather_are_mixed_from_its_channels():
    learnt = [s for s in room.weather_corpus(resolutions=("hourly",)) if s.split == "train"][:40]
    drills = drill_windows(6, learnt, fresh_swaps(0), weather=True, generated=0, family=8, seed=0)
    assert {s.id for s, _ in drills} <= {f"mixed-1-{i}" for i in range(6)}
    assert all(s.channel_names == learnt[0].channel_names for s, _ in drills)
