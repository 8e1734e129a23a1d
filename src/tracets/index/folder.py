"""An index on disk: a LanceDB table of windows, vectors and text, and a manifest that binds it to a model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracets.errors import DataError, IndexFolderError, NotFound
from tracets.filters import Filter
from tracets.filters.rows import rows_where
from tracets.index.manifest import FILE, REBUILD, Manifest, tracets_version
from tracets.index.mapped import UNMAPPED, Mapped, open_mapped, version_of, write_mapped
from tracets.index.rows import (
    OWN,
    VECTORS,
    Rows,
    conform,
    has_text,
    plain_values,
    read_vectors,
    to_sample,
    to_table,
    unify,
)
from tracets.index.vectors import RowVectors, StoredSeries, StoredTexts
from tracets.types import FloatArray, Sample

TABLE = "rows"
HUBNESS = "hubness.npy"
LOOKUP = 1000  # ids in one lookup, so that its expression stays short
ATTEMPTS = 3  # to map a table that changes while it is read
DERIVED = 1024  # rows in memory while the mapped vectors are written
T = TypeVar("T")


class IndexFolder:
    """Windows with their vectors, values and text in a folder. Knows ids, vectors and columns, and no encoder.

    Use `IndexFolder.create` or `IndexFolder.open`. Rows keep the order in which they came. The table is opened when
    something is asked that `mapped` does not hold: a search, filtered or not, does without LanceDB.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path = path
        self.manifest = manifest

    @cached_property
    def _table(self) -> Any:
        """The table in the state that `mapped` was made from, or as it is now where nothing is mapped yet."""

        def connect() -> Any:
            import lancedb

            table = lancedb.connect(self.path).open_table(TABLE)
            if "mapped" in self.__dict__ and table.version != self.mapped.table_version:
                table.checkout(self.mapped.table_version)
            return table

        return _or_damaged(self.path, connect)

    @cached_property
    def mapped(self) -> Mapped:
        """The vectors and facts of all rows, memory-mapped; made from the table first where they are missing or stale.

        Raises
        ------
        IndexFolderError
            The table is damaged, or changes faster than it can be read.
        """

        def derive() -> Mapped:
            for _ in range(ATTEMPTS):
                version = version_of(self.path / f"{TABLE}.lance")
                found = open_mapped(self.path, version)
                if found is not None:
                    return found
                self.__dict__.pop("_table", None)  # one opened before may show an older state
                table = self._table
                columns = [name for name in table.schema.names if name != "values"]
                batches = table.search().with_row_id(True).select(columns).to_batches(DERIVED)
                folder = write_mapped(
                    self.path, version, batches, dim=self.manifest.dim, table_version=int(table.version)
                )
                found = open_mapped(folder.parent, version)
                if found is not None and version == version_of(self.path / f"{TABLE}.lance"):
                    return found
            raise OSError("its memory-mapped vectors could not be written, or it is being written to")

        return _or_damaged(self.path, derive)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        batches: Iterable[Rows],
        *,
        model: str,
        fingerprint: str,
        sample_weight: float,
        overwrite: bool = False,
        hubness: Callable[[IndexFolder], FloatArray | None] | None = None,
    ) -> IndexFolder:
        """Write an index whole or not at all: it is built in a folder beside `path` that takes its place at the end.

        Parameters
        ----------
        path : path
            The folder to be. An index that is there is refused unless `overwrite`, anything else always.
        batches : iterable of Rows
            Read once; only one batch is in memory at a time.
        model, fingerprint : str
            The encoder that made the vectors.
        sample_weight : float
            Share of the sample cosine in the score, in [0, 1].
        hubness : callable, optional
            Called with the index before it takes its place; gives the hubness of its texts, in their order, or None.

        Raises
        ------
        IndexFolderError
            `path` is taken.
        DataError
            No rows, an id that comes twice, or columns that cannot be stored.
        """
        target = Path(path)
        _check_free(target, overwrite)
        target.parent.mkdir(parents=True, exist_ok=True)
        building = target.parent / f".{target.name}.building-{os.getpid()}"
        shutil.rmtree(building, ignore_errors=True)
        try:
            (building / "spool").mkdir(parents=True)
            counts = _Counts(seen=set())
            schemas = []
            for i, rows in enumerate(batches):
                table = counts.take(rows)
                schemas.append(table.schema)
                with pa.ipc.new_file(building / "spool" / f"{i:08d}.arrow", table.schema) as writer:
                    writer.write_table(table)
            if not schemas:
                raise DataError("there are no windows to index. Check the corpus and its filters.")
            _write_table(building, unify(schemas))
            manifest = Manifest(
                model=model,
                fingerprint=fingerprint,
                dim=counts.dim,
                vectors_per_channel=counts.vectors_per_channel,
                sample_weight=float(sample_weight),
                rows=len(counts.seen),
                texts=counts.texts,
                created_by=f"tracets {tracets_version()}",
            )
            manifest.write(building)
            built = cls.open(building)
            built.mapped  # noqa: B018 (written here, so that it takes its place with the rest)
            hubs = None if hubness is None else hubness(built)
            if hubs is not None:
                np.save(building / HUBNESS, hubs.astype(np.float32), allow_pickle=False)
            _put_in_place(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return cls.open(target)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> IndexFolder:
        """Open an index folder.

        Raises
        ------
        IndexFolderError
            The folder is missing, damaged, or of another format.
        """
        folder = Path(path)
        found = cls(folder, Manifest.read(folder))
        version = _or_damaged(folder, lambda: version_of(folder / f"{TABLE}.lance"))
        mapped = open_mapped(folder, version)
        if mapped is not None:
            found.mapped = mapped
        n = len(found)
        if n < found.manifest.rows:
            raise IndexFolderError(
                f"index '{folder}' is damaged: {n} of its {found.manifest.rows} rows are left. {REBUILD} {folder}"
            )
        return found

    def add(self, batches: Iterable[Rows]) -> IndexFolder:
        """Append rows in one commit; the index with them. They must bring no column that the index does not have.

        The hubness of the texts is dropped: it was that of the texts and windows before.

        Raises
        ------
        DataError
            An id that is already there, other dimensions, or columns that do not fit.
        """
        counts = _Counts(seen=set(self.ids()), texts=self.manifest.texts)
        counts.dim, counts.vectors_per_channel = self.manifest.dim, self.manifest.vectors_per_channel
        schema = self._table.schema
        tables = [conform(counts.take(rows), schema) for rows in batches]
        if tables:
            (self.path / HUBNESS).unlink(missing_ok=True)
            self._table.checkout_latest()
            self._table.add(pa.concat_tables(tables), on_bad_vectors="null")
            replace(self.manifest, rows=len(counts.seen), texts=counts.texts).write(self.path)
        return IndexFolder.open(self.path)

    def __len__(self) -> int:
        if "mapped" in self.__dict__:
            return len(self.mapped)
        return int(_or_damaged(self.path, self._table.count_rows))

    def check_model(self, name: str, fingerprint: str) -> None:
        """Refuse an encoder other than the one that made the vectors.

        Raises
        ------
        IndexFolderError
            Another fingerprint; both models are named.
        """
        if fingerprint != self.manifest.fingerprint:
            raise IndexFolderError(
                f"index '{self.path}' was built with model '{self.manifest.model}' (fingerprint "
                f"{self.manifest.fingerprint}), the query comes from model '{name}' (fingerprint {fingerprint}); their "
                f"vectors cannot be compared. Use model '{self.manifest.model}', or build the index anew with '{name}'."
            )

    def ids(self) -> list[str]:
        """The ids of all rows, in order."""
        return self.mapped.facts["id"].to_pylist()

    def row(self, id: str) -> int:
        """The place of an id among all rows. Raises NotFound for an unknown id."""
        found = int(pc.index(self.mapped.facts["id"], _scalar(id)).as_py())
        if found < 0:
            raise self._unknown(id)
        return found

    @property
    def columns(self) -> list[str]:
        """All columns but the vectors; a filter may name those that are mapped, which the values are not."""
        return [name for name in self._table.schema.names if name not in VECTORS]

    @property
    def metadata_columns(self) -> list[str]:
        """The columns beyond those that every index has."""
        return [name for name in self.mapped.facts.column_names if name not in OWN]

    def select(self, where: str | Filter) -> NDArray[np.int64]:
        """The rows, rising, for which a filter over the facts holds: SQL such as "entity = 'ny'", or a `Filter`.

        Reads the columns that the filter names, and neither LanceDB nor the table; see `tracets.filters`.

        Raises
        ------
        QueryError
            An expression that cannot be read, an unknown column (the columns are listed), or a value that is not of
            the kind of its column.
        """
        return rows_where(where, self.mapped.facts)

    def contents(self) -> Iterator[Sample]:
        """What vectors were made from, row by row: id, values, channel names, units, start, freq and text alone."""
        columns = ["id", "values", "channel_names", "units", "start", "freq", "text"]
        batches = _or_damaged(self.path, lambda: self._table.search().select(columns).to_batches(DERIVED))
        for batch in batches:
            facts = batch.select([name for name in columns if name != "values"]).to_pylist()
            for row, fact in zip(batch["values"], facts, strict=True):
                values = row.values.flatten().to_numpy(zero_copy_only=False).reshape(len(row.values), -1)
                yield Sample(
                    id=fact["id"], values=values, channel_names=tuple(fact["channel_names"]),
                    units=tuple(fact["units"]), start=fact["start"], freq=fact["freq"], text=fact["text"],
                )  # fmt: skip

    def vectors(self, rows: Sequence[int]) -> RowVectors:
        """Read the vectors of the rows at these places, in their order."""
        columns = ["vector", "channel_vectors", "text_vector", "sentence_vectors"]
        different = sorted(set(rows))
        taken = _or_damaged(self.path, lambda: self._table.take_offsets(different).select(["id", *columns]).to_arrow())
        dim, m = self.manifest.dim, self.manifest.vectors_per_channel
        found: dict[str, list[Any]] = {
            name: [None if x.values is None else read_vectors(pa.chunked_array([x.values]), dim) for x in taken[name]]
            for name in columns
        }
        place = {name: i for i, name in enumerate(taken["id"].to_pylist())}
        at = [place[fact["id"]] for fact in self.facts(np.array(rows, dtype=np.int64), ["id"])]
        text = found["text_vector"]
        return RowVectors(
            tuple((found["vector"][i][0], found["channel_vectors"][i].reshape(-1, m, dim)) for i in at),
            tuple(None if text[i] is None else (text[i][0], found["sentence_vectors"][i]) for i in at),
        )

    def series(self, id: str | None = None) -> StoredSeries:
        """Read the series vectors of all rows, or of one. Raises NotFound for an unknown id."""
        table = self._read(["vector", "channel_vectors", "channel_names"], None if id is None else _among([id]))
        if id is not None and not len(table):
            raise self._unknown(id)
        dim = self.manifest.dim
        names = tuple(tuple(n) for n in table["channel_names"].to_pylist())
        sample, channels = read_vectors(table["vector"], dim), read_vectors(table["channel_vectors"], dim)
        if len(sample) != len(names) or len(channels) != sum(map(len, names)) * self.manifest.vectors_per_channel:
            raise IndexFolderError(
                f"index '{self.path}' is damaged: its vectors do not match its channels. {REBUILD} {self.path}"
            )
        return StoredSeries(sample, channels, names)

    def texts(self) -> StoredTexts:
        """Read the text vectors of the rows that have a text."""
        table, dim = self._read(["text_vector", "sentence_vectors"]), self.manifest.dim
        rows = np.flatnonzero(table["text_vector"].is_valid().to_numpy())
        sizes = np.array([len(x) for x in table["sentence_vectors"]], dtype=np.int64)[rows]
        sample = read_vectors(table["text_vector"].drop_null(), dim)
        return StoredTexts(rows, sample, read_vectors(table["sentence_vectors"], dim), sizes)

    def hubness(self) -> FloatArray | None:
        """Read how near each text is to all windows, (n_texts,); None for an index that does not know it.

        Raises
        ------
        IndexFolderError
            The file is damaged.
        """
        path = self.path / HUBNESS
        if not path.is_file():
            return None
        found: FloatArray = _or_damaged(self.path, lambda: np.load(path, allow_pickle=False))
        if found.shape != (self.manifest.texts,) or found.dtype != np.float32 or not np.isfinite(found).all():
            raise IndexFolderError(
                f"index '{self.path}' is damaged: {HUBNESS} does not match its {self.manifest.texts} texts. "
                f"{REBUILD} {self.path}"
            )
        return found

    def rows(self, ids: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns of some rows, in the order of `ids`.

        Raises
        ------
        NotFound
            An id that is not in the index.
        """
        if not set(columns) & set(UNMAPPED):
            return self.facts(np.array([self.row(name) for name in ids], dtype=np.int64), ["id", *columns])
        found: dict[str, dict[str, Any]] = {}
        wanted = list(dict.fromkeys(["id", *columns]))
        for first in range(0, len(ids), LOOKUP):
            table = self._read(wanted, _among(ids[first : first + LOOKUP]))
            found |= {row["id"]: row for row in table.to_pylist()}
        for name in ids:
            if name not in found:
                raise self._unknown(name)
        return [found[name] for name in ids]

    def facts(self, rows: NDArray[np.int64], columns: Sequence[str]) -> list[dict[str, Any]]:
        """Some columns, but vectors and values, of the rows at these places, in the order of `rows`."""
        # pa.array() and pa.scalar() would import pandas to see whether they were given something of its own
        places = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(np.array(rows, np.int64))])
        found = self.mapped.facts.select(list(dict.fromkeys(columns))).take(places)
        values = [plain_values(column) for column in found.columns]
        return [dict(zip(found.column_names, row, strict=True)) for row in zip(*values, strict=True)]

    def samples(self, ids: Sequence[str]) -> list[Sample]:
        """The stored windows with these ids, in their order. Raises NotFound for an unknown id."""
        return [to_sample(row) for row in self.rows(ids, self.columns)]

    def _unknown(self, name: str) -> NotFound:
        return NotFound(f"index '{self.path}' has no window with id '{name}'. Ids come with every hit of a search.")

    def _read(self, columns: list[str], where: str | None = None) -> pa.Table:
        def read() -> pa.Table:
            query = self._table.search()
            return (query.where(where) if where else query).select(columns).to_arrow()

        return _or_damaged(self.path, read)


@dataclass(eq=False)
class _Counts:
    """What must hold across batches: ids come once, all vectors have one shape."""

    seen: set[str]
    texts: int = 0
    dim: int = 0
    vectors_per_channel: int = 0

    def take(self, rows: Rows) -> pa.Table:
        for sample in rows.samples:
            if sample.id in self.seen:
                raise DataError(f"id '{sample.id}' comes twice; ids are unique in an index. Rename one of them.")
            self.seen.add(sample.id)
        found = rows.dim, rows.vectors_per_channel
        self.dim, self.vectors_per_channel = self.dim or found[0], self.vectors_per_channel or found[1]
        if found != (self.dim, self.vectors_per_channel):
            raise DataError(
                f"an index holds vectors of one shape: {self.vectors_per_channel} a channel of width {self.dim}, got "
                f"{found[1]} of width {found[0]}. Encode all rows with one encoder."
            )
        self.texts += sum(has_text(s) for s in rows.samples)
        return to_table(rows)


def _scalar(text: str) -> pa.Scalar:
    """What pa.scalar() gives, without its import of pandas."""
    data = text.encode()
    ends = pa.py_buffer(np.array([0, len(data)], np.int32))
    return pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)])[0]


def _among(ids: Sequence[str]) -> str:
    """The expression that holds for the rows with these ids."""
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in ids)
    return f"id IN ({quoted})"


def _write_table(building: Path, schema: pa.Schema) -> None:
    import lancedb

    spool = sorted((building / "spool").iterdir())

    def batches() -> Iterator[pa.RecordBatch]:
        for file in spool:
            with pa.OSFile(str(file)) as source:
                yield from conform(pa.ipc.open_file(source).read_all(), schema).to_batches()

    # With the schema named LanceDB infers nothing from column names; "null" lets the vector of a missing text be null.
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    lancedb.connect(building).create_table(TABLE, reader, schema=schema, on_bad_vectors="null")
    shutil.rmtree(building / "spool")


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / FILE).is_file():
        raise IndexFolderError(f"'{target}' exists and is not an index; it is left as it is. Choose another folder.")
    if not overwrite:
        raise IndexFolderError(
            f"index '{target}' exists. Choose another folder, encode only what is new to it (update), or write it anew "
            f"(overwrite)."
        )


def _put_in_place(building: Path, target: Path) -> None:
    if not (target / FILE).is_file():
        os.replace(building, target)
        return
    old = target.parent / f".{target.name}.old-{os.getpid()}"
    os.replace(target, old)
    try:
        os.replace(building, target)
    except OSError:
        os.replace(old, target)
        raise
    shutil.rmtree(old)


def _or_damaged(folder: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).split(", /")[0].splitlines()[0]
        raise IndexFolderError(f"index '{folder}' is damaged: {reason}. {REBUILD} {folder}") from error
