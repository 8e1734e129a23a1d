"""Corpora written as they come."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracets.data import read_corpus, streaming
from tracets.data.streaming import schema_of, table_of, write_samples
from tracets.errors import DataError
from tracets.types import Sample

SCHEMA = schema_of({"k": pa.int64(), "t": pa.string()}, zone="UTC")


def samples(n):
    for i in range(n):
        yield Sample(
            f"s{i}", np.full((1, 3), i), ("x",), start=datetime(2020, 1, 1, i % 24, tzinfo=UTC), freq="h",
            label="odd" if i % 2 else None, split="train", metadata={"k": i, "t": None},
        )  # fmt: skip


def test_many_come_and_few_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "AT_ONCE", 4)
    held = []
    monkeypatch.setattr(streaming, "table_of", lambda some, schema: (held.append(len(some)), table_of(some, schema))[1])
    counts = write_samples(samples(10), tmp_path / "a" / "c.parquet", SCHEMA)
    assert held == [4, 4, 2] and counts == {"label": {"": 5, "odd": 5}, "split": {"train": 10}}
    corpus = read_corpus(tmp_path / "a" / "c.parquet")
    assert corpus.ids == [f"s{i}" for i in range(10)] and corpus.column("k") == list(range(10))
    assert corpus[7].values.tolist() == [[7, 7, 7]] and corpus[7].start.hour == 7
    assert pq.read_schema(tmp_path / "a" / "c.parquet").field("t").type == pa.string(), "nulls alone have a type"


@pytest.mark.parametrize(("given", "said"), [([], "no window"), ([0, 1, 0], "'s0' comes twice")])
def test_nothing_appears_where_it_fails(tmp_path, given, said):
    some = list(samples(2))
    with pytest.raises(DataError, match=said):
        write_samples((some[i] for i in given), tmp_path / "c.parquet", SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_no_rows_have_columns_too():
    assert table_of([], SCHEMA).schema == SCHEMA == table_of(samples(1), SCHEMA).schema
