"""What a recipe trains on: the New York weather, and a generated curriculum for series never seen."""

from __future__ import annotations

from collections import OrderedDict

from tracets.data.captions import WindowFacts, caption_corpus, phrase, read_facts
from tracets.data.nycflights import weather_corpus
from tracets.errors import ConfigError
from tracets.tasks.align import Captioner
from tracets.types import Sample

FACTS_KEPT = 50_000


def fresh_captions() -> Captioner:
    """A captioner for training: it measures a window once and puts its facts into new words at each call."""
    known: OrderedDict[str, WindowFacts] = OrderedDict()

    def write(sample: Sample, seed: int) -> tuple[str, tuple[str, ...]]:
        if sample.id not in known:
            known[sample.id] = read_facts(sample)
            if len(known) > FACTS_KEPT:
                known.popitem(last=False)
        texts = phrase(known[sample.id], seed)
        return texts.text, texts.channel_texts

    return write


def recipe_windows(*, weather: bool, resolutions: bool, generated: int, seed: int) -> tuple[list[Sample], str]:
    """The windows of a recipe, with texts and splits, and a sentence that says what they are (for the model card)."""
    windows: list[Sample] = []
    said = []
    if weather:
        names = ("hourly", "4-hourly", "daily") if resolutions else ("hourly",)
        found = list(caption_corpus(weather_corpus(resolutions=names), seed=seed))
        windows += found
        said.append(
            f"{sum(s.split == 'train' for s in found)} training windows of New York weather ({', '.join(names)})"
        )
    if not windows:
        raise ConfigError("without a corpus, a recipe must name data: set data.weather = true or data.generated.")
    return windows, "Data: " + " and ".join(said) + "."
