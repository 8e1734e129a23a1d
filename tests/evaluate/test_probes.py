"""Probes against encoders whose answers are known."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from tracets.cli.main import app
from tracets.data.captions import read_facts
from tracets.data.captions.antonyms import WORD_SWAPS
from tracets.data.captions.swaps import SWAPS, contrasts
from tracets.data.corpus import Corpus, write_corpus
from tracets.data.generate import generate_samples
from tracets.errors import DataError
from tracets.evaluate.probes import _in_shape_of, _reshaped, _shuffled, evaluate_probes
from tracets.types import SeriesVectors, TextVectors

pytestmark = pytest.mark.slow


class MarkEncoder:
    """Texts that `likes` accepts point at (1, 0), others at (0, 1); series likewise by `fits`."""

    name, fingerprint, dim, sample_weight = "mark", "0123", 2, 0.5

    def __init__(self, likes=lambda text: True, fits=lambda sample: True):
        self.likes, self.fits = likes, fits

    @staticmethod
    def points(flags):
        return np.array([[1.0, 0.0] if flag else [0.0, 1.0] for flag in flags], dtype=np.float32)

    def encode_series(self, samples, *, batch_size=64):
        points = self.points([self.fits(s) for s in samples])
        return SeriesVectors(
            points, tuple(np.stack([p[None]] * s.n_channels) for p, s in zip(points, samples, strict=True))
        )

    def encode_texts(self, texts, *, batch_size=64):
        points = self.points([self.likes(t) for t in texts])
        return TextVectors(points, tuple(p[None] for p in points), tuple((t,) for t in texts))


@pytest.fixture(scope="module")
def samples():
    """Windows of one layout with a text that names two channels and holds a word of every kind."""
    made = [s for s in generate_samples(120, seed=7, captions=False) if s.n_channels >= 2]
    rng = np.random.default_rng(0)
    t = np.arange(96)
    out = []
    for i in range(12):
        rows = [20 + t / 10 * (-1) ** i + rng.normal(size=96), 5 + np.sin(t / 24 * 6.3 + i) + 0.1 * rng.normal(size=96)]
        text = f"Temperature rises early to a high {i}.5 °C and the load stays steady."
        start = datetime(2020, 1, 1) + timedelta(days=4 * i)
        out.append(
            replace(made[0], id=f"w{i}", values=np.array(rows), channel_names=("temperature", "load"), text=text,
                    units=("degC", "MW"), channel_texts=(f"The temperature is {i}.", f"Load {i}."), start=start,
                    freq="h", split="test")
        )  # fmt: skip
    return out


def truths(samples, seed=0):
    return {c.true for s in samples for c in contrasts(read_facts(s), seed)} | {s.text for s in samples}


def test_an_encoder_that_knows_the_truth_is_always_right(samples):
    known = truths(samples)
    report = evaluate_probes(samples, MarkEncoder(lambda text: text in known), n_boot=50)
    for found in (*report.captions.values(), *report.texts.values()):
        assert found.n and (found.share.value, found.share.low, found.share.high) == (1.0, 1.0, 1.0)
    assert report.average == {"captions": 1.0, "texts": 1.0}
    assert {kind: found.n for kind, found in report.texts.items()} == dict.fromkeys(WORD_SWAPS, 12)


def test_an_encoder_that_prefers_the_false_is_always_wrong(samples):
    known = truths(samples)
    report = evaluate_probes(samples, MarkEncoder(lambda text: text not in known), n_boot=50)
    assert report.average == {"captions": 0.0, "texts": 0.0}


def test_ties_count_one_half(samples):
    report = evaluate_probes(samples, MarkEncoder(), n_boot=50)
    every = (*report.captions.values(), *report.texts.values(), *report.others.values())
    assert all(found.share.value == 0.5 for found in every)


def test_the_share_is_over_all_choices(samples):
    known = {c.true for s in samples[:3] for c in contrasts(read_facts(s), 0, kinds=["level"])}
    every = [c.true for s in samples for c in contrasts(read_facts(s), 0)]
    liked = [t for t in every if t in known]
    report = evaluate_probes(samples, MarkEncoder(lambda text: text in known), n_boot=200)
    found = report.captions["level"]
    levels = [c for s in samples for c in contrasts(read_facts(s), 0) if c.kind == "level"]
    right = sum(c.true in known for c in levels)
    assert 0 < right < len(levels) == found.n and liked
    assert found.share.value == pytest.approx((right + 0.5 * (len(levels) - right)) / len(levels))
    assert found.share.low < found.share.value < found.share.high


def test_order_and_shape_are_told_by_an_encoder_that_sees_the_first_step(samples):
    firsts = {float(s.values[0, 0]) for s in samples}
    encoder = MarkEncoder(fits=lambda sample: float(sample.values[0, 0]) in firsts)
    report = evaluate_probes(samples, encoder, n_boot=50)
    assert report.others["order"].share.value > 0.9
    assert report.others["statistics_only"].n == 12
    assert report.others["names_only"].share.value == 0.5


def test_an_encoder_of_statistics_is_at_chance_on_order_and_shape(samples):
    encoder = MarkEncoder(fits=lambda sample: np.round(sample.values.astype(float).mean(), 3) > 12.5)
    report = evaluate_probes(samples, encoder, n_boot=50)
    assert report.others["order"].share.value == report.others["statistics_only"].share.value == 0.5


def test_a_clairvoyant_on_texts_is_at_chance_on_the_placebos(samples):
    # Likes the texts of half of the windows, whatever the window: nothing of it can help.
    encoder = MarkEncoder(lambda text: any(f" {i}.5 " in text or f" {i}." in text for i in range(0, 12, 2)))
    report = evaluate_probes(samples, encoder, n_boot=50)
    for name in ("placebo_text", "placebo_channel", "names_only"):
        assert report.others[name].n == 48 and abs(report.others[name].share.value - 0.5) < 0.15, name


def test_reshaped_and_shuffled_windows_keep_every_value(samples):
    for i in range(4):
        for made in (_reshaped(i, samples, Random(i)), _shuffled(samples[i], 0)):
            assert (np.sort(made.values, axis=1) == np.sort(samples[i].values, axis=1)).all()
            assert (made.values != samples[i].values).any()
    row = np.array([3.0, np.nan, 1.0, 2.0], dtype=np.float32)
    np.testing.assert_array_equal(_in_shape_of(row, np.array([0.0, 5, 9, 4], dtype=np.float32)), [1, np.nan, 3, 2])
    np.testing.assert_array_equal(_in_shape_of(row, np.full(4, np.nan, dtype=np.float32)), [2, 1, np.nan, 3])
    alone = _reshaped(0, [samples[0], replace(samples[1], channel_names=("a", "b"))], Random(0))
    np.testing.assert_array_equal(alone.values, samples[0].values[:, ::-1])


def test_limit_seed_and_too_few(samples):
    report = evaluate_probes(samples, MarkEncoder(), limit=5, n_boot=20)
    assert report.n == 5 and report.to_json() == evaluate_probes(samples, MarkEncoder(), limit=5, n_boot=20).to_json()
    with pytest.raises(DataError, match="at least 3 windows, got 2"):
        evaluate_probes(samples, MarkEncoder(), limit=2)


def test_json_and_table_without_texts(samples):
    bare = [replace(s, text=None, channel_texts=(None, None)) for s in samples]
    report = evaluate_probes(bare, MarkEncoder(), n_boot=20)
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert set(found) == {
        "n", "split", "seed", "n_boot", "model", "fingerprint", "chance", "captions", "texts", "average", "order",
        "statistics_only", "placebo_text", "placebo_channel", "names_only",
    }  # fmt: skip
    assert set(found["captions"]) == set(SWAPS) and found["average"]["texts"] is None
    assert found["texts"]["level"] == {"accuracy": None, "low": None, "high": None, "n": 0}
    table = report.to_table()
    assert table.count("| direction |") == 1 and "names_only" in table and "nan" not in table


def test_the_command_probes_a_corpus_with_the_shipped_model(tmp_path, samples):
    corpus = tmp_path / "c.parquet"
    write_corpus(Corpus.from_samples(samples), corpus)
    args = ["evaluate", "probes", str(corpus), "--model", "base", "--limit", "4", "--n-boot", "20"]
    ran = CliRunner().invoke(app, [*args, "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert found["n"] == 4 and found["split"] == "test" and found["captions"]["level"]["n"] == 8
    assert "mean of the kinds" in CliRunner().invoke(app, args).stdout
