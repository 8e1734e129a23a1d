"""What a recipe trains on: the New York weather, and a generated curriculum for series never seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from tracets.data.augment import mixed_windows
from tracets.data.captions import WindowFacts, caption_corpus, phrase, read_facts
from tracets.data.captions.swaps import Contrast, drawn_contrasts
from tracets.data.generate import Curriculum, generate_samples, more_of_sites
from tracets.data.nycflights import weather_corpus
from tracets.encoders.sentences import read_numbers
from tracets.encoders.text import sentences_of
from tracets.errors import ConfigError
from tracets.tasks.align import Captioner, Drill, Swapper
from tracets.types import Sample

FACTS_KEPT = 50_000
SWAPS_KEPT = 6
"""Pairs of a true and a swapped sentence a window, of which each step sees some; few are learnt by heart."""
DRILL_DRAWS = 30
"""Pairs drawn for a drill, of which up to `SWAPS_KEPT` that are in known words stay."""


def fresh_captions() -> Captioner:
    """A captioner for training: it measures a window once and puts its facts into new words at each call.

    A window is told in the style that its metadata names, in numbers where they name none.
    """
    known: OrderedDict[str, WindowFacts] = OrderedDict()

    def write(sample: Sample, seed: int) -> tuple[str, tuple[str, ...]]:
        if sample.id not in known:
            known[sample.id] = read_facts(sample, style=sample.metadata.get("style", "numbers"))
            if len(known) > FACTS_KEPT:
                known.popitem(last=False)
        texts = phrase(known[sample.id], seed)
        return texts.text, texts.channel_texts

    return write


def fresh_swaps(seed: int) -> Swapper:
    """A swapper for training: `SWAPS_KEPT` pairs a window from its own numbers, drawn once."""
    known: dict[str, tuple[Contrast, ...]] = {}

    def draw(sample: Sample) -> tuple[Contrast, ...]:
        if sample.id not in known:
            known[sample.id] = drawn_contrasts(read_facts(sample), seed, SWAPS_KEPT)
        return known[sample.id]

    return draw


def recipe_windows(
    *, weather: bool, resolutions: bool, mixed: int, generated: int, family: int, seed: int
) -> tuple[list[Sample], str]:
    """The windows of a recipe, with texts and splits, and a sentence that says what they are (for the model card).

    A twentieth of the generated windows, families of their own, is for validation.
    """
    windows: list[Sample] = []
    said = []
    if weather:
        names = ("hourly", "4-hourly", "daily") if resolutions else ("hourly",)
        found = [fewer_channel_texts(s) for s in caption_corpus(weather_corpus(resolutions=names), seed=seed)]
        windows += found
        learnt = [s for s in found if s.split == "train"]
        said.append(f"{len(learnt)} windows of New York weather ({', '.join(names)})")
        if mixed:
            windows += map(fewer_channel_texts, mixed_windows(_hourly(learnt), mixed, seed=seed))
            said.append(f"{mixed} windows mixed from the channels of the hourly ones")
    if generated:
        plan = Curriculum(family=family)
        windows += map(fewer_channel_texts, generate_samples(generated, seed=seed, curriculum=plan))
        held_out = generate_samples(max(generated // 20, 2), seed=seed + 1, curriculum=plan, split="val")
        windows += map(fewer_channel_texts, held_out)
        said.append(f"{generated} generated windows")
    if not windows:
        raise ConfigError("without a corpus, a recipe must name data: set data.weather = true or data.generated.")
    return windows, "Data: " + ", ".join(said) + "."


def drill_windows(
    n: int, windows: Sequence[Sample], swapper: Swapper, *, weather: bool, generated: int, family: int, seed: int
) -> list[Drill]:
    """`n` new windows like those of a recipe, each with pairs in words that the swapped sentences of `windows` know.

    To read a sentence by the frozen encoder costs as much as to make a window, and its words come back, so that
    windows without end can be asked about in the words of some: pairs for few windows are learnt by heart.

    Half of them are mixed from the hourly windows of the weather, half of the sites of the generated windows; all of
    one kind where the recipe has none of the other.
    """
    known = {words for s in windows for c in swapper(s) for t in (c.true, c.false) for words in _words(t)}
    n_mixed = (n // 2 if generated else n) if weather else 0
    more: list[Iterable[Sample]] = []
    if n_mixed:
        learnt = [s for s in weather_corpus(resolutions=("hourly",)) if s.split == "train"]
        more.append(mixed_windows(learnt, n_mixed, seed=seed + 1, captions=False))
    if generated:
        plan, families = Curriculum(family=family), -(-generated // family)
        more.append(more_of_sites(n - n_mixed, seed=seed, families=families, curriculum=plan))
    drills = []
    for sample in chain.from_iterable(more):
        drawn = drawn_contrasts(read_facts(sample), seed, DRILL_DRAWS)
        pairs = [c for c in drawn if known.issuperset((*_words(c.true), *_words(c.false)))][:SWAPS_KEPT]
        if pairs:
            drills.append((sample, tuple(pairs)))
    return drills


def _words(text: str) -> list[str]:
    return [read_numbers(s).words for s in sentences_of(text)]


def fewer_channel_texts(sample: Sample) -> Sample:
    """Keep the text of one channel, drawn by the id: fewer sentences for the frozen encoder to read."""
    rng = np.random.default_rng(list(sample.id.encode()))
    kept = rng.permutation(sample.n_channels)[:1]
    texts = tuple(text if c in kept else None for c, text in enumerate(sample.channel_texts))
    return replace(sample, channel_texts=texts)


def _hourly(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if s.freq == "h"]
