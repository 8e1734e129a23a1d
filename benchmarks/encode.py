"""How fast series become vectors: ours beside a plain one of the paper's equations, and beside the machine's limit.

    python benchmarks/encode.py --out encode.jsonl
    python benchmarks/encode.py --out encode.jsonl --sizes paper --channels 7 --steps 168 --batches 32

Forms of one cell take turns in one process and the median counts, so that a busy machine slows all of them. Equal
weights, and equal vectors but for "block". Each cell that ends is one line of `--out`; a cell that stands there is not
measured again. The limit: the multiplications and additions of the matrix products that the form needs, over the best
rate of a product of two matrices of 1024 x 1024 in single precision, measured in the same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from memory import resident_mb
from plain_trace import load
from runs import finished, same_run

from tracets.data.collate import collate
from tracets.encoders.model import TraceModel
from tracets.encoders.series import N_NUMBERS, N_OTHERS, SeriesBatch, to_series_batch
from tracets.encoders.settings import ModelConfig, SeriesConfig
from tracets.nn.features import VALUE_DIM
from tracets.types import Sample

FORMS = ("plain", "biased", "block", "compiled")
KEPT_FREE = 0.6
"""Of the memory that is free, at most this share is asked for; a cell that needs more is left out with a note."""


class Size(NamedTuple):
    """A model to measure; `layers` 0 is the shipped one, which is measured from samples to vectors."""

    dim: int
    layers: int
    heads: int


SIZES = {"shipped": Size(128, 0, 4), "small": Size(128, 4, 4), "paper": Size(384, 6, 6)}


class Names:
    """Stands for the frozen sentence encoder: names of channels are looked up once and take no time afterwards."""

    name, dim = "names", 384

    def pooled(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.zeros(len(texts), self.dim)


def windows(n: int, c: int, t: int) -> list[Sample]:
    """Random walks with 5 % missing."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(n):
        values = rng.normal(size=(c, t)).astype(np.float32).cumsum(1)
        values[rng.random((c, t)) < 0.05] = np.nan
        start = datetime(2020, 1, 1) + timedelta(hours=i)
        out.append(Sample(f"w{i}", values, tuple(f"channel {k}" for k in range(c)), start=start, freq="h"))
    return out


def model(size: Size, *, attention: str, patch: int) -> TraceModel:
    """Random weights, the same for each form. With layers: the paper's settings, whose vectors the plain one gives."""
    torch.manual_seed(0)
    config = ModelConfig(series=SeriesConfig(dim=size.dim, layers=0, calendar="full"))
    if size.layers:
        series = SeriesConfig(
            dim=size.dim, layers=size.layers, heads=size.heads, patch=patch, vectors=1, identity="index",
            features="none", calendar="none", attention=attention,  # type: ignore[arg-type]
        )  # fmt: skip
        config = replace(config, sample="cls", series=series)
    return TraceModel(config, name=attention, backbone=Names()).eval()  # type: ignore[arg-type]


def runner(form: str, size: Size, samples: Sequence[Sample], *, patch: int) -> Callable[[], Any]:
    """What encodes the samples in one batch; the batch is made beforehand, but for the shipped model."""
    made = model(size, attention="block" if form == "block" else "biased", patch=patch)
    if not size.layers:
        return lambda: made.encode_series(samples, batch_size=len(samples))
    batch = to_series_batch(collate(samples), made.backbone)
    tower: Callable[[SeriesBatch], Any] = load(made.series) if form == "plain" else made.series
    if form == "compiled":
        tower = torch.compile(tower)
    return lambda: tower(batch)


