"""The deletion test on encoders whose answer is known exactly."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from tracets.errors import DataError
from tracets.evaluate.deletion import evaluate_channels
from tracets.retrieval import reasons
from tracets.retrieval.build import build_index
from tracets.types import Sample, SeriesVectors, TextVectors

NAMES = ("rain", "wind", "sun")


@dataclass(frozen=True)
class WordEncoder:
    """A sentence is the axis of its last word; a channel that of its name, a window the mean of its live channels.

    `turned`: as a whole, a text means the channel after the one that its sentence names.
    """

    turned: int = 0
    sample_weight: float = 0.5
    name: str = "words"
    fingerprint: str = "1"
    dim: int = 3

    def encode_texts(self, texts, *, batch_size=64):
        spans = [tuple(part.strip() for part in t.split(".") if part.strip()) for t in texts]
        said = [[NAMES.index(s.split()[-1]) for s in some] for some in spans]
        whole = [np.eye(3)[(np.array(some) + self.turned) % 3].sum(axis=0) for some in said]
        sample = np.array([v / np.linalg.norm(v) for v in whole], np.float32)
        return TextVectors(sample, tuple(np.eye(3, dtype=np.float32)[some] for some in said), tuple(spans))

    def encode_series(self, samples, *, batch_size=64):
        channels, whole = [], []
        for s in samples:
            vectors = np.array([np.eye(3)[NAMES.index(n)] for n in s.channel_names], np.float32)
            vectors[np.isnan(s.values).all(axis=1)] = 0
            channels.append(vectors[:, None])
            whole.append(vectors.sum(axis=0) / max(1.0, np.linalg.norm(vectors.sum(axis=0))))
        return SeriesVectors(np.array(whole, np.float32), tuple(channels))


def window(i, text, names=NAMES, dead=()):
    values = np.ones((len(names), 4), np.float32)
    values[[names.index(name) for name in dead]] = np.nan
    start = datetime(2020, 1, 1) + timedelta(days=i)
    return Sample(f"w{i}", values, names, start=start, freq="h", text=text, split="test")


def figures(part):
    return part.n, part.chance, part.agreement.value, part.drop_named, part.drop_other


def test_a_score_by_the_channels_alone_agrees_by_hand():
    """Each word counts for itself: without it half, or all, of the score is gone, without another nothing."""
    pool = [window(0, "the rain. more rain. the wind"), window(1, "the sun", ("sun", "rain"))]
    found = evaluate_channels(pool, WordEncoder(sample_weight=0.0), n_boot=20)
    chance = (1 / 3 + 1 / 2) / 2
    assert figures(found.whole_text) == pytest.approx((2, chance, 1.0, (2 / 3 + 1) / 2, 1 / 12), abs=1e-6)
    assert figures(found.hit_channels) == pytest.approx(figures(found.whole_text))
    assert figures(found.sentences) == pytest.approx((4, (3 / 3 + 1 / 2) / 4, 1.0, 1.0, 0.0), abs=1e-6)
    assert (found.sentences.agreement.low, found.sentences.agreement.high) == (1.0, 1.0)


def test_the_window_as_a_whole_counts_too():
    """Three live channels: the cosine with the whole is 3^-1/2, without the named one 0, without another 2^-1/2."""
    found = evaluate_channels([window(i, "the rain") for i in range(3)], WordEncoder(), n_boot=20).sentences
    assert found.drop_named == pytest.approx((1 + 3**-0.5) / 2, abs=1e-6)
    assert found.drop_other == pytest.approx((3**-0.5 - 2**-0.5) / 2, abs=1e-6)


def test_a_score_that_rests_on_another_channel_than_it_says_is_found_out():
    pool = [window(i, f"the {NAMES[i % 3]}") for i in range(6)]
    found = evaluate_channels(pool, WordEncoder(turned=1, sample_weight=1.0), n_boot=20)
    for part in (found.whole_text, found.hit_channels, found.sentences):
        assert part.agreement.value == 0.0 < part.drop_other
        assert part.drop_named == pytest.approx(3**-0.5 - 2**-0.5, abs=1e-6)


def test_channels_that_count_alike_share_the_agreement():
    pool = [window(i, "the rain. the wind") for i in range(4)]
    found = evaluate_channels(pool, WordEncoder(sample_weight=0.0), n_boot=20)
    assert found.whole_text.agreement.value == 0.5
    assert found.sentences.agreement.value == 1.0


def test_a_score_that_never_falls_agrees_with_nothing():
    pool = [window(i, "the sun", ("rain", "wind")) for i in range(2)]
    found = evaluate_channels(pool, WordEncoder(sample_weight=0.0), n_boot=20)
    assert figures(found.sentences) == (2, 0.5, 0.0, 0.0, 0.0)


def test_the_interval_draws_the_sentences_of_a_window_together():
    """One window of two is wrong with all of its sentences: a draw of windows finds 0, a share or all, never else."""
    pool = [window(0, "the rain. the wind. the sun"), window(1, "the sun", ("rain", "wind"))]
    found = evaluate_channels(pool, WordEncoder(sample_weight=0.0), n_boot=200).sentences.agreement
    assert (found.value, found.low, found.high) == (0.75, 0.0, 1.0)


def test_dead_channels_and_windows_that_cannot_be_asked_about_take_no_part():
    pool = [window(i, "the wind", dead=("rain",)) for i in range(2)]
    others = [window(2, None), window(3, " "), window(4, "the sun", ("sun",)), window(5, "x", dead=("rain", "sun"))]
    found = evaluate_channels(pool + others, WordEncoder(sample_weight=0.0), n_boot=20)
    assert figures(found.whole_text) == (2, 0.5, 1.0, 1.0, 0.0)
    with pytest.raises(DataError, match="at least 2 windows with a text and 2 channels with values, got 1 among 5"):
        evaluate_channels([pool[0], *others], WordEncoder())


def test_the_named_channel_is_that_of_the_explanation(tmp_path):
    text = "the rain. the wind. a wind. the sun. more sun. all sun"
    pool = [window(0, text), window(1, text, NAMES[::-1])]
    index = build_index(pool, WordEncoder(), tmp_path / "index")
    for sample in pool:
        parts = reasons.explain(index.folder, WordEncoder(), sample.id, text).channels
        assert max(parts, key=parts.get) == "sun"
    found = evaluate_channels(pool, WordEncoder(sample_weight=0.0), n_boot=20).whole_text
    assert (found.agreement.value, found.drop_named) == (1.0, pytest.approx(0.5))


def test_windows_are_drawn_by_the_seed_whatever_their_order():
    pool = [window(i, f"the {NAMES[i % 3]}", NAMES if i % 2 else NAMES[:2]) for i in range(20)]
    run = [evaluate_channels(p, WordEncoder(), limit=7, seed=3, n_boot=20).to_json() for p in (pool, pool[::-1])]
    assert run[0] == run[1] and run[0]["n"] == 7
    seen = {evaluate_channels(pool, WordEncoder(), limit=7, seed=s, n_boot=5).whole_text.chance for s in range(5)}
    assert len(seen) > 1


def test_json_and_table():
    pool = [window(i, "the rain. the wind") for i in range(3)]
    found = evaluate_channels([replace(s, split="val") for s in pool], WordEncoder(), limit=9, seed=1, n_boot=20)
    line = found.to_json()
    assert json.loads(json.dumps(line, allow_nan=False)) == line
    assert list(line) == ["n", "chance", "whole_text", "hit_channels", "sentences", "provenance"]
    assert (line["n"], line["chance"]) == (3, pytest.approx(1 / 3))
    for part in ("whole_text", "hit_channels", "sentences"):
        assert list(line[part]) == ["n", "chance", "agreement", "low", "high", "drop_named", "drop_other"]
    assert line["provenance"] == {
        "model": "words", "fingerprint": "1", "split": "val", "limit": 9, "seed": 1, "n_boot": 20,
    }  # fmt: skip
    assert "| best match of a sentence asked alone | 6 | 0.333 | 1.000 [1.000, 1.000] |" in found.to_table()
