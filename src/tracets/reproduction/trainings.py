"""How tables train: in a folder that goes away, by steps or by minutes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.api.models import BASE, train
from tracets.tables.table import Size, Source

if TYPE_CHECKING:
    from tracets.encoders.model import TraceModel

NOTHING = "none"
OURS, OURS_ON_WEATHER, PAPER = "tune", "weather", "paper"


def trained_ours(source: Source, size: Size, *, seed: int) -> TraceModel:
    """`base` trained on a corpus; on the whole built-in weather by its own recipe, which mixes windows."""
    own = source.built_in and size.steps is None
    with tempfile.TemporaryDirectory() as folder:
        return train(
            None if own else source.windows, Path(folder) / "ours", init=BASE, seed=seed,
            recipe=OURS_ON_WEATHER if own else OURS, assignments=_budget(size), max_minutes=size.minutes,
        )  # fmt: skip


def trained_paper(source: Source, size: Size, *, seed: int) -> TraceModel:
    """The paper's plain recipe, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        return train(
            source.windows, Path(folder) / "paper", init=NOTHING, seed=seed, recipe=PAPER,
            assignments=[*size.model, *_budget(size)], max_minutes=size.minutes,
        )  # fmt: skip


def trained_for_steps(
    source: Source, size: Size, *, recipe: str, assignments: Sequence[str], steps: int, seed: int
) -> TraceModel:
    """A model from nothing after so many steps, by its last weights: no validation chooses among them."""
    budget = [f"optim.max_steps={steps}", "optim.max_minutes=none", f"optim.validate_every={steps}"]
    with tempfile.TemporaryDirectory() as folder:
        return train(
            source.windows, Path(folder) / "model", init=NOTHING, seed=seed, recipe=recipe,
            assignments=[*size.model, *assignments, *budget],
        )  # fmt: skip


def _budget(size: Size) -> list[str]:
    if size.steps is None:
        return []
    return [f"optim.max_steps={size.steps}", "optim.max_minutes=none", f"optim.validate_every={size.steps}"]
