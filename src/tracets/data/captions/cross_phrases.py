"""How facts across channels are said, and how named classes (cold, gentle breeze, very humid) are. See `phrases`."""

from __future__ import annotations

from tracets.data.captions.phrases import FALL, RISE
from tracets.data.captions.words import SCALES

CROSS: dict[str, tuple[str, ...]] = {
    "related/with:closely": (
        "{N:1} and {n:2} [move|go] closely together[ (correlation {r})|, correlation {r}|]",
        "{N:1} [follows|tracks|mirrors] {n:2} closely",
        "{N:1} rises and falls [together |]with {n:2}",
        "[Strong|Close] positive [link|correlation|relation] between {b:1} and {b:2}[, {r}|]",
        "{b:1} and {b:2} go hand in hand",
        "When {n:1} is high, so is {n:2}",
        "{N:1} moves with {n:2}[, correlation {r}|]",
        "{N:2} and {n:1} run almost in parallel",
    ),
    "related/with:clearly": (
        "{N:1} and {n:2} tend to [move|go] together[ (correlation {r})|, correlation {r}|]",
        "{N:1} moves with {n:2}[, correlation {r}|]",
        "{N:1} tends to rise and fall with {n:2}",
        "[Positive|Clear positive] [link|correlation|relation] between {b:1} and {b:2}[, {r}|]",
        "High {b:1} goes with high {b:2}",
        "{N:1} is mostly high when {n:2} is",
        "{N:2} and {n:1} show a common pattern",
        "{N:1} is related to {n:2} (r = {r})",
    ),
    "related/against:closely": (
        "{N:1} and {n:2} move in opposite directions[ (correlation {r})|, correlation {r}|]",
        "{N:1} mirrors {n:2} upside down",
        "{N:1} falls when {n:2} rises[, and the other way round|]",
        "[Strong|Close] negative [link|correlation|relation] between {b:1} and {b:2}[, {r}|]",
        "When {n:1} is high, {n:2} is low",
        "{N:1} moves against {n:2}[, correlation {r}|]",
        "High {b:1} goes with low {b:2}",
        "{N:2} is the inverse of {n:1} in shape",
    ),
    "related/against:clearly": (
        "{N:1} and {n:2} tend to move in opposite directions[ (correlation {r})|, correlation {r}|]",
        "{N:1} moves against {n:2}[, correlation {r}|]",
        "{N:1} tends to fall when {n:2} rises",
        "[Negative|Clear negative] [link|correlation|relation] between {b:1} and {b:2}[, {r}|]",
        "High {b:1} goes with low {b:2}",
        "{N:1} is mostly low when {n:2} is high",
        "{N:2} and {n:1} run opposite to each other",
        "{N:1} is inversely related to {n:2} (r = {r})",
    ),
    "unrelated": (
        "{N:1} has [little|nothing much] to do with {n:2}[ (correlation {r})|]",
        "{N:1} and {n:2} are [unrelated|uncorrelated][, correlation {r}|]",
        "[No|Hardly any] [link|relation|connection] between {b:1} and {b:2}[, correlation {r}|]",
        "{N:1} [moves|varies|changes] independently of {n:2}[, correlation {r}|]",
        "{N:1} [says|tells] [little|next to nothing] about {n:2}",
        "{N:1} does not [follow|track|mirror] {n:2}",
        "{b:1} and {b:2} [go|take] separate ways",
        "Correlation of {b:1} with {b:2}: {r}",
    ),
    "lead/same": (
        "{N:1} [leads|runs ahead of] {n:2} by about {lag}",
        "{N:2} follows {n:1} about {lag} later",
        "{N:2} [lags|trails] {n:1} by about {lag}[, correlation {r}|]",
        "What {n:1} does, {n:2} repeats about {lag} later",
        "Changes in {n:1} come about {lag} before those in {n:2}",
        "{N:1} is ahead of {n:2} by {lag}",
        "{N:2} echoes {n:1} after {lag}",
        "A lag of about {lag} from {b:1} to {b:2}",
    ),
    "lead/opposite": (
        "{N:2} moves against {n:1} about {lag} later",
        "A rise in {n:1} is followed by a fall in {n:2} about {lag} later",
        "{N:1} leads {n:2} by about {lag}, with the opposite sign",
        "{N:2} responds inversely to {n:1} after about {lag}",
        "{N:2} lags {n:1} by about {lag} and moves the other way[, correlation {r}|]",
        "About {lag} after {n:1} rises, {n:2} tends to fall",
        "{N:1} is ahead of {n:2} by {lag}, upside down",
        "Opposite movement of {n:2}, {lag} behind {n:1}",
    ),
    "most_varied": (
        "[Relative to its mean|Measured against its mean], {n:1} [varies|fluctuates|changes] most[ and {n:2} least|]",
        "{N:1} is the most [variable|changeable] channel relative to its [level|mean]",
        "{N:1} [shows|has] the [largest|greatest] relative [variation|spread][, {ratio} of its mean|]",
        "Of all channels, {n:1} [varies|changes] most for its [level|size]",
        "The largest relative spread is in {n:1}, the smallest in {n:2}",
        "{N:1} varies [far|much] more, relative to its level, than {n:2}",
        "{N:2} is the steadiest and {n:1} the most variable relative to the mean",
        "Compared with its own level, {n:1} [changes|varies|moves] most",
    ),
    "compare/mean": (
        "On average, {n:1} is {gap} [above|higher than] {n:2}",
        "{N:1} averages {mean}, {n:2} {mean2}",
        "{N:1} is [higher|larger] than {n:2} on average[, by {gap}|]",
        "{N:2} [averages|is on average] {gap} less than {n:1}",
        "[Mean|Average] {b:1} exceeds [mean|average] {b:2} by {gap}",
        "{N:2} is [lower|smaller] than {n:1} on average[, by {gap}|]",
        "The mean of {n:1} is above that of {n:2}, {mean} against {mean2}",
        "{N:1} has the [higher|larger] mean, {mean} [to|against] {mean2} for {n:2}",
    ),
    "compare/always": (
        "{N:1} is always above {n:2}, by {gap} on average",
        "{N:2} never reaches {n:1}",
        "{N:1} [stays|remains|is] above {n:2} [throughout|from start to end|all along]",
        "{N:1} averages {mean}, {n:2} {mean2}",
        "At [every step|all times] {n:1} is [higher|larger] than {n:2}",
        "{N:2} stays below {n:1} the whole time[, by {gap} on average|]",
        "{N:1} exceeds {n:2} [throughout|at every step]",
        "{b:2} below {b:1} from start to end",
    ),
    "only_gaps": (
        "{N:1} is the only [channel|series] with [missing values|gaps]",
        "Only {n:1} [has gaps|is incomplete|has missing values][, {missing} of the window|]",
        "All [channels|series] [but|except] {n:1} are complete",
        "[Missing values|Gaps] occur in {n:1} only[, {missing} of the window|]",
        "Apart from [gaps|missing values] in {n:1}, the [data are|record is] complete",
        "No [channel|series] [but|except] {n:1} has [gaps|missing values]",
        "{N:1} alone is incomplete, with {missing} missing",
        "The record is complete except for {n:1}[, with {missing} missing|]",
    ),
}  # fmt: skip

