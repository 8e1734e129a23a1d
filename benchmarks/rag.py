"""What retrieval adds to forecasters: none, series, series and text, by gate or by prompt, beside placebos.

    python benchmarks/rag.py DATA --out rag.jsonl --backbones tracets,fracast,last-value

DATA is the folder of the corpora. Each line of `--out` is one (data set, horizon, backbone, way): errors on the scale
of the training part, and the paired difference of squared errors to the same backbone without retrieval, with a 95 %
interval by blocks of time. What is remembered and learnt from are the training and validation parts; a neighbour is
over before the query begins. A run that stands in the file is not made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from runs import finished, same_run

from tracets import api
from tracets.data.calendar import to_offset
from tracets.data.captions import caption_corpus
from tracets.data.nycflights import nyc_weather, weather_split
from tracets.data.pairs import Pair, cut_pairs, in_time_order
from tracets.data.series import Series
from tracets.data.time_mmd import LATER, read_facts, read_numbers, target_of
from tracets.data.windows import split_by_fractions
from tracets.forecast.backbones import load_backbone
from tracets.forecast.neighbours import Memory
from tracets.forecast.prompt_training import PromptTraining
from tracets.forecast.prompted import PromptedForecaster
from tracets.forecast.prompts import PromptableBackbone
from tracets.forecast.protocol import Backbone
from tracets.forecast.rag import RagForecaster
from tracets.metrics import default_block, paired_bootstrap
from tracets.tasks.forecaster import TraceForecaster
from tracets.types import Forecast, Sample

PARTS = (0.7, 0.1, 0.2)
MOST_FACTS = 4


class Data(NamedTuple):
    """A data set with the lengths and strides of its windows."""

    name: str
    horizon: int
    context: int
    stride: int = 1


DATA = (
    Data("Health_US", 12, 104),
    Data("Health_US", 48, 104),
    Data("Energy", 12, 52),
    Data("Energy", 48, 52),
    Data("Environment", 48, 336, 14),
    Data("weather", 24, 168, 24),
)
WAYS = (
    ("gate", "series", ""), ("gate", "series+text", ""), ("gate", "series", "random neighbours"),
    ("prompt", "series", ""), ("prompt", "series+text", ""), ("prompt", "series+text", "shuffled texts"),
    ("prompt", "series+text", "random neighbours"),
)  # fmt: skip


class Kept:
    """A backbone that remembers its forecasts: several ways of retrieval ask for the same ones."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone, self.name = backbone, backbone.name
        self._known: dict[tuple[str, int], Forecast] = {}

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        new = [past for past in pasts if (past.id, horizon) not in self._known]
        for past, one in zip(new, self.backbone.forecast(new, horizon) if new else (), strict=True):
            self._known[past.id, horizon] = one
        return [self._known[past.id, horizon] for past in pasts]


def pairs_of(data: Data, folder: Path) -> list[Pair]:
    """The pairs of a data set, in time order, with the texts known at the end of each past."""
    if data.name == "weather":
        series = nyc_weather()
        pairs = cut_pairs(
            series, context=data.context, horizon=data.horizon, stride=data.stride, split=weather_split(series)
        )
        said = caption_corpus([pair.past for pair in pairs], seed=0)
        return in_time_order([replace(pair, past=past) for pair, past in zip(pairs, said, strict=True)])
    file = folder / "time_mmd" / "raw" / f"{data.name}.csv"
    whole = read_numbers(file)
    at = target_of(whole)
    one = replace(whole, values=whole.values[at : at + 1], channel_names=("OT",), units=(None,))
    facts = read_facts(file.with_name(f"{data.name}_report.csv"), later=LATER.get(data.name))
    ends = [fact.end for fact in facts]

    def text(past: Sample) -> Sample:
        begin, end = _days(past, one)
        told = [fact.text for fact, last in zip(facts, ends, strict=True) if begin <= last < end]
        return replace(past, text=" ".join(told[-MOST_FACTS:]) or None)

    return cut_pairs(
        [one], context=data.context, horizon=data.horizon, stride=data.stride, split=split_by_fractions([one], PARTS),
        text=text,
    )  # fmt: skip


