"""Index engines of other packages: built, kept, opened, missing, and wrong."""

import json
import os
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest

from tracets.data.cutting import Cutting
from tracets.errors import IndexFolderError, NotFound, SearchedExactly
from tracets.index import IndexFolder, registry, remote, sweep
from tracets.index.protocol import IndexEngine
from tracets.index.state import EnginePart, State
from tracets.index.transfer import export
from tracets.index.verify import verify
from tracets.retrieval.build import build_index, compact_index, extend_index
from tracets.retrieval.candidates import add_engine
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import Query

pytestmark = pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")
QUERIES = (Query("3 1 -2 3"), Query(channels={"wind": "1 2 0 3"}), Query("-9 2 9 3", channels={"load": "0 1 0 3"}))


class Plain:
    """Compares with all vectors, and brings as many as it is asked to: 20 at most."""

    efforts = (3, 20)

    def __init__(self, folder):
        self.vectors = np.load(folder / "deep" / "vectors.npy", allow_pickle=False)

    def candidates(self, queries, n, allowed, *, effort):
        every = np.arange(len(self.vectors))
        places = every if allowed is None else every[allowed(every)]
        scores = queries @ self.vectors[places].T
        return [places[np.argsort(-row)[: min(n, effort)]] for row in scores]


def write(vectors, folder):
    (folder / "deep").mkdir()
    parts = [vectors[lo : lo + 7] for lo in range(0, len(vectors), 7)]
    np.save(folder / "deep" / "vectors.npy", np.concatenate(parts))


PLAIN = IndexEngine("plain", "1", write, Plain, "all vectors")


@pytest.fixture
def installed(monkeypatch):
    """A function: these engines are installed, beside the one that is built in, by the package 'plain-engine'."""

    def install(*engines):
        known = registry.BUILT_IN | {engine.name: engine for engine in engines}
        monkeypatch.setattr(registry, "known_engines", lambda: known)
        monkeypatch.setattr(registry, "package_of", lambda group, name: "plain-engine")

    install(PLAIN)
    return install


class Named:
    """The encoder by hand, for texts about a channel too."""

    def __init__(self, whole):
        self.whole = whole

    def __getattr__(self, name):
        return getattr(self.whole, name)

    def encode_texts(self, texts, *, batch_size=64):
        return self.whole.encode_texts([text.split(": ")[-1] for text in texts])


@pytest.fixture(scope="module")
def encoder(statistics_encoder):
    return Named(statistics_encoder)


@pytest.fixture(scope="module")
def built(tmp_path_factory, plants, encoder):
    """The windows of the plants, with the engine."""
    cut = Cutting(plants, lengths=[12, 30], strides=[3, 7])
    told = [replace(sample, text=f"{i % 5} 1 {i % 7 - 3} 3") for i, sample in enumerate(cut)]
    path = tmp_path_factory.mktemp("engines") / "index"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "known_engines", lambda: registry.BUILT_IN | {"plain": PLAIN})
        patch.setattr(registry, "package_of", lambda group, name: "plain-engine")
        build_index(told, encoder, path, ann="plain")
    return path


@pytest.fixture
def index(tmp_path, built, installed):
    return Index.open(shutil.copytree(built, tmp_path / "index"))


def found(index, encoder, **how):
    """The hits of each question; without windows that lack the channel it is about, which no engine brings."""
    hits = [search(index, encoder, query, **how) for query in QUERIES]
    return [[(hit.id, hit.score) for hit in some if hit.score > -1] for some in hits]


def test_what_an_engine_makes_is_a_part_of_the_index(index, encoder):
    told = json.loads((index.folder.path / "manifest.json").read_text())
    assert (told["engine"], told["engine_version"], told["engine_package"]) == ("plain", "1", "plain-engine")
    part = index.folder.mapped.state.engine
    assert [p.name for p in part.parts] == ["engine-1/deep/vectors.npy"]
    assert part.rows == len(index) and part.vectors == len(index.folder.mapped.channels.exact)
    about = index.folder.about()
    assert about["engine"]["name"] == "plain" and about["engine"]["effort"] == part.effort
    assert about["bytes"]["vectors"] > sum(p.stat().st_size for p in index.folder.mapped.folder.glob("engine-1/deep/*"))
    assert verify(index.folder.path)[1] == []
    assert not list(index.folder.path.glob(".engine*"))


def test_an_index_without_an_engine_has_the_manifest_that_it_had(tmp_path, plants, encoder):
    build_index(plants, encoder, tmp_path / "index")
    told = json.loads((tmp_path / "index" / "manifest.json").read_text())
    assert list(told) == [
        "model", "fingerprint", "dim", "vectors_per_channel", "sample_weight", "created_by", "table", "format",
    ]  # fmt: skip


