"""How a block of a window is told without numbers. Slots: {n} the channel, {b} its bare name, {at}, {from} and {to} the
classes or compass points on the whole, at first and at last, {breeze} a Beaufort name."""

from __future__ import annotations

from collections.abc import Callable

UP = "[increase|rise|climb|go up]"
DOWN = "[decrease|fall|drop|decline|go down]"
_WAYS = {
    "up": {
        "ing": "[increasing|rising|climbing|going up]",
        "s": "[increases|rises|climbs|goes up]",
        "noun": "[increase|rise|upward trend]",
        "inf": UP,
        "was": "[increased|rose|climbed]",
    },
    "down": {
        "ing": "[decreasing|falling|dropping|declining]",
        "s": "[decreases|falls|drops|declines]",
        "noun": "[decrease|drop|decline|downward trend]",
        "inf": DOWN,
        "was": "[decreased|fell|dropped|declined]",
    },
}
_DEGREES = {
    1: ("[slightly|gently|marginally|a little|mildly]", "[slight|mild|small|gentle|subtle|minimal|minor]"),
    2: ("[gradually|steadily|noticeably|]", "[gradual|steady|noticeable|moderate|clear]"),
    3: ("[sharply|significantly|strongly|considerably|markedly]", "[sharp|significant|strong|marked|considerable]"),
}


def _directed(way: str, degree: int, when: str) -> tuple[str, ...]:
    w, (adverb, adjective) = _WAYS[way], _DEGREES[degree]
    tail = {
        "": "",
        "early": " [before stabilizing|at first, then stabilizes|early on before levelling off|initially, then holds]",
        "late": " [towards the end|later on|late in the period|after holding steady at first]",
    }[when]
    if tail:
        return (
            f"{{N}} {w['s']} {adverb}{tail}",
            f"{{N}} will {w['inf']} {adverb}{tail}",
            f"{{N}} shows a {adjective} {w['noun']}"
            + (
                " [before stabilizing|at first|early on|initially]"
                if when == "early"
                else " [towards the end|later on|late in the period]"
            ),
            f"{{N}} is expected to {w['inf']} {adverb}{tail}",
        )
    return (
        f"{{N}} is {adverb} {w['ing']}",
        f"{{N}} is showing a {adjective} {w['noun']}",
        f"{{N}} {w['s']} {adverb}",
        f"{{N}} shows a {adjective} {w['noun']}",
        f"{{N}} will {adverb} {w['inf']}",
        f"{{N}} {adverb} {w['s']}",
        f"{{N}} is expected to {w['inf']} {adverb}",
        f"{{N}} sees a {adjective} {w['noun']}",
        f"{{N}} {w['was']} {adverb}",
        f"There is a {adjective} {w['noun']} in {{n}}",
        f"A {adjective} {w['noun']} in {{n}} [is seen|is observed|is visible|]",
        f"{{N}} [experiences|undergoes|exhibits] a {adjective} {w['noun']}",
        f"{{N}} continues to {w['inf']} {adverb}" if degree < 3 else f"{{N}} {w['s']} {adverb}",
    )


