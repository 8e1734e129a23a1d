"""The error of a forecast with retrieval by the number of windows that are retrieved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tracets.api.models import BASE, load
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.rag import GAP, HORIZON, NONE, WAYS, parts_of
from tracets.tables.table import Line, Panel, Size, Source, Step, Table
from tracets.types import Forecast, Sample

if TYPE_CHECKING:
    from tracets.data.pairs import Pair
    from tracets.forecast.neighbours import Memory
    from tracets.forecast.protocol import Backbone
    from tracets.forecast.rag import RagForecaster

NUMBERS = (1, 2, 4, 8, 16, 32)
OVER = "windows retrieved R"
MIXED = Panel(f"{HORIZON} steps ahead, mixed in by the gate", ("MSE", GAP), over=OVER)
ALONE = Panel(f"{HORIZON} steps ahead, the mean of what followed alone", ("MSE", GAP), over=OVER)


class Followed:
    """What followed the neighbours of a fitted `RagForecaster`, on average and alone: no gate weighs it.

    Steps that no neighbour knows are those of its backbone.
    """

    def __init__(self, rag: RagForecaster) -> None:
        self.rag = rag

    @property
    def name(self) -> str:
        return f"{self.rag.name}, alone"

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """A band of no width around the mean."""
        plain = self.rag.backbone.forecast(pasts, horizon)
        out = []
        for one, near in zip(plain, self.rag.neighbours(pasts), strict=True):
            told = np.array([neighbour.future[:, :horizon] for neighbour in near] or [np.full_like(one.mean, np.nan)])
            known = np.isfinite(told)
            mean = np.where(known, told, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            mean = np.where(known.any(axis=0), mean, one.mean).astype(np.float32)
            out.append(replace(one, mean=mean, quantiles=np.broadcast_to(mean, one.quantiles.shape)))
        return out


@dataclass(frozen=True)
class Prepared:
    """What all rows share: windows by split, the memory, and the head without retrieval."""

    train: Sequence[Pair]
    val: Sequence[Pair]
    test: Sequence[Pair]
    memory: Memory
    plain: Backbone


def _prepare(source: Source, seed: int) -> Prepared:
    from tracets.forecast.neighbours import Memory
    from tracets.tasks.forecaster import TraceForecaster

    train, val, test = parts_of(source)
    plain = TraceForecaster(seed=seed).fit([*train, *val])
    return Prepared(train, val, test, Memory([*train, *val], load(BASE)), plain)


def _step(source: Source, size: Size, seed: int, top: int, prepared: Callable[[], Prepared]) -> Step:
    def make() -> list[Line]:
        from tracets.evaluate.forecasts import evaluate_forecasts
        from tracets.forecast.rag import RagForecaster

        own = prepared()
        ways: dict[str, RagForecaster] = {
            way: RagForecaster(own.plain, own.memory, retrieval=found, top=top, placebo=placebo, seed=seed).fit(own.val)  # type: ignore[arg-type]
            for way, (found, placebo) in WAYS.items()
        }
        alone = {f"{way}, alone": Followed(rag) for way, rag in ways.items()}
        asked: dict[str, Backbone] = {NONE: own.plain, **ways, **alone}
        report = evaluate_forecasts(own.test, asked, train=own.train, reference=NONE, seed=seed, n_boot=size.n_boot)
        lines = []
        for way, rag in ways.items():
            figures = {
                panel.title: _figures(report.forecasters[name], report.paired[name])
                for panel, name in ((MIXED, way), (ALONE, f"{way}, alone"))
            }
            lines.append(Line(f"{way}, R = {top}", figures, rag.summary, at=float(top), curve=way))
        if top == NUMBERS[0]:
            plain = {"MSE": [report.forecasters[NONE].mse]}
            lines.insert(0, Line(NONE, {MIXED.title: plain, ALONE.title: plain}, f"{report.n} windows"))
        return lines

    return Step(source.name, source.digest, f"R = {top}", make)


def _figures(errors: Any, gap: Any) -> dict[str, list[float | None]]:
    return {"MSE": [errors.mse], GAP: [gap.value, gap.low, gap.high]}


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [step for source in sources for step in _of(source, size, seed)]


def _of(source: Source, size: Size, seed: int) -> list[Step]:
    prepared = cache(lambda: _prepare(source, seed))
    return [_step(source, size, seed, top, prepared) for top in NUMBERS]


FIGURE = Table(
    name="retrieved",
    title="Forecasts by the number of windows retrieved",
    shows="The error of a forecast on split test with what followed the R windows that a past resembles most, by "
    "series and by series and text, beside R windows drawn by chance.",
    differs=(
        OWN_FORM,
        "The paper's retrieved pairs are a soft prompt before a frozen forecaster; here a gate, learnt on split val "
        "for each R, mixes what followed them into the forecast of the head on `base`, and stays shut where that does "
        "not pay there. The second part shows what followed without any gate.",
        "Texts are captions of the past alone, whatever texts the corpus has.",
        "No R is chosen: all stand here.",
    ),
    published=(),
    panels=(MIXED, ALONE),
    steps=_steps,
)
