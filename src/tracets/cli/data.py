"""`tracets data`: profile, caption and cut corpora; `build` and `fetch` are in `fetch.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets import api
from tracets.cli import fetch
from tracets.cli.show import Json, Overwrite, counting, json_line, limits, note, profile_tables, wrote
from tracets.errors import ConfigError
from tracets.types import ANSWER_SECONDS

app = typer.Typer(help="Profile, caption, cut, build and fetch corpora.", no_args_is_help=True)
app.add_typer(fetch.build, name="build")
app.add_typer(fetch.fetch, name="fetch")

Source = Annotated[
    str,
    typer.Argument(
        help="A file that a reader knows, or a source: postgresql://..., sqlite:///..., prometheus+http://..., "
        "influx+http://..., - (line protocol on stdin), env:VARIABLE that holds one of these."
    ),
]
File = Annotated[Path, typer.Argument(help="A corpus, or any file that a reader knows.")]
Out = Annotated[Path, typer.Option(help="The corpus file to write.")]
Reader = Annotated[str | None, typer.Option(help="Reader by name; by default the one that fits the file.")]
Freq = Annotated[str | None, typer.Option(help="Re-grid a CSV to this step, such as h, 30min or D.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of stamps that have none, such as Europe/Berlin.")]
LEAKS = {
    "values": "have the values of a window of another split",
    "texts": "have the text of a window of another split",
    "times": "begin before a window of another split ends, of the same entity and channels",
}
"""What is told on stderr."""


@app.command()
def describe(
    file: File,
    reader: Reader = None,
    freq: Freq = None,
    zone: Zone = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it into this HTML file.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a corpus: channels, lengths, gaps, texts, splits, labels, duplicates, leaks between splits."""
    corpus = api.read(file, reader=reader, freq=freq, zone=zone, limits=limits())
    found = api.describe(corpus)
    if as_json:
        json_line(found)
    else:
        profile_tables(found, title=str(file))
    for what, n in found["leaks"].items():
        if what in LEAKS and n:
            note(f"{n} windows {LEAKS[what]}")
    if plot is not None:
        api.plot_profile(corpus, plot, profile=found, title=file.name)
        note(f"drew {plot}")


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
    wrote(captioned, out, as_json=as_json)


@app.command()
def windows(
    file: Source,
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
    table: Annotated[str | None, typer.Option(help="SQL: a table, a view, or a SELECT.")] = None,
    query: Annotated[
        list[str] | None, typer.Option(help="Prometheus: PromQL, or NAME=PromQL; may be repeated. InfluxDB: the query.")
    ] = None,
    time: Annotated[str | None, typer.Option(help="SQL: the column of times; default: time, date or the like.")] = None,
    value: Annotated[
        list[str] | None, typer.Option(help="SQL: a column of values; may be repeated; default: all others.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="SQL, long table: the column that names the channel.")] = None,
    unit: Annotated[str | None, typer.Option(help="SQL, long table: the column of units.")] = None,
    entity: Annotated[
        list[str] | None,
        typer.Option(help="The column, tag or label that tells series apart; may be repeated; default: one series."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="SQL, Prometheus: from this time on (ISO 8601).")] = None,
    until: Annotated[str | None, typer.Option(help="SQL, Prometheus: to before this time.")] = None,
    precision: Annotated[str | None, typer.Option(help="What whole numbers as times count: s, ms, us or ns.")] = None,
    reports: Annotated[
        str | None, typer.Option(help="SQL: a table or SELECT of reports. InfluxDB: the field with them.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Servers: seconds to wait for an answer.")] = ANSWER_SECONDS,
    as_json: Json = False,
) -> None:
    """Cut long series (a wide or long CSV, line protocol, a database or a server) into windows.

    Secrets of servers come from TRACETS_SOURCE_TOKEN, or TRACETS_SOURCE_USER and TRACETS_SOURCE_PASSWORD.
    """
    asked = [table, query, time, value, channel, unit, entity, since, until, precision, reports]
    read: str | api.Source = file
    if api.kind_of_source(file) is not None:
        read = api.source(
            file, table=table, query=query or (), time=time, values=value or (), channel=channel, unit=unit,
            entity=entity or (), since=since, until=until, precision=precision, reports=reports, timeout=timeout,
        )  # fmt: skip
    elif any(asked):
        raise ConfigError("--table, --query, --entity and the like are for databases, servers and line protocol.")
    corpus = api.windows(
        read, length=length, stride=stride, split=split, gap=gap, min_observed=min_observed, reader=reader, freq=freq,
        zone=zone, limits=limits(),
    )  # fmt: skip
    wrote(corpus, out, as_json=as_json)
