"""Labels of windows, with and without the labels of neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tracets.api.classification import evaluate_classify
from tracets.api.models import BASE
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

METRICS = {"accuracy": "accuracy", "macro_f1": "macro F1"}
LABELS = Panel("Labels of split test", tuple(METRICS.values()))
NEIGHBOURS = 10
Tuning = Literal["linear", "adapter"]


def _figures(values: Mapping[str, Any], ends: Mapping[str, Any]) -> dict[str, dict[str, list[float | None]]]:
    return {LABELS.title: {said: [values[name], *ends.get(name, ())] for name, said in METRICS.items()}}


def _step(source: Source, size: Size, seed: int, name: str, tuning: Tuning, neighbours: int) -> Step:
    def make() -> list[Line]:
        report = evaluate_classify(
            source.windows, BASE, tuning=tuning, neighbours=neighbours, seed=seed, n_boot=size.n_boot
        ).to_json()
        told = report["provenance"]
        weight = told["weights"].get("neighbours")
        note = f"{told['n_trained']} numbers trained"
        if weight is not None:
            note += f"; weight of the neighbours' labels {weight:.2f}"
        lines = [Line(name, _figures(report, report["intervals"]), note)]
        if name == FROZEN:
            said = f"always the commonest label; {report['n']} windows"
            lines.insert(0, Line("commonest label", _figures(report["chance"], {}), said))
        return lines

    return Step(source.name, source.digest, name, make)


FROZEN, WITH, ADAPTER = "base, frozen", "base, frozen, with neighbours", "base, tuned (adapter)"


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    found = []
    for source in sources:
        found += [_step(source, size, seed, FROZEN, "linear", 0), _step(source, size, seed, WITH, "linear", NEIGHBOURS)]
        if size.steps is None:  # epochs, which no number of steps ends
            found.append(_step(source, size, seed, ADAPTER, "adapter", 0))
    return found


def _published(accuracy: float, f1: float) -> dict[str, dict[str, list[float | None]]]:
    return {LABELS.title: {"accuracy": [accuracy], "macro F1": [f1]}}


CLASSIFICATION = Table(
    name="classification",
    title="Labels of windows",
    shows="Tells the label of each window of split test, learnt from train and chosen by val, without and with the "
    "labels of retrieved windows (the paper's table of event classification).",
    differs=(
        "The paper tells 9 event types and none of its own weather corpus; here the labels are those of the data. The "
        "labels of the built-in weather are thresholds on its own numbers.",
        "The paper tunes the encoder with a head and puts retrieved pairs before it as a soft prompt; here several "
        "views of a window get a logistic regression each, and the labels of ten neighbours are one view more, "
        "weighted by windows held out (docs/classify.md).",
        "F1 is the macro F1 here; whether the paper's is, we do not know.",
    ),
    published=(
        Line("TRACE", _published(0.852, 0.6998)),
        Line("TRACE with retrieval", _published(0.8976, 0.7236)),
        Line("TimesNet", _published(0.8609, 0.6897)),
    ),
    panels=(LABELS,),
    steps=_steps,
)
