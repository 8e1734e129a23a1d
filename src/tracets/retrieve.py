"""Encoder + index -> hits: builds an index from samples, and ranks its windows for a query.

Search is exact by default, filtered or not: it gives what a plain loop over the windows that pass the filter would.
Every such window is scored (see `tracets.scores`), first with vectors in one byte a number, which bounds each score
(see `tracets.quantised`), then, with the vectors as they are stored, every window whose bound reaches the k best. An
index may be given inverted lists (`add_lists`): then only the windows that these bring are scored, and the share of the
best ones that is found so is measured and kept with the lists.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracets.candidates import by_lists, by_sample
from tracets.data.corpus import plain
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError, QueryError
from tracets.hubness import choose_bank, text_hubness, without_hubs
from tracets.index import IndexFolder, Rows
from tracets.index.lists import Lists, make_lists, write_lists
from tracets.index.manifest import FILE as MANIFEST
from tracets.nearest import DECIMALS, SPARSE, Score, nearest
from tracets.reuse import Sparing
from tracets.scores import (
    IntArray,
    SeriesBank,
    TextBank,
    channel_to_series,
    falls,
    series_bank,
    series_to_series,
    series_to_text,
    text_bank,
    text_to_series,
    text_to_text,
    without_each_channel,
)
from tracets.stored import Index
from tracets.types import FloatArray, Hit, Query, Sample

if TYPE_CHECKING:
    import pyarrow as pa

Want = Literal["series", "text"]
ROWS_A_BATCH = 512
PROBES = 16
ASKED = 50


def embed(samples: Iterable[Sample], encoder: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table; see `tracets.api.embed`."""
    import pyarrow as pa

    samples = list(samples)
    if not samples:
        raise DataError("embed() got no windows. Check the split or the filter.")
    vectors = encoder.encode_series(samples, batch_size=batch_size)
    means = [v.mean(axis=1) for v in vectors.channels]
    units = [m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-12) for m in means]
    width = pa.list_(pa.float32(), encoder.dim)
    return pa.table(
        {
            "id": pa.array([s.id for s in samples], pa.string()),
            "vector": pa.array(list(vectors.sample), width),
            "channel_names": pa.array([list(s.channel_names) for s in samples], pa.list_(pa.string())),
            "channel_vectors": pa.array([list(u) for u in units], pa.list_(width)),
        }
    )


