"""What a recipe trains on: the New York weather, and a generated curriculum for series never seen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np

from tracets.data.augment import mixed_windows
from tracets.data.captions import WindowFacts, caption_corpus, phrase, read_facts
from tracets.data.captions.swaps import Contrast, drawn_contrasts
from tracets.data.generate import Curriculum, generate_samples
from tracets.data.nycflights import weather_corpus
from tracets.errors import ConfigError
from tracets.tasks.align import Captioner, Swapper
from tracets.types import Sample

FACTS_KEPT = 50_000
SWAPS_KEPT = 6
"""Pairs of a true and a swapped sentence a window, of which each step sees some; few are learnt by heart."""


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
    """A swapper for training: `SWAPS_KEPT` pairs a window from its own numbers."""

    def draw(sample: Sample) -> tuple[Contrast, ...]:
        return drawn_contrasts(read_facts(sample), seed, SWAPS_KEPT)

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


def fewer_channel_texts(sample: Sample) -> Sample:
    """Keep the text of one channel, drawn by the id: fewer sentences for the frozen encoder to read."""
    rng = np.random.default_rng(list(sample.id.encode()))
    kept = rng.permutation(sample.n_channels)[:1]
    texts = tuple(text if c in kept else None for c, text in enumerate(sample.channel_texts))
    return replace(sample, channel_texts=texts)


def _hourly(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if s.freq == "h"]
