"""Exports give the vectors of their model, whatever the shape and the company, without torch."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tracets import api
from tracets.data.generate import generate_samples
from tracets.encoders import onnx_sentences
from tracets.encoders.onnx_model import OnnxModel
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ModelError
from tracets.retrieval.scores import series_bank, text_bank, text_to_series
from tracets.types import Sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # tracing the towers takes seconds


@pytest.fixture
def exported(folders):
    return lambda precision="fp32": OnnxModel(folders / precision, name="tiny", threads=1)


def odd_samples():
    """Missing values, one channel, one step, long, constant, dead, unknown start and step, a large unit."""
    rng = np.random.default_rng(0)

    def sample(name, c, t, *, missing=0.0, **more):
        values = (rng.normal(size=(c, t)).cumsum(-1) + 10).astype(np.float32)
        values[rng.random((c, t)) < missing] = np.nan
        return Sample(name, values, tuple(f"channel {i}" for i in range(c)), **more)

    start = datetime(2021, 3, 4, 5, 30, tzinfo=UTC)
    dead = sample("dead", 3, 40)
    dead.values[1] = np.nan
    flat = sample("flat", 2, 30, start=start, freq="D")
    flat.values[0] = 7
    cycle = np.sin(np.arange(96) * 2 * np.pi / 24)[None].astype(np.float32)
    return [
        sample("plain", 3, 168, start=start, freq="h"), sample("gaps", 2, 97, missing=0.4, start=start, freq="15min"),
        sample("one channel", 1, 64, freq="h"), sample("one step", 2, 1, start=start), sample("two", 1, 2),
        sample("long", 2, 1500, missing=0.1, start=start, freq="h"), dead, flat,
        sample("large", 1, 50, units=("million USD",)), Sample("cycle", cycle, ("load",), start=start, freq="h"),
    ]  # fmt: skip


TEXTS = [
    "The load falls to 12.5 in the evening. Rain of -3 mm, then calm; dry.",
    "heavy rain",
    "A low of 1,013 and a high of 16.6 billion at 15:30. " + "The wind rises. " * 12,
    "7",
    "The load falls to 99 in the evening.",
    "a very long sentence of words " * 30,
]


def pairs(model, other, samples=None):
    """Vectors of both, all in one table each: samples, channels, texts, sentences."""
    samples = odd_samples() if samples is None else samples
    out = []
    for encoder in (model, other):
        series, texts = encoder.encode_series(samples), encoder.encode_texts(TEXTS)
        parts = [series.sample, *series.channels, texts.sample, *texts.sentences]
        out.append(np.concatenate([part.reshape(-1, encoder.dim) for part in parts]))
    return out


def cosines(a, b):
    alive = np.linalg.norm(a, axis=1) > 0
    assert np.array_equal(alive, np.linalg.norm(b, axis=1) > 0), "a dead channel is 0 in both"
    return (a[alive] * b[alive]).sum(1)


def test_single_precision_is_its_model(model, exported):
    a, b = pairs(model, exported())
    np.testing.assert_allclose(b, a, atol=5e-4)  # torch keeps token states in half precision
    assert cosines(a, b).min() > 0.99999


def test_int8_is_near_its_model(model, exported):
    a, b = pairs(model, exported("int8"))
    assert cosines(a, b).min() > 0.99 and not np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"sample": "cls", "identity": "index", "features": "none", "calendar": "none"},
        {"features": "level", "attention": "full", "positions": "absolute", "layers": 1, "patch": 7},
        {"summary": "patches", "attention": "full", "calendar": "full", "reader": "pooled"},
        {"attention": "block", "patch": 5},
        {"layers": 0, "context_layers": 0, "sample": "cls"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_setting_can_be_exported(make_model, settings, tmp_path):
    from tracets.encoders.export import export_model

    model = make_model(**settings)
    export_model(model, tmp_path / "out")
    a, b = pairs(model, OnnxModel(tmp_path / "out", name="x", threads=1))
    assert cosines(a, b).min() > 0.9999


def test_a_model_that_padding_moves_is_refused(make_model, tmp_path):
    from tracets.encoders.export import export_model

    with pytest.raises(ModelError, match="'causal' cannot be exported"):
        export_model(make_model(attention="causal"), tmp_path / "out")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_company_and_batch_size_change_nothing(exported, precision):
    together, alone = exported(precision), exported(precision)
    samples = odd_samples()
    series, texts = together.encode_series(samples), together.encode_texts(TEXTS)
    for i, sample in enumerate(samples):
        found = alone.encode_series([sample], batch_size=1)
        np.testing.assert_allclose(found.sample[0], series.sample[i], atol=1e-5)
        np.testing.assert_allclose(found.channels[0], series.channels[i], atol=1e-5)
    for i in reversed(range(len(TEXTS))):
        found = alone.encode_texts([TEXTS[i]], batch_size=1)
        np.testing.assert_allclose(found.sample[0], texts.sample[i], atol=1e-5)
        np.testing.assert_allclose(found.sentences[0], texts.sentences[i], atol=1e-5)


def test_what_an_export_says_of_itself(model, exported, folders):
    single, small = exported(), exported("int8")
    assert isinstance(single, PairEncoder) and (single.dim, single.sample_weight) == (32, 0.3)
    assert single.fingerprint == model.fingerprint != small.fingerprint
    assert sorted(p.name for p in (folders / "int8").iterdir()) == [
        "config.json", "sentences.onnx", "series.onnx", "text.onnx", "tokenizer.json",
    ]  # fmt: skip


def test_no_sentence_is_read_twice_and_the_oldest_leave(exported, monkeypatch):
    sentences, read = exported().sentences, []
    ask = sentences._states
    monkeypatch.setattr(sentences, "_states", lambda part: read.append(len(part)) or ask(part))
    first = sentences.pooled(["heavy rain", "calm", "heavy rain"])
    assert np.array_equal(first[0], first[2]) and sum(read) == 2
    assert np.array_equal(sentences.pooled(["calm"])[0], first[1]) and sum(read) == 2
    monkeypatch.setattr(onnx_sentences, "CACHE_BYTES", 2 * first[0].nbytes)
    sentences.pooled(["calm"])
    sentences.pooled(["wet", "calm"])  # "heavy rain" was asked for longest ago
    read.clear()
    sentences.pooled(["calm"])
    assert not read and sentences._bytes == 2 * first[0].nbytes
    sentences.pooled(["heavy rain"])
    assert read == [1]
    monkeypatch.setattr(onnx_sentences, "CACHE_BYTES", 0)
    assert sentences.pooled(["dry"]).shape == (1, 32) and sentences._bytes == 0 and not sentences._cache


@pytest.mark.parametrize("name", ["config.json", "text.onnx", "sentences.onnx", "tokenizer.json"])
def test_a_damaged_export_is_noticed(folders, tmp_path, name):
    for path in (folders / "fp32").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:50])
    with pytest.raises(ModelError, match=rf"{name}'?:? is (damaged|not JSON).* anew"):
        OnnxModel(tmp_path, name="x").encode_texts(["rain"])


def test_the_threads_of_the_environment_are_kept(folders, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert OnnxModel(folders / "fp32", name="x").threads == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert OnnxModel(folders / "fp32", name="x").threads is None
    assert OnnxModel(folders / "fp32", name="x", threads=2)._text.get_session_options().intra_op_num_threads == 2


def test_the_model_that_ships_keeps_parity(tmp_path):
    """As it is loaded by default, and in int8, which falls to .98 for single sentences (docs/backends.md)."""
    model, samples = api.load("base", backend="torch"), list(generate_samples(24, seed=5))
    said = [s.text for s in samples]
    api.export("base", tmp_path / "int8", int8=True)
    default, small = api.load("base"), api.load(tmp_path / "int8")
    assert isinstance(default, OnnxModel) and default.fingerprint == model.fingerprint

    def vectors(encoder):
        windows, texts = encoder.encode_series(samples), encoder.encode_texts(said)
        bank = series_bank(windows, [s.channel_names for s in samples])
        best = np.argsort(-text_to_series(text_bank(texts), bank, sample_weight=0.1), axis=1, kind="stable")[:, :10]
        parts = [windows.sample, *windows.channels, texts.sample, *texts.sentences]
        return np.concatenate([part.reshape(-1, 128) for part in parts]), best

    (a, best), (b, same), (c, _) = map(vectors, (model, default, small))
    assert cosines(a, b).min() > 0.9999 and cosines(a, c).min() > 0.97
    assert np.array_equal(np.sort(best), np.sort(same))
    assert (tmp_path / "int8" / "sentences.onnx").stat().st_size < 30e6
