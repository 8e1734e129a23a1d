"""Writes what searching reads: flat files of vectors that only grow, and the facts of the rows beside them."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracets.disk import digest_of, sync
from tracets.index.quantised import quantise
from tracets.index.rows import VECTORS, read_vectors
from tracets.index.state import Part, State
from tracets.types import FloatArray

UNMAPPED = (*VECTORS, "values")
"""Columns that are not among the facts: vectors have files of their own, values are read for hits alone."""
MOST_FACTS = 64
"""Files of facts, at most; past it they become one."""

KINDS: dict[str, Any] = {
    **{
        f"{name}.{part}": kind
        for name in ("sample", "channels", "text_sample", "sentences")
        for part, kind in (("f32", np.float32), ("i8", np.int8), ("scale", np.float32))
    },
    "channel_sizes": np.int32, "kind": np.int32, "text_rows": np.int64, "text_sizes": np.int32, "row_ids": np.uint64,
}  # fmt: skip
"""The flat files and their numbers. `.f32` and `.i8` hold vectors, everything else one number an item."""

Int64 = NDArray[np.int64]


def item_bytes(name: str, dim: int) -> int:
    """Bytes of one item of a flat file."""
    return int(np.dtype(KINDS[name]).itemsize) * (dim if name.endswith((".f32", ".i8")) else 1)


class FlatWriter:
    """Appends rows behind the committed ones of a state; what a killed writer left there is overwritten.

    Use it as a context; `finish` gives the state with the new rows, which nothing reads until it is published.
    """

    def __init__(self, folder: Path, state: State) -> None:
        self.folder, self.state, self.dim = folder, state, state.dim
        self.counts = {name: state.counts.get(name, 0) for name in KINDS}
        self.sums = {name: state.sums.get(name, 0) for name in KINDS}
        self.residuals = dict.fromkeys(("sample", "channels", "text_sample", "sentences"), 0.0) | state.residuals
        self.kinds = {names: i for i, names in enumerate(state.kinds)}
        self.rows = state.rows
        self.files: dict[str, IO[bytes]] = {}
        self.facts: Any = None

    def __enter__(self) -> FlatWriter:
        for name in KINDS:
            self.files[name] = os.fdopen(os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            self.files[name].truncate(self.counts[name] * item_bytes(name, self.dim))
            self.files[name].seek(0, os.SEEK_END)
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files.values():
            file.close()
        if self.facts is not None:
            self.facts.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows of the table: all columns but the values, and `_rowid`.

        Raises
        ------
        ValueError
            The vectors of a row do not match its channels.
        """
        table = pa.Table.from_batches([batch])
        names = [tuple(n) for n in table["channel_names"].to_pylist()]
        lengths = np.array([len(n) for n in names], dtype=np.int64)
        self._flat("kind", np.array([self.kinds.setdefault(n, len(self.kinds)) for n in names], np.int32))
        self._vectors("sample", read_vectors(table["vector"], self.dim))
        found = np.array(pc.list_value_length(table["channel_vectors"]).to_numpy(), dtype=np.int64)
        m = int(found.sum() // max(1, lengths.sum()))
        if (found != lengths * m).any() or len(table["vector"].drop_null()) != len(names):
            raise ValueError("the vectors of a row do not match its channels")
        self._groups("channels", "channel_sizes", table["channel_vectors"], np.full(lengths.sum(), m))

        told = np.flatnonzero(table["text_vector"].is_valid().to_numpy())
        sizes = np.array(pc.list_value_length(table["sentence_vectors"]).to_numpy(), dtype=np.int64)[told]
        self._flat("text_rows", told.astype(np.int64) + self.rows)
        self._vectors("text_sample", read_vectors(table["text_vector"].drop_null(), self.dim))
        self._groups("sentences", "text_sizes", table["sentence_vectors"], sizes)

        self._flat("row_ids", table["_rowid"].to_numpy())
        facts = table.select([n for n in table.column_names if n not in UNMAPPED and n != "_rowid"]).combine_chunks()
        if self.facts is None:
            self.facts = pa.ipc.new_file(self.folder / self._facts_name, facts.schema)
        self.facts.write_table(facts)
        self.rows += len(names)

    def finish(self, version: int) -> State:
        """Sync all that was written; the state that counts it."""
        for name, file in self.files.items():
            file.flush()
            if self.counts[name] != self.state.counts.get(name) or not self.counts[name]:
                os.fsync(file.fileno())
        facts = self.state.facts
        if self.facts is not None:
            self.facts.close()
            self.facts = None
            path = self.folder / self._facts_name
            sync([path])
            facts += (Part(path.name, digest_of(path), self.rows - self.state.rows),)
        if len(facts) > MOST_FACTS:
            facts = (self._in_one(facts, version),)
        return replace(
            self.state, version=version, rows=self.rows, counts=self.counts, sums=self.sums, residuals=self.residuals,
            kinds=tuple(self.kinds), facts=facts,
        )  # fmt: skip

    @property
    def _facts_name(self) -> str:
        return f"facts-{self.state.rows}-{os.getpid()}.arrow"

    def _in_one(self, parts: tuple[Part, ...], version: int) -> Part:
        path = self.folder / f"facts-all-{version}-{os.getpid()}.arrow"
        read = [pa.ipc.open_file(pa.memory_map(str(self.folder / part.name))).read_all() for part in parts]
        table = pa.concat_tables(read).combine_chunks()
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
        sync([path])
        return Part(path.name, digest_of(path), len(table))

    def _groups(self, name: str, sizes_name: str, column: pa.ChunkedArray, sizes: Int64) -> None:
        """Write the vectors of groups without those that are zero, and how many are left in each group."""
        vectors = read_vectors(column, self.dim)
        live = vectors.any(axis=1)
        upto = np.concatenate([[0], np.cumsum(live)])
        self._flat(sizes_name, np.diff(upto[ends_of(sizes)]).astype(np.int32))
        self._vectors(name, vectors if live.all() else vectors[live])

    def _vectors(self, name: str, vectors: FloatArray) -> None:
        small = quantise(vectors)
        self.residuals[name] = max(self.residuals[name], small.residual)
        self._flat(f"{name}.f32", np.ascontiguousarray(vectors))
        self._flat(f"{name}.i8", small.numbers)
        self._flat(f"{name}.scale", small.scales)

    def _flat(self, name: str, values: NDArray[Any]) -> None:
        data = np.ascontiguousarray(values, KINDS[name]).tobytes()
        self.files[name].write(data)
        self.sums[name] = zlib.crc32(data, self.sums[name])
        self.counts[name] += len(values)


def ends_of(sizes: NDArray[Any]) -> Int64:
    """Where each group begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
