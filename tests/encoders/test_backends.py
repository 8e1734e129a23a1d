"""Which library runs a model: exports are made once, kept whole, never stale, and torch stands in for them."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tracets import api
from tracets.encoders import export, kept
from tracets.encoders.kept import exports_folder, key_of
from tracets.encoders.model import TraceModel
from tracets.encoders.onnx_model import OnnxModel
from tracets.encoders.store import save_model
from tracets.errors import ConfigError, ModelError
from tracets.types import Sample

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # tracing the towers takes seconds
TEXTS = ["The load falls to 12.5 in the evening. Rain of -3 mm, then calm; dry.", "heavy rain", "the wind rises"]


def series(n):
    return [
        Sample(f"s{i}", np.random.default_rng(i).normal(i, 1 + i, size=(2, 48)), ("load", "wind"), text=TEXTS[i % 3])
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def warm(folders, tmp_path_factory):
    """A cache with the export of the model in `folders`, made by loading it."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACETS_CACHE", str(place))
        api.load(folders / "torch")
    return place


@pytest.fixture
def cache(warm, tmp_path, monkeypatch):
    """A copy of that cache to break, in use."""
    shutil.copytree(warm, tmp_path / "cache")
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    return exports_folder()


@pytest.fixture
def made(monkeypatch, caplog):
    """The models that were exported, and what was said."""
    caplog.set_level(logging.DEBUG, logger="tracets")
    make, names = export.export_model, []
    monkeypatch.setattr(export, "export_model", lambda model, folder: names.append(model.name) or make(model, folder))
    return names


def said(caplog):
    return [(record.levelname, record.message) for record in caplog.records if record.name == "tracets"]


def assert_same(model, other, *, atol=5e-4):
    a, b = (encoder.encode_series(series(4)) for encoder in (model, other))
    np.testing.assert_allclose(a.sample, b.sample, atol=atol)
    np.testing.assert_allclose(np.stack(a.channels), np.stack(b.channels), atol=atol)
    a, b = (encoder.encode_texts(TEXTS) for encoder in (model, other))
    np.testing.assert_allclose(np.concatenate(a.sentences), np.concatenate(b.sentences), atol=atol)


def test_the_first_load_makes_an_export_and_says_so_once(model, folders, tmp_path, monkeypatch, made, caplog):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "not" / "there" / "yet"))
    name, place = folders / "torch", exports_folder()
    first, second = api.load(name), api.load(name)
    ((level, message),) = said(caplog)
    assert made == [str(name)] and level == "WARNING"
    assert message == f"preparing model '{name}' for this machine, once: some seconds, kept in {place}"
    for found in (first, second):
        assert isinstance(found, OnnxModel) and found.folder == place / key_of(name)
        assert (found.name, found.fingerprint) == (str(name), model.fingerprint)
        assert_same(model, found)
    assert [p.name for p in place.iterdir()] == [key_of(name)], "nothing but the export is left"


def test_what_was_asked_for_is_taken(cache, folders, made, monkeypatch):
    torch_folder = folders / "torch"
    assert isinstance(api.load(torch_folder, backend="torch"), TraceModel)
    assert api.load(torch_folder, backend="onnx").folder.parent == cache
    assert api.load(torch_folder, threads=3).threads == 3
    assert api.load(folders / "fp32").folder == api.load(folders / "fp32", backend="onnx").folder == folders / "fp32"
    with pytest.raises(ModelError, match="is an ONNX export"):
        api.load(folders / "fp32", backend="torch")
    with pytest.raises(ConfigError, match="backend must be 'torch' or 'onnx', got 'onx'"):
        api.load(torch_folder, backend="onx")
    for backend in (None, "torch", "onnx"):
        with pytest.raises(ConfigError, match="threads must be at least 1, got 0"):
            api.load(torch_folder, backend=backend, threads=0)
    assert made == []


def test_an_export_inside_the_folder_of_its_model_comes_first(cache, folders, tmp_path, made):
    both = shutil.copytree(folders / "torch", tmp_path / "both")
    inside = shutil.copytree(folders / "fp32", both / "onnx")
    assert api.load(both).folder == api.load(both, backend="onnx").folder == inside
    assert isinstance(api.load(both, backend="torch"), TraceModel)

    shutil.rmtree(inside)
    shutil.copytree(folders / "int8", inside)  # other vectors: only where it is asked for
    assert api.load(both).folder.parent == cache and api.load(both, backend="onnx").folder == inside

    shutil.rmtree(inside)
    shutil.copytree(folders / "fp32", inside)
    config = json.loads((inside / "config.json").read_text())
    for stale in (config | {"fingerprint": "0123"}, config | {"format": "onnx-0"}):
        (inside / "config.json").write_text(json.dumps(stale))
        assert api.load(both).folder.parent == cache
    assert made == []


def test_other_weights_are_never_answered_for_by_an_old_export(cache, folders, make_model, tmp_path, made):
    copy = shutil.copytree(folders / "torch", tmp_path / "copy")
    assert api.load(copy).folder.parent == cache and made == []
    other = make_model(layers=1)
    save_model(other, copy, card="")
    found = api.load(copy)
    assert made == [str(copy)] and found.fingerprint == other.fingerprint
    assert_same(other, found)
    first, second = cache.glob("*/sentences.onnx")
    assert first.samefile(second), "both read with one sentence encoder"

    (copy / "model.safetensors").write_bytes((folders / "torch" / "model.safetensors").read_bytes())
    for backend in (None, "onnx"):
        with pytest.raises(ModelError, match="is damaged"):
            api.load(copy, backend=backend)


