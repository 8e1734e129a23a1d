"""Texts that say nearly the same, by a plain count of words."""

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracets.tasks.context import same_meaning, text_similarity


def slow(a, b):
    said = [re.findall(r"[a-z]+|-?\d+(?:\.\d+)?", t.lower()) for t in (a, b)]
    left, right = (Counter(words) + Counter(zip(words, words[1:], strict=False)) for words in said)
    product = sum(left[w] * right[w] for w in left)
    lengths = math.sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))
    return product / lengths if lengths else 0.0


sentences = st.lists(st.sampled_from(["rain", "low", "of", "-3", "3", "10.5", "Wind", "."]), max_size=8).map(" ".join)


@pytest.mark.slow
@given(st.lists(sentences, min_size=1, max_size=4), st.lists(sentences, min_size=1, max_size=4))
def test_cosine_of_word_counts(a, b):
    got = text_similarity(a, b)
    assert got.shape == (len(a), len(b))
    np.testing.assert_allclose(got, [[slow(x, y) for y in b] for x in a], atol=1e-6)


@pytest.mark.parametrize("other", ["a low of 10.1", "a low of \u221210.4", "a high of -10.1"])
def test_a_sign_a_decimal_and_a_word_make_a_difference(other):
    assert text_similarity(["a low of -10.1"], [other])[0, 0] == pytest.approx(5 / 7 if "low" in other else 4 / 7)


def test_order_makes_a_difference():
    assert text_similarity(["rises then falls"], ["falls then rises"])[0, 0] == pytest.approx(3 / 5)


def test_a_typographic_minus_is_a_minus():
    assert text_similarity(["a low of -10.1"], ["a low of \u221210.1"])[0, 0] == pytest.approx(1)


def test_no_words_are_like_nothing_and_nothing_has_no_shape():
    assert text_similarity(["", "..."], ["", "rain"]).tolist() == [[0, 0], [0, 0]]
    assert text_similarity([], ["a"]).shape == (0, 1) and text_similarity([], []).shape == (0, 0)


def alike(a, b, labels_a, labels_b, **levels):
    levels = {"same_text": 0.9, "same_label_text": 0.7} | levels
    return same_meaning(a, b, labels_a=labels_a, labels_b=labels_b, **levels).tolist()


def test_same_by_text_or_by_text_and_label():
    texts = ["a low of 3", "a low of 4", "rain"]  # the first two at 3/4
    assert alike(texts, texts, ["x", "x", "x"], ["x", "y", None]) == [
        [True, False, False],
        [True, True, False],
        [False, False, True],
    ]
    assert alike(texts[:1], texts, [None], [None, None, None]) == [[True, False, False]]
    assert alike(texts[:1], texts, ["x"], ["x"] * 3, same_label_text=0.8) == [[True, False, False]]
    assert alike([], [], [], []) == []
