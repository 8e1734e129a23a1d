"""How tables train: in a folder that goes away, by steps or by minutes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.api.models import BASE, train
from tracets.tables.table import Size, Source

if TYPE_CHECKING:
    from tracets.config import Settings
    from tracets.encoders.model import TraceModel

COMMON = (
    "optim.batch_size=64", "align.max_sentences=8", "optim.warmup_steps=15", "align.choose_weight=false",
)  # fmt: skip
"""Settings of short trainings from nothing, for rows that differ in one thing."""
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


def untrained(size: Size, *, recipe: str, seed: int, assignments: Sequence[str] = ()) -> TraceModel:
    """The model that a training from nothing with this seed begins with."""
    return _fresh(_settings(size, recipe, assignments), seed)


def pretrained(
    source: Source, size: Size, *, recipe: str, steps: int, seed: int, assignments: Sequence[str] = ()
) -> TraceModel:
    """A model from nothing after so many steps of stage 1, by its last weights; it has seen no text.

    Raises
    ------
    DataError
        No window of split "train", or none of "val".
    """
    from tracets.errors import DataError
    from tracets.tasks.pretrain import PretrainTask
    from tracets.training.loop import fit

    given = [*assignments, f"optim.max_steps={steps}", "optim.max_minutes=none", f"optim.validate_every={steps}"]
    settings = _settings(size, recipe, given)
    model = _fresh(settings, seed)
    learn, choose = (list(source.windows.split(split)) for split in ("train", "val"))
    if not learn or not choose:
        raise DataError(f"stage 1 needs windows of splits train and val, got {len(learn)} and {len(choose)}.")
    task = PretrainTask(model, learn, choose, settings.pretrain, batch_size=settings.optim.batch_size, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            task, settings.optim, folder=Path(folder), monitor=task.monitor, seed=seed, resume=False,
            progress_bar=False,
        )  # fmt: skip
    return model.eval()


def _settings(size: Size, recipe: str, assignments: Sequence[str]) -> Settings:
    from tracets.config import load_settings

    return load_settings(recipe, assignments=[*size.model, *assignments])


def _fresh(settings: Settings, seed: int) -> TraceModel:
    import torch

    from tracets.encoders.model import TraceModel as Model

    torch.manual_seed(seed)
    return Model(settings.model, name="from nothing").eval()


def _budget(size: Size) -> list[str]:
    if size.steps is None:
        return []
    return [f"optim.max_steps={size.steps}", "optim.max_minutes=none", f"optim.validate_every={size.steps}"]
