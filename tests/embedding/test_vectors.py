"""Vectors of a stream of samples, written batch by batch."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tracets.embedding.vectors as room
from tracets.embedding import embed, embed_to_file
from tracets.errors import DataError
from tracets.types import Sample


def samples(n):
    return [
        Sample(f"s{i}", [[float(i + j) for j in range(8)]] * (1 + i % 2), ("a", "b")[: 1 + i % 2]) for i in range(n)
    ]


def test_a_file_holds_what_embed_gives(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "ROWS_AT_ONCE", 4)
    model, seen = tiny_model(), []
    assert embed_to_file(iter(samples(10)), model, tmp_path / "v.parquet", progress=seen.append) == 10
    assert seen == [4, 8, 10]
    found = pq.read_table(tmp_path / "v.parquet")
    assert found.schema == embed(samples(1), model).schema
    assert found.equals(pa.concat_tables(embed(part, model) for part in (samples(4), samples(8)[4:], samples(10)[8:])))


def test_no_more_than_a_batch_is_asked_for_ahead(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "ROWS_AT_ONCE", 4)
    given, ahead = [], []

    def stream():
        for sample in samples(20):
            given.append(sample)
            yield sample

    embed_to_file(stream(), tiny_model(), tmp_path / "v.parquet", progress=lambda n: ahead.append(len(given) - n))
    assert max(ahead) == 0


@pytest.mark.parametrize("given", ["none", "broken"])
def test_what_fails_leaves_the_old_file(tiny_model, tmp_path, monkeypatch, given):
    monkeypatch.setattr(room, "ROWS_AT_ONCE", 4)
    path = tmp_path / "v.parquet"
    path.write_bytes(b"old")

    def broken():
        yield from samples(6)
        raise DataError("row 6 is bad")

    with pytest.raises(DataError, match="there are no windows" if given == "none" else "row 6"):
        embed_to_file([] if given == "none" else broken(), tiny_model(), path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
