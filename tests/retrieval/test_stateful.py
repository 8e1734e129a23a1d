"""An index against a dict: any sequence of changes, and searches that a plain loop over the vectors answers too."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tracets.errors import DataError, IndexFolderError, NotFound, QueryError
from tracets.index import IndexFolder, Rows
from tracets.index.transfer import export, restore
from tracets.index.verify import verify
from tracets.retrieval.build import compact_index, hubness_of
from tracets.retrieval.candidates import add_engine
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import Query, Sample, SeriesVectors, TextVectors

DIM, M, WEIGHT = 8, 2, 0.25
NAMES = [("rain", "wind"), ("Wind",), ("load", "rain", "sun")]
IDS = [f"w{i}'s" for i in range(14)]
LABELS = ["fair", "storm", None]


def unit(rng, *shape):
    x = rng.normal(size=(*shape, DIM)).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Given:
    """An encoder of texts that draws the vectors of a text from the text itself."""

    name: str = "given"
    fingerprint: str = "f"
    dim: int = DIM
    sample_weight: float = WEIGHT

    def encode_texts(self, texts, *, batch_size=64):
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        sentences = tuple(unit(rng, 2) for rng in rngs)
        return TextVectors(np.stack([unit(rng, 1)[0] for rng in rngs]), sentences, (("", ""),) * len(texts))

    def encode_series(self, samples, *, batch_size=64):
        raise AssertionError("no series is asked about")


@dataclass(frozen=True, eq=False)
class Window:
    """A window as it was given, with its vectors."""

    sample: Sample
    vector: np.ndarray
    channels: np.ndarray  # (c, M, DIM)
    text: np.ndarray | None
    sentences: np.ndarray = field(default_factory=lambda: np.zeros((0, DIM), np.float32))


def drawn(name, seed):
    rng = np.random.default_rng(seed)
    names = NAMES[seed % len(NAMES)]
    told = bool(seed % 3)
    sample = Sample(
        name, rng.normal(size=(len(names), 3)), names, text=f"text {seed}" if told else None,
        label=LABELS[seed // 7 % 3], metadata={"n": seed},
    )  # fmt: skip
    channels = unit(rng, len(names), M)
    if seed % 5 == 0:
        channels[0] = 0  # a channel with nothing observed
    sentences = unit(rng, 1 + seed % 2) if told else np.zeros((0, DIM), np.float32)
    return Window(sample, unit(rng, 1)[0], channels, unit(rng, 1)[0] if told else None, sentences)


def rows_of(windows):
    told = [w for w in windows if w.text is not None]
    texts = np.array([w.text for w in told], np.float32).reshape(len(told), DIM)
    return Rows(
        [w.sample for w in windows],
        SeriesVectors(np.stack([w.vector for w in windows]), tuple(w.channels for w in windows)),
        TextVectors(texts, tuple(w.sentences for w in told), tuple(("",) * len(w.sentences) for w in told)),
    )


def score(asked, window):
    """Of a text (vector, sentences) with a window, as the definition says."""
    vector, sentences = asked
    flat = window.channels.reshape(-1, DIM)
    flat = flat[flat.any(axis=1)]
    late = np.mean([max((float(s @ v) for v in flat), default=-1.0) for s in sentences])
    return WEIGHT * float(vector @ window.vector) + (1 - WEIGHT) * late


def likeness(asked, window):
    """Of a text with the text of a window."""
    late = np.mean([max(float(s @ v) for v in window.sentences) for s in asked[1]])
    return WEIGHT * float(asked[0] @ window.text) + (1 - WEIGHT) * late


FEW = st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True)
SEED = st.integers(1, 10**6)


class Live(RuleBasedStateMachine):
    """The index in a folder, and the dict that it must equal."""

    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="tracets-stateful-"))
        self.path, self.held, self.readers = self.home / "index", {}, []

    def teardown(self):
        shutil.rmtree(self.home, ignore_errors=True)

    @initialize(seed=SEED)
    def create(self, seed):
        self.write_anew([drawn(IDS[0], seed), drawn(IDS[1], seed + 1)])

    def write_anew(self, windows):
        IndexFolder.create(
            self.path, [rows_of(windows)], model="given", fingerprint="f", sample_weight=WEIGHT, overwrite=True,
            hubness=hubness_of,
        )  # fmt: skip
        self.held = {w.sample.id: w for w in windows}

    @property
    def index(self):
        return IndexFolder.open(self.path)

    @rule(ids=FEW, seed=SEED)
    def add(self, ids, seed):
        windows = [drawn(name, seed + i) for i, name in enumerate(ids)]
        if set(ids) & set(self.held):
            with pytest.raises(DataError, match="comes twice"):
                self.index.add([rows_of(windows)])
            return
        written = self.index.add([rows_of(windows)])
        assert (written.added, written.replaced) == (len(ids), 0)
        self.held |= {w.sample.id: w for w in windows}
        assert written.folder.ids() == list(self.held)

    @rule(ids=FEW, seed=SEED)
    def upsert(self, ids, seed):
        windows = [drawn(name, seed + i) for i, name in enumerate(ids)]
        there = set(ids) & set(self.held)
        written = self.index.upsert([rows_of(windows)])
        assert (written.added, written.replaced) == (len(ids) - len(there), len(there))
        stay = [name for name in self.held if name not in there]
        assert written.folder.ids()[: len(stay)] == stay
        self.held |= {w.sample.id: w for w in windows}
        order = written.folder.ids()
        assert sorted(order) == sorted(self.held)
        self.held = {name: self.held[name] for name in order}

    @rule(ids=FEW)
    def delete(self, ids):
        if set(ids) - set(self.held):
            with pytest.raises(NotFound):
                self.index.delete(ids)
            return
        assert self.index.delete(ids).deleted == len(ids)
        self.held = {name: w for name, w in self.held.items() if name not in ids}

    @rule(label=st.sampled_from(["fair", "storm"]))
    def delete_where(self, label):
        gone = [name for name, w in self.held.items() if w.sample.label == label]
        assert self.index.delete_where(f"label = '{label}'").deleted == len(gone)
        self.held = {name: w for name, w in self.held.items() if name not in gone}

    @rule(at_once=st.booleans())
    def compact(self, at_once):
        compact_index(self.path, keep_seconds=0 if at_once else 3600)
        if at_once:
            self.readers = []
        found = self.index
        assert found.mapped.state.dead == 0 and found.live.all()

    @precondition(lambda self: self.held)
    @rule()
    def lists(self):
        add_engine(Index.open(self.path), effort=100)

    @rule(seed=SEED)
    def overwrite(self, seed):
        self.write_anew([drawn(name, seed + i) for i, name in enumerate(IDS[:3])])

    @precondition(lambda self: self.held)
    @rule()
    def carry(self):
        index = self.index
        export(index, self.home / "x.parquet")
        restored, _ = restore(self.home / "x.parquet", self.home / "restored", overwrite=True)
        assert restored.ids() == list(self.held)
        for name in ("sample", "channels"):
            np.testing.assert_array_equal(getattr(restored.series(), name), getattr(index.series(), name))
        shutil.rmtree(self.home / "restored")

    @rule()
    def keep_reader(self):
        self.readers = [*self.readers[-2:], (self.index, dict(self.held))]

    @rule()
    def readers_see_what_they_saw(self):
        for reader, held in self.readers:
            assert reader.ids() == list(held) and len(reader) == len(held)
            storms = [name for name, w in held.items() if w.sample.label == "storm"]
            assert [reader.ids()[i] for i in self.order(reader, "label = 'storm'")] == storms
            assert reader.refresh().ids() == list(self.held)

    @staticmethod
    def order(index, where):
        """The numbers, among the live rows, of those that a filter keeps."""
        return np.cumsum(index.live)[index.select(where)] - 1

    @rule()
    def contents(self):
        index = self.index
        assert index.ids() == list(self.held) and len(index) == len(self.held)
        assert index.n_texts == sum(w.text is not None for w in self.held.values())
        for found, w in zip(index.samples(list(self.held)), self.held.values(), strict=True):
            np.testing.assert_array_equal(found.values, w.sample.values)
            assert (found.text, found.label, found.metadata["n"]) == (
                w.sample.text,
                w.sample.label,
                w.sample.metadata["n"],
            )
        for place, sample in index.contents():
            pair = index.vectors([place])
            np.testing.assert_array_equal(pair.series[0][0], self.held[sample.id].vector)
            assert index.row(sample.id) == place

    @rule()
    def verified(self):
        assert verify(self.path)[1] == []

    @rule(text=st.sampled_from(["a", "b"]), k=st.integers(1, 16), label=st.sampled_from([None, "fair", "storm"]))
    def search(self, text, k, label):
        kept = {name: w for name, w in self.held.items() if label is None or w.sample.label == label}
        vectors = Given().encode_texts([text])
        asked = vectors.sample[0], vectors.sentences[0]
        self.compare({name: score(asked, w) for name, w in kept.items()}, Query(text), k, label, "series")

    @rule(text=st.sampled_from(["a", "b"]), k=st.integers(1, 16))
    def search_texts(self, text, k):
        told = {name: w for name, w in self.held.items() if w.text is not None}
        vectors = Given().encode_texts([text])
        asked = vectors.sample[0], vectors.sentences[0]
        if not told:
            with pytest.raises(QueryError, match="no texts"):
                search(Index.open(self.path), Given(), Query(text), want="text")
            return
        self.compare({name: likeness(asked, w) for name, w in told.items()}, Query(text), k, None, "text")

    @rule(name=st.sampled_from(IDS), k=st.integers(1, 16))
    def search_like(self, name, k):
        index = Index.open(self.path)
        if name not in self.held:
            with pytest.raises(NotFound):
                search(index, Given(), Query(like=name), k=k)
            return
        hits = search(index, Given(), Query(like=name), k=k)
        assert len(hits) == min(k, len(self.held) - 1)
        assert name not in [hit.id for hit in hits] and {hit.id for hit in hits} <= set(self.held)

    @rule(channel=st.sampled_from(["rain", "WIND", "load"]))
    def search_channel(self, channel):
        index = Index.open(self.path)
        known = {n.casefold() for w in self.held.values() for n in w.sample.channel_names}
        assert {n.casefold() for n in index.channel_names} == known
        if channel.casefold() not in known:
            with pytest.raises(QueryError, match="no window of the index has a channel"):
                search(index, Given(), Query(channels={channel: "x"}))
            return
        assert len(search(index, Given(), Query(channels={channel: "x"}), k=20, exact=True)) == len(self.held)

    def compare(self, scores, query, k, label, want):
        where = None if label is None else f"label = '{label}'"
        index = Index.open(self.path)
        for exact in (True, False):
            hits = search(index, Given(), query, want=want, k=k, where=where, exact=exact)
            expected = sorted(scores, key=lambda name: -scores[name])[:k]
            assert [hit.id for hit in hits] == expected
            np.testing.assert_allclose([hit.score for hit in hits], [scores[name] for name in expected], atol=3e-6)

    @rule()
    def another_model_is_refused(self):
        with pytest.raises(IndexFolderError, match="'given'.*'other'"):
            search(Index.open(self.path), Given(name="other", fingerprint="g"), Query("a"))


def run(examples, steps):
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=quiet, print_blob=True
    )
    run_state_machine_as_test(Live, settings=chosen)


@pytest.mark.slow
def test_a_few_steps():
    run(2, 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_steps():
    run(100, 50)
