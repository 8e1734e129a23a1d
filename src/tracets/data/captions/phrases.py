"""How a fact about one channel is said. Keys are "kind" or "kind/variant"; see `grammar` for the notation.

SENTENCES name the channel; CLAUSES do not (they stand in notes: "Pressure: low 998.2 hPa; falling."); GISTS are noun
phrases without numbers ("a late peak in pressure"), the way people search.
"""

from __future__ import annotations

from tracets.data.captions.sentences import UNDIRECTED

# Words of a direction: verb, -ing form, past, noun, adjective.
RISE = {
    "V": "[rises|climbs|increases|goes up|moves up]",
    "G": "[rising|climbing|increasing|going up]",
    "D": "[rose|climbed|increased|went up]",
    "S": "[rise|increase|climb]",
    "A": "[rising|climbing|increasing]",
}
FALL = {
    "V": "[falls|drops|decreases|goes down|declines]",
    "G": "[falling|dropping|decreasing|going down|declining]",
    "D": "[fell|dropped|decreased|went down|declined]",
    "S": "[fall|drop|decrease|decline]",
    "A": "[falling|dropping|decreasing|declining]",
}
WAYS = {"rise": RISE, "fall": FALL}
OTHER = {"rise": FALL, "fall": RISE}

SENTENCES: dict[str, tuple[str, ...]] = dict(UNDIRECTED)

CLAUSES: dict[str, tuple[str, ...]] = {
    "level": ("low {low}, high {high}", "mean {mean}", "between {low:raw} and {high}", "{low:raw} to {high}",
              "averaging {mean}", "min {low}, max {high}", "avg {mean}, max {high}", "never above {high}"),
    "level/total": ("{total} in total", "total {total}", "sum {total}, max {high}", "adds up to {total}"),
    "gaps": ("{missing} missing", "gap of {longest} {middle:rel}", "gap {span}", "incomplete ({missing} missing)"),
    "ends/up": ("up from {first} to {last}", "ends {change} higher", "{first} at first, {last} at last"),
    "ends/down": ("down from {first} to {last}", "ends {change} lower", "{first} at first, {last} at last"),
    "ends/same": ("ends where it began, about {last}", "{first} at first, {last} at last"),
    "peak/once": ("high {value}, {at:note}", "max {value} {at}", "peak {value} {at}", "highest {at:rel}",
                  "[peaks|peaking] {at}", "[peaks|peaking] {at:rel}"),
    "peak/often": ("max {value}", "high {value}", "up to {value}"),
    "trough/once": ("low {value}, {at:note}", "min {value} {at}", "lowest {at:rel}", "low of {value} {at}",
                    "[bottoms|bottoming] out {at:rel}", "[dips|dipping] to {value} {at}"),
    "trough/often": ("min {value}", "low {value}", "down to {value}"),
    "trend/flat": ("flat overall", "no trend", "level", "no clear direction"),
    "trend/swings": ("up and down", "{turns} turning points", "swinging to and fro", "changes direction {turns} times"),
    "texture/smooth": ("smooth", "gradual changes", "slowly varying"),
    "texture/jagged": ("[erratic|noisy|jumpy]", "strong step-to-step changes", "jumps of up to {largest_change}"),
    "spread": ("range {range}", "standard deviation {std}", "spans {range}"),
    "spread/steady": ("mostly [steady|stable]", "steady around {mean}", "few excursions"),
    "spread/variable": ("[variable|changeable|unsettled]", "varies by {range}", "wide swings"),
    "spread/still": ("[nearly|almost] constant", "hardly moves", "within {range}"),
    "shift/up": ("step up {at}", "jumps from {before} to {after}", "higher level after the jump {at:rel}"),
    "shift/down": ("step down {at}", "drops from {before} to {after}", "lower level after the drop {at:rel}"),
    "spikes/up:one": ("[sharp|sudden|] spike to {value} {at}", "brief spike {at:rel}"),
    "spikes/up:many": ("{count:word} spikes", "spikes up to {value}"),
    "spikes/down:one": ("[sharp|sudden|] dip to {value} {at}", "brief dip {at:rel}"),
    "spikes/down:many": ("{count:word} outliers", "brief dip to {value} {at:rel}"),
    "zeros": ("zero for {zero} of the time", "{spells:spells}", "nil in {zero} of the steps"),
    "burst/most": ("main burst {middle:rel}", "{of_total} of it {span}", "{of_total} within {length}"),
    "burst/only": ("one burst {middle:rel}", "all of it {span}", "single spell of {length}"),
    "burst/*:heavy": ("heavy {middle:rel}", "heavy burst {at}"),
    "burst/*:light": ("light {middle:rel}",),
    "burst/scattered": ("scattered, heaviest {at}", "on and off", "{spells:spells}, up to {high}"),
    "limit/top": ("at its maximum for {at} of the time", "capped at {value}"),
    "limit/bottom": ("at its minimum for {at} of the time", "floor at {value}"),
    "sign/negative": ("below zero throughout", "negative", "never above zero"),
    "sign/crosses": ("crosses zero", "below zero for {below} of the time", "both signs"),
    "compass": ("{cls}", "around {degrees}", "mainly {cls}, about {degrees}"),
    "compass/variable": ("variable", "no prevailing direction", "shifting"),
    "days": ("highest on day {top_day}", "lowest on day {bottom_day}", "day {top_day} highest ({top_mean} on average)"),
    "quarters": ("highest in the {top:nth} quarter", "lowest in the {bottom:nth} quarter"),
}  # fmt: skip

