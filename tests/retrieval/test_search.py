"""Building and searching an index with a small deterministic encoder, every mode against a brute-force ranking."""

import hashlib
import json
import shutil
import warnings
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import tracets.retrieval.scores as scores
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError, IndexFolderError, NotFound, QueryError, ShortAnswer
from tracets.index import IndexFolder
from tracets.index.state import State
from tracets.retrieval.build import build_index
from tracets.retrieval.hubness import choose_bank
from tracets.retrieval.search import hit_to_json, search, search_many
from tracets.retrieval.stored import Index
from tracets.types import Hit, Query, Sample, SeriesVectors, TextVectors

pytestmark = pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")  # most tests ask for all there is
DIM, M = 16, 2
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class FakeEncoder:
    """Hashed words for texts, random projections of channel statistics for series."""

    name: str = "fake"
    fingerprint: str = "f00d"
    dim: int = DIM
    sample_weight: float = 0.25

    def word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        return np.random.default_rng(seed).normal(size=self.dim)

    def unit(self, x: np.ndarray) -> np.ndarray:
        return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)

    def encode_texts(self, texts, *, batch_size=64):
        spans = [tuple(part.strip() for part in t.split(".") if part.strip()) for t in texts]
        sentences = [self.unit(np.stack([sum(map(self.word, s.lower().split())) for s in some])) for some in spans]
        return TextVectors(
            self.unit(np.stack([s.mean(axis=0) for s in sentences])), tuple(sentences), tuple(map(tuple, spans))
        )

    def encode_series(self, samples, *, batch_size=64):
        channels = []
        for s in samples:
            rows = np.zeros((s.n_channels, M, self.dim), np.float32)
            for c, (name, x) in enumerate(zip(s.channel_names, s.values, strict=True)):
                seen = x[~np.isnan(x)]
                if len(seen):
                    facts = np.array([seen.mean(), seen.std(), seen[-1] - seen[0]])
                    mixing = np.random.default_rng(0).normal(size=(3, M * self.dim))
                    rows[c] = self.unit((facts @ mixing).reshape(M, self.dim) + self.word(name.lower()))
            channels.append(rows)
        return SeriesVectors(self.unit(np.stack([c.sum(axis=(0, 1)) + 1e-3 for c in channels])), tuple(channels))


ENCODER = FakeEncoder()


def corpus() -> list[Sample]:
    rng = np.random.default_rng(1)
    samples = []
    for i in range(23):
        names = (("Rain", "wind", "sun"), ("wind", "rain"), ("load",))[i % 3]
        values = rng.normal(size=(len(names), 24)).astype(np.float32)
        values[0, 3:5] = np.nan
        if i == 4:
            values[1] = np.nan
        samples.append(
            Sample(
                f"w{i}",
                values,
                names,
                start=datetime(2013, 3, 1 + i, tzinfo=NEW_YORK),
                freq="h",
                text=None if i % 5 == 0 else f"Rain falls {i}. The wind is {'strong' if i % 2 else 'weak'}.",
                label="storm" if i % 2 else "fair",
                metadata={"entity": ("ny", "sf")[i % 2], "height": 10.5 * i, "odd name": i},
            )
        )
    return samples


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    seen = []
    path = tmp_path_factory.mktemp("index") / "weather"
    built = build_index(iter(corpus()), ENCODER, path, progress=seen.append)
    assert seen == [23]
    assert isinstance(ENCODER, PairEncoder)
    return Index.open(built.folder.path)


def ranking(values, ids):
    """Ids by score, best first; the scores of these tests are far enough apart not to tie."""
    return [ids[i] for i in np.argsort(-np.asarray(values), kind="stable")]


def brute(function, queries, items):
    return function(queries, items, sample_weight=ENCODER.sample_weight)[0]


def series_of(samples):
    return scores.series_bank(ENCODER.encode_series(samples), [s.channel_names for s in samples])


def texts_of(texts):
    return scores.text_bank(ENCODER.encode_texts(texts))


