"""`tracets train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets import api
from tracets.cli.show import Json, done, limits
from tracets.errors import ConfigError


def train(
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    corpus: Annotated[Path | None, typer.Argument(help="A corpus with splits; none: the recipe's own data.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Learn from part of the corpus, such as \"text_source = 'report'\".")
    ] = None,
    init: Annotated[str, typer.Option(help="Start from: base, none, or a model folder.")] = "base",
    recipe: Annotated[str | None, typer.Option(help="A shipped recipe, or a TOML file.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Time for everything.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and masks.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was cut off.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One setting, such as align.channel=0.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model on a corpus: masked pre-training, then alignment of series and text."""
    if corpus is None and recipe is None:
        raise ConfigError("train needs a CORPUS, or a --recipe that names its own data (such as base).")
    if corpus is None and where is not None:
        raise ConfigError("--where narrows a CORPUS, and none was given. Name one, or leave --where out.")
    data = None if corpus is None else api.read(corpus, limits=limits())
    if data is not None and where is not None:
        data = data.where(where)
    model = api.train(
        data, out, init=init, recipe=recipe, assignments=settings or [], max_minutes=max_minutes, seed=seed,
        resume=resume, progress_bar=True,
    )  # fmt: skip
    if not api.is_first_process():  # `optim.devices` starts this command several times
        return
    said = f"wrote the model to {out}; next: tracets evaluate retrieval CORPUS --model {out} --split test"
    done(said, {"out": str(out), "fingerprint": model.fingerprint}, as_json=as_json)


def export(
    model: Annotated[str, typer.Argument(help="A model folder, or base, the model that ships.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    format: Annotated[str, typer.Option(help="onnx, the only one.")] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="In 8 bit integers: smaller, faster, not quite equal.")] = False,
    as_json: Json = False,
) -> None:
    """Write a model in a form that runs without torch."""
    if format != "onnx":
        raise ConfigError(f"--format must be onnx, got '{format}'.")
    fingerprint = api.export(model, out, int8=int8)
    said = f'exported {model} to {out}; next: tracets search INDEX "your question" --model {out}'
    done(said, {"out": str(out), "fingerprint": fingerprint}, as_json=as_json)