GISTS: dict[str, tuple[str, ...]] = {
    "missing": ("no {b} data", "missing {b}"),
    "constant": ("constant {b}", "unchanging {b}"),
    "constant/zero": ("no {b}", "no {b} at all", "dry conditions without {b}"),
    "gaps": ("gaps in {n}", "incomplete {b}"),
    "peak/once": ("a peak in {n} {at:rel}", "highest {b} {at:rel}", "{b} peaking {at:rel}"),
    "trough/once": ("a low in {n} {at:rel}", "lowest {b} {at:rel}", "{b} bottoming out {at:rel}"),
    "trend/flat": ("[flat|level] {b}", "{b} without a trend", "no trend in {n}"),
    "trend/swings": ("{b} swinging up and down", "repeated swings in {n}", "{b} going up and down"),
    "texture/smooth": ("smooth {b}", "slowly changing {b}"),
    "texture/jagged": ("[erratic|noisy|jumpy] {b}", "strong fluctuations in {n}"),
    "spread/steady": ("mostly [steady|stable] {b}",),
    "spread/variable": ("[variable|changeable|unsettled] {b}",),
    "spread/still": ("[nearly|almost] constant {b}", "hardly changing {b}"),
    "shift/up": ("a [sudden|] jump in {n} {at:rel}", "{b} stepping up {at:rel}"),
    "shift/down": ("a [sudden|] drop in {n} {at:rel}", "{b} stepping down {at:rel}"),
    "spikes/up:one": ("a [sharp|brief|sudden] spike in {n} {at:rel}", "one {b} spike {at:rel}"),
    "spikes/up:many": ("[several|] spikes in {n}", "{b} spikes"),
    "spikes/down:one": ("a [sharp|brief|sudden] dip in {n} {at:rel}", "one {b} dip {at:rel}"),
    "spikes/down:many": ("sharp excursions in {n}", "{b} outliers"),
    "burst/most": ("a [main |]burst of {b} {middle:rel}", "most {b} {middle:rel}"),
    "burst/only": ("a single burst of {b} {middle:rel}", "one spell of {b} {middle:rel}"),
    "burst/*:heavy": ("a heavy burst of {b} {middle:rel}", "[heavy|intense] {b} {middle:rel}"),
    "burst/*:moderate": ("moderate {b} {middle:rel}",),
    "burst/*:light": ("[light|a little] {b} {middle:rel}",),
    "burst/scattered": ("[scattered|intermittent] {b}", "{b} on and off"),
    "limit/top": ("{b} often at its ceiling", "saturated {b}"),
    "limit/bottom": ("{b} often at its floor",),
    "sign/negative": ("[negative|sub-zero] {b}", "{b} below zero throughout"),
    "sign/crosses": ("{b} crossing zero", "{b} dropping below zero at times"),
    "compass": ("mainly {cls} {b}", "{b} mostly {cls}"),
    "compass/variable": ("[variable|shifting] {b}",),
}  # fmt: skip


