"""`tracets evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets import api
from tracets.cli.classify import evaluate as classify
from tracets.cli.forecast import Channels, Tuning
from tracets.cli.show import Json, Model, NoHubness, json_line, limits, printed, shares

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
        api.read(corpus, limits=limits()), api.load(model), split=split, where=where, baselines=names, seed=seed,
        n_boot=n_boot,
        hubness=not no_hubness,
    )  # fmt: skip
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())


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
        api.read(corpus, limits=limits()),
        api.load(model),
        split=split,
        where=where,
        seed=seed,
        limit=limit,
        n_boot=n_boot,
    )
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())


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
        api.read(corpus, limits=limits()), api.load(model), split=split, limit=limit, seed=seed, n_boot=n_boot
    )
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())


@app.command()
def parts(
    corpus: Annotated[Path, typer.Argument(help="A corpus with texts and splits.")],
    model: Model = "base",
    split: Annotated[str, typer.Option(help="The split to ask about: train, val or test.")] = "test",
    limit: Annotated[int, typer.Option(help="At most so many windows, drawn by the seed.", min=2)] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the choice of windows, of random stretches and of intervals.")] = 0,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    as_json: Json = False,
) -> None:
    """Level the part of a channel that a sentence is said to match by: does the match fall more than without others?"""
    report = api.evaluate_parts(
        api.read(corpus, limits=limits()), api.load(model), split=split, limit=limit, seed=seed, n_boot=n_boot
    )
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())


@app.command()
def forecast(
    corpus: Annotated[Path, typer.Argument(help="A CSV of long series, or a corpus with splits.")],
    horizon: Annotated[int, typer.Option(help="Steps to forecast.", min=1)],
    model: Annotated[str, typer.Option(help="base, a model folder, or the folder of a fitted forecaster.")] = "base",
    context: Annotated[
        int | None, typer.Option(help="Steps of a window; default: by season and horizon.", min=1)
    ] = None,
    channel: Channels = None,
    split: Annotated[
        str, typer.Option(help="Shares of time to learn from, to choose by, to measure on.")
    ] = "0.7,0.1,0.2",
    stride: Annotated[int, typer.Option(help="Steps from one window to the next.", min=1)] = 1,
    tuning: Tuning = "linear",
    seed: Annotated[int, typer.Option(help="Of the fit and of intervals.")] = 0,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    as_json: Json = False,
) -> None:
    """Fit on the first part of time, choose on the second, and measure forecasts on the last beside naive ones."""
    pairs = api.forecast_pairs(
        corpus, horizon=horizon, context=context, channels=channel or (), split=shares(split), stride=stride,
        limits=limits(),
    )  # fmt: skip
    report = api.evaluate_forecast(pairs, model=model, tuning=tuning, seed=seed, n_boot=n_boot)
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())
