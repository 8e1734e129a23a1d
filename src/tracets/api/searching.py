"""Vectors, indexes, hits and the reasons for them. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tracets.types import AnyPath, Hit, Query, Sample

if TYPE_CHECKING:
    import pyarrow as pa

    from tracets.encoders.protocol import PairEncoder
    from tracets.retrieval.reasons import Explanation
    from tracets.retrieval.stored import Index


def embed(corpus: Iterable[Sample], model: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table: id, vector, channel_names, channel_vectors.

    `channel_vectors` holds one vector a channel: the mean of the channel's vectors, of length 1; zero where nothing was
    observed.
    """
    from tracets.retrieval import build

    return build.embed(corpus, model, batch_size=batch_size)


def build_index(
    corpus: Iterable[Sample],
    model: PairEncoder,
    out: AnyPath,
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Write an index, whole or not at all: `update` encodes what is new alone, `ann` makes its search approximate."""
    from tracets.retrieval.build import build_index as make

    return make(
        corpus, model, out, batch_size=batch_size, overwrite=overwrite, update=update, ann=ann, progress=progress
    )


def open_index(path: AnyPath) -> Index:
    """Open an index folder. Raises IndexFolderError when it is missing, damaged or of another format."""
    from tracets.retrieval.stored import Index as Index_

    return Index_.open(path)


def search(
    index: Index,
    model: PairEncoder,
    query: Query | Sample | str,
    *,
    want: Literal["series", "text"] = "series",
    k: int = 10,
    where: str | None = None,
    hubness: bool = True,
    exact: bool = False,
) -> list[Hit]:
    """The k stored windows that answer a query best, best first; see `tracets.retrieval.search.search`.

    A text or a sample may stand for the whole query.

    Examples
    --------
    >>> search(open_index("weather.index"), load("base"), "a burst of heavy rain near the end", k=3)  # doctest: +SKIP
    """
    from tracets.retrieval import search as search_

    if isinstance(query, (str, Sample)):
        query = Query(text=query) if isinstance(query, str) else Query(series=query)
    return search_.search(index, model, query, want=want, k=k, where=where, hubness=hubness, exact=exact)


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as one line of `tracets search --json`."""
    from tracets.retrieval import search as search_

    return search_.hit_to_json(hit)


def stored(index: Index, ids: Sequence[str]) -> list[Sample]:
    """The stored windows with these ids, in their order. Raises NotFound for an unknown id."""
    return index.folder.samples(ids)


def sample_to_json(sample: Sample) -> dict[str, Any]:
    """A window as plain lists, texts and numbers: NaN is null, times are ISO 8601 with their zone.

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
    """Take the score of one stored window for a text apart: sentence by sentence, channel by channel."""
    from tracets.retrieval import reasons

    return reasons.explain(index.folder, model, id, query)


def plot_hits(index: Index, hits: Sequence[Hit], description: str, path: AnyPath) -> None:
    """Draw hits as small multiples, one panel a channel, in one HTML page that needs no network."""
    from tracets import plots

    plots.plot_hits(description, hits, index.folder.samples([hit.id for hit in hits]), path)
