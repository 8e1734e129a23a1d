"""The numbers of a text held against the values: each is recomputed by the facts that captions are made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracets.data.captions import words
from tracets.data.captions.clock import Clock, number
from tracets.data.captions.facts import Fact, WindowFacts
from tracets.data.captions.reader import read_facts
from tracets.data.captions.slots import COUNT_WORDS, COUNTS, MEANS, ORDINALS, Slots, available, names
from tracets.data.captions.spoken import HOURS, NAMES, RATIOS, TIMES, Reader, Reading, Said
from tracets.types import CheckedNumber, Sample

SAYS = {
    "low": "low", "high": "high", "mean": "mean", "mean2": "mean", "total": "total", "std": "standard deviation",
    "range": "range", "first": "first reading", "last": "last reading", "change": "change",
    "early": "first quarter's mean", "late": "last quarter's mean", "before": "mean before", "after": "mean after",
    "amount": "sum of the spell", "top_mean": "highest mean", "bottom_mean": "lowest mean",
    "top_day": "day of the highest mean", "bottom_day": "day of the lowest mean", "top": "quarter of the highest mean",
    "bottom": "quarter of the lowest mean", "missing": "share missing", "zero": "share at zero",
    "of_total": "share of the total", "below": "share below zero", "eighth": "share in the sector",
    "class": "share of the time", "longest": "longest gap", "length": "length of the spell", "period": "period",
    "lag": "lag", "r": "correlation", "ratio": "relative spread", "least": "relative spread", "gap": "difference",
    "degrees": "mean direction", "peak_hour": "hour of the high", "trough_hour": "hour of the low", "turns": "turns",
    "count": "number of spikes", "spells": "spells", "times": "times seen", "part_mean": "mean of the part of the day",
    "largest_change": "largest step change", "span": "span", "begin": "beginning", "finish": "end", "turn": "turn",
    "turn2": "second turn", "middle": "middle of the spell", "at": "time", "at2": "time", "value": "value",
    "value2": "value",
}  # fmt: skip
"""What a slot of a template says a number is."""
_VALUES = {"peak": "high", "trough": "low", "spikes": "spike", "limit": "limit", "constant": "constant value"}
_TIMES = {
    "peak": "time of the high", "trough": "time of the low", "spikes": "time of the spike",
    "shift": "time of the shift", "burst": "time of the most", "limit": "share at the limit",
}  # fmt: skip
_SPLIT = re.compile(r"(?<=[.!?])\s+")
_NUMBER = re.compile(r"(?<![\w.:])-?\d+(?:[.,:]\d+)*")
_DAY, _CLOCK, _STEP = re.compile(r"day (\d+)"), re.compile(r"(\d\d:\d\d)"), re.compile(r"step (\d+)(?: of (\d+))?")
_LONG = re.compile(r"(year|month|week) (\d+)$")

MOST = 200
"""Sentences of a text that are read, from its beginning."""
Result = Literal["agrees", "differs", "not checked"]


def check_numbers(sample: Sample, text: str) -> tuple[CheckedNumber, ...]:
    """Hold every number of a text against the values of a window.

    A sentence in a form that captions have (style "numbers") is read by the templates it was made from, and each number
    in it recomputed from the values; where several readings are possible, the one that agrees most counts. A number in
    another sentence is "not checked".

    Parameters
    ----------
    sample : Sample
        Its own texts are not read.
    text : str
        Any text.

    Returns
    -------
    tuple of CheckedNumber
        In the order of the text.

    Examples
    --------
    >>> sample = Sample("a", np.array([[1.0, 2.0, 3.0, 8.0]]), ("load",), ("MW",))
    >>> for found in check_numbers(sample, "Load ranges from 1 to 9 MW."):
    ...     print(found.number, found.says, found.recomputed, found.result, found.first_step)
    1 low 1 agrees 0
    9 MW high 8 MW differs 3
    """
    checking = _Checking(sample)
    found: list[CheckedNumber] = []
    begin = 0
    for i, sentence in enumerate(_SPLIT.split(text)):
        at = text.index(sentence, begin)
        numbers = checking.sentence(sentence) if i < MOST else checking.unread(sentence)
        found += [replace(one, at=one.at + at) for one in numbers]
        begin = at + len(sentence)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Place:
    """Steps of the window, `first` to `end` (exclusive)."""

    first: int
    end: int


@dataclass(frozen=True, eq=False)
class _Checking:
    """One window under check."""

    sample: Sample

    @cached_property
    def window(self) -> WindowFacts:
        return read_facts(self.sample)

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.sample.channel_names, self.sample.units)

    def sentence(self, text: str) -> list[CheckedNumber]:
        if not any(c.isdigit() for c in text) and not set(re.findall(r"[a-z]+", text.lower())) & _COUNTED:
            return []
        readings = [(reading, self.numbers(reading)) for reading in self.reader.read(text)]
        numbers = [(reading, found) for reading, found in readings if found]
        best = _best(numbers)
        covered = {i for one in best for i in range(one.at, one.at + len(one.number))}
        rest = [one for one in self.unread(text) if one.at not in covered]
        # a sentence that was read has no other numbers: what is left are words such as "before 06:00"
        return sorted(best or rest, key=lambda one: one.at)

    def unread(self, text: str) -> Iterator[CheckedNumber]:
        """The numbers of a sentence that could not be read, without those in names and units of channels."""
        known = {names(name)[0] for name in self.sample.channel_names} | set(self.sample.channel_names)
        named = {
            i
            for name in known | {words.unit_text(unit).strip() for unit in self.sample.units} - {""}
            for match in re.finditer(re.escape(name), text, re.IGNORECASE)
            for i in range(*match.span())
        }
        for match in _NUMBER.finditer(text):
            if match.start() not in named:
                yield CheckedNumber(match[0], match.start(), "", None, None, "not checked")

    def numbers(self, reading: Reading) -> list[CheckedNumber]:
        fact = self.fact(reading)
        return [self.checked(reading, fact, one) for one in reading.said if _is_number(one)]

    def fact(self, reading: Reading) -> Fact | None:
        """The fact of the window that the sentence is about; one of the same variant where there is one."""

        def about(fact: Fact) -> bool:
            if not reading.channels:  # "mild air" or "wind from the east": a class names its quantity
                quantity = reading.key.partition("/")[2].split(":")[0]
                return quantity in ("*", fact.variant.split(":")[0])
            if fact.channel is None:
                return fact.others[: len(reading.channels)] == reading.channels
            return reading.channels == (fact.channel,)

        def fits(fact: Fact) -> tuple[bool, int]:
            known = available(fact)
            return f"{fact.kind}/{fact.variant}" == reading.key, sum(one.name in known for one in reading.said)

        same = [fact for fact in self.window.facts if fact.kind == reading.kind and about(fact)]
        return max(same, key=fits, default=None)

    def checked(self, reading: Reading, fact: Fact | None, one: Said) -> CheckedNumber:
        says = _VALUES.get(reading.kind, "value") if one.name in ("value", "value2") else SAYS[one.name]
        if one.name == "at":
            says = _TIMES.get(reading.kind, says)
        channel = reading.channels[0] if len(reading.channels) == 1 else None if fact is None else fact.channel
        unknown = CheckedNumber(one.text, one.at, says, channel, None, "not checked")
        if fact is not None and not _claims(reading, fact):
            return replace(unknown, result="differs")
        if fact is None or (told := self.recomputed(reading, fact, one)) is None:
            return unknown
        recomputed, same = told
        place = self.place(fact, one)
        result: Result = "agrees" if same else "differs"
        return replace(
            unknown, recomputed=recomputed, result=result, first_step=place.first, n_steps=place.end - place.first
        )

    def recomputed(self, reading: Reading, fact: Fact, one: Said) -> tuple[str, bool] | None:
        """The number from the values as a caption would say it, and whether the text says the same."""
        numbers, clock, name = fact.numbers, self.window.clock, one.name
        if name == "span":
            pair = next((p for p in _SPANS if p[0] in numbers and p[1] in numbers), None)
            if pair is None:
                return None
            steps = [int(numbers[key]) for key in pair]
            ends = one.text.removeprefix("from ").removeprefix("around ").split(" to ")
            # a span within one time is said "around" it
            same = all(_same_time(end, step, clock) for end, step in zip(ends, steps, strict=False))
            return " to ".join(_time(step, clock) for step in steps), same
        if name in TIMES and f"{name}_step" in numbers:
            step = int(numbers[f"{name}_step"])
            return _time(step, clock), _same_time(one.text, step, clock)
        if f"{name}_share" in numbers:
            share = numbers[f"{name}_share"]
            slots = Slots(fact, {}, clock, Random(0))
            return slots(name, ""), _near(one.text.rstrip("% "), 100 * share)
        if f"{name}_steps" in numbers:
            told = clock.duration(numbers[f"{name}_steps"])
            return told, told == one.text.lower()
        if name not in numbers:
            return None
        value = numbers[name]
        if name in COUNTS:
            said = one.text.lower().split(" ")[0]
            table = ORDINALS if one.form == "nth" else COUNT_WORDS
            count = table.index(said) if said in table else int(said)
            return str(int(value)), count == int(value)
        if name in HOURS:
            return f"{int(value):02d}:00", one.text == f"{int(value):02d}:00"
        if name == "degrees":
            return f"{int(value)} degrees", one.text.split(" ")[0] == str(int(value))
        if name in RATIOS:
            return number(value, 2), _near(one.text, value)
        return self.in_unit(fact, one, value)

    def in_unit(self, fact: Fact, one: Said, value: float) -> tuple[str, bool]:
        channels = (fact.channel,) if fact.channel is not None else fact.others
        channel = channels[1 if one.name.endswith("2") and len(channels) > 1 else 0]
        view = next(view for view in self.window.channels if view.name == channel)
        unit = words.unit_text(view.unit)
        told = number(value, view.mean_decimals if one.name in MEANS else view.decimals)
        figure, _, stated = one.text.partition(" ")
        same_unit = one.form == "raw" or stated.lower() == unit.strip().lower()
        return told if one.form == "raw" else told + unit, same_unit and _near(figure, value)

    def place(self, fact: Fact, one: Said) -> _Place:
        """Where a number lies: a step, a stretch, or the whole window."""
        numbers, n, name = fact.numbers, self.sample.n_steps, one.name
        if name in TIMES and f"{name}_step" in numbers:
            step = int(numbers[f"{name}_step"])
            return _Place(step, step + 1)
        at = int(numbers["at_step"]) if "at_step" in numbers else None
        if name in ("before", "after") and at is not None:
            return _Place(0, at) if name == "before" else _Place(at, n)
        if name == "value2":
            return _Place(int(numbers["at2_step"]), int(numbers["at2_step"]) + 1)
        if name in ("value", "high", "low"):
            step = at if at is not None else self.first_at(fact, numbers[name])
            return _Place(step, step + 1)
        if name in ("amount", "of_total", "length", "longest", "span"):
            pair = next((p for p in _SPANS if p[0] in numbers and p[1] in numbers), None)
            return _Place(0, n) if pair is None else _Place(int(numbers[pair[0]]), int(numbers[pair[1]]) + 1)
        if name in ("first", "last"):
            seen = np.flatnonzero(~np.isnan(self.row(fact)))
            step = int(seen[0 if name == "first" else -1])
            return _Place(step, step + 1)
        if name in ("early", "late"):
            return self.quarter(1 if name == "early" else 4)
        end = name.partition("_")[0]
        if end in ("top", "bottom") and fact.kind == "quarters":
            return self.quarter(int(numbers[end]))
        if end in ("top", "bottom") and fact.kind == "days":
            steps = np.flatnonzero(self.window.clock.day_numbers == int(numbers[f"{end}_day"]))
            return _Place(int(steps[0]), int(steps[-1]) + 1)
        return _Place(0, n)

    def row(self, fact: Fact) -> NDArray[np.float32]:
        return self.sample.values[self.sample.channel_names.index(fact.channel or fact.others[0])]

    def first_at(self, fact: Fact, value: float) -> int:
        return int(np.nanargmin(np.abs(self.row(fact).astype(np.float64) - value)))

    def quarter(self, which: int) -> _Place:
        steps = np.array_split(np.arange(self.sample.n_steps), 4)[which - 1]
        return _Place(int(steps[0]), int(steps[-1]) + 1)


_SPANS = (("begin_step", "end_step"), ("begin_step", "finish_step"), ("gap_step", "gap_end_step"))
_COUNTED = frozenset(COUNT_WORDS) | frozenset(ORDINALS)


def _is_number(one: Said) -> bool:
    if one.name in NAMES or one.name == "cls":
        return False
    return one.name in COUNTS or any(c.isdigit() for c in one.text)


def _best(readings: list[tuple[Reading, list[CheckedNumber]]]) -> list[CheckedNumber]:
    """The numbers of the reading that holds most of them and differs least, where something of it can be checked.

    Clauses of one note are readings of several places: each place has a best one.
    """

    def rank(found: list[CheckedNumber], literal: int) -> tuple[bool, int, int, int]:
        results = [one.result for one in found]
        differs = results.count("differs")
        return results.count("agrees") + differs > 0, len(found), -differs, literal

    kept: list[CheckedNumber] = []
    for _, found in sorted(readings, key=lambda pair: rank(pair[1], pair[0].literal), reverse=True):
        begin, end = found[0].at, found[-1].at + len(found[-1].number)
        if all(one.at + len(one.number) <= begin or one.at >= end for one in kept):
            kept += found
    return kept


def _claims(reading: Reading, fact: Fact) -> bool:
    """Whether the words around the numbers are true: "falls from 5 to 2" is not where 2 rises to 5."""
    said = reading.key.partition("/")[2]
    stated = next((one.text.lower() for one in reading.said if one.name == "cls"), None)
    if stated is not None:
        return stated == fact.variant.split(":")[0]
    if fact.kind in ("trend", "spikes"):
        return not said or said.split(":")[0] == fact.variant.split(":")[0]
    return fact.kind not in ("ends", "shift", "third", "dayparts", "regime") or said == fact.variant


def _near(figure: str, value: float) -> bool:
    """Whether a figure is the value rounded to the decimals that it has."""
    decimals = len(figure.partition(".")[2])
    return abs(float(figure) - value) <= 0.5 * 10.0**-decimals + 1e-6 * max(1.0, abs(value))


def _time(step: int, clock: Clock) -> str:
    return clock.note(step, Random(0))


def _same_time(text: str, step: int, clock: Clock) -> bool:
    """Whether every number of a time phrase is true of a step."""
    if (found := _DAY.search(text)) and int(found[1]) != clock.day(step):
        return False
    if (found := _CLOCK.search(text)) and not (clock.has_clock and clock.local(step).strftime("%H:%M") == found[1]):
        return False
    if found := _STEP.search(text):
        return int(found[1]) == step + 1 and (found[2] is None or int(found[2]) == clock.n_steps)
    if found := _LONG.search(text):
        return clock.step is not None and f"{found[1]} {found[2]}" == clock.exact(step, Random(0)).removeprefix("in ")
    length = text.removeprefix("after ").removesuffix(" into the window")
    return length == text or length.lower() == clock.duration(step)