@pytest.mark.slow
def test_hits_are_those_of_an_exact_search_with_filters_and_after_changes(index, plants, encoder):
    """With an effort that brings all vectors the engine can miss nothing: whatever differs is wrong."""
    all_of_it = replace(PLAIN, open=lambda folder: Thorough(folder))
    registry.known_engines()["plain"] = all_of_it
    index = add_engine(index, "plain", effort=10_000)
    asked = []
    Thorough.asked = asked
    for where in (None, "site = 'north'", "freq IS NULL"):
        assert found(index, encoder, where=where) == found(index, encoder, where=where, exact=True)
    assert asked, "the engine was asked"

    rows = index.folder.mapped.state.rows
    more = Cutting([replace(plants[0], id="again")], lengths=[30], strides=[30])
    path = index.folder.path
    added = extend_index(path, more, encoder, replace=False).index
    first = added.ids[:5]
    added = Index(added.folder.delete(first).folder)
    part = added.folder.mapped.state.engine
    assert part.rows == rows < added.folder.mapped.state.rows, "later windows are unknown to the engine"
    expected = found(added, encoder, k=len(added), exact=True)
    assert found(added, encoder, k=len(added)) == expected
    assert any(name.startswith("again") for name, _ in expected[0]) and first[0] not in dict(expected[0])
    assert verify(path)[1] == []

    compacted = compact_index(path)
    part = compacted.folder.mapped.state.engine
    assert (part.engine, part.effort, part.rows) == ("plain", 10_000, len(compacted)), "it is built anew"
    assert found(compacted, encoder, k=len(added)) == expected
    assert verify(path)[1] == []


class Thorough(Plain):
    asked: list = []

    def candidates(self, queries, n, allowed, *, effort):
        self.asked.append(effort)
        return super().candidates(queries, 10**6, None, effort=effort)  # brings what is dead or filtered, too


def test_an_engine_is_asked_for_more_until_it_finds_enough(index, monkeypatch):
    assert index.engine.recall >= 0.95 or index.engine.part.effort == 20
    monkeypatch.setattr("tracets.retrieval.candidates.BROUGHT", 3)  # or the sample vectors bring all
    few = add_engine(index, "plain", effort=1)
    assert few.engine.part.effort == 1 and few.engine.recall < 1
    assert [p.name for p in few.folder.mapped.state.engine.parts] == ["engine-1.1/deep/vectors.npy"]


@pytest.mark.slow
def test_an_index_whose_engine_is_missing_says_so_and_answers_exactly(index, installed, encoder, tmp_path):
    expected = found(index, encoder, exact=True)
    file = tmp_path / "export.parquet"
    export(index.folder, file)
    installed()
    opened = Index.open(index.folder.path)
    missing = (
        "is searched exactly: the index engine 'plain' of package 'plain-engine' is not installed. Install it: pip "
    )
    with pytest.warns(SearchedExactly, match=missing):
        assert found(opened, encoder) == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error", SearchedExactly)
        assert found(opened, encoder) == expected, "it is said once"
        assert found(Index.open(index.folder.path), encoder, exact=True) == expected
    with pytest.warns(SearchedExactly, match="'plain' of package 'plain-engine' is not installed. Install it and comp"):
        compacted = compact_index(index.folder.path)
    assert found(compacted, encoder) == expected and compacted.engine is None
    assert compacted.folder.about()["engine"] == {
        "name": "plain", "version": "1", "package": "plain-engine", "recall_at_10": None, "effort": None, "windows": 0,
    }  # fmt: skip
    from tracets import api

    with pytest.warns(SearchedExactly, match="not installed"):
        restored = api.restore_index(file, tmp_path / "restored")
    assert found(restored, encoder) == expected and restored.folder.manifest.engine == "plain"

    installed(PLAIN)
    assert compact_index(index.folder.path).engine.part.engine == "plain", "it comes back with its package"
    assert api.restore_index(file, tmp_path / "again").engine.part.effort == index.engine.part.effort


@pytest.mark.slow
def test_files_of_another_version_or_damaged_ones_are_left_aside(index, installed, encoder):
    expected = found(index, encoder, exact=True)
    installed(replace(PLAIN, version="2"))
    with pytest.warns(
        SearchedExactly, match="made its files in version 1, installed is 2. Make them anew by compacting"
    ):
        assert found(Index.open(index.folder.path), encoder) == expected
    installed(PLAIN)
    file = index.folder.mapped.folder / "engine-1" / "deep" / "vectors.npy"
    file.write_bytes(file.read_bytes()[:50])
    with pytest.warns(SearchedExactly, match=r"cannot open its files \(\w+: .*\). Make them anew by compacting"):
        assert found(Index.open(index.folder.path), encoder) == expected
    (problem,) = verify(index.folder.path)[1]
    assert str(problem).startswith("vectors-rows.1/engine-1/deep/vectors.npy: does not match its checksum. Make it")
    compact_index(index.folder.path)
    assert verify(index.folder.path)[1] == [] and Index.open(index.folder.path).engine is not None


