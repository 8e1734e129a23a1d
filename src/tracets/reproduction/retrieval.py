"""Retrieval: text and series both ways, series by series, and the model that ships on corpora it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracets.api.evaluation import evaluate_retrieval
from tracets.api.models import BASE, load
from tracets.reproduction.trainings import trained_ours, trained_paper
from tracets.tables.table import Figures, Line, Panel, Size, Source, Step, Table

if TYPE_CHECKING:
    from tracets.encoders.protocol import PairEncoder

PAIR = ("MRR", "P@1", "P@5", "P@10", "median rank")
LABEL = ("P@1", "P@5", "MRR", "macro_P@1")
TO_SERIES, TO_TEXT = Panel("Text to series, pair", PAIR), Panel("Series to text, pair", PAIR)
TO_SERIES_LABEL, TO_TEXT_LABEL = Panel("Text to series, label", LABEL), Panel("Series to text, label", LABEL)
LIKE = Panel("Series to series, label", LABEL)
PLACES = {
    TO_SERIES: ("text_to_series", "pair"), TO_TEXT: ("series_to_text", "pair"),
    TO_SERIES_LABEL: ("text_to_series", "label"), TO_TEXT_LABEL: ("series_to_text", "label"),
    LIKE: ("series_to_series", "label"),
}  # fmt: skip
BOTH_WAYS = (TO_SERIES, TO_TEXT, TO_SERIES_LABEL, TO_TEXT_LABEL)
CHEAP = ("bm25", "caption", "ridge")
DISTANCES = ("euclidean", "dtw")
ASIDE = (
    "Identical texts are relevant to each other here; the paper counts another window's identical text as wrong.",
    "Series to text, models are corrected for texts that are near every window; baselines are not.",
)


def lines_of(report: dict[str, Any], name: str, panels: Sequence[Panel], *, baseline: str | None = None) -> Line:
    """The row of a model, or of a baseline beside it, from the JSON of an evaluation."""
    scores = report if baseline is None else report["baselines"][baseline]
    bounds = report["intervals"] if baseline is None else report["intervals"]["baselines"][baseline]
    return Line(name, _figures(scores, bounds, panels))


def chance_of(report: dict[str, Any], panels: Sequence[Panel]) -> Line:
    """The row of a random order."""
    return Line("chance", _figures(report["chance"], {}, panels), f"a random order; {report['n']} windows with a text")


def _figures(scores: dict[str, Any], bounds: dict[str, Any], panels: Sequence[Panel]) -> Figures:
    found: dict[str, dict[str, list[float | None]]] = {}
    for panel in panels:
        direction, target = PLACES[panel]
        if direction in scores:
            values, ends = scores[direction][target], bounds.get(direction, {}).get(target, {})
            keys = {m: m.replace(" ", "_") for m in panel.metrics}
            found[panel.title] = {m: [values[k], *ends.get(k, ())] for m, k in keys.items() if k in values}
    return found


def _measured(source: Source, model: PairEncoder, size: Size, seed: int, baselines: Sequence[str] = ()) -> Any:
    report = evaluate_retrieval(source.windows, model, baselines=baselines, seed=seed, n_boot=size.n_boot)
    return report.to_json()


def _baseline(source: Source, size: Size, seed: int, name: str, panels: Sequence[Panel]) -> Step:
    def make() -> list[Line]:
        return [lines_of(_measured(source, load(BASE), size, seed, [name]), name, panels, baseline=name)]

    return Step(source.name, source.digest, name, make)


def _base(source: Source, size: Size, seed: int, panels: Sequence[Panel]) -> Step:
    def make() -> list[Line]:
        report = _measured(source, load(BASE), size, seed)
        return [chance_of(report, panels), lines_of(report, "base, as it ships", panels)]

    return Step(source.name, source.digest, "base", make)


def _trained(source: Source, size: Size, seed: int, panels: Sequence[Panel], *, paper: bool) -> Step:
    def make() -> list[Line]:
        model = (trained_paper if paper else trained_ours)(source, size, seed=seed)
        name = "recipe paper, from nothing" if paper else "ours: base, trained"
        return [lines_of(_measured(source, model, size, seed), name, panels)]

    return Step(source.name, source.digest, "paper" if paper else "ours", make)


def _retrieval(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        step
        for source in sources
        for step in (
            _base(source, size, seed, BOTH_WAYS),
            *(_baseline(source, size, seed, name, BOTH_WAYS) for name in CHEAP),
            _trained(source, size, seed, BOTH_WAYS, paper=True),
            _trained(source, size, seed, BOTH_WAYS, paper=False),
        )
    ]


def _series_to_series(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        step
        for source in sources
        for step in (
            _base(source, size, seed, (LIKE,)),
            *(_baseline(source, size, seed, name, (LIKE,)) for name in DISTANCES),
            _trained(source, size, seed, (LIKE,), paper=True),
        )
    ]


def _zero_shot(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        step
        for source in sources
        for step in (_base(source, size, seed, BOTH_WAYS), _baseline(source, size, seed, "bm25", BOTH_WAYS))
    ]


def _pair(first: float, fifth: float, mrr: float) -> dict[str, list[float | None]]:
    return {"P@1": [first], "P@5": [fifth], "MRR": [mrr]}


RETRIEVAL = Table(
    name="retrieval",
    title="Text to series and series to text",
    shows="Finds the series that a text tells of, and the text that tells of a series, among the windows of split test "
    "(the paper's table of cross-modal retrieval).",
    differs=(
        "The paper ranks 2,000 pairs of its own corpus (NOAA weather events with narratives); here the pool is the "
        "test split of the data named below, so its figures are no yardstick for these. Chance says how hard a pool "
        "is.",
        "The paper trains at width 384 with 6 layers. `recipe paper` is its plain method at the size said above; "
        "`ours` starts from `base`, which has learnt from other corpora and from the training part of the built-in "
        "weather. Both have the same minutes (size smoke: the same steps), counted from where the frozen encoder has "
        "read all texts.",
        "The captions of the built-in weather come from one generator: they measure reading, not people's language.",
        *ASIDE,
    ),
    published=(
        Line("TRACE", {TO_SERIES.title: _pair(0.4372, 0.6984, 0.557), TO_TEXT.title: _pair(0.441, 0.7024, 0.56),
                       TO_SERIES_LABEL.title: _pair(0.8963, 0.7839, 0.938),
                       TO_TEXT_LABEL.title: _pair(0.9008, 0.776, 0.94)}),
        Line("MOMENT", {TO_TEXT.title: _pair(0.0778, 0.2168, 0.154), TO_TEXT_LABEL.title: _pair(0.5573, 0.5318, 0.691),
                        TO_SERIES_LABEL.title: _pair(0.6467, 0.5953, 0.74)}),
        Line("TS2Vec", {TO_SERIES.title: _pair(0.0742, 0.237, 0.184)}),
        Line("random", {TO_TEXT_LABEL.title: {"P@1": [0.4261]}}),
    ),
    panels=BOTH_WAYS,
    steps=_retrieval,
)  # fmt: skip

SERIES_TO_SERIES = Table(
    name="series-to-series",
    title="Series to series",
    shows="Finds series of the same label as a series, among the windows of split test (the paper's table of series-to-"
    "series retrieval).",
    differs=(
        "The paper asks 1,000 queries of its own corpus, with event types as labels; here each labelled window of the "
        "test split asks all others, and the labels are those of the data.",
        "The paper's P@5 is above its P@1 (.986, .900), so it seems to count a query as right when any of "
        "five is; P@5 here is "
        "the share of the five that is right, which cannot be compared.",
        "CTSR and SAX-VSM are not made here. The paper's seconds stand in table `speed`.",
    ),
    published=(
        Line("TRACE", {LIKE.title: _pair(0.9, 0.986, 0.938)}),
        Line("CTSR", {LIKE.title: _pair(0.682, 0.893, 0.802)}),
        Line("SAX-VSM", {LIKE.title: {"P@1": [0.551]}}),
        Line("ED", {LIKE.title: {"P@1": [0.548]}}),
        Line("DTW", {LIKE.title: {"P@1": [0.38]}}),
    ),
    panels=(LIKE,),
    steps=_series_to_series,
)

ZERO_SHOT = Table(
    name="zero-shot",
    title="The model that ships, on corpora as they come",
    shows="Retrieval by `base` without any training on the corpus, beside chance and a search of fresh captions by "
    "words. Give corpora by --data.",
    differs=(
        "The paper trains on the corpus that it measures on; it has no such table.",
        "`base` has learnt from the training part of the built-in weather: on that, this is no new corpus.",
        *ASIDE,
    ),
    published=(),
    panels=BOTH_WAYS,
    steps=_zero_shot,
)
