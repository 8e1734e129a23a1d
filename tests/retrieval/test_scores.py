"""Scores against a plain double loop over python floats, and the edges: dead channels, nothing to match, blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracets.retrieval.scores as scores
from tracets.retrieval.scores import NO_MATCH
from tracets.types import SeriesVectors, TextVectors

DIM = 5
NAMES = ("load", "wind", "rain", "sun")


def unit(rng, *shape):
    x = rng.normal(size=(*shape, DIM)).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def some_series(rng, n, m=2, dead=0.3):
    names, channels = [], []
    for _ in range(n):
        chosen = rng.permutation(len(NAMES))[: rng.integers(1, len(NAMES) + 1)]
        names.append(tuple(NAMES[c].upper() if rng.random() < 0.5 else NAMES[c] for c in chosen))
        vectors = unit(rng, len(chosen), m)
        vectors[rng.random(len(chosen)) < dead] = 0.0
        channels.append(vectors)
    return SeriesVectors(unit(rng, n), tuple(channels)), names


def some_texts(rng, n):
    sentences = tuple(unit(rng, rng.integers(1, 4)) for _ in range(n))
    return TextVectors(unit(rng, n), sentences, tuple(("a sentence",) * len(s) for s in sentences))


def cosine(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))


def live(vectors):
    return [v for v in vectors.reshape(-1, DIM) if any(v)]


def best(vector, others):
    return max((cosine(vector, other) for other in others), default=NO_MATCH)


def mean_of_best(vectors, others):
    found = [best(v, others) for v in vectors]
    return sum(found) / len(found) if found and others else NO_MATCH


def slow_text_to_series(texts, series, weight):
    return [
        [
            weight * cosine(texts.sample[i], series.sample[j])
            + (1 - weight) * mean_of_best(texts.sentences[i], live(series.channels[j]))
            for j in range(len(series))
        ]
        for i in range(len(texts))
    ]


def slow_pair(query, query_name, item, item_names):
    """One query channel (m, d) against all channels (c, m, d) of an item."""
    found = [mean_of_best(live(query), live(channel)) for channel in item]
    named = [s for s, n, c in zip(found, item_names, item, strict=True) if n.lower() == query_name.lower() and c.any()]
    return max(named) if named else max(found)


def slow_series_to_series(q, q_names, s, s_names, weight):
    out = np.zeros((len(q), len(s)))
    for i in range(len(q)):
        for j in range(len(s)):
            parts = [
                slow_pair(channel, name, s.channels[j], s_names[j])
                for channel, name in zip(q.channels[i], q_names[i], strict=True)
                if channel.any()
            ]
            late = sum(parts) / len(parts) if parts else NO_MATCH
            out[i, j] = weight * cosine(q.sample[i], s.sample[j]) + (1 - weight) * late
    return out


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("block_bytes", [1, 200, 64 << 20])
def test_every_direction_matches_the_plain_loop(weight, block_bytes):
    rng = np.random.default_rng(3)
    series, names = some_series(rng, 17)
    other, other_names = some_series(rng, 9)
    texts, stored = some_texts(rng, 6), some_texts(rng, 11)
    bank, queries = scores.series_bank(series, names), scores.series_bank(other, other_names)
    options = {"sample_weight": weight, "block_bytes": block_bytes}
    close = {"atol": 1e-5}

    expected = slow_text_to_series(texts, series, weight)
    np.testing.assert_allclose(scores.text_to_series(scores.text_bank(texts), bank, **options), expected, **close)
    np.testing.assert_allclose(
        scores.series_to_text(bank, scores.text_bank(texts), **options), np.transpose(expected), **close
    )
    expected = [
        [
            weight * cosine(texts.sample[i], stored.sample[j])
            + (1 - weight) * mean_of_best(texts.sentences[i], list(stored.sentences[j]))
            for j in range(len(stored))
        ]
        for i in range(len(texts))
    ]
    found = scores.text_to_text(scores.text_bank(texts), scores.text_bank(stored), **options)
    np.testing.assert_allclose(found, expected, **close)
    expected = slow_series_to_series(other, other_names, series, names, weight)
    np.testing.assert_allclose(scores.series_to_series(queries, bank, **options), expected, **close)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 3), st.sampled_from([1, 64, 4096]))
def test_series_to_series_matches_the_plain_loop(seed, n, m, block_bytes):
    rng = np.random.default_rng(seed)
    (q, q_names), (s, s_names) = some_series(rng, 3, m, dead=0.5), some_series(rng, n, m, dead=0.5)
    found = scores.series_to_series(
        scores.series_bank(q, q_names), scores.series_bank(s, s_names), sample_weight=0.25, block_bytes=block_bytes
    )
    np.testing.assert_allclose(found, slow_series_to_series(q, q_names, s, s_names, 0.25), atol=1e-5)


def test_a_series_matches_itself_perfectly():
    series, names = some_series(np.random.default_rng(0), 5, dead=0.0)
    bank = scores.series_bank(series, names)
    np.testing.assert_allclose(np.diag(scores.series_to_series(bank, bank, sample_weight=0.5)), 1.0, atol=1e-6)


@pytest.mark.parametrize("block_bytes", [1, 64 << 20])
def test_named_channel_counts_alone(block_bytes):
    rng = np.random.default_rng(5)
    series, names = some_series(rng, 30)
    texts = some_texts(rng, 4)
    bank = scores.series_bank(series, names)
    found = scores.channel_to_series(scores.text_bank(texts).sentences, bank, "Wind", block_bytes=block_bytes)
    expected = np.full((4, 30), NO_MATCH)
    for j, (item_names, item) in enumerate(zip(names, series.channels, strict=True)):
        for name, channel in zip(item_names, item, strict=True):
            if name.lower() == "wind":
                expected[:, j] = [mean_of_best(s, live(channel)) for s in texts.sentences]
    assert 0 < (expected == NO_MATCH).sum() < expected.size
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (scores.channel_to_series(scores.text_bank(texts).sentences, bank, "snow") == NO_MATCH).all()


def test_a_series_without_each_of_its_channels():
    rng = np.random.default_rng(7)
    series, names = some_series(rng, 12)
    bank = scores.series_bank(series, names)
    for i, channels in enumerate(series.channels):
        found = scores.without_each_channel(bank.one(i))
        assert tuple(found.names) == (tuple(names[i]),) * len(channels)
        for c in range(len(channels)):
            left = channels.copy()
            left[c] = 0
            expected = scores.series_bank(SeriesVectors(series.sample[i : i + 1], (left,)), [names[i]])
            np.testing.assert_array_equal(found.one(c).channels.offsets, expected.channels.offsets)
            np.testing.assert_array_equal(found.one(c).channels.vectors, expected.channels.vectors)
            np.testing.assert_array_equal(found.one(c).sample, expected.sample)


def test_several_series_without_each_of_their_channels_are_each_without_its_own():
    rng = np.random.default_rng(8)
    series, names = some_series(rng, 9)
    bank = scores.series_bank(series, names)
    found = scores.without_each_channel(bank)
    alone = [scores.without_each_channel(bank.one(i)) for i in range(9)]
    assert list(found.names) == [name for one in alone for name in one.names]
    np.testing.assert_array_equal(found.sample, np.concatenate([one.sample for one in alone]))
    np.testing.assert_array_equal(found.channels.vectors, np.concatenate([one.channels.vectors for one in alone]))
    np.testing.assert_array_equal(found.channels.sizes, np.concatenate([one.channels.sizes for one in alone]))
    np.testing.assert_array_equal(np.diff(found.firsts), np.concatenate([np.diff(one.firsts) for one in alone]))


def test_series_are_taken_apart_in_pieces_that_fit():
    rng = np.random.default_rng(8)
    bank = scores.series_bank(*some_series(rng, 9))
    sizes = [scores.without_each_channel(bank.one(i)).channels.vectors.nbytes for i in range(9)]
    assert [piece.tolist() for piece in scores.pieces(bank)] == [list(range(9))]
    limit = 2 * max(sizes)
    found = [piece.tolist() for piece in scores.pieces(bank, limit)]
    assert sum(found, []) == list(range(9)) and len(found) > 2
    assert all(sum(sizes[i] for i in piece) <= limit for piece in found)
    assert [piece.tolist() for piece in scores.pieces(bank, 1)] == [[i] for i in range(9)]


def test_what_a_score_loses_without_a_channel():
    late, without = np.float32([0.5]), np.float32([0.5, 0.2, -1.0, 0.7])
    np.testing.assert_allclose(scores.falls(late, without), [0.0, 0.3, 0.5, -0.2], atol=1e-6)
    assert scores.falls(np.float32([-1.0]), np.float32([-1.0])).tolist() == [0.0]


def test_dead_channels_change_nothing():
    rng = np.random.default_rng(11)
    series, names = some_series(rng, 6, dead=0.0)
    dead = tuple(np.concatenate([c, np.zeros((1, *c.shape[1:]), np.float32)]) for c in series.channels)
    with_dead = scores.series_bank(SeriesVectors(series.sample, dead), [(*n, "broken") for n in names])
    bank, texts = scores.series_bank(series, names), scores.text_bank(some_texts(rng, 3))
    for function, queries in ((scores.text_to_series, texts), (scores.series_to_series, bank)):
        np.testing.assert_array_equal(
            function(queries, bank, sample_weight=0.5), function(queries, with_dead, sample_weight=0.5)
        )
    np.testing.assert_array_equal(
        scores.series_to_series(bank, bank, sample_weight=0.5),
        scores.series_to_series(with_dead, bank, sample_weight=0.5),
    )


def test_negative_cosines_beat_nothing_to_match():
    v = np.array([[1.0, 0, 0, 0, 0]], np.float32)
    items = scores.flatten([-0.5 * v, np.zeros_like(v), np.zeros((0, DIM), np.float32)], DIM)
    np.testing.assert_array_equal(
        scores.late_interaction(scores.flatten([v], DIM), items), [[-0.5, NO_MATCH, NO_MATCH]]
    )
    np.testing.assert_array_equal(scores.late_interaction(scores.flatten([0 * v], DIM), items), [[NO_MATCH] * 3])


def test_flatten_leaves_zero_vectors_out():
    groups = scores.flatten([np.eye(3)[:2], np.zeros((2, 3)), np.diag([0.0, 1.0, 0.0])], 3)
    assert groups.offsets.tolist() == [0, 2, 2, 3]
    np.testing.assert_array_equal(groups.vectors, np.eye(3)[[0, 1, 1]])
    assert scores.flatten([], 3).vectors.shape == (0, 3)
    taken = groups.take(np.array([2, 0, 1]))
    assert taken.offsets.tolist() == [0, 1, 3, 3]
    np.testing.assert_array_equal(taken.vectors, np.eye(3)[[1, 0, 1]])


def test_no_matrix_of_cosines_passes_the_block(monkeypatch):
    rng = np.random.default_rng(13)
    series, names = some_series(rng, 300, dead=0.0)
    bank, texts = scores.series_bank(series, names), scores.text_bank(some_texts(rng, 40))
    seen = []
    original = scores._max_by_group
    monkeypatch.setattr(scores, "_max_by_group", lambda s, o: seen.append(s.nbytes) or original(s, o))
    limit = 16_384
    scores.text_to_series(texts, bank, sample_weight=0.5, block_bytes=limit)
    scores.series_to_text(bank, texts, sample_weight=0.5, block_bytes=limit)
    scores.series_to_series(scores.series_bank(series, names).one(0), bank, sample_weight=0.5, block_bytes=limit)
    assert len(seen) > 10
    assert max(seen) <= limit
