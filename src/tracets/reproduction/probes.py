"""Is the text read? Forced choices, and what a hit says of its channels and parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracets.api.evaluation import evaluate_probes
from tracets.api.models import BASE, load
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

CHOICES = ("accuracy", "n")
FACTS, TEXTS = Panel("One fact of a sentence swapped", CHOICES), Panel("One word of the stored text swapped", CHOICES)
OTHERS = Panel("Order, statistics and placebos", CHOICES)
OTHER_PROBES = ("order", "statistics_only", "placebo_text", "placebo_channel", "names_only")


def _choice(found: Mapping[str, Any]) -> dict[str, list[float | None]]:
    return {"accuracy": [found["accuracy"], found["low"], found["high"]], "n": [float(found["n"])]}


def _lines(report: Mapping[str, Any]) -> list[Line]:
    kinds = list(report["captions"])
    lines = [Line("chance", {panel.title: {"accuracy": [report["chance"]]} for panel in (FACTS, TEXTS, OTHERS)})]
    for kind in kinds:
        figures = {FACTS.title: _choice(report["captions"][kind])}
        if kind in report["texts"] and report["texts"][kind]["n"]:
            figures[TEXTS.title] = _choice(report["texts"][kind])
        lines.append(Line(kind, figures))
    mean = {"captions": FACTS, "texts": TEXTS}
    lines.append(Line("mean of the kinds", {p.title: {"accuracy": [report["average"][k]]} for k, p in mean.items()}))
    notes = {
        "placebo_text": "must be at chance",
        "placebo_channel": "must be at chance",
        "names_only": "must be at chance",
    }
    return lines + [
        Line(name, {OTHERS.title: _choice(report[name])}, notes.get(name, ""))
        for name in OTHER_PROBES
        if report[name]["n"]
    ]


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    def step(source: Source) -> Step:
        def make() -> list[Line]:
            report = evaluate_probes(source.windows, load(BASE), seed=seed, limit=size.limit, n_boot=size.n_boot)
            return _lines(report.to_json())

        return Step(source.name, source.digest, "probes", make)

    return [step(source) for source in sources]


PROBES = Table(
    name="probes",
    title="Is the text read?",
    shows="`base` chooses between a true sentence and the same one with a single fact swapped, or between two series; "
    "chance is .5. Placebos must stay at chance.",
    differs=("The paper has no such table: it was never shown that the text is read.",),
    published=(),
    panels=(FACTS, TEXTS, OTHERS),
    steps=_steps,
)
