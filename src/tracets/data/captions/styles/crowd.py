"""Short plain phrases on the shape of a curve, without numbers, the way crowd workers write them."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.grammar import Template, template
from tracets.data.captions.phrased import Phrased, Sentence
from tracets.data.captions.slots import names

PLACES = {
    "start": (
        "[at|in|near] the [beginning|start]",
        "early on",
        "at first",
        "close to the start",
        "in the first half",
        "in the first part",
        "at the [left|very left|front]",
        "initially",
    ),
    "before": (
        "before the middle",
        "in the first half",
        "after the [beginning|start]",
        "[shortly |]before halfway",
        "after the initial period",
    ),
    "middle": (
        "in the middle",
        "in the [middle|center|middle part|middle section]",
        "[around|near|at] the middle",
        "midway[ through|]",
        "halfway[ through|]",
        "about half way",
    ),
    "past": ("[after|past] the middle", "in the second half", "later on", "before the end", "after halfway"),
    "end": (
        "[at|in|near] the end",
        "[towards|toward|close to] the end",
        "[at|near] the [tail end|very end|finish]",
        "in the [last|final] part",
        "in the second half",
        "late",
        "on the right",
    ),
    "throughout": (
        "throughout",
        "all the way",
        "the whole time",
        "over time",
        "from start to [end|finish]",
        "through[out|] the whole [graph|plot|chart|period]",
        "all throughout[ the plot|]",
        "overall",
    ),
}
ADVERBS = {
    "sharp": "[sharply|suddenly|quickly|rapidly|steeply|dramatically|fast|abruptly|drastically|a lot]",
    "steady": "[steadily|consistently|evenly|linearly|at a [fixed|steady|constant] rate|in a straight line]",
    "gradual": "[gradually|slowly|bit by bit|little by little]",
    "slight": "[slightly|a little|a bit|somewhat]",
}
# Adverbs that may stand before the verb.
_BEFORE = {
    "sharp": "[sharply|suddenly|quickly|rapidly|steeply|dramatically|abruptly]",
    "steady": "[steadily|consistently|evenly]",
    "gradual": "[gradually|slowly]",
    "slight": "slightly",
}
ADJECTIVES = {
    "sharp": "[sharp|sudden|quick|rapid|steep|dramatic|big|large|hard|abrupt|huge]",
    "steady": "[steady|consistent|linear|constant|even|straight]",
    "gradual": "[gradual|slow|slow and steady]",
    "slight": "[slight|small|little|minor]",
}
RISE = {
    "v": "[rises|increases|climbs|goes up|grows|ascends|inclines|moves up|goes higher|trends up]",
    "n": "[rise|increase|climb|incline|growth|upward trend|ascent|upswing|jump]",
    "slow": "[rise|increase|climb|incline|growth|upward trend|ascent]",
    "short": "[rises|increases|climbs|goes up]",
    "fast": "[shoots up|jumps[ up|]|surges|leaps|soars|spikes up|rockets]",
}
FALL = {
    "v": "[falls|drops|decreases|declines|goes down|descends|moves down|goes lower|trends down|sinks]",
    "n": "[fall|drop|decrease|decline|downward trend|descent|reduction|dip]",
    "slow": "[fall|drop|decrease|decline|downward trend|descent]",
    "short": "[falls|drops|decreases|goes down|declines]",
    "fast": "[plunges|plummets|dives|crashes|drops off|tumbles|nosedives]",
}
WAYS = {"rise": RISE, "fall": FALL}
STAY = "[stays|remains|is|keeps|holds]"
FLAT = "[flat|level|stable|constant|steady|unchanged|about the same|even]"

PHRASES: dict[str, tuple[str, ...]] = {
    "missing": ("[no data|nothing to see|empty|no values|all missing|blank]",),
    "constant": (
        "[flat|constant|level|unchanging|stable] [throughout|the whole time|all the way|from start to finish]",
        "[straight|flat|horizontal] line",
        "[does not|doesn't] [change|move][ at all|]",
        "[stays|remains] the same[ throughout|]",
    ),
    "constant/nearly": (
        "[fairly|mostly|almost|nearly|relatively] [flat|constant|level|steady|stable][ throughout|]",
        "[small|slight|minor] ups and downs",
        "[stays|remains] [about|roughly|nearly] the same[ throughout|]",
        "wiggles a [bit|little][ but stays level|]",
        "no [big|large] changes",
    ),
    "flat": (
        "[fairly |mostly |almost |nearly |relatively |]" + FLAT + " {at}",
        "[" + STAY + "|" + STAY + " [fairly|mostly|almost|nearly|relatively]] " + FLAT + " {at}",
        "[not much change|little change|no big changes] {at}",
        "[plateau|flat line|flat stretch] {at}",
        "[does not|doesn't] change much {at}",
    ),
    "flat/high": (STAY + " high {at}", "high[ and [flat|stable|level]|] {at}", "high plateau {at}", "plateaus {at}"),
    "flat/low": (STAY + " low {at}", "low[ and [flat|stable|level]|] {at}", "[flat and low|low and flat] {at}"),
    "mostly": (
        "[fairly|mostly] " + FLAT + " for most of [it|the time|the plot|the graph]",
        STAY + " " + FLAT + " for [most of the time|over half of it|more than half|the most part]",
    ),
    "mostly/low": (STAY + " low [for most of it|most of the time|for the most part]", "mostly low"),
    "mostly/high": (STAY + " high [for most of it|most of the time|for the most part]", "mostly high"),
    "ends/up": (
        "ends [higher|up higher] than it [starts|started|began]",
        "[higher|greater] at the end than at the start",
        "finishes above where it [starts|started]",
        "starts lower than it ends",
        "[goes|ends] up overall",
    ),
    "ends/down": (
        "ends [lower|up lower] than it [starts|started|began]",
        "[lower|smaller] at the end than at the start",
        "finishes below where it [starts|started]",
        "starts higher than it ends",
        "[goes|ends] down overall",
    ),
    "ends/same": (
        "[ends|finishes] [about |roughly |]where it [starts|started|began]",
        "starts and ends at [about|roughly] the same [level|height|value]",
        "comes back to where it [started|began]",
    ),
    "halves/up": (
        "higher in the second half",
        "lower in the first half",
        "second half is higher[ than the first|]",
        "[bigger|larger] values in the second half",
    ),
    "halves/down": (
        "lower in the second half",
        "higher in the first half",
        "second half is lower[ than the first|]",
        "[bigger|larger] values in the first half",
    ),
    "hump/peak": (
        "[peak|hump|bump|hill|high point|climax|mountain] {at}",
        "[peaks|climaxes|tops out] {at}",
        "[has|shows|there is] a [peak|hump|bump|hill] {at}",
        "[rises|goes up|climbs] and then [falls|drops|goes down] {at}",
        "[reaches|hits] a [peak|high|maximum] {at}",
        "up and then down {at}",
    ),
    "hump/peak/big": (
        "[big|large|sharp|tall|major|high|huge|clear] [peak|hump|bump|spike] {at}",
        "peaks [sharply|strongly|high] {at}",
    ),
    "hump/peak/small": ("[small|slight|minor|little] [peak|hump|bump] {at}", "peaks [slightly|a little] {at}"),
    "hump/dip": (
        "[dip|trough|valley|low point|drop|hollow] {at}",
        "[dips|troughs|bottoms out|sags] {at}",
        "[has|shows|there is] a [dip|trough|valley] {at}",
        "dips {at} and [then |]recovers",
        "[falls|drops|goes down] and then [rises|goes up|comes back] {at}",
        "down and then up {at}",
    ),
    "hump/dip/big": (
        "[big|large|sharp|deep|major|hard|huge|clear] [dip|trough|valley] {at}",
        "dips [sharply|strongly|hard] {at}",
    ),
    "hump/dip/small": ("[small|slight|minor|little] [dip|trough] {at}", "dips [slightly|a little] {at}"),
    "extreme/high": (
        "[highest|maximum|largest|top] [value|point] [is |]{at}",
        "[is |]highest {at}",
        "[is |]at its highest {at}",
        "[reaches|achieves|hits] its [highest|maximum|top] [level|value|point] {at}",
        "maximum {at}",
    ),
    "extreme/low": (
        "[lowest|minimum|smallest] [value|point] [is |]{at}",
        "[is |]lowest {at}",
        "[is |]at its lowest {at}",
        "[reaches|hits] its [lowest|minimum] [level|value|point] {at}",
        "minimum {at}",
    ),
    "wiggle/many": (
        "[zigzags|zig zags|goes up and down|jumps around|fluctuates|oscillates|wavers|bounces up and down]"
        "[ a lot| throughout| repeatedly| the whole time|]",
        "[lots of|many|several|repeated] ups and downs",
        "[many|several|multiple] [peaks and valleys|highs and lows|peaks and dips]",
        "[wavy|jagged|zigzag|choppy]",
    ),
    "wiggle/some": (
        "[a few|several|some] ups and downs",
        "goes up and down [a few|several] times",
        "[changes|turns] direction [a few|several] times",
        "[wavy|fluctuates|goes up and down]",
    ),
    "spike/up": (
        "[flat|level|constant|steady|stable] [with|apart from|except for] [one|a|a single] [spike|peak|jump] {at}",
        "[fairly|mostly] [constant|flat|steady] with [one|a] [sharp|sudden|big|brief|] spike {at}",
        "[single|one|sudden|sharp|brief|lone] [spike|peak] {at}",
        "spikes [once |suddenly |]{at}",
    ),
    "spike/down": (
        "[flat|level|constant|steady|stable] [with|apart from|except for] [one|a|a single] [dip|drop] {at}",
        "[fairly|mostly] [constant|flat|steady] with [one|a] [sharp|sudden|big|brief|] [dip|drop] {at}",
        "[single|one|sudden|sharp|brief|lone] [dip|drop] {at}",
        "dips [once |suddenly |]{at}",
    ),
    "move": (
        "{v} {at}",
        "{v}[ {how}|] {at}",
        "{v} {how} {at}",
        "{pre} {v} {at}",
        "{adj} {n} {at}",
        "{adj} {n} {at}",
        "{n} {at}",
        "{v} {how}",
        "[shows|has|there is] a {adj} {n} {at}",
    ),
    "move/sharp": ("{fast} {at}",),
    "move/throughout": (
        "{v} {how} {at}",
        "{adj} {n} {at}",
        "{pre} {v} {at}",
        "{adj} {n}",
        "{v} {how}",
        "{pre} {v}",
        "{v} {at}",
        "[it |]just {v}",
    ),
}
JOINTS = ("{a}, then {b}", "{a} and then {b}", "{a} then {b}", "{a}, after that it {b}", "{a} before it {b}")
_ORDER = {
    "rise": "[rises|increases|climbs|goes up]",
    "fall": "[falls|drops|decreases|goes down|declines]",
    "flat": "[stays|remains] [flat|level|steady|stable|constant|the same]",
    "flat_after": "[levels off|flattens[ out|]|plateaus|stays flat|remains level|stabilizes]",
    "rise_after": "[rises|goes up|climbs|recovers|comes back up]",
    "fall_after": "[falls|drops|goes down|comes back down]",
}


@lru_cache(maxsize=4096)
def _compiled(source: str) -> Template:
    return template(source)


def crowd_texts(window: WindowFacts, rng: Random) -> Phrased:
    """Two or three phrases a channel; names come in front where there is more than one channel."""
    sign, large, stop = rng.choice(("; ", "; ", ". ", ", ")), rng.random() < 0.5, rng.random() < 0.4
    several = len(window.channels) > 1
    channels = []
    for view in window.channels:
        count = rng.choice((2, 3, 3)) if not several else rng.choice((1, 2, 2))
        channels.append(Sentence(*_joined(view, window.of(view.name), count, several, rng, sign, large, stop)))
    return Phrased(tuple(channels), tuple((c,) for c in channels))


def _joined(
    view: ChannelView, facts: tuple[Fact, ...], count: int, named: bool, rng: Random, sign: str, large: bool, stop: bool
) -> tuple[str, tuple[Fact, ...]]:
    told = sorted(facts, key=lambda f: -(rng.random() ** (1 / f.salience)))
    # Workers see the same thing: one fact may be told by two of them.
    chosen = [told[0] if rng.random() < 0.25 or i >= len(told) else told[i] for i in range(count)]
    texts = dict.fromkeys(say(fact, rng) for fact in chosen)
    said = sign.join(t[0].upper() + t[1:] if large or sign == ". " else t for t in texts)
    if named:
        said = f"{names(view.name)[0]}: {said}"
    return said + ("." if stop or named or sign == ". " else ""), tuple({id(f): f for f in chosen}.values())


def say(fact: Fact, rng: Random) -> str:
    """One surface form of a shape fact."""
    if fact.kind == "order":
        return _order(fact.variant.split(">"), rng)
    head, _, tail = fact.variant.partition(":")
    where, _, manner = tail.partition(":")
    keys = [fact.kind, f"{fact.kind}/{head}"]
    if fact.kind == "hump":
        keys.append(f"{fact.kind}/{head}/{'big' if fact.numbers['height_share'] >= 0.6 else 'small'}")
        keys = keys[:-1] if 0.35 < fact.numbers["height_share"] < 0.6 else keys
    how = [m for m in manner.split("+") if m]
    if fact.kind == "move":
        keys = ["move/throughout"] if where == "throughout" else ["move"]
        keys += ["move/sharp"] if "sharp" in how and where != "throughout" else []
    if fact.variant == "nearly":
        keys = keys[1:]
    options = [source for key in keys for source in PHRASES.get(key, ())]
    picked = how[int(rng.random() * len(how))] if how else ""

    def slot(name: str, _: str) -> str:
        if name == "at":
            return _draw(rng.choice(PLACES[where]), rng)
        if name == "how":
            return _draw(ADVERBS[picked], rng) if picked else ""
        if name == "pre":
            return _draw(_BEFORE[picked], rng) if picked else ""
        if name == "adj":
            return _draw(ADJECTIVES[picked], rng) if picked else ""
        key = "slow" if name == "n" and picked in ("gradual", "steady", "slight") else name
        return _draw(WAYS[head][key], rng)

    return _tidy(_compiled(rng.choice(options)).render(rng, slot))


def _order(ways: list[str], rng: Random) -> str:
    out = _draw(_ORDER[ways[0]], rng)
    for i, way in enumerate(ways[1:]):
        again = way in ("rise", "fall") and i and ways[i - 1] == way
        key = f"{way}_after" if way == "flat" or (i == 0 and ways[0] != "flat" and way != "flat") else way
        said = _draw(_ORDER[key], rng) + (" again" if again else "")
        frame = rng.choice(JOINTS[:3]) if i else rng.choice(JOINTS)
        out = frame.replace("{a}", out).replace("{b}", said)
    return out


def _draw(source: str, rng: Random) -> str:
    return _compiled(source).render(rng, lambda name, form: "")


def _tidy(text: str) -> str:
    return " ".join(text.split()).replace(" a a", " an a").replace(" a e", " an e").replace(" a i", " an i")
