"""What is asked of an index: the parts of a query as vectors, and their scores with what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tracets.encoders.protocol import PairEncoder
from tracets.errors import QueryError
from tracets.retrieval.hubness import without_hubs
from tracets.retrieval.nearest import Score
from tracets.retrieval.scores import (
    Groups,
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
    return encode_each(index, encoder, [query])[0]


def encode_each(index: Index, encoder: PairEncoder, queries: Sequence[Query]) -> list[list[Part]]:
    """The parts of each query; all texts are encoded together, and all series."""
    told = [_texts_of(index, query) for query in queries]
    said = [text if channel is None else f"{channel}: {text}" for texts in told for channel, text in texts]
    vectors = text_bank(encoder.encode_texts(said)) if said else None
    given = [query.series for query in queries if query.series is not None]
    series = series_bank(encoder.encode_series(given), [one.channel_names for one in given]) if given else None
    found: list[list[Part]] = []
    at, place = 0, 0
    for query, texts in zip(queries, told, strict=True):
        parts: list[Part] = []
        for channel, _ in texts:
            assert vectors is not None
            bank = TextBank(vectors.sample[at : at + 1], vectors.sentences.between(at, at + 1))
            parts.append(TextPart(bank, channel))
            at += 1
        if query.series is not None:
            assert series is not None
            parts.append(SeriesPart(series.one(place)))
            place += 1
        if query.like is not None:
            parts.append(SeriesPart(index.series.one(index.row(query.like))))
        found.append(parts)
    return found


def _texts_of(index: Index, query: Query) -> list[tuple[str | None, str]]:
    """The texts of a query and the channel that each is about, None for all; refuses what cannot be asked."""
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
    if query.series is not None and np.isnan(query.series.values).all():
        raise QueryError(f"the query series '{query.series.id}' has nothing observed. Give one with values.")
    if not texts and query.series is None and query.like is None:
        raise QueryError("the query is empty. Give a text, a series, the id of a stored window, or a text a channel.")
    return texts


def score_of_series(index: Index, parts: list[Part]) -> Score:
    return scores_of_series(index, [parts])[0]


def scores_of_series(index: Index, questions: Sequence[list[Part]]) -> list[Score]:
    """A score for each question; their texts are compared with all windows in one pass over the vectors."""
    weight = index.folder.manifest.sample_weight
    together = _Together(questions, lambda bank: text_to_series(bank, index.coarse_series, sample_weight=weight))

    def score(parts: list[Part], which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        if which is None and coarse:
            items = index.coarse_series
            return _mean([together.of(part, lambda part: part.scores_of_series(items, weight)) for part in parts])
        bank = index.coarse_series if coarse else index.series
        return scores_with(parts, bank if which is None else bank.take(which), weight)

    return [partial(score, parts) for parts in questions]


def scores_with(parts: list[Part], items: SeriesBank, weight: float) -> NDArray[np.float64]:
    """The score of a question with each of some series, (n_series,): the mean over its parts."""
    return _mean([part.scores_of_series(items, weight) for part in parts])


def scores_of_texts(index: Index, questions: Sequence[list[Part]], hubness: bool) -> list[Score]:
    """As `scores_of_series`, with the stored texts."""
    weight, hubs = index.folder.manifest.sample_weight, index.hubs if hubness else None
    together = _Together(questions, lambda bank: text_to_text(bank, index.coarse_texts, sample_weight=weight))

    def score(parts: list[Part], which: IntArray | None, *, coarse: bool) -> NDArray[np.float64]:
        bank = index.coarse_texts if coarse else index.texts[1]
        items = bank if which is None else bank.take(which)
        off = hubs if hubs is None or which is None else hubs[which]
        if which is None and coarse:
            return _mean([together.of(part, lambda part: part.scores_of_texts(items, weight, off)) for part in parts])
        return _mean([part.scores_of_texts(items, weight, off) for part in parts])

    return [partial(score, parts) for parts in questions]


class _Together:
    """The scores of the texts of several questions, made in one pass when the first of them is asked for."""

    def __init__(self, questions: Sequence[list[Part]], compare: Callable[[TextBank], FloatArray]) -> None:
        texts = [part for parts in questions for part in parts if isinstance(part, TextPart) and part.channel is None]
        self._texts, self._compare = texts, compare
        self._found: dict[int, FloatArray] | None = None

    def of(self, part: Part, alone: Callable[[Part], FloatArray]) -> FloatArray:
        """The scores of a part; by `alone` where it is no text."""
        if not isinstance(part, TextPart) or part.channel is not None:
            return alone(part)
        if self._found is None:
            scores = self._compare(_joined([text.bank for text in self._texts]))
            self._found = {id(text): row for text, row in zip(self._texts, scores, strict=True)}
        return self._found[id(part)]


def _joined(banks: Sequence[TextBank]) -> TextBank:
    vectors = [bank.sentences.vectors for bank in banks]
    ends = np.cumsum([0, *(len(rows) for rows in vectors)]).astype(np.int64)
    return TextBank(np.concatenate([bank.sample for bank in banks]), Groups(np.concatenate(vectors), ends))


def _mean(scores: list[FloatArray]) -> NDArray[np.float64]:
    return np.stack(scores).astype(np.float64).mean(axis=0)


def falls_of_text(query: TextBank, item: SeriesBank) -> FloatArray:
    """What late interaction of a text with one series loses without each channel, (n_channels,); see `Hit.channels`."""
    return _falls(TextPart(query), item)


def _falls(part: Part, items: SeriesBank) -> FloatArray:
    """By the vectors as stored: a model whose channels see one another would make others of a window without one."""
    late, without = (part.scores_of_series(bank, 0.0) for bank in (items, without_each_channel(items)))
    return falls(late[items.owners], without)


def named_falls(part: Part, items: SeriesBank, weight: float) -> list[dict[str, float]]:
    """What the score of each series loses without each of its channels, by their names."""
    found = _falls(part, items)
    each = [
        dict(zip(items.names[i], found[first:last].tolist(), strict=True))
        for i, (first, last) in enumerate(pairwise(items.firsts.tolist()))
    ]
    if isinstance(part, TextPart) and part.channel is not None:  # the sample vector has no part in its score
        named = part.channel.casefold()
        return [{name: fall for name, fall in one.items() if name.casefold() == named} for one in each]
    return [{name: (1 - weight) * fall for name, fall in one.items()} for one in each]
