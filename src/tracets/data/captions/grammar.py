"""Templates with choices: "[rises|climbs] to {high}[, its peak|]" compiled once, drawn by a seeded generator.

`[a|b|]` is a choice (they nest; an empty option drops the words), `{slot}` or `{slot:form}` a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Part = str | tuple[str, str] | list["Parts"]
Parts = tuple[Part, ...]
# "a increase" -> "an increase"; a "u" or "one" may sound like a consonant and is left alone, and so are amperes.
_VOWEL = re.compile(r"(?<!\d )\b([Aa]) (?=[aeio](?!ne\b))")
_TOKEN = re.compile(r"[\[\]|]|\{[^}]*\}|[^\[\]|{}]+")


@dataclass(frozen=True)
class Template:
    """A compiled template. `slots` are the names it needs, without their forms."""

    source: str
    parts: Parts
    slots: frozenset[str]

    def render(self, rng: Random, slot: Callable[[str, str], str]) -> str:
        """Draw one surface form; `slot(name, form)` gives the text of a value."""
        out: list[str] = []
        _draw(self.parts, rng, slot, out)
        return "".join(out)

    def forms(self) -> int:
        """How many surface forms it has, each value counted as one.

        >>> template("[a|b] {x}[ c|]").forms()
        4
        """
        return _count(self.parts)


def template(source: str) -> Template:
    """Compile a template; a bracket left open or closed too often is our own slip."""
    tokens = _TOKEN.findall(source)
    parts, rest = _parse(tokens, 0, 0)
    assert rest == len(tokens), f"unbalanced brackets in {source!r}"
    slots = frozenset(t[1:-1].partition(":")[0] for t in tokens if t.startswith("{"))
    return Template(source, parts, slots)


def _parse(tokens: list[str], at: int, depth: int) -> tuple[Parts, int]:
    parts: list[Part] = []
    while at < len(tokens):
        token = tokens[at]
        if token == "[":
            options = []
            while tokens[at] != "]":
                option, at = _parse(tokens, at + 1, depth + 1)
                options.append(option)
            parts.append(options)
        elif token in "|]":
            assert depth, f"'{token}' outside a choice"
            return tuple(parts), at
        elif token.startswith("{"):
            name, _, form = token[1:-1].partition(":")
            parts.append((name, form))
        else:
            parts.append(token)
        at += 1
    assert not depth, "a choice is not closed"
    return tuple(parts), at


def _draw(parts: Parts, rng: Random, slot: Callable[[str, str], str], out: list[str]) -> None:
    for part in parts:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, tuple):
            out.append(slot(*part))
        else:
            _draw(part[int(rng.random() * len(part))], rng, slot, out)


def _count(parts: Parts) -> int:
    total = 1
    for part in parts:
        if isinstance(part, list):
            total *= sum(_count(option) for option in part)
    return total


def sentence(text: str) -> str:
    """One clean sentence: single spaces, first letter large where it is an ordinary word, one period at the end.

    >>> sentence("pressure  peaks"), sentence("pH is 7.1"), sentence("CO2 rises.")
    ('Pressure peaks.', 'pH is 7.1.', 'CO2 rises.')
    >>> sentence("a increase in load"), sentence("current of 165 A on average")
    ('An increase in load.', 'Current of 165 A on average.')
    """
    text = _VOWEL.sub(r"\1n ", " ".join(text.split()).rstrip(".,; "))
    first = text.split(" ", 1)[0]
    if first.rstrip(",:;").replace("-", "").replace("'", "").isalpha() and first == first.lower():
        text = text[0].upper() + text[1:]
    return text + "."
