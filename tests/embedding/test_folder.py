"""A folder of vectors: equal to one loop, made visible by one write, resumed where it was cut off."""

import json
import shutil
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tracets.embedding.parts as room
from tracets import api
from tracets.errors import ConfigError, DataError, MissingExtra
from tracets.storage import Location

pytestmark = pytest.mark.slow  # a server of an object store is started, and models are run

FILES = ("a.parquet", "b/b.parquet", "b/c.parquet")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(room, "ROWS", 5)


def by_hand(corpus, model):
    """One file after the other, as `tracets embed FILE` does it."""
    encoder = api.load(model)
    return pa.concat_tables(api.embed(api.read(corpus / name), encoder) for name in FILES)


def same(found, expected):
    """The same ids in the same order with the same vectors, to rounding: the company in a batch differs."""
    assert found.schema == expected.schema
    for one, other in zip(found.to_pylist(), expected.to_pylist(), strict=True):
        assert (one["id"], one["channel_names"]) == (other["id"], other["channel_names"])
        for name in ("vector", "channel_vectors"):
            np.testing.assert_allclose(one[name], other[name], atol=1e-6)


class Cut(Exception):
    pass


def cut_after(rows):
    def progress(done, total):
        if done >= rows:
            raise Cut

    return progress


def test_equals_a_loop_over_the_files(corpus, model_folder, tmp_path):
    seen = []
    made = api.embed_folder(corpus, model_folder, tmp_path / "out", progress=lambda *n: seen.append(n))
    assert (len(made), made.encoded) == (37, 37)
    assert seen == [(n, 37) for n in (5, 10, 15, 20, 22, 27, 32, 37)]
    same(made.table(), by_hand(corpus, model_folder))
    same(api.open_vectors(tmp_path / "out").table(), made.table())
    assert sum(batch.num_rows for batch in made.dataset().to_batches()) == 37


def test_from_bucket_to_bucket(corpus, model_folder, s3):
    place = Location.of(f"{s3}/corpus")
    for name in FILES:
        place.send(corpus / name, name)
    made = api.embed_folder(f"{s3}/corpus", model_folder, f"{s3}/vectors")
    same(made.table(), by_hand(corpus, model_folder))
    assert api.embed_folder(f"{s3}/corpus", model_folder, f"{s3}/vectors").encoded == 0


def test_one_file_of_a_folder_and_a_folder_called_like_a_file(corpus, model_folder, tmp_path, monkeypatch, s3):
    expected = [f"c{i}" for i in range(15)]
    monkeypatch.chdir(corpus / "b")
    Location.of(f"{s3}/some").send(corpus / "b" / "c.parquet", "c.parquet")
    shutil.copytree(corpus / "b", tmp_path / "folder.parquet")
    (tmp_path / "folder.parquet" / "b.parquet").unlink()
    for i, where in enumerate(
        (corpus / "b" / "c.parquet", "c.parquet", f"{s3}/some/c.parquet", "../../folder.parquet")
    ):
        made = api.embed_folder(where, model_folder, tmp_path / f"out{i}")
        assert made.table()["id"].to_pylist() == expected


def test_goes_on_where_it_was_cut_off(corpus, model_folder, tmp_path):
    with pytest.raises(Cut):
        api.embed_folder(corpus, model_folder, tmp_path / "out", progress=cut_after(15))
    with pytest.raises(DataError, match=r"no finished vectors.*which goes on where it was cut off"):
        api.open_vectors(tmp_path / "out")
    seen = []
    made = api.embed_folder(corpus, model_folder, tmp_path / "out", progress=lambda *n: seen.append(n[0]))
    assert made.encoded == 22 and seen[0] == 20
    same(made.table(), by_hand(corpus, model_folder))


