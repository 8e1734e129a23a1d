"""Masked reconstruction by the share of patches that stage 1 hides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracets.reproduction.ablation import COMMON
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.from_nothing import pretrained
from tracets.reproduction.trainings import PAPER
from tracets.reproduction.windows import Value, of_one_kind, some
from tracets.tables.drawing import window
from tracets.tables.table import Line, Panel, Picture, Size, Source, Step, Table
from tracets.types import FloatArray, Sample

if TYPE_CHECKING:
    from tracets.encoders.model import TraceModel

SHARES = (0.1, 0.3, 0.5, 0.7)
ASKED = (0.3, 0.7)
"""Shares that are hidden when it is measured, the same for all rows."""
OVER = "share hidden in stage 1"


def _metric(asked: float) -> str:
    return f"variance explained, {asked:.0%} hidden".replace("%", " %")


HIDDEN = Panel("Hidden steps of split val", tuple(_metric(asked) for asked in ASKED), over=OVER)


def reconstructed(
    model: TraceModel, samples: Sequence[Sample], *, hidden: float, seed: int
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Prediction, target and which steps count (hidden and observed), each (n, c, n_patches * patch), normalised.

    All samples have the same channels and length.
    """
    import torch

    from tracets.data.collate import collate
    from tracets.encoders.series import SeriesTower, to_series_batch
    from tracets.losses import random_patches

    tower = model.series
    assert isinstance(tower, SeriesTower)  # the paper's recipe has ours
    with torch.inference_mode():
        batch = to_series_batch(collate(list(samples)), model.backbone)
        n_patches = -(-batch.values.shape[-1] // model.config.series.patch)
        draw = torch.Generator().manual_seed(seed)
        where = random_patches((*batch.channel_valid.shape, n_patches), share=hidden, generator=draw)
        prediction, target, counted = tower.reconstruct_hidden(batch, where)
        wide = counted.expand_as(target)
    return tuple(one.flatten(2).numpy() for one in (prediction, target, wide))  # type: ignore[return-value]


def explained(
    prediction: FloatArray, target: FloatArray, counted: NDArray[np.bool_], *, size: Size, seed: int
) -> Value:
    """1 - error / variance around the visible mean over all counted steps, with its interval over windows."""
    from tracets.metrics import bootstrap

    error = (np.square(prediction - target) * counted).sum(axis=(1, 2))
    spread = (np.square(target) * counted).sum(axis=(1, 2))
    found = bootstrap(
        lambda rows: 1 - float(error[rows].sum() / spread[rows].sum()), len(error), n_boot=size.n_boot, seed=seed
    )
    return [found.value, found.low, found.high]


def _picture(model: TraceModel, sample: Sample, *, hidden: float, seed: int) -> Picture:
    """The first channel of a window: as it is, what was seen of it, and what was made of the rest, normalised."""
    prediction, target, counted = (one[0, 0, : sample.n_steps] for one in reconstructed(
        model, [sample], hidden=hidden, seed=seed))  # fmt: skip
    name = sample.channel_names[0]
    rows = [
        np.where(np.isnan(sample.values[0]), np.nan, target), np.where(counted, np.nan, target),
        np.where(counted, prediction, np.nan),
    ]  # fmt: skip
    names = (f"{name}, as it is", f"{name}, what is seen", f"{name}, what is made of the rest")
    shown = replace(
        sample, values=np.array(rows, dtype=np.float32), channel_names=names, units=(None,) * 3, channel_texts=()
    )
    text = f"{hidden:.0%} of the patches hidden; in spreads around the mean of what is seen."
    return window(f"window {sample.id}", shown, text=text)


def _step(source: Source, size: Size, seed: int, share: float) -> Step:
    name = f"{share:.0%} hidden".replace("%", " %")

    def make() -> list[Line]:
        given = [*COMMON, f"pretrain.hidden={share}"]
        model = pretrained(source, size, recipe=PAPER, assignments=given, steps=size.ablation_steps, seed=seed)
        windows = of_one_kind(source, "val")
        asked = [windows[i] for i in some(len(windows), size.limit, seed=seed)]
        figures = {
            _metric(hidden): explained(*reconstructed(model, asked, hidden=hidden, seed=seed), size=size, seed=seed)
            for hidden in ASKED
        }
        drawn = asked[some(len(asked), 1, seed=seed)[0]]
        return [
            Line(
                name, {HIDDEN.title: figures}, f"{len(asked)} windows", at=share, curve="stage 1 alone",
                pictures=[_picture(model, drawn, hidden=ASKED[0], seed=seed)],
            )
        ]  # fmt: skip

    return Step(source.name, source.digest, name, make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, share) for source in sources for share in SHARES]


FIGURE = Table(
    name="mask",
    title="Masked reconstruction by the share hidden",
    shows="How much of hidden steps of split val models tell that are trained by stage 1 alone, from nothing, for the "
    "same number of steps, each with another share of patches hidden (the paper hides 30 %). The visible mean "
    "of the channel explains 0.",
    differs=(
        OWN_FORM,
        "The paper's recipe at the width of a CPU, for a fixed number of steps, which is few for this task at size "
        "`cpu`.",
        "A model is told nothing of what is hidden, statistics neither; see docs/model.md.",
    ),
    published=(),
    panels=(HIDDEN,),
    steps=_steps,
)