TRENDS: dict[str, tuple[str, ...]] = {
    f"{way}-{degree}" + (f"-{when}" if when else ""): _directed(way, degree, when)
    for way in ("up", "down")
    for degree in (1, 2, 3)
    for when in ("", "early", "late")
} | {
    "steady": (
        "{N} [remains|stays|is] [stable|steady|fairly stable|constant|mostly constant|relatively stable|unchanged]",
        "{N} [holds steady|is holding steady|hardly changes|shows little change|barely moves]",
        "{N} will [stay|remain] [steady|mostly constant|stable|relatively stable]",
        "{N} is expected to remain [stable|steady|constant]",
        "[There is little change|Little change] in {n}",
        "{N} [remained|stayed] [stable|steady|flat]",
    ),
    "none": (
        "{N} [remains|stays|is] [constant|unchanged|the same]",
        "{N} [does not change|shows no change|holds one value]",
    ),
    "rough": (
        "{N} [fluctuates|varies|wavers] [slightly|a little|without a clear trend|around the same level]",
        "{N} is [fluctuating slightly|fluctuating|variable|unsettled]",
        "{N} shows [slight|minor|small|some] [fluctuations|variations]",
        "{N} will fluctuate[ slightly| around the same level|]",
        "{N} goes up and down without a clear [direction|trend]",
    ),
    "rise_fall": (
        "{N} [rises|increases|climbs] [at first|initially] [and then|before it] [falls|drops|decreases][ again|]",
        "{N} first rises[,|] then falls",
        "{N} [peaks|reaches a peak] [partway through|in between] and then [falls|declines]",
        "{N} will rise [at first|initially] before [falling|decreasing|dropping]",
        "{N} increases, then decreases",
    ),
    "fall_rise": (
        "{N} [falls|drops|decreases|dips] [at first|initially] [and then|before it] [rises|recovers|increases]",
        "{N} first falls[,|] then rises",
        "{N} [dips|reaches a low] [partway through|in between] and then [recovers|rises]",
        "{N} will [drop|fall] [at first|initially] before [rising|recovering|increasing]",
        "{N} decreases, then increases",
    ),
}

ADJECTIVES: dict[str, dict[str, tuple[str, ...]]] = {
    "temperature": {
        "bitter": ("bitterly cold", "frigid"),
        "freezing": ("freezing", "below freezing", "frosty"),
        "cold": ("cold", "chilly"),
        "cool": ("cool",),
        "mild": ("mild",),
        "warm": ("warm",),
        "hot": ("hot",),
        "very hot": ("very hot", "scorching"),
    },
    "humidity": {
        "very dry": ("very dry",),
        "dry": ("dry", "fairly dry"),
        "average": ("average", "moderate"),
        "moderate": ("moderately humid", "slightly humid", "fairly humid"),
        "humid": ("humid", "quite humid"),
        "very humid": ("very humid", "extremely humid"),
    },
    "pressure": {k: (k,) for k in ("very low", "low", "average", "high", "very high")},
    "visibility": {
        "fog": ("foggy", "very poor"),
        "poor": ("poor",),
        "moderate": ("moderate", "fair"),
        "good": ("good", "clear"),
    },
    "cloud": {
        "clear": ("clear", "sunny"),
        "few": ("mostly clear", "mostly sunny"),
        "scattered": ("partly cloudy",),
        "broken": ("mostly cloudy",),
        "overcast": ("overcast", "cloudy"),
    },
    "window": {
        "lowest": ("near its lowest", "very low"),
        "low": ("low", "fairly low", "below its middle"),
        "middle": ("around the middle of its range", "medium", "moderate"),
        "high": ("high", "fairly high", "above its middle"),
        "highest": ("near its highest", "very high"),
    },
}
BREEZES = {
    "calm": "calm",
    "light air": "light air",
    "light breeze": "light breeze",
    "gentle breeze": "gentle breeze",
    "moderate breeze": "moderate breeze",
    "fresh breeze": "fresh breeze",
    "strong breeze": "strong breeze",
    "near gale": "[near gale|moderate gale]",
    "gale": "gale",
    "storm": "storm",
}
_AIR = "[The air is|The air feels|It is|Conditions are|The air will be]"


def _adjectives(quantity: str, *frames: str) -> dict[str, tuple[str, ...]]:
    return {k: tuple(f.replace("%", f"[{'|'.join(v)}]") for f in frames) for k, v in ADJECTIVES[quantity].items()}


