"""Time-MMD (arXiv 2406.08627) as published: a numerical CSV, and dated facts from reports and web search beside it.

Pairing, so that no window is told its future and no fact is told twice: a fact belongs to the window in whose last
stride its last day falls. The column `preds` speaks about the future and is never read.

Facts left out: empty or NA-like ones, those shorter than 15 characters, repeats, those that end before they start or
span more than 120 days, and those that name a year or a day ("May 4, 2020") after the one they end in.

Quirks of the numbers, and what becomes of them: rows that run backwards are sorted; a date that comes twice (week 53
and week 1) takes the mean of its rows; "X" and infinities are missing; a missing week is NaN; Health_AFR has its column
`date` twice; numbers that are dates, weeks or codes are no channels (Climate's MapDate, 20240514). "OT", the target,
and the long headers of Energy get names that say what they are, where that could be checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data.corpus import Corpus
from tracets.data.series import Series
from tracets.data.table import read_table
from tracets.data.times import parse_times, to_grid
from tracets.data.windows import TimeSplit, cut_windows
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, is_file
from tracets.types import Sample

KINDS = ("report", "search")
FRACTIONS = (0.6, 0.15, 0.25)
MOST_FACTS: Mapping[str, int] = {"report": 6, "search": 4}
SHORTEST, LONGEST_SPAN = 15, timedelta(days=120)
FEWEST_REPORTS = 60  # below this many windows with a report, the split follows all windows
# Energy's reports quote the price of the Monday after their dates, which is the next row of the numbers.
LATER: Mapping[str, timedelta] = {"Energy": timedelta(days=7)}
# What the target is, by its name elsewhere in the source; encoders read names. Other subsets keep theirs.
TARGETS: Mapping[tuple[str, str], tuple[str, str | None]] = {
    ("Energy", "OT"): ("U.S. gasoline price", "Dollars per Gallon"),
    ("Environment", "OT"): ("air quality index", None),
    ("Health_US", "OT"): ("influenza-like illness", "%"),  # ILITOTAL in TOTAL PATIENTS
    ("Health_US", "% WEIGHTED ILI"): ("influenza-like illness, weighted", "%"),
}
TARGET_NAMES = ("OT", *(name for (_, column), (name, _) in TARGETS.items() if column == "OT"))
"""What the channel to be forecast is called: in the files, and by `TARGETS`."""
PRICE = re.compile(
    r"Weekly (?P<where>[\w ]+?)( \(PADD \w+\))? All Grades All Formulations Retail Gasoline Prices", re.IGNORECASE
)
NO_CHANNEL = frozenset({"date", "start_date", "end_date", "year", "week", "year_week", "cbsa code", "mapdate",
                        "statisticformatid"})  # fmt: skip
HEADING = re.compile(r"^\W*objective facts[^\n:]*:?[\s*]*", re.IGNORECASE)
NOTHING = re.compile(
    r"^\W*(na|n/a|none)\b|no mention of|(does|do) not (provide|mention)|not provided|no (relevant )?objective fact"
    r"|there (is|are) no\b.{0,40}(fact|information)",
    re.IGNORECASE,
)
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
DAY = re.compile(rf"\b({'|'.join(MONTHS)}) (\d{{1,2}}), (\d{{4}})\b", re.IGNORECASE)
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


@dataclass(frozen=True)
class Cadence:
    """The usual step of a subset in days, as pandas offset, with the window length and stride that go with it."""

    days: tuple[int, int]
    length: int
    stride: int


CADENCES = {"D": Cadence((1, 1), 84, 7), "W": Cadence((7, 7), 24, 2), "MS": Cadence((28, 31), 12, 1)}


@dataclass(frozen=True, order=True)
class Fact:
    """A sentence that was true of the days up to `end` and could be known then."""

    end: date
    text: str


def is_time_mmd(path: Path) -> bool:
    """Whether a numerical CSV has its textual siblings (<name>_report.csv or <name>_search.csv) beside it."""
    return path.suffix.lower() == ".csv" and any(is_file(_beside(path, kind)) for kind in KINDS)


def read_time_mmd(
    path: Path, *, length: int | None = None, stride: int | None = None, limits: Limits = LIMITS
) -> Corpus:
    """Windows of one subset, paired with the facts known at their end.

    Parameters
    ----------
    path : Path
        The numerical CSV, such as Energy.csv, with Energy_report.csv or Energy_search.csv beside it.
    length, stride : int, optional
        In steps. Where not given: 84 and 7 for daily, 24 and 2 for weekly, 12 and 1 for monthly numbers.
    limits : Limits
        What each of the files may hold at most.

    Returns
    -------
    Corpus
        `text` joins up to the last 6 report facts, or where there is none up to the last 4 search facts; metadata
        `text_source` says which, `search_text` holds the search facts beside a report, `window_end` is the last day.
        The split parts the time of the windows that have a report 60/15/25, without overlap.

    Raises
    ------
    DataError
        No such file, no numbers, dates of another step than daily, weekly or monthly.
    """
    series = read_numbers(path, limits=limits)
    cadence = CADENCES[series.freq.split("-")[0]]
    length = length or cadence.length
    stride = stride or cadence.stride
    facts = {
        kind: read_facts(_beside(path, kind), later=LATER.get(path.stem) if kind == "report" else None, limits=limits)
        for kind in KINDS
    }
    whole = [_pair(w, series, facts, stride) for w in cut_windows([series], length=length, stride=stride).samples]
    split = _split(whole)
    cut = cut_windows([series], length=length, stride=stride, split=split)
    return Corpus.from_samples((_pair(w, series, facts, stride) for w in cut.samples), limits=limits)


def read_numbers(path: Path, *, limits: Limits = LIMITS) -> Series:
    """The numerical CSV as one regular series; a column is a channel when at least half of its entries are numbers."""
    table = read_table(path, alike=True, limits=limits)
    where = f"{path}: series '{path.stem}'"
    if "date" not in table.columns:
        raise DataError(
            f"{where} has no column 'date'; it has {', '.join(table.names)}. Is it Time-MMD's numerical CSV?"
        )
    times = parse_times(table.columns["date"], lines=table.lines, where=where, zone=None)
    columns = {}
    for name in table.names:
        if name.lower() not in NO_CHANNEL:
            values = np.array([_number(text) for text in table.columns[name]])
            if np.isfinite(values).mean() >= 0.5:
                columns[name] = values
    if not columns:
        raise DataError(f"{where} has no column of numbers. Is it Time-MMD's numerical CSV?")
    import pandas as pd

    frame = pd.DataFrame(columns, index=times).groupby(level=0).mean()
    freq = _freq(frame.index, where)
    start, freq, values = to_grid(
        frame.index, frame.to_numpy(np.float32).T, freq=freq, lines=range(len(frame)), where=where, limits=limits
    )
    names, units = zip(*(_name_and_unit(path.stem, name) for name in columns), strict=True)
    return Series(
        id=path.stem,
        values=values,
        channel_names=names,
        start=start.to_pydatetime(),
        freq=freq,
        units=units,
        domain=path.stem.split("_")[0].lower(),
        source="AdityaLab/Time-MMD",
        metadata={"subset": path.stem},
    )


def target_of(series: Series) -> int:
    """Which channel of `read_numbers` is the target, "OT" in the files."""
    return series.channel_names.index(TARGETS.get((series.id, "OT"), ("OT", None))[0])


def read_facts(path: Path, *, later: timedelta | None = None, limits: Limits = LIMITS) -> list[Fact]:
    """The usable facts of a textual CSV in the order of their end; none where the file does not exist.

    Parameters
    ----------
    later : timedelta, optional
        Moves the end of every fact, for reports that speak of days after their dates.
    """
    if not is_file(path):
        return []
    table = read_table(path, limits=limits)
    absent = {"start_date", "end_date", "fact"} - set(table.names)
    if absent:
        raise DataError(f"{path}: lacks {', '.join(sorted(absent))}. Is it Time-MMD's textual CSV?")
    facts = set()
    for begin, end, raw in zip(*(table.columns[c] for c in ("start_date", "end_date", "fact")), strict=True):
        text = " ".join(HEADING.sub("", raw).replace("**", " ").split())
        try:
            first, last = date.fromisoformat(begin.strip()[:10]), date.fromisoformat(end.strip()[:10])
            known = last + (later or timedelta(0))
        except (ValueError, OverflowError):
            continue
        usable = len(text) >= SHORTEST and not NOTHING.search(text) and timedelta(0) <= last - first <= LONGEST_SPAN
        if usable and not _names_later(text, known):
            facts.add(Fact(known, text))
    first_told: dict[str, Fact] = {}
    for fact in sorted(facts):
        first_told.setdefault(fact.text, fact)
    return list(first_told.values())


def _names_later(text: str, end: date) -> bool:
    if any(int(year) > end.year for year in YEAR.findall(text)):
        return True
    for month, day, year in DAY.findall(text):
        number = MONTHS.index(month.lower()) + 1
        if (int(year), number, int(day)) > (end.year, end.month, end.day):
            return True
    return False


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.stem}_{kind}.csv")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def _name_and_unit(subset: str, header: str) -> tuple[str, str | None]:
    if (subset, header) in TARGETS:
        return TARGETS[subset, header]
    words = " ".join(header.split())
    found = re.fullmatch(r"(.+?)\s*\(([^()]+)\)", words)
    name, unit = (found[1], found[2]) if found else (words, None)
    price = PRICE.fullmatch(name)
    return f"{price['where']} gasoline price" if price else name, unit


def _freq(times: Any, where: str) -> str:
    days = int(np.median(np.diff(times.normalize().as_unit("s").asi8)) // 86400) if len(times) > 1 else 0
    for freq, cadence in CADENCES.items():
        if cadence.days[0] <= days <= cadence.days[1]:
            return f"W-{times[0].day_name()[:3].upper()}" if freq == "W" else freq
    raise DataError(f"{where}: a usual step of {days} days is neither daily, weekly nor monthly.")


def _pair(window: Sample, series: Series, facts: Mapping[str, list[Fact]], stride: int) -> Sample:
    import pandas as pd

    grid = pd.date_range(window.start, periods=window.n_steps + 1, freq=series.freq)
    end, since = grid[-1].date(), grid[max(window.n_steps - stride, 0)].date()
    told = {k: [f.text for f in facts[k] if since <= f.end < end][-MOST_FACTS[k] :] for k in KINDS}
    source = next((kind for kind in KINDS if told[kind]), None)
    return replace(
        window,
        text=" ".join(told[source]) if source else None,
        metadata=dict(window.metadata)
        | {
            "text_source": source,
            "search_text": " ".join(told["search"]) or None if source == "report" else None,
            "window_end": (end - timedelta(days=1)).isoformat(),
        },
    )


def _split(windows: list[Sample]) -> TimeSplit:
    """Split at ends of windows, so that each part has its share of the windows with a report."""
    reported = [w for w in windows if w.metadata["text_source"] == "report"]
    counted = reported if len(reported) >= FEWEST_REPORTS else windows
    edges = []
    for share in (FRACTIONS[0], FRACTIONS[0] + FRACTIONS[1]):
        last = counted[max(round(share * len(counted)) - 1, 0)]
        edges.append(datetime.fromisoformat(last.metadata["window_end"]) + timedelta(days=1))
    return TimeSplit(*edges)
