"""An index as one Parquet file, from which nothing is lost: a corpus, its vectors, and the model they are bound to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracets.disk import sync
from tracets.errors import DataError, IndexFolderError
from tracets.index import writing
from tracets.index.derive import AT_ONCE
from tracets.index.folder import IndexFolder
from tracets.index.manifest import BOUND, Manifest, tracets_version
from tracets.index.opening import or_damaged
from tracets.index.rows import VECTORS
from tracets.index.spool import Spool
from tracets.index.state import EnginePart
from tracets.index.sums import refuse_damage

KEY = b"tracets.index"
"""Key of the file's metadata under which it keeps what binds the vectors to their model."""
HUBNESS = "text_hubness"
EXPORTED = (*VECTORS, "end", HUBNESS)
"""Columns of an export that an index made itself."""


def export(index: IndexFolder, file: Path) -> int:
    """Write the rows of an index, in order, whole or not at all: how many.

    Columns are those of the table (so it is a corpus file, with `vector`, `channel_vectors`, `text_vector` and
    `sentence_vectors` beside), and `text_hubness` where the index knows it. Pages have checksums.

    Raises
    ------
    IndexFolderError
        The index is damaged: damage is not exported.
    """
    refuse_damage(index.path, index.manifest, index.mapped)
    hubs = index.hubness()
    schema, mapped = index._table.schema, index.mapped
    if hubs is not None:
        schema = schema.append(pa.field(HUBNESS, pa.float32()))
    told = index.manifest.bound | {
        "rows": len(index), "created_by": f"tracets {tracets_version()}", "hubness": hubs is not None,
        "engine": _engine_of(mapped.state.engine),
    }  # fmt: skip
    schema = schema.with_metadata({KEY: json.dumps(told).encode()})
    order = np.argsort(mapped.row_ids, kind="stable")
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    file.parent.mkdir(parents=True, exist_ok=True)

    def write() -> int:
        n = 0
        # lists keep the names of their items, so that the table that is restored has the types of this one
        options = {"compression": "zstd", "write_page_checksum": True, "use_compliant_nested_type": False}
        with pq.ParquetWriter(temporary, schema, **options) as writer:
            for batch in index._table.search().with_row_id(True).to_batches(AT_ONCE):
                rows = pa.Table.from_batches([batch])
                row_ids = rows["_rowid"].to_numpy()
                rows = rows.select([name for name in schema.names if name != HUBNESS])
                if hubs is not None:
                    of_row = np.full(len(mapped), np.nan, np.float32)
                    of_row[mapped.text_rows] = hubs
                    found = of_row[order[np.searchsorted(mapped.row_ids[order], row_ids)]]
                    rows = rows.append_column(HUBNESS, pa.array(found, mask=np.isnan(found)))
                writer.write_table(rows.cast(schema))
                n += len(rows)
        return n

    try:
        n = or_damaged(index.path, write)
        sync([temporary])
        os.replace(temporary, file)
        sync([file.parent])
    finally:
        temporary.unlink(missing_ok=True)
    return n


def restore(file: Path, target: Path, *, overwrite: bool) -> tuple[IndexFolder, dict[str, Any] | None]:
    """Write an index from an export, whole or not at all: the index, and name, package and effort of its engine.

    Raises
    ------
    DataError
        The file is not an export, or damaged.
    IndexFolderError
        `target` is taken.
    """
    source, told = _opened(file)
    hubs: list[pa.ChunkedArray] = []

    def fill(spool: Spool) -> Spool:
        for table in _tables(file, source):
            if HUBNESS in table.column_names:
                hubs.append(table[HUBNESS])
                table = table.drop_columns([HUBNESS])
            for name in table["id"].to_pylist():
                if name in spool.ids:
                    raise DataError(f"{file}: id '{name}' comes twice. The file is damaged: export again.")
                spool.ids[name] = None
            spool.put(table)
        if len(spool.ids) != told["rows"]:
            raise DataError(f"{file}: has {len(spool.ids)} of {told['rows']} rows. Export again.")
        return spool

    def bind(spool: Spool) -> Manifest:
        chosen = told["engine"] or dict.fromkeys(("name", "version", "package"), "")
        return Manifest(
            **{name: told[name] for name in BOUND}, created_by=f"tracets {tracets_version()}", engine=chosen["name"],
            engine_version=chosen["version"], engine_package=chosen["package"],
        )  # fmt: skip

    def finish(folder: Path) -> None:
        if told["hubness"]:
            known = pa.chunked_array([chunk for part in hubs for chunk in part.chunks], pa.float32()).drop_null()
            writing.add_hubness(folder, known.to_numpy())

    writing.build(target, fill, bind, overwrite=overwrite, finish=finish)
    return IndexFolder.open(target), told["engine"]


def _engine_of(part: EnginePart | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {"name": part.engine, "version": part.version, "package": part.package, "effort": part.effort}


def _opened(file: Path) -> tuple[pq.ParquetFile, dict[str, Any]]:
    if not file.is_file():
        raise DataError(f"no such file: '{file}'. Check the path.")
    try:
        source = pq.ParquetFile(file, page_checksum_verification=True)
        told = json.loads((source.schema_arrow.metadata or {})[KEY])
        whole = set(BOUND) | {"rows", "hubness", "engine"} <= set(told)
    except KeyError:
        raise DataError(
            f"{file}: is not the export of an index. Write one with tracets index export INDEX {file}; a corpus is "
            f"indexed with tracets index {file} --out INDEX."
        ) from None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise _unreadable(file, error) from error
    if not whole:
        raise IndexFolderError(f"{file}: does not say which model made its vectors. Export again.")
    return source, told


def _tables(file: Path, source: pq.ParquetFile) -> Iterator[pa.Table]:
    try:
        for batch in source.iter_batches(AT_ONCE):
            yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> DataError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return DataError(f"{file}: cannot be read ({reason}). The file is damaged: export again.")