LEVELS: dict[str, dict[str, tuple[str, ...]]] = {
    "temperature": _adjectives(
        "temperature",
        "It is %",
        "It feels %",
        "{N} is %",
        "The weather is %",
        "Conditions are %",
        "The air is %",
        "It stays %",
    ),
    "humidity": {
        "very dry": (_AIR + " very dry", "{N} is very low", "The humidity levels are very low"),
        "dry": (
            _AIR + " [dry|fairly dry|quite dry]",
            "{N} is low",
            "{N} is below average",
            "The humidity levels are low",
        ),
        "average": (
            "{N} is [average|moderate]",
            "{N} is at an average level",
            "The air has an average humidity",
            "The air is neither dry nor humid",
            "The humidity levels are [moderate|average]",
        ),
        "moderate": (
            _AIR + " [moderately humid|fairly humid|slightly humid]",
            "{N} is [moderately high|slightly high|fairly high]",
            "The humidity levels are moderately high",
        ),
        "humid": (_AIR + " [humid|quite humid]", "{N} is [high|quite high]", "The humidity levels are high"),
        "very humid": (
            _AIR + " [very humid|extremely humid]",
            "{N} is [very high|extremely high]",
            "The humidity levels are very high",
        ),
    },
    "pressure": _adjectives(
        "pressure", "{N} is %", "{N} is %", "{N} remains %", "There is % pressure", "{N} will be %", "{N} reads %"
    ),
    "wind": {
        "calm": ("[There is no wind|It is calm|The air is still|There is hardly any wind|Winds are calm]",),
        **{
            k: (
                "There is a {breeze}",
                "The wind is a {breeze}",
                "A {breeze} [is blowing|blows|]",
                "There will be a {breeze}",
                f"[{adj}]",
            )
            for k, adj in {
                "light air": "There is hardly any wind|The wind is very weak|There is barely a breath of wind",
                "light breeze": "Winds are light|The wind is weak",
                "gentle breeze": "The wind is gentle|Winds are gentle",
                "moderate breeze": "It is breezy|The wind is moderate",
                "fresh breeze": "It is rather windy|Winds are fresh",
                "strong breeze": "It is windy|The wind is strong",
                "near gale": "It is very windy|Winds are very strong",
                "gale": "It is stormy|Winds are of gale force",
                "storm": "It is very stormy|Winds reach storm force",
            }.items()
        },
    },
    "visibility": _adjectives("visibility", "{N} is %", "{N} is %", "{N} remains %")
    | {
        "fog": ("It is foggy", "There is fog", "{N} is [very poor|very low]", "Fog [reduces {n}|lies about]"),
        "good": ("{N} is good", "{N} remains good", "The view is clear", "{N} is [clear|high]"),
    },
    "cloud": _adjectives(
        "cloud",
        "The sky is %",
        "The sky is %",
        "The weather is %",
        "It is %",
        "Skies are %",
        "The current weather is %",
    ),
    "rain": {
        "dry": ("It [stays|remains|is] dry", "There is no {b}", "No {b} [falls|is expected|]", "{N} is absent"),
        "light": ("There is [some|a little] [light|] {b}", "Light {b} [falls|is seen|]", "{N} is light"),
        "moderate": ("There is moderate {b}", "{N} is moderate", "Moderate {b} falls"),
        "heavy": ("There is heavy {b}", "{N} is heavy", "Heavy {b} falls", "It is very wet"),
    },
    "window": _adjectives(
        "window", "{N} is %", "{N} is %", "{N} [stays|remains] %", "{N} is %[ for this window| compared with the rest|]"
    ),
}

# Where the class at the end is another one than at first.
RANGES: dict[str, tuple[str, ...]] = {
    "temperature": (
        "It starts {from} and [becomes|turns|ends] {to}",
        "It goes from {from} to {to}",
        "{N} starts {from} and [ends|becomes] {to}",
    ),
    "humidity": (
        "The air starts {from} [and|but] becomes {to}",
        "{N} [goes|changes|shifts] from {from} to {to}",
        "The air is {from} at first[,|] becoming {to}",
        "The air is initially {from}, ending {to}",
    ),
    "pressure": (
        "{N} goes from {from} to {to}",
        "{N} is {from} at first[,|] becoming {to}",
        "{N} shifts from {from} to {to}",
    ),
    "visibility": ("{N} goes from {from} to {to}", "{N} is {from} at first[,|] becoming {to}"),
    "cloud": (
        "The sky goes from {from} to {to}",
        "The weather [shifts|will transition|changes] from {from} to {to}",
        "The sky is {from} at first, becoming {to}",
    ),
    "window": (
        "{N} goes from {from} to {to}",
        "{N} starts {from} and ends {to}",
        "{N} is {from} at first and {to} later",
    ),
}

