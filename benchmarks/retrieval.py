"""Retrieval on every corpus with texts: our model before and after training on it, the paper's recipe, cheap baselines.

    python benchmarks/retrieval.py DATA --out retrieval.jsonl
    python benchmarks/retrieval.py DATA --out retrieval.jsonl --only truce,szeged --share 0.5

DATA is a folder of corpora (one folder each, as `CORPORA` names them); the weather needs none. Each corpus is learnt by
our model from `base` and by the paper's recipe from nothing, for the same minutes and on the same windows, and its test
split is ranked by both, by `base` as it ships and by the baselines. A run that stands in `--out` is not made again.
The frozen encoder reads every text of a corpus before the clock of a training starts.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from runs import finished, same_run, shared_backbone

from tracets import api
from tracets.data import Corpus

BASELINES = ("bm25", "caption", "ridge")
REPORTS = "text_source = 'report'"


class Task(NamedTuple):
    """A corpus, what of it is learnt and ranked, and the minutes for each training (0: nothing to learn from)."""

    name: str
    file: str | None
    minutes: float
    where: str | None = None
    pools: tuple[tuple[str, str | None], ...] = (("", None),)


CORPORA = (
    Task("weather", None, 12),
    Task("jena", "jena_weather_captioned/samples.parquet", 12),
    Task("jena-6h", "jena_weather_captioned/samples_6h.parquet", 10),
    Task("truce", "truce_synthetic/samples.parquet", 4),
    Task(
        "time-mmd", "time_mmd/samples.parquet", 5, REPORTS,
        tuple((s, f"subset = '{s}'") for s in ("Energy", "Economy", "Health_US", "SocialGood", "Traffic", "Climate")),
    ),
    Task("szeged", "szeged_weather/samples.parquet", 6),
    Task("epa-air", "epa_air_news/samples.parquet", 2),
    Task("au-load", "au_load_news/samples.parquet", 0),
    Task("ecg", "ecg_reports/samples.parquet", 0),
)  # fmt: skip


def load(task: Task, data: Path | None) -> Corpus | None:
    """The corpus of a task; None where its folder was not given."""
    if task.file is None:
        return api.weather()
    if data is None:
        return None
    corpus = api.read(data / task.file)
    return corpus if task.where is None else corpus.where(task.where)


def trained(task: Task, corpus: Corpus, model: str, *, share: float, seed: int, folder: Path) -> tuple[Any, float]:
    """The model of a row and the minutes that its training took."""
    if model == "base":
        return api.load("base"), 0.0
    own = task.file is None and model == "ours"  # the weather has a recipe of its own: windows mixed from its channels
    recipe = "paper" if model == "paper" else "weather" if own else "tune"
    windows = None if own else corpus
    init = "none" if model == "paper" else "base"
    read = ["optim.max_steps=2", "optim.max_minutes=none", "optim.validate_every=2"]
    same: dict[str, Any] = {"init": init, "recipe": recipe, "seed": seed, "backbone": shared_backbone()}
    api.train(windows, folder / "read", assignments=read, **same)
    began = time.monotonic()
    made = api.train(windows, folder / "model", max_minutes=task.minutes * share, **same)
    return made, (time.monotonic() - began) / 60


def measure(task: Task, corpus: Corpus, model: str, *, share: float, seed: int) -> list[dict[str, Any]]:
    """Train one row and rank every pool of the corpus: a record each."""
    with tempfile.TemporaryDirectory() as folder:
        made, minutes = trained(task, corpus, model, share=share, seed=seed, folder=Path(folder))
    records = []
    for pool, where in task.pools:
        part = corpus if where is None else corpus.where(where)
        baselines = BASELINES if model == "base" else ()
        if task.minutes == 0:
            baselines = tuple(b for b in baselines if b != "ridge")  # it learns, and there is nothing to learn from
        report = api.evaluate_retrieval(part, made, baselines=baselines, seed=seed).to_json()
        run = {"corpus": task.name, "pool": pool, "model": model, "share": share, "seed": seed}
        records.append({**run, "minutes": round(minutes, 2), **report})
    return records


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each pool chance, baselines and models; MRR with its interval, P@1/5/10, median rank."""
    heads = [f"{d}: MRR | P@1 | P@5 | P@10 | median" for d in ("text to series", "series to text")]
    lines = ["| corpus (pool) | model | min | " + " | ".join(heads) + " |", "|---" * 13 + "|"]
    pools = dict.fromkeys((r["corpus"], r["pool"]) for r in records)
    for corpus, pool in pools:
        own = [r for r in records if (r["corpus"], r["pool"]) == (corpus, pool)]
        title = f"{corpus} {pool}".strip() + f" ({own[0]['n']})"
        lines.append(_line(title, "chance", "", own[0]["chance"], None))
        for record in own:
            for name, scores in record["baselines"].items():
                lines.append(_line("", name, "", scores, record["intervals"]["baselines"][name]))
        for record in own:
            minutes = f"{record['minutes']:.0f}" if record["minutes"] else ""
            lines.append(_line("", record["model"], minutes, record, record["intervals"]))
    return "\n".join(lines)


def _line(title: str, name: str, minutes: str, scores: Any, intervals: Any) -> str:
    cells = []
    for direction in ("text_to_series", "series_to_text"):
        pair = scores[direction]["pair"]
        bounds = "" if intervals is None else " [{}, {}]".format(*map(_figure, intervals[direction]["pair"]["MRR"]))
        cells += [_figure(pair["MRR"]) + bounds, *(_figure(pair[m]) for m in ("P@1", "P@5", "P@10"))]
        cells.append(f"{pair['median_rank']:.0f}")
    return f"| {title} | {name} | {minutes} | " + " | ".join(cells) + " |"


def _figure(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def main(
    data: Annotated[Path | None, typer.Argument(help="The folder of corpora; none: the weather alone.")] = None,
    out: Annotated[Path, typer.Option(help="JSON lines, one a row; those there are not made again.")] = Path(
        "retrieval.jsonl"
    ),
    only: Annotated[str, typer.Option(help="Corpora by name, with commas; none: all.")] = "",
    models: Annotated[str, typer.Option(help="Of base, ours, paper.")] = "base,paper,ours",
    share: Annotated[float, typer.Option(help="Of the minutes of each training.", min=0.01)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of trainings and intervals.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
) -> None:
    """Measure every corpus and print the table."""
    api.set_threads(threads)
    known = finished(out)
    for task in CORPORA:
        if only and task.name not in only.split(","):
            continue
        corpus = load(task, data)
        for model in models.split(",") if corpus is not None else ():
            run = {"corpus": task.name, "model": model, "share": share, "seed": seed}
            done = any(same_run(record, run) for record in known)
            if done or (model != "base" and not task.minutes):
                continue
            found = measure(task, corpus, model, share=share, seed=seed)
            known += found
            with out.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(record) + "\n" for record in found)
            typer.echo(f"{task.name}, {model}: {found[0]['minutes']} min", err=True)
    print(table(known))


if __name__ == "__main__":
    typer.run(main)
