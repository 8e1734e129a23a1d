"""BM25 over stored texts: the formula, files that are whole or made again, and numbers that stay whole."""

import math
import os
import shutil
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.index.words import FILES, Words, kept_words, open_words, words

TEXTS = ["the wind rose", "the wind fell and the wind rose again", "a low of -10.1", "a low of 10.1 degrees"]


def slow_bm25(query, documents, k1=1.5, b=0.75):
    """The formula of Robertson and Zaragoza (2009) as in Lucene, word by word."""
    bags = [Counter(words(d)) for d in documents]
    mean_length = sum(sum(bag.values()) for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        length, score = sum(bag.values()), 0.0
        for word in words(query):
            n = sum(word in other for other in bags)
            idf = math.log(1 + (len(bags) - n + 0.5) / (n + 0.5))
            if bag[word]:
                score += idf * bag[word] / (bag[word] + k1 * (1 - b + b * length / mean_length))
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", ["wind rose", "low of -10.1", "the the wind", "unheard words", ""])
def test_scores_are_those_of_the_formula(query):
    assert Words.of(TEXTS).scores(query) == pytest.approx(slow_bm25(query, TEXTS), rel=1e-5)


SAID = st.lists(st.sampled_from(["rain", "Rain", "wind", "-3.5", "3.5", "日本", "x"]), max_size=6).map(" ".join)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(SAID, min_size=1, max_size=8), SAID)
def test_scores_are_those_of_the_formula_for_any_texts(texts, query):
    found = Words.of(texts).scores(query)
    assert found == pytest.approx(slow_bm25(query, texts) if any(texts) else [0.0] * len(texts), rel=1e-5)


def test_a_library_says_the_same():
    bm25s = pytest.importorskip("bm25s")
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index([words(text) for text in TEXTS], show_progress=False)
    assert Words.of(TEXTS).scores("the wind rose") == pytest.approx(index.get_scores(["the", "wind", "rose"]), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("From -10.1 to 10.1", ["from", "-10.1", "to", "10.1"]),
        ("on 2013-07-01 at 3.", ["on", "2013", "07", "01", "at", "3"]),
        ("PM2.5 in µg", ["pm2", "5", "in", "µg"]),
    ],
)
def test_words_keep_numbers_whole(text, expected):
    assert words(text) == expected


def test_they_are_made_once_and_belong_to_their_key(tmp_path):
    made = []

    def texts(*given):
        return lambda: made.append(given) or given

    first = kept_words(tmp_path, "a", texts("wind", "rain"))
    again = kept_words(tmp_path, "a", texts("never", "asked"))
    assert made == [("wind", "rain")] and [p.name for p in tmp_path.iterdir()] == ["words-a"]
    for found in (first, again):
        assert (found.scores("rain") > 0).tolist() == [False, True]
    other = kept_words(
        tmp_path,
        "b",
        texts(
            "rain",
        ),
    )
    assert other.n == 1 and [p.name for p in tmp_path.iterdir()] == ["words-b"]
    assert (again.scores("rain") > 0).tolist() == [False, True], "mapped files outlive their names"


def test_what_a_killed_process_left_is_removed_after_an_hour(tmp_path):
    for name, age in ((".words-a.1", 4000), (".words-a.2", 10)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    kept_words(tmp_path, "b", lambda: TEXTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".words-a.2", "words-b"]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FILES, "vocabulary.json", "about.json"])
def test_files_that_are_lost_cut_off_or_flipped_are_made_again(tmp_path, name):
    expected = kept_words(tmp_path, "a", lambda: TEXTS).scores("the wind")
    path = tmp_path / "words-a" / name
    whole = path.read_bytes()
    flipped = [bytes([*whole[:i], whole[i] ^ 16, *whole[i + 1 :]]) for i in range(0, len(whole), 7)]
    for damaged in (None, whole[:-3], b"", *flipped):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        assert open_words(path.parent) is None or damaged in flipped and name == "about.json"
        np.testing.assert_array_equal(kept_words(tmp_path, "a", lambda: TEXTS).scores("the wind"), expected)
        shutil.rmtree(path.parent)
        kept_words(tmp_path, "a", lambda: TEXTS)


def test_no_texts_and_no_words(tmp_path):
    for texts in ([], ["..."], ["", "-"]):
        found = kept_words(tmp_path, "a", lambda texts=texts: texts)
        assert found.scores("wind").tolist() == [0.0] * len(texts)
        assert open_words(tmp_path / "words-a").n == len(texts)
        shutil.rmtree(tmp_path / "words-a")


def test_a_folder_that_cannot_be_written_is_searched_all_the_same(tmp_path):
    (tmp_path / "file").write_text("")
    assert kept_words(tmp_path / "file", "a", lambda: TEXTS).n == 4
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
