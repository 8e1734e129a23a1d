"""The two-pass ranking against a plain sort of the exact scores, and the bound that it rests on."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tracets.retrieval.nearest as nearest_module
import tracets.retrieval.scores as scores
from tracets.index.quantised import Quantised, quantise
from tracets.retrieval.nearest import nearest
from tracets.types import SeriesVectors


def unit(rng, *shape):
    x = rng.normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), v=st.integers(0, 70), d=st.integers(1, 40))
def test_no_cosine_is_off_by_more_than_the_residual(seed, v, d):
    rng = np.random.default_rng(seed)
    vectors, queries = unit(rng, v, d), unit(rng, 3, d)
    small = quantise(vectors)
    assert small.numbers.dtype == np.int8 and 0 <= small.residual < 0.02
    found = small.products(queries)
    assert found.shape == (3, v)
    assert np.abs(found - queries @ vectors.T).max(initial=0) <= small.residual + 1e-6
    which = rng.permutation(v)[: v // 2]
    np.testing.assert_allclose(small[which].products(queries), found[:, which], atol=1e-6)
    np.testing.assert_allclose(small[2:9].products(queries), found[:, 2:9], atol=1e-6)


def test_products_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    small, queries = quantise(unit(rng, 23, 8)), unit(rng, 7, 8)
    plain = queries @ (small.numbers * small.scales[:, None]).T
    monkeypatch.setattr("tracets.index.quantised.BLOCK", 5)
    for together in (1, 3, 7, 16):
        monkeypatch.setattr("tracets.index.quantised.TOGETHER", together)
        np.testing.assert_allclose(small.products(queries), plain, atol=1e-6)
    assert quantise(np.zeros((2, 3), np.float32)).residual == 0


def bank_of(rng, n, *, twins):
    """Series with one to three channels, some with nothing observed; `twins`: many of them alike."""
    pool = [(f"{c}",) * 1 + tuple("abc"[: c - 1]) for c in (1, 2, 3)]
    names, channels = [], []
    some = [unit(rng, 3, 2, 6) for _ in range(3)]
    for _ in range(n):
        kind = pool[rng.integers(3)]
        vectors = (some[rng.integers(3)] if twins else unit(rng, 3, 2, 6))[: len(kind)].copy()
        vectors[rng.random(len(kind)) < 0.2] = 0
        names.append(kind)
        channels.append(vectors)
    sample = unit(rng, n, 6) if not twins else np.repeat(unit(rng, 1, 6), n, axis=0)
    return scores.series_bank(SeriesVectors(sample, tuple(channels)), names)


def coarse_of(bank):
    sample, vectors = quantise(bank.sample), quantise(bank.channels.vectors)
    small = scores.SeriesBank(sample, scores.Groups(vectors, bank.channels.offsets), bank.firsts, bank.names)
    return small, max(sample.residual, vectors.residual)


QUERIES = {
    "text": lambda q, items: scores.text_to_series(q[0], items, sample_weight=0.3)[0],
    "sample": lambda q, items: scores.text_to_series(q[0], items, sample_weight=1.0)[0],
    "channel": lambda q, items: scores.channel_to_series(q[0].sentences, items, "A")[0],
    "series": lambda q, items: scores.series_to_series(q[1], items, sample_weight=0.3)[0],
}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(sorted(QUERIES)),
    share=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
    k=st.integers(1, 12),
    twins=st.booleans(),
)
@example(seed=6753, kind="sample", share=0.5, k=1, twins=True)
def test_the_k_best_are_those_of_a_plain_sort(seed, kind, share, k, twins):
    rng = np.random.default_rng(seed)
    bank = bank_of(rng, 150, twins=twins)
    small, residual = coarse_of(bank)
    sentences = scores.flatten([unit(rng, 3, 6)], 6)
    asked = scores.TextBank(unit(rng, 1, 6), sentences), bank_of(rng, 1, twins=False)
    kept = np.flatnonzero(rng.random(150) < share)
    seen = {"exact": 0, "coarse": 0}

    def score(which, *, coarse):
        items = small if coarse else bank
        seen["coarse" if coarse else "exact"] += 150 if which is None else len(which)
        return QUERIES[kind](asked, items if which is None else items.take(which)).astype(np.float64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest_module, "AT_ONCE", 4)
        found, values = nearest(score, kept, n=150, k=k, residual=residual)
    exact = QUERIES[kind](asked, bank).astype(np.float64)[kept].round(6)
    order = np.argsort(-exact, kind="stable")[:k]
    np.testing.assert_allclose(values, exact[order], atol=2.1e-6)
    # equal items may differ in their last bits by the parts in which they were scored, and so be rounded apart
    if np.abs(np.diff(np.sort(exact))).min(initial=1) > 5e-6:
        assert found.tolist() == kept[order].tolist()
    assert (np.diff(found)[np.diff(values) == 0] > 0).all()
    if share == 1 and kind == "text" and not twins:
        assert seen["coarse"] == 150 and seen["exact"] < 100


def test_a_score_by_quantised_vectors_stays_within_its_bound():
    rng = np.random.default_rng(3)
    bank = bank_of(rng, 40, twins=False)
    small, residual = coarse_of(bank)
    assert isinstance(small.take(np.arange(3)).channels.vectors, Quantised)
    asked = scores.TextBank(unit(rng, 1, 6), scores.flatten([unit(rng, 4, 6)], 6)), bank_of(rng, 1, twins=False)
    for kind in QUERIES.values():
        assert np.abs(kind(asked, small) - kind(asked, bank)).max() <= residual + 1e-6
    texts = scores.TextBank(unit(rng, 5, 6), scores.flatten([unit(rng, 1 + i, 6) for i in range(5)], 6))
    s, v = quantise(texts.sample), quantise(texts.sentences.vectors)
    small_texts = scores.TextBank(s, scores.Groups(v, texts.sentences.offsets))
    for found, exact in (
        (scores.series_to_text(asked[1], small_texts, sample_weight=0.3),
         scores.series_to_text(asked[1], texts, sample_weight=0.3)),
        (scores.text_to_text(asked[0], small_texts, sample_weight=0.3),
         scores.text_to_text(asked[0], texts, sample_weight=0.3)),
    ):  # fmt: skip
        assert np.abs(found - exact).max() <= max(s.residual, v.residual) + 1e-6
