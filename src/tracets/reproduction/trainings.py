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
    corpus, recipe = (None, OURS_ON_WEATHER) if own else (source.windows, OURS)
    return _trained(corpus, size, init=BASE, recipe=recipe, assignments=(), seed=seed)


def trained_paper(source: Source, size: Size, *, seed: int) -> TraceModel:
    """The paper's plain recipe, from nothing."""
    return _trained(source.windows, size, init=NOTHING, recipe=PAPER, assignments=size.model, seed=seed)


def trained_for_steps(
    source: Source, size: Size, *, recipe: str, assignments: Sequence[str], steps: int, seed: int
) -> TraceModel:
    """A model from nothing after so many steps, by its last weights: no validation chooses among them."""
    given = [*size.model, *assignments, *for_steps(steps)]
    return _train(source.windows, init=NOTHING, recipe=recipe, assignments=given, seed=seed)


def for_steps(steps: int) -> list[str]:
    """Settings by which a training ends after so many steps and no sooner."""
    return [f"optim.max_steps={steps}", "optim.max_minutes=none", f"optim.validate_every={steps}"]


@lru_cache(maxsize=1)
def shared_backbone() -> TextBackbone:
    """One frozen sentence encoder for all trainings of this process: each text is read once."""
    from tracets.encoders.backbone import TextBackbone

    return TextBackbone()


def _trained(
    corpus: Corpus | None, size: Size, *, init: str, recipe: str, assignments: Sequence[str], seed: int
) -> TraceModel:
    """A model after the steps or the minutes of a size."""
    if size.steps is not None:
        given = [*assignments, *for_steps(size.steps)]
        return _train(corpus, init=init, recipe=recipe, assignments=given, seed=seed)
    # every text is read in these steps, so that minutes are those of training
    _train(corpus, init=init, recipe=recipe, assignments=[*assignments, *for_steps(READ_STEPS)], seed=seed)
    given = [*assignments, f"optim.max_minutes={size.minutes}"]
    return _train(corpus, init=init, recipe=recipe, assignments=given, seed=seed)


def _train(corpus: Corpus | None, *, init: str, recipe: str, assignments: Sequence[str], seed: int) -> TraceModel:
    with tempfile.TemporaryDirectory() as folder:
        return train(
            corpus, Path(folder) / "model", init=init, recipe=recipe, assignments=assignments, seed=seed,
            backbone=shared_backbone(),
        )  # fmt: skip
