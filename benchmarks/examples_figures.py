"""What the commands of the pages of docs/examples said, as figures: tables of retrieval, hits, forecasts and labels.

Whether a hit is right is told from its values alone, by a rule for each question, beside the share of all windows that
were asked for which the rule holds: what a search at random would find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tracets
from tracets.data import read_series
from tracets.types import FloatArray

Said = Mapping[str, Mapping[str, Any]]
Rule = Callable[[FloatArray], bool]
Degree = Callable[[FloatArray], Any]
Table = dict[str, Any]
WAYS = (("text to series", "text_to_series"), ("series to text", "series_to_text"))


def above_and_rising(values: FloatArray) -> bool:
    """The last week is above 2.2 %, the national baseline in these reports, and above four weeks before."""
    return bool(values[-1] > 2.2 and values[-1] > values[-5])


def below(values: FloatArray) -> bool:
    """The last week is below 2.2 %."""
    return bool(values[-1] < 2.2)


def fell(values: FloatArray) -> bool:
    """The last five weekly changes are falls."""
    return bool((np.diff(values[-6:]) < 0).all())


def rose(values: FloatArray) -> bool:
    """The last five weekly changes are rises."""
    return bool((np.diff(values[-6:]) > 0).all())


def spiked(values: FloatArray) -> bool:
    """The highest day has 2.5 times the median, and at most two days have more than 1.8 times."""
    middle = np.nanmedian(values)
    return bool(np.nanmax(values) >= 2.5 * middle and (values > 1.8 * middle).sum() <= 2)


def climbed(values: FloatArray) -> bool:
    """Values and days correlate by .6 and more."""
    return bool(np.corrcoef(values, np.arange(len(values)))[0, 1] >= 0.6)


def peaked_late(values: FloatArray) -> bool:
    """The highest day lies in the last quarter."""
    return bool(np.nanargmax(values) >= 0.75 * len(values))


RULES: Mapping[str, tuple[Rule, Degree]] = {
    "Visits for influenza-like illness are above": (above_and_rising, lambda values: values[-1] - values[-5]),
    "Influenza activity is low": (below, lambda values: -values[-1]),
    "The national average retail gasoline price fell": (fell, lambda values: values[-6] - values[-1]),
    "The national average retail gasoline price rose": (rose, lambda values: values[-1] - values[-6]),
    "The air quality index spikes": (spiked, lambda values: np.nanmax(values) / np.nanmedian(values)),
    "The air quality index rises steadily": (climbed, lambda values: np.corrcoef(values, np.arange(len(values)))[0, 1]),
    "The air quality index peaks near the end": (peaked_late, lambda values: np.nanargmax(values)),
}
"""How a question begins; when a window is right; and how far it is so, which needs no limit."""
CHANNELS = {
    "health": "influenza-like illness", "energy": "U.S. gasoline price", "environment": "air quality index",
}  # fmt: skip
SERIES = {"health": "flu", "energy": "gasoline", "environment": "air"}


def figures_of(name: str, said: Said) -> dict[str, Table]:
    """All tables of a page, by their names."""
    if name == "ecg":
        of_ecg: dict[str, Callable[[Said], Table]] = {
            "corpus": corpus, "retrieval": retrieval, "reasons": reasons, "hits": ecg_hits, "nearest": nearest,
            "labels": labels,
        }  # fmt: skip
        return {table: tell(said) for table, tell in of_ecg.items()}
    made = {
        "corpus": corpus(said),
        "retrieval": retrieval(said),
        "questions": questions(name, said),
        "hits": hits(name, said),
        "reasons": reasons(said),
        "training": training(said),
        "backtest": backtest(said),
        "gate": gate(said),
    }
    return {table: one for table, one in made.items() if one["rows"]}


def commands(said: Said, *words: str) -> list[str]:
    """The commands that hold all words, in the order of the page."""
    return [line for line in said if line != "python" and all(word in line for word in words)]


def corpus(said: Said) -> Table:
    """What `tracets data describe` counts."""
    (line,) = commands(said, "data describe")
    found = said[line]["out"][0]
    kinds = found["kinds"].get("text_source", {})
    first, last = ((found["start"][end] or "unknown")[:10] for end in ("first", "last"))
    rows = [
        ["windows (train, val, test)", f"{found['rows']} ({', '.join(str(found['splits'].get(s, 0)) for s in PARTS)})"],
        *([["begin", f"{first} to {last}"]] if found["start"]["first"] else []),
        ["channels", len(found["channels"])],
        ["share of values missing", float(found["missing"])],
    ]
    if kinds:
        counts = ", ".join(str(kinds.get(kind, 0)) for kind in KINDS)
        rows.append(["with a report, with search results, with neither", counts])
    if found["labels"].keys() != {""}:
        rows.append(["labels", ", ".join(f"{label} {n}" for label, n in found["labels"].items())])
    return {"head": ["", ""], "rows": rows}


PARTS, KINDS = ("train", "val", "test"), ("report", "search", "")


def retrieval(said: Said) -> Table:
    """Chance, baselines and models, each way, with intervals."""
    rows: list[list[Any]] = []
    known: set[str] = set()
    for line in commands(said, "evaluate retrieval"):
        found = said[line]["out"][0]
        others = {"chance": (found["chance"], None)} | {
            name: (one, found["intervals"]["baselines"][name]) for name, one in found["baselines"].items()
        }
        model = re.search(r"--model (\S+)", line)
        asked = {model[1] if model else "base": (found, found["intervals"])}
        for who, (one, intervals) in (others | asked).items():
            if who not in known:
                rows.append([who, *(cell for _, way in WAYS for cell in _ranks(one, intervals, way))])
            known.add(who)
    n = said[commands(said, "evaluate retrieval")[0]]["out"][0]["n"]
    head = [f"{n} pairs", *(f"{way}: {what}" for way, _ in WAYS for what in ("MRR", "P@1", "P@10"))]
    return {"head": head, "rows": rows}


def _ranks(found: Mapping[str, Any], intervals: Any, way: str) -> list[Any]:
    pair = found[way]["pair"]
    mrr = pair["MRR"] if intervals is None else [pair["MRR"], *intervals[way]["pair"]["MRR"]]
    return [mrr, pair["P@1"], pair["P@10"]]


def questions(name: str, said: Said) -> Table:
    """Of the hits of each question, how many are right, and how many of all that were asked.

    The mean place of the hits among all windows, by how far they are what was asked for, is 1 at most and .5 by chance.
    """
    rows = []
    for line in commands(said, "tracets search"):
        question, rule, degree = _rule(line)
        found = [values for _, values in _found(name, said, line)]
        every = _pool(name, line)
        shares = [f"{sum(map(rule, found))} of {len(found)}", float(np.mean([rule(values) for values in every]))]
        known = np.array([degree(values) for values in every])
        places = [((known < one).mean() + (known <= one).mean()) / 2 for one in map(degree, found)]
        who = "tuned" if "tuned.index" in line else "base"
        rows.append([question, who, *shares, float(np.mean(places)), len(every)])
    return {"head": ["question", "model", "right", "share of all that are", "mean place", "of"], "rows": rows}


def hits(name: str, said: Said) -> Table:
    """The first five hits of the question that is drawn."""
    (line,) = commands(said, "tracets search", "--plot")
    _, rule, _ = _rule(line)
    rows = []
    for hit, values in _found(name, said, line)[:5]:
        told = (hit["text"] or "")[:160]
        about = [hit["start"][:10], hit["end"][:10], float(values[0]), float(np.max(values)), float(values[-1])]
        rows.append([hit["rank"], hit["id"], hit["score"], *about, "yes" if rule(values) else "no", told])
    return {
        "head": ["", "window", "score", "from", "to", "first", "highest", "last", "right", "its text"],
        "rows": rows,
    }


def ecg_hits(said: Said) -> Table:
    """The first five hits by the values alone, and by the words of the stored texts too."""
    rows = []
    for line in commands(said, "tracets search"):
        way = "words too" if "--hybrid" in line else "values"
        for hit in said[line]["out"][:5]:
            rows.append([way, hit["rank"], hit["id"], hit["metadata"]["entity"], hit["text"][:160]])
    return {"head": ["by", "", "recording", "database", "its text"], "rows": rows}


def nearest(said: Said) -> Table:
    """How often the most similar other recording has the label of the one that asks."""
    (line,) = commands(said, "evaluate retrieval")
    found = said[line]["out"][0]
    label, chance = (one["series_to_series"]["label"] for one in (found, found["chance"]))
    shared = [label["P@1"], *found["intervals"]["series_to_series"]["label"]["P@1"]]
    rows = [[found["provenance"]["n_labelled"], shared, chance["P@1"]]]
    return {"head": ["recordings", "the nearest has the same label", "chance"], "rows": rows}


def reasons(said: Said) -> Table:
    """What `tracets explain` says of each sentence."""
    rows = []
    for line in commands(said, "tracets explain"):
        for one in said[line]["out"][0]["sentences"]:
            place = one["place"] or {"start": None, "end": None, "drop": None}
            span = f"{place['start'][:10]} to {place['end'][:10]}" if place["start"] else "none"
            rows.append([one["sentence"], one["channel"], one["cosine"], one["part"], span, place["drop"]])
    return {
        "head": ["sentence", "channel", "cosine", "part of the score", "where", "falls without it by"],
        "rows": rows,
    }


def training(said: Said) -> Table:
    """Steps, minutes and the validation of each training: the checks that were the best so far, and the last one."""
    rows = []
    for line in commands(said, "tracets train"):
        folder = Path(re.search(r"--out (\S+)", line)[1])  # type: ignore[index]
        lines = (folder / "run" / "align" / "metrics.csv").read_text(encoding="utf-8").splitlines()
        of = [dict(zip(lines[0].split(","), row.split(","), strict=True)) for row in lines[1:]]
        checks, best = [row for row in of if row.get("val/MRR")], 0.0
        for one in checks:
            if (mean := float(one["val/MRR"])) > best or one is checks[-1]:
                ways = [float(one[f"val/{way}"]) for _, way in WAYS]
                rows.append([int(one["step"]), f"{float(one['minutes']):.1f}", *ways])
            best = max(best, mean)
    return {"head": ["step", "minutes", *(f"{way}: MRR on val" for way, _ in WAYS)], "rows": rows}


def backtest(said: Said) -> Table:
    """Errors of the forecaster and of naive ones."""
    (line,) = commands(said, "evaluate forecast")
    found = said[line]["out"][0]
    rows = []
    for who, one in {found["forecaster"]: found, **found["others"]}.items():
        gap = one.get("paired")
        paired = [gap[name] for name in ("mse_diff", "low", "high")] if gap else None
        below = [one["coverage"][level] for level in ("0.1", "0.9")]
        rows.append([who, *(one[metric] for metric in ("mse", "mae", "mase", "crps")), *below, paired])
    head = [f"{found['n']} windows, {found['horizon']} steps", "MSE", "MAE", "MASE", "CRPS"]
    head += ["values below the quantile at 10 %", "at 90 %", "MSE less that of seasonal-naive"]
    return {"head": head, "rows": rows}


def gate(said: Said) -> Table:
    """What the gate of a forecast with retrieval says."""
    (line,) = commands(said, "tracets forecast", "--index")
    told = [row for row in said[line]["err"].splitlines() if "neighbours" in row]
    return {"head": ["the gate"], "rows": [[row] for row in told]}


ASKED = {"label": "the label", "entity": "the database", "rate": "fast or not"}
VIEWS = {"vectors": "frozen encoder", "levels": "plain numbers"}


def labels(said: Said) -> Table:
    """What the Python block of the page has measured; the second test of the rate is on another database."""
    rows: list[list[Any]] = []
    for column, n, view, accuracy, low, high, chance in said["python"]["told"]:
        parted = "other database" if sum(row[0] == ASKED[column] for row in rows) >= len(VIEWS) else "by turns"
        rows.append([ASKED[column], parted, n, VIEWS[view], [accuracy, low, high], chance])
    return {"head": ["told", "tested on", "n", "by", "accuracy", "commonest class"], "rows": rows}


def _rule(line: str) -> tuple[str, Rule, Degree]:
    question = re.search(r"'(.+?)'", line)[1]  # type: ignore[index]
    return question, *next(rule for begin, rule in RULES.items() if question.startswith(begin))


def _found(name: str, said: Said, line: str) -> list[tuple[Any, FloatArray]]:
    """The hits of a search, each with the values of the channel that it was about."""
    found = said[line]["out"]
    if "--spans" in line:
        [whole] = read_series(f"{SERIES[name]}.csv")
        row = whole.values[whole.channel_names.index(CHANNELS[name])]
        return [(hit, row[hit["first_step"] : hit["first_step"] + hit["n_steps"]]) for hit in found]
    windows = {window.id: window for window in tracets.read(f"{SERIES[name]}.parquet")}
    return [(hit, _row(name, windows[hit["id"]])) for hit in found]


def _pool(name: str, line: str) -> list[FloatArray]:
    """The values of all windows that the search ranks."""
    if "--spans" in line:
        return [_row(name, one) for one in tracets.cut(f"{SERIES[name]}.csv", lengths=[28], strides=[7])]
    return [_row(name, one) for one in tracets.read(f"{SERIES[name]}.parquet").split("test")]


def _row(name: str, sample: Any) -> FloatArray:
    values: Sequence[float] = sample.values[sample.channel_names.index(CHANNELS[name])]
    return np.asarray(values)
