"""Texts by people with one word turned round: a small table of opposites, numbers, and names of channels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random

from tracets.data.captions.slots import names

WORD_SWAPS = ("direction", "position", "level", "volatility", "channel")

# Written both ways round; a word stands on the left once only.
_BOTH: Mapping[str, str] = {
    "direction": "rise/fall rises/falls rising/falling rose/fell risen/fallen increase/decrease increases/decreases "
    "increased/decreased increasing/decreasing increasingly/decreasingly upward/downward upwards/downwards "
    "ascending/descending warming/cooling warmer/colder warms/cools warmed/cooled growth/decline grows/declines "
    "growing/declining grew/declined strengthening/weakening strengthens/weakens strengthened/weakened climb/drop "
    "climbs/drops climbed/dropped climbing/dropping going_up/going_down goes_up/goes_down went_up/went_down "
    "step_up/step_down steps_up/steps_down jump/plunge jumps/plunges uptrend/downtrend improving/worsening",
    "position": "beginning/end start/finish early/late earlier/later earliest/latest first/last morning/evening "
    "dawn/dusk sunrise/sunset initially/finally opening/closing",
    "level": "high/low higher/lower highest/lowest highs/lows above/below warm/cold warmest/coldest strong/light "
    "stronger/lighter strongest/lightest large/small larger/smaller largest/smallest maximum/minimum max/min "
    "humid/dry heavy/slight more/less peak/trough peaks/troughs",
    "volatility": "steady/volatile steadily/erratically stable/fluctuating smooth/erratic smoothly/abruptly "
    "gradual/abrupt gradually/suddenly constant/variable calm/turbulent calmer/rougher calmest/roughest "
    "settled/unsettled consistent/inconsistent stability/volatility quiet/restless stabilizes/fluctuates",
}  # fmt: skip
# More words, one way only.
_ONE_WAY: Mapping[str, str] = {
    "direction": "decline/rise drop/rise dropping/rising cooler/warmer",
    "position": "end/beginning beginnings/ends onset/end afternoon/morning night/afternoon overnight/at_noon",
    "level": "hot/cold cool/hot wet/dry weak/strong weaker/stronger mild/harsh freezing/hot",
    "volatility": "jumpy/smooth noisy/smooth unstable/stable variable/steady changeable/steady sharp/gentle "
    "sharply/gently",
}  # fmt: skip
_UNITS = (
    r"°\s?[CF]|degC|degrees?|hPa|mbar|kPa|bar|%|percent|mm|cm|inch(?:es)?|m/s|km/h|mph|knots|km|miles?|[kMG]?Wh?|µg/m³|"
    r"ug/m3|ppm|ppb|V|A|Hz|bpm"
)
# A count ("3 spells"), a day or a clock time is no level.
_NUMBER = re.compile(rf"(?<![\w.:])[-−]?\d+\.\d+(?![\w:]|\.\d)|(?<![\w.:])[-−]?\d+(?=\s?(?:{_UNITS})(?!\w))")


def swap_word(text: str, kind: str, rng: Random, *, channels: Sequence[str] = ()) -> str | None:
    """Turn one thing of a text into its opposite; None where the text holds nothing of that kind.

    Parameters
    ----------
    text : str
        Any text in English.
    kind : str
        One of `WORD_SWAPS`. "level" turns a word, or halves or doubles a number with decimals or a unit; "channel"
        exchanges the names of two channels wherever they stand; the rest turn one word.
    rng : Random
        Draws which.
    channels : sequence of str
        Names for "channel"; looked for as they are and as words ("wind_speed", "wind speed").

    Examples
    --------
    >>> swap_word("Temperature rises at first.", "direction", Random(0))
    'Temperature falls at first.'
    >>> swap_word("An erratic load", "volatility", Random(0)), swap_word("The load", "level", Random(0))
    ('A smooth load', None)
    """
    if kind == "channel":
        return _exchange(text, channels, rng)
    pattern, opposites = _table(kind)
    turns: list[tuple[int, int, str]] = []
    # "From start to end" turned at one side says nothing false.
    pairs = [m.span() for m in re.finditer(rf"{pattern.pattern} to {pattern.pattern}", text, re.IGNORECASE)]
    for match in pattern.finditer(text):
        if kind != "position" or not any(begin <= match.start() < end for begin, end in pairs):
            turns.append((*match.span(), _like(match[0], opposites[match[0].lower()])))
    if kind == "level":
        for match in _NUMBER.finditer(text):
            if float(match[0].replace("−", "-")):
                is_share = re.match(r"\s?(%|percent)", text[match.end() :]) is not None
                turns.append((*match.span(), _other_number(match[0], is_share, rng)))
    if not turns:
        return None
    begin, end, word = rng.choice(turns)
    return _with_article(text[:begin], word) + text[end:]


@cache
def _table(kind: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    opposites: dict[str, str] = {}
    for pair in _ONE_WAY[kind].split():
        one, other = pair.replace("_", " ").split("/")
        opposites[one] = other
    for pair in _BOTH[kind].split():
        one, other = pair.replace("_", " ").split("/")
        opposites[one] = other
        opposites.setdefault(other, one)
    longest = sorted(opposites, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(longest)})(?![\w-])", re.IGNORECASE), opposites


def _like(word: str, other: str) -> str:
    """`other` in the case of `word`: lower, Capital or ALL CAPITALS."""
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[0].upper() + other[1:] if word[0].isupper() else other


def _with_article(before: str, word: str) -> str:
    """The text before a word and the word, with "a" or "an" as the word asks for."""
    match = re.search(r"\b([Aa])n? $", before)
    if match is None or word[0].isdigit():
        return before + word
    article = match[1] + ("n " if word[0].lower() in "aeiou" else " ")
    return before[: match.start()] + article + word


def _other_number(text: str, is_share: bool, rng: Random) -> str:
    """Half or twice a number, in as many decimals; no share passes 100 %."""
    value, decimals = float(text.replace("−", "-")), len(text.partition(".")[2])
    factor = 0.5 if is_share and value > 50 else rng.choice((0.5, 2.0))
    other = f"{value * factor:.{decimals}f}"
    return other if float(other) != value else f"{value + 10.0**-decimals * 2:.{decimals}f}"


def _exchange(text: str, channels: Sequence[str], rng: Random) -> str | None:
    spellings = {form.lower(): name for name in channels for form in (names(name)[0], name)}
    if not spellings:
        return None
    # The longest first: "wind speed" is no mention of "wind".
    forms = "|".join(re.escape(form) for form in sorted(spellings, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?:{forms})(?![\w-])", re.IGNORECASE)
    mentioned = sorted({spellings[match[0].lower()] for match in pattern.finditer(text)})
    if len(mentioned) < 2:
        return None
    one, two = rng.sample(mentioned, 2)
    other = {one: two, two: one}

    def turn(match: re.Match[str]) -> str:
        name = spellings[match[0].lower()]
        if name not in other:
            return match[0]
        if match[0] == name:
            return other[name]
        spoken = names(other[name])[0]
        return spoken if match[0].isupper() else _like(match[0], spoken)

    return pattern.sub(turn, text)
