"""`tracets index` and the words that may stand in a corpus's place, and `tracets watch`."""

import json
import shutil

import pytest

from tracets import api
from tracets.data import Corpus
from tracets.index import IndexFolder


@pytest.fixture
def index(index_folder, tmp_path):
    shutil.copytree(index_folder, tmp_path / "days.index")
    return tmp_path / "days.index"


@pytest.fixture
def more(corpus_file, tmp_path):
    """Two of the indexed days, one with another text, and a new one."""
    from dataclasses import replace

    days = list(api.read(corpus_file))
    given = [days[0], replace(days[1], text="Nothing happened."), replace(days[2], id="new")]
    api.write(Corpus.from_samples(given), tmp_path / "more.parquet")
    return tmp_path / "more.parquet"


@pytest.mark.slow
def test_add_refuses_what_upsert_replaces(tracets, refused, index, more):
    assert "id 'day-0' comes twice: the index has it already" in refused("index", "add", index, more)
    result = tracets("index", "upsert", index, more, "--json")
    found = json.loads(result.out)
    assert result.code == 0 and found == {
        "index": str(index), "added": 1, "replaced": 2, "windows": 13, "encoded_windows": 1, "encoded_texts": 2,
    }  # fmt: skip
    assert f"tracets index compact {index}" in result.err
    result = tracets("index", "add", index, more)
    assert result.code == 2
    assert [h["text"] for h in hits(tracets, index, "--like", "day-0", "-k", "20") if h["id"] == "day-1"] == [
        "Nothing happened."
    ]


def hits(tracets, index, *arguments):
    return [json.loads(line) for line in tracets("search", index, *arguments, "--json").out.splitlines()]


@pytest.mark.slow
def test_an_engine_is_named_and_told(tracets, refused, corpus_file, model_folder, tmp_path):
    out = tmp_path / "listed.index"
    asked = ("index", corpus_file, "--model", model_folder, "--out", out)
    said = refused(*asked, "--ann-engine", "lists", "--no-ann")
    assert "--ann-engine lists makes the search approximate, --no-ann exact. Leave one out." in said
    assert "no index engine 'graph': there are lists" in refused(*asked, "--ann-engine", "graph")
    result = tracets(*asked, "--ann-engine", "lists", "--json")
    assert result.code == 0 and "an approximate search finds 100.0% of the 10 best windows" in result.err
    assert json.loads(result.out)["recall_at_10"] == 1.0
    told = json.loads(tracets("index", "info", out, "--json").out)["engine"]
    assert told == {
        "name": "lists", "version": "1", "package": "tracets", "recall_at_10": 1.0, "effort": 16, "windows": 12,
    }  # fmt: skip


@pytest.mark.slow
def test_delete_by_id_and_by_a_filter(tracets, refused, index):
    assert json.loads(tracets("index", "delete", index, "day-1", "day-2", "--json").out)["deleted"] == 2
    assert json.loads(tracets("index", "delete", index, "--where", "entity = 'sf'", "--json").out)["deleted"] == 5
    assert {hit["id"] for hit in hits(tracets, index, "rain", "-k", "20")} == {f"day-{i}" for i in (0, 4, 6, 8, 10)}
    assert "no window with id 'day-1'" in refused("index", "delete", index, "day-0", "day-1")
    assert "say what to delete" in refused("index", "delete", index)
    assert "say what to delete" in refused("index", "delete", index, "day-0", "--where", "label = 'x'")
    assert "cannot filter" in refused("index", "delete", index, "--where", "nothing = 1")
    result = tracets("index", "delete", index, "day-0")
    assert result.code == 0 and f"deleted 1 windows; 4 are left in {index}" in result.err and not result.out


