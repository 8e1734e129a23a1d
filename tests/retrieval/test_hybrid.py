"""Hybrid searches: two plain rankings fused, whatever the filter, and words that follow the index."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tracets.errors import QueryError
from tracets.index import Rows
from tracets.index.words import words
from tracets.retrieval.build import build_index
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import Query, Sample

_spec = importlib.util.spec_from_file_location("search_tests", Path(__file__).with_name("test_search.py"))
tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tests)
ENCODER, SAID, OTHER, corpus = tests.ENCODER, tests.SAID, tests.OTHER, tests.corpus
index = tests.index  # the fixture
pytestmark = [tests.pytestmark, pytest.mark.slow]


def bm25(said, texts):
    """Lucene's BM25, word by word."""
    bags = [words(text) for text in texts]
    mean = np.mean([len(bag) for bag in bags])
    found = []
    for bag in bags:
        total = 0.0
        for word in words(said):
            n = sum(word in other for other in bags)
            f = bag.count(word)
            total += np.log(1 + (len(bags) - n + 0.5) / (n + 0.5)) * f / (f + 1.5 * (0.25 + 0.75 * len(bag) / mean))
        found.append(total)
    return found


@pytest.mark.parametrize("depth", [3, 100])
@pytest.mark.parametrize("where", [None, "label = 'fair'", "height > 100 AND text IS NOT NULL", "text IS NULL"])
@pytest.mark.parametrize("want", ["series", "text"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query("strong wind 7"), "strong wind 7"),
        (Query("Weak.", channels={"wind": "13 falls"}), "weak wind 13 falls"),
        (Query("rain 4 or 21", like="w4"), "rain 4 or 21"),
        (Query("nothing shared"), "nothing shared"),
    ],
)
def test_a_hybrid_search_fuses_two_plain_rankings(index, monkeypatch, query, said, want, where, depth):
    monkeypatch.setattr("tracets.retrieval.search.DEPTH", depth)
    stored = {s.id: s.text for s in corpus()}
    by_vectors = [h.id for h in search(index, ENCODER, query, want=want, where=where, k=100)]
    texts = [name for name, text in stored.items() if text]
    score = dict(zip(texts, bm25(said, [stored[name] for name in texts]), strict=True))
    by_words = sorted(
        (n for n in texts if n in by_vectors and score[n] > 0), key=lambda n: (-round(score[n], 5), texts.index(n))
    )
    for k in (2, 100):
        rankings = [some[: max(k, depth)] for some in (by_vectors, by_words)]
        sums = {
            name: sum((1 if stored[name] else 2) / (61 + some.index(name)) for some in rankings if name in some)
            * 61
            / 2
            for name in dict.fromkeys(rankings[0] + rankings[1])
        }
        expected = sorted(sums, key=lambda name: -round(sums[name], 12))[:k]
        found = search(index, ENCODER, query, want=want, where=where, k=k, hybrid=True)
        assert [h.id for h in found] == expected
        assert [h.score for h in found] == pytest.approx([sums[name] for name in expected], abs=1e-6)
    assert index.words.n == 18


def test_hybrid_hits_say_what_others_say_but_for_rank_and_score(index):
    plain_ = {h.id: h for h in search(index, ENCODER, Query(SAID), k=100)}
    for hit in search(index, ENCODER, Query(SAID), k=100, hybrid=True):
        assert replace(hit, rank=0, score=0) == replace(plain_[hit.id], rank=0, score=0)


def test_texts_that_are_added_are_found_by_their_words(tmp_path):
    def one(name, text):
        return Sample(name, np.ones((2, 8)), ("rain", "wind"), text=text)

    built = build_index([one("a", "dry"), one("b", None), one("c", "wet")], ENCODER, tmp_path / "x")
    best = search(built, ENCODER, Query("wet"), want="text", k=1, hybrid=True)[0]
    assert (best.id, best.score) == ("c", 1.0)
    built = build_index([one("b", "soaked"), one("c", "dry"), one("d", "wet")], ENCODER, tmp_path / "x", update=True)
    for text, name in (("soaked", "b"), ("wet", "d"), ("dry", "c")):
        hits = search(built, ENCODER, Query(text), want="text", k=1, hybrid=True)
        assert (hits[0].id, hits[0].score) == (name, 1.0)
    assert len(list((tmp_path / "x").glob("words-*"))) == 1


@pytest.mark.parametrize("query", [Query(series=OTHER), Query(like="w4")])
def test_a_hybrid_search_needs_words(index, query):
    with pytest.raises(QueryError, match="ranks texts by the words of the query. Give a text"):
        search(index, ENCODER, query, hybrid=True)


def test_words_follow_every_change(tmp_path):
    def one(name, text):
        return Sample(name, np.ones((2, 8)), ("rain", "wind"), text=text)

    def rows(*samples):
        told = [s.text for s in samples if s.text]
        return Rows(samples, ENCODER.encode_series(samples), ENCODER.encode_texts(told))

    def found(folder, said):
        hits = search(Index(folder), ENCODER, Query(said), want="text", k=9, hybrid=True)
        return [hit.id for hit in hits if hit.score == 1.0] if Index(folder).words.scores(said).any() else []

    folder = build_index([one("a", "dry"), one("b", "wet"), one("c", "dull")], ENCODER, tmp_path / "x").folder
    before = folder
    assert (found(folder, "dry"), found(folder, "wet"), found(folder, "hot")) == (["a"], ["b"], [])
    folder = folder.add([rows(one("d", "hot"))]).folder
    assert (found(folder, "dry"), found(folder, "hot")) == (["a"], ["d"])
    folder = folder.upsert([rows(one("a", "cold"))]).folder
    assert (found(folder, "dry"), found(folder, "cold")) == ([], ["a"]) and Index(folder).words.n == 4
    folder = folder.delete(["d"]).folder
    assert found(folder, "hot") == [] and Index(folder).words.n == 3
    assert found(folder.compact(), "wet") == ["b"]
    assert (found(before, "dry"), found(before, "cold")) == (["a"], []), "a reader keeps what it opened"
