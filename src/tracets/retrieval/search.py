"""The stored windows, or their texts, that answer a query best.

Search is exact by default, filtered or not: it gives what a plain loop over the windows that pass the filter would.
Every such window is scored (see `tracets.retrieval.scores`), first with vectors in one byte a number, which bounds each
score (see `tracets.index.quantised`), then, with the vectors as they are stored, every window whose bound reaches the k
best. An index may be given an index engine (`tracets.retrieval.candidates.add_engine`): then only the windows that it
brings are scored, and the share of the best ones that is found so is measured and kept with it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracets.data.corpus import plain
from tracets.encoders.protocol import PairEncoder
from tracets.errors import IndexFolderError, QueryError, ShortAnswer
from tracets.filters import Filter
from tracets.index.opening import or_damaged
from tracets.retrieval.candidates import candidates
from tracets.retrieval.drawing import DrawnFrom
from tracets.retrieval.fusion import DEPTH, by_words, fuse
from tracets.retrieval.nearest import DECIMALS, SPARSE, nearest
from tracets.retrieval.questions import Part, encode_each, named_falls, scores_of_series, scores_of_texts
from tracets.retrieval.scores import BLOCK_BYTES, SeriesBank, pieces
from tracets.retrieval.stored import Index
from tracets.types import BoolArray, Hit, Query

Want = Literal["series", "text"]


def search(
    index: Index,
    encoder: PairEncoder,
    query: Query,
    *,
    want: Want = "series",
    k: int = 10,
    where: str | Filter | None = None,
    hubness: bool = True,
    exact: bool = False,
    hybrid: bool = False,
) -> list[Hit]:
    """The k stored windows that answer the query best, best first.

    1. encode the parts of the query  2. score every stored window  3. average the parts  4. keep k

    An index with an engine (`add_engine`) scores in 2. only the windows that it brings, unless `exact` is set, texts
    are wanted, or a filter keeps less than one window in 8.

    Parameters
    ----------
    query : Query
        A text, a series, the id of a stored window (which is left out of the hits), texts about named channels, or
        several of these. A named channel's text is encoded as "name: text" and compared with that channel alone.
    want : "series" or "text"
        Rank windows by their values, or the windows that have a text by that text (a named channel's text is then
        compared as any other).
    k : int, default=10
        1 <= k. All windows come back when there are fewer, with a warning.
    where : str or Filter, optional
        A filter over the index's columns: SQL such as "entity = 'ny' AND label <> 'fair'", or `col("entity") == "ny"`;
        see `tracets.filters`.
    hubness : bool, default=True
        Where a series asks for texts, take half of a text's hubness off its score (see `tracets.retrieval.hubness`): a
        text that is near every window of the index is no answer to this one. An index without the hubness of its texts
        (written by an earlier version, or with fewer than three windows) is searched by the scores alone.
    exact : bool, default=False
        Leave the engine of the index aside.
    hybrid : bool, default=False
        Fuse the ranking by vectors with one of the stored texts by the words of the query (BM25; see
        `tracets.retrieval.fusion`). For a window without a text its rank by vectors counts for both.

    Returns
    -------
    list of Hit
        `score` in [-1, 1] (for texts less their hubness, [-1.5, 1.5]), rounded to 6 decimals; ties keep the order of
        the index. `channels` holds the score of each
        channel of the window (of the named ones alone, when the query is about named channels). With `hybrid`, `score`
        is that of the fused ranks, in (0, 1], 1 for a window that is first in both rankings; equal ones keep the order
        by vectors.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    QueryError
        An empty query, a series with nothing observed, k < 1, an unknown `want`, channel name or column, no text to
        rank, or no words for a hybrid search.
    NotFound
        `query.like` is not in the index.

    Warns
    -----
    ShortAnswer
        There are fewer than k hits; it says why.

    Examples
    --------
    >>> search(index, encoder, Query("heavy rain"), k=1)[0].id  # doctest: +SKIP
    'storm-017'
    """
    return _answered(index, encoder, [query], want, k, where, hubness, exact, hybrid)[0]


def search_many(
    index: Index,
    encoder: PairEncoder,
    queries: Sequence[Query],
    *,
    want: Want = "series",
    k: int = 10,
    where: str | Filter | None = None,
    hubness: bool = True,
    exact: bool = False,
    hybrid: bool = False,
) -> list[list[Hit]]:
    """The hits of several queries at once: for each those that `search` gives it, in less time.

    Texts are encoded together, and their scores with all windows are made in one pass over the vectors. One query that
    is refused refuses all.

    Returns
    -------
    list of list of Hit
        In the order of the queries. Scores may differ from those of `search` by 2e-6, the noise of a matrix product.

    Examples
    --------
    >>> rain, wind = search_many(index, encoder, [Query("heavy rain"), Query("no wind")], k=1)  # doctest: +SKIP
    """
    return _answered(index, encoder, queries, want, k, where, hubness, exact, hybrid)


def _answered(
    index: Index,
    encoder: PairEncoder,
    queries: Sequence[Query],
    want: Want,
    k: int,
    where: str | Filter | None,
    hubness: bool,
    exact: bool,
    hybrid: bool,
) -> list[list[Hit]]:
    if k < 1:
        raise QueryError(f"search() expects k of at least 1, got {k}.")
    if want not in ("series", "text"):
        raise QueryError(f"search() can want 'series' or 'text', got '{want}'.")
    index.folder.check_model(encoder.name, encoder.fingerprint)
    asked, passing = encode_each(index, encoder, queries), windows_passing(index, where)
    rows = np.arange(len(passing)) if want == "series" else index.texts[0]
    if want == "text" and not index.live[rows].any():
        raise QueryError(f"index '{index.folder.path}' holds no texts to rank. Search for series (want='series').")
    residual = index.residuals[0 if want == "series" else 1]
    step = max(1, BLOCK_BYTES // (4 * max(1, len(rows))))  # a score of every window is kept for so many
    found = []
    for lo in range(0, len(queries), step):
        some = asked[lo : lo + step]
        scored = scores_of_series(index, some) if want == "series" else scores_of_texts(index, some, hubness)
        for query, parts, score in zip(queries[lo : lo + step], some, scored, strict=True):
            kept = without_itself(index, query, passing)
            ranked = np.flatnonzero(kept[rows])
            approximate = want == "series" and not exact and len(ranked) * SPARSE > len(rows)
            if approximate and index.engine is not None:
                ranked = candidates(index, index.engine, parts, kept)
            best, scores = nearest(score, ranked, n=len(rows), k=max(k, DEPTH) if hybrid else k, residual=residual)
            if not np.isfinite(scores).all():
                raise IndexFolderError(
                    f"index '{index.folder.path}' is damaged: it holds vectors that are not finite. tracets index "
                    f"verify {index.folder.path} says what to do."
                )
            best = rows[best]
            if hybrid:
                said = by_words(index, query, kept, k=max(k, DEPTH))
                best, scores = fuse(best, said, silent=~np.isin(best, index.text_rows), k=k)
            if len(best) < k:
                texts = " with a text" if want == "text" else ""
                why = _why_short(query, where, allowed=int(kept[rows].sum()), brought=len(ranked), texts=texts)
                warnings.warn(ShortAnswer(k, len(best), why), stacklevel=4)  # at the call of api.search()
            found.append((parts, best, scores))
    return hits_of(index, found)


def _why_short(query: Query, where: str | Filter | None, *, allowed: int, brought: int, texts: str) -> str:
    """Why there are no more hits: `allowed` windows might be hits, and `brought` of them were scored."""
    if brought < allowed:
        return f"the engine of the index brings no more of {allowed}; an exact search finds all"
    aside = " besides the one that was asked by" if query.like is not None else ""
    keeps = "the index holds" if where is None else "the filter keeps"
    return f"{keeps} {allowed} windows{texts}{aside}"


def windows_kept(index: Index, query: Query, where: str | Filter | None) -> BoolArray:
    """Which rows may be hits: those that pass the filter, but the window that is asked by."""
    return without_itself(index, query, windows_passing(index, where))


def windows_passing(index: Index, where: str | Filter | None) -> BoolArray:
    if where is None:
        return index.live
    chosen = np.zeros(len(index.live), dtype=bool)
    chosen[or_damaged(index.folder.path, lambda: index.folder.select(where))] = True
    return index.live & chosen


def without_itself(index: Index, query: Query, passing: BoolArray) -> BoolArray:
    if query.like is None:
        return passing
    kept = passing.copy()
    kept[index.row(query.like)] = False
    return kept


Found = tuple[list[Part], NDArray[np.int64], NDArray[np.float64]]
"""A question, the rows that answer it, best first, and their scores."""


def hits_of(index: Index, found: Sequence[Found]) -> list[list[Hit]]:
    """Rows of the index as hits, for each of some questions."""
    weight, columns = index.folder.manifest.sample_weight, index.folder.metadata_columns
    every = np.concatenate([np.zeros(0, np.int64), *(rows for _, rows, _ in found)])
    facts = iter(index.folder.facts(every, ["id", "start", "end", "text", "label", *columns]))
    hits, drawn_by = [], DrawnFrom(index)
    for parts, rows, scores in found:
        falls = channels_of(parts, index.series.take(rows), weight)
        own = islice(facts, len(rows))
        hits.append(
            [
                Hit(
                    rank=rank,
                    id=fact["id"],
                    score=float(score),
                    start=fact["start"],
                    end=fact["end"],
                    channels=channels,
                    text=fact["text"],
                    label=fact["label"],
                    metadata={name: fact[name] for name in columns},
                    drawn_by=drawn_by,
                )
                for rank, (score, channels, fact) in enumerate(zip(scores, falls, own, strict=True), start=1)
            ]
        )
    return hits


def channels_of(parts: list[Part], items: SeriesBank, weight: float) -> list[dict[str, float]]:
    """What the score of each series would lose without each of its channels, the mean over the parts of the query."""
    found: list[dict[str, float]] = []
    for which in pieces(items):
        each = [named_falls(part, items.take(which), weight) for part in parts]
        for of_parts in zip(*each, strict=True):
            said: dict[str, list[float]] = {}
            for falls in of_parts:
                for name, value in falls.items():
                    said.setdefault(name, []).append(value)
            found.append({name: round(sum(values) / len(values), DECIMALS) for name, values in said.items()})
    return found


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A hit as one line of `search --json`: rank, id, score, start, end, channels, text, label, metadata.

    Times are ISO 8601 with their zone, NaN is null; see `tracets.data.corpus.plain`.

    >>> hit_to_json(Hit(1, "a", 0.5, None, None, {"load": 0.5}, "high", None, {"height": float("nan")}))["metadata"]
    {'height': None}
    """
    return {
        "rank": hit.rank,
        "id": hit.id,
        "score": float(hit.score),
        "start": plain(hit.start),
        "end": plain(hit.end),
        "channels": {name: float(score) for name, score in hit.channels.items()},
        "text": hit.text,
        "label": hit.label,
        "metadata": {name: plain(value) for name, value in hit.metadata.items()},
    }
