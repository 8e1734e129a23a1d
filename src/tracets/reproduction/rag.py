"""What retrieval adds to a forecast: none, series, series and text, and neighbours drawn by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracets.api.corpora import caption_samples
from tracets.api.forecasting import load_backbone
from tracets.api.models import BASE, load
from tracets.errors import DataError
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

if TYPE_CHECKING:
    from tracets.data.pairs import Pair
    from tracets.forecast.protocol import Backbone
    from tracets.forecast.rag import RagForecaster

HORIZON = 24
NONE = "no retrieval"
WAYS = {"series": ("series", False), "series and text": ("series+text", False), "random neighbours": ("series", True)}
GAP = "MSE less that without retrieval"
AHEAD = Panel(f"{HORIZON} steps ahead", ("MSE", "MAE", GAP))
HEAD, NAIVE = "head on base", "last-value"


def _told_anew(pairs: Sequence[Pair]) -> list[Pair]:
    """Each past with a caption of its own numbers: the text of a whole window would tell of what is to be forecast."""
    pasts = caption_samples([pair.past for pair in pairs])
    return [replace(pair, past=past) for pair, past in zip(pairs, pasts, strict=True)]


def parts_of(source: Source) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Windows of train, val and test with what followed them. Raises DataError where there are none of a split."""
    pairs = _told_anew(source.pairs(HORIZON))
    train, val, test = ([p for p in pairs if p.past.split == split] for split in ("train", "val", "test"))
    if not (train and val and test):
        raise DataError(
            f"retrieval for forecasts needs windows of splits train, val and test, got {len(train)}, {len(val)}, "
            f"{len(test)}."
        )
    return train, val, test


def _line(name: str, errors: Any, gap: Any, note: str) -> Line:
    figures: dict[str, list[float | None]] = {"MSE": [errors.mse], "MAE": [errors.mae]}
    if gap is not None:
        figures[GAP] = [gap.value, gap.low, gap.high]
    return Line(name, {AHEAD.title: figures}, note)


def _step(source: Source, size: Size, seed: int, name: str) -> Step:
    def make() -> list[Line]:
        from tracets.evaluate.forecasts import evaluate_forecasts
        from tracets.forecast.neighbours import Memory
        from tracets.forecast.rag import RagForecaster
        from tracets.tasks.forecaster import TraceForecaster

        train, val, test = parts_of(source)
        memory = Memory(train + val, load(BASE))
        # not fitted once more with the validation part: the gate learns from its errors there
        plain: Backbone = TraceForecaster(seed=seed).fit(train + val) if name == HEAD else load_backbone(name)
        ways: dict[str, RagForecaster] = {
            way: RagForecaster(plain, memory, retrieval=found, placebo=placebo, seed=seed).fit(val)  # type: ignore[arg-type]
            for way, (found, placebo) in WAYS.items()
        }
        asked: Mapping[str, Backbone] = {NONE: plain, **ways}
        report = evaluate_forecasts(test, asked, train=train, reference=NONE, seed=seed, n_boot=size.n_boot)
        notes = {NONE: f"{report.n} windows"} | {way: rag.summary for way, rag in ways.items()}
        return [
            _line(f"{name}, {way}", errors, report.paired.get(way), notes[way])
            for way, errors in report.forecasters.items()
        ]

    return Step(source.name, source.digest, name, make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, name) for source in sources for name in (HEAD, NAIVE)]


def _published(name: str, none: float, series: float, both: float) -> list[Line]:
    found = {NONE: none, "series": series, "series and text": both}
    return [Line(f"{name}, {way}", {AHEAD.title: {"MSE": [mse]}}) for way, mse in found.items()]


RAG = Table(
    name="rag",
    title="Retrieval for forecasts",
    shows="What the windows that a past resembles, and what followed them, add to its forecast (the weather part of "
    "the paper's table of retrieval-augmented forecasts), beside neighbours drawn by chance.",
    differs=(
        "The paper puts what was retrieved before a frozen forecaster as a soft prompt; here what followed the "
        "neighbours is mixed into the forecast by a gate, which stays shut where it does not pay on split val "
        "(docs/rag.md, which has figures of prompts too).",
        "Texts are captions of the past alone, whatever texts the corpus has: those of whole windows would tell what "
        "is to be forecast.",
        "The paper's forecasters other than its own are pretrained ones, which are no part of this package.",
        "Errors are in standard deviations of each channel over the training part; the scale of the paper's may be "
        "another.",
    ),
    published=(
        *_published("TRACE", 0.718, 0.698, 0.696), *_published("Time-MoE", 0.903, 0.801, 0.787),
        *_published("Timer-XL", 1.055, 1.009, 0.984), *_published("MOMENT", 0.816, 0.797, 0.801),
    ),
    panels=(AHEAD,),
    steps=_steps,
)  # fmt: skip
