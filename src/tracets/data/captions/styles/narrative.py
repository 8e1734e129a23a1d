"""What a language model writes about a window that it shall tell without numbers, block by block."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from tracets.data.captions.facts import Fact, WindowFacts
from tracets.data.captions.grammar import Template, sentence, template
from tracets.data.captions.phrased import Phrased, Sentence
from tracets.data.captions.slots import names
from tracets.data.captions.styles.blocks import POINTS, Block, blocks_of
from tracets.data.captions.styles.narrative_words import (
    ADJECTIVES,
    BREEZES,
    DIRECTION,
    LEVELS,
    MISSING,
    OPENINGS,
    RANGES,
    SPELLED,
    TRENDS,
    WIND,
)

_MOST = 18  # sentences in the text of a whole window


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Template:
    return template(source)


def narrative_texts(window: WindowFacts, rng: Random) -> Phrased:
    """A passage a block, in time's order; a channel's own text tells of that channel alone."""
    return _Narrator(window, rng).write()


class _Narrator:
    def __init__(self, window: WindowFacts, rng: Random) -> None:
        self.window, self.rng = window, rng
        self.blocks = blocks_of(window.clock)
        self.facts = {(f.channel, int(f.numbers["block"])): f for f in window.facts if f.kind == "block"}
        self.frame = self._frame()
        # One writer spells the compass and the Beaufort names in one way most of the time.
        self.spelling = rng.choice(("short", "short", "long", "mixed"))
        self.large = rng.random() < 0.35

    def write(self) -> Phrased:
        rng = self.rng
        channels: list[tuple[Sentence, ...]] = []
        pieces: dict[tuple[str, int], list[Sentence]] = {}
        speed, direction = self._of("wind"), self._of("direction")
        for view in self.window.channels:
            told: list[Sentence] = []
            for i in range(len(self.blocks)):
                fact = self.facts.get((view.name, i))
                if fact is None:
                    continue
                mate = None
                if speed and direction and view.name in (speed, direction):
                    mate = self.facts.get((direction if view.name == speed else speed, i))
                said = self.tell(fact, mate)
                pieces[view.name, i] = said
                told += self.opened(i, said)
            channels.append(tuple(told) or (self.empty(view.name),))
        order = [v.name for v in self.window.channels]
        if speed and direction and rng.random() < 0.85:
            order.remove(rng.choice((speed, direction)))
        room = max(1, _MOST // len(self.blocks))
        text: list[Sentence] = []
        for i in range(len(self.blocks)):
            there = [name for name in order if (name, i) in pieces]
            kept = set(rng.sample(there, min(room, len(there))))
            text += self.opened(i, [s for name in there if name in kept for s in pieces[name, i]])
        return Phrased(tuple(text) or tuple(c[0] for c in channels), tuple(channels))

    def _of(self, quantity: str) -> str | None:
        found = {f.channel for f in self.facts.values() if f.variant.startswith(quantity + ":")}
        return found.pop() if len(found) == 1 else None

    def _frame(self) -> tuple[str, ...]:
        """How each block is opened, "" for a single one."""
        first: Block = self.blocks[0]
        rng = self.rng
        if first.label == "whole":
            clock = self.window.clock
            if clock.has_clock and rng.random() < 0.3:
                part = clock.part(clock.n_steps // 2)
                if all(clock.part(i) == part for i in range(clock.n_steps)):
                    spoken = "the early morning" if part == "night" else f"the {part}"
                    return (rng.choice((f"It is {spoken}.", f"It's {spoken}.")),)
            return ("",)
        kind = first.label.split(" ")[0]
        key = kind if kind in ("third", "half", "day") else "part"
        if key == "part":
            style = rng.choice(("{}: ", "{}: ", "{}: ", "In the {}, ", "During the {}, "))
            return tuple(
                style.format(b.label if "In" in style or "Dur" in style else b.label.capitalize()) for b in self.blocks
            )
        frames = rng.choice(OPENINGS[key])
        if callable(frames):
            return tuple(frames(i + 1) for i in range(len(self.blocks)))
        return tuple(frames)

    def opened(self, block: int, said: list[Sentence]) -> list[Sentence]:
        """The block's opening in front of its first sentence."""
        opening = self.frame[block]
        if not said or not opening:
            return said
        text = said[0].text
        if opening.endswith(": "):
            joined = opening + text
        elif opening.endswith("."):
            joined = f"{opening} {text}"
        else:
            head = text.split(" ", 1)[0]
            lower = head.lower() in ("the", "there", "it", "a", "an", "no", "winds", "conditions", "little")
            joined = opening + (text[0].lower() + text[1:] if lower else text)
        return [Sentence(joined, said[0].facts), *said[1:]]

    def empty(self, channel: str) -> Sentence:
        missing = [f for f in self.window.of(channel) if f.kind == "missing"]
        return Sentence(sentence(self.draw(self.rng.choice(MISSING), channel)), tuple(missing))

    def tell(self, fact: Fact, mate: Fact | None) -> list[Sentence]:
        """One or two sentences on a block of a channel."""
        quantity, trend, levels = fact.variant.split(":")
        rng = self.rng
        if quantity in ("wind", "direction") and mate is not None:
            wind, turn = (fact, mate) if quantity == "wind" else (mate, fact)
            return [Sentence(sentence(self.wind(wind, turn)), (wind, turn))]
        channel = fact.channel or ""
        if quantity == "direction":
            return [Sentence(sentence(self.draw(rng.choice(DIRECTION[trend]), channel, levels)), (fact,))]
        level = levels.split(">")[0]
        options: list[str] = []
        trends = TRENDS[trend] if trend in TRENDS else ()
        # One block's place in its own range says nothing.
        alone = quantity == "window" and len(self.blocks) == 1
        table = {} if alone else LEVELS.get(quantity, {})
        moved = ">" in levels and levels.split(">")[1] != levels.split(">")[2]
        drawn = rng.random()
        if moved and not alone and trend.startswith(("up", "down")) and drawn < 0.35 and quantity in RANGES:
            options = list(RANGES[quantity])
        elif level in table and (not trends or drawn < _LEVEL_SHARE.get(quantity, 0.3)):
            options = list(table[level])
        elif quantity == "rain":
            options = list(table[level])
        elif trends:
            options = list(trends)
        else:
            options = list(TRENDS["none"])
        out = [Sentence(sentence(self.draw(rng.choice(options), channel, levels, quantity)), (fact,))]
        both = bool(trends) and level in table and quantity != "rain"
        if both and len(self.window.channels) <= 3 and rng.random() < 0.4 and options == list(trends):
            out.append(Sentence(sentence(self.draw(rng.choice(table[level]), channel, levels, quantity)), (fact,)))
        return out

    def wind(self, speed: Fact, turn: Fact) -> str:
        """Strength and direction in one sentence: "There is a gentle breeze from the SW"."""
        level = speed.variant.split(":")[2].split(">")[0]
        _, trend, points = turn.variant.split(":")
        source = self.rng.choice(WIND["calm" if level == "calm" else trend])
        return self.draw(source, speed.channel or "", points, "wind", level)

    def draw(self, source: str, channel: str, levels: str = "", quantity: str = "", level: str = "") -> str:
        classes = levels.split(">")

        def slot(name: str, form: str) -> str:
            if name in ("n", "N"):
                return names(channel)[1]
            if name == "b":
                return names(channel)[0]
            if name == "breeze":
                said = _compiled(BREEZES[level or classes[0]]).render(self.rng, slot)
                return said.title() if self.large else said
            at = {"at": 0, "from": 1, "to": 2}[name]
            if classes[at] in POINTS:
                return self.compass(classes[at])
            return self.rng.choice(ADJECTIVES[quantity][classes[at]])

        return _compiled(source).render(self.rng, slot)

    def compass(self, point: str) -> str:
        short = self.spelling == "short" or (self.spelling == "mixed" and self.rng.random() < 0.5)
        if short:
            return point if self.rng.random() < 0.6 else f"the {point}"
        said = SPELLED[point]
        if self.large:
            said = "-".join(w.capitalize() for w in said.split("-"))
        return f"the {said}"


# How often the level is told where the trend could be.
_LEVEL_SHARE = {
    "temperature": 0.12,
    "humidity": 0.5,
    "pressure": 0.75,
    "wind": 0.75,
    "visibility": 0.7,
    "cloud": 0.7,
    "window": 0.3,
}
