"""What the three ways of tuning a forecaster train and cost: shares of the encoder's parameters, and times of a step.

    python benchmarks/tuning.py
    python benchmarks/tuning.py --horizon 24 --windows 64 --steps 5 --json

The encoder is `base` as it ships, and one of the paper's size (d = 384, 6 layers, 6 heads, its recipe's settings) with
weights drawn at random: times do not depend on them. A step is forward, backward and update on `--windows` windows of
the New York weather (7 channels, 168 hours); times are processor seconds, the median of `--steps` after one to warm up.
"linear" is what a step of gradient on the head costs with the vectors at hand; by default its head is solved, and takes
no step at all. What encoding the windows once costs stands in the JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import torch
import typer

from tracets import api
from tracets.config import load_settings
from tracets.data.nycflights import nyc_weather, weather_split
from tracets.data.pairs import Pair, cut_pairs
from tracets.encoders.model import TraceModel
from tracets.encoders.store import load_model
from tracets.forecast.pasts import future_rows, past_rows
from tracets.nn.lora import add_lora
from tracets.tasks.forecast_tuning import HeadRows, TuneTask
from tracets.tasks.forecaster import TUNINGS, TraceForecaster

CONTEXT = 168
PAPER = [
    "model.dim=384", "model.series.dim=384", "model.series.layers=6", "model.series.heads=6", "model.series.vectors=1",
    "model.text.dim=384", "model.text.heads=6",
]  # fmt: skip


def encoder_of(size: str) -> TraceModel:
    """A fresh encoder of a size."""
    if size == "base":
        return load_model("base")
    torch.manual_seed(0)
    return TraceModel(load_settings("paper", assignments=PAPER).model, name="paper's size")


def cost(size: str, tuning: str, pairs: Sequence[Pair], *, steps: int) -> dict[str, Any]:
    """What one way of tuning trains, and what its step costs."""
    encoder = encoder_of(size)
    made = TraceForecaster(model=encoder).fit(list(pairs))
    n_encoder = sum(p.numel() for p in encoder.parameters())
    tower = encoder.series
    n_tower = sum(p.numel() for p in tower.parameters())
    tuned: list[torch.nn.Parameter] = []
    if tuning != "linear":
        tuned = add_lora(tower, made.rank) if tuning == "adapter" else list(tower.parameters())
    learn = [p for p in pairs if p.past.split == "train"]
    pasts = [p.past for p in learn]
    fitted = made.fitted_
    rows = past_rows(pasts, context=CONTEXT, cycles=fitted.cycles, company=fitted.company)
    features, scaled = fitted.read(rows)
    targets = torch.from_numpy(scaled.to_scale(future_rows([p.future for p in learn], rows))).float()
    began = time.process_time()
    vectors = torch.from_numpy(made._vectors(pasts, rows)) if tuning == "linear" else None
    encoding = time.process_time() - began
    places = np.arange(len(rows))
    task = TuneTask(
        made.head_.train(), None if tuning == "linear" else encoder, pasts,
        HeadRows(features, targets, rows.window, rows.channel, vectors), learn=places, val=places,
        batch_size=len(learn), seed=0,
    )  # fmt: skip
    task.module.train()
    optimiser = torch.optim.AdamW([p for p in task.module.parameters() if p.requires_grad], lr=1e-4)
    times = []
    for step in range(steps + 1):
        began = time.process_time()
        task.loss(task.batch(step), progress=0.0)["loss"].backward()
        optimiser.step()
        optimiser.zero_grad()
        times.append(time.process_time() - began)
    head = sum(p.numel() for p in made.head_.parameters())
    trained = head + sum(p.numel() for p in tuned)
    return {
        "encoder": size, "tuning": tuning, "horizon": made.horizon_, "windows": len(learn), "rows": len(rows),
        "encoder_parameters": n_encoder, "tower_parameters": n_tower, "head": head, "trained": trained,
        "share": trained / n_encoder, "step_cpu": float(np.median(times[1:])),
        "encode_once_cpu": encoding if tuning == "linear" else None,
    }  # fmt: skip


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown, with each step's time as a share of that of full tuning."""
    full = {r["encoder"]: r["step_cpu"] for r in records if r["tuning"] == "full"}
    lines = [
        "| encoder (parameters) | tuning | trained | share of the encoder | step, CPU s | steps for one of full |",
        "|---|---|---|---|---|---|",
    ]
    for r in records:
        lines.append(
            f"| {r['encoder']} ({r['encoder_parameters'] / 1e6:.2f}M) | {r['tuning']} | {r['trained']:,} | "
            f"{r['share']:.2%} | {r['step_cpu']:.3f} | {full[r['encoder']] / r['step_cpu']:.1f} |"
        )
    return "\n".join(lines)


def main(
    horizon: Annotated[int, typer.Option(help="Steps to forecast.", min=1)] = 24,
    windows: Annotated[int, typer.Option(help="Of a step.", min=8)] = 64,
    steps: Annotated[int, typer.Option(help="That are timed.", min=1)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Measure every way of tuning on both encoders and print the table."""
    api.set_threads(1)
    series = nyc_weather()
    pairs = cut_pairs(series, context=CONTEXT, horizon=horizon, stride=48, split=weather_split(series))
    learn = [p for p in pairs if p.past.split == "train"][:windows]
    chosen_by = [p for p in pairs if p.past.split == "val"][: windows // 4]
    records = [cost(size, tuning, learn + chosen_by, steps=steps) for size in ("base", "paper") for tuning in TUNINGS]
    for record in records if as_json else ():
        print(json.dumps(record))
    if not as_json:
        print(table(records))


if __name__ == "__main__":
    typer.run(main)
