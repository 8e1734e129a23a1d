"""Rows on their way into an index: checked, and kept on the disk until all have come."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from tracets.errors import DataError, IndexFolderError
from tracets.index.rows import Rows, conform, to_table


@dataclass(eq=False)
class Spool:
    """Tables of rows in the files of a folder. Use it as a context: the folder goes with it.

    Ids come once, and all vectors have one shape.
    """

    folder: Path
    ids: dict[str, None] = field(default_factory=dict)
    schemas: list[pa.Schema] = field(default_factory=list)
    dim: int = 0
    vectors_per_channel: int = 0

    @classmethod
    def beside(cls, home: Path) -> Spool:
        """A spool in a new folder of `home`."""
        return cls(Path(tempfile.mkdtemp(prefix=f".spool-{os.getpid()}-", dir=home)))

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, batches: Iterable[Rows]) -> Spool:
        """Read all batches, one in memory at a time.

        Raises
        ------
        DataError
            An id that comes twice, vectors of several shapes, or columns that cannot be stored.
        """
        for rows in batches:
            for sample in rows.samples:
                if sample.id in self.ids:
                    raise DataError(f"id '{sample.id}' comes twice; ids are unique in an index. Rename one of them.")
                self.ids[sample.id] = None
            self.check_shape(rows.dim, rows.vectors_per_channel)
            self.put(to_table(rows))
        return self

    def put(self, table: pa.Table) -> None:
        """Keep a table of rows as it is."""
        try:
            with pa.ipc.new_file(self.folder / f"{len(self.schemas):08d}.arrow", table.schema) as writer:
                writer.write_table(table)
        except OSError as error:
            reason = (str(error).splitlines() or ["it cannot be written to"])[0].rstrip(".")
            raise IndexFolderError(
                f"rows cannot be kept in '{self.folder.parent}' until all have come: {reason}. Nothing was changed. "
                f"Free the disk or check its permissions, and try again."
            ) from error
        self.schemas.append(table.schema)

    def check_shape(self, dim: int, vectors_per_channel: int) -> None:
        """Refuse vectors of another shape than those before."""
        self.dim, self.vectors_per_channel = self.dim or dim, self.vectors_per_channel or vectors_per_channel
        if (dim, vectors_per_channel) != (self.dim, self.vectors_per_channel):
            raise DataError(
                f"an index holds vectors of one shape: {self.vectors_per_channel} a channel of width {self.dim}, got "
                f"{vectors_per_channel} of width {dim}. Encode all rows with one encoder."
            )

    def reader(self, schema: pa.Schema) -> pa.RecordBatchReader:
        """All rows in the columns and types of a schema. Raises DataError, before the first row, where one misfits."""
        for table in self._tables():
            conform(table, schema)

        def batches() -> Iterator[pa.RecordBatch]:
            for table in self._tables():
                yield from conform(table, schema).to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _tables(self) -> Iterator[pa.Table]:
        for file in sorted(self.folder.iterdir()):
            with pa.OSFile(str(file)) as source:
                yield pa.ipc.open_file(source).read_all()