def test_info_says_what_there_is(tracets, index):
    tracets("index", "delete", index, "day-1")
    found = json.loads(tracets("index", "info", index, "--json").out)
    assert (found["windows"], found["texts"], found["dead_rows"], found["version"]) == (11, 11, 1, 2)
    assert (found["model"], found["dim"], found["format"], found["hubness"]) == (
        api.open_index(index).model,
        16,
        2,
        False,
    )
    assert found["created_by"].startswith("tracets ") and found["bytes"]["folder"] > found["bytes"]["table"] > 0
    assert found["fingerprint"] == api.open_index(index).folder.manifest.fingerprint
    assert "fingerprint" in tracets("index", "info", index).out


@pytest.mark.slow
def test_verify_exits_with_the_file_and_the_fix(tracets, refused, index):
    assert tracets("index", "verify", index).code == 0
    assert json.loads(tracets("index", "verify", index, "--json").out) == {
        "index": str(index), "ok": True, "problems": [],
    }  # fmt: skip
    file = next(index.glob("vectors-*/sample.f32"))
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)
    said = refused("index", "verify", index)
    assert "sample.f32: does not match its checksum" in said and f"tracets index compact {index}" in said
    result = tracets("index", "verify", index, "--json")
    assert result.code == 2 and json.loads(result.out)["ok"] is False
    assert tracets("index", "compact", index).code == 0
    assert tracets("index", "verify", index).code == 0


def test_export_and_restore_give_the_same_hits(tracets, refused, index, tmp_path):
    tracets("index", "delete", index, "day-3")
    tracets("index", "compact", index)
    assert json.loads(tracets("index", "export", index, tmp_path / "e.parquet", "--json").out)["windows"] == 11
    result = tracets("index", "restore", tmp_path / "e.parquet", "--out", tmp_path / "again.index", "--json")
    assert json.loads(result.out) == {
        "out": str(tmp_path / "again.index"),
        "windows": 11,
        "model": api.open_index(index).model,
    }
    for question in (["--like", "day-5"], ["--like", "day-5", "--want", "text"]):
        one, two = (hits(tracets, path, *question, "-k", "20") for path in (index, tmp_path / "again.index"))
        assert one == two and len(one) == 10
    assert "exists" in refused("index", "restore", tmp_path / "e.parquet", "--out", index)


@pytest.mark.slow
def test_a_corpus_may_be_called_like_a_word(tracets, corpus_file, model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(corpus_file, "add")
    assert "add" in tracets("index", "--help").out and "compact" in tracets("index", "--help").out
    result = tracets("index", "--out", "x.index", "--model", model_folder, "./add")
    assert result.code == 2 and "no reader knows 'add'" in result.err  # it was taken for a file
    shutil.move("add", "add.parquet")
    result = tracets("index", "--model", model_folder, "--out", "x.index", "add.parquet", "--json")
    assert result.code == 0 and json.loads(result.out)["windows"] == 12


def test_misspelt_words_point_to_their_own_help(refused, index):
    assert "tracets index info --help" in refused("index", "info", index, "--jsn")
    assert "Missing" in refused("index", "add", index)


@pytest.mark.slow
def test_watch_once(tracets, refused, corpus_file, model_folder, tmp_path):
    import os

    (tmp_path / "drop").mkdir()
    shutil.copy(corpus_file, tmp_path / "drop" / "days.parquet")
    (tmp_path / "drop" / "bad.parquet").write_text("bad")
    for file in (tmp_path / "drop").iterdir():
        os.utime(file, (1, 1))
    result = tracets("watch", tmp_path / "drop", tmp_path / "w.index", "--once", "--model", model_folder, "--json")
    first, second = (json.loads(line) for line in result.out.splitlines())
    assert result.code == 0 and first["outcome"] == "refused" and "bad.parquet: set aside:" in result.err
    assert (second["outcome"], second["windows"], second["encoded"]) == ("indexed", 12, 12)
    assert len(IndexFolder.open(tmp_path / "w.index")) == 12
    result = tracets("watch", tmp_path / "drop", tmp_path / "w.index", "--once", "--model", model_folder)
    assert "days.parquet" not in result.err and len(IndexFolder.open(tmp_path / "w.index")) == 12
    assert "no folder" in refused("watch", tmp_path / "none", tmp_path / "w.index", "--model", model_folder)
