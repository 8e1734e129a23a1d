"""How a fact about one channel is said. Keys are "kind" or "kind/variant"; see `grammar` for the notation.

SENTENCES name the channel; CLAUSES do not (they stand in notes: "Pressure: low 998.2 hPa; falling."); GISTS are noun
phrases without numbers ("a late peak in pressure"), the way people search.
"""

from __future__ import annotations

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

SENTENCES: dict[str, tuple[str, ...]] = {
    "missing": (
        "{N} has no [data|readings|values|observations][ in this window|]",
        "No [data|readings|values|observations] for {n}[ in this window|]",
        "{N} is [missing|absent|not recorded] throughout",
        "{N}: [no data|all missing|nothing recorded]",
        "There are no [readings|values|observations] of {b}",
        "Nothing is known of {n} [here|in this window]",
        "The {b} record is empty[ in this window|]",
        "Every [value|reading] of {b} is missing",
    ),
    "constant": (
        "{N} [stays|remains|is held|sits] at {value} throughout",
        "{N} is constant at {value}[ for the whole window|]",
        "{N} does not [change|move] from {value}",
        "{N}: [constant|unchanged|fixed] at {value}",
        "[All|The whole window long], {n} reads {value}",
        "[Constant|Unchanging|Flat] {b} of {value}",
        "Every reading of {b} is {value}",
        "{N} holds one value, {value}",
    ),
    "constant/zero": (
        "[No|Not any] {b} at all",
        "[There is no|No] {b} in this window",
        "{N} stays at zero throughout",
        "[Completely|Entirely] dry, no {b}",
        "[Dry|Dry weather] throughout, with no {b}",
        "{N}: none",
        "Not a trace of {b}",
        "{N} is zero [the whole time|from start to end|throughout]",
    ),
    "level": (
        "{N} [ranges|varies|lies|moves] between {low:raw} and {high}",
        "{N} [runs|goes|ranges] from {low:raw} to {high}",
        "{N} averages {mean}[, with a low of {low} and a high of {high}|, between {low:raw} and {high}|]",
        "On average, {n} [is|reads|stands at] {mean}",
        "Over the whole window, {n} averages {mean}",
        "The [mean|average] {b} is {mean}[, the highest {high}|, the lowest {low}|]",
        "{N}: low {low}, high {high}, mean {mean}",
        "{N}: [min|minimum] {low}, [max|maximum] {high}",
        "[Lowest|Minimum] {b} {low}, [highest|maximum] {high}",
        "{N} is never [below|under] {low} or [above|over] {high}",
        "[Readings|Values] of {b} lie between {low:raw} and {high}[, with a mean of {mean}|]",
        "{b} of {mean} on average[, between {low:raw} and {high}|]",
        "{N} has a mean of {mean}[ and a maximum of {high}| and a minimum of {low}|]",
        "With a mean of {mean}, {n} stays between {low:raw} and {high}",
        "{N} is {mean} on average, {low} at its lowest and {high} at its highest",
    ),
    "level/total": (
        "[The total|Total] {b} is {total}",
        "{N} [adds up|sums|comes] to {total}[ over the window|], with at most {high} in one step",
        "{N}: total {total}, maximum {high}",
        "{total} of {b} in total[, {high} at most in a single step|]",
        "Altogether, {n} comes to {total}",
        "A total of {total} for {b}[, {mean} a step on average|]",
        "{N} totals {total}",
        "Over the window, {n} amounts to {total}[, never more than {high} in one step|]",
    ),
    "gaps": (
        "{N} is missing for {missing} of the [window|time]",
        "{missing} of {n} is [missing|not recorded], the longest gap [lasting {longest}|{span}]",
        "{N} has [gaps|missing values] ({missing} of the steps)",
        "{N}: {missing} missing, longest gap {longest}",
        "[Data gap|Gap] in {b} {span}",
        "The longest gap in {n} lasts {longest}[, {middle:rel}|]",
        "No [readings|values] of {b} {span}",
        "{N} has a gap of {longest} {middle:rel}",
        "[Missing|Lost] readings of {b}: {missing} of the window",
        "With {missing} missing, {n} is incomplete",
    ),
    "gaps/few": ("A few [readings|values] of {b} are missing", "{N} has a few gaps, {missing} of the window"),
    "gaps/many": ("Much of {n} is missing, {missing} of the window", "Large parts of {n} are not recorded"),
    "ends/up": (
        "{N} starts at {first} and ends [higher, |]at {last}",
        "{N} ends {change} above where it [began|started]",
        "From {first} at the start, {n} gets to {last} at the end",
        "{N}: {first} at first, {last} at last, up by {change}",
        "{N} finishes at {last}, {change} higher than at the start",
        "{N} begins at {first} and finishes at {last}",
        "At the end {n} is [higher than at the start|above its first value], at {last}",
        "{N} is up by {change} from first to last reading",
    ),
    "ends/down": (
        "{N} starts at {first} and ends [lower, |]at {last}",
        "{N} ends {change} below where it [began|started]",
        "From {first} at the start, {n} gets to {last} at the end",
        "{N}: {first} at first, {last} at last, down by {change}",
        "{N} finishes at {last}, {change} lower than at the start",
        "{N} begins at {first} and finishes at {last}",
        "At the end {n} is [lower than at the start|below its first value], at {last}",
        "{N} is down by {change} from first to last reading",
    ),
    "ends/same": (
        "{N} starts at {first} and ends at {last}",
        "{N} ends close to where it [began|started], at {last}",
        "From {first} at the start, {n} gets to {last} at the end",
        "{N}: {first} at first, {last} at last",
        "{N} finishes at {last}, near its first value of {first}",
        "{N} begins at {first} and finishes at {last}",
        "First reading of {b} {first}, last {last}",
        "Start and end of {n} are [close|much alike], {first} and {last}",
    ),
    "peak/once": (
        "{N} [peaks|tops out|reaches its maximum] at {value} {at}",
        "{N} [reaches|hits|gets to] its [highest value|maximum|peak] of {value} {at}",
        "[A|The] [maximum|peak|high] of {value} in {n} [comes|is reached|occurs] {at}",
        "{N}: [high|max|peak] {value}, {at:note}",
        "The [highest|largest] {b} [is|comes to] {value}, {at}",
        "The [maximum|peak|high] of {n}, {value}, [comes|falls] {at}",
        "Highest {b} {at}, {value}",
        "{N} is highest {at}[, at {value}|]",
        "{N} [peaks|is at its highest] {at:rel}",
        "{b} [peak|high|maximum] {at:rel}",
        "{at}, {n} [peaks|reaches its highest point] at {value}",
    ),
    "peak/often": (
        "{N} [reaches|touches|gets to] {value} at most",
        "{N} reaches its maximum of {value} more than once",
        "The highest {b} is {value}, [seen in {times} steps|seen more than once]",
        "{N}: [high|max] {value}, repeatedly",
        "Up to {value} of {b}",
        "The [maximum|high] of {n} is {value}",
        "{N} goes up to {value}",
        "At most, {n} reads {value}",
    ),
    "trough/once": (
        "{N} [bottoms out|reaches its minimum|is lowest] at {value} {at}",
        "{N} [reaches|hits|gets down to] its [lowest value|minimum|low] of {value} {at}",
        "[A|The] [minimum|low] of {value} in {n} [comes|is reached|occurs] {at}",
        "{N}: [low|min] {value}, {at:note}",
        "The [lowest|smallest] {b} [is|comes to] {value}, {at}",
        "The [minimum|low] of {n}, {value}, [comes|falls] {at}",
        "Lowest {b} {at}, {value}",
        "{N} is lowest {at}[, at {value}|]",
        "{N} [bottoms out|is at its lowest] {at:rel}",
        "{b} [low|trough|minimum] {at:rel}",
        "{at}, {n} [bottoms out|reaches its lowest point] at {value}",
    ),
    "trough/often": (
        "{N} [drops|gets down|goes down] to {value} at the lowest",
        "{N} reaches its minimum of {value} more than once",
        "The lowest {b} is {value}, [seen in {times} steps|seen more than once]",
        "{N}: [low|min] {value}, repeatedly",
        "Down to {value} of {b}",
        "The [minimum|low] of {n} is {value}",
        "{N} goes no lower than {value}",
        "At least {value} of {b} throughout",
    ),
    "trend/flat": (
        "{N} shows no [overall|clear] trend",
        "{N} [stays|remains|holds] [around|near] the same level overall",
        "{N} has no lasting rise or fall",
        "{N}: [flat|no trend|level]",
        "Overall {n} [is flat|goes nowhere|stays level]",
        "No [trend|overall direction] in {n}",
        "{N} neither rises nor falls for long",
        "[Flat|Level|Trendless] {b} overall",
    ),
    "trend/swings": (
        "{N} [swings|goes] up and down [several|many] times",
        "{N} [changes|reverses] direction {turns:word} times",
        "{N} wanders up and down [without a lasting direction|]",
        "{N}: up and down, {turns} turns",
        "[Repeated|Several] swings in {n}",
        "{N} [rises and falls|goes up and down] again and again",
        "{N} keeps [turning|changing direction]",
        "[Back and forth|Up and down] in {n}, with {turns} turning points",
    ),
    "quarters": (
        "{N} is highest in the {top:nth} quarter (mean {top_mean}) and lowest in the {bottom:nth} ({bottom_mean})",
        "The {top:nth} quarter has the highest mean {b}, {top_mean}",
        "The {bottom:nth} quarter has the lowest mean {b}, {bottom_mean}",
        "{N} averages {top_mean} in its highest quarter, the {top:nth}",
        "By quarters, {n} is lowest in the {bottom:nth} and highest in the {top:nth}",
        "{N} averages {bottom_mean} in the {bottom:nth} quarter of the window and {top_mean} in the {top:nth}",
        "{N}: {top:nth} quarter highest, {bottom:nth} lowest",
        "In the {bottom:nth} quarter {n} is [lower|weaker] than in any other, {bottom_mean} on average",
    ),
    "texture/smooth": (
        "{N} changes [smoothly|gradually|slowly]",
        "{N} [moves|drifts] smoothly[, without jumps|]",
        "[Smooth|Gradual] changes in {n}",
        "{N}: [smooth|gradual changes]",
        "The changes in {n} are gradual",
        "{N} is a smooth curve",
        "Step by step {n} changes little",
        "[Slowly|Gradually] varying {b}",
    ),
    "texture/jagged": (
        "{N} [jumps|fluctuates] [strongly|a lot] from step to step",
        "{N} is [erratic|noisy|jumpy]",
        "[Erratic|Noisy|Jumpy] {b}",
        "{N}: [erratic|noisy], standard deviation {std}",
        "{N} jumps about, by up to {largest_change} between readings",
        "[Strong|Large] step-to-step [fluctuations|changes] in {n}",
        "{N} fluctuates quickly [around its mean|]",
        "The {b} curve is [rough|noisy|erratic]",
    ),
    "spread": (
        "{N} has a standard deviation of {std}",
        "The spread of {n} is {range} from lowest to highest",
        "{N} spans {range}[ between its extremes|]",
        "{N}: range {range}, standard deviation {std}",
        "Between lowest and highest {b} lie {range}",
        "The standard deviation of {n} is {std}[ around a mean of {mean}|]",
        "{N} varies by {range} in all",
        "{N} deviates from its mean by {std} (standard deviation)",
    ),
    "spread/steady": (
        "{N} [keeps|stays|remains] close to one level[ most of the time|]",
        "{N} is [mostly steady|stable for most of the window]",
        "Mostly [steady|stable] {b}",
        "{N}: [steady|stable] for the most part, standard deviation {std}",
        "{N} seldom strays far from {mean}",
        "Apart from a few excursions, {n} is steady",
        "{N} holds near {mean} most of the time",
        "A [steady|stable] {b} with few excursions",
    ),
    "spread/variable": (
        "{N} is [variable|changeable]",
        "{N} uses its whole range[, from {range} wide extremes|]",
        "[Variable|Changeable|Unsettled] {b}",
        "{N}: variable, standard deviation {std}",
        "{N} varies [widely|strongly] around its mean of {mean}",
        "{N} is far from steady, with a standard deviation of {std}",
        "There is much variation in {n}",
        "Large swings in {n}, {range} from end to end",
    ),
    "spread/still": (
        "{N} hardly [moves|changes|varies], staying within {range}",
        "{N} is [nearly|almost] constant at about {mean}",
        "[Nearly|Almost] constant {b}",
        "{N}: nearly constant, range {range}",
        "{N} barely [changes|moves] from {mean}",
        "Hardly any change in {n}",
        "{N} is very steady around {mean}",
        "A [very steady|rock-steady] {b}, within {range}",
    ),
    "shift/up": (
        "{N} [jumps|shifts|steps] up from about {before} to {after} {at}",
        "{N} moves to a higher level {at}",
        "A [step|jump|shift] up in {n} {at}[, from {before} to {after} on average|]",
        "{N}: step up {at:note}, {before} to {after}",
        "{at}, {n} shifts to a higher level, {after} on average",
        "[Sudden|Abrupt] [jump|step up] in {b} {at:rel}",
        "Before the jump {n} averages {before}, after it {after}",
        "The level of {n} shifts upwards {at:rel}",
    ),
    "shift/down": (
        "{N} [drops|shifts|steps] down from about {before} to {after} {at}",
        "{N} moves to a lower level {at}",
        "A [step|shift] down in {n} {at}[, from {before} to {after} on average|]",
        "{N}: step down {at:note}, {before} to {after}",
        "{at}, {n} shifts to a lower level, {after} on average",
        "[Sudden|Abrupt] [drop|step down] in {b} {at:rel}",
        "Before the drop {n} averages {before}, after it {after}",
        "The level of {n} shifts downwards {at:rel}",
    ),
    "spikes/up:one": (
        "{N} spikes to {value} {at}",
        "A [single|sharp|lone] spike in {n} [reaches|to] {value} {at}",
        "{N} shoots up briefly {at}",
        "{N}: spike to {value}, {at:note}",
        "[One|A] short peak of {value} stands out in {n} {at}",
        "{at}, {n} jumps briefly to {value}",
        "[Sharp|Sudden|Brief] {b} spike {at:rel}",
        "A brief spike [interrupts|stands out from] {n} {at:rel}",
    ),
    "spikes/up:many": (
        "{N} spikes {count:word} times, the largest [reaching|to] {value} {at}",
        "{count:word} [sharp|short|sudden] spikes in {n}[, the largest {at}|]",
        "{N} shoots up briefly {count:word} times",
        "{N}: {count} spikes, the largest {value}, {at:note}",
        "The largest of {count:word} spikes in {n} is {value}, {at}",
        "[Several|Some] spikes in {b}, up to {value}",
        "[Sharp|Sudden|Brief] {b} spikes",
        "Short peaks stand out in {n}, {count} of them",
    ),
    "spikes/down:one": (
        "{N} drops briefly to {value} {at}",
        "A [single|sharp|lone] dip in {n} [reaches|to] {value} {at}",
        "{N} dips sharply {at}",
        "{N}: dip to {value}, {at:note}",
        "[One|A] short dip to {value} stands out in {n} {at}",
        "{at}, {n} plunges briefly to {value}",
        "[Sharp|Sudden|Brief] {b} dip {at:rel}",
        "A brief dip [interrupts|stands out from] {n} {at:rel}",
    ),
    "spikes/down:many": (
        "{N} has {count:word} [sharp|brief|sudden] [spikes or dips|outliers], the largest a dip to {value} {at}",
        "{count:word} brief excursions in {n}, the largest down to {value}",
        "The largest of {count:word} excursions of {n} is a dip to {value}, {at}",
        "{N}: {count} outliers, the largest {value}, {at:note}",
        "{at}, {n} plunges briefly to {value}, the largest of {count} outliers",
        "[Several|Some] sharp excursions in {b}, as far as {value}",
        "Short outliers stand out in {n}, {count} of them",
        "{b} dips sharply {at:rel}, one of {count:word} outliers",
    ),
    "zeros": (
        "{N} is zero for {zero} of the [window|time]",
        "{zero} of the steps have no {b}",
        "{N} is zero in {zero} of the steps",
        "{N}: zero for {zero} of the window, {spells:spells}",
        "[Nothing|Zero] in {n} for {zero} of the time",
        "{N} comes in {spells:spells}",
        "Apart from {spells:word spells}, {n} is nil",
        "Only now and then is {n} above zero",
    ),
    "burst/most": (
        "A [burst|spell] of {b} {span} brings {amount}, {of_total} of the total",
        "Most of the {b}, {of_total}, [comes|falls] in one [burst|spell] {middle}",
        "[The main|One main] [burst|spell|event] of {b} {middle:rel}",
        "{N}: main burst {span}, {of_total} of the total",
        "{N} is concentrated in one [burst|event] {middle:rel}, with up to {high} in one step",
        "{at}, the [strongest|largest] {b} of {high} in one step",
        "[Concentrated|Bundled] {b} {middle:rel}",
        "The main spell of {b} lasts {length} and brings {amount}",
        "{of_total} of {n} falls within {length}",
        "A [burst|spell] of {b} {middle:rel}",
    ),
    "burst/only": (
        "A single [burst|spell] of {b} {span} brings {amount}",
        "All of the {b} [comes|falls] in one [burst|spell] {middle}",
        "[One|A single] [burst|spell] of {b} {middle:rel}",
        "{N}: one spell {span}",
        "{N} is confined to one [burst|event] {middle:rel}, with up to {high} in one step",
        "{at}, the [strongest|largest] {b} of {high} in one step",
        "[Isolated|Single] burst of {b} {middle:rel}",
        "The only spell of {b} lasts {length}[ and brings up to {high} in one step|]",
    ),
    "burst/*:heavy": (
        "A heavy [burst|spell] of {b} {middle:rel}",
        "[Heavy|Intense|Strong] {b} {middle:rel}",
        "{N} is [heavy|intense] {middle}",
        "{N}: heavy burst, up to {high} a step, {at:note}",
        "Heavy {b} of up to {high} in one step {at}",
    ),
    "burst/*:moderate": (
        "A [moderate|fair] [burst|spell] of {b} {middle:rel}",
        "Moderate {b} {middle:rel}",
        "{N} is moderate {middle}, up to {high} in one step",
    ),
    "burst/*:light": (
        "A [light|slight] spell of {b} {middle:rel}",
        "[Light|A little|Slight] {b} {middle:rel}",
        "{N} is light {middle}, no more than {high} in one step",
    ),
    "burst/scattered": (
        "{N} is [scattered|spread] over {spells:word spells}[, with at most {high} in one step|]",
        "[Scattered|Intermittent|On-and-off] {b}[, up to {high}|]",
        "{N} comes and goes in {spells:word spells}",
        "{N}: {spells:spells}, heaviest {high}, {at:note}",
        "[Several|Repeated] spells of {b}, the heaviest {at}",
        "{b} on and off, the most ({high}) {at}",
        "No single spell dominates {n}",
        "[Several|Scattered] [spells|bursts] of {b}",
    ),
    "limit/top": (
        "{N} [sits|stays|is] at its maximum of {value} for {at} of the time",
        "{N} is at its upper limit of {value} in {at} of the steps",
        "For {at} of the window {n} [is|reads] {value}, its maximum",
        "{N}: at {value} (its maximum) for {at}",
        "{N} saturates at {value}",
        "{N} is [often|repeatedly] capped at {value}",
        "A ceiling at {value} in {n}",
        "{at} of the {b} readings are at the maximum of {value}",
    ),
    "limit/bottom": (
        "{N} [sits|stays|is] at its minimum of {value} for {at} of the time",
        "{N} is at its lower limit of {value} in {at} of the steps",
        "For {at} of the window {n} [is|reads] {value}, its minimum",
        "{N}: at {value} (its minimum) for {at}",
        "{N} rests on a floor of {value}",
        "{N} is [often|repeatedly] at its floor of {value}",
        "A floor at {value} in {n}",
        "{at} of the {b} readings are at the minimum of {value}",
    ),
    "sign/negative": (
        "{N} is [below zero|negative] throughout",
        "{N} never [gets|rises|comes] above zero",
        "{N}: [below zero|negative] all along",
        "Every reading of {b} is below zero",
        "[Negative|Sub-zero] {b} [throughout|from start to end]",
        "{N} stays [under|below] zero the whole time",
        "At no time does {n} reach zero",
        "{N} remains [negative|below zero] for the whole window",
    ),
    "sign/crosses": (
        "{N} [crosses|passes through] zero, from {low} at the lowest to {high}",
        "{N} is [below zero|negative] for {below} of the time",
        "{N}: below zero in {below} of the steps",
        "{N} is negative in {below} of the steps and [positive|at or above zero] in the rest",
        "Zero is crossed by {n}",
        "{N} takes both signs, between {low:raw} and {high}",
        "{N} falls below zero[, as low as {low}| at times|]",
        "For {below} of the window, {n} is below zero",
    ),
    "compass": (
        "{N} is mainly {cls}[, around {degrees}|]",
        "{N} [prevails|is mostly] around {degrees}[, {cls}|]",
        "The prevailing {b} is {cls}",
        "{N}: {cls}, about {degrees}",
        "{N} averages {degrees}, {cls}",
        "Mostly {cls} {b}",
        "{N} lies in the {cls} for {eighth} of the time",
        "On average {n} is {degrees}, that is {cls}",
    ),
    "compass/*:wind": (
        "The wind [comes|blows] mainly from the {cls}[, around {degrees}|]",
        "[Mostly|Mainly|Predominantly] {cls}[erly|] wind",
        "{N}: from the {cls}, about {degrees}",
        "Wind from the {cls} for {eighth} of the time",
        "{N} [prevails|is predominantly] from the {cls}",
    ),
    "compass/variable": (
        "{N} is variable[, with no prevailing direction|]",
        "No prevailing {b}",
        "{N} keeps [turning|shifting|changing]",
        "{N}: variable",
        "{N} has no preferred sector",
        "{N} shifts around the compass",
        "[Variable|Shifting|Changing] {b}",
        "{N} turns through several sectors",
    ),
    "days": (
        "Day {top_day} has the highest mean {b}, {top_mean}",
        "Day {bottom_day} has the lowest mean {b}, {bottom_mean}",
        "{N} is highest on day {top_day} ({top_mean} on average) and lowest on day {bottom_day} ({bottom_mean})",
        "By daily means, {n} is between {bottom_mean} (day {bottom_day}) and {top_mean} (day {top_day})",
        "{N}: day {top_day} highest, day {bottom_day} lowest",
        "On day {top_day} {n} averages {top_mean}, more than on any other day",
        "On day {bottom_day} {n} averages only {bottom_mean}",
        "The daily mean of {n} is [highest|at its maximum] on day {top_day}, at {top_mean}",
    ),
}  # fmt: skip

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
