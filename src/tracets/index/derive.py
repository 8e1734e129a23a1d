"""Makes what searching reads from the table: anew, or by following the table from a state that is behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracets.disk import digest_of, sync, write_whole
from tracets.index.flat import FlatWriter
from tracets.index.state import CHECKED, PREFIX, VERSIONS, Part, State, table_files, versions

AT_ONCE = 1024
"""Rows in memory while they are written."""

RowIds = NDArray[np.uint64]


def anew(home: Path, table: Any, path: Path, *, dim: int, known: State | None = None) -> tuple[Path, State]:
    """Write the flat files of a table, as it is open, into a new folder in `home`, and publish their state.

    Parameters
    ----------
    table : LanceDB table
    path : path
        Its folder.
    known : State, optional
        An earlier state, whose checksums of the table's files are taken over.
    """
    name, version = path.name.removesuffix(".lance"), int(table.version)
    building = home / f".{PREFIX}{name}.building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        state = State(name, version, "", dim, files={} if known is None else known.files)
        with FlatWriter(building, state) as writer:
            for batch in _scan(table):
                writer.add(batch)
            state = _settled(writer.finish(version), path, version)
        state.write(building)
        target = free(home, f"{PREFIX}{name}.{version}")
        os.replace(building, target)
        sync([home])
        return target, state
    finally:
        shutil.rmtree(building, ignore_errors=True)


def follow(folder: Path, state: State, table: Any, path: Path) -> State:
    """Bring the flat files of a state to the table as it is open: append new rows, mark dead ones, publish.

    Hubness is dropped, since it is that of the texts and windows before; what an index engine made stays that of the
    rows it was made from.
    """
    version = int(table.version)
    before = np.fromfile(folder / "row_ids", np.uint64, count=state.rows)
    now = table.search().with_row_id(True).select(["_rowid"]).to_arrow()["_rowid"].to_numpy()
    new = now[~np.isin(now, before)]
    with FlatWriter(folder, replace(state, hubness=None)) as writer:
        for lo in range(0, len(new), AT_ONCE):
            for batch in _rows(table, new[lo : lo + AT_ONCE]):
                writer.add(batch)
        followed = writer.finish(version)
    dead = np.concatenate([~np.isin(before, now), np.zeros(len(new), bool)])
    mask = None
    if dead.any():
        file = folder / f"dead-{version}-{os.getpid()}"
        write_whole(file, np.packbits(dead).tobytes())
        mask = Part(file.name, digest_of(file), len(dead))
    followed = _settled(replace(followed, mask=mask, dead=int(dead.sum())), path, version)
    followed.write(folder)
    return followed


def _scan(table: Any) -> Iterator[pa.RecordBatch]:
    """All rows in order; one empty batch for a table without rows, so that its columns are known."""
    columns = [name for name in table.schema.names if name != "values"]
    found = False
    for batch in table.search().with_row_id(True).select(columns).to_batches(AT_ONCE):
        found = found or len(batch) > 0
        yield batch
    if not found:
        empty = table.search().with_row_id(True).select(columns).limit(0).to_arrow().combine_chunks()
        yield pa.RecordBatch.from_arrays([pa.array([], f.type) for f in empty.schema], schema=empty.schema)


def _rows(table: Any, ids: RowIds) -> Iterator[pa.RecordBatch]:
    columns = [name for name in table.schema.names if name != "values"]
    found = table.take_row_ids(ids.tolist()).with_row_id().select(columns).to_arrow()
    place = {row_id: i for i, row_id in enumerate(found["_rowid"].to_pylist())}
    yield from found.take(pa.array([place[int(i)] for i in ids])).combine_chunks().to_batches()


def _settled(state: State, path: Path, version: int) -> State:
    """The state with the checksums of the table's files, which are on the disk when this returns."""
    files = table_files(path, state.files)
    manifest = versions(path)[version]
    sync([path / name for name in files if state.files.get(name) != files[name]])
    sync([manifest, path / VERSIONS, *(path / part for part in CHECKED if (path / part).is_dir()), path])
    return replace(state, files=files, manifest=digest_of(manifest))


def free(home: Path, name: str) -> Path:
    """A name that no folder has, numbered where it must be."""
    path, number = home / name, 1
    while path.exists():
        path, number = home / f"{name}.{number}", number + 1
    return path
