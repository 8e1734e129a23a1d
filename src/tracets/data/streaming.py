"""Corpora that are written as they come, for more windows than memory holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tracets.data.corpus import Corpus
from tracets.data.schema import CONTRACT
from tracets.errors import DataError
from tracets.types import AnyPath, Sample

AT_ONCE = 256
"""Windows in memory."""


def schema_of(metadata: Mapping[str, pa.DataType], *, zone: str | None = None) -> pa.Schema:
    """Columns of a corpus whose starts are in one zone, with metadata of known types."""
    return pa.schema(CONTRACT | {"start": pa.timestamp("us", tz=zone)} | dict(metadata))


def table_of(samples: Iterable[Sample], schema: pa.Schema) -> pa.Table:
    """Samples as rows of a schema; a column of nulls has its type all the same.

    Raises
    ------
    DataError
        Samples that break the contract of a corpus.
    """
    given = list(samples)
    return Corpus.from_samples(given).table.select(schema.names).cast(schema) if given else schema.empty_table()


def write_samples(samples: Iterable[Sample], path: AnyPath, schema: pa.Schema) -> dict[str, dict[str, int]]:
    """Write a corpus file of samples as they come; it appears whole or not at all.

    Returns
    -------
    dict
        Rows by "label" and by "split"; "" where null.

    Raises
    ------
    DataError
        No samples, an id that comes twice, or samples that break the contract of a corpus.
    """
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    counts: dict[str, Counter[str]] = {"label": Counter(), "split": Counter()}
    seen: set[str] = set()
    try:
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            coming = iter(samples)
            while some := list(islice(coming, AT_ONCE)):
                for sample in some:
                    if sample.id in seen:
                        raise DataError(f"the id '{sample.id}' comes twice. Make ids unique.")
                    seen.add(sample.id)
                table = table_of(some, schema)
                writer.write_table(table)
                for name, counter in counts.items():
                    counter.update(value or "" for value in table[name].to_pylist())
        if not seen:
            raise DataError(f"there is no window to write to '{file}'.")
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)
    return {name: dict(counter.most_common()) for name, counter in counts.items()}
