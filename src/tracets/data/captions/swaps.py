"""Sentences with a single fact swapped: true and false side by side, for probing a model and for training it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from tracets.data.captions.caption import fact_words
from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.grammar import sentence
from tracets.data.captions.slots import names
from tracets.data.captions.swap_facts import SWAPPED_KINDS, SWAPS, swapped

__all__ = ["SWAPS", "Contrast", "contrasts", "drawn_contrasts", "swapped"]

# How often a kind is drawn for training: places and channels are the hardest to read (docs/research.md, 26 November).
_SHARES = {"position": 2.0, "channel": 2.0}
# Channels of one window that are contrasted for each kind, and draws of the wording before a fact is given up.
_CHANNELS, _DRAWS = 4, 6
# What a sentence about the largest of several spells must say: "a spell near the end" may be true of another one.
_MAIN = re.compile(r"\b(main|most|concentrated|bundled|strongest|largest|heaviest|brings)\b|%|maximum", re.IGNORECASE)


@dataclass(frozen=True)
class Contrast:
    """Two sentences about one channel that differ in one fact: one true of the window, one false.

    `kind` is one of `SWAPS`, `channel` the channel of the true sentence, `false_channel` that of the other: the same
    one, unless the channel is what was swapped.
    """

    kind: str
    channel: str
    true: str
    false: str
    false_channel: str


def contrasts(window: WindowFacts, seed: int, *, kinds: Sequence[str] = SWAPS) -> tuple[Contrast, ...]:
    """Put facts of a window into words twice, truly and with one fact swapped.

    Parameters
    ----------
    window : WindowFacts
        From `read_facts`.
    seed : int
        Draws facts, swaps and wording. The same (window id, seed) gives the same sentences everywhere.
    kinds : sequence of str
        Some of `SWAPS`.

    Returns
    -------
    tuple of Contrast
        In the order of `kinds`; for each at most four channels, and at most one contrast a channel. Every sentence
        names the channel that it is about. None of a kind that the window has no fact for.

    Examples
    --------
    >>> import numpy as np
    >>> from tracets.data.captions import read_facts
    >>> from tracets.types import Sample
    >>> window = read_facts(Sample("a", np.arange(48.0)[None], ("load",), ("MW",)))
    >>> [(c.kind, c.true, c.false) for c in contrasts(window, 0, kinds=["direction"])]  # doctest: +SKIP
    [('direction', 'Load keeps climbing.', 'Load keeps dropping.')]
    """
    rng = _random(window, seed)
    maker = _Maker(window, rng)
    found: list[Contrast] = []
    for kind in kinds:
        channels = maker.channels(kind)
        rng.shuffle(channels)
        made = [c for channel in channels if (c := maker.contrast(kind, channel)) is not None]
        found += made[:_CHANNELS]
    return tuple(found)


def drawn_contrasts(window: WindowFacts, seed: int, n: int) -> tuple[Contrast, ...]:
    """Up to n contrasts of a window: a kind is drawn first, places and channels twice as often, and then a channel.

    No pair comes twice. Fewer than n, or none, where the window has little to say.
    """
    rng = _random(window, seed)
    maker = _Maker(window, rng)
    channels = {kind: found for kind in SWAPS if (found := maker.channels(kind))}
    pairs: dict[tuple[str, str], Contrast] = {}
    shares = [_SHARES.get(kind, 1.0) for kind in channels]
    for _ in range(3 * n if channels else 0):
        (kind,) = rng.choices(tuple(channels), shares)
        made = maker.contrast(kind, rng.choice(channels[kind]))
        if made is not None:
            pairs.setdefault((made.true, made.false), made)
        if len(pairs) == n:
            break
    return tuple(pairs.values())


def _random(window: WindowFacts, seed: int) -> Random:
    return Random(hashlib.blake2b(f"{window.id}\0{seed}\0swaps".encode(), digest_size=8).digest())


class _Maker:
    """Draws the contrasts of one window."""

    def __init__(self, window: WindowFacts, rng: Random) -> None:
        self.window, self.rng = window, rng
        self.views: dict[str, ChannelView] = {view.name: view for view in window.channels}
        self.facts: dict[str, dict[str, list[Fact]]] = {kind: {} for kind in SWAPS}
        for fact in window.facts:
            for kind, of_kind in SWAPPED_KINDS.items():
                if fact.channel is not None and fact.kind in of_kind:
                    self.facts[kind].setdefault(fact.channel, []).append(fact)

    def channels(self, kind: str) -> list[str]:
        """The channels that have a fact of which the swap can be asked."""
        return list(self.facts[kind])

    def contrast(self, kind: str, channel: str) -> Contrast | None:
        facts = self.facts[kind][channel]
        for fact in self.rng.sample(facts, len(facts)):
            other = swapped(fact, kind, self.window, self.rng)
            if other is not None and (texts := self.texts(fact, other)) is not None:
                return Contrast(kind, channel, *texts, other.channel or channel)
        return None

    def texts(self, fact: Fact, other: Fact) -> tuple[str, str] | None:
        """Both facts in the same words, as far as their templates allow; None where no draw shows the swap."""
        fact = replace(fact, numbers={k: v for k, v in fact.numbers.items() if k in other.numbers})
        must = _MAIN if fact.kind == "burst" and not fact.variant.startswith("only") else None
        for _ in range(_DRAWS):
            seed = self.rng.getrandbits(32)
            true, false = self.say(fact, seed), self.say(other, seed)
            if true is None or false is None:
                return None
            named = _names(true, fact.channel) and _names(false, other.channel)
            if true != false and named and (must is None or must.search(true)):
                return true, false
        return None

    def say(self, fact: Fact, seed: int) -> str | None:
        # Apart from the template, so that a time that takes more draws to say does not change the words around it.
        text = fact_words("sentence", fact, self.views, self.window.clock, Random(seed), Random(seed + 1))
        return None if text is None else sentence(text)


def _names(text: str, channel: str | None) -> bool:
    return channel is not None and names(channel)[0].lower() in text.lower()
