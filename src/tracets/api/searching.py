"""Vectors, indexes, hits and the reasons for them. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from tracets.storage import is_url
from tracets.types import AnyPath, CheckedNumber, Hit, Query, Sample

if TYPE_CHECKING:
    from tracets.encoders.backends import Backend
    from tracets.encoders.protocol import PairEncoder
    from tracets.filters import Filter
    from tracets.retrieval.reasons import Explanation
    from tracets.retrieval.stored import Index


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
    """Write an index of windows, whole or not at all.

    Channels, texts and metadata are stored with the vectors, so that an index needs no other file.

    Parameters
    ----------
    corpus : iterable of Sample
        A corpus, or windows from anywhere; each is read once. Or what `cut` gives of long series.
    model : PairEncoder
        As `load` gives it.
    out : path or URL
        A new folder. Of a URL such as `s3://bucket/index` the index is made on this machine and sent there.
    batch_size : int, default=64
        Windows encoded at a time.
    overwrite : bool, default=False
        Replace an index that is there.
    update : bool, default=False
        Encode only windows that the index at `out` does not have.
    ann : bool or str, optional
        Make its search approximate, which by default it is from a million windows on: by inverted lists, or by the
        index engine of this name, of another package. `engine.recall` of the index says how near it comes.
    progress : callable, optional
        Called with the number of windows done so far.

    Returns
    -------
    Index
        Open, to be searched.

    Raises
    ------
    DataError
        No windows, an id that comes twice, or columns that do not fit.
    IndexFolderError
        `out` is taken, or holds an index of another model.

    Examples
    --------
    >>> built = tracets.build_index(corpus.split("test"), model, "test.index")
    >>> len(built)
    10
    """
    from tracets.retrieval import build, remote

    make = remote.build_remote_index if is_url(out) else build.build_index
    return make(
        corpus, model, out, batch_size=batch_size, overwrite=overwrite, update=update, ann=ann, progress=progress
    )


def open_index(path: AnyPath) -> Index:
    """Open an index folder, or an index in an object store such as `s3://bucket/index`.

    The latter is mirrored to the user's cache folder first; a next time, only what has changed is fetched.

    Parameters
    ----------
    path : path or URL
        An index folder.

    Returns
    -------
    Index
        What it was when it was opened; `Index.refresh` shows the newest.

    Raises
    ------
    IndexFolderError
        The index is missing, damaged or of another format.
    StorageError
        The store cannot be read; names the bucket and the fix.

    Examples
    --------
    >>> len(tracets.open_index("days.index"))
    40
    """
    from tracets.retrieval.stored import Index as Index_

    return Index_.open(path)


def model_of(index: Index, *, model: AnyPath | None = None, backend: Backend | None = None) -> PairEncoder:
    """Load the model that an index was built with: a shipped one by its name, another from where `model` says.

    An index knows what the folder of its model was called, not where it lies.

    Parameters
    ----------
    index : Index
        An open index.
    model : path, optional
        The folder of its model, where that is not one that ships.
    backend : "torch" or "onnx", optional
        As for `load`.

    Raises
    ------
    NotFound
        There is no such model here.
    IndexFolderError
        `model` is another one than that of the index.

    Examples
    --------
    >>> tracets.model_of(index).name
    'base'
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
    """The k stored windows that answer a query best, best first.

    A text or a sample may stand for the whole query.

    Parameters
    ----------
    index : Index
        From `build_index` or `open_index`.
    model : PairEncoder
        The one that the index was built with: `model_of` loads it.
    query : Query, Sample or str
        Words, a window, the id of a stored window, texts about named channels, or several of these.
    want : "series" or "text", default="series"
        Rank windows by their values, or the windows that have a text by that text.
    k : int, default=10
        1 <= k.
    where : str or Filter, optional
        Keep windows for which it holds: ``"split = 'test'"`` or ``col("split") == "test"``; see docs/filters.md.
    hubness : bool, default=True
        Where a series asks for texts, take half of a text's hubness off its score.
    exact : bool, default=False
        Leave the inverted lists of an approximate index aside.
    hybrid : bool, default=False
        Rank by the words of the stored texts (BM25) too.

    Returns
    -------
    list of Hit
        Scores in [-1, 1], falling; with `hybrid` in (0, 1]; of texts less their hubness in [-1.5, 1.5].

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    QueryError
        An empty query, a series with nothing observed, a number out of its range, an unknown channel or column, no
        text to rank, or no words for a hybrid search.
    NotFound
        `query.like` is not in the index.

    Notes
    -----
    Fewer hits than k are said by the warning `ShortAnswer`. The score: docs/model.md, section Score.

    Examples
    --------
    >>> hits = tracets.search(index, model, "the load falls overnight and recovers", k=3, where="split = 'test'")
    >>> [hit.rank for hit in hits]
    [1, 2, 3]
    >>> alike = tracets.search(index, model, tracets.Query(like=hits[0].id), k=1)
    """
    from tracets.retrieval import search as search_

    return search_.search(
        index, model, as_query(query), want=want, k=k, where=where, hubness=hubness, exact=exact, hybrid=hybrid
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

    Parameters
    ----------
    index : Index
        From `build_index` or `open_index`.
    model : PairEncoder
        The one that the index was built with: `model_of` loads it.
    queries : sequence of Query, Sample or str
        Each as for `search`.
    want, k, where, hubness, exact, hybrid
        As for `search`.

    Returns
    -------
    list of list of Hit
        In the order of the queries.

    Raises
    ------
    IndexFolderError, QueryError, NotFound
        As for `search`.

    Examples
    --------
    >>> found = tracets.search_many(index, model, ["a cold day", "a peak of the load at noon"], k=3)
    >>> [len(hits) for hits in found]
    [3, 3]
    """
    from tracets.retrieval import search as search_

    asked = [as_query(query) for query in queries]
    return search_.search_many(
        index, model, asked, want=want, k=k, where=where, hubness=hubness, exact=exact, hybrid=hybrid
    )


def as_query(given: Query | Sample | str) -> Query:
    """What may be asked by, a text or a window alone among it, as a query."""
    if isinstance(given, str):
        return Query(text=given)
    return Query(series=given) if isinstance(given, Sample) else given


def stored(index: Index, ids: Sequence[str]) -> list[Sample]:
    """The stored windows with these ids, in their order.

    Parameters
    ----------
    index : Index
        An open index.
    ids : sequence of str
        As hits have them.

    Returns
    -------
    list of Sample
        With their values and texts.

    Raises
    ------
    NotFound
        An unknown id.

    Examples
    --------
    >>> [day] = tracets.stored(index, ["plant-2024-01-05T00"])
    >>> day.values.shape, day.channel_names
    ((2, 24), ('load', 'temperature'))
    """
    return index.folder.samples(ids)


def explain(index: Index, model: PairEncoder, id: str, query: str) -> Explanation:
    """Take the score of one stored window for a text apart: sentence by sentence, channel by channel.

    With the part of the series that each sentence matches, and the numbers of the text held against the values.

    Parameters
    ----------
    index : Index
        An open index.
    model : PairEncoder
        The one that the index was built with: `model_of` loads it.
    id : str
        The window, of the index.
    query : str
        The text.

    Returns
    -------
    Explanation
        Its parts add up to `score`; docs/explain.md.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    NotFound
        An unknown id.
    QueryError
        An empty text.

    Examples
    --------
    >>> why = tracets.explain(index, model, "plant-2024-01-05T00", "The load peaks at noon. A cold day.")
    >>> sorted(why.channels), len(why.sentences)
    (['load', 'temperature'], 2)
    """
    from tracets.retrieval import reasons

    return reasons.explain(index.folder, model, id, query)


def check_numbers(sample: Sample, text: str) -> tuple[CheckedNumber, ...]:
    """Hold every number of a text against the values of a window.

    Parameters
    ----------
    sample : Sample
        A window.
    text : str
        About it.

    Returns
    -------
    tuple of CheckedNumber
        In the order of the text; `result` is "agrees", "differs" or "not checked".

    Examples
    --------
    >>> sample = tracets.Sample("a", [[1, 2, 3, 8]], ("load",), ("MW",))
    >>> checked = tracets.check_numbers(sample, "Load ranges from 1 to 9 MW.")
    >>> [(one.number, one.recomputed, one.result) for one in checked]
    [('1', '1', 'agrees'), ('9 MW', '8 MW', 'differs')]
    """
    from tracets.retrieval import reasons

    return reasons.check_numbers(sample, text)
