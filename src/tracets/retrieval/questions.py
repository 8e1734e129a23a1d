"""What is asked of an index: the parts of a query as vectors, and their scores with what is stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.encoders.protocol import PairEncoder
from tracets.errors import QueryError
from tracets.retrieval.hubness import without_hubs
from tracets.retrieval.nearest import Score
from tracets.retrieval.scores import (
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
from tracets.retrieval.stored import Index
from tracets.types import FloatArray, Query


@dataclass(frozen=True, eq=False)
class TextPart:
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
class SeriesPart:
    bank: SeriesBank

    def scores_of_series(self, items: SeriesBank, weight: float) -> FloatArray:
        return series_to_series(self.bank, items, sample_weight=weight)[0]

    def scores_of_texts(self, items: TextBank, weight: float, hubs: FloatArray | None) -> FloatArray:
        return without_hubs(series_to_text(self.bank, items, sample_weight=weight), hubs)[0]


Part = TextPart | SeriesPart


def encode_parts(index: Index, encoder: PairEncoder, query: Query) -> list[Part]:
    spellings = index.spellings
    for name in query.channels:
        if name.strip().casefold() not in spellings:
            raise QueryError(
                f"no window of the index has a channel '{name}'. Its channels are {', '.join(index.channel_names)}."
            )
    texts: list[tuple[str | None, str]] = [] if query.text is None else [(None, query.text)]
    texts += [(spellings[name.strip().casefold()], text) for name, text in query.channels.items()]
    if any(not text.strip() for _, text in texts):
        raise QueryError("the query has an empty text. Say what to look for, such as 'heavy rain at the end'.")
    parts: list[Part] = []
    if texts:
        said = [text if channel is None else f"{channel}: {text}" for channel, text in texts]
        vectors = text_bank(encoder.encode_texts(said))
        for i, (channel, _) in enumerate(texts):
            parts.append(TextPart(TextBank(vectors.sample[i : i + 1], vectors.sentences.between(i, i + 1)), channel))
    if query.series is not None:
        if np.isnan(query.series.values).all():
            raise QueryError(f"the query series '{query.series.id}' has nothing observed. Give one with values.")
        parts.append(SeriesPart(series_bank(encoder.encode_series([query.series]), [query.series.channel_names])))
    if query.like is not None:
        parts.append(SeriesPart(index.series.one(index.row(query.like))))
    if not parts:
        raise QueryError("the query is empty. Give a text, a series, the id of a stored window, or a text a channel.")
    return parts


def score_of_series(index: Index, parts: list[Part]) -> Score:
    weight = index.folder.manifest.sample_weight

    def score(which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        bank = index.coarse_series if coarse else index.series
        return scores_with(parts, bank if which is None else bank.take(which), weight)

    return score


def scores_with(parts: list[Part], items: SeriesBank, weight: float) -> NDArray[np.float64]:
    """The score of a question with each of some series, (n_series,): the mean over its parts."""
    return _mean([part.scores_of_series(items, weight) for part in parts])


def score_of_texts(index: Index, parts: list[Part], hubness: bool) -> Score:
    weight, hubs = index.folder.manifest.sample_weight, index.hubs if hubness else None

    def score(which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        bank = index.coarse_texts if coarse else index.texts[1]
        items = bank if which is None else bank.take(which)
        off = hubs if hubs is None or which is None else hubs[which]
        return _mean([part.scores_of_texts(items, weight, off) for part in parts])

    return score


def _mean(scores: list[FloatArray]) -> NDArray[np.float64]:
    return np.stack(scores).astype(np.float64).mean(axis=0)


def falls_of_text(query: TextBank, item: SeriesBank) -> FloatArray:
    """What late interaction of a text with one series loses without each channel, (n_channels,); see `Hit.channels`."""
    return _falls(TextPart(query), item)


def _falls(part: Part, item: SeriesBank) -> FloatArray:
    """By the vectors as stored: a model whose channels see one another would make others of a window without one."""
    late, without = (part.scores_of_series(bank, 0.0) for bank in (item, without_each_channel(item)))
    return falls(late, without)


def named_falls(part: Part, item: SeriesBank, weight: float) -> dict[str, float]:
    found = dict(zip(item.names[0], _falls(part, item).tolist(), strict=True))
    if isinstance(part, TextPart) and part.channel is not None:  # the sample vector has no part in its score
        return {name: fall for name, fall in found.items() if name.casefold() == part.channel.casefold()}
    return {name: (1 - weight) * fall for name, fall in found.items()}
