"""`tracets data`: profile, caption and cut corpora, and build the one that comes along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets import api
from tracets.cli.show import Json, Overwrite, counting, done, json_line, limits, note, table_of
from tracets.errors import ConfigError, NotFound

app = typer.Typer(help="Profile, caption, cut and build corpora.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A corpus, or any file that a reader knows.")]
Out = Annotated[Path, typer.Option(help="The corpus file to write.")]
Reader = Annotated[str | None, typer.Option(help="Reader by name; by default the one that fits the file.")]
Freq = Annotated[str | None, typer.Option(help="Re-grid a CSV to this step, such as h, 30min or D.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of stamps that have none, such as Europe/Berlin.")]


@app.command()
def describe(file: File, reader: Reader = None, freq: Freq = None, zone: Zone = None, as_json: Json = False) -> None:
    """Say what is in a corpus: channels, lengths, gaps, texts, splits, labels, duplicates."""
    found = api.describe(api.read(file, reader=reader, freq=freq, zone=zone, limits=limits()))
    if as_json:
        json_line(found)
    else:
        table_of(found, title=str(file))


@app.command()
def caption(
    file: File,
    out: Out,
    seed: Annotated[int, typer.Option(help="Draws the facts and their wording; not for --llm.")] = 0,
    style: Annotated[
        str, typer.Option(help="numbers, crowd, narrative, report, or one of another package.")
    ] = "numbers",
    overwrite: Overwrite = False,
    llm: Annotated[
        str | None, typer.Option(help="Let this language model write them (extra llm); its key: OPENAI_API_KEY.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="An OpenAI-compatible endpoint for --llm.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Keeps the answers of --llm; default: OUT.cache.")] = None,
    price_in: Annotated[float, typer.Option(help="Price of a million tokens of prompts, for the estimate.")] = 0.0,
    price_out: Annotated[float, typer.Option(help="Price of a million tokens of answers.")] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="Go on after the estimate of --llm.")] = False,
    as_json: Json = False,
) -> None:
    """Write texts from the numbers, for windows and channels that have none."""
    if llm is None and (base_url or cache or price_in or price_out or yes):
        raise ConfigError("--base-url, --cache, --price-in, --price-out and --yes are for --llm MODEL. Add it.")
    corpus = api.read(file, limits=limits())
    if llm is None:
        captioned = api.caption(corpus, seed=seed, overwrite=overwrite, style=style)
    else:
        captioner = api.llm_captioner(llm, cache or out.with_name(f"{out.name}.cache"), base_url=base_url)
        cost = captioner.estimate(corpus, price_in=price_in, price_out=price_out, overwrite=overwrite)
        said = (
            f"{cost.requests} requests to {llm}: about {cost.tokens_in} tokens in and {cost.tokens_out} out, "
            f"cost {cost.cost:.2f} (at the prices given)."
        )
        if cost.requests and not yes:
            raise ConfigError(f"{said} Nothing was asked yet; add --yes to go on.")
        note(said)
        with counting("captioning", len(corpus)) as progress:
            captioned = api.caption_by_llm(corpus, captioner, overwrite=overwrite, progress=progress)
    _write(captioned, out, as_json=as_json)


@app.command()
def windows(
    file: File,
    out: Out,
    length: Annotated[int, typer.Option(help="Steps of a window.", min=1)],
    stride: Annotated[
        int | None, typer.Option(help="Steps from one window to the next; default: length.", min=1)
    ] = None,
    split: Annotated[bool, typer.Option("--split", help="Split by time into train, val and test.")] = False,
    gap: Annotated[int, typer.Option(help="Steps left free before val and test.", min=0)] = 0,
    min_observed: Annotated[float, typer.Option(help="Leave out windows with a smaller share observed.")] = 0.5,
    reader: Reader = None,
    freq: Freq = None,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Cut long series (a wide or long CSV) into windows."""
    corpus = api.windows(
        file, length=length, stride=stride, split=split, gap=gap, min_observed=min_observed, reader=reader, freq=freq,
        zone=zone, limits=limits(),
    )  # fmt: skip
    _write(corpus, out, as_json=as_json)


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="'weather': New York's three airports, 2013.")],
    out: Out,
    seed: Annotated[int, typer.Option(help="Seed of the captions.")] = 0,
    as_json: Json = False,
) -> None:
    """Build a corpus from data that comes with the install."""
    if name != "weather":
        raise NotFound(f"there is no corpus '{name}' to build. Use: weather")
    _write(api.weather(seed=seed), out, as_json=as_json)


def _write(corpus: api.Corpus, out: Path, *, as_json: bool) -> None:
    api.write(corpus, out)
    done(f"wrote {len(corpus)} windows to {out}", {"out": str(out), "windows": len(corpus)}, as_json=as_json)
