"""Explanations by hand, on an encoder whose vectors are written down, and against the scores of a search."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest

from tracets.errors import IndexFolderError, NotFound, QueryError
from tracets.retrieval.build import build_index
from tracets.retrieval.reasons import StoredSentence, check_numbers, explain
from tracets.retrieval.search import search
from tracets.types import Query, Sample, SeriesVectors, TextVectors

pytestmark = pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")

WORDS = {"rain": [1.0, 0.0, 0.0], "wind": [0.0, 1.0, 0.0], "gale": [0.0, 0.8, 0.6], "sun": [0.0, 0.0, 1.0]}


@dataclass(frozen=True)
class HandEncoder:
    """A sentence is one word of a known vector; a channel has its name's vector, a sample that of its first channel."""

    name: str = "hand"
    fingerprint: str = "1"
    dim: int = 3
    sample_weight: float = 0.4

    def encode_texts(self, texts, *, batch_size=64):
        spans = [tuple(t.split(". ")) for t in texts]
        sentences = tuple(np.array([WORDS[s] for s in some], np.float32) for some in spans)
        return TextVectors(np.stack([s[0] for s in sentences]), sentences, tuple(spans))

    def encode_series(self, samples, *, batch_size=64):
        channels = [np.array([[WORDS[n]] for n in s.channel_names], np.float32) for s in samples]
        for sample, vectors in zip(samples, channels, strict=True):
            vectors[np.isnan(sample.values).all(axis=1)] = 0.0
        first = [WORDS[s.channel_names[0]] for s in samples]
        return SeriesVectors(np.array(first, np.float32), tuple(channels))


ENCODER = HandEncoder()
DEAD = np.array([[1.0], [np.nan]], np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    samples = [
        Sample("a", np.ones((3, 2)), ("rain", "wind", "sun"), text="wind. gale"),
        Sample("b", np.ones((2, 2)), ("gale", "rain")),
        Sample("half", DEAD, ("rain", "wind"), text="sun"),
        Sample("dead", DEAD[1:], ("rain",)),
    ]
    return build_index(samples, ENCODER, tmp_path_factory.mktemp("explain") / "index")


def test_parts_by_hand(index):
    found = explain(index.folder, ENCODER, "a", "rain. gale. wind")
    assert [(s.sentence, s.channel) for s in found.sentences] == [("rain", "rain"), ("gale", "wind"), ("wind", "wind")]
    assert [s.cosine for s in found.sentences] == pytest.approx([1.0, 0.8, 1.0])
    assert [s.part for s in found.sentences] == pytest.approx([0.2, 0.16, 0.2])
    assert dict(found.channels) == pytest.approx({"rain": 0.2, "wind": 0.36, "sun": 0.0})
    assert (found.sample_cosine, found.sample_part) == pytest.approx((1.0, 0.4))
    assert found.score == pytest.approx(0.96)
    assert found.stored == StoredSentence("gale", "gale", pytest.approx(1.0))


def test_a_dead_channel_is_never_a_reason(index):
    found = explain(index.folder, ENCODER, "half", "wind")
    assert (found.sentences[0].channel, found.sentences[0].cosine) == ("rain", 0.0)
    assert found.score == 0.0
    found = explain(index.folder, ENCODER, "dead", "rain. wind")
    assert [(s.channel, s.cosine) for s in found.sentences] == [(None, -1.0)] * 2
    assert found.score == pytest.approx(0.4 - 0.6)


@pytest.mark.parametrize("query", ["rain", "gale. sun", "wind. rain. gale. wind"])
def test_parts_add_up_to_the_score_of_the_search(index, query):
    hits = search(index, ENCODER, Query(query), k=10)
    assert len(hits) == 4
    for hit in hits:
        found = explain(index.folder, ENCODER, hit.id, query)
        assert found.score == pytest.approx(hit.score, abs=1e-6)
        assert found.sample_part + sum(s.part for s in found.sentences) == pytest.approx(found.score, abs=1e-9)
        if hit.id != "dead":
            assert sum(found.channels.values()) == pytest.approx(sum(s.part for s in found.sentences), abs=1e-9)
        assert list(found.channels) == list(hit.channels)


def test_json(index):
    found = json.loads(json.dumps(explain(index.folder, ENCODER, "b", "sun").to_json()))
    assert found["stored"] is None
    assert found["sentences"] == [
        {
            "sentence": "sun", "channel": "gale", "cosine": pytest.approx(0.6), "part": pytest.approx(0.36),
            "place": None,
        }
    ]  # fmt: skip
    assert found["channels"] == {"gale": pytest.approx(0.36), "rain": 0.0}
    assert list(found) == [
        "id", "query", "score", "sample_cosine", "sample_part", "sentences", "channels", "stored", "numbers",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_numbers_of_the_text_are_held_against_the_values(tmp_path):
    told = {"start": datetime(2020, 5, 1, tzinfo=UTC), "freq": "h"}
    sample = Sample("w", np.float32([[1, 2, 4, 3]]), ("rain",), ("mm",), text="Rain peaks at 4 mm at 03:00", **told)
    index = build_index([sample], Told(), tmp_path / "index")
    explained = explain(index.folder, Told(), "w", "rain")
    assert explained.numbers == check_numbers(sample, sample.text)
    assert json.loads(json.dumps(explained.to_json()))["numbers"] == [
        {
            "number": "4 mm", "at": 14, "says": "high", "channel": "rain", "recomputed": "4 mm", "result": "agrees",
            "first_step": 2, "n_steps": 1, "start": "2020-05-01T02:00:00+00:00", "end": "2020-05-01T02:00:00+00:00",
        },
        {
            "number": "at 03:00", "at": 19, "says": "time of the high", "channel": "rain", "recomputed": "02:00",
            "result": "differs", "first_step": 2, "n_steps": 1, "start": "2020-05-01T02:00:00+00:00",
            "end": "2020-05-01T02:00:00+00:00",
        },
    ]  # fmt: skip


@dataclass(frozen=True)
class Told(HandEncoder):
    """Every text is one sentence about rain."""

    def encode_texts(self, texts, *, batch_size=64):
        rain = np.float32([WORDS["rain"]])
        return TextVectors(np.repeat(rain, len(texts), axis=0), (rain,) * len(texts), tuple((t,) for t in texts))


def test_errors(index):
    with pytest.raises(NotFound, match="no window with id 'nobody'"):
        explain(index.folder, ENCODER, "nobody", "rain")
    with pytest.raises(QueryError, match="the query is empty"):
        explain(index.folder, ENCODER, "a", " ")
    with pytest.raises(IndexFolderError, match="'hand'.*'other'"):
        explain(index.folder, HandEncoder("other", "2"), "a", "rain")
