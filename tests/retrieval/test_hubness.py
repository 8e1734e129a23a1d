"""Hubness by hand, and that a text which is near everything loses the place it has no right to."""

import numpy as np
import pytest

from tracets.retrieval.hubness import HUB_BANK, choose_bank, text_hubness, without_hubs
from tracets.retrieval.scores import series_bank, series_to_text, text_bank
from tracets.types import SeriesVectors, TextVectors


def unit(rows):
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def series_of(rows):
    return series_bank(SeriesVectors(unit(rows), tuple(unit(rows)[:, None, None])), [("load",)] * len(rows))


def texts_of(rows):
    return text_bank(TextVectors(unit(rows), tuple(unit(rows)[:, None]), (("a sentence",),) * len(rows)))


AXES = np.eye(3)
TEXTS = [[1, 0, 0], [0, 1, 0], [1, 1, 1]]
THIRD = 3**-0.5


def test_three_texts_and_three_series_by_hand():
    found = text_hubness(texts_of(TEXTS), series_of(AXES), sample_weight=0.5)
    assert found == pytest.approx([1 / 3, 1 / 3, THIRD])
    own = text_hubness(texts_of(TEXTS), series_of(AXES), sample_weight=0.5, own=np.array([0, -1, 2]))
    assert own == pytest.approx([0, 1 / 3, THIRD])
    scores = series_to_text(series_of(AXES[2:]), texts_of(TEXTS), sample_weight=0.5)
    assert without_hubs(scores, found)[0] == pytest.approx([-1 / 6, -1 / 6, THIRD / 2])
    assert without_hubs(scores, None) is scores


def test_the_highest_scores_alone_count():
    """25 series, 20 of them at the text and 5 opposite: of the 24 that are not its own one opposite is among the 20."""
    bank = series_of([[1, 0, 0]] * 20 + [[-1, 0, 0]] * 5)
    assert text_hubness(texts_of([[1, 0, 0]]), bank, sample_weight=0.5) == pytest.approx([1])
    own = text_hubness(texts_of([[1, 0, 0]]), bank, sample_weight=0.5, own=np.array([3]))
    assert own == pytest.approx([18 / 20])


def test_a_hub_loses_its_first_place():
    """The third text lies between the two series; each of them is nearer to it than to the text that is its own."""
    series, texts = series_of([[1, 0, 0.8], [0, 1, 0.8]]), texts_of([[1, -0.5, 0.1], [-0.5, 1, 0.1], [0.5, 0.5, 1]])
    bank = series_of([[1, 0, 0.7], [0, 1, 0.7], [1, 0.1, 0.8], [0.1, 1, 0.8]])
    raw = series_to_text(series, texts, sample_weight=0.5)
    assert raw.argmax(axis=1).tolist() == [2, 2]
    hubs = text_hubness(texts, bank, sample_weight=0.5)
    assert without_hubs(raw, hubs).argmax(axis=1).tolist() == [0, 1]


def test_one_series_says_nothing():
    texts = texts_of(TEXTS)
    assert text_hubness(texts, series_of(AXES[:1]), sample_weight=0.5) is None
    assert text_hubness(texts, series_of(AXES[:2]), sample_weight=0.5) is not None
    assert text_hubness(texts, series_of(AXES[:2]), sample_weight=0.5, own=np.array([0, -1, -1])) is None


def test_blocks_change_nothing():
    rng = np.random.default_rng(0)
    texts, bank = texts_of(rng.normal(size=(17, 3))), series_of(rng.normal(size=(30, 3)))
    own = rng.integers(-1, 30, size=17)
    whole, parts = (text_hubness(texts, bank, sample_weight=0.3, own=own, block_bytes=b) for b in (1 << 20, 300))
    assert whole == pytest.approx(parts, abs=1e-6)


def test_the_bank_is_drawn_once_and_for_all():
    assert choose_bank(5).tolist() == [0, 1, 2, 3, 4]
    chosen = choose_bank(5000)
    assert len(set(chosen.tolist())) == HUB_BANK and (np.diff(chosen) > 0).all() and chosen[-1] < 5000
    assert np.array_equal(chosen, choose_bank(5000))
