"""Encoder + index -> hits: builds an index from samples, and ranks its windows for a query.

Search is exact: every stored window is scored (see `tracets.scores`), so a filtered search gives what a plain loop over
the filtered windows would.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracets.data.corpus import plain
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError, NotFound, QueryError
from tracets.hubness import choose_bank, text_hubness, without_hubs
from tracets.index import IndexFolder, Rows
from tracets.scores import (
    SeriesBank,
    TextBank,
    channel_to_series,
    drop_zeros,
    falls,
    series_bank,
    series_to_series,
    series_to_text,
    text_bank,
    text_to_series,
    text_to_text,
    without_each_channel,
)
from tracets.types import FloatArray, Hit, Query, Sample, TextVectors

if TYPE_CHECKING:
    import pyarrow as pa

Want = Literal["series", "text"]
ROWS_A_BATCH = 512
DECIMALS = 6
"""Scores are rounded to this many decimals: float noise of the matrix product must not decide between equal windows."""


@dataclass(frozen=True, eq=False)
class Index:
    """An open index folder, with the vectors read at first use and kept in memory."""

    folder: IndexFolder

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Index:
        """Open an index folder. Raises IndexFolderError when it is missing, damaged or of another format."""
        return cls(IndexFolder.open(path))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids of all windows, in the order in which they were indexed."""
        return tuple(self.folder.ids())

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    @cached_property
    def series(self) -> SeriesBank:
        """The vectors of all windows, laid out for scoring."""
        stored, m = self.folder.series(), self.folder.manifest.vectors_per_channel
        counts = np.array([len(n) for n in stored.names], dtype=np.int64)
        firsts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        channels = drop_zeros(stored.channels, np.full(firsts[-1], m, dtype=np.int64))
        return SeriesBank(stored.sample, channels, firsts, stored.names)

    @cached_property
    def texts(self) -> tuple[NDArray[np.int64], TextBank]:
        """The rows that have a text, and the vectors of these texts."""
        stored = self.folder.texts()
        return stored.rows, TextBank(stored.sample, drop_zeros(stored.sentences, stored.n_sentences))

    @cached_property
    def hubs(self) -> FloatArray | None:
        """The hubness of each text (see `tracets.hubness`), (n_texts,); None for an index that does not know it."""
        return self.folder.hubness()

    @property
    def channel_names(self) -> list[str]:
        """Every channel name in the index, in the spelling that came first."""
        return list(self.series.spellings.values())

    @property
    def model(self) -> str:
        """The model that made the vectors: a shipped model's name, or what its folder was called."""
        return self.folder.manifest.model

    def row(self, name: str) -> int:
        """The row of an id. Raises NotFound for an id that is not in the index."""
        if name not in self.position:
            raise NotFound(
                f"index '{self.folder.path}' has no window with id '{name}'; its ids are like '{self.ids[0]}'."
            )
        return self.position[name]


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
    progress : callable, optional
        Called with the number of windows done so far, after each batch.

    Raises
    ------
    IndexFolderError
        `path` is taken and `overwrite` is not set.
    DataError
        No windows, an id that comes twice, or columns that cannot be stored.
    """

    def batches() -> Iterator[Rows]:
        given, done = iter(samples), 0
        while block := list(islice(given, ROWS_A_BATCH)):
            series = encoder.encode_series(block, batch_size=batch_size)
            texts = [s.text for s in block if s.text and s.text.strip()]
            empty = TextVectors(np.zeros((0, encoder.dim), np.float32), (), ())
            yield Rows(block, series, encoder.encode_texts(texts, batch_size=batch_size) if texts else empty)
            done += len(block)
            if progress is not None:
                progress(done)

    folder = IndexFolder.create(
        path,
        batches(),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        sample_weight=encoder.sample_weight,
        overwrite=overwrite,
        hubness=_hubness,
    )
    return Index(folder)


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
) -> list[Hit]:
    """The k stored windows that answer the query best, best first.

    1. encode the parts of the query  2. score every stored window  3. average the parts  4. keep k

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
    weight = index.folder.manifest.sample_weight
    parts = _encode(index, encoder, query)
    if want == "series":
        rows = np.arange(len(index))
        scores = [part.scores_of_series(index.series, weight) for part in parts]
    else:
        rows, bank = index.texts
        if not len(rows):
            raise QueryError(f"index '{index.folder.path}' holds no texts to rank. Search for series (want='series').")
        hubs = index.hubs if hubness else None
        scores = [part.scores_of_texts(bank, weight, hubs) for part in parts]
    total = np.stack(scores).astype(np.float64).mean(axis=0).round(DECIMALS)  # (n,)
    keep = np.ones(len(rows), dtype=bool)
    if where is not None:
        keep &= np.isin(rows, [index.position[name] for name in index.folder.select(where)])
    if query.like is not None:
        keep &= rows != index.row(query.like)
    order = np.flatnonzero(keep)[np.argsort(-total[keep], kind="stable")][:k]
    return _hits(index, parts, rows[order], total[order])


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
    ids, weight = [index.ids[row] for row in rows], index.folder.manifest.sample_weight
    columns = index.folder.metadata_columns
    facts = index.folder.rows(ids, ["start", "end", "text", "label", *columns])
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
