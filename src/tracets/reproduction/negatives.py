"""Retrieval by the number of hard negatives: trainings from nothing that differ in it alone."""

from __future__ import annotations

from collections.abc import Sequence

from tracets.api.evaluation import evaluate_retrieval
from tracets.reproduction.ablation import COMMON
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.retrieval import PAIR, TO_SERIES, TO_TEXT, chance_of, lines_of
from tracets.reproduction.trainings import OURS, trained_for_steps
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

BATCH = 64
NUMBERS = (4, 8, 16, 32, BATCH - 1)
"""The last is all that a batch has."""
OVER = "hard negatives K"
RETRIEVED = (TO_SERIES, TO_TEXT)


def name_of(k: int) -> str:
    """What a row is called.

    >>> name_of(8), name_of(63)
    ('K = 8', 'K = all of the batch')
    """
    return "K = all of the batch" if k == NUMBERS[-1] else f"K = {k}"


def assignments_of(k: int) -> list[str]:
    """The same K from the first step to the last."""
    asked = "none" if k == NUMBERS[-1] else str(k)
    return [*COMMON, f"optim.batch_size={BATCH}", f"align.hard_first={asked}", f"align.hard_last={asked}"]


def _step(source: Source, size: Size, seed: int, k: int) -> Step:
    def make() -> list[Line]:
        model = trained_for_steps(
            source, size, recipe=OURS, assignments=assignments_of(k), steps=size.ablation_steps, seed=seed
        )
        report = evaluate_retrieval(source.windows, model, split="val", seed=seed, n_boot=size.n_boot).to_json()
        found = lines_of(report, name_of(k), RETRIEVED)
        line = Line(found.name, found.figures, at=float(k), curve="ours, from nothing")
        return [line] if k != NUMBERS[0] else [chance_of(report, RETRIEVED), line]

    return Step(source.name, source.digest, name_of(k), make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, k) for source in sources for k in NUMBERS]


FIGURE = Table(
    name="negatives",
    title="Retrieval by the number of hard negatives",
    shows="Retrieval on split val by models that are trained from nothing for the same number of steps, each text and "
    "series against its K most similar wrong ones of a batch of 64 (the paper takes 32).",
    differs=(
        OWN_FORM,
        "K is that of all losses and stays the same from the first step to the last; a shipped recipe begins with all "
        "and ends with 32.",
        "Last weights after a fixed number of steps, chosen by nothing, one seed: runs of one row lie far apart by "
        "their seed (docs/results.md).",
    ),
    published=(),
    panels=(Panel(TO_SERIES.title, PAIR, over=OVER), Panel(TO_TEXT.title, PAIR, over=OVER)),
    steps=_steps,
)
