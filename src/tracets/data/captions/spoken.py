"""Templates read backwards: the sentence of a caption gives the fact it states and the numbers in it.

Every template of `phrases` and `cross_phrases` becomes a regular expression in which a slot takes what `slots` may have
put there. No second grammar: a form that captions do not have is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from tracets.data.captions import words
from tracets.data.captions.clock import POSITIONS
from tracets.data.captions.cross_phrases import CROSS, REGIME_CLAUSES, REGIME_SENTENCES
from tracets.data.captions.grammar import Parts, Template, template
from tracets.data.captions.phrases import CLAUSES, SENTENCES
from tracets.data.captions.slots import COUNT_WORDS, COUNTS, ORDINALS, names

NAMES = ("N", "n", "b")
SHARES = ("missing", "zero", "of_total", "below", "eighth", "class")
DURATIONS = ("longest", "length", "period", "lag")
TIMES = ("at", "middle", "begin", "finish", "turn", "turn2", "at2")
HOURS = ("peak_hour", "trough_hour")
RATIOS = ("r", "strength", "ratio", "least")

_DURATION = r"\d+(?:\.\d)? (?:second|minute|hour|day|week|month|step)s?"
_RELATIVE = "|".join(sorted({re.escape(said) for _, some in POSITIONS for said in some}, key=len, reverse=True))
_EXACT = (
    r"(?:(?:at about|at|around) )?\d\d:\d\d(?: on day \d+)?|(?:on )?day \d+(?:(?: at|,) \d\d:\d\d)?|"
    r"(?:in|on) the (?:early hours|small hours|morning|afternoon|evening) of day \d+|"
    rf"(?:(?:in|at) )?(?:the first step|step \d+(?: of \d+)?)|(?:in )?(?:year|month|week) \d+|after {_DURATION}|"
    rf"{_DURATION} into the window"
)
_VALUE = r"-?\d+(?:\.\d+)?"
_WORD = re.compile(r"[a-z]{3,}")
LONGEST = 400
"""Characters of a sentence that is read: no caption has one as long."""


@dataclass(frozen=True)
class Said:
    """What stands in a slot: `name` and `form` as in the template, the text and where it begins."""

    name: str
    form: str
    text: str
    at: int


@dataclass(frozen=True)
class Reading:
    """One way to read a sentence: a template of `key` ("level", "trend/flat") about `channels`, and what fills it.

    No channels where the sentence names none ("mild air for 65 % of the time"). `literal` counts the characters that
    the template itself has.
    """

    key: str
    channels: tuple[str, ...]
    said: tuple[Said, ...]
    literal: int

    @property
    def kind(self) -> str:
        return self.key.partition("/")[0]


@dataclass(frozen=True, eq=False)
class _Form:
    """A template as an expression; `slots[i]` is the (name, form) of its group i + 1.

    `needs` are words that every sentence of this form has: most sentences are told apart by them, before an expression
    is compiled.
    """

    key: str
    expression: str
    slots: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    literal: int

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.expression, re.IGNORECASE)


@dataclass(frozen=True)
class Reader:
    """Reads sentences about windows with these channels and units.

    Examples
    --------
    >>> [reading] = Reader(("load",), ("MW",)).read("The load peaks at 12.5 MW on day 3 at 04:00.")
    >>> reading.key, reading.channels, [said.text for said in reading.said if said.name != "N"]
    ('peak/once', ('load',), ['12.5 MW', 'on day 3 at 04:00'])
    """

    channel_names: tuple[str, ...]
    units: tuple[str | None, ...]

    def read(self, sentence: str) -> list[Reading]:
        """Every way to read one sentence; none for a form that captions do not have, or that states no number."""
        if len(sentence) > LONGEST:
            return []
        forms = _forms("sentence", self.channel_names, self.units)
        found = [reading for form in forms if (reading := self._fill(form, sentence, 0, None))]
        return found + list(self._notes(sentence))

    def _fill(self, form: _Form, text: str, offset: int, channel: str | None) -> Reading | None:
        small = text.lower()
        if not all(word in small for word in form.needs) or (match := form.pattern.fullmatch(text)) is None:
            return None
        said = tuple(
            Said(name, kind, match[i], offset + match.start(i))
            for i, (name, kind) in enumerate(form.slots, start=1)
            if match[i]
        )
        named = {int(one.form or 1): self._channel(one.text) for one in said if one.name in NAMES}
        channels = tuple(named[place] for place in sorted(named)) or (() if channel is None else (channel,))
        return Reading(form.key, channels, said, form.literal)

    def _channel(self, text: str) -> str:
        bare = text.lower().removeprefix("the ")
        known = {names(name)[0].lower(): name for name in reversed(self.channel_names)}
        return known.get(bare) or known[bare.removesuffix(" series")]

    def _notes(self, sentence: str) -> Iterator[Reading]:
        """A note: "Pressure: low 998.2 hPa, day 5, 04:00; falling then recovering." Each clause is read by itself."""
        for channel in self.channel_names:
            begin = f"{names(channel)[0]}: "
            if not sentence.lower().startswith(begin.lower()):
                continue
            body = sentence[len(begin) :].rstrip(".")
            mark = "; " if "; " in body else ", "
            pieces, at = [], len(begin)
            for piece in body.split(mark):
                pieces.append((piece, at))
                at += len(piece) + len(mark)
            yield from self._clauses(pieces, mark, channel)

    def _clauses(self, pieces: list[tuple[str, int]], mark: str, channel: str) -> Iterator[Reading]:
        """Clauses between marks; one may hold the mark itself, and then is read from several pieces at once."""
        forms, first = _forms("clause", self.channel_names, self.units), 0
        while first < len(pieces):
            for last in range(min(len(pieces), first + 4), first, -1):
                text, at = mark.join(piece for piece, _ in pieces[first:last]), pieces[first][1]
                found = [reading for form in forms if (reading := self._fill(form, text, at, channel))]
                if found:
                    yield from found
                    first = last - 1
                    break
            first += 1


@lru_cache(maxsize=16)
def _forms(family: str, channel_names: tuple[str, ...], units: tuple[str | None, ...]) -> tuple[_Form, ...]:
    """The templates that state a number, as expressions."""
    table = SENTENCES | CROSS | REGIME_SENTENCES if family == "sentence" else CLAUSES | REGIME_CLAUSES
    channel, unit = _channels(channel_names), _units(units)
    found = []
    for key, sources in table.items():
        for source in sources:
            made = template(source)
            if made.slots - set(NAMES) - {"cls"}:
                found.append(_form(key, made, channel, unit))
    return tuple(found)


def _channels(channel_names: tuple[str, ...]) -> str:
    bare = sorted({names(name)[0] for name in channel_names}, key=len, reverse=True)
    return "(?:the )?(?:" + "|".join(map(re.escape, bare)) + ")(?: series)?"


def _units(units: tuple[str | None, ...]) -> str:
    known = sorted({words.unit_text(unit) for unit in units} - {""}, key=len, reverse=True)
    return "(?:" + "|".join(map(re.escape, known)) + ")?" if known else ""


def _form(key: str, made: Template, channel: str, unit: str) -> _Form:
    slots: list[tuple[str, str]] = []
    kind = key.partition("/")[0]

    def expression(parts: Parts) -> str:
        out = []
        for part in parts:
            if isinstance(part, str):
                out.append(_literal(part))
            elif isinstance(part, tuple):
                slots.append(part)
                out.append(f"({_slot(kind, *part, channel, unit)})")
            else:
                out.append("(?:" + "|".join(expression(option) for option in part) + ")")
        return "".join(out)

    told = expression(made.parts) + "[.,; ]*"
    needs = tuple(word for part in made.parts if isinstance(part, str) for word in _WORD.findall(part.lower()))
    return _Form(key, told, tuple(slots), needs, sum(c.isalpha() for c in re.sub(r"\{.*?\}", "", made.source)))


def _literal(text: str) -> str:
    # `grammar.sentence` makes "a" to "an", and one space of several
    escaped = re.escape(text).replace(r"\ ", " ")
    return re.sub(r"\b([Aa])(?= |$)", r"\1n?", escaped).replace(" ", " ?")


def _slot(kind: str, name: str, form: str, channel: str, unit: str) -> str:
    if name in NAMES:
        return channel
    if name == "cls":
        return r"[a-z]+"
    if name in SHARES or (kind == "limit" and name == "at"):
        return r"\d+(?:\.\d)? ?%"
    if name in TIMES:
        return _RELATIVE if form == "rel" else _EXACT if form == "note" else f"{_RELATIVE}|{_EXACT}"
    if name == "span":
        return f"from (?:{_EXACT}) to (?:{_EXACT})|around (?:{_EXACT})"
    if name in DURATIONS:
        return _DURATION
    if name in COUNTS:
        counted = "|".join(ORDINALS if form == "nth" else (*COUNT_WORDS, r"\d+"))
        return f"(?:{counted}) spells?" if form.endswith("spells") else counted
    if name in HOURS:
        return r"\d\d:00"
    if name == "degrees":
        return r"\d+ degrees"
    return _VALUE if name in RATIOS or form == "raw" else _VALUE + unit
