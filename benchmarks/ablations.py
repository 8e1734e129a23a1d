"""What each part of the model is worth: a table of trainings that differ from ours in one thing.

    python benchmarks/ablations.py weather.parquet --out ablations.jsonl --steps 150 --seeds 0,1,2

Every row is trained from nothing for the same number of steps, and its last weights are measured (no validation chooses
among them, as the split they are measured on would choose). Each run that ends is one line of `--out`; a run that
stands there is not made again.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from runs import finished, same_run, shared_backbone

from tracets import api

METRICS = ("MRR", "P@1")
DIRECTIONS = {"text_to_series": "text to series", "series_to_text": "series to text"}


class Row(NamedTuple):
    """A line of the table: its settings relative to a recipe."""

    name: str
    assignments: tuple[str, ...] = ()
    recipe: str = "tune"


ROWS = (
    Row("ours"),
    Row("no CIT", ("model.series.summary=patches",)),
    Row("full attention", ("model.series.attention=full",)),
    Row("causal attention", ("model.series.attention=causal",)),
    Row("block attention", ("model.series.attention=block",)),
    Row("no features", ("model.series.features=none",)),
    Row("level features only", ("model.series.features=level",)),
    Row("index identity", ("model.series.identity=index",)),
    Row("absolute positions", ("model.series.positions=absolute",)),
    Row("patch 6", ("model.series.patch=6",)),
    Row("patch 24", ("model.series.patch=24",)),
    Row("pooled frozen text", ("model.text.reader=pooled",)),
    Row("no Transformer", ("model.series.layers=0",)),
    Row("[CLS] in the score", ("model.sample=cls", "model.sample_weight=0.3", "align.choose_weight=false")),
    Row("[CLS] only", ("model.sample=cls", "model.sample_weight=1", "align.choose_weight=false")),
    Row("no hard negatives", ("align.hard_first=none", "align.hard_last=none")),
    Row("K=8 throughout", ("align.hard_first=8", "align.hard_last=8")),
    Row("K=32 throughout", ("align.hard_first=32", "align.hard_last=32")),
    Row("no channel loss", ("align.channel=0",)),
    Row("no sentence loss", ("align.sentence=0",)),
    Row("cross-attention", ("align.cross_attention=true",)),
    Row("swapped facts", ("align.swapped=0.5",)),
    Row("paper", recipe="paper"),
)


def corpus_hash(corpus: Any) -> str:
    """Sixteen hex digits of what is trained on and measured: windows, texts and splits."""
    digest = hashlib.sha256()
    for sample in corpus:
        digest.update(repr((sample.id, sample.split, sample.text, sample.channel_texts)).encode())
        digest.update(repr((sample.channel_names, sample.units, sample.values.shape)).encode())
        digest.update(sample.values.tobytes())
    return digest.hexdigest()[:16]


def identity(row: Row, *, seed: int, steps: int, split: str, corpus: str, common: Sequence[str]) -> dict[str, Any]:
    """What makes two runs the same run."""
    settings = [*common, *row.assignments]
    return {
        "row": row.name, "seed": seed, "steps": steps, "split": split, "corpus": corpus, "recipe": row.recipe,
        "settings": settings,
    }  # fmt: skip


def measure(run: dict[str, Any], corpus: Any) -> dict[str, Any]:
    """Train one run from nothing and measure it: the run with its figures."""
    steps = run["steps"]
    budget = [f"optim.max_steps={steps}", "optim.max_minutes=none", f"optim.validate_every={steps}"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = api.train(
            corpus, Path(folder) / "model", init="none", recipe=run["recipe"], assignments=[*run["settings"], *budget],
            seed=run["seed"], backbone=shared_backbone(),
        )  # fmt: skip
    minutes = (time.monotonic() - began) / 60
    found = api.evaluate_retrieval(corpus, model, split=run["split"], n_boot=10).to_json()
    figures = {d: {m: found[d]["pair"][m] for m in METRICS} for d in DIRECTIONS}
    chance = {d: {m: found["chance"][d]["pair"][m] for m in METRICS} for d in DIRECTIONS}
    return {**run, "n": found["n"], "minutes": round(minutes, 2), **figures, "chance": chance}


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: one line a row in the order of its first run, mean ± standard deviation over seeds, then chance.

    >>> pair = {"MRR": 0.5, "P@1": 0.25}
    >>> run = {"row": "ours", "minutes": 2.0, "text_to_series": pair, "series_to_text": pair}
    >>> print(table([run | {"chance": {"text_to_series": pair, "series_to_text": pair}}]).splitlines()[2])
    | ours | .500 | .250 | .500 | .250 | 2.0 | 1 |
    """
    columns = [(d, m) for d in DIRECTIONS for m in METRICS]
    heads = [f"{DIRECTIONS[d]}: {m}" if m == METRICS[0] else m for d, m in columns]
    lines = ["| | " + " | ".join(heads) + " | minutes | seeds |", "|---|" + "---|" * (len(columns) + 2)]
    by_row: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_row.setdefault(record["row"], []).append(record)
    for name, runs in by_row.items():
        cells = [_spread([run[d][m] for run in runs]) for d, m in columns]
        cells += [f"{statistics.mean(run['minutes'] for run in runs):.1f}", str(len(runs))]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if records:
        cells = [_figure(records[0]["chance"][d][m]) for d, m in columns]
        lines.append("| chance | " + " | ".join(cells) + " | | |")
    return "\n".join(lines)


def _spread(values: Sequence[float]) -> str:
    mean = _figure(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ± {_figure(statistics.stdev(values))}"


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def chosen(names: str) -> list[Row]:
    """Rows by their names with commas between; all without a name."""
    if not names:
        return list(ROWS)
    known = {row.name: row for row in ROWS}
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(f"no row '{name}'; known: {', '.join(known)}")
    return [known[name] for name in wanted]


def main(
    corpus: Annotated[Path | None, typer.Argument(help="A corpus with texts and splits; none: the weather.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON lines of the runs; those there are not made again.")] = Path(
        "ablations.jsonl"
    ),
    steps: Annotated[int, typer.Option(help="Training steps of each run.", min=1)] = 150,
    seeds: Annotated[str, typer.Option(help="Seeds with commas.")] = "0,1,2",
    split: Annotated[str, typer.Option(help="The split to measure.")] = "val",
    rows: Annotated[str, typer.Option(help="Rows by name, with commas; none: all.")] = "",
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of every row.")] = None,
) -> None:
    """Train and measure the rows of the ablation, seed by seed, and print the table."""
    api.set_threads(threads)
    wanted = chosen(rows)
    windows = api.weather() if corpus is None else api.read(corpus)
    hashed = corpus_hash(windows)
    runs = [
        identity(row, seed=int(seed), steps=steps, split=split, corpus=hashed, common=settings or [])
        for seed in seeds.split(",")
        for row in wanted
    ]
    known = finished(out)
    for run in runs:
        if any(same_run(record, run) for record in known):
            continue
        known.append(measure(run, windows))
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[-1]) + "\n")
        typer.echo(f"{run['row']}, seed {run['seed']}: {known[-1]['minutes']} min", err=True)
    print(table([next(record for record in known if same_run(record, run)) for run in runs]))


if __name__ == "__main__":
    typer.run(main)