@pytest.mark.slow
def test_lists_from_before_there_were_engines_are_made_anew_by_compacting(index, encoder):
    state, folder = index.folder.mapped.state, index.folder.mapped.folder
    from dataclasses import asdict
    from hashlib import sha256

    told = asdict(state)
    del told["engine"]
    told["lists"] = {
        "parts": [{"name": "ends-1-7.npy", "sha256": "", "rows": 3}],
        "rows": 3,
        "probes": 9,
        "recall": 1.0,
    }
    said = json.dumps(told)
    data = json.dumps({"sha256": sha256(said.encode()).hexdigest(), "state": said})
    (folder / "state-1.json").write_text(data)
    before = EnginePart("lists", "0", "tracets", effort=9, recall=1.0, rows=3)
    assert State.read(folder / "state-1.json") == replace(state, engine=before)
    with pytest.warns(
        SearchedExactly, match="'lists' of package 'tracets' made its files in version 0, installed is 1."
    ):
        assert found(Index.open(index.folder.path), encoder) == found(index, encoder, exact=True)
    assert compact_index(index.folder.path).engine.part.effort == 9


def test_an_engine_that_fails_is_named(index, installed, encoder):
    for wrong, said in {
        "fails": r"the index engine 'plain' failed \(RuntimeError: out of luck\). Search exactly \(--exact\)",
        "outside": r"'plain' failed \(ValueError: it must bring, for each of 1 queries, places below \d+\)",
        "none": r"it must bring, for each of 1 queries",
        "scores": r"failed \(TypeError",
    }.items():
        installed(replace(PLAIN, open=lambda folder, wrong=wrong: Wrong(wrong)))
        opened = Index.open(index.folder.path)
        with pytest.raises(IndexFolderError, match=said):
            search(opened, encoder, QUERIES[0])
        assert search(opened, encoder, QUERIES[0], exact=True)


class Wrong:
    efforts = (1,)

    def __init__(self, wrong):
        self.wrong = wrong

    def candidates(self, queries, n, allowed, *, effort):
        if self.wrong == "fails":
            raise RuntimeError("out of luck")
        return {"outside": [np.array([10**9])], "none": [], "scores": [np.array([0.5])]}[self.wrong]


@pytest.mark.slow
def test_what_cannot_be_built_leaves_the_index_as_it_is(index, installed):
    def hidden(vectors, folder):
        (folder / ".notes").write_text("x")

    def full(vectors, folder):
        raise OSError(28, "No space left on device")

    before = sorted(path.name for path in index.folder.path.rglob("*"))
    for build, said in {
        hidden: "'odd' wrote '.notes'. An engine writes plain files whose names begin with no dot",
        full: r"'odd' could not be built in .*No space left on device.*\). The index is whole, and is searched exactly",
        lambda vectors, folder: None: "'odd' wrote no file",
    }.items():
        installed(PLAIN, IndexEngine("odd", "1", build, Plain, ""))
        with pytest.raises(IndexFolderError, match=said):
            add_engine(index, "odd")
    assert sorted(path.name for path in index.folder.path.rglob("*")) == before

    real = index.folder.path
    changed = index.refresh()
    changed.folder.delete([changed.ids[0]])
    with pytest.raises(IndexFolderError, match="changed while the engine 'plain' was built. Compact it: tracets index"):
        add_engine(index, "plain")
    assert IndexFolder.open(real).mapped.state.engine.engine == "plain"


def test_an_unknown_engine_is_refused_before_anything_is_encoded(tmp_path, plants, installed):
    with pytest.raises(
        NotFound, match="no index engine 'graph': there are lists, plain. Other packages add some by an"
    ):
        build_index(plants, None, tmp_path / "index", ann="graph")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="needs a version, and a name of letters, digits"):
        IndexEngine("a b", "1", write, Plain, "")


def test_an_index_without_any_channel_vector_stays_as_it_is(tmp_path, encoder, installed):
    from tracets.types import Sample

    silent = [Sample("silent", np.full((1, 5), np.nan), ("wind",), text="1 1 1 3")]
    index = build_index(silent, encoder, tmp_path / "index", ann="plain")
    assert index.engine is None and search(index, encoder, QUERIES[0])[0].id == "silent"


@pytest.mark.slow
def test_what_another_build_of_an_engine_left_is_swept(index):
    path, folder = index.folder.path, index.folder.mapped.folder
    again = add_engine(index, "plain")
    (path / ".engine-999999999-x").mkdir()
    os.utime(folder / "engine-1", (0, 0))
    sweep.leftovers(path, again.folder.manifest)
    assert sorted(p.name for p in folder.glob("engine*")) == ["engine-1.1"] and not list(path.glob(".engine*"))
    assert verify(path)[1] == [] and Index.open(path).engine is not None


@pytest.mark.slow
def test_an_index_in_a_store_has_its_engine(index, encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    url = f"file://{tmp_path}/bucket/index"
    with remote.rewritten(url, copied=False) as made:
        shutil.copytree(index.folder.path, made)
    mirrored = Index.open(url)
    assert mirrored.engine.recall == index.engine.recall and verify(mirrored.folder.path)[1] == []
    assert found(mirrored, encoder) == found(index, encoder)
