"""What each part of the model is worth: trainings from nothing that differ in one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracets.api.evaluation import evaluate_retrieval
from tracets.reproduction.retrieval import TO_SERIES, TO_TEXT, chance_of, lines_of
from tracets.reproduction.trainings import OURS, PAPER, trained_for_steps
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

RETRIEVED = (TO_SERIES, TO_TEXT)
THEIRS = Panel("The paper's own measures", ("average MSE", "accuracy"), alone=True)
COMMON = (
    "optim.batch_size=64", "align.max_sentences=8", "optim.warmup_steps=15", "align.choose_weight=false",
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """A row: what it changes in a recipe."""

    name: str
    assignments: tuple[str, ...] = ()
    recipe: str = OURS


SETTINGS = (
    Setting("ours"),
    Setting("no CIT", ("model.series.summary=patches",)),
    Setting("full attention", ("model.series.attention=full",)),
    Setting("causal attention", ("model.series.attention=causal",)),
    Setting("no features", ("model.series.features=none",)),
    Setting("index identity", ("model.series.identity=index",)),
    Setting("pooled frozen text", ("model.text.reader=pooled",)),
    Setting("no channel loss", ("align.channel=0",)),
    Setting("no sentence loss", ("align.sentence=0",)),
    Setting("recipe paper", recipe=PAPER),
)


def _step(source: Source, size: Size, seed: int, setting: Setting) -> Step:
    def make() -> list[Line]:
        model = trained_for_steps(
            source, size, recipe=setting.recipe, assignments=[*COMMON, *setting.assignments], steps=size.ablation_steps,
            seed=seed,
        )  # fmt: skip
        report = evaluate_retrieval(source.windows, model, split="val", seed=seed, n_boot=size.n_boot).to_json()
        line = lines_of(report, setting.name, RETRIEVED)
        return [line] if setting != SETTINGS[0] else [chance_of(report, RETRIEVED), line]

    return Step(source.name, source.digest, setting.name, make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, setting) for source in sources for setting in SETTINGS]


def _published(name: str, mse: float, accuracy: float) -> Line:
    return Line(name, {THEIRS.title: {"average MSE": [mse], "accuracy": [accuracy]}})


ABLATION = Table(
    name="ablation",
    title="What each part is worth",
    shows="Retrieval on split val by models that are trained from nothing for the same number of steps and differ in "
    "one thing (the paper's table of ablations, with rows of ours).",
    differs=(
        "The paper measures forecasts and event classification, here it is retrieval: its figures stand in a part of "
        "their own.",
        "Last weights after a fixed number of steps, chosen by nothing. Runs of one row lie far apart by their seed "
        "(docs/results.md): make several seeds, each with an --out of its own, before believing a difference.",
    ),
    published=(
        _published("full", 0.67, 0.852), _published("no CIT", 0.713, 0.8504),
        _published("full attention", 0.705, 0.8418), _published("causal attention", 0.682, 0.8372),
    ),
    panels=(*RETRIEVED, THEIRS),
    steps=_steps,
)  # fmt: skip
