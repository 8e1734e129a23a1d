"""Vectors, indexes, hits and the reasons for them. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tracets.storage import is_url
from tracets.types import AnyPath, CheckedNumber, Hit, Query, Sample

if TYPE_CHECKING:
    import pyarrow as pa

    from tracets.embedding import VectorFolder
    from tracets.encoders.backends import Backend
    from tracets.encoders.protocol import PairEncoder
    from tracets.filters import Filter
    from tracets.retrieval.reasons import Explanation
    from tracets.retrieval.stored import Index


def embed(corpus: Iterable[Sample], model: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table: id, vector, channel_names, channel_vectors.

    `channel_vectors` holds one vector a channel: the mean of the channel's vectors, of length 1; zero where nothing was
    observed.
    """
    from tracets.embedding import embed as embed_

    return embed_(corpus, model, batch_size=batch_size)


def embed_to_file(
    corpus: Iterable[Sample],
    model: PairEncoder,
    out: AnyPath,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write what `embed` gives to a Parquet file, whole or not at all, 512 windows in memory at a time.

    Returns
    -------
    int
        How many windows there were.

    Raises
    ------
    DataError
        There are none.
    """
    from tracets.embedding import embed_to_file as embed_to_file_

    return embed_to_file_(corpus, model, out, batch_size=batch_size, progress=progress)


def embed_folder(
    corpus: AnyPath,
    model: AnyPath,
    out: AnyPath,
    *,
    engine: Literal["local", "ray"] = "local",
    backend: Backend | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    cpus: float = 1.0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> VectorFolder:
    """Write the vectors of every corpus file below a folder or bucket to a folder or bucket.

    Each file is cut into parts at its row groups, and the vectors of a part are one fragment. Fragments count once the
    manifest names them, which is written last. A second call goes on where the first was cut off; after one that ended
    it encodes only files that are new or have changed. docs/scaling.md says how to run it on several machines.

    Parameters
    ----------
    corpus, out : path or URL
        A folder of corpus files (Parquet), or one such file; a folder to be. `s3://bucket/folder` and the like too.
    model : path
        Its folder, or a model that ships by its name: every process loads it by itself.
    engine : "local" or "ray"
        This process; or a pool of encoders by Ray Data, on the cluster that RAY_ADDRESS names or on this machine's
        cores. Both give the same vectors.
    workers : int, optional
        With "ray": encoders at a time, at most, by default as many as there is room for.
    cpus : float, default=1
        With "ray": processors that one encoder takes. Below 1, more encoders share one.
    overwrite : bool, default=False
        Replace vectors of another model.
    progress : callable, optional
        Called with the number of windows done so far and of all, after each part.

    Returns
    -------
    VectorFolder
        Its `dataset()` and `table()` read the vectors; `open_vectors` opens the folder again.

    Raises
    ------
    DataError
        No corpus files, a file or row that breaks the corpus contract, an id that comes twice, or vectors of another
        model at `out`.
    StorageError
        A folder or bucket cannot be read or written.
    MissingExtra
        Engine "ray" without the extra `ray`.
    """
    from tracets.embedding import embed_folder as embed_folder_

    return embed_folder_(
        corpus, model, out, engine=engine, backend=backend, batch_size=batch_size, workers=workers, cpus=cpus,
        overwrite=overwrite, progress=progress,
    )  # fmt: skip


def open_vectors(path: AnyPath) -> VectorFolder:
    """Open a folder that `embed_folder` wrote. Raises DataError where none has been finished."""
    from tracets.embedding import VectorFolder as VectorFolder_

    return VectorFolder_.open(path)


def build_index(
    corpus: Iterable[Sample],
    model: PairEncoder,
    out: AnyPath,
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool | str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Write an index, whole or not at all: `update` encodes what is new alone.

    `out` may be a URL such as `s3://bucket/index`: the index is made on this machine and sent there. `ann` makes its
    search approximate, which by default it is from a million windows on: by inverted lists, or by the index engine of
    this name, of another package. `engine.recall` of the index says how near it comes.
    """
    from tracets.retrieval import build, remote

    make = remote.build_remote_index if is_url(out) else build.build_index
    return make(
        corpus, model, out, batch_size=batch_size, overwrite=overwrite, update=update, ann=ann, progress=progress
    )


def open_index(path: AnyPath) -> Index:
    """Open an index folder, or an index in an object store such as `s3://bucket/index`.

    The latter is mirrored to the user's cache folder first; a next time, only what has changed is fetched.

    Raises
    ------
    IndexFolderError
        The index is missing, damaged or of another format.
    StorageError
        The store cannot be read; names the bucket and the fix.
    """
    from tracets.retrieval.stored import Index as Index_

    return Index_.open(path)


def model_of(index: Index, *, model: AnyPath | None = None, backend: Backend | None = None) -> PairEncoder:
    """Load the model that an index was built with: a shipped one by its name, another from where `model` says.

    An index knows what the folder of its model was called, not where it lies.

    Raises
    ------
    NotFound
        There is no such model here.
    IndexFolderError
        `model` is another one than that of the index.
    """
    from tracets.api.models import load
    from tracets.errors import NotFound

    try:
        encoder = load(model or index.model, backend=backend)
    except NotFound:
        if model is not None:
            raise
        raise NotFound(
            f"index '{index.folder.path}' was built with model '{index.model}', and there is no such folder here. Say "
            f"where it lies: --model FOLDER (in Python model=)."
        ) from None
    index.folder.check_model(encoder.name, encoder.fingerprint)
    return encoder


def search(
    index: Index,
    model: PairEncoder,
    query: Query | Sample | str,
    *,
    want: Literal["series", "text"] = "series",
    k: int = 10,
    where: str | Filter | None = None,
    hubness: bool = True,
    exact: bool = False,
    hybrid: bool = False,
) -> list[Hit]:
    """The k stored windows that answer a query best, best first; see `tracets.retrieval.search.search`.

    A text or a sample may stand for the whole query.

    Examples
    --------
    >>> search(open_index("weather.index"), load("base"), "a burst of heavy rain near the end", k=3)  # doctest: +SKIP
    """
    from tracets.retrieval import search as search_

    return search_.search(
        index, model, _query(query), want=want, k=k, where=where, hubness=hubness, exact=exact, hybrid=hybrid
    )


def search_many(
    index: Index,
    model: PairEncoder,
    queries: Sequence[Query | Sample | str],
    *,
    want: Literal["series", "text"] = "series",
    k: int = 10,
    where: str | Filter | None = None,
    hubness: bool = True,
    exact: bool = False,
    hybrid: bool = False,
) -> list[list[Hit]]:
    """For each of several queries the hits that `search` gives it, all reckoned at once, which is quicker.

    Examples
    --------
    >>> search_many(open_index("weather.index"), load("base"), ["heavy rain", "no wind"], k=3)  # doctest: +SKIP
    """
    from tracets.retrieval import search as search_

    asked = [_query(query) for query in queries]
    return search_.search_many(
        index, model, asked, want=want, k=k, where=where, hubness=hubness, exact=exact, hybrid=hybrid
    )


def _query(given: Query | Sample | str) -> Query:
    if isinstance(given, str):
        return Query(text=given)
    return Query(series=given) if isinstance(given, Sample) else given


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as one line of `tracets search --json`."""
    from tracets.retrieval import search as search_

    return search_.hit_to_json(hit)


def hits_to_html(hits: Sequence[Hit]) -> str:
    """Hits as one HTML table, a row a hit, for a notebook; texts in it are escaped.

    >>> "&lt;b&gt;" in hits_to_html([Hit(1, "<b>", 0.5, None, None, {"load": 0.5}, None, None, {})])
    True
    """
    from tracets import reprs

    rows = []
    for hit in hits:
        best = sorted(hit.channels.items(), key=lambda item: -item[1])[:3]
        times = [None if time is None else f"{time:%Y-%m-%d %H:%M}" for time in (hit.start, hit.end)]
        told = ", ".join(f"{name} {score:.2f}" for name, score in best)
        rows.append((str(hit.rank), hit.place, f"{hit.score:.3f}", *times, hit.label, told, hit.text))
    head = ("", "window", "score", "from", "to", "label", "channels that count most", "text")
    return reprs.table(head, rows, most=len(rows))


def stored(index: Index, ids: Sequence[str]) -> list[Sample]:
    """The stored windows with these ids, in their order. Raises NotFound for an unknown id."""
    return index.folder.samples(ids)


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A window as plain lists, texts and numbers: NaN is null, times are ISO 8601 with their zone.

    Examples
    --------
    >>> sample_to_json(Sample("a", [[1, float("nan")]], ("load",)))["values"]
    [[1.0, None]]
    """
    from tracets.data.corpus import plain

    listed = ("channel_names", "units", "channel_texts")
    named = ("start", "freq", "text", "event_text", "label", "domain", "source")
    return (
        {"id": sample.id, "values": plain(sample.values)}
        | {name: list(getattr(sample, name)) for name in listed}
        | {name: plain(getattr(sample, name)) for name in named}
        | {"metadata": {name: plain(value) for name, value in sample.metadata.items()}}
    )


def compare(index: Index, one: str, other: str) -> dict[str, dict[str, dict[str, Any]]]:
    """The numbers of two stored windows side by side, for each channel that both have.

    Returns
    -------
    dict
        By channel "one" and "other", each as `channel_numbers` has it.

    Raises
    ------
    NotFound
        An unknown id.
    QueryError
        They have no channel in common.

    Examples
    --------
    >>> compare(open_index("weather.index"), "a", "b")["wind"]["one"]["max"]  # doctest: +SKIP
    17.0
    """
    from tracets.errors import QueryError

    first, second = (channel_numbers(sample) for sample in stored(index, [one, other]))
    both = [name for name in first if name in second]
    if not both:
        raise QueryError(f"windows '{one}' and '{other}' have no channel in common. Compare others.")
    return {name: {"one": first[name], "other": second[name]} for name in both}


def channel_numbers(sample: Sample) -> dict[str, dict[str, Any]]:
    """Of each channel: unit, share observed, and the least, mean, largest, first and last known value or None.

    >>> channel_numbers(Sample("a", [[1, float("nan"), 4]], ("load",)))["load"]["mean"]
    2.5
    """
    import numpy as np

    out: dict[str, dict[str, Any]] = {}
    for name, unit, values in zip(sample.channel_names, sample.units, sample.values, strict=True):
        known = values[np.isfinite(values)].astype(np.float64)
        told = dict.fromkeys(("min", "mean", "max", "first", "last"))
        if len(known):
            found = (known.min(), known.mean(), known.max(), known[0], known[-1])
            told = dict(zip(told, map(float, found), strict=True))
        out[name] = {"unit": unit, "observed": round(len(known) / len(values), 4), **told}
    return out


def map_of(index: Index) -> list[dict[str, Any]]:
    """The windows of an index (up to 2,000, evenly) as points of a plane: id, x, y, label; see `project`."""
    from tracets.retrieval.projection import project, shown

    rows = shown(index)
    facts = index.folder.facts(rows, ["id", "label"])
    return [
        {"id": fact["id"], "x": float(x), "y": float(y), "label": fact["label"]}
        for fact, (x, y) in zip(facts, project(index, rows), strict=True)
    ]


def explain(index: Index, model: PairEncoder, id: str, query: str) -> Explanation:
    """Take the score of one stored window for a text apart: sentence by sentence, channel by channel.

    With the part of the series that each sentence matches, and the numbers of the text held against the values.
    """
    from tracets.retrieval import reasons

    return reasons.explain(index.folder, model, id, query)


def check_numbers(sample: Sample, text: str) -> tuple[CheckedNumber, ...]:
    """Hold every number of a text against the values of a window; see `tracets.retrieval.reasons.check_numbers`.

    >>> sample = Sample("a", [[1, 2, 3, 8]], ("load",), ("MW",))
    >>> [(one.number, one.recomputed, one.result) for one in check_numbers(sample, "Load ranges from 1 to 9 MW.")]
    [('1', '1', 'agrees'), ('9 MW', '8 MW', 'differs')]
    """
    from tracets.retrieval import reasons

    return reasons.check_numbers(sample, text)


def plot_hits(index: Index, hits: Sequence[Hit], description: str, path: AnyPath) -> None:
    """Draw hits as small multiples, one panel a channel, in one HTML page that needs no network."""
    from tracets import plots

    plots.plot_hits(description, hits, index.folder.samples([hit.id for hit in hits]), path)