OTHER = Sample("other", np.linspace(0, 5, 48).reshape(2, 24).astype(np.float32), ("WIND", "snow"))
SAID = "The wind is strong. Rain falls"


def test_text_to_series(index):
    samples = corpus()
    expected = brute(scores.text_to_series, texts_of([SAID]), series_of(samples))
    hits = search(index, ENCODER, Query(SAID), k=100)
    assert [h.id for h in hits] == ranking(expected, [s.id for s in samples])
    assert [h.rank for h in hits] == list(range(1, 24))
    np.testing.assert_allclose([h.score for h in hits], sorted(expected, reverse=True), atol=2e-6)
    assert search(index, ENCODER, Query(SAID), k=4) == hits[:4]


def test_series_to_series(index):
    samples = corpus()
    expected = brute(scores.series_to_series, series_of([OTHER]), series_of(samples))
    hits = search(index, ENCODER, Query(series=OTHER), k=100)
    assert [h.id for h in hits] == ranking(expected, [s.id for s in samples])


def test_like_finds_what_the_series_finds_and_leaves_itself_out(index):
    samples = corpus()
    by_series = search(index, ENCODER, Query(series=samples[4]), k=100)
    by_id = search(index, ENCODER, Query(like="w4"), k=100)
    assert by_series[0].id == "w4"
    assert by_series[0].score == pytest.approx(1.0, abs=1e-6)
    assert [h.id for h in by_id] == [h.id for h in by_series[1:]]
    assert "w4" not in [h.id for h in search(index, ENCODER, Query(text="wind", like="w4"), want="text", k=100)]


def test_series_to_text_and_text_to_text_rank_the_rows_that_have_one(index):
    written = [s for s in corpus() if s.text]
    ids = [s.id for s in written]
    assert len(ids) == 18
    stored = texts_of([s.text for s in written])
    expected = brute(scores.series_to_text, series_of([OTHER]), stored)
    hits = search(index, ENCODER, Query(series=OTHER), want="text", k=100, hubness=False)
    np.testing.assert_allclose([h.score for h in hits], sorted(expected, reverse=True), atol=2e-6)
    assert {h.id for h in hits} == set(ids)
    assert hits[0].id == ids[int(np.argmax(expected))]
    hits = search(index, ENCODER, Query(text=written[7].text), want="text", k=1)
    assert (hits[0].id, hits[0].text) == (written[7].id, written[7].text)
    assert hits[0].score == pytest.approx(1.0, abs=1e-6)


def slow_hubs(samples):
    """The hubness of each text of the samples: its 20 best scores with the windows of the others."""
    written = [s for s in samples if s.text]
    found = []
    for sample in written:
        others = series_of([s for s in samples if s.id != sample.id])
        found.append(np.mean(sorted(brute(scores.text_to_series, texts_of([sample.text]), others))[-20:]))
    return np.array(found)


@pytest.mark.parametrize("query", [Query(series=OTHER), Query(like="w4")])
def test_a_series_ranks_texts_less_their_hubness(index, query):
    samples = corpus()
    written = [s for s in samples if s.text]
    asked = OTHER if query.like is None else samples[4]
    raw = brute(scores.series_to_text, series_of([asked]), texts_of([s.text for s in written]))
    expected = dict(zip([s.id for s in written], raw - 0.5 * slow_hubs(samples), strict=True))
    expected.pop(query.like, None)
    hits = search(index, ENCODER, query, want="text", k=100)
    np.testing.assert_allclose([h.score for h in hits], sorted(expected.values(), reverse=True), atol=2e-6)
    for hit in hits:
        assert hit.score == pytest.approx(expected[hit.id], abs=2e-6)


def test_hubness_is_taken_off_the_part_that_is_a_series(index):
    options = {"want": "text", "k": 100}
    said, asked = Query(SAID), Query(series=OTHER)
    assert search(index, ENCODER, said, **options) == search(index, ENCODER, said, **options, hubness=False)
    said, asked = ({h.id: h.score for h in search(index, ENCODER, query, **options)} for query in (said, asked))
    for hit in search(index, ENCODER, Query(SAID, series=OTHER), **options):
        assert hit.score == pytest.approx((said[hit.id] + asked[hit.id]) / 2, abs=2e-6)


def test_an_index_that_does_not_know_the_hubness_of_its_texts_is_searched_without(index, tmp_path):
    shutil.copytree(index.folder.path, tmp_path / "old")
    changed = IndexFolder.open(tmp_path / "old").delete([index.ids[-1]]).folder
    assert index.hubs is not None and changed.hubness() is None
    shutil.rmtree(tmp_path / "old")
    shutil.copytree(index.folder.path, tmp_path / "old")
    (state_file,) = (tmp_path / "old").glob("vectors-*/state-*.json")
    replace(State.read(state_file), hubness=None).write(state_file.parent)
    query, options = Query(series=OTHER), {"want": "text", "k": 100}
    found = search(Index.open(tmp_path / "old"), ENCODER, query, **options)
    assert found == search(index, ENCODER, query, **options, hubness=False)
    for n, known in ((2, False), (3, True)):
        small = build_index([s for s in corpus() if s.text][:n], ENCODER, tmp_path / f"{n} windows")
        assert (small.hubs is not None) is known
    assert build_index(corpus()[:1], ENCODER, tmp_path / "mute").hubs is None


def test_hubness_of_an_index_is_that_over_a_bank(tmp_path, monkeypatch):
    """Of 23 windows 7 serve, and a text's own is left out where it is one of them."""
    monkeypatch.setattr("tracets.retrieval.hubness.HUB_BANK", 7)
    found = build_index(corpus(), ENCODER, tmp_path / "index").hubs
    samples = corpus()
    chosen = [samples[i] for i in choose_bank(23)]
    assert len(chosen) == 7
    expected = [
        np.mean(brute(scores.text_to_series, texts_of([s.text]), series_of([o for o in chosen if o.id != s.id])))
        for s in samples
        if s.text
    ]
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_parts_are_averaged(index):
    query = Query(SAID, series=OTHER, channels={"wind": "weak"})
    alone = [
        {h.id: h.score for h in search(index, ENCODER, part, k=100)}
        for part in (Query(SAID), Query(series=OTHER), Query(channels={"wind": "weak"}))
    ]
    for hit in search(index, ENCODER, query, k=100):
        assert hit.score == pytest.approx(np.mean([scores[hit.id] for scores in alone]), abs=3e-6)


def test_named_channel_is_encoded_with_its_name_and_counts_alone(index):
    samples = corpus()
    expected = scores.channel_to_series(texts_of(["Rain: falls hard"]).sentences, series_of(samples), "rain")[0]
    hits = search(index, ENCODER, Query(channels={" rAIN": "falls hard"}), k=100)
    found = {h.id: h.score for h in hits}
    np.testing.assert_allclose([found[s.id] for s in samples], expected, atol=1e-6)
    with_rain = [s.id for s in samples if "rain" in [n.lower() for n in s.channel_names] and s.id != "w4"]
    assert {h.id for h in hits[: len(with_rain)]} == set(with_rain)
    assert hits[-1].score == -1.0
    for hit in hits:
        if hit.id in with_rain:
            assert [n.lower() for n in hit.channels] == ["rain"]
            assert list(hit.channels.values()) == [pytest.approx(hit.score, abs=1e-6)]


def test_a_hit_says_what_its_score_would_lose_without_each_channel(index):
    by_id = {s.id: s for s in corpus()}
    weight = index.folder.manifest.sample_weight
    for hit in search(index, ENCODER, Query(SAID), k=100):
        sample = by_id[hit.id]
        live = ~np.isnan(sample.values).all(axis=1)
        whole = scores.text_to_series(texts_of([SAID]), series_of([sample]), sample_weight=0.0)[0, 0]
        assert tuple(hit.channels) == sample.channel_names
        for c, fall in enumerate(hit.channels.values()):
            rest = np.delete(np.arange(sample.n_channels), c)
            if not live[c]:
                expected = 0.0
            elif live.sum() == 1:
                expected = whole
            else:
                vectors = ENCODER.encode_series([sample])
                without = SeriesVectors(vectors.sample, (vectors.channels[0][rest],))
                left = scores.series_bank(without, [tuple(sample.channel_names[j] for j in rest)])
                expected = whole - scores.text_to_series(texts_of([SAID]), left, sample_weight=0.0)[0, 0]
            assert fall == pytest.approx((1 - weight) * expected, abs=2e-6)


@pytest.mark.parametrize(
    ("where", "keep"),
    [
        ("entity = 'ny'", lambda s: s.metadata["entity"] == "ny"),
        ("height > 50 AND label = 'storm'", lambda s: s.metadata["height"] > 50 and s.label == "storm"),
        ("`odd name` IN (3, 4)", lambda s: s.metadata["odd name"] in (3, 4)),
        ("text IS NULL", lambda s: s.text is None),
        (
            "start >= timestamp '2013-03-10T00:00:00'",
            lambda s: s.start >= datetime(2013, 3, 10, tzinfo=NEW_YORK),
        ),
        ("entity = 'nowhere'", lambda s: False),
    ],
)
def test_a_filtered_search_is_the_search_over_the_filtered_rows(index, where, keep):
    kept = {s.id for s in corpus() if keep(s)}
    everything = search(index, ENCODER, Query(SAID), k=100)
    found = search(index, ENCODER, Query(SAID), k=100, where=where)
    assert [(h.id, h.score) for h in found] == [(h.id, h.score) for h in everything if h.id in kept]


@pytest.mark.parametrize(
    ("query", "options", "said"),
    [
        (Query(SAID), {"k": 24}, "asked for 24 windows, found 23: the index holds 23 windows"),
        (Query(like="w3"), {"k": 23}, "found 22: the index holds 22 windows besides the one that was asked by"),
        (Query(SAID), {"k": 9, "where": "id IN ('w1', 'w2', 'x')"}, "found 2: the filter keeps 2 windows"),
        (Query(SAID), {"k": 1, "where": "entity = 'nowhere'"}, "found 0: the filter keeps 0 windows"),
        (Query(SAID), {"k": 99, "want": "text"}, "found 18: the index holds 18 windows with a text"),
    ],
)
def test_a_short_answer_warns_and_says_why(index, query, options, said):
    with pytest.warns(ShortAnswer) as told:
        found = search(index, ENCODER, query, **options)
    assert len(told) == 1 and said in str(told[0].message)
    again = copy(told[0].message)  # as another process gets it
    assert (again.asked, again.found, str(again)) == (options["k"], len(found), str(told[0].message))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not found or search(index, ENCODER, query, **options | {"k": len(found)}) == found


def test_ties_keep_the_order_of_the_index(tmp_path):
    twins = [Sample(f"t{i}", np.ones((2, 8)), ("rain", "wind"), text="the same") for i in (5, 3, 9, 1) * 1]
    index = build_index(twins, ENCODER, tmp_path / "twins")
    for query, want in ((Query("rain"), "series"), (Query("rain"), "text"), (Query(series=OTHER), "series")):
        assert [h.id for h in search(index, ENCODER, query, want=want)] == ["t5", "t3", "t9", "t1"]


def test_hits_bring_what_was_stored(index):
    by_id = {s.id: s for s in corpus()}
    for hit in search(index, ENCODER, Query(SAID), k=100):
        sample = by_id[hit.id]
        assert (hit.text, hit.label, dict(hit.metadata)) == (sample.text, sample.label, dict(sample.metadata))
        assert hit.start == sample.start
        assert hit.start.utcoffset() == sample.start.utcoffset()
    late = next(h for h in search(index, ENCODER, Query(SAID), k=100) if h.id == "w9")
    # the night of 10 March 2013 lost an hour in New York: 23 hours after midnight it is midnight
    assert hit_to_json(late)["start"] == "2013-03-10T00:00:00-05:00"
    assert hit_to_json(late)["end"] == "2013-03-11T00:00:00-04:00"


def test_hit_to_json_has_the_keys_of_the_contract():
    hit = Hit(
        rank=1,
        id="a",
        score=np.float32(0.5),
        start=datetime(2013, 1, 1, tzinfo=UTC),
        end=None,
        channels={"rain": np.float32(0.25)},
        text="x",
        label=None,
        metadata={"n": np.int64(3), "nan": float("nan"), "day": date(2013, 1, 2), "list": [datetime(2013, 1, 1)]},
    )
    line = json.dumps(hit_to_json(hit), allow_nan=False)
    assert json.loads(line) == {
        "rank": 1,
        "id": "a",
        "score": 0.5,
        "start": "2013-01-01T00:00:00+00:00",
        "end": None,
        "channels": {"rain": 0.25},
        "text": "x",
        "label": None,
        "metadata": {"n": 3, "nan": None, "day": "2013-01-02", "list": ["2013-01-01T00:00:00"]},
    }


@pytest.mark.parametrize(
    ("query", "options", "error", "message"),
    [
        (Query(), {}, QueryError, "the query is empty"),
        (Query("  "), {}, QueryError, "empty text"),
        (Query(channels={"rain": ""}), {}, QueryError, "empty text"),
        (
            Query(series=Sample("gap", np.full((2, 3), np.nan), ("a", "b"))),
            {},
            QueryError,
            "'gap' has nothing observed",
        ),
        (Query("rain"), {"k": 0}, QueryError, "k of at least 1, got 0"),
        (Query("rain"), {"want": "both"}, QueryError, "'series' or 'text', got 'both'"),
        (Query(channels={"snow": "x"}), {}, QueryError, "channel 'snow'. Its channels are Rain, wind, sun, load"),
        (Query(like="nobody"), {}, NotFound, "no window with id 'nobody'"),
        (Query("rain"), {"where": "town = 'ny'"}, QueryError, "no column 'town'. .*entity, height, odd name"),
        (Query("rain"), {"where": "entity ="}, QueryError, 'cannot filter by "entity ="'),
    ],
)
def test_bad_queries_are_refused(index, query, options, error, message):
    with pytest.raises(error, match=message):
        search(index, ENCODER, query, **options)


def test_another_model_is_refused_and_both_are_named(index):
    other = FakeEncoder(name="newer", fingerprint="beef")
    with pytest.raises(IndexFolderError, match="'fake'.*f00d.*'newer'.*beef"):
        search(index, other, Query("rain"))


def test_no_windows_and_no_texts(tmp_path):
    with pytest.raises(DataError, match="no windows to index"):
        build_index([], ENCODER, tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    mute = build_index([Sample("a", np.ones((1, 4)), ("x",))], ENCODER, tmp_path / "mute")
    assert [h.id for h in search(mute, ENCODER, Query("rain"))] == ["a"]
    with pytest.raises(QueryError, match="no texts to rank"):
        search(mute, ENCODER, Query("rain"), want="text")


def test_batches_change_nothing(index, tmp_path, monkeypatch):
    monkeypatch.setattr("tracets.retrieval.build.ROWS_A_BATCH", 4)
    seen = []
    small = build_index(corpus(), ENCODER, tmp_path / "small", batch_size=3, progress=seen.append)
    assert seen == [4, 8, 12, 16, 20, 23]
    assert search(small, ENCODER, Query(SAID, series=OTHER), k=100) == search(
        index, ENCODER, Query(SAID, series=OTHER), k=100
    )


@pytest.mark.parametrize("where", [None, "label = 'fair'", "height < 25"])
@pytest.mark.parametrize("want", ["series", "text"])
def test_two_passes_find_what_one_finds(index, monkeypatch, where, want):
    """With few rows all are scored exactly; here the one-byte vectors choose which ones are."""
    queries = (
        Query(SAID), Query(series=OTHER), Query(like="w4"), Query(channels={"wind": "weak"}), Query(SAID, series=OTHER),
    )  # fmt: skip
    expected = [search(index, ENCODER, query, want=want, k=100, where=where)[:3] for query in queries]
    monkeypatch.setattr("tracets.retrieval.nearest.AT_ONCE", 2)
    monkeypatch.setattr("tracets.retrieval.nearest.SPARSE", 4)
    assert [search(index, ENCODER, query, want=want, k=3, where=where) for query in queries] == expected


MANY = (
    Query(SAID), Query("rain"), Query(series=OTHER), Query(like="w4"), Query(channels={"wind": "weak"}),
    Query(SAID, series=OTHER, like="w7", channels={"Rain": "much"}), Query("The wind is weak. It is cold."),
    Query("rain"),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    {}, {"k": 100}, {"want": "text"}, {"want": "text", "hubness": False}, {"where": "label = 'fair'"}, {"k": 1},
    {"where": "height < 25", "want": "text"}, {"exact": True},
])  # fmt: skip
@pytest.mark.parametrize("small", [False, True])
@pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")
def test_many_queries_find_what_each_finds(index, monkeypatch, options, small):
    """With few rows all are scored exactly; `small`: one-byte vectors choose, two questions at a time."""
    if small:
        monkeypatch.setattr("tracets.retrieval.nearest.AT_ONCE", 2)
        monkeypatch.setattr("tracets.retrieval.nearest.SPARSE", 4)
        monkeypatch.setattr("tracets.retrieval.search.BLOCK_BYTES", 4 * len(index) * 2)
    expected = [search(index, ENCODER, query, **options) for query in MANY]
    found = search_many(index, ENCODER, MANY, **options)
    assert len({len(hits) for hits in expected}) >= 1 and len({hits[0].id for hits in expected}) > 1
    for hits, others in zip(found, expected, strict=True):
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in others], abs=2e-6)
        for hit, other in zip(hits, others, strict=True):
            assert hit.channels == pytest.approx(other.channels, abs=2e-6)
            assert replace(hit, score=0, channels={}) == replace(other, score=0, channels={})


def test_many_queries_are_fused_with_words_each_by_its_own(index):
    asked = [Query("The wind is strong"), Query("rain 7")]
    found = search_many(index, ENCODER, asked, hybrid=True, k=5)
    assert found == [search(index, ENCODER, query, hybrid=True, k=5) for query in asked] and found[0] != found[1]


def test_many_queries_are_encoded_together(index):
    calls = []

    class Counting(FakeEncoder):
        def encode_texts(self, texts, *, batch_size=64):
            calls.append(list(texts))
            return super().encode_texts(texts, batch_size=batch_size)

        def encode_series(self, samples, *, batch_size=64):
            calls.append([sample.id for sample in samples])
            return super().encode_series(samples, batch_size=batch_size)

    search_many(index, Counting(), MANY, k=1)
    texts = [SAID, "rain", "wind: weak", SAID, "Rain: much", "The wind is weak. It is cold.", "rain"]
    assert calls == [texts, ["other", "other"]]
    assert search_many(index, Counting(), []) == [] and len(calls) == 2


def test_one_query_that_is_refused_refuses_all(index):
    with pytest.raises(QueryError, match="no window of the index has a channel 'snow'"):
        search_many(index, ENCODER, [Query("rain"), Query(channels={"snow": "deep"})])


def test_an_export_can_be_indexed_by_another_model(index, tmp_path):
    from tracets.data import read_corpus
    from tracets.index.transfer import export

    export(index.folder, tmp_path / "x.parquet")
    other = replace(ENCODER, name="newer", fingerprint="beef")
    built = build_index(read_corpus(tmp_path / "x.parquet"), other, tmp_path / "other.index")
    assert built.ids == index.ids and built.model == "newer"
    assert built.folder.metadata_columns == index.folder.metadata_columns
