"""Exports give the vectors of their model, whatever the shape and the company, without torch."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tracets import api
from tracets.encoders import onnx_sentences
from tracets.encoders.onnx_model import OnnxModel, load_onnx
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, MissingExtra, ModelError, NotFound
from tracets.types import Sample

pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # tracing the towers takes seconds
WORDS = "the load rain wind falls rises to of low high dry calm in a evening heavy burst week night then and".split()


@pytest.fixture(scope="module")
def tiny_backbone(tmp_path_factory):
    """A sentence encoder with random weights and a tokenizer of its own, as a folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("backbone")
    letters = [c for c in "abcdefghijklmnopqrstuvwxyz0123456789.,;:%-"]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), *WORDS]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(known), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def make_model(tiny_backbone):
    import torch

    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig

    def make(*, sample="apart", reader="tokens", context_layers=1, **series):
        torch.manual_seed(1)
        sizes = {"dim": 32, "heads": 2, "layers": 2, "patch": 12, "vectors": 2}
        text = TextConfig(
            backbone=tiny_backbone, dim=32, heads=2, reader=reader, context_layers=context_layers
        )  # fmt: skip
        config = ModelConfig(dim=32, sample_weight=0.3, sample=sample, series=SeriesConfig(**sizes | series), text=text)
        return TraceModel(config, name="tiny").eval()

    return make


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


@pytest.fixture(scope="module")
def folders(model, tmp_path_factory):
    from tracets.encoders import export
    from tracets.encoders.store import save_model

    root = tmp_path_factory.mktemp("exports")
    save_model(model, root / "torch", card="")
    traced = [(name, path.read_bytes()) for name, path in export._graphs(model, tmp_path_factory.mktemp("graphs"))]

    def again(model, folder):
        """Traced once for both: it takes seconds."""
        for name, graph in traced:
            (folder / name).write_bytes(graph)
            yield name, folder / name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_graphs", again)
        for precision in ("fp32", "int8"):
            export.export_model(model, root / precision, int8=precision == "int8")
    return root


@pytest.fixture
def exported(folders):
    return lambda precision="fp32": OnnxModel(folders / precision, name="tiny", threads=1)


def odd_samples():
    """Missing values, one channel, one step, long, constant, dead, unknown start and step, a large unit."""
    rng = np.random.default_rng(0)

    def sample(name, c, t, *, missing=0.0, **more):
        values = (rng.normal(size=(c, t)).cumsum(-1) + 10).astype(np.float32)
        values[rng.random((c, t)) < missing] = np.nan
        return Sample(name, values, tuple(f"{WORDS[i]} {i}" for i in range(c)), **more)

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


@pytest.fixture
def indexed(folders, tmp_path):
    samples = [
        Sample(f"s{i}", np.random.default_rng(i).normal(i, 1 + i, size=(2, 48)), ("load", "wind"), text=TEXTS[i % 3])
        for i in range(40)
    ]
    api.build_index(samples, api.load(folders / "torch"), tmp_path / "days.index")
    return tmp_path / "days.index"


def test_an_index_is_searched_with_the_same_answers(indexed, folders):
    index = api.open_index(indexed)
    encoders = [api.load(folders / "torch"), api.load(folders / "fp32", backend="onnx")]
    queries = [f"the load {verb} to {i}. {TEXTS[1]}" for i in range(10) for verb in ("falls", "rises")]
    same = 0
    for query in queries:
        a, b = ({hit.id for hit in api.search(index, encoder, query, k=10)} for encoder in encoders)
        same += a == b
    assert same / len(queries) >= 0.95


def test_a_search_from_the_shell_imports_neither_torch_nor_transformers(indexed, folders):
    code = (
        "import sys; from tracets.cli.main import app; "
        f"app(['--threads', '1', 'search', {str(indexed)!r}, 'heavy rain', '--model', {str(folders / 'fp32')!r}, "
        "'-k', '2', '--json'], standalone_mode=False); "
        "print([m for m in ('torch', 'transformers', 'lightning') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *hits, loaded = done.stdout.splitlines()
    assert len(hits) == 2 and json.loads(hits[0])["rank"] == 1 and loaded == "[]"


def test_no_sentence_is_read_twice_and_the_oldest_leave(exported, monkeypatch):
    sentences, read = exported().sentences, []
    ask = sentences._states
    monkeypatch.setattr(sentences, "_states", lambda part: read.append(len(part)) or ask(part))
    first = sentences.pooled(["heavy rain", "calm", "heavy rain"])
    assert np.array_equal(first[0], first[2]) and sum(read) == 2
    assert np.array_equal(sentences.pooled(["calm"])[0], first[1]) and sum(read) == 2
    monkeypatch.setattr(onnx_sentences, "CACHE_BYTES", 0)
    assert sentences.pooled(["dry"]).shape == (1, 32) and sentences._bytes == 0 and not sentences._cache


def test_which_backend_loads_what(folders, tmp_path):
    assert isinstance(api.load(folders / "fp32"), OnnxModel)
    assert not isinstance(api.load(folders / "torch"), OnnxModel)
    with pytest.raises(ModelError, match="is an ONNX export"):
        api.load(folders / "fp32", backend="torch")
    with pytest.raises(NotFound, match="has no ONNX export: make one with tracets export"):
        api.load(folders / "torch", backend="onnx")
    with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
        api.load(folders / "fp32", threads=0)
    shutil.copytree(folders / "torch", tmp_path / "both")
    shutil.copytree(folders / "fp32", tmp_path / "both" / "onnx")
    assert load_onnx(tmp_path / "both").folder == tmp_path / "both" / "onnx"
    assert not isinstance(api.load(tmp_path / "both"), OnnxModel)


@pytest.mark.parametrize("name", ["config.json", "text.onnx", "sentences.onnx", "tokenizer.json"])
def test_a_damaged_export_is_noticed(folders, tmp_path, name):
    for path in (folders / "fp32").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:50])
    with pytest.raises(ModelError, match="damaged.*Export the model anew"):
        OnnxModel(tmp_path, name="x").encode_texts(["rain"])


def test_a_missing_package_names_the_extra(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tracets\[onnx\]'"):
        exported().encode_texts(["rain"])


def test_the_threads_of_the_environment_are_kept(folders, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert OnnxModel(folders / "fp32", name="x").threads == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert OnnxModel(folders / "fp32", name="x").threads is None
    assert OnnxModel(folders / "fp32", name="x", threads=2)._text.get_session_options().intra_op_num_threads == 2


def test_the_real_sentence_encoder_keeps_parity(tmp_path):
    """The model that ships: fp32 cosine > 0.999; int8 falls to .98 for single sentences (docs/backends.md)."""
    from tracets.data.generate import generate_samples
    from tracets.encoders.export import export_model
    from tracets.encoders.store import load_model

    model = load_model("base")
    samples = list(generate_samples(24, seed=5))
    series, texts = model.encode_series(samples), model.encode_texts([s.text for s in samples])
    for precision, least in (("fp32", 0.999), ("int8", 0.97)):
        export_model(model, tmp_path / precision, int8=precision == "int8")
        other = OnnxModel(tmp_path / precision, name="x", threads=1)
        found, said = other.encode_series(samples), other.encode_texts([s.text for s in samples])
        for a, b in [(series.sample, found.sample), (texts.sample, said.sample),
                     *zip(series.channels, found.channels, strict=True),
                     *zip(texts.sentences, said.sentences, strict=True)]:  # fmt: skip
            assert cosines(a.reshape(-1, 128), b.reshape(-1, 128)).min() > least
    assert Path(tmp_path / "int8" / "sentences.onnx").stat().st_size < 30e6
