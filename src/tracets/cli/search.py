"""`tracets embed`, `index`, `search` and `explain`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from tracets.cli.show import counting, hits_table, note
from tracets.errors import DataError, QueryError
from tracets.types import Query, Sample

Model = Annotated[str, typer.Option(help="A model folder, or base.")]


def embed(
    corpus: Path, out: Annotated[Path, typer.Option(help="The Parquet file to write.")], model: Model = "base"
) -> None:
    """Write the vectors of every window: id, vector, channel_names, channel_vectors."""
    import pyarrow.parquet as pq

    from tracets import api

    table = api.embed(api.read(corpus), api.load(model))
    pq.write_table(table, out, compression="zstd")
    note(f"wrote {table.num_rows} vectors to {out}")


def index(
    corpus: Path,
    out: Annotated[Path, typer.Option(help="The index folder to write.")],
    model: Model = "base",
    overwrite: Annotated[bool, typer.Option(help="Replace an index that is there.")] = False,
) -> None:
    """Index the windows and texts of a corpus."""
    from tracets import api

    windows = api.read(corpus)
    with counting("indexing", len(windows)) as done:
        api.build_index(windows, api.load(model), out, overwrite=overwrite, progress=done)
    note(f'indexed {len(windows)} windows in {out}; next: tracets search {out} "your question"')


def search(
    index: Path,
    text: Annotated[str | None, typer.Argument(help="The question, in words.")] = None,
    series: Annotated[Path | None, typer.Option(help="A CSV with one window to look for.")] = None,
    like: Annotated[str | None, typer.Option(help="The id of a stored window.")] = None,
    channel: Annotated[list[str] | None, typer.Option(help="A text about one channel: NAME=TEXT.")] = None,
    want: Annotated[str, typer.Option(help="series, or text: what the hits are ranked by.")] = "series",
    where: Annotated[str | None, typer.Option(help="A filter in SQL, such as \"label = 'fair'\".")] = None,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 10,
    model: Annotated[str | None, typer.Option(help="By default the model the index was built with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the hits into this HTML file.")] = None,
) -> None:
    """Find windows by words, by a series, by a stored window, by texts about channels, or by several of these."""
    from tracets import api

    wanted = _wanted(want)
    query = Query(text, _one_window(series) if series else None, like, _channel_texts(channel or []))
    opened = api.open_index(index)
    hits = api.search(opened, api.load(model or opened.model), query, want=wanted, k=k, where=where)
    said = _described(query)
    if as_json:
        for hit in hits:
            typer.echo(json.dumps(api.hit_to_json(hit), ensure_ascii=False))
    else:
        hits_table(hits, title=said)
    if plot is not None:
        api.plot_hits(opened, hits, said, plot)
        note(f"drew {len(hits)} hits in {plot}")


def explain(
    index: Path,
    id: Annotated[str, typer.Argument(help="A stored window.")],
    query: Annotated[str, typer.Option(help="What was asked.")],
    model: Annotated[str | None, typer.Option(help="By default the model the index was built with.")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Say which channel and which sentence made a window match a text; the parts add up to the score."""
    from tracets import api

    opened = api.open_index(index)
    found = api.explain(opened, api.load(model or opened.model), id, query)
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    typer.echo(f"{found.id}: score {found.score:.3f} = {found.sample_part:.3f} for the window as a whole")
    for reason in found.sentences:
        typer.echo(f'  + {reason.part:.3f}  "{reason.sentence}" by {reason.channel} (cosine {reason.cosine:.3f})')


def _one_window(path: Path) -> Sample:
    from tracets import api

    found = api.read(path)
    if len(found) != 1:
        raise DataError(
            f"--series expects a file with one window, '{path}' holds {len(found)}. Cut it, or use --like ID."
        )
    return found[0]


def _channel_texts(given: Sequence[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for entry in given:
        name, equals, text = entry.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise QueryError(f'--channel {entry!r} must read NAME=TEXT, as in --channel "precipitation=heavy burst"')
        if name.strip() in out:
            raise QueryError(f"--channel {name.strip()!r} was given twice; join the texts into one.")
        out[name.strip()] = text.strip()
    return out


def _wanted(want: str) -> Literal["series", "text"]:
    if want == "series":
        return "series"
    if want == "text":
        return "text"
    raise QueryError(f"--want must be series or text, got '{want}'.")


def _described(query: Query) -> str:
    parts = [query.text, query.series and f"series {query.series.id}", query.like and f"like {query.like}"]
    parts += [f"{name}: {text}" for name, text in query.channels.items()]
    return "; ".join(part for part in parts if part)
