"""Sentences on the latest step in the manner of official bulletins."""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random

from tracets.data.captions import words
from tracets.data.captions.clock import number
from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.grammar import Template, sentence, template
from tracets.data.captions.phrased import Phrased, Sentence
from tracets.data.captions.slots import names
from tracets.data.captions.styles.latest import comparison, step_name

_ORDINALS = ("", "", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SIGNS = {"USD": "$", "$": "$", "EUR": "€", "€": "€", "GBP": "£", "£": "£"}
_SIZES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_UNIT = re.compile(r"^(?:(?P<size>thousand|million|billion)\b ?)?(?P<sign>USD|EUR|GBP|[$€£])?(?:/| per )?(?P<rest>.*)$")

WAYS = {
    "up": {
        "past": "[rose|increased|climbed|went up|moved up|advanced|moved higher]",
        "plain": "[rose|increased|climbed]",
        "noun": "[increase|rise|gain]",
        "above": "[above|over|more than|up from]",
        "adv": "up",
        "most": "highest",
    },
    "down": {
        "past": "[fell|decreased|declined|dropped|went down|moved down|moved lower]",
        "plain": "[fell|decreased|declined]",
        "noun": "[decrease|decline|drop]",
        "above": "[below|under|less than|down from]",
        "adv": "down",
        "most": "lowest",
    },
}
MAIN: tuple[str, ...] = (
    "{N} {past} {by} to {v}[ in the latest {step}|]",
    "{N} {past} to {v}, {by} {above} [{last}|the previous {step}|the {step} before]",
    "{N} {past} from {p} to {v}[ in the latest {step}|]",
    "{N} {past} for the {run} [consecutive {step}|{step} in a row|straight {step}] to {v}",
    "{N} {past} for the {run} [consecutive {step}|{step} in a row] to {v}, {by} {above} {last}",
    "{N} {past} for the {run} {step} in a row to {v}, {by} {above} {last} and {ago_by} {ago_above} a {period} ago",
    "{N} {past} to {v}, {by} {above} {last} and {ago_by} {ago_above} a {period} ago",
    "{N} [was|stood at|averaged|came to] {v} in the latest {step}, {adv} {by} from the previous {step}",
    "{N} was {v}, {adv} from {p} [{last}|a {step} earlier|the {step} before]",
    "{N} {past} by {percent} percent to {v}[ in the latest {step}|]",
    "{N} {past} {percent} percent from the previous {step}[ to {v}|]",
    "At {v}, {n} was {by} {above} the previous {step}",
    "{N} {plain} by {by} [this {step}|from the {step} before], to {v}",
)
SAME: tuple[str, ...] = (
    "{N} was unchanged at {v}[ in the latest {step}|]",
    "{N} held at {v}[ in the latest {step}|]",
    "{N} [remained|stayed] at {v}, the same as [{last}|the {step} before]",
    "{N} showed no change from the previous {step} at {v}",
)
LITTLE: tuple[str, ...] = (
    "{N} was little changed at {v}[ in the latest {step}|]",
    "{N} was [essentially|nearly|almost] unchanged at {v}",
    "{N} changed little, [standing|coming in] at {v}",
    "{N} was little changed from the previous {step} at {v}",
)
ALONE: tuple[str, ...] = (
    "The latest reading of {n} is {v}",
    "{N} was {v} in the latest {step} on record",
    "{N} last stood at {v}",
    "{N} was last reported at {v}",
)
AGO: tuple[str, ...] = (
    "{N} [was|is] {ago_by} {ago_above} a {period} [ago|earlier]",
    "[Compared with|From] a {period} earlier, {n} {ago_plain} by {ago_by}",
    "{N} {ago_plain} {ago_percent} percent from a {period} earlier[ to {v}|]",
    "Over the {period}, {n} {ago_plain} {ago_percent} percent",
    "A {period} [ago|earlier], {n} was {ago_p}",
    "{N} was {v}, against {ago_p} a {period} earlier",
    "{N} [is|was] {ago_adv} {ago_by} over the {period}",
)
SPAN: tuple[str, ...] = (
    "{N} [is|was] {first_adv} {first_by} [over the period|over {steps} {step}s|since the start of the period]",
    "Over the [whole |]period, {n} {first_plain} by {first_by}",
    "{N} {first_plain} {first_percent} percent over the period",
    "{N} {first_plain} from {first_p} to {v} over the period",
    "Since the start of the period, {n} [is|was] {first_adv} {first_percent} percent",
)
RANK: tuple[str, ...] = (
    "[That is|This is|This was] the {most} [level|value|reading] in {since} {step}s",
    "{N} reached its {most} [level|value|reading] in {since} {step}s",
    "{N} was at its {most} in {since} {step}s",
    "At {v}, {n} was the {most} in {since} {step}s",
)
RECORD: tuple[str, ...] = (
    "[That is|This is|This was] the {most} [level|value|reading] of the [{steps}-{step} |]period",
    "{N} reached its {most} level of the period",
    "At {v}, {n} was at its {most} of the [whole |]period",
)
MEAN: tuple[str, ...] = (
    "{N} was {v}, {mean_side} the average of {m}",
    "{N} was {mean_side} its {steps}-{step} average of {m}",
    "The average over the period [is|was] {m}",
    "At {v}, {n} was {mean_side} the period's average of {m}",
    "{N} averaged {m} over the period",
)
BALANCE: tuple[str, ...] = (
    "The {b} deficit {balance} [by |]{by} to {dv}",
    "The deficit {balance} from {dp} to {dv}",
    "The deficit in {n} {balance} to {dv}[ in the latest {step}|]",
    "The {b} deficit was {dv}, compared with {dp} the {step} before",
)
MISSING = (
    "No [figures|data] [are available|were reported|were released] for {n}",
    "{N} was not reported[ in this period|]",
)
_DEFICIT = re.compile(r"balance|net exports", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Template:
    return template(source)


def report_texts(window: WindowFacts, rng: Random) -> Phrased:
    """One to three sentences a channel; the whole window's text is about one to four of the channels."""
    several = len(window.channels) > 1
    channels = [_Reporter(window, view, rng).write() for view in window.channels]
    chosen = sorted(
        rng.sample(range(len(channels)), min(len(channels), rng.randint(1, 4) if not several else rng.randint(2, 4)))
    )
    text = [s for c in chosen for s in channels[c][: rng.randint(1, 2) if len(chosen) > 1 else None]]
    return Phrased(tuple(text), tuple(channels))


class _Reporter:
    """Writes on one channel."""

    def __init__(self, window: WindowFacts, view: ChannelView, rng: Random) -> None:
        self.window, self.view, self.rng = window, view, rng
        self.fact: Fact = window.of(view.name)[0]
        self.numbers = self.fact.numbers
        self.step = step_name(window.clock)
        known = comparison(window.clock)
        self.period = known[0] if known else ""
        # One text keeps to one way of giving large numbers.
        self.large = rng.random() < 0.7
        self.percent = rng.choice((" percent", " percent", "%"))

    def write(self) -> tuple[Sentence, ...]:
        if self.fact.kind == "missing":
            return (self.said(MISSING),)
        out = [self.said(self.main())]
        rest = [t for t in (AGO, SPAN, MEAN) if self.fitting(t)]
        since = self.numbers.get("since", 0)
        if since >= self.numbers["steps"] >= 4:
            rest += [RECORD, RECORD]
        elif since >= 3:
            rest += [RANK, RANK]
        self.rng.shuffle(rest)
        for table in list(dict.fromkeys(rest))[: self.rng.randint(0, 2)]:
            out.append(self.said(table))
        return tuple({s.text: s for s in out}.values())

    def main(self) -> tuple[str, ...]:
        numbers = self.numbers
        if self.fact.variant == "alone" or "change" not in numbers:
            return ALONE
        if not numbers["change"]:
            return SAME
        if numbers["value"] < 0 and numbers["before"] < 0 and _DEFICIT.search(self.view.name):
            return BALANCE
        scale = abs(numbers["before"]) or 1.0
        if abs(numbers["change"]) < 0.01 * scale and self.rng.random() < 0.5:
            return LITTLE
        return MAIN

    def fitting(self, table: tuple[str, ...]) -> list[Template]:
        have = self.available()
        return [t for t in map(_compiled, table) if t.slots <= have]

    def said(self, table: tuple[str, ...]) -> Sentence:
        text = self.rng.choice(self.fitting(table)).render(self.rng, self.slot)
        return Sentence(sentence(text), (self.fact,))

    def available(self) -> frozenset[str]:
        numbers = self.numbers
        found = {"N", "n", "b", "step", "last"}
        if "value" in numbers:
            found |= {"v", "m", "steps", "mean_side"}
        if numbers.get("value") == numbers.get("mean"):
            found -= {"mean_side"}
        for prefix in ("", "first_", "ago_"):
            change = numbers.get(f"{prefix}change")
            if change is None:
                continue
            found |= {f"{prefix}p", f"{prefix}by"} if change or not prefix else {f"{prefix}p"}
            if change:
                found |= {prefix + k for k in ("past", "plain", "above", "adv", "noun")}
                # A percentage that reads as zero says nothing.
                if abs(numbers.get(f"{prefix}percent", 0.0)) >= 0.05:
                    found.add(f"{prefix}percent")
        if numbers.get("ago_change") is not None:
            found.add("period")
        if 2 <= numbers.get("run", 0) <= 10:
            found.add("run")
        if "since" in numbers:
            found |= {"since", "most"}
        if numbers.get("value", 0) < 0:
            found |= {"dv", "dp", "balance"}
        return frozenset(found)

    def slot(self, name: str, form: str) -> str:
        numbers = self.numbers
        if name in ("N", "n"):
            return names(self.view.name)[1]
        if name == "b":
            return names(self.view.name)[0]
        if name == "step":
            return self.step
        if name == "last":
            return (
                "yesterday"
                if self.step == "day" and self.rng.random() < 0.3
                else f"the previous {self.step}"
                if self.step in ("day", "hour", "reading")
                else f"last {self.step}"
            )
        if name == "period":
            return self.period
        if name == "v":
            return self.amount(numbers["value"])
        if name == "m":
            return self.amount(numbers["mean"])
        if name in ("dv", "dp"):
            return self.amount(-numbers["value" if name == "dv" else "before"])
        if name == "balance":
            return self.drawn("[widened|grew|increased]" if numbers["change"] < 0 else "[narrowed|shrank|decreased]")
        if name in ("since", "steps"):
            return str(int(numbers[name]))
        if name == "run":
            return _ORDINALS[int(numbers["run"])]
        if name == "mean_side":
            return "above" if numbers["value"] > numbers["mean"] else "below"
        prefix = next((p for p in ("first_", "ago_") if name.startswith(p)), "")
        key = name.removeprefix(prefix)
        change = numbers[f"{prefix}change"]
        if key == "p":
            return self.amount(numbers[f"{prefix}before"])
        if key == "by":
            return self.amount(abs(change), change=True)
        if key == "percent":
            return number(abs(numbers[f"{prefix}percent"]), 1)
        return self.drawn(WAYS["up" if change > 0 else "down"][key])

    def drawn(self, source: str) -> str:
        return _compiled(source).render(self.rng, self.slot)

    def amount(self, value: float, *, change: bool = False) -> str:
        """A value with its unit as bulletins print it: "$2.150 per gallon", "251.5 billion", "5.0 percent"."""
        decimals = int(self.numbers["decimals"])
        unit = (self.view.unit or "").strip()
        if unit in ("%", "percent"):
            point = "percentage point" if abs(value) == 1 else "percentage points"
            return f"{number(value, decimals)} {point}" if change else f"{number(value, decimals)}{self.percent}"
        match = _UNIT.match(unit)
        assert match is not None
        size, sign = _SIZES.get(match["size"] or "", 1.0), _SIGNS.get(match["sign"] or "", "")
        if not sign and not match["size"]:
            # "134 A in" would read as an article.
            return grouped(value, decimals) + (" amperes" if unit == "A" else words.unit_text(unit))
        minus = "-" if value < 0 else ""
        rest = match["rest"].strip()
        tail = "" if not rest else f" per {rest}" if sign else f" {rest}"
        if change and sign:
            tail = ""
        return f"{minus}{sign}{sized(abs(value), decimals, size, self.large)}{tail}"


def grouped(value: float, decimals: int) -> str:
    """Fixed-point with thousands separated from five digits on.

    >>> grouped(251500, 0), grouped(2150, 0), grouped(-0.04, 1)
    ('251,500', '2150', '0.0')
    """
    text = number(value, decimals)
    return f"{float(text):,.{decimals}f}" if abs(value) >= 10000 else text


def sized(value: float, decimals: int, size: float, restate: bool) -> str:
    """A number counted in thousands, millions or billions, restated in the largest word that fits.

    >>> sized(251500, 0, 1e6, True), sized(1500, 0, 1e6, False), sized(2.15, 2, 1.0, True)
    ('251.5 billion', '1500 million', '2.15')
    """
    word = {1e3: " thousand", 1e6: " million", 1e9: " billion"}.get(size, "")
    if restate or value >= 10000:
        for scale, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
            if value * size >= scale and scale > size:
                return f"{number(value * size / scale, 1 if value * size >= 10 * scale else 2)} {name}"
    return grouped(value, decimals) + word
