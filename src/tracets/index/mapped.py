"""What searching reads of an index, as flat files that are memory-mapped: vectors, their one-byte copies, and facts.

All of it is derived from the table. The folder is named after the version of the table that it was made from, so that a
table that has changed since is never searched by old vectors: its files are simply not there yet, and are made anew.
Reading it needs neither LanceDB nor memory for the vectors.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracets.index.quantised import Quantised, quantise
from tracets.index.rows import VECTORS, read_vectors
from tracets.types import FloatArray

LAYOUT = 1
PREFIX = "vectors-"
ABOUT = "about.json"
FACTS = "facts.arrow"
UNMAPPED = (*VECTORS, "values")
"""Columns that are not among the facts: vectors have files of their own, values are read for hits alone."""

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MappedVectors:
    """v vectors as they are stored, and in one byte a number."""

    exact: FloatArray
    coarse: Quantised


@dataclass(frozen=True, eq=False)
class Mapped:
    """The n rows of an index, memory-mapped, in the order of the table.

    `sample` the vectors of the windows (n, d); `channels` those of all channels end to end, none of them zero;
    `offsets` (n_channels_in_all + 1,) where the vectors of each channel begin; `kinds` the different tuples of channel
    names and `kind` (n,) the one of each row; `text_rows` (n_texts,) the rows that have a text, `text_sample` and
    `sentences` its vectors, `text_offsets` (n_texts + 1,); `facts` every other column but the values; `row_ids` (n,)
    the table's own numbers of the rows, in its version `table_version`.
    """

    folder: Path
    sample: MappedVectors
    channels: MappedVectors
    offsets: Int64
    kinds: tuple[tuple[str, ...], ...]
    kind: Int64
    text_rows: Int64
    text_sample: MappedVectors
    sentences: MappedVectors
    text_offsets: Int64
    facts: pa.Table
    row_ids: NDArray[np.uint64]
    table_version: int

    def __len__(self) -> int:
        return len(self.row_ids)


def version_of(table: Path) -> str:
    """Sixteen hex digits that change with every commit to a table folder; reads its list of versions only.

    Raises
    ------
    OSError
        There is no such table.
    """
    names = sorted(name for name in os.listdir(table / "_versions") if name.endswith(".manifest"))
    if not names:
        raise OSError(f"the table has no version in {table.name}/_versions")
    return hashlib.sha256(f"{LAYOUT} {names}".encode()).hexdigest()[:16]


def open_mapped(index: Path, version: str) -> Mapped | None:
    """Map the files made from one version of the table; None where they are missing or incomplete."""
    folder = index / f"{PREFIX}{version}"
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        with pa.memory_map(str(folder / FACTS)) as source:
            facts = pa.ipc.open_file(source).read_all()
        found = _Files(folder, about["dim"], about["counts"], about["residuals"])
        return Mapped(
            folder=folder,
            sample=found.vectors("sample"),
            channels=found.vectors("channels"),
            offsets=_ends(found.flat("channel_sizes", np.int32)),
            kinds=tuple(tuple(names) for names in about["kinds"]),
            kind=found.flat("kind", np.int32).astype(np.int64),
            text_rows=np.asarray(found.flat("text_rows", np.int64)),
            text_sample=found.vectors("text_sample"),
            sentences=found.vectors("sentences"),
            text_offsets=_ends(found.flat("text_sizes", np.int32)),
            facts=facts,
            row_ids=found.flat("row_ids", np.uint64),
            table_version=about["table_version"],
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def write_mapped(index: Path, version: str, batches: Iterable[pa.RecordBatch], *, dim: int, table_version: int) -> Path:
    """Write the files for one version of the table, and remove those of others; gives the folder that holds them.

    They appear whole or not at all. Where the index cannot be written to, they go to a temporary folder.

    Parameters
    ----------
    batches : iterable of RecordBatch
        The table's rows in order, all columns but the values, with `_rowid`. One is in memory at a time.

    Raises
    ------
    ValueError
        The vectors of a row do not match its channels.
    """
    building = index / f".{PREFIX}{version}.{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
    except OSError:
        index = Path(tempfile.mkdtemp(prefix="tracets-index-"))
        atexit.register(shutil.rmtree, index, ignore_errors=True)
        building = index / "building"
        building.mkdir()
    try:
        with _Writer(building, dim, table_version) as writer:
            for batch in batches:
                writer.add(batch)
        target = index / f"{PREFIX}{version}"
        try:
            os.replace(building, target)
        except OSError:  # another process was faster, or what is there is broken
            if open_mapped(index, version) is None:
                shutil.rmtree(target, ignore_errors=True)
                os.replace(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for other in index.glob(f"{PREFIX}*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    return target


class _Writer:
    """Appends batches to the flat files; `about.json` is written last."""

    def __init__(self, folder: Path, dim: int, table_version: int) -> None:
        self.folder, self.dim, self.table_version = folder, dim, table_version
        self.counts: dict[str, int] = {}
        self.residuals: dict[str, float] = {}
        self.kinds: dict[tuple[str, ...], int] = {}
        self.rows = 0
        self.files: dict[str, IO[bytes]] = {}
        self.facts: Any = None
        for name in ("sample", "channels", "text_sample", "sentences"):
            self._vectors(name, np.zeros((0, dim), np.float32))
        for name in ("channel_sizes", "kind", "text_rows", "text_sizes", "row_ids"):
            self._flat(name, np.zeros(0, np.uint8))

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self.files.values():
            file.close()
        if self.facts is not None:
            self.facts.close()
        about = {
            "layout": LAYOUT, "table_version": self.table_version, "dim": self.dim,
            "kinds": list(self.kinds), "counts": self.counts, "residuals": self.residuals,
        }  # fmt: skip
        (self.folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")

    def add(self, batch: pa.RecordBatch) -> None:
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
        self._flat("text_rows", told + self.rows)
        self._vectors("text_sample", read_vectors(table["text_vector"].drop_null(), self.dim))
        self._groups("sentences", "text_sizes", table["sentence_vectors"], sizes)

        self._flat("row_ids", table["_rowid"].to_numpy())
        facts = table.select([n for n in table.column_names if n not in UNMAPPED and n != "_rowid"]).combine_chunks()
        if self.facts is None:
            self.facts = pa.ipc.new_file(self.folder / FACTS, facts.schema)
        self.facts.write_table(facts)
        self.rows += len(names)

    def _groups(self, name: str, sizes_name: str, column: pa.ChunkedArray, sizes: Int64) -> None:
        """Write the vectors of groups without those that are zero, and how many are left in each group."""
        vectors = read_vectors(column, self.dim)
        live = vectors.any(axis=1)
        upto = np.concatenate([[0], np.cumsum(live)])
        self._flat(sizes_name, np.diff(upto[_ends(sizes)]).astype(np.int32))
        self._vectors(name, vectors if live.all() else vectors[live])

    def _vectors(self, name: str, vectors: FloatArray) -> None:
        small = quantise(vectors)
        self.residuals[name] = max(self.residuals.get(name, 0.0), small.residual)
        self._flat(f"{name}.f32", np.ascontiguousarray(vectors))
        self._flat(f"{name}.i8", small.numbers)
        self._flat(f"{name}.scale", small.scales)

    def _flat(self, name: str, values: NDArray[Any]) -> None:
        if name not in self.files:
            self.files[name] = (self.folder / name).open("wb")
        self.files[name].write(values.tobytes())
        self.counts[name] = self.counts.get(name, 0) + len(values)


@dataclass(frozen=True)
class _Files:
    folder: Path
    dim: int
    counts: dict[str, int]
    residuals: dict[str, float]

    def vectors(self, name: str) -> MappedVectors:
        numbers, scales = self._map(f"{name}.i8", np.int8, self.dim), self._map(f"{name}.scale", np.float32)
        return MappedVectors(
            exact=self._map(f"{name}.f32", np.float32, self.dim),
            coarse=Quantised(numbers, scales, self.residuals[name]),
        )

    def flat(self, name: str, kind: type) -> NDArray[Any]:
        return self._map(name, kind)

    def _map(self, name: str, kind: type, *width: int) -> NDArray[Any]:
        shape, path = (self.counts[name], *width), self.folder / name
        if path.stat().st_size != int(np.prod(shape)) * np.dtype(kind).itemsize:
            raise ValueError(f"{name} is cut off")
        # an empty file cannot be mapped; a plain array over a map is quicker to slice than a memmap
        return np.asarray(np.memmap(path, kind, "r", shape=shape)) if shape[0] else np.zeros(shape, kind)


def _ends(sizes: NDArray[Any]) -> Int64:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
