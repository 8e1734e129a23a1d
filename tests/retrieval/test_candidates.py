"""Approximate search: what inverted lists hold, what is found, and when it does not apply."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from tracets import api
from tracets.data.captions import caption
from tracets.data.generate import generate_samples
from tracets.filters import col
from tracets.index import IndexFolder, Rows
from tracets.index.lists import make_lists
from tracets.index.quantised import Widened, quantise
from tracets.retrieval.build import build_index
from tracets.retrieval.candidates import add_engine
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import LISTED, Query, Sample, SeriesVectors, TextVectors

pytestmark = pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")

DIM, M, N = 16, 2, 600
NAMES = (("rain", "wind", "sun"), ("wind", "rain"))


def unit(x):
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Asked:
    """A text is a number: the vectors that were prepared under it."""

    vectors: dict = field(default_factory=dict)
    name: str = "asked"
    fingerprint: str = "f"
    dim: int = DIM
    sample_weight: float = 0.1

    def encode_texts(self, texts, *, batch_size=64):
        found = [self.vectors[t.split(": ")[-1]] for t in texts]
        return TextVectors(
            np.stack([unit(f.sum(0)) for f in found]), tuple(found), tuple(("x",) * len(f) for f in found)
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Windows in clusters, and an encoder with a question of two sentences about every tenth of them."""
    rng = np.random.default_rng(0)
    ways = unit(rng.normal(size=(3, 12, M, DIM)))
    samples, channels, encoder = [], [], Asked()
    for i in range(N):
        names = NAMES[i % 2]
        which = rng.integers(12, size=len(names))
        vectors = unit(ways[np.arange(len(names)), which] + 0.15 * rng.normal(size=(len(names), M, DIM)))
        if i % 7 == 0:
            vectors[0] = 0
        channels.append(vectors)
        text = f"q{i}" if i % 10 == 0 else None
        samples.append(Sample(f"w{i}", np.ones((len(names), 2)), names, text=text, metadata={"n": i}))
        if text:
            encoder.vectors[text] = unit(vectors[1:, 0][[0, -1]] + 0.1 * rng.normal(size=(2, DIM)))
    texts = encoder.encode_texts([s.text for s in samples if s.text])
    series = SeriesVectors(unit(np.stack([c.sum(axis=(0, 1)) for c in channels])), tuple(channels))
    path = tmp_path_factory.mktemp("ann") / "index"
    rows = [Rows(samples, series, texts)]
    IndexFolder.create(path, rows, model="asked", fingerprint="f", sample_weight=0.1)
    return path, encoder


def test_the_lists_hold_every_vector_once_at_its_nearest_centre():
    rng = np.random.default_rng(1)
    vectors = quantise(unit(rng.normal(size=(500, 8))))
    lists = make_lists(Widened(vectors))
    centres, members, ends = lists.centres, lists.members, lists.ends
    assert len(centres) == 22 and ends[0] == 0 and ends[-1] == 500
    assert sorted(members.tolist()) == list(range(500))
    wide = vectors.numbers * vectors.scales[:, None]
    for i in range(len(centres)):
        assert (np.argmax(wide[members[ends[i] : ends[i + 1]]] @ centres.T, axis=1) == i).all()


@pytest.mark.slow
def test_an_approximate_search_finds_most_and_says_how_much(made, monkeypatch):
    path, encoder = made
    monkeypatch.setattr("tracets.retrieval.candidates.BROUGHT", 30)
    index = add_engine(Index.open(path), effort=4)
    assert 0.6 < index.engine.recall < 1 and index.engine.part.effort == 4
    assert Index.open(path).engine.recall == index.engine.recall
    scored = []
    whole = type(index.series).take
    monkeypatch.setattr(type(index.series), "take", lambda bank, which: scored.append(len(which)) or whole(bank, which))
    shares = []
    for i in range(0, N, 10):
        expected = search(index, encoder, Query(f"q{i}"), exact=True)
        scored.clear()
        found = search(index, encoder, Query(f"q{i}"))
        assert sum(scored) < 200
        best = {h.id: h.score for h in expected}
        assert all(best[h.id] == pytest.approx(h.score, abs=2e-6) for h in found if h.id in best)
        shares.append(len({h.id for h in found} & set(best)) / 10)
    assert np.mean(shares) > index.engine.recall - 0.1


@pytest.mark.slow
def test_recall_is_that_of_texts_or_of_their_sentences(made, monkeypatch):
    path, encoder = made
    monkeypatch.setattr("tracets.retrieval.candidates.BROUGHT", 15)
    index = add_engine(Index.open(path), effort=3)
    rows, texts = index.texts
    shares = {"text": [], "sentence": []}
    for text in range(len(rows)):
        said = texts.sentences.take(np.array([text])).vectors
        for kind, vectors in (("text", said), ("sentence", said[:1]), ("sentence", said[1:])):
            encoder.vectors["one"] = vectors
            expected, found = (search(index, encoder, Query("one"), exact=exact) for exact in (True, False))
            shares[kind].append(len({h.id for h in expected} & {h.id for h in found}) / 10)
    assert index.engine.recall == pytest.approx(min(np.mean(found) for found in shares.values()), abs=0.05)
    assert 0.5 < index.engine.recall < 0.95


