"""From a report to sentences, and from a sentence to words and numbers.

A frozen sentence encoder reads "-10.1 °C" and "10.1 °C" nearly alike. Here every number is taken out of the words (a 0
stands in its place) and given back as a value, so that the words say what is meant and the value how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.types import FloatArray

MAX_WORDS = 60
"""A longer sentence is cut at this many words into several; nothing is dropped."""

_BREAK = re.compile(r"(?<=[.!?;])\s+|\s*\n+\s*")
_NUMBER = re.compile(
    r"(?<![\w.,])[-+\u2212]?(?>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)"  # a number, whole or not at all
    r"(?!(?![kcm]?m[23]\b)\w*\d)(?!:\d)"  # that is no part of a code ("3f2") or a time; "m3" is a unit
    r"|(?<![\w.:])(\d{1,2}):(\d{2})\b"
)
_MAGNITUDE = re.compile(r"(?i:\s?(thousand|million|billion|trillion)s?\b)|\s?(mn|bn|tn)\b")
_FACTORS = {"thousand": 1e3, "million": 1e6, "mn": 1e6, "billion": 1e9, "bn": 1e9, "trillion": 1e12, "tn": 1e12}


@dataclass(frozen=True)
class Sentence:
    """A sentence with 0 for every number, the place of each 0, and the numbers themselves (clock times in hours, "16.6
    billion" as 16,600,000,000)."""

    words: str
    places: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


def split_sentences(text: str) -> list[str]:
    """Cut a text after ".", "!", "?", ";" and at line ends; at least one piece, none empty, nothing dropped.

    >>> split_sentences("Low of 10.1 °C. Dry; calm")
    ['Low of 10.1 °C.', 'Dry;', 'calm']
    """
    pieces = []
    for piece in _BREAK.split(text.strip()):
        words = piece.split()
        pieces += [" ".join(words[i : i + MAX_WORDS]) for i in range(0, len(words), MAX_WORDS)]
    return pieces or [""]


def read_numbers(sentence: str) -> Sentence:
    """Take the numbers out of a sentence.

    >>> read_numbers("a low of -10.1 °C around 15:30")
    Sentence(words='a low of 0 °C around 0:00', places=(9, 21), values=(-10.1, 15.5))
    """
    words, places, values, last = "", [], [], 0
    for match in _NUMBER.finditer(sentence):
        words += sentence[last : match.start()]
        places.append(len(words))
        if match.group(1) is not None:
            values.append(int(match.group(1)) + int(match.group(2)) / 60)
            words += "0:00"
        else:
            value = float(match.group(0).replace(",", "").replace("\u2212", "-"))
            values.append(value * magnitude(sentence, match.end()))
            words += "0"
        last = match.end()
    return Sentence(words + sentence[last:], tuple(places), tuple(values))


def numbers_at(sentence: Sentence, spans: NDArray[np.int64]) -> FloatArray:
    """The number at each token (n_tokens,), NaN = none; spans (n_tokens, 2) say where each token begins and ends."""
    numbers = np.full(len(spans), np.nan, np.float32)
    for place, value in zip(sentence.places, sentence.values, strict=True):
        # marks such as [CLS] span nothing, from 0 to 0: they are no token of a number at the start
        at = np.flatnonzero((spans[:, 0] <= place) & (place < spans[:, 1]))
        if len(at):
            numbers[int(at[0])] = value
    return numbers


def by_length(texts: Iterable[str]) -> list[str]:
    """Texts of like length together, in an order of their own.

    Company in a batch moves the last bits of a state: in the order of a set, which changes from process to process, a
    training would be no function of its seed.
    """
    return sorted(texts, key=lambda text: (len(text), text))


def magnitude(text: str, at: int = 0) -> float:
    """What the word at a place multiplies a number by: 1e6 for "million", 1 where there is no such word.

    >>> magnitude("16.6 billion", 4), magnitude("million USD"), magnitude("MW")
    (1000000000.0, 1000000.0, 1.0)
    """
    found = _MAGNITUDE.match(text, at)
    return _FACTORS[(found.group(1) or found.group(2)).lower()] if found else 1.0