def gflop(form: str, size: Size, c: int, t: int, *, patch: int) -> float:
    """Multiplications and additions of the matrix products for one window, in 1e9.

    A layer of width d over L tokens has 8 L d^2 for query, key, value and output, 16 L d^2 for the feed-forward part
    and 4 (pairs of tokens that attend) d for scores and mixture. Ours needs, in the last layer, only keys and values of
    all tokens, and the rest for [CLS] and the [CIT]s.
    """
    d, p = size.dim, -(-t // patch)
    if not size.layers:
        config = SeriesConfig()
        width = N_NUMBERS[config.features] * VALUE_DIM + N_OTHERS[config.features]
        out = config.vectors * ModelConfig().dim
        mixers = 2 * (width * 2 * d + 2 * d * d) + 2 * d * 2 * d  # of the [CIT] and of the window, its names too
        return 2e-9 * (c * (mixers + width * out + d * out + 2 * Names.dim * d) + 2 * d * d)
    width, rows = p + 1, 1 + c
    length = 1 + c * width
    pairs = {"block": c * width**2 + rows**2, "plain": length**2}.get(form, length**2)
    last_pairs = {"block": c * width + rows**2, "plain": pairs}.get(form, length + c * length)
    whole = 24 * length * d * d + 4 * pairs * d
    last = whole if form == "plain" else (4 * length + 20 * rows) * d * d + 4 * last_pairs * d
    ends = 2 * c * p * 2 * patch * d + 2 * rows * d * ModelConfig().dim
    return 1e-9 * ((size.layers - 1) * whole + last + ends)


def needed_gb(form: str, size: Size, n: int, c: int, t: int, *, patch: int) -> float:
    """An estimate of the memory of one pass: tokens in a layer, and, for the plain one, the scores of a head thrice."""
    length = 1 + c * (-(-t // patch) + 1)
    tokens = n * length * size.dim * 4 * 12
    scores = n * length**2 * (3 * 4 + 2) if form == "plain" else n * c * length * 5
    return (tokens + scores) / 1e9 if size.layers else n * c * (2000 * 12 + t * 4 * 20) / 1e9


def free_gb() -> float:
    """Memory that is free, in GB; infinite where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("inf")
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1e6


def product_peak(size: int = 1024, *, repeats: int = 10) -> float:
    """The best rate of a matrix product in single precision, in GFLOP/s."""
    a, b = torch.randn(2, size, size)
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2e-9 * size**3 / best


def in_turns(runs: dict[str, Callable[[], Any]], *, repeats: int, seconds: float) -> dict[str, list[float]]:
    """Seconds of each run, taking turns; a run over `seconds` is made once, and its warming up counts."""
    found: dict[str, list[float]] = {}
    often: dict[str, int] = {}
    for name, run in runs.items():
        run()
        began = time.perf_counter()
        if name == "compiled":  # the first call compiles
            run()
            began = time.perf_counter()
        run()
        once = time.perf_counter() - began
        found[name] = [once] if once > seconds else []
        often[name] = max(1, round(0.1 / once))
    for _ in range(repeats):
        for name, run in runs.items():
            if found[name] and found[name][0] > seconds:
                continue
            began = time.perf_counter()
            for _ in range(often[name]):
                run()
            found[name].append((time.perf_counter() - began) / often[name])
    return found


def peak_memory(cell: dict[str, Any], form: str) -> dict[str, float]:
    """One pass in a process of its own: the peak of its memory in MB, and how much of it the pass added."""
    told = json.dumps({**cell, "form": form})
    made = subprocess.run([sys.executable, __file__, "--one-pass", told], capture_output=True, text=True, check=False)
    if made.returncode:
        return {}
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


def one_pass(cell: dict[str, Any]) -> dict[str, float]:
    """What the child process does."""
    torch.set_num_threads(cell["threads"])
    run = runner(cell["form"], SIZES[cell["size"]], windows(cell["batch"], cell["c"], cell["t"]), patch=cell["patch"])
    before = resident_mb("VmRSS")
    with torch.inference_mode():
        run()
    peak = resident_mb("VmHWM")
    return {"peak_mb": round(peak, 1), "pass_mb": round(peak - before, 1)}


def measure(
    cell: dict[str, Any], *, peak: float, repeats: int, seconds: float, memory: bool, memory_gb: float
) -> dict[str, Any]:
    """Measure the forms of a cell: the cell with a record a form."""
    size, n, c, t, patch = SIZES[cell["size"]], cell["batch"], cell["c"], cell["t"], cell["patch"]
    forms: dict[str, dict[str, Any]] = {}
    fits = []
    for form in cell["forms"]:
        needs = needed_gb(form, size, n, c, t, patch=patch)
        if needs > memory_gb:
            forms[form] = {"note": f"left out: needs some {needs:.0f} GB"}
        else:
            fits.append(form)
    samples = windows(n, c, t)
    with torch.inference_mode():
        runs = {form: runner(form, size, samples, patch=patch) for form in fits}
        times = in_turns(runs, repeats=repeats, seconds=seconds)
    for form, found in times.items():
        rate = n / statistics.median(found)
        flops = gflop(form, size, c, t, patch=patch)
        forms[form] = {
            "windows_per_s": round(rate, 4), "repeats": len(found), "gflop": round(flops, 5),
            "share_of_limit": round(rate * flops / peak, 4),
        }  # fmt: skip
        if "plain" in times:
            forms[form]["to_plain"] = round(statistics.median(times["plain"]) / statistics.median(found), 2)
        if memory:
            forms[form] |= peak_memory(cell, form)
    return {**cell, "product_gflops": round(peak, 1), "torch": torch.__version__, "found": forms}


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a cell and form.

    >>> found = {"biased": {"windows_per_s": 20.25, "to_plain": 2.5, "share_of_limit": 0.8, "pass_mb": 120.0}}
    >>> print(table([{"size": "paper", "c": 7, "t": 168, "batch": 32, "found": found}]).splitlines()[2])
    | paper | 7 x 168 | 32 | biased | 20.2 | 2.50 | 80 % | 120 |  |
    """
    lines = [
        "| size | channels x steps | batch | form | windows/s | to plain | share of the limit | MB of a pass | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for record in records:
        for form, found in record["found"].items():
            rate, ratio, memory = (found.get(name) for name in ("windows_per_s", "to_plain", "pass_mb"))
            share = found.get("share_of_limit")
            cells = [
                "" if rate is None else f"{rate:.3g}", "" if ratio is None else f"{ratio:.2f}",
                "" if share is None else f"{share:.0%}".replace("%", " %"), "" if memory is None else f"{memory:.0f}",
                found.get("note", ""),
            ]  # fmt: skip
            place = f"{record['size']} | {record['c']} x {record['t']} | {record['batch']}"
            lines.append(f"| {place} | {form} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON lines of the cells; those there are not made again.")] = Path(
        "encode.jsonl"
    ),
    sizes: Annotated[str, typer.Option(help="Of shipped, small, paper.")] = "shipped,small,paper",
    forms: Annotated[str, typer.Option(help="Of plain, biased, block, compiled.")] = "plain,biased,block",
    channels: Annotated[str, typer.Option(help="Numbers of channels.")] = "1,7,28,64",
    steps: Annotated[str, typer.Option(help="Lengths.")] = "168,720",
    batches: Annotated[str, typer.Option(help="Windows a batch.")] = "1,32,256",
    patch: Annotated[int, typer.Option(help="Steps a patch, but for the shipped model.", min=1)] = 6,
    repeats: Annotated[int, typer.Option(help="Turns of each form.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="A pass that takes longer is made once.")] = 10.0,
    minutes: Annotated[float, typer.Option(help="No further cell is begun after this time.")] = 60.0,
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
    memory: Annotated[bool, typer.Option(help="Measure the memory of each form, in a process of its own.")] = True,
    memory_gb: Annotated[float, typer.Option(help="What a pass may need; 0: a share of what is free.")] = 0.0,
    one: Annotated[str, typer.Option("--one-pass", hidden=True)] = "",
) -> None:
    """Measure windows/s and memory of the chosen cells, and print the table."""
    if one:
        print(json.dumps(one_pass(json.loads(one))))
        return
    torch.set_num_threads(threads)
    began = time.monotonic()
    known, shown = finished(out), []
    for size, t, c, n in (
        (size, int(t), int(c), int(n))
        for size in sizes.split(",") for t in steps.split(",") for c in channels.split(",") for n in batches.split(",")
    ):  # fmt: skip
        wanted = forms.split(",") if SIZES[size].layers else ["biased"]
        cell = {"size": size, "batch": n, "c": c, "t": t, "patch": patch, "threads": threads, "forms": wanted}
        record = next((record for record in known if same_run(record, cell)), None)
        if record is None:
            if time.monotonic() - began > 60 * minutes:
                continue
            record = measure(
                cell, peak=product_peak(), repeats=repeats, seconds=seconds, memory=memory,
                memory_gb=memory_gb or KEPT_FREE * free_gb(),
            )  # fmt: skip
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            typer.echo(f"{size}, {c} x {t}, batch {n}: {json.dumps(record['found'])}", err=True)
        shown.append(record)
    print(table(shown))


if __name__ == "__main__":
    typer.run(main)
