"""`tracets embed`, `index`, `search` and `explain`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence, Sized
from pathlib import Path
from typing import Annotated, Literal

import typer

from tracets import api
from tracets.cli import spans as long
from tracets.cli.data import Freq, Reader, Zone
from tracets.cli.show import (
    Backend,
    Json,
    Model,
    NoHubness,
    Overwrite,
    backend_of,
    counting,
    described,
    done,
    hits_table,
    json_line,
    limits,
    note,
    printed,
)
from tracets.errors import ConfigError, DataError, QueryError
from tracets.types import LISTED, CheckedNumber, MatchedPart, Query, Sample

Windows = Annotated[Path, typer.Argument(help="A corpus, or any file that a reader knows.")]
IndexFolder = Annotated[str, typer.Argument(help="An index: its folder, or s3://bucket/index.")]
IndexModel = Annotated[str | None, typer.Option(help="By default the model that the index was built with.")]


def embed(
    corpus: Annotated[str, typer.Argument(help="A corpus, or a folder or bucket (s3://...) of corpus files.")],
    out: Annotated[str, typer.Option(help="The Parquet file to write; of a folder or bucket, the folder or bucket.")],
    model: Model = "base",
    backend: Backend = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray: a pool of encoders on the cluster that RAY_ADDRESS names.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(help="With ray: encoders at a time, at most; default: as many as there is room for.")
    ] = None,
    cpus: Annotated[float, typer.Option(help="With ray: processors that one encoder takes.")] = 1.0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write the vectors of every window: id, vector, channel_names, channel_vectors."""
    asked = _engine(engine)
    if asked == "local" and "://" not in corpus + out and not Path(corpus).is_dir():
        windows, encoder = api.read(Path(corpus), limits=limits()), api.load(model, backend=backend_of(backend))
        with counting("embedding", len(windows)) as progress:
            rows = api.embed_to_file(windows, encoder, out, progress=progress)
        facts, new = {"out": out, "windows": rows}, ""
    else:
        if out.endswith(".parquet"):
            raise ConfigError(f"--out must be a folder for the vectors of a folder, bucket or cluster, got '{out}'.")
        with counting("embedding", None) as progress:
            made = api.embed_folder(
                corpus, model, out, engine=asked, backend=backend_of(backend), workers=workers, cpus=cpus,
                overwrite=overwrite, progress=progress,
            )  # fmt: skip
        rows, new = len(made), f", {made.encoded} of them new"
        facts = {"out": out, "windows": rows, "encoded": made.encoded}
    done(f"wrote {rows} vectors to {out}{new}", facts, as_json=as_json)


def index(
    corpus: Windows,
    out: Annotated[str, typer.Option(help="The index to write: a folder, or s3://bucket/index.")],
    model: Model = "base",
    backend: Backend = None,
    overwrite: Overwrite = False,
    update: Annotated[
        bool, typer.Option("--update", help="Replace the index that is there; encode only what it does not hold.")
    ] = False,
    ann: Annotated[
        bool | None,
        typer.Option("--ann/--no-ann", help=f"Search it approximately; by default from {LISTED:,} windows on."),
    ] = None,
    ann_engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="What finds the nearest vectors then: lists, or a package's.")
    ] = None,
    length: long.Lengths = None,
    stride: long.Strides = None,
    min_observed: long.MinObserved = 0.0,
    where: Annotated[
        str | None, typer.Option(help="Index part of the corpus, such as \"split = 'test'\"; not with --length.")
    ] = None,
    reader: Reader = None,
    freq: Freq = None,
    zone: Zone = None,
    as_json: Json = False,
) -> None:
    """Index the windows and texts of a corpus; with --length, of long series (a file, or a folder of files)."""
    if length is None and (stride is not None or min_observed):
        raise ConfigError("--stride and --min-observed are for long series, which --length cuts. Add it.")
    if ann_engine is not None and ann is False:
        raise ConfigError(f"--ann-engine {ann_engine} makes the search approximate, --no-ann exact. Leave one out.")
    if length is not None and where is not None:
        raise ConfigError("--where narrows a corpus, not what --length cuts. Leave it out, and give it to the search.")
    read = {"reader": reader, "freq": freq, "zone": zone}
    windows: Iterable[Sample]
    if length is None:
        whole = api.read(corpus, **read, limits=limits())
        cut, windows = None, whole if where is None else whole.where(where)
    else:
        cut = windows = long.cutting(corpus, length, stride, min_observed, **read)
    encoder = api.load(model, backend=backend_of(backend))
    began = time.monotonic()
    with counting("indexing", len(windows) if isinstance(windows, Sized) else None) as progress:
        built = api.build_index(
            windows, encoder, out, overwrite=overwrite, update=update, ann=ann_engine or ann, progress=progress
        )
    seconds = time.monotonic() - began
    series, texts = built.embedded or (0, 0)
    facts = {
        "out": str(out), "windows": len(built), "fingerprint": encoder.fingerprint, "encoded_windows": series,
        "encoded_texts": texts, "recall_at_10": built.engine.recall if built.engine else 1.0,
        "seconds": round(seconds, 3), "windows_s": round(len(built) / seconds, 1),
    }  # fmt: skip
    if cut is not None:
        facts["cut"] = cut.cut.to_json()
        long.note_cut(cut.cut)
    note(
        f"encoded {series} windows and {texts} texts; {len(built)} windows written in {seconds:.1f} s, "
        f"{len(built) / seconds:.0f} a second"
    )
    if built.engine:
        note(f"an approximate search finds {built.engine.recall:.1%} of the 10 best windows; search --exact finds all")
    how = " --spans" if length else ""
    said = f'indexed {len(built)} windows in {out}; next: tracets search {out} "your question"{how}'
    done(said, facts, as_json=as_json)