WIND: dict[str, tuple[str, ...]] = {
    "calm": ("[There is no wind|It is calm|The air is still|There is hardly any wind|Winds are calm]",),
    "steady": (
        "There is [a|] {breeze} [from|coming from] {at}",
        "There is a {breeze} from {at}",
        "A {breeze} [blows|comes] from {at}",
        "Winds come from {at} as a {breeze}",
    ),
    "mostly": (
        "There is a {breeze} mostly from {at}",
        "There is a {breeze} from {at}",
        "A {breeze} blows mainly from {at}",
    ),
    "shift": (
        "There is a {breeze}[,|] [shifting|turning|changing] from {from} to {to}",
        "A {breeze} [shifts|turns] from {from} to {to}",
        "There is a {breeze} from {from}, [shifting|turning] to {to}",
    ),
    "variable": (
        "There is a {breeze} from [variable|changing|varying] directions",
        "There is a {breeze}, variable in direction",
        "A {breeze} blows from changing directions",
    ),
}
DIRECTION: dict[str, tuple[str, ...]] = {
    "steady": (
        "The wind [comes|blows|is] from {at}",
        "{N} is from {at}",
        "Wind from {at}",
        "There is a wind from {at}",
    ),
    "mostly": ("The wind [comes|blows] mostly from {at}", "{N} is mostly from {at}", "The wind is mainly from {at}"),
    "shift": (
        "The wind [shifts|turns|changes|swings] from {from} to {to}",
        "{N} shifts from {from} to {to}",
        "The wind is from {from} at first, then from {to}",
    ),
    "variable": (
        "The wind [is variable|comes from changing directions|changes direction often|has no clear direction]",
        "{N} is variable",
    ),
}
SPELLED = {
    "N": "north",
    "NNE": "north-northeast",
    "NE": "northeast",
    "ENE": "east-northeast",
    "E": "east",
    "ESE": "east-southeast",
    "SE": "southeast",
    "SSE": "south-southeast",
    "S": "south",
    "SSW": "south-southwest",
    "SW": "southwest",
    "WSW": "west-southwest",
    "W": "west",
    "WNW": "west-northwest",
    "NW": "northwest",
    "NNW": "north-northwest",
}
MISSING = (
    "There [is|are] no data for {n}",
    "No data on {n} [is available|was provided|]",
    "Nothing is known about {n}",
    "{N} is not [available|recorded]",
)
_NTH = ("first", "second", "third", "fourth", "fifth", "sixth")

OPENINGS: dict[str, tuple[tuple[str, ...] | Callable[[int], str], ...]] = {
    "third": (
        ("At first, ", "Then ", "By the end, "),
        ("In the first third, ", "In the middle third, ", "In the last third, "),
        ("Early on, ", "Midway through, ", "Towards the end, "),
        ("Beginning: ", "Middle: ", "End: "),
        ("Initially, ", "Subsequently, ", "Finally, "),
        ("To begin with, ", "After that, ", "In the end, "),
        ("First part: ", "Second part: ", "Last part: "),
        ("At the start, ", "In the middle, ", "At the end, "),
    ),
    "half": (
        ("In the first half, ", "In the second half, "),
        ("At first, ", "Later, "),
        ("First half: ", "Second half: "),
    ),
    "day": (
        lambda i: f"Day {i}: ",
        lambda i: f"On day {i}, ",
        lambda i: f"On the {_NTH[i - 1]} day, ",
        lambda i: f"{_NTH[i - 1].capitalize()} day: ",
    ),
}
