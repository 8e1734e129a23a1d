"""The checks of `tracets.testing`: parts of another package pass them, and each breach is named."""

import json
import re
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tracets import api
from tracets.data import Corpus
from tracets.data.captions import captioners, known_captioners
from tracets.data.generate import generate_samples
from tracets.data.readers import BUILT_IN, Reader, known_readers
from tracets.encoders import registry, store
from tracets.encoders.model import TraceModel
from tracets.errors import ConfigError, DataError, ModelError, NotFound
from tracets.forecast.backbones.registry import known_backbones
from tracets.index.registry import known_engines
from tracets.plugins import installed
from tracets.testing import check_captioner, check_encoder, check_reader, windows
from tracets.types import Query, SeriesVectors, TextVectors

PAGE = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the page is not beside the tests")
CACHES = (
    known_backbones, known_readers, known_captioners, known_engines, registry.known_encoders,
    registry.known_series_encoders, registry.known_sentence_encoders,
)  # fmt: skip


@pytest.fixture
def forget():
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()


def install(folder: Path, points: str, **modules: str) -> None:
    """Lay a package down as pip would: its modules, and a folder of metadata with its entry points."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    metadata = folder / "parts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: parts\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(points)


@pytest.fixture
def contributed(tmp_path, monkeypatch, forget, tiny_backbone):
    """The package of CONTRIBUTING.md, installed."""
    text = PAGE.read_text(encoding="utf-8")
    modules = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", text, re.M | re.S))
    points = re.search(r"^```toml\n(.*?)^```", text, re.M | re.S)[1]
    points = re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", points).replace('"', "")
    site = tmp_path / "site"
    site.mkdir()
    install(site, points, **modules)
    shutil.copytree(tiny_backbone, site / "brief-weights")
    monkeypatch.syspath_prepend(site)
    yield modules
    for name in modules:
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_the_package_of_the_page_works(contributed, tmp_path, monkeypatch):
    assert set(contributed) == {"levels", "eighths", "brief", "graph", "lines", "ends", "middle", "test_parts"}
    names: dict = {}
    exec(compile(contributed["test_parts"], "test_parts.py", "exec"), names)
    names["test_parts"](tmp_path)
    assert "lines" in known_readers() and "middle" in known_backbones()

    corpus = api.caption(api.read(tmp_path / "two.lines"), style="ends")
    assert corpus.column("text") == ["load goes from 1 to 3.", "wind goes from 4 to 6."]
    index = api.build_index(corpus, api.load("levels"), tmp_path / "index")
    (hit,) = api.search(index, api.model_of(index), Query("a level of 5"), k=1)
    assert hit.id == "line-2", "an index finds an encoder of another package by its name"
    with pytest.raises(ConfigError, match="'levels' is an encoder of another package, which has no backends"):
        api.load("levels", backend="torch")


@pytest.mark.slow
def test_the_engine_of_the_page_works(contributed, tmp_path, monkeypatch):
    pytest.importorskip("voyager")
    names: dict = {}
    exec(compile(contributed["test_parts"], "test_parts.py", "exec"), names)
    names["test_engine"]()
    (tmp_path / "many.lines").write_text("".join(f"line {i}: {i} {i + 1} {i * i}\n" for i in range(60)))
    corpus = api.caption(api.read(tmp_path / "many.lines"), style="ends")
    index = api.build_index(corpus, api.load("levels"), tmp_path / "index", ann="graph")
    told = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert (told["engine"], told["engine_version"], told["engine_package"]) == ("graph", "1", "parts")
    assert index.engine.recall >= 0.95 and api.verify_index(tmp_path / "index") == []
    hits = [
        [(hit.id, hit.score) for hit in api.search(index, api.model_of(index), "a level of 50", k=5, exact=exact)]
        for exact in (False, True)
    ]
    assert hits[0] == hits[1]


@pytest.mark.slow
def test_the_series_tower_of_the_page_is_trained_saved_and_searched_with(contributed, tmp_path, monkeypatch):
    windows = generate_samples(48, seed=3, captions=True, split="train")
    corpus = Corpus.from_samples([replace(s, split="val" if i % 4 == 0 else "train") for i, s in enumerate(windows)])
    settings = [
        "model.series.tower=eighths", "model.text.backbone=brief", "model.dim=16", "model.series.dim=16",
        "model.text.dim=16", "optim.max_steps=2", "optim.batch_size=8",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="series tower 'eighths' of another package has no stage 1.*pretrain.share=0"):
        api.train(corpus, tmp_path / "none", init="none", assignments=settings)
    trained = api.train(corpus, tmp_path / "model", init="none", assignments=[*settings, "pretrain.share=0"])
    saved = json.loads((tmp_path / "model" / "config.json").read_text())
    assert saved["model"]["series"]["tower"] == "eighths" and saved["tower_package"] == "parts"
    model = api.load(tmp_path / "model")
    assert model.BACKEND == "torch" and model.fingerprint == trained.fingerprint
    check_encoder(model, tolerance=1e-3)
    index = api.build_index(corpus, model, tmp_path / "index")
    (hit,) = api.search(index, model, Query(like=corpus.ids[0]), k=1)
    assert -1 <= hit.score <= 1 and hit.id != corpus.ids[0]
    untrained = TraceModel(model.config, name="untrained")
    weights = zip(model.series.parameters(), untrained.series.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in weights)
    with pytest.raises(ModelError, match="a model with series.tower = 'eighths' of another package cannot be exported"):
        api.load(tmp_path / "model", backend="onnx")

    monkeypatch.setattr(registry, "known_series_encoders", dict)
    monkeypatch.setattr(store, "known_series_encoders", dict)
    with pytest.raises(
        ModelError, match="has the series tower 'eighths' of another package, which is not installed. In"
    ):
        api.load(tmp_path / "model")
    with pytest.raises(NotFound, match="no series tower 'eighths': there are none"):
        TraceModel(model.config, name="again")


def test_names_are_known_and_taken_once(monkeypatch, forget):
    with pytest.raises(NotFound, match="no captioner 'poem': there are crowd, narrative, numbers, report"):
        list(captioners.caption_corpus([], style="poem"))
    one = known_captioners()["crowd"]
    with pytest.raises(ConfigError, match="two captioners are called 'crowd'. Uninstall or rename one of them"):
        installed("nobody.brings", (one, one), kind="captioners")
    with pytest.raises(ConfigError, match="without a colon, got 'a:b'"):
        registry.EncoderFamily("a:b", lambda checkpoint, threads: None, "")


def test_an_entry_point_that_cannot_be_loaded_is_named(tmp_path, monkeypatch, forget):
    install(tmp_path, "[tracets.captioners]\nbroken = nowhere_at_all:captioner\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="'broken' of tracets.captioners cannot be loaded .*No module named"):
        known_captioners()


def test_a_sentence_encoder_is_found_by_its_name(tmp_path, monkeypatch, forget, tiny_model):
    monkeypatch.setattr(
        registry, "known_sentence_encoders",
        lambda: {"mine": registry.SentenceEncoder("mine", lambda: str(tmp_path / "weights"))},
    )  # fmt: skip
    assert registry.sentence_encoder_at("mine") == str(tmp_path / "weights")
    assert registry.sentence_encoder_at("org/other") == "org/other"
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert registry.sentence_encoder_at("mine") == "mine", "a folder comes first"


def test_a_family_is_asked_with_its_checkpoint(monkeypatch, forget, model_folder):
    seen = []
    family = registry.EncoderFamily("mine", lambda checkpoint, threads: seen.append((checkpoint, threads)), "")
    monkeypatch.setattr(registry, "known_encoders", lambda: {"mine": family})
    api.load("mine")
    api.load("mine:a:b", threads=2)
    assert seen == [(None, None), ("a:b", 2)]
    assert registry.family_of(Path("mine")) is None and registry.family_of("base") is None


@pytest.mark.slow
def test_our_own_parts_keep_their_contracts(model_folder, tmp_path, corpus_file):
    check_encoder(api.load(model_folder, backend="torch"), tolerance=1e-3)  # torch keeps token states in half precision
    check_encoder(api.load(model_folder))
    for captioner in known_captioners().values():
        check_captioner(captioner)
    plain = tmp_path / "plant.csv"
    plain.write_text("time,load [MW]\n" + "".join(f"2024-01-01T{hour:02},{hour}\n" for hour in range(24)))
    readers = {reader.name: reader for reader in BUILT_IN}
    check_reader(readers["csv-wide"], plain)
    check_reader(readers["corpus"], corpus_file)


class Broken:
    """An encoder with one thing wrong."""

    def __init__(self, whole, series=None, texts=None, **facts):
        self.whole, self.series, self.texts = whole, series or (lambda v, s: v), texts or (lambda v, t: v)
        self.name, self.fingerprint = facts.get("name", whole.name), whole.fingerprint
        self.dim, self.sample_weight = whole.dim, facts.get("sample_weight", whole.sample_weight)

    def encode_series(self, samples, *, batch_size=64):
        return self.series(self.whole.encode_series(samples), samples)

    def encode_texts(self, texts, *, batch_size=64):
        return self.texts(self.whole.encode_texts(texts), texts)


@pytest.fixture
def levels(contributed):
    return api.load("levels")


def alter(samples):
    samples[0].values[0, 0] += 1


BREACHES = {
    "name and fingerprint are not empty": {"name": ""},
    "sample_weight in": {"sample_weight": 2.0},
    "windows have vectors": {"series": lambda v, s: replace(v, sample=v.sample[:, :-1])},
    "channel vectors are": {"series": lambda v, s: SeriesVectors(v.sample, tuple(c[:, 0] for c in v.channels))},
    "matches nothing": {"series": lambda v, s: SeriesVectors(v.sample, tuple(np.ones_like(c) / 2 for c in v.channels))},
    "vectors have length 1": {"series": lambda v, s: SeriesVectors(2 * v.sample, v.channels)},
    "in company than alone": {"series": lambda v, s: SeriesVectors(np.roll(v.sample, len(s) % 2, axis=1), v.channels)},
    "the values of window 'a' were changed": {"series": lambda v, s: alter(s) or v},
    "one vector a span": {
        "texts": lambda v, t: TextVectors(v.sample, v.sentences, tuple(("x", "y", "z", "q") for _ in t))
    },
    "spans are parts of the text": {
        "texts": lambda v, t: TextVectors(v.sample, v.sentences, tuple(("~",) * len(s) for s in v.spans))
    },
}


@pytest.mark.parametrize("said", BREACHES)
def test_each_breach_of_an_encoder_is_named(said, levels):
    with pytest.raises(AssertionError, match=said):
        check_encoder(Broken(levels, **BREACHES[said]))


def test_each_breach_of_a_captioner_is_named():
    whole = known_captioners()["numbers"]
    calls = iter(range(100))

    def told(sample, seed, **changed):
        return replace(whole.caption(sample, seed), **{name: value(sample) for name, value in changed.items()})

    for said, changed in {
        "got no text": {"text": lambda sample: " "},
        "one text a channel": {"channel_texts": lambda sample: ()},
        "a channel got no text": {"channel_texts": lambda sample: ("",) * sample.n_channels},
        "the same seed gave another text": {"text": lambda sample: str(next(calls))},
        "its texts or label were read": {"text": lambda sample: sample.label or "none"},
    }.items():
        with pytest.raises(AssertionError, match=said):
            check_captioner(replace(whole, caption=partial(told, **changed)))


def test_each_breach_of_a_reader_is_named(tmp_path, corpus_file):
    whole = next(reader for reader in BUILT_IN if reader.name == "corpus")

    def careless(path, *, limits):
        if path.name.startswith("cut"):
            raise KeyError("id")
        return whole.windows(path, limits=limits)

    for said, reader in {
        "is not recognised": replace(whole, recognises=lambda path: False),
        "that is not there is recognised": replace(whole, recognises=lambda path: True),
        "that is cut raises KeyError; raise a DataError": replace(whole, windows=careless),
        "gives a Corpus": replace(whole, windows=lambda path, *, limits: []),
    }.items():
        with pytest.raises(AssertionError, match=said):
            check_reader(reader, corpus_file)
    with pytest.raises(ConfigError):
        Reader("both", whole.recognises)
    with pytest.raises(DataError):
        whole.windows(PAGE, limits=api.Limits())


def test_windows_of_the_contract_are_what_they_say():
    a, b, c, d = windows()
    assert np.isnan(a.values[2]).all() and (a.values[1] == -7.25).all() and np.isnan(a.values[0]).sum() == 4
    assert (b.n_steps, c.start, d.n_steps, d.n_channels) == (130, None, 1, 2)