@pytest.mark.parametrize("name", ["config.json", "sentences.onnx"])
def test_a_damaged_export_is_made_anew(cache, folders, model, made, name):
    (folder,) = cache.iterdir()
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:50])
    found = api.load(folders / "torch")
    assert made == [str(folders / "torch")] and found.folder == folder and (folder / name).read_bytes() == whole
    found.encode_texts(["rain"])


def test_two_that_make_the_same_do_not_disturb_each_other(warm, folders, tmp_path):
    """Two processes at once, from an empty cache."""
    code = f"from tracets import api; print(api.load({str(folders / 'torch')!r}).encode_texts(['rain']).sample[0, :4])"
    environment = os.environ | {"TRACETS_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    first, second = (process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0] and first == second != ""
    assert [p.name for p in (tmp_path / "onnx").iterdir()] == [key_of(folders / "torch")]


def test_who_comes_second_takes_what_is_there(cache, folders, model, monkeypatch):
    """The other process ends between the last look and the move."""
    (folder,) = cache.iterdir()
    hidden = folder.rename(cache.parent / "hidden")
    monkeypatch.setattr(kept, "_share_sentences", lambda building, root: hidden.rename(folder))
    before = (hidden / "config.json").stat().st_ino
    assert api.load(folders / "torch").folder == folder
    assert (folder / "config.json").stat().st_ino == before and [p.name for p in cache.iterdir()] == [folder.name]


def on_torch(name, caplog, why):
    """Loads on torch with a line for those who debug, and refuses to be an export."""
    caplog.clear()
    assert isinstance(api.load(name), TraceModel)
    ((level, message),) = [entry for entry in said(caplog) if entry[0] != "WARNING"]
    assert level == "DEBUG" and message.startswith(f"model '{name}' runs on torch: ") and why in message
    with pytest.raises(ModelError, match=re.escape(why)):
        api.load(name, backend="onnx")


def test_torch_where_the_cache_cannot_be_written(folders, tmp_path, monkeypatch, made, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "file"))
    on_torch(folders / "torch", caplog, "Not a directory")
    with pytest.raises(ModelError, match="Name a folder that can be written in TRACETS_CACHE"):
        api.load(folders / "torch", backend="onnx")
    assert made == [], "refused before the work"


def test_torch_where_the_disk_is_full(folders, tmp_path, monkeypatch, made, caplog):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    monkeypatch.setattr(kept, "ROOM", 1e12)
    on_torch(folders / "torch", caplog, "No space left on device")
    assert made == []


def test_torch_where_a_model_has_no_export(make_model, tmp_path, monkeypatch, made, caplog):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    save_model(make_model(attention="causal"), tmp_path / "causal", card="")
    on_torch(tmp_path / "causal", caplog, "'causal' cannot be exported")
    assert made == [] and not (tmp_path / "cache").exists()


def test_torch_where_the_export_has_other_vectors(folders, tmp_path, monkeypatch, caplog):
    """Found out once."""
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    caplog.set_level(logging.DEBUG, logger="tracets")
    made = []
    monkeypatch.setattr(
        export, "export_model", lambda model, folder: made.append(shutil.copytree(folders / "int8", folder))
    )
    on_torch(folders / "torch", caplog, "gives vectors that are")
    on_torch(folders / "torch", caplog, "gives vectors that are")
    assert len(made) == 1 and [p.name for p in exports_folder().iterdir()] == [f"{key_of(folders / 'torch')}.refused"]


def test_torch_where_a_sentence_encoder_cannot_be_traced(folders, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    caplog.set_level(logging.DEBUG, logger="tracets")

    def untraceable(self, ids, mask):
        raise ValueError("a mask of four axes\nis not known")

    monkeypatch.setattr(export._Sentences, "forward", untraceable)
    on_torch(folders / "torch", caplog, "sentences.onnx failed (a mask of four axes is not known)")


def test_torch_where_the_files_change_meanwhile(folders, tmp_path, monkeypatch, made, caplog):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path))
    keys = iter("abcd")
    monkeypatch.setattr("tracets.encoders.backends.key_of", lambda folder: next(keys))
    on_torch(folders / "torch", caplog, "its files change")
    assert made == []


@pytest.fixture
def indexed(folders, tmp_path):
    built = api.build_index(series(40), api.load(folders / "torch", backend="torch"), tmp_path / "days.index")
    assert built.words.n == 40  # made here, and kept
    return tmp_path / "days.index"


def test_an_index_is_searched_with_the_same_answers(indexed, folders, cache):
    index = api.open_index(indexed)
    encoders = [api.load(folders / "torch", backend="torch"), api.load(folders / "torch")]
    queries = [f"the load {verb} to {i}. heavy rain" for i in range(10) for verb in ("falls", "rises")]
    same = 0
    for query in queries:
        a, b = ({hit.id for hit in api.search(index, encoder, query, k=10)} for encoder in encoders)
        same += a == b
    assert same / len(queries) >= 0.95


@pytest.mark.parametrize("name", ["torch", "fp32"])
def test_a_search_from_the_shell_imports_neither_torch_nor_transformers(indexed, folders, cache, name):
    """By a model whose export is kept, and by an export; with a filter and words, too."""
    code = (
        "import sys; from tracets.cli.main import app; "
        f"app(['--threads', '1', 'search', {str(indexed)!r}, 'heavy rain', '--model', {str(folders / name)!r}, "
        "'-k', '2', '--where', \"NOT id IN ('x') AND start IS NULL AND array_has(channel_names, 'load')\", "
        "'--hybrid', '--json'], standalone_mode=False); "
        "print([m for m in ('torch', 'transformers', 'lightning', 'pandas', 'lancedb', 'bm25s') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *hits, loaded = done.stdout.splitlines()
    assert len(hits) == 2 and json.loads(hits[0])["rank"] == 1 and (loaded, done.stderr) == ("[]", "")
