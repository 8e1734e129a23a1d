"""The vectors of samples as rows, and a Parquet file of them that is written batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError
from tracets.types import AnyPath, Sample

ROWS_AT_ONCE = 512


def vector_schema(dim: int) -> pa.Schema:
    """Columns of a file of vectors of this width."""
    width = pa.list_(pa.float32(), dim)
    return pa.schema(
        {"id": pa.string(), "vector": width, "channel_names": pa.list_(pa.string()), "channel_vectors": pa.list_(width)}
    )


def embed(samples: Iterable[Sample], encoder: PairEncoder, *, batch_size: int = 64) -> pa.Table:
    """Vectors of every window as a table; see `tracets.api.embed`."""
    samples = list(samples)
    if not samples:
        raise DataError("embed() got no windows. Check the split or the filter.")
    vectors = encoder.encode_series(samples, batch_size=batch_size)
    means = [v.mean(axis=1) for v in vectors.channels]
    units = [m / np.maximum(np.linalg.norm(m, axis=1, keepdims=True), 1e-12) for m in means]
    columns = {
        "id": [s.id for s in samples],
        "vector": list(vectors.sample),
        "channel_names": [list(s.channel_names) for s in samples],
        "channel_vectors": [list(u) for u in units],
    }
    schema = vector_schema(encoder.dim)
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def embed_to_file(
    samples: Iterable[Sample],
    encoder: PairEncoder,
    path: AnyPath,
    *,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write the vectors of samples to a Parquet file, whole or not at all, 512 in memory at a time; gives their number.

    Raises
    ------
    DataError
        No samples; nothing is written.
    """
    target, given, rows = Path(path), iter(samples), 0
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with pq.ParquetWriter(unfinished, vector_schema(encoder.dim), compression="zstd") as writer:
            while block := list(islice(given, ROWS_AT_ONCE)):
                writer.write_table(embed(block, encoder, batch_size=batch_size))
                rows += len(block)
                if progress is not None:
                    progress(rows)
        if not rows:
            raise DataError("there are no windows to embed. Check the split or the filter.")
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows
