"""Each baseline's core against a slow plain version or values by hand, and the door that finds it."""

import builtins
import math
import re
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from tracets.data.corpus import read_corpus
from tracets.errors import DataError, MissingExtra, NotFound
from tracets.evaluate.baselines import BASELINES, find_baseline
from tracets.evaluate.baselines.bm25 import bm25, bm25_scores
from tracets.evaluate.baselines.caption import caption_embedding, minilm
from tracets.evaluate.baselines.captions import captions_of
from tracets.evaluate.baselines.distance import (
    band_of,
    channel_scales,
    distance_scores,
    dtw_distances,
    euclidean_distances,
)
from tracets.evaluate.baselines.features import N_FEATURES, calendar_features, channel_features, window_features
from tracets.evaluate.baselines.ridge import fit_ridge, ridge
from tracets.evaluate.pool import make_pool
from tracets.evaluate.scoring import per_query
from tracets.metrics import first_relevant, reciprocal_rank
from tracets.types import Sample


def stub_captions(samples):
    return [f"the level is {s.values.mean():.1f} in {s.channel_names[0]}" for s in samples]


def leveled(i, *, split="test", label=None, text=True):
    """Window i lies at level i; its text says so in words that the captions share."""
    values = np.full((1, 12), float(i)) + 0.1 * np.arange(12) % 0.3
    words = f"level {values.astype(np.float32).mean():.1f}" if text else None
    return Sample(f"{split}{i}", values, ("load",), text=words, label=label, split=split)


@pytest.fixture
def pool():
    return make_pool([leveled(i, label="hl"[i < 4]) for i in range(8)])


# ------------------------------------------------------------------------------------------------ registry


@pytest.mark.parametrize("name", ["random", "euclidean", "dtw"])
def test_baseline_has_the_shapes_of_the_pool(name, pool):
    found = find_baseline(name)(pool, train=[], seed=0).directions()
    assert set(found) == (
        {"series_to_series"} if name != "random" else {"text_to_series", "series_to_text", "series_to_series"}
    )
    for matrix in found.values():
        assert matrix.shape == (8, 8)


def test_unknown_name_lists_the_known():
    with pytest.raises(NotFound, match=re.escape(", ".join(BASELINES))):
        find_baseline("tfidf")


def test_random_is_seeded(pool):
    a, b, c = (BASELINES["random"](pool, train=[], seed=seed).text_to_series for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("name", "library"),
    [("caption", "sentence_transformers"), ("ridge", "sklearn"), ("dtw", "dtaidistance")],
)
def test_missing_library_names_the_extra(name, library, pool, monkeypatch):
    real = builtins.__import__

    def missing(module, *args, **kwargs):
        if module.split(".")[0] == library:
            raise ModuleNotFoundError(f"No module named '{library}'")
        return real(module, *args, **kwargs)

    def missing_module(module):
        return missing(module) and __import__("sys").modules[module]

    monkeypatch.setattr("tracets.evaluate.baselines.extras.importlib.import_module", missing_module)
    train = [leveled(i, split="train") for i in range(20)]
    run = {
        "caption": lambda: caption_embedding(pool, train=[], seed=0, captioner=stub_captions),
    }.get(name, lambda: BASELINES[name](pool, train=train, seed=0))
    with pytest.raises(MissingExtra, match=rf"baseline '{name}' needs {library}.*pip install \"tracets\[baselines\]\""):
        run()


def test_bm25_scores_every_query_with_every_document():
    found = bm25_scores(["dry", "low of -10.1", ""], ["wet and dry", "a low of -10.1", "a low of 10.1"])
    assert found.shape == (3, 3) and found.dtype == np.float32
    assert (found > 0).tolist() == [[True, False, False], [False, True, True], [False, False, False]]
    assert found[1].argmax() == 1
    assert bm25_scores(["dry", ""], ["wet", "..."]).tolist() == [[0, 0], [0, 0]]
    assert bm25_scores(["dry"], ["...", ""]).tolist() == [[0, 0]]


def test_bm25_reads_captions_of_the_right_windows(make_window):
    pool = make_pool([leveled(0, text=False, label="a"), leveled(1), leveled(2, label="a"), leveled(3)])
    found = bm25(pool, train=[], seed=0, captioner=stub_captions)
    assert found.text_to_series.shape == (3, 3)
    assert found.text_to_series.argmax(axis=1).tolist() == [0, 1, 2]
    assert found.series_to_text.argmax(axis=1).tolist() == [0, 1, 2]
    assert found.series_to_series.shape == (2, 2)


def test_captions_are_phrased_with_a_seed_that_no_corpus_has(monkeypatch):
    def caption(sample, *, seed):
        return SimpleNamespace(text=f"{sample.id} phrased by {seed}", channel_texts=())

    monkeypatch.setattr("tracets.data.captions.caption", caption, raising=False)
    assert captions_of([leveled(1), leveled(2)]) == ["test1 phrased by 1234", "test2 phrased by 1234"]


def test_caption_embedding_compares_caption_and_text():
    pool = make_pool([leveled(0, text=False, label="a"), leveled(1, label="b"), leveled(2), leveled(3)])

    def one_hot(texts):
        vectors = np.zeros((len(texts), 40), np.float32)
        for row, text in enumerate(texts):
            vectors[row, round(10 * float(re.search(r"\d+\.\d", text)[0]))] = 1
        return vectors

    found = caption_embedding(pool, train=[], seed=0, captioner=stub_captions, embedder=one_hot)
    assert found.text_to_series.tolist() == np.eye(3).tolist()
    assert found.series_to_text.tolist() == np.eye(3).tolist()
    assert found.series_to_series.tolist() == np.eye(2).tolist()


@pytest.mark.slow
def test_minilm_reads_meaning():
    pytest.importorskip("sentence_transformers")
    rain, shower, price = minilm(["heavy rain fell", "a downpour of rain", "the share price"])
    assert rain @ rain == pytest.approx(1, abs=1e-5)
    assert rain @ shower > rain @ price + 0.2


# ------------------------------------------------------------------------------------------------ distances


def slow_dtw(a, b, band):
    """Dependent DTW of (c, t) series by the recursion, with shifts of at most `band` steps."""
    t = a.shape[1]
    cost = np.full((t + 1, t + 1), np.inf)
    cost[0, 0] = 0
    for i in range(t):
        for j in range(max(0, i - band), min(t, i + band + 1)):
            step = ((a[:, i] - b[:, j]) ** 2).sum()
            cost[i + 1, j + 1] = step + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
    return math.sqrt(cost[t, t])


@pytest.mark.parametrize("steps", [5, 20, 33])
def test_dtw_agrees_with_the_recursion(steps):
    pytest.importorskip("dtaidistance")
    series = np.random.default_rng(0).normal(size=(5, 3, steps))
    slow = [[slow_dtw(a, b, band_of(steps)) for b in series] for a in series]
    assert dtw_distances(series) == pytest.approx(np.array(slow), abs=1e-9)
    assert not dtw_distances(series) == pytest.approx(euclidean_distances(series))  # the band does warp


def test_dtw_of_one_series_is_zero():
    assert dtw_distances(np.ones((1, 2, 5))).tolist() == [[0]]


def test_euclidean_by_hand():
    series = np.array([[[0, 0], [0, 0]], [[3, 0], [0, 4]]], dtype=float)
    assert euclidean_distances(series).tolist() == [[0, 5], [5, 0]]


def test_scales_come_from_what_was_observed():
    nan = np.nan
    samples = [
        Sample("a", np.array([[1, nan, 3], [nan, nan, nan]]), ("x", "gone")),
        Sample("b", np.array([[5, 7, nan], [2, 2, 2]]), ("x", "flat")),
    ]
    scales = channel_scales(samples)
    assert scales == {"x": (4, pytest.approx(np.std([1, 3, 5, 7]))), "flat": (2, 1)}


def test_distance_aligns_names_fills_gaps_and_compares_like_with_like():
    nan = np.nan
    samples = [
        Sample("a", np.array([[0, 1, 2], [9, 9, 9]]), ("x", "y")),
        Sample("other order, a gap", np.array([[9, 9, 9], [0, nan, 2]]), ("y", "x")),
        Sample("y never seen", np.array([[0, 1, 2], [nan, nan, nan]]), ("x", "y")),
        Sample("other channels", np.array([[0, 1, 2], [9, 9, 9]]), ("x", "z")),
        Sample("longer", np.zeros((2, 4)), ("x", "y")),
    ]
    scores = distance_scores(samples, {"x": (0, 1), "y": (5, 2), "z": (0, 1)}, euclidean_distances)
    assert scores[0, 1] == 0
    assert scores[0, 2] == pytest.approx(-math.sqrt(3 * 2**2))  # (9 - 5) / 2 = 2 from the mean, three times
    assert scores[0, 3] == scores[3, 0] == scores[0, 4] == -np.inf
    assert np.diag(scores).tolist() == [0] * 5


def test_training_statistics_come_before_those_of_the_pool():
    pool = make_pool([leveled(i, label="a") for i in range(3)])
    far = [Sample("t", np.array([[0.0, 200.0]]), ("load",), split="train")]  # spread 100
    own = BASELINES["euclidean"](pool, train=[], seed=0).series_to_series
    scaled = BASELINES["euclidean"](pool, train=far, seed=0).series_to_series
    ratio = own[0, 1] / scaled[0, 1]
    spread = np.std(np.concatenate([s.values.ravel() for s in pool.samples]))
    assert ratio == pytest.approx(100 / spread, rel=1e-4)


# ------------------------------------------------------------------------------------------------ ridge


def test_channel_features_by_hand():
    rise = channel_features(np.arange(16.0))
    assert len(rise) == N_FEATURES
    assert rise[:5] == pytest.approx([0, 7.5, np.arange(16).std(), 0, 15])
    assert rise[5:10] == pytest.approx(np.quantile(np.arange(16), [0.05, 0.25, 0.5, 0.75, 0.95]))
    assert rise[10:18] == pytest.approx(np.arange(0.5, 16, 2))  # means of eight blocks
    assert rise[18:25] == pytest.approx([2] * 7)
    assert rise[25:33] == pytest.approx([0.5] * 8)
    assert rise[33:37] == pytest.approx([16, 15, 0.5 / 16, 15.5 / 16])  # slope, change, where the low and high are
    assert rise[37:40] == pytest.approx([1, 1, 1])


def test_channel_features_of_a_wave_name_its_frequency():
    wave = channel_features(np.sin(2 * np.pi * 3 * np.arange(48) / 48))
    assert wave[40:46] == pytest.approx([0, 0, 0.5, 0, 0, 0], abs=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 5, 7, 8, 200])
def test_channel_features_are_finite_for_any_length_and_gap(steps):
    rng = np.random.default_rng(steps)
    values = rng.normal(size=steps)
    values[rng.random(steps) < 0.4] = np.nan
    found = channel_features(values)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(np.isnan(values).mean())


def test_window_features_go_by_name_and_miss_politely():
    a = Sample("a", np.stack([np.arange(9.0), np.ones(9)]), ("x", "y"), start=datetime(2020, 7, 1, 6))
    b = Sample("b", np.stack([np.ones(9), np.arange(9.0)]), ("y", "x"))
    c = Sample("c", np.ones((1, 9)), ("y",))
    found = window_features([a, b, c], ("x", "y"))
    assert found.shape == (3, 2 * N_FEATURES + 4)
    assert np.array_equal(found[0, :-4], found[1, :-4])
    assert found[2, 0] == 1  # all of x is missing
    assert not found[2, 1:N_FEATURES].any()
    assert found[0, -4:] == pytest.approx(calendar_features(a.start))
    assert found[0, -2:] == pytest.approx([1, 0])  # six in the morning
    assert not found[1, -4:].any()


def told(i, split):
    """A window whose text names four facts, each linear in a simple feature: level and direction of two channels."""
    rng = np.random.default_rng([i, {"train": 0, "val": 1, "test": 2}[split]])
    facts = rng.integers(2, size=4)
    drift = np.linspace(-0.4, 0.4, 16)
    values = facts[:2, None] + (2 * facts[2:, None] - 1) * drift + 0.02 * rng.normal(size=(2, 16))
    said = [pair[fact] for pair, fact in zip(FACTS, facts, strict=True)]
    text = f"{said[0]}, {said[1]}, {said[2]}, {said[3]}"
    return Sample(f"{split}{i}", values, ("wind", "load"), text=text, label=text, split=split)


FACTS = (("calm", "windy"), ("idle", "busy"), ("abating", "freshening"), ("easing", "climbing"))


@pytest.mark.slow
def test_ridge_learns_from_the_training_windows():
    pytest.importorskip("sklearn")
    pool = make_pool([told(i, "test") for i in range(40)])
    train = [told(i, "train") for i in range(120)] + [told(i, "val") for i in range(40)]
    found = ridge(pool, train=train, seed=0)
    relevant = np.array([[a == b for b in pool.texts] for a in pool.texts])
    for matrix in (found.text_to_series, found.series_to_text):
        assert reciprocal_rank(first_relevant(matrix, relevant)).mean() > 0.9
    assert np.array_equal(found.text_to_series, ridge(pool, train=train, seed=0).text_to_series)
    shuffled = [Sample(**{**vars(s), "text": t.text}) for s, t in zip(train, train[7:] + train[:7], strict=True)]
    lost = ridge(pool, train=shuffled, seed=0)
    assert reciprocal_rank(first_relevant(lost.text_to_series, relevant)).mean() < 0.6  # it was the text


@pytest.mark.slow
def test_ridge_chooses_its_penalty_on_the_validation_split():
    pytest.importorskip("sklearn")
    train = [told(i, "train") for i in range(60)]
    noise = [
        Sample(**{**vars(s), "text": t.text, "split": "val"}) for s, t in zip(train, train[3:] + train[:3], strict=True)
    ]
    with_val = fit_ridge(train + [told(i, "val") for i in range(20)], seed=0)
    assert with_val.penalty != fit_ridge(train + noise, seed=0).penalty
    assert fit_ridge(train, seed=0).names == ("wind", "load")  # no val split: the last fifth takes its place


def test_ridge_without_training_windows_is_refused(pool):
    pytest.importorskip("sklearn")
    with pytest.raises(DataError, match="got 3 in all; it needs at least 10"):
        ridge(pool, train=[told(i, "train") for i in range(3)], seed=0)


@pytest.mark.slow
def test_ridge_on_daily_weather_reports(shared_data):
    pytest.importorskip("sklearn")
    corpus = read_corpus(shared_data / "jena_weather_captioned" / "samples.parquet")
    pool = make_pool(corpus.split("test"))
    found = per_query(pool, ridge(pool, train=[*corpus.split("train"), *corpus.split("val")], seed=0))
    assert found["text_to_series"]["pair"].values["MRR"].mean() == pytest.approx(0.393, abs=0.02)
    assert found["series_to_text"]["pair"].values["MRR"].mean() == pytest.approx(0.228, abs=0.02)
