"""What happened after windows like this one: pairs of a past and a future, found by the encoder's vectors.

A neighbour is known in full before the query begins: its past and its future end by the query's first step, so that
nothing of the query, and nothing of its future seen elsewhere, is ever told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import to_offset
from tracets.data.pairs import Pair, followed_by
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, DataError
from tracets.retrieval.scores import SeriesBank, TextBank, series_bank, series_to_series, text_bank, text_to_text
from tracets.retrieval.stored import Index
from tracets.types import FloatArray, Sample

Retrieval = Literal["none", "series", "series+text"]
BLOCK = 256
"""Queries that are ranked at a time: their scores with every pair are in memory together."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest pairs of n queries: `rows` (n, top) int64 in the memory, best first, -1 where there are fewer.

    `scores` (n, top) float32, in [-1, 1]; NaN where there is no neighbour.
    """

    rows: NDArray[np.int64]
    scores: FloatArray

    @property
    def found(self) -> NDArray[np.bool_]:
        return self.rows >= 0


class Memory:
    """Pairs by their vectors, to be asked for those that a new window resembles.

    Parameters
    ----------
    pairs : sequence of Pair
        What is remembered, with one horizon. Times are known for all of them or for none; without times the pairs of
        one entity are told apart by `Pair.first`, and pairs of other entities may always be asked. Where neither is
        known, all pairs may but the one with the query's own id.
    encoder : PairEncoder
        Its series-to-series score ranks them; with "series+text", so does its text-to-text score where both have a
        text: the score is the mean of the two.
    vectors : optional
        Those of the pasts, of the texts among them, and which pairs have these, where they are known already.

    Raises
    ------
    DataError
        No pairs, several horizons, or times known for some pairs only.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        encoder: PairEncoder,
        *,
        batch_size: int = 64,
        vectors: tuple[SeriesBank, TextBank, NDArray[np.int64]] | None = None,
    ) -> None:
        self.pairs, self.encoder, self._batch_size = tuple(pairs), encoder, batch_size
        if not pairs:
            raise DataError("a memory of neighbours got no pairs. Give those of the training part.")
        horizons = sorted({pair.horizon for pair in pairs})
        if len(horizons) > 1:
            raise DataError(f"a memory holds pairs of one horizon, got {horizons}. Cut them with one.")
        self.horizon = horizons[0]
        self.n_steps = int(np.median([pair.past.n_steps for pair in pairs]))
        self._ids = np.array([pair.past.id for pair in pairs])
        self._entities = np.array([_Place.of(pair).entity or "" for pair in pairs])
        self._ends = np.array([(_end(pair), pair.end) for pair in pairs])
        known = np.isfinite(self._ends[:, 0])
        if known.any() and not known.all():
            raise DataError(
                f"{int((~known).sum())} of {len(known)} pairs have no start or no freq. A memory needs the times of "
                f"all pairs, or of none."
            )
        self._timed = bool(known.all())
        if vectors is None:
            vectors = self._encode([pair.past for pair in pairs], with_text=True)
        self.series, self.texts, self._with_text = vectors
        self._told = self.texts.sample

    @classmethod
    def of_index(cls, index: Index, encoder: PairEncoder, horizon: int) -> Memory:
        """The windows of an index that are followed by others of the same series, by the vectors stored there.

        All values of the index are read into memory.

        Raises
        ------
        IndexFolderError
            The index was built with another model.
        DataError
            No window of the index is followed by another.
        """
        index.folder.check_model(encoder.name, encoder.fingerprint)
        pairs = followed_by(index.folder.samples(index.ids), horizon)
        if not pairs:
            raise DataError(
                f"index '{index.folder.path}' holds no window that another of its series follows. Windows need start, "
                f"freq and, for several series, the column 'entity'."
            )
        rows = np.array([index.row(pair.past.id) for pair in pairs], dtype=np.int64)
        text_rows, texts = index.texts
        told = np.flatnonzero(np.isin(rows, text_rows))
        said = texts.take(np.searchsorted(text_rows, rows[told]))
        return cls(pairs, encoder, vectors=(index.series.take(rows), said, told))

    def __len__(self) -> int:
        return len(self.pairs)

    def with_texts_shuffled(self, seed: int = 0) -> Memory:
        """The same pairs, found as before, with the texts of others in `vectors`: what text has to be better than."""
        found = (self.series, self.texts, self._with_text)
        other = Memory(self.pairs, self.encoder, batch_size=self._batch_size, vectors=found)
        other._told = self._told[np.random.default_rng(seed).permutation(len(self._told))]
        return other

    def nearest(
        self,
        queries: Sequence[Pair] | Sequence[Sample],
        *,
        top: int,
        retrieval: Retrieval = "series",
        placebo: bool = False,
        seed: int = 0,
    ) -> Neighbours:
        """The `top` pairs that are most like each query and lie wholly before it.

        Parameters
        ----------
        queries : sequence of Pair or Sample
            Pairs where their place in a series counts (`Pair.first`); their futures are not looked at.
        retrieval : "series" or "series+text"
        placebo : bool, default=False
            Rank by chance with this `seed`, under the same rule of time.

        Raises
        ------
        ConfigError
            top < 1, or retrieval "none".
        """
        if top < 1 or retrieval not in ("series", "series+text"):
            raise ConfigError(
                f"neighbours need top >= 1 and retrieval 'series' or 'series+text', got {top} and {retrieval!r}."
            )
        pasts = [query.past if isinstance(query, Pair) else query for query in queries]
        places = [_Place.of(query) for query in queries]
        asked = None if placebo else self._encode(pasts, with_text=retrieval == "series+text")
        rng = np.random.default_rng(seed)
        rows, found = [], []
        for lo in range(0, len(pasts), BLOCK):
            which = np.arange(lo, min(lo + BLOCK, len(pasts)))
            block = self._scores(asked, which) if asked else rng.random((len(which), len(self)), np.float32)
            block[~self._allowed([places[i] for i in which])] = -np.inf
            best = np.argsort(-block, axis=1, kind="stable")[:, :top]
            score = np.take_along_axis(block, best, axis=1)
            rows.append(_padded(np.where(np.isfinite(score), best, -1), top, -1))
            found.append(_padded(np.where(np.isfinite(score), score, np.nan), top, np.nan))
        none = np.zeros((0, top))
        return Neighbours(
            np.concatenate([none, *rows]).astype(np.int64), np.concatenate([none, *found]).astype(np.float32)
        )

    def vectors(self, neighbours: Neighbours, *, retrieval: Retrieval) -> FloatArray:
        """What the paper makes a prompt of: [series ; text] of each neighbour, (n, top, 2 * dim).

        The sample vector of its past and that of its text; zeros where there is no neighbour, no text, or no text is
        asked for.
        """
        out = np.zeros((*neighbours.rows.shape, 2 * self.encoder.dim), np.float32)
        rows = neighbours.rows[neighbours.found]
        texts = np.zeros((len(self), self.encoder.dim), np.float32)
        if retrieval == "series+text":
            texts[self._with_text] = self._told
        out[neighbours.found] = np.concatenate([self.series.sample[rows], texts[rows]], axis=1)
        return out

    def ids(self, neighbours: Neighbours, i: int) -> tuple[str, ...]:
        """The ids of the neighbours of query i, nearest first."""
        return tuple(self.pairs[row].past.id for row in neighbours.rows[i] if row >= 0)

    def _encode(self, pasts: Sequence[Sample], *, with_text: bool) -> tuple[SeriesBank, TextBank, NDArray[np.int64]]:
        series = series_bank(
            self.encoder.encode_series(pasts, batch_size=self._batch_size), [past.channel_names for past in pasts]
        )
        told = [i for i, past in enumerate(pasts) if with_text and past.text and past.text.strip()]
        texts = text_bank(self.encoder.encode_texts([str(pasts[i].text) for i in told], batch_size=self._batch_size))
        return series, texts, np.array(told, dtype=np.int64)

    def _scores(self, asked: tuple[SeriesBank, TextBank, NDArray[np.int64]], which: NDArray[np.int64]) -> FloatArray:
        series, texts, told = asked
        weight = self.encoder.sample_weight
        scores = series_to_series(series.take(which), self.series, sample_weight=weight)
        here = np.flatnonzero(np.isin(told, which))
        if len(here) and len(self._with_text):
            said = text_to_text(texts.take(here), self.texts, sample_weight=weight)
            at = np.ix_(told[here] - which[0], self._with_text)
            scores[at] = (scores[at] + said) / 2
        return scores

    def _allowed(self, queries: Sequence[_Place]) -> NDArray[np.bool_]:
        """Which pairs (columns) end by the time each query (row) begins."""
        out = np.ones((len(queries), len(self)), dtype=bool)
        for row, query in zip(out, queries, strict=True):
            if np.isfinite(query.begin) and self._timed:
                row[:] = self._ends[:, 0] <= query.begin
            elif query.entity is not None:
                own = self._entities == query.entity
                row[own] = self._ends[own, 1] <= query.first
            else:
                row[self._ids == query.id] = False
        return out


@dataclass(frozen=True)
class _Place:
    """Where a window begins: its series, seconds (NaN = unknown) and steps from the beginning of that series."""

    id: str
    entity: str | None
    begin: float
    first: int

    @classmethod
    def of(cls, query: Pair | Sample) -> _Place:
        past, first = (query.past, query.first) if isinstance(query, Pair) else (query, 0)
        entity = past.metadata.get("entity")
        begin = np.nan if past.start is None or past.freq is None else _seconds(past.start)
        return cls(past.id, None if entity is None else str(entity), begin, first)


def _seconds(time: datetime) -> float:
    """Since 1970; a time without a zone counts as UTC, as all times of a corpus have a zone or none has."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _end(pair: Pair) -> float:
    """When the future of a pair is over, in seconds; NaN = unknown."""
    past = pair.past
    if past.start is None or past.freq is None:
        return np.nan
    import pandas as pd

    n = past.n_steps + pair.horizon
    return _seconds((pd.Timestamp(past.start) + n * to_offset(past.freq)).to_pydatetime())


def _padded(rows: NDArray[Any], width: int, fill: float) -> NDArray[Any]:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=fill)
