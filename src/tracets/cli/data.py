"""`tracets data`: profile, caption and cut corpora, and build the one that comes along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tracets.cli.show import note, table_of
from tracets.errors import NotFound

app = typer.Typer(help="Profile, caption, cut and build corpora.", no_args_is_help=True)

Reader = Annotated[str | None, typer.Option(help="Reader by name; by default the one that fits the file.")]
Freq = Annotated[str | None, typer.Option(help="Re-grid a CSV to this step, such as h, 30min or D.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of stamps that have none, such as Europe/Berlin.")]


@app.command()
def describe(
    file: Path, as_json: Annotated[bool, typer.Option("--json")] = False, reader: Reader = None, freq: Freq = None
) -> None:
    """Say what is in a corpus: channels, lengths, gaps, texts, splits, labels, duplicates."""
    from tracets import api

    found = api.describe(api.read(file, reader=reader, freq=freq))
    if as_json:
        typer.echo(json.dumps(found, default=str))
    else:
        table_of(found, title=str(file))


@app.command()
def caption(
    file: Path,
    out: Annotated[Path, typer.Option(help="The corpus file to write.")],
    seed: Annotated[int, typer.Option(help="Draws the facts and their wording.")] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace the texts that are there.")] = False,
) -> None:
    """Write texts from the numbers, for windows and channels that have none."""
    from tracets import api

    corpus = api.caption(api.read(file), seed=seed, overwrite=overwrite)
    api.write(corpus, out)
    note(f"wrote {len(corpus)} windows to {out}")


@app.command()
def windows(
    file: Path,
    out: Annotated[Path, typer.Option(help="The corpus file to write.")],
    length: Annotated[int, typer.Option(help="Steps of a window.", min=1)],
    stride: Annotated[
        int | None, typer.Option(help="Steps from one window to the next; default: length.", min=1)
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="Split by time into train, val and test.")] = False,
    gap: Annotated[int, typer.Option(help="Steps left free before val and test.", min=0)] = 0,
    min_observed: Annotated[float, typer.Option(help="Drop windows with a smaller share observed.")] = 0.5,
    reader: Reader = None,
    freq: Freq = None,
    zone: Zone = None,
) -> None:
    """Cut long series (a wide or long CSV) into windows."""
    from tracets import api

    corpus = api.windows(
        file, length=length, stride=stride, split=split, gap=gap, min_observed=min_observed, reader=reader, freq=freq,
        zone=zone,
    )  # fmt: skip
    api.write(corpus, out)
    note(f"wrote {len(corpus)} windows to {out}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="'weather': New York's three airports, 2013.")],
    out: Annotated[Path, typer.Option(help="The corpus file to write.")],
    seed: Annotated[int, typer.Option(help="Seed of the captions.")] = 0,
) -> None:
    """Build a corpus from data that comes with the install."""
    from tracets import api

    if name != "weather":
        raise NotFound(f"there is no corpus '{name}' to build. Use: weather")
    corpus = api.weather(seed=seed)
    api.write(corpus, out)
    note(f"wrote {len(corpus)} windows to {out}")