def build_index(
    samples: Iterable[Sample],
    encoder: PairEncoder,
    path: str | os.PathLike[str],
    *,
    batch_size: int = 64,
    overwrite: bool = False,
    update: bool = False,
    ann: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Index:
    """Encode windows and their texts, and write them to an index folder, whole or not at all.

    With them goes the hubness of every text over the other windows, where there are at least two; see `search`.

    Parameters
    ----------
    samples : iterable of Sample
        Read once, in batches of 512. Windows without text are found by their values alone.
    path : path
        The folder to be; see `IndexFolder.create`.
    batch_size : int, default=64
        How many the encoder takes at once; changes nothing but speed and memory.
    update : bool, default=False
        Replace an index that is at `path` by one of these windows, and encode only windows and texts that it does not
        hold: the rest of the vectors are taken over, by what they were made from and not by their ids.
    ann : bool, default=False
        Give the index inverted lists, see `add_lists`: worth it past some 200,000 windows.
    progress : callable, optional
        Called with the number of windows done so far, after each batch.

    Raises
    ------
    IndexFolderError
        `path` is taken and neither `overwrite` nor `update` is set, or holds an index of another model to update.
    DataError
        No windows, an id that comes twice, or columns that cannot be stored.
    """
    before = None
    if update and (Path(path) / MANIFEST).is_file():
        before = IndexFolder.open(path)
        before.check_model(encoder.name, encoder.fingerprint)
    sparing = Sparing(
        before,
        encode_series=partial(encoder.encode_series, batch_size=batch_size),
        encode_texts=partial(encoder.encode_texts, batch_size=batch_size),
        dim=encoder.dim,
    )

    def batches() -> Iterator[Rows]:
        given, done = iter(samples), 0
        while block := list(islice(given, ROWS_A_BATCH)):
            texts = [s.text for s in block if s.text and s.text.strip()]
            yield Rows(block, sparing.series(block), sparing.texts(texts))
            done += len(block)
            if progress is not None:
                progress(done)

    folder = IndexFolder.create(
        path,
        batches(),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        sample_weight=encoder.sample_weight,
        overwrite=overwrite or update,
        hubness=_hubness,
    )
    built = Index(folder, (sparing.n_series, sparing.n_texts))
    return add_lists(built) if ann else built


def _hubness(folder: IndexFolder) -> FloatArray | None:
    """How near each text of the index is to its windows, its own left out."""
    index = Index(folder)
    rows, texts = index.texts
    if not len(rows):
        return None
    bank = choose_bank(len(index.series))
    place = np.full(len(index.series), -1, dtype=np.int64)
    place[bank] = np.arange(len(bank))
    weight = folder.manifest.sample_weight
    return text_hubness(texts, index.series.take(bank), sample_weight=weight, own=place[rows])


def search(
    index: Index,
    encoder: PairEncoder,
    query: Query,
    *,
    want: Want = "series",
    k: int = 10,
    where: str | None = None,
    hubness: bool = True,
    exact: bool = False,
) -> list[Hit]:
    """The k stored windows that answer the query best, best first.

    1. encode the parts of the query  2. score every stored window  3. average the parts  4. keep k

    An index with inverted lists (`add_lists`) scores in 2. only the windows that these bring, unless `exact` is set,
    texts are wanted, or a filter keeps less than one window in 8.

    Parameters
    ----------
    query : Query
        A text, a series, the id of a stored window (which is left out of the hits), texts about named channels, or
        several of these. A named channel's text is encoded as "name: text" and compared with that channel alone.
    want : "series" or "text"
        Rank windows by their values, or the windows that have a text by that text (a named channel's text is then
        compared as any other).
    k : int, default=10
        1 <= k. All windows come back when there are fewer.
    where : str, optional
        An SQL expression over the index's columns, such as "entity = 'ny' AND label <> 'fair'".
    hubness : bool, default=True
        Where a series asks for texts, take half of a text's hubness off its score (see `tracets.hubness`): a text that
        is near every window of the index is no answer to this one. An index without the hubness of its texts (written
        by an earlier version, or with fewer than three windows) is searched by the scores alone.
    exact : bool, default=False
        Leave inverted lists aside.

    Returns
    -------
    list of Hit
        `score` in [-1, 1] (for texts less their hubness, [-1.5, 1.5]), rounded to 6 decimals; ties keep the order of
        the index. `channels` holds the score of each
        channel of the window (of the named ones alone, when the query is about named channels).

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    QueryError
        An empty query, a series with nothing observed, k < 1, an unknown `want`, channel name or column, or no text to
        rank.
    NotFound
        `query.like` is not in the index.

    Examples
    --------
    >>> search(index, encoder, Query("heavy rain"), k=1)[0].id  # doctest: +SKIP
    'storm-017'
    """
    if k < 1:
        raise QueryError(f"search() expects k of at least 1, got {k}.")
    if want not in ("series", "text"):
        raise QueryError(f"search() can want 'series' or 'text', got '{want}'.")
    index.folder.check_model(encoder.name, encoder.fingerprint)
    parts = _encode(index, encoder, query)
    kept = np.ones(len(index), dtype=bool)
    if where is not None:
        kept[:] = False
        kept[index.folder.select(where)] = True
    if query.like is not None:
        kept[index.row(query.like)] = False
    if want == "series":
        rows, score, residual = np.arange(len(index)), _score_of_series(index, parts), index.residuals[0]
    else:
        rows, score, residual = index.texts[0], _score_of_texts(index, parts, hubness), index.residuals[1]
        if not len(rows):
            raise QueryError(f"index '{index.folder.path}' holds no texts to rank. Search for series (want='series').")
    ranked = np.flatnonzero(kept[rows])
    if want == "series" and index.lists is not None and not exact and len(ranked) * SPARSE > len(rows):
        ranked = _candidates(index, index.lists, parts, kept, probes=index.lists.probes)
    found, scores = nearest(score, ranked, n=len(rows), k=k, residual=residual)
    return _hits(index, parts, rows[found], scores)


def _candidates(
    index: Index, lists: Lists, parts: list[_Text | _Series], kept: NDArray[np.bool_], *, probes: int
) -> IntArray:
    found, items = [np.zeros(0, np.int64)], index.coarse_series
    for part in parts:
        channel = part.channel if isinstance(part, _Text) else None
        vectors = part.bank.sentences.vectors if isinstance(part, _Text) else part.bank.channels.vectors
        found.append(by_lists(lists, vectors, items, kept, channel=channel, probes=probes))
        if channel is None and index.folder.manifest.sample_weight > 0:
            found.append(by_sample(part.bank.sample[0], items, kept))
    return np.unique(np.concatenate(found))


def add_lists(index: Index, *, probes: int = PROBES) -> Index:
    """Make the inverted lists of an index (see `tracets.index.lists`) and measure what an approximate search finds.

    Asked are up to 50 of the stored texts, or as many windows where there are none; `recall` of the lists is the share
    of the 10 best windows of the exact search among the 10 best of the approximate one. The lists belong to the table
    as it is now: rows that are added later leave the index without lists, and searched exactly.

    Parameters
    ----------
    probes : int, default=16
        Lists that each vector of a question looks into: more find more and take longer.
    """
    centres, members, ends = make_lists(index.folder.mapped.channels.coarse)
    lists = Lists(centres, members, ends, probes, recall=0.0)
    texts, n = index.texts[1], len(index)
    rng = np.random.default_rng(0)
    asked: list[_Text | _Series] = (
        [_Text(texts.take(np.array([i]))) for i in rng.permutation(len(texts))[:ASKED]]
        if len(texts)
        else [_Series(index.series.one(int(i))) for i in rng.permutation(n)[:ASKED]]
    )
    kept, shares = np.ones(n, dtype=bool), []
    for part in asked:
        score = _score_of_series(index, [part])
        best, _ = nearest(score, np.arange(n), n=n, k=10, residual=index.residuals[0])
        near = _candidates(index, lists, [part], kept, probes=probes)
        found, _ = nearest(score, near, n=n, k=10, residual=index.residuals[0])
        shares.append(len(np.intersect1d(best, found)) / len(best))
    write_lists(index.folder.mapped.folder, replace(lists, recall=float(np.mean(shares))))
    return Index(index.folder, index.embedded)


def _score_of_series(index: Index, parts: list[_Text | _Series]) -> Score:
    weight = index.folder.manifest.sample_weight

    def score(which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        bank = index.coarse_series if coarse else index.series
        items = bank if which is None else bank.take(which)
        return _mean([part.scores_of_series(items, weight) for part in parts])

    return score


def _score_of_texts(index: Index, parts: list[_Text | _Series], hubness: bool) -> Score:
    weight, hubs = index.folder.manifest.sample_weight, index.hubs if hubness else None

    def score(which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        bank = index.coarse_texts if coarse else index.texts[1]
        items = bank if which is None else bank.take(which)
        off = hubs if hubs is None or which is None else hubs[which]
        return _mean([part.scores_of_texts(items, weight, off) for part in parts])

    return score


def _mean(scores: list[FloatArray]) -> NDArray[np.float64]:
    return np.stack(scores).astype(np.float64).mean(axis=0)


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


@dataclass(frozen=True, eq=False)
class _Text:
    """A text, or (with `channel`) a text about one channel."""

    bank: TextBank
    channel: str | None = None

    def scores_of_series(self, items: SeriesBank, weight: float) -> FloatArray:
        if self.channel is None:
            return text_to_series(self.bank, items, sample_weight=weight)[0]
        return channel_to_series(self.bank.sentences, items, self.channel)[0]

    def scores_of_texts(self, items: TextBank, weight: float, hubs: FloatArray | None) -> FloatArray:
        return text_to_text(self.bank, items, sample_weight=weight)[0]


@dataclass(frozen=True, eq=False)
class _Series:
    bank: SeriesBank

    def scores_of_series(self, items: SeriesBank, weight: float) -> FloatArray:
        return series_to_series(self.bank, items, sample_weight=weight)[0]

    def scores_of_texts(self, items: TextBank, weight: float, hubs: FloatArray | None) -> FloatArray:
        return without_hubs(series_to_text(self.bank, items, sample_weight=weight), hubs)[0]


def falls_of_text(query: TextBank, item: SeriesBank) -> FloatArray:
    """What late interaction of a text with one series loses without each channel, (n_channels,); see `Hit.channels`."""
    return _falls(_Text(query), item)


def _falls(part: _Text | _Series, item: SeriesBank) -> FloatArray:
    """By the vectors as stored: a model whose channels see one another would make others of a window without one."""
    late, without = (part.scores_of_series(bank, 0.0) for bank in (item, without_each_channel(item)))
    return falls(late, without)


def _named_falls(part: _Text | _Series, item: SeriesBank, weight: float) -> dict[str, float]:
    found = dict(zip(item.names[0], _falls(part, item).tolist(), strict=True))
    if isinstance(part, _Text) and part.channel is not None:  # the sample vector has no part in its score
        return {name: fall for name, fall in found.items() if name.casefold() == part.channel.casefold()}
    return {name: (1 - weight) * fall for name, fall in found.items()}


def _encode(index: Index, encoder: PairEncoder, query: Query) -> list[_Text | _Series]:
    spellings = index.series.spellings
    for name in query.channels:
        if name.strip().casefold() not in spellings:
            raise QueryError(
                f"no window of the index has a channel '{name}'. Its channels are {', '.join(index.channel_names)}."
            )
    texts: list[tuple[str | None, str]] = [] if query.text is None else [(None, query.text)]
    texts += [(spellings[name.strip().casefold()], text) for name, text in query.channels.items()]
    if any(not text.strip() for _, text in texts):
        raise QueryError("the query has an empty text. Say what to look for, such as 'heavy rain at the end'.")
    parts: list[_Text | _Series] = []
    if texts:
        said = [text if channel is None else f"{channel}: {text}" for channel, text in texts]
        vectors = text_bank(encoder.encode_texts(said))
        for i, (channel, _) in enumerate(texts):
            parts.append(_Text(TextBank(vectors.sample[i : i + 1], vectors.sentences.between(i, i + 1)), channel))
    if query.series is not None:
        if np.isnan(query.series.values).all():
            raise QueryError(f"the query series '{query.series.id}' has nothing observed. Give one with values.")
        parts.append(_Series(series_bank(encoder.encode_series([query.series]), [query.series.channel_names])))
    if query.like is not None:
        parts.append(_Series(index.series.one(index.row(query.like))))
    if not parts:
        raise QueryError("the query is empty. Give a text, a series, the id of a stored window, or a text a channel.")
    return parts


def _hits(
    index: Index, parts: list[_Text | _Series], rows: NDArray[np.int64], scores: NDArray[np.float64]
) -> list[Hit]:
    weight, columns = index.folder.manifest.sample_weight, index.folder.metadata_columns
    facts = index.folder.facts(rows, ["id", "start", "end", "text", "label", *columns])
    hits = []
    for rank, (row, score, fact) in enumerate(zip(rows, scores, facts, strict=True), start=1):
        said: dict[str, list[float]] = {}
        for part in parts:
            for name, value in _named_falls(part, index.series.one(int(row)), weight).items():
                said.setdefault(name, []).append(value)
        hits.append(
            Hit(
                rank=rank,
                id=fact["id"],
                score=float(score),
                start=fact["start"],
                end=fact["end"],
                channels={name: round(float(np.mean(values)), DECIMALS) for name, values in said.items()},
                text=fact["text"],
                label=fact["label"],
                metadata={name: fact[name] for name in columns},
            )
        )
    return hits