def _both(table: dict[str, tuple[str, ...]], key: str, sources: tuple[str, ...]) -> None:
    """Write templates for "rise" and "fall" at once: <V> is the verb, <G> -ing, <D> past, <S> noun, <A> adjective.

    Small letters are the other way.
    """
    for way in WAYS:
        filled = []
        for source in sources:
            for mark in "VGDSA":
                source = source.replace(f"<{mark}>", WAYS[way][mark]).replace(f"<{mark.lower()}>", OTHER[way][mark])
            filled.append(source)
        table[key.format(way=way, other="fall" if way == "rise" else "rise")] = tuple(filled)


_both(SENTENCES, "trend/{way}:throughout", (
    "{N} <V> [steadily |]throughout[, from {early} in the first quarter to {late} in the last|]",
    "{N} <V> over the whole window",
    "{N} <D> from a mean of {early} in the first quarter to {late} in the last",
    "{N}: <G> throughout, by {change} from first to last quarter",
    "Overall {n} is <G>",
    "[Steady|Continuous|Lasting] <S> in {n}[ from start to end|]",
    "{N} keeps <G>[ from start to finish|]",
    "[Steadily|Continuously] <A> {b}",
    "{N} averages {early} at first (first quarter) and {late} at last (last quarter), a [lasting |]<S>",
    "{N} <D> throughout",
))  # fmt: skip
_both(SENTENCES, "trend/{way}:part", (
    "{N} <V>[ overall|][, from {early} in the first quarter to {late} in the last|]",
    "{N} <V> between {begin:note} and {finish:note}",
    "{N} <D> from a mean of {early} in the first quarter to {late} in the last",
    "{N}: <G> {span}",
    "{N} <V> {span}",
    "[A|There is a] <S> in {n} {span}",
    "<A> {b}",
    "{N} <D>[ for a good part of the window|]",
    "{N} starts <G> {begin}",
    "{N} stops <G> {finish}",
))  # fmt: skip
_both(SENTENCES, "trend/{way}:sharp", (
    "{N} <V> [sharply|quickly|fast] {begin}",
    "{N} <V> [sharply|quickly|fast] {span}",
    "[A|There is a] [sharp|quick|fast|steep] <S> in {n} {begin}",
    "{N}: [sharp|quick] <S> {span}",
    "{N} <D> within a short time {begin:rel}",
    "[Sharp|Quick|Rapid] <S> in {b} {begin:rel}",
    "The [sharpest|main] <S> in {n} comes {begin}",
    "{N} <D> [sharply|quickly], averaging {early} in the first quarter and {late} in the last",
    "{b} [sharply|quickly|suddenly] <G> {begin:rel}",
))  # fmt: skip
_both(SENTENCES, "trend/{way}_{other}", (
    "{N} <V>[ at first|], then <v>[, turning {turn}| after turning {turn}|]",
    "{N} first <V> and then <v>",
    "{N} <V> until it turns {turn}",
    "{N}: <G>, then <g>; turn {turn:note}",
    "After <G> [at first|in the beginning], {n} <v> from its turn {turn:rel}",
    "<S> then <s> in {n}[, with the turn {turn}|]",
    "First <A>, then <a> {b}",
    "The [trend|direction] of {n} turns {turn}, from <G> to <g>",
    "{N} <D> and then <d>",
    "<A> then <a> {b}",
))  # fmt: skip
_both(SENTENCES, "trend/{way}_{other}_{way}", (
    "{N} <V>, <v> and <V> again[, turning {turn:note} and {turn2:note}|]",
    "{N} first <V>, then <v>, then <V>",
    "{N} turns twice, {turn} and {turn2}",
    "{N}: <G>, <g>, <G> again",
    "After an [initial|early] <S>, {n} <v> {turn:rel} and <V> again {turn2:rel}",
    "<S>, <s> and another <S> in {n}",
    "{N} <D>, <d> and <D> again",
    "<A>, then <a>, then <A> {b}",
))  # fmt: skip
_both(CLAUSES, "trend/{way}:throughout", ("<G> throughout", "[steadily|continuously] <G>", "[steady|lasting] <S>"))
_both(CLAUSES, "trend/{way}:part", ("<G> {span}", "<G>", "<S> {begin:rel}"))
_both(CLAUSES, "trend/{way}:sharp", ("[sharp|quick] <S> {begin}", "[sharply|quickly] <G> {begin:rel}"))
_both(CLAUSES, "trend/{way}_{other}", ("<G> then <g>", "<G>, then <g> from its turn {turn}", "first <G>, then <g>"))
_both(CLAUSES, "trend/{way}_{other}_{way}", ("<G>, <g>, then <G> again", "two turns, {turn:rel} and {turn2:rel}"))
_both(GISTS, "trend/{way}:throughout", ("<A> {b}", "[steadily|continuously] <A> {b}", "a steady <S> in {n}"))
_both(GISTS, "trend/{way}:part", ("<A> {b}", "a <S> in {n}"))
_both(GISTS, "trend/{way}:sharp", ("a [sharp|steep|quick] <S> in {n} {begin:rel}", "[sharply|quickly] <A> {b}"))
_both(GISTS, "trend/{way}_{other}", ("{b} <G> then <g>", "first <A>, then <a> {b}", "a <S> then a <s> in {n}"))
_both(GISTS, "trend/{way}_{other}_{way}", ("{b} <G>, <g> and <G> again",))

