"""Captions: several true sentences for each channel and for the whole window, drawn anew for each seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from random import Random
from typing import TypeVar

from tracets.data.captions.clock import Clock
from tracets.data.captions.cross_phrases import CROSS, REGIME_CLAUSES, REGIME_GISTS, REGIME_SENTENCES
from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.grammar import Template, sentence, template
from tracets.data.captions.phrased import Captions, Phrased, Sentence
from tracets.data.captions.phrases import CLAUSES, GISTS, SENTENCES
from tracets.data.captions.reader import read_facts
from tracets.data.captions.slots import Slots, available, names
from tracets.data.captions.styles.crowd import crowd_texts
from tracets.data.captions.styles.narrative import narrative_texts
from tracets.data.captions.styles.report import report_texts
from tracets.types import Sample

T = TypeVar("T")

_FAMILIES = {
    "sentence": SENTENCES | CROSS | REGIME_SENTENCES,
    "clause": CLAUSES | REGIME_CLAUSES,
    "gist": GISTS | REGIME_GISTS,
}
# What a salient sentence of the whole window may be about, where there is a choice.
_SALIENT = frozenset(
    {"missing", "constant", "level", "peak", "trough", "trend", "burst", "zeros", "spikes", "shift", "period", "ends",
     "compass", "days", "regime"}
)  # fmt: skip
_NOTE, _GIST, _WORDLESS = 0.18, 0.12, 0.04
_TARGET = (8, 12)
_TEXTS = {"crowd": crowd_texts, "narrative": narrative_texts, "report": report_texts}


def caption(sample: Sample, *, seed: int = 0, style: str = "numbers") -> Captions:
    """Describe a window from its own numbers.

    Parameters
    ----------
    sample : Sample
        Its texts are not read. Calendar dates never appear in the captions.
    seed : int, default=0
        Draws the facts, their order and their wording. The same (sample id, seed) gives the same text everywhere.
    style : str, default="numbers"
        The manner, one of `reader.STYLES`: "numbers"; "crowd", short phrases on the shape; "narrative", block by block
        in words; "report", the latest step in the manner of a bulletin.

    Returns
    -------
    Captions
        In style "numbers" `text`, about 8 to 12 sentences that name every channel, and `channel_texts`, 2 to 5
        sentences each. Numbers are rounded as `ChannelView` says; shares to whole percent (one decimal under 10).

    Examples
    --------
    >>> import numpy as np
    >>> sample = Sample("a", np.arange(48.0)[None], ("load",), ("MW",))
    >>> len(caption(sample).channel_texts), "47" in caption(sample, seed=1).text
    (1, True)
    """
    return phrase(read_facts(sample, style=style), seed)


def with_captions(sample: Sample, *, seed: int = 0, style: str = "numbers") -> Sample:
    """The sample with its text and channel texts replaced by `caption(sample, seed=seed, style=style)`."""
    texts = caption(sample, seed=seed, style=style)
    return replace(sample, text=texts.text, channel_texts=texts.channel_texts)


def phrase(window: WindowFacts, seed: int) -> Captions:
    """Put facts into words in the style they were read for; see `caption`.

    Cheap against `read_facts`, for drawing anew at every epoch.
    """
    return phrase_sentences(window, seed).captions()


def phrase_sentences(window: WindowFacts, seed: int) -> Phrased:
    """`phrase` with the facts behind each sentence."""
    rng = Random(hashlib.blake2b(f"{window.id}\0{seed}".encode(), digest_size=8).digest())
    if window.style in _TEXTS:
        return _TEXTS[window.style](window, rng)
    writer = _Writer(window, rng)
    channels = tuple(writer.channel_text(view) for view in window.channels)
    return Phrased(writer.whole_text(), channels)


@lru_cache(maxsize=8192)
def _templates(family: str, kind: str, variant: str, slots: frozenset[str]) -> tuple[Template, ...]:
    """The templates that fit a fact: of its kind and variant, needing no slot that it cannot fill."""
    table = _FAMILIES[family]
    keys = [kind, f"{kind}/{variant}"]
    if ":" in variant and kind in ("zeros", "compass", "burst"):
        head, _, tail = variant.rpartition(":")
        keys += [f"{kind}/{head}", f"{kind}/*:{tail}"]
    if "total" in slots:
        keys.append(f"{kind}/total")
    found = [_compiled(source) for key in dict.fromkeys(keys) for source in table.get(key, ())]
    return tuple(t for t in found if t.slots <= slots)


@cache
def _compiled(source: str) -> Template:
    return template(source)


def fact_words(
    family: str, fact: Fact, views: Mapping[str, ChannelView], clock: Clock, rng: Random, values: Random | None = None
) -> str | None:
    """One surface form of a fact, not yet a clean sentence; None where the family has none for it.

    `rng` draws the template and its choices, `values` (by default the same) how times and shares are said. Two facts
    that differ in a value only are said alike where both draws start from the same states.
    """
    slots = available(fact)
    extra = {}
    if fact.kind == "compass" and fact.numbers:
        extra["cls"] = fact.variant.split(":")[0]
        slots = slots | {"cls"}
    options = _templates(family, fact.kind, fact.variant, slots)
    if not options:
        return None
    fill = Slots(fact, views, clock, values or rng)
    fill.extra = extra
    return options[int(rng.random() * len(options))].render(rng, fill)


class _Writer:
    """Draws the texts of one window."""

    def __init__(self, window: WindowFacts, rng: Random) -> None:
        self.window, self.rng = window, rng
        self.views = {view.name: view for view in window.channels}
        self.by_channel: dict[str | None, list[Fact]] = {}
        for fact in window.facts:
            self.by_channel.setdefault(fact.channel, []).append(fact)

    def words(self, family: str, fact: Fact) -> str | None:
        """One surface form of a fact, or None where the family has none for it."""
        return fact_words(family, fact, self.views, self.window.clock, self.rng)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.random() * len(options))]

    def say(self, fact: Fact) -> Sentence:
        text = self.words("sentence", fact)
        assert text is not None, f"no sentence for {fact}"
        return Sentence(sentence(text), (fact,))

    def ranked(self, facts: list[Fact]) -> list[Fact]:
        """A random order that prefers salient facts (weighted sampling without replacement)."""
        random = self.rng.random
        return sorted(facts, key=lambda f: -(random() ** (1.0 / f.salience)))

    def note(self, view: ChannelView, facts: list[Fact]) -> Sentence | None:
        """A terse line: "Pressure: low 998.2 hPa, day 5, 04:00; falling then recovering." """
        said = [(f, text) for f in facts if (text := self.words("clause", f)) is not None][:3]
        if len(said) < 2:
            return None
        body = ("; " if self.rng.random() < 0.6 else ", ").join(text for _, text in said)
        return Sentence(sentence(f"{names(view.name)[0]}: {body}"), tuple(f for f, _ in said))

    def channel_text(self, view: ChannelView) -> tuple[Sentence, ...]:
        facts = self.by_channel[view.name]
        if len(facts) == 1:
            # Nothing but one statement is known: said in two ways.
            return self.distinct([self.say(facts[0]), self.say(facts[0])])
        order = self.ranked(facts)
        count = self.rng.randint(2, 5)
        chosen = self.spread(order, count)
        out: list[Sentence] = []
        if len(chosen) >= 2 and self.rng.random() < _NOTE:
            size = self.rng.randint(2, 3)
            note = self.note(view, chosen[:size])
            if note is not None:
                out.append(note)
                chosen = [f for f in chosen if f not in note.facts]
        for fact in chosen:
            out.append(self.short(fact) if self.rng.random() < _GIST else self.say(fact))
        self.rng.shuffle(out)
        return self.distinct(out)

    def short(self, fact: Fact) -> Sentence:
        """A search-like form without a verb; the full sentence where a fact has none."""
        text = self.words("gist", fact)
        return self.say(fact) if text is None else Sentence(sentence(text), (fact,))

    def spread(self, order: list[Fact], count: int) -> list[Fact]:
        """The first facts of an order, with a level or extreme always among them and no kind more than twice."""
        chosen: list[Fact] = []
        anchor = next((f for f in order if f.kind in ("level", "peak", "trough", "compass", "constant")), order[0])
        for fact in [anchor, *order]:
            if fact not in chosen and sum(f.kind == fact.kind for f in chosen) < 2:
                chosen.append(fact)
            if len(chosen) == count:
                break
        return chosen

    def distinct(self, sentences: list[Sentence]) -> tuple[Sentence, ...]:
        return tuple({s.text: s for s in sentences}.values())

    def whole_text(self) -> tuple[Sentence, ...]:
        rng = self.rng
        out: list[Sentence] = []
        for view in self.window.channels:
            facts = self.by_channel[view.name]
            salient = self.ranked([f for f in facts if f.kind in _SALIENT] or facts)
            note = self.note(view, salient[:3]) if len(salient) > 1 and rng.random() < _NOTE else None
            out.append(note or self.named(salient, view))
        cross = self.ranked(self.by_channel.get(None, []))[: rng.randint(1, 3)]
        out += [self.say(fact) for fact in cross]
        if rng.random() < 0.4 and (headline := self.headline()) is not None:
            out.append(headline)
        rng.shuffle(out)
        return self.distinct(out + self.extras(out))

    def named(self, facts: list[Fact], view: ChannelView) -> Sentence:
        """A sentence that names the channel; most state a number."""
        want_number = self.rng.random() < 0.75
        name = names(view.name)[0].lower()
        best: Sentence | None = None
        for _ in range(3):
            for fact in facts[:4]:
                said = self.say(fact)
                if name in said.text.lower():
                    if not want_number or any(c.isdigit() for c in said.text.lower().replace(name, "")):
                        return said
                    best = best or said
        if best is not None:
            return best
        said = self.say(facts[0])
        return Sentence(sentence(f"{names(view.name)[0]}: {said.text[0].lower()}{said.text[1:]}"), said.facts)

    def extras(self, have: list[Sentence]) -> list[Sentence]:
        """More sentences about any channel, until the text is long enough."""
        target = self.rng.randint(*_TARGET)
        told = {id(f) for s in have for f in s.facts}
        rest = [f for f in self.window.facts if f.channel is not None and id(f) not in told]
        return [self.say(f) for f in self.ranked(rest)[: max(0, target - len(have))]]

    def headline(self) -> Sentence | None:
        """Two or three qualities of different channels in one phrase, the way people search."""
        views = list(self.window.channels)
        self.rng.shuffle(views)
        parts: list[tuple[Fact, str]] = []
        for view in views:
            for fact in self.ranked(self.by_channel[view.name])[:3]:
                text = self.words("gist", fact)
                if text is not None:
                    parts.append((fact, text))
                    break
            if len(parts) == 3:
                break
        if len(parts) < 2:
            return None
        parts = parts[: self.rng.randint(2, 3)]
        texts = [text for _, text in parts]
        joined = ", ".join(texts[:-1]) + " and " + texts[-1]
        frame = self.pick(("", "", "a window with ", "marked by "))
        return Sentence(sentence(frame + joined), tuple(f for f, _ in parts))
