"""Forecasts of the paper's data sets (its Table 4) and of others: our head on the encoder, its ablations, naive ones.

    python benchmarks/forecasting.py DATA --out forecasting.jsonl
    python benchmarks/forecasting.py DATA --unseen --out unseen.jsonl
    python benchmarks/forecasting.py --out forecasting.jsonl --only weather --forecasters "tracets;last-value"
    python benchmarks/forecasting.py DATA --export windows

DATA is the folder of the corpora; without it only the weather is forecast. Each series is split by time, 70 % to learn
from, 10 % to choose by, 20 % to measure on, and every step of the last part begins a window (or every `stride`-th, see
forecast_sets.py); the weather is split as the model that ships was trained (60, 15 and 25 %). A row that stands in
`--out` is not made again. `--export` writes the same series for forecasters of other environments, see
neural_forecasters.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from forecast_sets import PUBLISHED, UNSEEN, Set, export, series_of, windows_of
from runs import finished, same_run

from tracets import api
from tracets.data.pairs import Pair
from tracets.evaluate.forecasts import evaluate_forecasts
from tracets.forecast.backbones import load_backbone
from tracets.forecast.protocol import Backbone
from tracets.tasks.forecaster import READS, TraceForecaster

NAIVE = "seasonal-naive"

Make = Callable[[list[Pair], int], Backbone]
"""(windows to learn from and to choose by, seed) -> a forecaster that is ready; the test part is not among them."""


def ours(**parameters: Any) -> Make:
    """Our forecaster with some of its parameters set."""
    return lambda pairs, seed: TraceForecaster(seed=seed, **parameters).fit(pairs)


def ready(name: str) -> Make:
    """One that learns nothing here."""
    return lambda pairs, seed: load_backbone(name)


FORECASTERS: dict[str, Make] = {
    "last-value": ready("last-value"),
    NAIVE: ready(NAIVE),
    "fracast": ready("fracast"),
    "tracets": ours(),
    "tracets without vectors": ours(reads=tuple(name for name in READS if name != "vectors")),
    "tracets, vectors only": ours(reads=("vectors",)),
    "tracets, last steps only": ours(reads=("recent",)),
    "tracets, gradient": ours(max_steps=600),
    "tracets, adapter": ours(tuning="adapter"),
    "tracets, full": ours(tuning="full"),
    "tracets, refit": ours(refit=True),
}


def measure(one: Set, pairs: Sequence[Pair], name: str, seed: int) -> dict[str, Any]:
    """Make one forecaster and measure it: a record."""
    train, test = ([p for p in pairs if p.past.split == part] for part in ("train", "test"))
    learn = [p for p in pairs if p.past.split in ("train", "val")]
    began, cpu = time.monotonic(), time.process_time()
    made = FORECASTERS[name](learn, seed)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    named = {name: made} if name == NAIVE else {name: made, NAIVE: load_backbone(NAIVE)}
    report = evaluate_forecasts(test, named, train=train, reference=NAIVE, seed=seed).to_json()
    told = {"context": max(one.contexts), "n_train": len(train), "fit_seconds": seconds, "fit_cpu": cpu}
    if isinstance(made, TraceForecaster):
        choice = made.fitted_.choice
        told |= {"n_fitted": made.n_fitted_, "chosen": made.summary, "score": choice.score,
                 "scaling": repr(choice.scaling), "penalties": choice.penalties, "mean": made.fitted_.mean,
                 "maps": made.fitted_.sizes.maps, "training": getattr(made, "training_", None)}  # fmt: skip
    del report["others"]
    return {"set": one.name, "horizon": one.horizon, "forecaster": name, "seed": seed, **told, **report}


def table(records: Sequence[dict[str, Any]], metric: str) -> str:
    """Markdown: a row a forecaster, a column a data set and horizon."""
    sets = [one for one in (*PUBLISHED, *UNSEEN) if any((r["set"], r["horizon"]) == one[:2] for r in records)]
    found = {(r["set"], r["horizon"], r["forecaster"]): r for r in records}
    heads = " | ".join(f"{one.name} {one.horizon}" for one in sets)
    lines = [f"| {metric} | {heads} |", "|---" * (1 + len(sets)) + "|"]
    for name in dict.fromkeys(r["forecaster"] for r in records):
        cells = [found.get((one.name, one.horizon, name)) for one in sets]
        lines.append(f"| {name} | " + " | ".join("" if c is None else _figure(c[metric]) for c in cells) + " |")
    if metric == "mse" and any(one.paper for one in sets):
        lines.append("| TRACE, as published | " + " | ".join(_figure(one.paper) for one in sets) + " |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main(
    data: Annotated[Path | None, typer.Argument(help="The folder of the corpora; none: the weather alone.")] = None,
    out: Annotated[Path, typer.Option(help="JSON lines, one a row; those there are not made again.")] = Path(
        "forecasting.jsonl"
    ),
    only: Annotated[str, typer.Option(help="Data sets by name, with commas; none: all.")] = "",
    forecasters: Annotated[str, typer.Option(help="By name, with semicolons; none: all.")] = "",
    unseen: Annotated[bool, typer.Option("--unseen", help="The sets that no design has looked at.")] = False,
    seed: Annotated[int, typer.Option(help="Of fits and intervals.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
    exported: Annotated[
        Path | None, typer.Option("--export", help="Write the series into this folder, and measure nothing.")
    ] = None,
) -> None:
    """Measure every forecaster on every data set and print the tables."""
    api.set_threads(threads)
    known = finished(out)
    for one in UNSEEN if unseen else PUBLISHED:
        series = None if only and one.name not in only.split(",") else series_of(one.name, data)
        if exported is not None and series is not None:
            export(one, series, exported)
            continue
        pairs = None
        for name in forecasters.split(";") if forecasters else FORECASTERS:
            run = {"set": one.name, "horizon": one.horizon, "forecaster": name, "seed": seed}
            if series is None or any(same_run(record, run) for record in known):
                continue
            pairs = pairs or windows_of(one, series)
            found = measure(one, pairs, name, seed)
            known.append(found)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            typer.echo(f"{one.name} {one.horizon}, {name}: mse {found['mse']:.3f}, {found['fit_cpu']:.0f} s", err=True)
    for metric in () if exported is not None else ("mse", "mae", "mase", "crps"):
        print(table(known, metric) + "\n")


if __name__ == "__main__":
    typer.run(main)