_EXTREME = {
    "peak": ("[peaks|is highest|reaches its maximum]", "[peak|maximum|high]"),
    "trough": ("[bottoms out|is lowest|reaches its minimum]", "[low|minimum|trough]"),
}
for _one, (_verb1, _noun1) in _EXTREME.items():
    for _two, (_verb2, _noun2) in _EXTREME.items():
        CROSS[f"coincide/{_one}:{_two}"] = tuple(
            s.replace("<V1>", _verb1).replace("<V2>", _verb2).replace("<S1>", _noun1).replace("<S2>", _noun2)
            for s in (
                "{N:1} <V1> [about when|at about the same time as] {n:2} <V2>",
                "{N:1} <V1> [just as|while] {n:2} <V2>, {at}",
                "The <S1> of {n:1} and the <S2> of {n:2} [coincide|fall together][ {at}|]",
                "{at}, {n:1} <V1> and {n:2} <V2>",
                "{N:1} <V1> ({value}) about when {n:2} <V2> ({value2})",
                "The {b:1} <S1> comes with the {b:2} <S2>[, {at:rel}|]",
                "{b:1} <S1> and {b:2} <S2> at about the same time",
                "When {n:2} <V2>, {n:1} <V1> too"
                if _one == _two
                else "When {n:2} <V2>, {n:1} <V1> at about the same time",
            )
        )

for _key, _first, _second in (
    ("rise:fall", RISE, FALL), ("rise:rise", RISE, RISE), ("fall:fall", FALL, FALL),
):  # fmt: skip
    _same = _first is _second
    CROSS[f"together/{_key}"] = tuple(
        s.replace("<V1>", _first["V"]).replace("<G1>", _first["G"]).replace("<D1>", _first["D"])
        .replace("<A1>", _first["A"]).replace("<A2>", _second["A"])
        .replace("<V2>", _second["V"]).replace("<G2>", _second["G"]).replace("<D2>", _second["D"])
        for s in (
            "{N:1} <V1> while {n:2} <V2>",
            "[With|Along with] <A2> {b:2}, {n:1} <V1>",
            "<A1> {b:1} and <A2> {b:2}",
            "{N:1} <D1> and {n:2} <D2>",
            "{N:1} <V1> [and|as] {n:2} <V2> over the window",
            "<A1> {b:1} with <A2> {b:2}",
            "Both {n:1} and {n:2} <D1>" if _same else "{N:1} and {n:2} part ways, one <G1>, the other <G2>",
            "{N:2} <V2>, [and so does|as does] {n:1}" if _same else "{N:2} <V2>, [whereas|but] {n:1} <V1>",
        )
    )  # fmt: skip

