"""The texts that fill a template's slots: names, rounded numbers with units, times, durations and shares."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from random import Random

from tracets.data.captions import words
from tracets.data.captions.clock import Clock, number
from tracets.data.captions.facts import ChannelView, Fact

# Rounded as means (one decimal more than single values where the data's own resolution was the limit).
MEANS = frozenset(
    {"mean", "mean2", "early", "late", "top_mean", "bottom_mean", "part_mean", "before", "after", "std", "gap"}
)
COUNTS = frozenset({"count", "spells", "times", "turns", "missing", "top", "bottom", "top_day", "bottom_day"})
_SPANS = (("begin_step", "end_step"), ("begin_step", "finish_step"), ("gap_step", "gap_end_step"))
ORDINALS = ("zeroth", "first", "second", "third", "fourth")
COUNT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@lru_cache(maxsize=4096)
def names(channel: str) -> tuple[str, str]:
    """(bare, with article) of a channel: ("wind speed", "the wind speed"), ("PM2.5", "PM2.5").

    Names that look like plurals are called a series, so that every verb agrees.
    """
    bare = words.humanise(channel)
    ordinary = bare.replace(" ", "").replace("-", "").isalpha() and bare == bare.lower()
    last = bare.split(" ")[-1]
    if ordinary and len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is", "gas", "ous")):
        return bare, f"the {bare} series"
    return bare, f"the {bare}" if ordinary and bare != "value" else bare


class Slots:
    """Fills the slots of one fact's templates. Called as `slots(name, form)`; draws wording from `rng`."""

    def __init__(self, fact: Fact, views: Mapping[str, ChannelView], clock: Clock, rng: Random) -> None:
        self.fact, self.views, self.clock, self.rng = fact, views, clock, rng
        self.channels = (fact.channel,) if fact.channel is not None else fact.others
        self.extra: dict[str, str] = {}

    def __call__(self, name: str, form: str) -> str:
        if name in self.extra:
            return self.extra[name]
        if name in ("N", "n", "b"):
            bare, article = names(self.channels[int(form or 1) - 1])
            if name == "b":
                return bare
            # At the start of a sentence the article may go: "Pressure rises."
            return bare if name == "N" and self.rng.random() < 0.5 and not article.endswith(" series") else article
        numbers = self.fact.numbers
        if name in numbers:
            return self._number(name, numbers[name], form)
        if name + "_step" in numbers:
            return self._time(int(numbers[name + "_step"]), form)
        if name + "_steps" in numbers:
            return self.clock.duration(numbers[name + "_steps"])
        if name + "_share" in numbers:
            return self._share(numbers[name + "_share"])
        if name == "span":
            begin, end = next(pair for pair in _SPANS if pair[0] in numbers and pair[1] in numbers)
            first, last = (self.clock.note(int(numbers[key]), self.rng) for key in (begin, end))
            return f"from {first} to {last}" if first != last else f"around {first}"
        raise KeyError(f"no slot {name!r} in {self.fact}")

    def _view(self, name: str) -> ChannelView:
        return self.views[self.channels[1 if name.endswith("2") and len(self.channels) > 1 else 0]]

    def _number(self, name: str, value: float, form: str) -> str:
        if name in COUNTS:
            if form == "nth":
                return ORDINALS[int(value)]
            text = COUNT_WORDS[int(value)] if form.startswith("word") and value <= 10 else str(int(value))
            noun = " spells" if value != 1 else " spell"
            return text + noun if form.endswith("spells") else text
        if name in ("peak_hour", "trough_hour"):
            return f"{int(value):02d}:00"
        if name == "degrees":
            return f"{int(value)} degrees"
        if name in ("r", "strength", "ratio", "least"):
            return number(value, 2)
        view = self._view(name)
        text = number(value, view.mean_decimals if name in MEANS else view.decimals)
        return text if form == "raw" else text + words.unit_text(view.unit)

    def _time(self, step: int, form: str) -> str:
        if form == "rel":
            return self.clock.relative(step, self.rng)
        if form == "note":
            return self.clock.note(step, self.rng)
        return self.clock.say(step, self.rng)

    def _share(self, share: float) -> str:
        return share_text(share) + (" %" if self.rng.random() < 0.5 else "%")


def share_text(share: float) -> str:
    """A share in percent: whole numbers from 10, one decimal under it.

    >>> share_text(0.8571), share_text(0.0357)
    ('86', '3.6')
    """
    percent = 100 * share
    return number(percent, 0 if percent >= 9.95 or percent == 0 else 1)


def available(fact: Fact) -> frozenset[str]:
    """The slots that a fact can fill."""
    found = {"N", "n", "b"}
    for key in fact.numbers:
        found.add(key)
        for suffix in ("_step", "_steps", "_share"):
            found.add(key.removesuffix(suffix))
    if any(begin in fact.numbers and end in fact.numbers for begin, end in _SPANS):
        found.add("span")
    return frozenset(found)
