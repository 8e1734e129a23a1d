"""How long a training step takes: ours beside the plain encoder, by its parts, and what a large corpus needs in memory.

    python benchmarks/train.py steps --out train.jsonl
    python benchmarks/train.py corpus --windows 100000

A step of stage 1 (masked reconstruction) and of stage 2 (alignment), on the weather corpus, with the paper's settings
at width 128 and the same optimiser; "ours" and "block" differ from "plain" in the series tower alone, which `tracets`
computes with the same weights. The forms take turns in one process, and the median counts.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from memory import resident_mb
from plain_trace import PlainTrace, load
from torch import Tensor

from tracets import api
from tracets.config import load_settings
from tracets.data.corpus import Corpus, read_corpus
from tracets.encoders.backbone import TextBackbone
from tracets.encoders.model import TraceModel
from tracets.encoders.series import SeriesBatch
from tracets.tasks.align import AlignTask
from tracets.tasks.pretrain import PretrainTask
from tracets.types import Sample

app = typer.Typer(add_completion=False)
FORMS = ("plain", "ours", "block", "shipped")


class PlainTower(torch.nn.Module):
    """The plain encoder in the place of a series tower, for both stages."""

    def __init__(self, plain: PlainTrace) -> None:
        super().__init__()
        self.plain = plain
        self.cls = plain.cls

    def forward(self, batch: SeriesBatch) -> tuple[Tensor, Tensor]:
        sample, channels = self.plain(batch)
        return sample, channels[:, :, None]

    def reconstruct_hidden(self, batch: SeriesBatch, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        prediction, error = self.plain.predict_hidden(batch, hidden)
        return error.expand(1, 1, 1, 1).sqrt(), prediction.new_zeros(1, 1, 1, 1), hidden.new_ones(1, 1, 1, 1)


def tasks(form: str, windows: Sequence[Sample], backbone: TextBackbone, *, batch: int, patch: int) -> dict[str, Any]:
    """Both stages on some windows, from the same random weights; dropout is off, as the plain encoder has none."""
    recipe = "base" if form == "shipped" else "paper"
    settings = load_settings(recipe, assignments=[f"optim.batch_size={batch}"])
    series = replace(settings.model.series, dropout=0.0)
    if form != "shipped":
        series = replace(series, patch=patch, attention="block" if form == "block" else "biased")
    torch.manual_seed(0)
    model = TraceModel(replace(settings.model, series=series), name=form, backbone=backbone)
    if form == "plain":
        model.series = PlainTower(load(model.series))  # type: ignore[assignment]
    train, choose = list(windows), list(windows[:8])
    align = replace(settings.align, swapped=0.0, captions=0.0)
    made = {"stage 2": AlignTask(model, train, choose, align, batch_size=batch, seed=0)}
    if form != "shipped":  # it has no Transformer, and is not trained in stage 1
        made["stage 1"] = PretrainTask(model, train, choose, settings.pretrain, batch_size=batch, seed=0)  # type: ignore[assignment]
    made["stage 2"].prepare()
    return made


def step_of(task: Any, *, bfloat16: bool) -> Callable[[int], tuple[float, float, float]]:
    """Make one step; the seconds of its data, of the losses and of their gradients with the update."""
    task.module.train()
    weights = [p for p in task.module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-4, fused=True)

    def step(number: int) -> tuple[float, float, float]:
        began = time.perf_counter()
        batch = task.batch(number)
        ready = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = task.loss(batch, progress=0.0)["loss"]
        forward = time.perf_counter()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        return ready - began, forward - ready, time.perf_counter() - forward

    return step


def measure(
    windows: Sequence[Sample], forms: Sequence[str], *, batch: int, patch: int, repeats: int, bfloat16: bool
) -> list[dict[str, Any]]:
    """A record a stage and form."""
    backbone = TextBackbone()
    steps = {}
    for form in forms:
        for stage, task in tasks(form, windows, backbone, batch=batch, patch=patch).items():
            steps[stage, form, "float32"] = step_of(task, bfloat16=False)
            if bfloat16 and form == "ours":
                steps[stage, form, "bfloat16"] = step_of(task, bfloat16=True)
    spent: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {key: [] for key in steps}
    for number in range(repeats + 1):
        for key, step in steps.items():
            found = step(number)
            if number:  # the first one warms up
                spent[key].append(found)
    records = []
    for (stage, form, precision), found in sorted(spent.items()):
        data, forward, backward = (statistics.median(part) for part in zip(*found, strict=True))
        whole = statistics.median(sum(parts) for parts in found)
        record = {
            "stage": stage, "form": form, "precision": precision, "batch": batch, "patch": patch, "steps": repeats,
            "seconds": round(whole, 4), "windows_per_s": round(batch / whole, 2), "data": round(data, 4),
            "forward": round(forward, 4), "backward": round(backward, 4), "threads": torch.get_num_threads(),
        }  # fmt: skip
        if (stage, "plain", "float32") in spent:
            plain = statistics.median(sum(parts) for parts in spent[stage, "plain", "float32"])
            record["to_plain"] = round(plain / whole, 2)
        records.append(record)
    return records


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a stage and form.

    >>> record = {"stage": "stage 1", "form": "ours", "precision": "float32", "seconds": 2.0, "windows_per_s": 32.0}
    >>> print(table([record | {"data": 0.1, "forward": 0.9, "backward": 1.0, "to_plain": 2.5}]).splitlines()[2])
    | stage 1 | ours | float32 | 2.00 | 32.0 | 5 % | 2.50 |
    """
    lines = [
        "| | form | precision | seconds a step | windows/s | share on data | to plain |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in records:
        share = f"{100 * r['data'] / r['seconds']:.0f} %"
        ratio = f"{r['to_plain']:.2f}" if "to_plain" in r else ""
        lines.append(
            f"| {r['stage']} | {r['form']} | {r['precision']} | {r['seconds']:.2f} | {r['windows_per_s']:.1f} "
            f"| {share} | {ratio} |"
        )
    return "\n".join(lines)


@app.command()
def steps(
    out: Annotated[Path, typer.Option(help="The JSON lines of the figures, added to.")] = Path("train.jsonl"),
    forms: Annotated[str, typer.Option(help="Of plain, ours, block, shipped.")] = ",".join(FORMS),
    batch: Annotated[int, typer.Option(help="Windows a step.", min=2)] = 64,
    patch: Annotated[int, typer.Option(help="Steps a patch, but for the shipped model.", min=1)] = 6,
    repeats: Annotated[int, typer.Option(help="Steps of each form.", min=1)] = 5,
    limit: Annotated[int, typer.Option(help="Windows to draw from.", min=16)] = 512,
    bfloat16: Annotated[bool, typer.Option(help="Measure ours under bfloat16 autocast too.")] = True,
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
) -> None:
    """Measure the steps of both stages, and print the table."""
    api.set_threads(threads)
    train = api.weather(captions=False).split("train")
    windows = list(api.caption(train.select(range(min(limit, len(train))))))
    records = measure(windows, forms.split(","), batch=batch, patch=patch, repeats=repeats, bfloat16=bfloat16)
    with out.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
    print(table(records))


@app.command()
def corpus(
    windows: Annotated[int, typer.Option(help="Windows of 7 x 168.", min=1000)] = 100_000,
    path: Annotated[Path | None, typer.Option(help="A corpus file to read in place of a made one.")] = None,
) -> None:
    """Read a corpus as a training does, and print what it needs in memory, in MB, as one line of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        file = path or _made(Path(folder) / "large.parquet", windows)
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak of making it
        record: dict[str, Any] = {"windows": windows, "before": memory()}
        began = time.perf_counter()
        whole = read_corpus(file)
        record |= {"opened": memory(), "open_s": round(time.perf_counter() - began, 1)}
        began = time.perf_counter()
        train = list(whole.split("train"))
        record |= {"listed": memory(), "list_s": round(time.perf_counter() - began, 1), "train": len(train)}
        total = sum(float(np.nansum(sample.values)) for sample in train)
        record |= {"values_read": memory(), "values_mb": round(sum(s.values.nbytes for s in train) / 1e6), "sum": total}
    print(json.dumps(record))


def memory() -> dict[str, int]:
    """MB of this process: its own, all that is resident (mapped files too, which the system may drop), and the peak."""
    return {what: round(resident_mb(name)) for what, name in
            {"own": "RssAnon", "resident": "VmRSS", "peak": "VmHWM"}.items()}  # fmt: skip


def _made(file: Path, n: int) -> Path:
    """Windows of a random walk, written in pieces of 1,000 so that making them needs little."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names, writer = tuple(f"channel {k}" for k in range(7)), None
    rng = np.random.default_rng(0)
    for begin in range(0, n, 1000):
        values = rng.normal(size=(1000, 7, 168)).astype(np.float32).cumsum(-1)
        piece = Corpus.from_samples(
            Sample(
                f"w{begin + i}", x, names, start=datetime(2020, 1, 1) + timedelta(hours=begin + i), freq="h",
                text=f"Window {begin + i}. It is warm.", split="val" if i % 10 == 0 else "train",
            )
            for i, x in enumerate(values)
        )  # fmt: skip
        writer = writer or pq.ParquetWriter(file, piece.table.schema, compression="zstd")
        writer.write_table(piece.table)
    assert writer is not None
    writer.close()
    pa.default_memory_pool().release_unused()
    return file


if __name__ == "__main__":
    app()
