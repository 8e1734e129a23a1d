"""`tracets evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets import api
from tracets.cli.classify import evaluate as classify
from tracets.cli.show import Json, Model, NoHubness, json_line

app = typer.Typer(help="Measure a model.", no_args_is_help=True)


app.command("classify")(classify)


@app.callback()
def group() -> None:
    """Measure a model on a corpus."""


@app.command()
def retrieval(
    corpus: Annotated[Path, typer.Argument(help="A corpus with texts and splits.")],
    model: Model = "base",
    split: Annotated[str, typer.Option(help="The split to rank: train, val or test.")] = "test",
    where: Annotated[str | None, typer.Option(help="Narrow the pool, such as \"entity = 'ny'\".")] = None,
    baselines: Annotated[str, typer.Option(help="Names with commas: random,bm25,caption,ridge,euclidean,dtw.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of intervals and random baselines.")] = 0,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    no_hubness: NoHubness = False,
    as_json: Json = False,
) -> None:
    """Rank one split in every direction: pairs and labels, with chance, intervals and baselines."""
    names = [name.strip() for name in baselines.split(",") if name.strip()]
    report = api.evaluate_retrieval(
        api.read(corpus), api.load(model), split=split, where=where, baselines=names, seed=seed, n_boot=n_boot,
        hubness=not no_hubness,
    )  # fmt: skip
    if as_json:
        json_line(report.to_json())
    else:
        typer.echo(report.to_table())


@app.command()
def probes(
    corpus: Annotated[Path, typer.Argument(help="A corpus with splits; texts are optional.")],
    model: Model = "base",
    split: Annotated[str, typer.Option(help="The split to probe: train, val or test.")] = "test",
    where: Annotated[str | None, typer.Option(help="Narrow the windows, such as \"entity = 'ny'\".")] = None,
    seed: Annotated[int, typer.Option(help="Seed of facts, wording, swaps and intervals.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Draw at most so many windows.", min=3)] = None,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    as_json: Json = False,
) -> None:
    """Choose between the truth and the truth with one fact swapped, by kind of fact, beside placebos."""
    report = api.evaluate_probes(
        api.read(corpus), api.load(model), split=split, where=where, seed=seed, limit=limit, n_boot=n_boot
    )
    if as_json:
        json_line(report.to_json())
    else:
        typer.echo(report.to_table())


@app.command()
def channels(
    corpus: Annotated[Path, typer.Argument(help="A corpus with texts and splits.")],
    model: Model = "base",
    split: Annotated[str, typer.Option(help="The split to ask about: train, val or test.")] = "test",
    limit: Annotated[int, typer.Option(help="At most so many windows, drawn by the seed.", min=2)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the choice of windows and of intervals.")] = 0,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    as_json: Json = False,
) -> None:
    """Drop each channel in turn: does the score fall most without the one that a text is said to match by?"""
    report = api.evaluate_channels(
        api.read(corpus), api.load(model), split=split, limit=limit, seed=seed, n_boot=n_boot
    )
    if as_json:
        json_line(report.to_json())
    else:
        typer.echo(report.to_table())