def search(
    index: IndexFolder,
    text: Annotated[str | None, typer.Argument(help="The question, in words.")] = None,
    series: Annotated[Path | None, typer.Option(help="A CSV with one window to look for.")] = None,
    like: Annotated[str | None, typer.Option(help="The id of a stored window.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TEXT", help="A text about one channel; may be repeated.")
    ] = None,
    want: Annotated[str, typer.Option(help="series, or text: what the hits are ranked by.")] = "series",
    where: Annotated[str | None, typer.Option(help="A filter in SQL, such as \"label = 'fair'\".")] = None,
    k: Annotated[int, typer.Option("-k", help="How many hits.")] = 10,
    model: IndexModel = None,
    backend: Backend = None,
    no_hubness: NoHubness = False,
    exact: Annotated[bool, typer.Option("--exact", help="Score every window, also where the index has --ann.")] = False,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="Rank by the words of the stored texts (BM25), too; fuse both rankings.")
    ] = False,
    spans: long.Spans = False,
    overlap: long.Overlap = 0.0,
    merge: long.Merge = False,
    refine: long.Refine = False,
    as_json: Json = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the hits into this HTML file.")] = None,
) -> None:
    """Find windows by words, by a series, by a stored window, by texts about channels, or by several of these."""
    wanted = _wanted(want)
    if not spans:
        long.refuse_without_spans(overlap=overlap, merge=merge, refine=refine)
    elif wanted == "text":
        raise QueryError("--spans are places in series, they are not ranked by texts. Leave --want text out.")
    query = Query(text, _one_window(series) if series else None, like, _channel_texts(channel or []))
    opened = api.open_index(index)
    encoder = api.model_of(opened, model=model, backend=backend_of(backend))
    said = described(query)
    if spans:
        found = api.find_spans(opened, encoder, query, k=k, where=where, overlap=overlap, merge=merge, refine=refine)
        long.show(opened, found, said, as_json=as_json, plot=plot)
        return
    hits = api.search(
        opened, encoder, query, want=wanted, k=k, where=where, hubness=not no_hubness, exact=exact, hybrid=hybrid
    )
    if as_json:
        for hit in hits:
            json_line(api.hit_to_json(hit))
    else:
        hits_table(hits, title=said)
    if plot is not None:
        api.plot_hits(opened, hits, said, plot)
        note(f"drew {len(hits)} hits in {plot}")


def explain(
    index: IndexFolder,
    id: Annotated[str, typer.Argument(help="A stored window.")],
    query: Annotated[str, typer.Option(help="What was asked.")],
    model: IndexModel = None,
    backend: Backend = None,
    as_json: Json = False,
) -> None:
    """Say which sentence, channel and part of the series made a window match a text; the parts add up to the score."""
    opened = api.open_index(index)
    encoder = api.model_of(opened, model=model, backend=backend_of(backend))
    found = api.explain(opened, encoder, id, query)
    if as_json:
        json_line(found.to_json())
        return
    printed(f"{found.id}: score {found.score:.3f} = {found.sample_part:.3f} for the window as a whole")
    for reason in found.sentences:
        printed(f'  + {reason.part:.3f}  "{reason.sentence}" by {reason.channel} (cosine {reason.cosine:.3f})')
        if reason.place is not None:
            printed(f"           most in {_steps(reason.place)}: {reason.place.drop:.3f} less without them")
    results = [number.result for number in found.numbers]
    if results:
        printed("numbers of its text: " + ", ".join(f"{results.count(one)} {one}" for one in dict.fromkeys(results)))
    for number in found.numbers:
        printed(f"  {number.number}: {_told(number)}")


def _told(number: CheckedNumber) -> str:
    """What became of a number of a text: what it says, of which channel, where it lies, whether the values agree."""
    if not number.says:
        return number.result
    of = "" if number.channel is None else f" of {number.channel}"
    what = f"{number.says}{of}, {number.result}"
    if number.recomputed is not None and number.result == "differs":
        what += f": {number.recomputed}"
    return what if number.first_step is None else f"{what}, {_steps(number)}"


def _steps(place: MatchedPart | CheckedNumber) -> str:
    """Where something lies in a window, in steps counted from 0 and, where known, in time."""
    assert place.first_step is not None and place.n_steps is not None
    last = place.first_step + place.n_steps - 1
    steps = f"step {last}" if place.n_steps == 1 else f"steps {place.first_step} to {last}"
    if place.start is None or place.end is None:
        return steps
    times = [f"{time:%Y-%m-%d %H:%M}" for time in (place.start, place.end)]
    return f"{steps} ({times[0]})" if place.n_steps == 1 else f"{steps} ({times[0]} to {times[1]})"


def _one_window(path: Path) -> Sample:
    found = api.read(path, limits=limits())
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


def _engine(engine: str) -> Literal["local", "ray"]:
    if engine == "local":
        return "local"
    if engine == "ray":
        return "ray"
    raise ConfigError(f"--engine must be local or ray, got '{engine}'.")


def _wanted(want: str) -> Literal["series", "text"]:
    if want == "series":
        return "series"
    if want == "text":
        return "text"
    raise QueryError(f"--want must be series or text, got '{want}'.")
