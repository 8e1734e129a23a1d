"""An open index: a LanceDB table of windows, vectors and text, bound to a model, as it was when it was opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tracets.disk import digest_of
from tracets.errors import IndexFolderError, NotFound
from tracets.filters import Filter
from tracets.filters.rows import rows_where
from tracets.index import writing
from tracets.index.derive import AT_ONCE
from tracets.index.flat import UNMAPPED
from tracets.index.lock import PATIENCE
from tracets.index.manifest import REBUILD, Manifest
from tracets.index.mapped import Mapped
from tracets.index.opening import current, open_table, or_damaged
from tracets.index.rows import OWN, VECTORS, Rows, plain_values, read_vectors, to_sample
from tracets.index.state import EnginePart, states, versions
from tracets.index.vectors import RowVectors, StoredSeries, StoredTexts
from tracets.types import KEEP_SECONDS, BoolArray, FloatArray, Sample

LOOKUP = 1000  # ids in one lookup, so that its expression stays short

Hubness = Callable[["IndexFolder"], FloatArray | None]


@dataclass(frozen=True, eq=False)
class Written:
    """What a change did: the index after it, and how many rows were added, replaced by id and deleted."""

    folder: IndexFolder
    added: int = 0
    replaced: int = 0
    deleted: int = 0


class IndexFolder:
    """Windows with their vectors, values and text in a folder. Knows ids, vectors and columns, and no encoder.

    Use `IndexFolder.create` or `IndexFolder.open`. It shows one version of the table, whatever others write meanwhile;
    `refresh` gives the newest one. Rows keep the order in which they came; one that is replaced goes to the end. Every
    row has a place in the mapped files; places of dead rows stay until the index is compacted, and no method gives one.
    The table is opened when something is asked that `mapped` does not hold: a search without a filter does without
    LanceDB.
    """

    def __init__(self, path: Path, manifest: Manifest, mapped: Mapped) -> None:
        self.path = path
        self.manifest = manifest
        self.mapped = mapped

    @cached_property
    def _table(self) -> Any:
        """The table in the version that is mapped."""
        state, path = self.mapped.state, self.path / f"{self.manifest.table}.lance"

        def opened() -> Any:
            for name, (size, sha256) in state.files.items():
                # deletions are small, and LanceDB ends the process where one is damaged
                if name.startswith("_deletions/") and (path / name).is_file() and size:
                    if digest_of(path / name) != sha256:
                        raise ValueError(f"{path.name}/{name} does not match its checksum")
            return open_table(self.path, self.manifest.table, state.version)

        return or_damaged(self.path, opened)

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
        hubness: Hubness | None = None,
    ) -> IndexFolder:
        """Write an index whole or not at all: it is built in a folder beside `path` that takes its place at the end.

        Parameters
        ----------
        path : path
            The folder to be. An index that is there is refused unless `overwrite`, anything else always; one that is
            overwritten can be read until the new one is there, and for an hour by whoever has it open.
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
        writing.build(
            target,
            lambda spool: spool.take(batches),
            writing.manifest_of(model, fingerprint, sample_weight),
            overwrite=overwrite,
            finish=_finish(hubness),
        )
        return cls.open(target)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> IndexFolder:
        """Open an index folder as it is now.

        Raises
        ------
        IndexFolderError
            The folder is missing, damaged, or of a newer format.
        """
        folder = Path(path)
        return cls(folder, *current(folder))

    def refresh(self) -> IndexFolder:
        """The newest version of the index: this one where nothing was written since it was opened."""
        manifest = Manifest.read(self.path)
        path = self.path / f"{manifest.table}.lance"
        if manifest == self.manifest and max(or_damaged(self.path, lambda: versions(path))) == self.version:
            return self
        return IndexFolder.open(self.path)

    def add(self, batches: Iterable[Rows], *, patience: float = PATIENCE) -> Written:
        """Append rows in one commit, on the disk and visible when this returns. This object shows what it showed.

        They must bring no column that the index does not have. The hubness of the texts is dropped by every change,
        since it was that of the texts and windows before; `compact` makes it anew.

        Parameters
        ----------
        patience : float, default=60
            Seconds to wait for another writer.

        Raises
        ------
        DataError
            An id that is already there, other dimensions, or columns that do not fit. Nothing was written.
        IndexFolderError
            Another process is writing, and did not end.
        """
        added, _ = writing.put(self.path, batches, replacing=False, patience=patience)
        return Written(IndexFolder.open(self.path), added=added)

    def upsert(self, batches: Iterable[Rows], *, patience: float = PATIENCE) -> Written:
        """Add rows, or let them take the place of those with their ids, in one commit; otherwise as `add`."""
        added, replaced = writing.put(self.path, batches, replacing=True, patience=patience)
        return Written(IndexFolder.open(self.path), added=added, replaced=replaced)

    def delete(self, ids: Iterable[str], *, patience: float = PATIENCE) -> Written:
        """Delete the rows with these ids in one commit. Raises NotFound for an unknown id: nothing is deleted then."""
        wanted = dict.fromkeys(ids)

        def choose(manifest: Manifest, mapped: Mapped) -> NDArray[np.int64]:
            places = writing.places_of(mapped, pa.array(wanted, pa.string()))
            if len(places) < len(wanted):
                there = set(mapped.facts["id"].take(pa.array(places)).to_pylist())
                raise self._unknown(next(name for name in wanted if name not in there))
            return places

        deleted = writing.remove(self.path, choose, patience=patience)
        return Written(IndexFolder.open(self.path), deleted=deleted)

    def delete_where(self, where: str, *, patience: float = PATIENCE) -> Written:
        """Delete the rows for which an expression holds (see `select`) when it is this writer's turn, in one commit."""

        def choose(manifest: Manifest, mapped: Mapped) -> NDArray[np.int64]:
            return or_damaged(self.path, lambda: IndexFolder(self.path, manifest, mapped).select(where))

        deleted = writing.remove(self.path, choose, patience=patience)
        return Written(IndexFolder.open(self.path), deleted=deleted)

    def compact(
        self, *, keep_seconds: float = KEEP_SECONDS, hubness: Hubness | None = None, patience: float = PATIENCE
    ) -> IndexFolder:
        """Rewrite the index without its dead rows, as it is now. Its rows, their order and vectors stay as they are.

        What an index engine made is gone afterwards, and hubness is what `hubness` gives (see `create`).

        Parameters
        ----------
        keep_seconds : float, default=3600
            What was replaced less long ago stays on the disk, for those who read it. 0 removes it, and breaks them.
        """
        writing.compact(self.path, keep_seconds=keep_seconds, patience=patience, finish=_finish(hubness))
        return IndexFolder.open(self.path)

    def keep_engine(self, made: Path, part: EnginePart, *, patience: float = PATIENCE) -> IndexFolder:
        """Keep what an index engine made of all rows of this version in a folder of this index, which is moved.

        Raises
        ------
        IndexFolderError
            The index has changed since.
        """
        writing.add_engine(self.path, self.mapped.state.version, made, part, patience=patience)
        return IndexFolder.open(self.path)

    def __len__(self) -> int:
        return self.mapped.state.rows - self.mapped.state.dead

    @property
    def version(self) -> int:
        """The version of the table that this shows."""
        return self.mapped.state.version

    @property
    def live(self) -> BoolArray:
        """Which places hold rows, (n_places,): the others are dead."""
        return self.mapped.live

    @property
    def n_texts(self) -> int:
        """How many rows have a text."""
        return int(self.live[self.mapped.text_rows].sum())

    def about(self) -> dict[str, Any]:
        """Counts, dimensions, model, format and bytes, as `tracets index info` prints them."""
        state = self.mapped.state
        sizes = {
            "table": sum(size for size, _ in state.files.values()),
            "vectors": sum(path.stat().st_size for path in self.mapped.folder.rglob("*") if path.is_file()),
            "folder": sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file()),
        }
        kept = [number for number, _ in states(self.path, self.manifest.table)]
        return {
            "path": str(self.path), "windows": len(self), "texts": self.n_texts, "dead_rows": state.dead,
            "model": self.manifest.model, "fingerprint": self.manifest.fingerprint, "dim": self.manifest.dim,
            "vectors_per_channel": self.manifest.vectors_per_channel, "sample_weight": self.manifest.sample_weight,
            "created_by": self.manifest.created_by, "format": self.manifest.format, "table": self.manifest.table,
            "version": state.version, "versions": len(versions(self.path / f"{self.manifest.table}.lance")),
            "readable_versions": len(set(kept)), "fragments": len([n for n in state.files if n.startswith("data/")]),
            "hubness": state.hubness is not None, "engine": self._about_engine(),
            "columns": self.columns, "bytes": sizes,
        }  # fmt: skip

    def _about_engine(self) -> dict[str, Any] | None:
        """What finds near vectors, as it was chosen, and what was measured when it was built (None: it is not)."""
        chosen, part = self.manifest, self.mapped.state.engine
        if part is not None:
            told = {"name": part.engine, "version": part.version, "package": part.package}
            return told | {"recall_at_10": part.recall, "effort": part.effort, "windows": part.rows}
        if not chosen.engine:
            return None
        told = {"name": chosen.engine, "version": chosen.engine_version, "package": chosen.engine_package}
        return told | {"recall_at_10": None, "effort": None, "windows": 0}

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
        ids: list[str] = or_damaged(self.path, self.mapped.facts["id"].to_pylist)
        return ids if not self.mapped.state.dead else [ids[i] for i in np.flatnonzero(self.live)]

    def row(self, id: str) -> int:
        """The place of the row with an id. Raises NotFound for an unknown id."""
        column, wanted, first = self.mapped.facts["id"], _scalar(id), 0
        while True:  # a row that was replaced is dead, and its id comes again
            found = int(pc.index(column.slice(first), wanted).as_py())
            if found < 0:
                raise self._unknown(id)
            if self.live[first + found]:
                return first + found
            first += found + 1

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
        rows = rows_where(where, self.mapped.facts)
        return rows[self.live[rows]]

    def contents(self, ids: Sequence[str] | None = None) -> Iterator[tuple[int, Sample]]:
        """What vectors were made from, for each row, or for those with some ids, and the place of each.

        The samples hold id, values, channel names, units, start, freq and text alone. An id that is not there is left
        out.
        """
        columns = ["id", "values", "channel_names", "units", "start", "freq", "text"]
        if ids is None:
            batches = or_damaged(
                self.path, lambda: self._table.search().with_row_id(True).select(columns).to_batches(AT_ONCE)
            )
        else:
            places = writing.places_of(self.mapped, pa.array(ids, pa.string()))
            parts = (places[lo : lo + AT_ONCE] for lo in range(0, len(places), AT_ONCE))
            batches = (batch for part in parts for batch in self._taken(part, columns).to_batches())
        order = np.argsort(self.mapped.row_ids, kind="stable")
        sorted_ids = self.mapped.row_ids[order]
        for batch in batches:
            facts = batch.select([name for name in columns if name != "values"]).to_pylist()
            at = order[np.searchsorted(sorted_ids, batch["_rowid"].to_numpy())]
            for place, row, fact in zip(at.tolist(), batch["values"], facts, strict=True):
                values = row.values.flatten().to_numpy(zero_copy_only=False).reshape(len(row.values), -1)
                yield place, Sample(
                    id=fact["id"], values=values, channel_names=tuple(fact["channel_names"]),
                    units=tuple(fact["units"]), start=fact["start"], freq=fact["freq"], text=fact["text"],
                )  # fmt: skip

    def vectors(self, rows: Sequence[int]) -> RowVectors:
        """Read the vectors of the rows at these places, in their order."""
        columns = ["vector", "channel_vectors", "text_vector", "sentence_vectors"]
        different = np.unique(np.array(rows, dtype=np.int64))
        taken = self._taken(different, columns)
        dim, m = self.manifest.dim, self.manifest.vectors_per_channel
        found: dict[str, list[Any]] = {
            name: [None if x.values is None else read_vectors(pa.chunked_array([x.values]), dim) for x in taken[name]]
            for name in columns
        }
        at = np.searchsorted(different, rows)
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
        """Read the text vectors of the rows that have a text; `rows` counts the rows in order, without dead ones."""
        table, dim = self._read(["text_vector", "sentence_vectors"]), self.manifest.dim
        rows = np.flatnonzero(table["text_vector"].is_valid().to_numpy())
        sizes = np.array([len(x) for x in table["sentence_vectors"]], dtype=np.int64)[rows]
        sample = read_vectors(table["text_vector"].drop_null(), dim)
        return StoredTexts(rows, sample, read_vectors(table["sentence_vectors"], dim), sizes)

    def hubness(self) -> FloatArray | None:
        """Read how near each mapped text is to all windows, (n_texts,); None for an index that does not know it.

        Raises
        ------
        IndexFolderError
            The file is damaged.
        """
        part = self.mapped.state.hubness
        if part is None:
            return None
        path, sha256 = self.mapped.folder / part.name, part.sha256

        def read() -> FloatArray:
            if digest_of(path) != sha256:
                raise ValueError(f"{path.parent.name}/{path.name} does not match its checksum")
            found: FloatArray = np.load(path, allow_pickle=False)
            return found

        return or_damaged(self.path, read)

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

        def read() -> list[dict[str, Any]]:
            found = self.mapped.facts.select(list(dict.fromkeys(columns))).take(places)
            values = [plain_values(column) for column in found.columns]
            return [dict(zip(found.column_names, row, strict=True)) for row in zip(*values, strict=True)]

        return or_damaged(self.path, read)

    def samples(self, ids: Sequence[str]) -> list[Sample]:
        """The stored windows with these ids, in their order. Raises NotFound for an unknown id."""
        rows = self.rows(ids, self.columns)
        return or_damaged(self.path, lambda: [to_sample(row) for row in rows])

    def _unknown(self, name: str) -> NotFound:
        return NotFound(f"index '{self.path}' has no window with id '{name}'. Ids come with every hit of a search.")

    def _taken(self, places: NDArray[np.int64], columns: list[str]) -> pa.Table:
        """Columns of the table for rows at different places, in their order."""
        ids = self.mapped.row_ids[places].tolist()
        found = or_damaged(self.path, lambda: self._table.take_row_ids(ids).with_row_id().select(columns).to_arrow())
        place = {row_id: i for i, row_id in enumerate(found["_rowid"].to_pylist())}
        return found.take(pa.array([place[i] for i in ids], pa.int64()))

    def _read(self, columns: list[str], where: str | None = None) -> pa.Table:
        def read() -> pa.Table:
            query = self._table.search()
            return (query.where(where) if where else query).select(columns).to_arrow()

        return or_damaged(self.path, read)


def _finish(hubness: Hubness | None) -> Callable[[Path], None]:
    """What a build and `compact` do at the end: hubness of the texts."""

    def finish(folder: Path) -> None:
        found = None if hubness is None else hubness(IndexFolder(folder, *current(folder, locked=True)))
        if found is not None:
            writing.add_hubness(folder, found)

    return finish


def _scalar(text: str) -> pa.Scalar:
    """What pa.scalar() gives, without its import of pandas."""
    data = text.encode()
    ends = pa.py_buffer(np.array([0, len(data)], np.int32))
    return pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)])[0]


def _among(ids: Sequence[str]) -> str:
    """The expression that holds for the rows with these ids."""
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in ids)
    return f"id IN ({quoted})"