_PLACES = {
    "first": "[in the beginning|at first|in the first third|early on|at the start]",
    "middle": "[in the middle|midway|in the middle third]",
    "last": "[at the end|in the last third|towards the end|near the end]",
}
_PARTS = {
    "night": "[during the night|overnight|in the early hours|in the early morning before 06:00]",
    "morning": "[in the morning|during the morning]",
    "afternoon": "[in the afternoon|during the afternoon]",
    "evening": "[in the evening|during the evening]",
}
for _kind, _places, _mean in (("third", _PLACES, ""), ("dayparts", _PARTS, "[, {part_mean} on average|]")):
    for _place, _where in _places.items():
        _both(SENTENCES, f"{_kind}/{{way}}:{_place}", tuple(s.replace("<at>", _where).replace("<m>", _mean) for s in (
            "{N} <V> <at><m>",
            "{N} is <G> <at><m>",
            "{N} <D> <at><m>",
            "{N}: <G> <at>",
            "[A|There is a] <S> in {n} <at>",
            "<at>, {n} <V>",
            "<A> {b} <at>",
            "The {b} curve <V> <at>",
        )))  # fmt: skip
        _both(CLAUSES, f"{_kind}/{{way}}:{_place}", tuple(s.replace("<at>", _where) for s in ("<G> <at>", "<V> <at>")))
        _both(GISTS, f"{_kind}/{{way}}:{_place}", tuple(s.replace("<at>", _where) for s in ("{b} <G> <at>",)))
        SENTENCES[f"{_kind}/flat:{_place}"] = tuple(s.replace("<at>", _where).replace("<mean>", _mean) for s in (
            "{N} [stays|is|remains|holds] [steady|level|about the same|flat] <at><mean>",
            "{N}: [flat|level|steady] <at>",
            "[Steady|Flat|Stable|Level] {b} <at><mean>",
            "{N} hardly [changes|moves] <at>",
            "<at>, {n} [stays|holds|remains] [steady|level]",
            "Little change in {n} <at>",
            "{N} [was|remained|stayed] [flat|steady] <at>",
            "No great change in {n} <at>",
        ))  # fmt: skip
        CLAUSES[f"{_kind}/flat:{_place}"] = (f"[steady|flat] {_where}",)
        GISTS[f"{_kind}/flat:{_place}"] = (f"[steady|flat|level] {{b}} {_where}",)
