"""How tables train: in a folder that goes away, by steps or by minutes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.api.models import BASE, train
from tracets.tables.table import Size, Source

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.encoders.backbone import TextBackbone
    from tracets.encoders.model import TraceModel

NOTHING = "none"
OURS, OURS_ON_WEATHER, PAPER = "tune", "weather", "paper"
READ_STEPS = 2


def trained_ours(source: Source, size: Size, *, seed: int) -> TraceModel:
    """`base` trained on a corpus; on the whole built-in weather by its own recipe, which mixes windows."""
    own = source.built_in and size.steps is None
    return _trained(
        None if own else source.windows, size, init=BASE, recipe=OURS_ON_WEATHER if own else OURS, seed=seed
    )


def trained_paper(source: Source, size: Size, *, seed: int) -> TraceModel:
    """The paper's plain recipe, from nothing."""
    return _trained(source.windows, size, init=NOTHING, recipe=PAPER, assignments=size.model, seed=seed)


def trained_for_steps(
    source: Source, size: Size, *, recipe: str, assignments: Sequence[str], steps: int, seed: int
) -> TraceModel:
    """A model from nothing after so many steps, by its last weights: no validation chooses among them."""
    with tempfile.TemporaryDirectory() as folder:
        return train(
            source.windows, Path(folder) / "model", init=NOTHING, seed=seed, recipe=recipe,
            assignments=[*size.model, *assignments, *_steps(steps)], backbone=_reader(),
        )  # fmt: skip


def _trained(
    corpus: Corpus | None, size: Size, *, init: str, recipe: str, seed: int, assignments: Sequence[str] = ()
) -> TraceModel:
    """A model after the steps or the minutes of a size; minutes are counted when every text has been read."""
    with tempfile.TemporaryDirectory() as folder:

        def run(name: str, steps: int | None, minutes: float | None) -> TraceModel:
            return train(
                corpus, Path(folder) / name, init=init, recipe=recipe, seed=seed, max_minutes=minutes,
                assignments=[*assignments, *([] if steps is None else _steps(steps))], backbone=_reader(),
            )  # fmt: skip

        if size.steps is not None:
            return run("model", size.steps, None)
        run("read", READ_STEPS, None)
        return run("model", None, size.minutes)


@lru_cache(maxsize=1)
def _reader() -> TextBackbone:
    """One frozen sentence encoder for all trainings of this process: each text is read once."""
    from tracets.encoders.backbone import TextBackbone

    return TextBackbone()


def _steps(steps: int) -> list[str]:
    return [f"optim.max_steps={steps}", "optim.max_minutes=none", f"optim.validate_every={steps}"]