def _days(past: Sample, series: Series) -> tuple[date, date]:
    """From the beginning of the last eighth of a past to the first day after it."""
    grid = pd.date_range(past.start, periods=past.n_steps + 1, freq=to_offset(series.freq))
    return grid[-1 - max(past.n_steps // 8, 1)].date(), grid[-1].date()


def scale_of(pairs: Sequence[Pair]) -> np.ndarray:
    """The standard deviation of each channel over the training futures."""
    known = np.concatenate([pair.future for pair in pairs], axis=1)
    return np.nanstd(known, axis=1)


def squared(forecaster: Backbone, pairs: Sequence[Pair], scale: np.ndarray) -> np.ndarray:
    """The mean squared and absolute errors of each window, (n, 2); NaN for a window whose future is unknown."""
    found = forecaster.forecast([pair.past for pair in pairs], pairs[0].horizon)
    gaps = [(one.mean - pair.future) / scale[:, None] for one, pair in zip(found, pairs, strict=True)]
    return np.array([(np.nanmean(gap**2), np.nanmean(np.abs(gap))) for gap in gaps])


def fitted(
    way: tuple[str, str, str], backbone: Kept, memory: Memory, parts: dict[str, list[Pair]], minutes: float
) -> Any:
    """A forecaster with retrieval, fitted; None where the backbone takes no prompt."""
    fusion, retrieval, placebo = way
    random = placebo == "random neighbours"
    if fusion == "gate":
        return RagForecaster(backbone, memory, retrieval=retrieval, placebo=random).fit(parts["val"])  # type: ignore[arg-type]
    if not isinstance(backbone.backbone, PromptableBackbone):
        return None
    told = memory.with_texts_shuffled() if placebo == "shuffled texts" else memory
    forecaster = PromptedForecaster(
        backbone.backbone, told, retrieval=retrieval, placebo=random, training=PromptTraining(max_minutes=minutes)  # type: ignore[arg-type]
    )  # fmt: skip
    return forecaster.fit(parts["train"], parts["val"])


def measure(data: Data, name: str, folder: Path, ways: Sequence[tuple[str, str, str]], minutes: float) -> Any:
    """Yield the figures of every way for one data set and backbone, the plain backbone first."""
    pairs = [pair for pair in pairs_of(data, folder) if np.isfinite(pair.future).any()]
    parts = {part: [pair for pair in pairs if pair.past.split == part] for part in ("train", "val", "test")}
    scale = scale_of(parts["train"])
    memory = Memory(parts["train"] + parts["val"], api.load("base"))
    # not fitted once more with the validation part: the gate learns from its errors there
    own = name == "tracets"
    backbone = Kept(TraceForecaster().fit(parts["train"] + parts["val"]) if own else load_backbone(name))
    plain = squared(backbone, parts["test"], scale)
    with_text = sum(pair.past.text is not None for pair in pairs) / len(pairs)
    block = default_block(len(plain), overlap=-(-(data.context + data.horizon) // data.stride))
    for way in (("none", "none", ""), *ways):
        began = time.monotonic()
        errors, state = plain, ""
        if way[0] != "none":
            forecaster = fitted(way, backbone, memory, parts, minutes)
            if forecaster is None:
                continue
            errors = squared(forecaster, parts["test"], scale)
            closed = forecaster.gate.weights is None if way[0] == "gate" else forecaster.found.prompt is None
            state = "shut" if closed else "open"
        gain = paired_bootstrap(errors[:, 0], plain[:, 0], block=block)
        yield way, {
            "mse": round(float(errors[:, 0].mean()), 4), "mae": round(float(errors[:, 1].mean()), 4),
            "paired": {"mse_diff": round(gain.value, 4), "low": round(gain.low, 4), "high": round(gain.high, 4)},
            "state": state, "n": len(errors), "with_text": round(with_text, 3),
            "minutes": round((time.monotonic() - began) / 60, 2),
        }  # fmt: skip


def main(
    folder: Annotated[Path, typer.Argument(help="The folder of the corpora.")],
    out: Annotated[Path, typer.Option(help="JSON lines of the runs; those there are not made again.")] = Path(
        "rag.jsonl"
    ),
    backbones: Annotated[
        str, typer.Option(help="Names with commas between; tracets: a head on base.")
    ] = "tracets,fracast,last-value",
    only: Annotated[str, typer.Option(help="Data sets such as Health_US-12, with commas between; none: all.")] = "",
    minutes: Annotated[float, typer.Option(help="For the training of each prompt, at most.")] = 4.0,
    gates_only: Annotated[bool, typer.Option(help="No prompts.")] = False,
) -> None:
    """Measure every way on every data set with every backbone."""
    ways = [way for way in WAYS if not (gates_only and way[0] == "prompt")]
    for data in DATA:
        if only and f"{data.name}-{data.horizon}" not in only.split(","):
            continue
        for name in backbones.split(","):
            about = {"data": data.name, "horizon": data.horizon, "context": data.context, "backbone": name}
            wanted = [about | dict(zip(("fusion", "retrieval", "placebo"), way, strict=True)) for way in ways]
            done = finished(out)
            if all(any(same_run(record, run) for record in done) for run in wanted):
                continue
            for way, figures in measure(data, name, folder, ways, minutes):
                run = about | dict(zip(("fusion", "retrieval", "placebo"), way, strict=True))
                if any(same_run(record, run) for record in done):
                    continue
                with out.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(run | figures) + "\n")
                print(json.dumps(run | figures), flush=True)


if __name__ == "__main__":
    typer.run(main)