@pytest.mark.slow
def test_more_lists_are_looked_into_until_most_is_found(made, monkeypatch):
    path, _ = made
    monkeypatch.setattr("tracets.retrieval.candidates.BROUGHT", 30)
    monkeypatch.setattr("tracets.index.lists.PROBES", 1)
    recall = {probes: add_engine(Index.open(path), effort=probes).engine.recall for probes in (1, 2, 4, 8)}
    assert recall[1] < recall[4] <= recall[8]
    for wanted in (recall[1], recall[4], 1.1):
        monkeypatch.setattr("tracets.retrieval.candidates.WANTED", wanted)
        engine = add_engine(Index.open(path)).engine
        lists = engine.finder
        enough = [probes for probes in recall if recall[probes] >= wanted]
        if enough:
            assert (engine.part.effort, engine.recall) == (enough[0], recall[enough[0]])
        else:
            assert len(lists.centres) / 4 >= engine.part.effort > len(lists.centres) / 8


def test_an_index_is_listed_from_some_size_on(monkeypatch, tmp_path, plants, statistics_encoder):
    monkeypatch.setattr(
        "tracets.retrieval.build.add_engine", lambda index, name, *, encoder: (len(index), name, encoder)
    )
    build = partial(build_index, plants, statistics_encoder, tmp_path / "index", overwrite=True)
    listed = (3, "lists", statistics_encoder)
    assert LISTED == 1_000_000
    monkeypatch.setattr("tracets.retrieval.build.LISTED", 3)
    assert build() == listed and build(ann=False) != listed
    monkeypatch.setattr("tracets.retrieval.build.LISTED", 4)
    assert build() != listed and build(ann=True) == listed


@pytest.mark.slow
def test_filters_channels_and_stored_windows(made):
    path, encoder = made
    index = add_engine(Index.open(path), effort=10_000)
    for query in (Query("q10"), Query(channels={"sun": "q10"}), Query(like="w33"), Query("q20", like="w33")):
        for where in (None, "n < 300", "n < 12", "n < 0", (col("n") >= 100) & ~col("n").between(200, 299)):
            found, expected = (search(index, encoder, query, where=where, exact=e) for e in (False, True))
            if query.channels:  # windows without the channel are not brought
                expected = [h for h in expected if h.score > -1]
                found = [h for h in found if h.score > -1]
            assert [(h.id, h.score) for h in found] == [(h.id, h.score) for h in expected]


@pytest.mark.slow
def test_windows_that_are_added_later_are_candidates_always(made, tmp_path):
    path, encoder = made
    add_engine(Index.open(path))
    index = Index.open(path)
    rows = Rows([Sample("new", np.ones((1, 2)), ("rain",))],
                SeriesVectors(unit(np.ones((1, DIM))), (unit(np.ones((1, M, DIM))),)),
                TextVectors(np.zeros((0, DIM), np.float32), (), ()))  # fmt: skip
    assert index.engine is not None
    more = Index(index.folder.add([rows]).folder)
    assert more.engine is not None and more.engine.part.rows == len(index)
    like_new = Query(like=index.ids[0])
    for exact in (False, True):
        assert "new" in [hit.id for hit in search(more, encoder, like_new, k=len(more), exact=exact)]
    deleted = Index(more.folder.delete(["new"]).folder)
    assert "new" not in [hit.id for hit in search(deleted, encoder, like_new, k=len(more))]
    assert len(search(Index.open(path), encoder, Query("q10"), k=N + 1)) == N


@pytest.mark.slow
def test_without_texts_captions_are_asked(tmp_path, model_folder):
    """An index of the shipped kind of model that keeps no texts: the measure asks what its windows would be told by."""
    encoder = api.load(model_folder)
    samples = list(generate_samples(120, seed=1, captions=False))
    index = build_index(samples, encoder, tmp_path / "index", ann=False)
    asked = []

    class Told:
        def __getattr__(self, name):
            return getattr(encoder, name)

        def encode_texts(self, texts, *, batch_size=64):
            asked.extend(texts)
            return encoder.encode_texts(texts, batch_size=batch_size)

    assert add_engine(index, effort=1, encoder=Told()).engine.recall <= 1
    assert len(asked) == 50 and set(asked) <= {caption(sample).text for sample in samples}
    asked.clear()
    few = Index(index.refresh().folder.delete([sample.id for sample in samples[:100]]).folder)
    assert add_engine(few, effort=1, encoder=Told()).engine.part.rows == 120, "dead rows keep their places"
    assert set(asked) == {caption(sample).text for sample in samples[100:]}
    assert add_engine(few.refresh()).engine.recall >= 0.95, "probes are doubled"