# Classes as nouns ("very humid air") and as predicates of the channel ("humidity is very high").
_PREDICATES = {
    "humidity": {
        "very dry": "very low",
        "dry": "low",
        "moderate": "moderate",
        "humid": "high",
        "very humid": "very high",
    },
    "pressure": {c: c for c in ("very low", "low", "average", "high", "very high")},
    "visibility": {"fog": "very poor", "poor": "poor", "moderate": "moderate", "good": "good"},
}
_NOUNS = {
    "temperature": "{cls} [weather|air|conditions]",
    "wind": "{a}",
    "humidity": "[{cls} air|{pred} humidity]",
    "pressure": "{pred} pressure",
    "visibility": "{pred} visibility",
}


def _article(words: str) -> str:
    return words if words in ("calm", "light air") else f"a {words}"


def _regime_tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    sentences: dict[str, tuple[str, ...]] = {}
    clauses: dict[str, tuple[str, ...]] = {}
    gists: dict[str, tuple[str, ...]] = {}
    for scale in SCALES:
        q = scale.quantity
        says = {c: _PREDICATES.get(q, {}).get(c, _article(c) if q == "wind" else c) for c in scale.classes}
        for c in scale.classes:
            noun = _NOUNS[q].replace("{cls}", c).replace("{a}", c).replace("{pred}", says[c])
            # "Average on average" says nothing.
            meant = "overall" if c == "average" else "on average"
            sentences[f"regime/{q}:mean:{c}"] = (
                f"{{N}} is {says[c]} {meant}[, at {{mean}}|]",
                f"{meant} {{n}} is {says[c]}",
                f"{{N}}: {says[c]} {meant} ({{mean}})",
                f"{noun} {meant}",
                f"{noun}, with a mean {{b}} of {{mean}}",
                f"Overall {{n}} is {says[c]}",
                f"With a mean of {{mean}}, {{n}} is {says[c]}",
                f"{{N}} averages {{mean}}, {says[c]}",
            )
            sentences[f"regime/{q}:mostly:{c}"] = (
                f"{{N}} is [mostly|mainly|largely|generally] {says[c]}",
                f"[Mostly|Mainly|Largely] {noun}",
                f"{{N}} is {says[c]} for {{class}} of the time",
                f"{{N}}: [mostly|mainly] {says[c]}",
                f"For {{class}} of the window {{n}} is {says[c]}",
                f"{noun} for [most|{{class}}] of the [window|time]",
                f"[Most of the time|For the most part], {{n}} is {says[c]}",
                f"{{N}} [remains|stays] {says[c]} [most of the time|for most of the window]",
            )
            clauses[f"regime/{q}:mean:{c}"] = (f"{says[c]} {meant}",)
            clauses[f"regime/{q}:mostly:{c}"] = (f"mostly {says[c]}", f"{says[c]} for {{class}} of the time")
            gists[f"regime/{q}:mostly:{c}"] = (f"mostly {noun}",)
        for i, low in enumerate(scale.classes):
            for high in scale.classes[i + 1 :]:
                a, b = says[low], says[high]
                sentences[f"regime/{q}:between:{low}:{high}"] = (
                    f"{{N}} [ranges|varies|goes] between {a} and {b}",
                    f"{{N}} is anywhere from {a} to {b}",
                    f"{{N}}: {a} to {b}",
                    f"Between {a} at the lowest and {b} at the highest, {{n}} covers [much|several classes]"
                    if scale.classes.index(high) - i > 2
                    else f"{{N}} lies between {a} and {b}",
                    f"{{N}} [extends|varies] from {a} to {b}",
                    f"At its lowest {{n}} is {a}, at its highest {b}",
                    f"{{N}} reaches {b} at the most[ and {a} at the least|]",
                    f"{{N}} gets as low as {a}" if q != "visibility" else f"At times {{n}} is {a}",
                )
                clauses[f"regime/{q}:between:{low}:{high}"] = (f"{a} to {b}",)
    # "The wind is a light breeze" reads better than "the wind speed is".
    for key, sources in sentences.items():
        if key.startswith("regime/wind:"):
            sentences[key] = tuple(s.replace("{N}", "[The wind|{N}]").replace("{n}", "[the wind|{n}]") for s in sources)
    return sentences, clauses, gists


REGIME_SENTENCES, REGIME_CLAUSES, REGIME_GISTS = _regime_tables()