for _place, _where in _PLACES.items():
    SENTENCES[f"volatile_third/most:{_place}"] = tuple(s.replace("<at>", _where) for s in (
        "{N} is most [volatile|variable|unsettled] <at>",
        "The most volatile [part|stretch] of {n} comes <at>",
        "{N} [fluctuates|jumps] most <at>",
        "{N}: volatile <at>",
        "[Volatile|Unsettled|Turbulent] {b} <at>",
        "<at>, {n} is [more volatile than|less settled than] elsewhere",
        "Fluctuations of {n} are largest <at>",
        "{N} gets [restless|turbulent|unsettled] <at>",
    ))  # fmt: skip
    SENTENCES[f"volatile_third/least:{_place}"] = tuple(s.replace("<at>", _where) for s in (
        "{N} is [calmest|quietest|most settled] <at>",
        "The calmest [part|stretch] of {n} comes <at>",
        "{N} fluctuates least <at>",
        "{N}: quiet <at>",
        "[Quieter|Calmer] {b} <at> than elsewhere",
        "<at>, {n} is [less volatile|more settled] than elsewhere",
        "Fluctuations of {n} are smallest <at>",
        "{N} is [quieter|calmer] <at> than in the rest",
    ))  # fmt: skip
    CLAUSES[f"volatile_third/most:{_place}"] = (f"volatile {_where}", f"most unsettled {_where}")
    CLAUSES[f"volatile_third/least:{_place}"] = (f"calmest {_where}", f"quiet {_where}")
    GISTS[f"volatile_third/most:{_place}"] = (f"[volatile|unsettled] {{b}} {_where}",)

for _strength, _word in (("strong", "[clear|strong|marked|pronounced]"), ("weak", "[weak|faint|loose]")):
    for _name in ("", "half-daily", "daily", "weekly", "yearly"):
        _cycle = f"{_name} [cycle|rhythm|pattern]".strip()
        SENTENCES[f"period/{_strength}:{_name}"] = tuple(s.replace("<how>", _word).replace("<cycle>", _cycle) for s in (
            "{N} follows a <how> <cycle>[ of {period}|]",
            "{N} shows a <how> <cycle>[, repeating every {period}|]",
            "{N} repeats about every {period}",
            "{N}: <how> <cycle>, period {period}",
            "There is a <how> <cycle> in {n}",
            "A <how> <cycle> of {period} runs through {n}",
            "[Periodic|Cyclic|Repeating] {b}, about {period} a cycle",
            "{N} goes up and down about every {period}",
            "A <cycle> of {period} shapes {n}" if _strength == "strong" else "{N} has traces of a <cycle> of {period}",
        ))  # fmt: skip
        CLAUSES[f"period/{_strength}:{_name}"] = (f"{_word} {_cycle}", f"{_cycle} of {{period}}")
        GISTS[f"period/{_strength}:{_name}"] = (f"a {_word} {_cycle} in {{n}}", f"{{b}} with a {_cycle}")
    SENTENCES[f"period/{_strength}:daily"] += (
        "{N} follows a [daily|day-night] cycle, [usually |]highest around {peak_hour} and lowest around {trough_hour}",
        "[Day by day|Daily], {n} is on average highest around {peak_hour}",
        "{N} is lowest around {trough_hour} on an average day",
        "{N}: daily cycle, high about {peak_hour}, low about {trough_hour}",
        "A day-night [rhythm|swing] in {n}, with highs around {peak_hour}",
    )

# How much is zero, in words that fit anything and in words for rain.
_AMOUNTS = {
    "half": ("[for much of the window|more than half of the time]", "[at times dry|dry for much of the window]"),
    "most": ("for most of the [window|time]", "[mostly dry|dry for most of the window]"),
    "almost": ("for almost all of the [window|time]", "[dry almost throughout|almost entirely dry]"),
}
for _amount, (_long, _dry) in _AMOUNTS.items():
    SENTENCES[f"zeros/{_amount}"] = (
        f"{{N}} is [zero|nil] {_long}",
        f"There is no {{b}} {_long}",
        f"[No|Zero] {{b}} {_long}[, {{zero}} of the steps|]",
    )
    SENTENCES[f"zeros/{_amount}:rain"] = (
        f"[It is|Conditions are] {_dry}, with no {{b}} in {{zero}} of the steps",
        f"{_dry}[, little {{b}}|, {{b}} in {{spells:word}} spells|]",
        f"{{N}}: {_dry}",
    )
    CLAUSES[f"zeros/{_amount}"] = (f"[zero|nil] {_long}",)
    GISTS[f"zeros/{_amount}"] = (f"no {{b}} {_long}",)