def test_a_fragment_that_is_not_whole_is_made_again(corpus, model_folder, tmp_path):
    made = api.embed_folder(corpus, model_folder, tmp_path / "out")
    fragments = sorted((tmp_path / "out" / "_fragments").iterdir())
    data = fragments[0].read_bytes()
    fragments[0].write_bytes(data[: len(data) // 2])
    fragments[1].unlink()
    again = api.embed_folder(corpus, model_folder, tmp_path / "out")
    broken = [e["rows"] for e in made.manifest["fragments"] if e["fragment"] in (fragments[0].name, fragments[1].name)]
    assert again.encoded == sum(broken) and again.manifest == made.manifest
    same(again.table(), by_hand(corpus, model_folder))


def test_what_changes_is_encoded_and_seen_at_once(corpus, model_folder, tmp_path):
    out = tmp_path / "out"
    first = api.embed_folder(corpus, model_folder, out)
    rows = first.table()
    table = pq.read_table(corpus / "a.parquet")
    pq.write_table(table.slice(0, 3), corpus / "a.parquet")
    (corpus / "b" / "b.parquet").unlink()
    with pytest.raises(Cut):
        api.embed_folder(corpus, model_folder, out, progress=cut_after(1))
    assert api.open_vectors(out).table().equals(rows)
    second = api.embed_folder(corpus, model_folder, out)
    assert (len(second), second.encoded) == (18, 0)
    assert second.table()["id"].to_pylist() == ["a0", "a1", "a2", *(f"c{i}" for i in range(15))]
    assert first.table().equals(rows)  # a reader of the state before is not disturbed
    pq.write_table(table.slice(0, 2), corpus / "a.parquet")
    third = api.embed_folder(corpus, model_folder, out)
    listed = {e["fragment"] for made in (second, third) for e in made.manifest["fragments"]}
    assert {path.name for path in (out / "_fragments").iterdir()} == listed


def test_another_model_is_refused_with_both_names(corpus, model_folder, other_model, tmp_path):
    first = api.embed_folder(corpus, model_folder, tmp_path / "out")
    first_vectors = first.table()["vector"].to_pylist()
    other = {"backend": "torch"}  # it has no export yet
    with pytest.raises(DataError, match=r"of model '.*tiny' .*not of '.*other'.*or replace it \(overwrite\)"):
        api.embed_folder(corpus, other_model, tmp_path / "out", **other)
    made = api.embed_folder(corpus, other_model, tmp_path / "out", overwrite=True, **other)
    assert made.encoded == 37 and made.manifest["fingerprint"] != first.manifest["fingerprint"]
    assert made.table()["id"].to_pylist() == first.table()["id"].to_pylist()
    assert not np.allclose(made.table()["vector"].to_pylist(), first_vectors)


def test_a_bad_row_is_named_and_the_rest_is_kept(corpus, model_folder, tmp_path):
    table = pq.read_table(corpus / "b" / "c.parquet")
    names = table["channel_names"].to_pylist()
    names[12] = []
    bad = table.set_column(table.schema.get_field_index("channel_names"), "channel_names", pa.array(names))
    pq.write_table(bad, corpus / "b" / "c.parquet", row_group_size=5)
    with pytest.raises(DataError, match=r"corpus/b/c.parquet, counted from row 10: row 2 \(id 'c12'\)"):
        api.embed_folder(corpus, model_folder, tmp_path / "out")
    pq.write_table(table, corpus / "b" / "c.parquet", row_group_size=5)
    assert api.embed_folder(corpus, model_folder, tmp_path / "out").encoded == 15


def test_fragments_that_went_missing_are_said_to_be(corpus, model_folder, tmp_path):
    out = tmp_path / "out"

    def lose(done, total):
        if done == total:
            shutil.rmtree(out / "_fragments")

    with pytest.raises(DataError, match=r"8 of 8 fragments are not in '.*out'.*not the same one on all machines"):
        api.embed_folder(corpus, model_folder, out, progress=lose)


@pytest.mark.parametrize("data", [b"{", b"[]", json.dumps({"format": 9}).encode()])
def test_a_manifest_of_another_kind_is_refused(tmp_path, data):
    Location.of(tmp_path).write("_manifest.json", data)
    with pytest.raises(DataError, match=r"_manifest.json' (cannot be read|has format 9, this version reads 1)"):
        api.open_vectors(tmp_path)


def test_wrong_arguments(corpus, model_folder, tmp_path):
    for wrong in ({"engine": "spark"}, {"workers": 0}, {"cpus": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            api.embed_folder(corpus, model_folder, tmp_path / "out", **wrong)


def test_without_ray_the_extra_is_named(corpus, model_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r'engine \'ray\' needs Ray Data.*pip install "tracets\[ray\]"'):
        api.embed_folder(corpus, model_folder, tmp_path / "out", engine="ray")
