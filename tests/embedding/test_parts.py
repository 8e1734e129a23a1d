"""How a folder of corpus files is cut into parts."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tracets.embedding.parts as room
from tracets.embedding.parts import Part, corpus_files, plan_parts
from tracets.errors import DataError
from tracets.storage import Location


def plan(folder, *, fingerprint="f", only=None):
    place = Location.of(folder)
    return plan_parts(place, corpus_files(place, only), fingerprint)


def cuts(parts):
    return [(p.file, p.first, p.last, p.begin, p.rows) for p in parts]


@pytest.mark.parametrize(
    "rows, expected",
    [
        (8192, [("a.parquet", 0, 2, 0, 10), ("b/b.parquet", 0, 3, 0, 12), ("b/c.parquet", 0, 3, 0, 15)]),
        (10, [("a.parquet", 0, 2, 0, 10), ("b/b.parquet", 0, 2, 0, 10), ("b/b.parquet", 2, 3, 10, 2),
              ("b/c.parquet", 0, 2, 0, 10), ("b/c.parquet", 2, 3, 10, 5)]),
        (1, [("a.parquet", 0, 1, 0, 5), ("a.parquet", 1, 2, 5, 5), ("b/b.parquet", 0, 1, 0, 5),
             ("b/b.parquet", 1, 2, 5, 5), ("b/b.parquet", 2, 3, 10, 2), ("b/c.parquet", 0, 1, 0, 5),
             ("b/c.parquet", 1, 2, 5, 5), ("b/c.parquet", 2, 3, 10, 5)]),
    ],
)  # fmt: skip
def test_a_part_is_as_many_row_groups_as_fit(corpus, monkeypatch, rows, expected):
    monkeypatch.setattr(room, "ROWS", rows)
    assert cuts(plan(corpus)) == expected


def test_one_file_may_be_named(corpus):
    assert cuts(plan(corpus / "b", only="c.parquet")) == [("c.parquet", 0, 3, 0, 15)]


def test_a_fragment_is_named_by_the_file_as_it_is_and_the_model(corpus):
    def names(**changes):
        return {p.file: p.fragment for p in plan(corpus, **changes)}

    before = names()
    assert names() == before and len(set(before.values())) == 3
    assert not set(names(fingerprint="g").values()) & set(before.values())
    stat = os.stat(corpus / "a.parquet")
    os.utime(corpus / "a.parquet", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    after = names()
    assert [file for file in before if after[file] != before[file]] == ["a.parquet"]


def test_a_part_goes_through_text(corpus):
    for part in plan(corpus):
        assert Part.from_json(part.to_json()) == part


def test_files_without_rows_are_passed_over(corpus, tmp_path):
    table = pq.read_table(corpus / "a.parquet")
    pq.write_table(table.slice(0, 0), corpus / "empty.parquet")
    assert len(plan(corpus)) == 3
    (tmp_path / "none").mkdir()
    pq.write_table(table.slice(0, 0), tmp_path / "none" / "x.parquet")
    with pytest.raises(DataError, match=r"none' are empty. Write at least one row"):
        plan(tmp_path / "none")


@pytest.mark.parametrize("bad", ["missing", "only", "text", "no id"])
def test_what_is_no_corpus_is_refused(corpus, tmp_path, bad):
    if bad == "missing":
        with pytest.raises(DataError, match=r"no Parquet file in '.*nothing'. Name a corpus file, or a folder"):
            plan(tmp_path / "nothing")
    if bad == "only":
        with pytest.raises(DataError, match=r"no file 'x.parquet' in '.*corpus'"):
            plan(corpus, only="x.parquet")
    if bad == "text":
        (corpus / "z.parquet").write_text("time,load\n")
        with pytest.raises(DataError, match=r"corpus/z.parquet: cannot be read as Parquet"):
            plan(corpus)
    if bad == "no id":
        pq.write_table(pa.table({"x": [1]}), corpus / "z.parquet")
        with pytest.raises(DataError, match=r"corpus/z.parquet: a corpus needs the columns .* id is missing"):
            plan(corpus)


def test_an_id_in_two_files_is_refused_with_both_places(corpus):
    table = pq.read_table(corpus / "a.parquet")
    pq.write_table(table.slice(7, 1), corpus / "z.parquet")
    with pytest.raises(DataError, match=r"id 'a7' of row 7 of a.parquet comes again in row 0 of z.parquet"):
        plan(corpus)


def test_ids_of_equal_hash_are_compared_themselves(corpus, monkeypatch):
    monkeypatch.setattr(room, "_hashes", lambda ids: np.arange(len(ids), dtype=np.uint64) // 2)
    assert len(plan(corpus)) == 3


@pytest.mark.slow
def test_a_row_group_is_read_piece_by_piece(tmp_path):
    values = np.random.default_rng(0).normal(size=(30_000, 168)).astype(np.float32)
    offsets = pa.array(np.arange(30_001), pa.int32())
    steps = pa.ListArray.from_arrays(pa.array(np.arange(30_001) * 168, pa.int32()), values.ravel())
    columns = {"id": [f"w{i}" for i in range(30_000)], "values": pa.ListArray.from_arrays(offsets, steps)}
    columns["channel_names"] = [["load"]] * 30_000
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", row_group_size=30_000)
    del columns, steps
    (part,) = plan(tmp_path)
    before, most = pa.total_allocated_bytes(), 0
    for i, sample in enumerate(room._samples(part, Location.of(tmp_path))):
        most = max(most, pa.total_allocated_bytes() - before)
        if not i % 1000:
            np.testing.assert_array_equal(sample.values[0], values[i])
    assert i == 29_999 and most < 6_000_000 < values.nbytes / 3
