"""Why a stored window answers a text: the score taken apart into sentences and channels that add up to it, the part of
the series that each sentence matches, and the numbers of the window's own text recomputed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tracets import reprs
from tracets.data.captions import checked
from tracets.data.corpus import plain
from tracets.encoders.protocol import PairEncoder
from tracets.errors import QueryError
from tracets.index import IndexFolder
from tracets.retrieval.matched import Asked, matched_parts, time_of
from tracets.retrieval.scores import Groups, IntArray, SeriesBank, late_interaction, series_bank
from tracets.types import CheckedNumber, FloatArray, MatchedPart, Sample, SeriesVectors


@dataclass(frozen=True)
class SentenceReason:
    """One sentence of the query: the channel it matches best (None when the window has nothing observed), their cosine,
    what it adds to the score, and which part of the channel made the match (None where none counts more than others,
    or none was looked for; see `tracets.retrieval.matched`)."""

    sentence: str
    channel: str | None
    cosine: float
    part: float
    place: MatchedPart | None


@dataclass(frozen=True)
class StoredSentence:
    """The sentence of the window's own text that comes closest to any sentence of the query."""

    sentence: str
    query_sentence: str
    cosine: float


@dataclass(frozen=True)
class Explanation:
    """A score taken apart: `sample_part` plus the parts of all sentences is `score`.

    Parameters
    ----------
    id, query : str
        The window and what was asked.
    score : float
        As `search` gives it for the text, in [-1, 1].
    sample_cosine, sample_part : float
        Cosine of the sample vectors, and its share of the score.
    sentences : tuple of SentenceReason
        In the order of the query.
    channels : mapping of str to float
        What each channel of the window adds to the score: the parts of the sentences that match it best. They add up to
        the parts of all sentences; 0 for a channel that no sentence chose.
    stored : StoredSentence or None
        None for a window without text.
    numbers : tuple of CheckedNumber
        Every number of the window's own text, held against its values; see `check_numbers`.
    """

    id: str
    query: str
    score: float
    sample_cosine: float
    sample_part: float
    sentences: tuple[SentenceReason, ...]
    channels: Mapping[str, float]
    stored: StoredSentence | None
    numbers: tuple[CheckedNumber, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain dicts, lists, texts and numbers; times are ISO 8601 with their zone."""
        told = asdict(self) | {"channels": dict(self.channels), "sentences": [asdict(s) for s in self.sentences]}
        told["numbers"] = [number_to_json(number) for number in self.numbers]
        for place in [sentence["place"] for sentence in told["sentences"] if sentence["place"]]:
            place |= {name: plain(place[name]) for name in ("start", "end")}
        return told

    def _repr_html_(self) -> str:
        """What a notebook shows: each part of the score, and the stored sentence that comes closest."""
        most = max([self.sample_part, *(reason.part for reason in self.sentences)])
        rows = [(r.sentence, r.channel, r.cosine, r.part, reprs.bar(r.part, most)) for r in self.sentences]
        rows.append(("(the window as a whole)", None, self.sample_cosine, self.sample_part,
                     reprs.bar(self.sample_part, most)))  # fmt: skip
        table = reprs.table(("sentence", "channel", "cosine", "part", ""), rows, most=len(rows))
        said = None if self.stored is None else f"Closest in its own text: {self.stored.sentence}"
        return reprs.card(self.id, {"score": f"{self.score:.3f}", "asked": self.query}, table, said)


def explain(index: IndexFolder, encoder: PairEncoder, id: str, query: str) -> Explanation:
    """Take the score of one stored window for a text apart.

    Parameters
    ----------
    id : str
        A stored window.
    query : str
        What was asked.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    NotFound
        `id` is not in the index.
    QueryError
        An empty query.

    Examples
    --------
    >>> explain(index, encoder, "storm-017", "heavy rain. calm").sentences[0].channel  # doctest: +SKIP
    'precipitation'
    """
    if not query.strip():
        raise QueryError("there is nothing to explain: the query is empty. Say what was searched for.")
    index.check_model(encoder.name, encoder.fingerprint)
    stored, weight, m = index.series(id), index.manifest.sample_weight, index.manifest.vectors_per_channel
    channels_of_item = stored.channels.reshape(-1, m, index.manifest.dim)
    item = series_bank(SeriesVectors(stored.sample, (channels_of_item,)), stored.names)
    asked = encoder.encode_texts([query])
    spans, vectors = asked.spans[0], asked.sentences[0]

    names = item.names[0]
    best, cosines = best_channels(vectors, item)
    sample = index.samples([id])[0]
    places = _places(encoder, sample, vectors, best, cosines)
    channels, reasons = dict.fromkeys(names, 0.0), []
    for span, chosen, cosine, place in zip(spans, best, cosines, places, strict=True):
        part = (1.0 - weight) * float(cosine) / len(spans)
        if chosen >= 0:
            channels[names[chosen]] += part
        reasons.append(SentenceReason(span, None if chosen < 0 else names[chosen], float(cosine), part, place))
    sample_cosine = float(asked.sample[0] @ item.sample[0])
    return Explanation(
        id=id,
        query=query,
        score=weight * sample_cosine + sum(reason.part for reason in reasons),
        sample_cosine=sample_cosine,
        sample_part=weight * sample_cosine,
        sentences=tuple(reasons),
        channels=channels,
        stored=_stored(encoder, sample.text, spans, vectors),
        numbers=check_numbers(sample, sample.text or ""),
    )


def check_numbers(sample: Sample, text: str) -> tuple[CheckedNumber, ...]:
    """Hold every number of a text against the values of a window, and say when each lies, where that is known.

    Numbers in sentences of the form that captions have are recomputed; see `tracets.data.captions.checked`.

    Examples
    --------
    >>> sample = Sample("a", np.array([[1.0, 2.0, 3.0, 8.0]]), ("load",), ("MW",))
    >>> [(n.number, n.recomputed, n.result, n.first_step) for n in check_numbers(sample, "Load ranges from 1 to 9 MW.")]
    [('1', '1', 'agrees', 0), ('9 MW', '8 MW', 'differs', 3)]
    """
    return tuple(_timed(sample, one) for one in checked.check_numbers(sample, text))


def number_to_json(number: CheckedNumber) -> dict[str, Any]:
    """A checked number as plain texts and numbers; times are ISO 8601."""
    return asdict(number) | {"start": plain(number.start), "end": plain(number.end)}


def _timed(sample: Sample, one: CheckedNumber) -> CheckedNumber:
    if one.first_step is None or one.n_steps is None:
        return one
    last = one.first_step + one.n_steps - 1
    return replace(one, start=time_of(sample, one.first_step), end=time_of(sample, last))


def _places(
    encoder: PairEncoder, sample: Sample, vectors: FloatArray, best: IntArray, cosines: FloatArray
) -> list[MatchedPart | None]:
    """The part of its channel that each sentence matches, in their order; the best matches are looked at first."""
    order = [int(i) for i in np.argsort(-cosines, kind="stable") if best[i] >= 0]
    found = matched_parts(encoder, sample, [Asked(vectors[i], int(best[i])) for i in order])
    places = dict(zip(order, found, strict=True))
    return [places.get(i) for i in range(len(best))]


def best_channels(sentences: FloatArray, item: SeriesBank) -> tuple[IntArray, FloatArray]:
    """The channel of one series that each sentence (n, d) matches best, and their cosine: two arrays of shape (n,).

    A channel with nothing observed is never named; where all are so, the channel is -1 and the cosine the lowest.
    """
    one_each = Groups(sentences, np.arange(len(sentences) + 1, dtype=np.int64))
    cosines = late_interaction(one_each, item.channels)  # (n_sentences, n_channels)
    live = item.channels.sizes > 0
    if not live.any():
        return np.full(len(cosines), -1, dtype=np.int64), cosines.max(axis=1)
    best = np.argmax(np.where(live, cosines, -np.inf), axis=1)
    return best, cosines[np.arange(len(best)), best]


def _stored(
    encoder: PairEncoder, text: str | None, spans: tuple[str, ...], vectors: np.ndarray
) -> StoredSentence | None:
    if text is None or not text.strip():
        return None
    own = encoder.encode_texts([text])
    cosines = vectors @ own.sentences[0].T  # (n_query_sentences, n_own_sentences)
    asked, said = np.unravel_index(int(np.argmax(cosines)), cosines.shape)
    return StoredSentence(own.spans[0][said], spans[asked], float(cosines[asked, said]))
