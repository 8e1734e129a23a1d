"""Models from nothing that have seen no text: as a training begins with them, or after stage 1 alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.reproduction.trainings import for_steps, shared_backbone
from tracets.tables.table import Size, Source

if TYPE_CHECKING:
    from tracets.config import Settings
    from tracets.encoders.model import TraceModel


def untrained(size: Size, *, recipe: str, seed: int, assignments: Sequence[str] = ()) -> TraceModel:
    """The model that a training from nothing with this seed begins with."""
    return _fresh(_settings(size, recipe, assignments), seed)


def pretrained(
    source: Source, size: Size, *, recipe: str, steps: int, seed: int, assignments: Sequence[str] = ()
) -> TraceModel:
    """A model from nothing after so many steps of stage 1, by its last weights.

    Raises
    ------
    DataError
        No window of split "train", or none of "val".
    """
    from tracets.errors import DataError
    from tracets.tasks.pretrain import PretrainTask
    from tracets.training.loop import fit

    settings = _settings(size, recipe, [*assignments, *for_steps(steps)])
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
    return Model(settings.model, name="from nothing", backbone=shared_backbone()).eval()
