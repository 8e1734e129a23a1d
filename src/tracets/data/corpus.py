"""A corpus: windows of series with their text, as one Arrow table and one Parquet file."""

from __future__ import annotations

import base64
import contextlib
import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracets import reprs
from tracets.data.parquet_door import ROWS_AT_ONCE, read_batches
from tracets.data.schema import CONTRACT, MATRIX, SPLITS, STRINGS, TEXTS, conform, validate
from tracets.data.sharing import shared_by_processes
from tracets.errors import DataError, QueryError
from tracets.files import LIMITS, Limits
from tracets.filters import Filter
from tracets.filters.rows import rows_where
from tracets.types import FloatArray, Sample

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

UNNAMED = "corpus"
SHOWN = 5
"""Windows that a notebook shows of a corpus."""
WINDOWS = 24
"""Windows that `plot` draws by default."""
IN_MEMORY = 128_000_000
"""Bytes; a larger corpus is read from a memory-mapped file, so that its values need no memory of their own."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """A read-only sequence of samples over an Arrow table; a row becomes a `Sample` when it is asked for.

    Parameters
    ----------
    table : pyarrow.Table
        Columns of the corpus contract; missing optional columns are added as nulls, every other column is metadata. The
        rows are trusted: use `read_corpus` or `Corpus.from_samples`, or call `validate`, for data from outside.

    Raises
    ------
    DataError
        A required column (id, values, channel_names) is missing or of a wrong type.

    Examples
    --------
    >>> corpus = Corpus.from_samples([Sample("a", np.zeros((1, 4)), ("load",), metadata={"entity": "ny"})])
    >>> len(corpus), corpus[0].id, corpus.column("entity")
    (1, 'a', ['ny'])
    """

    table: pa.Table

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", conform(self.table, file=UNNAMED))

    @classmethod
    def from_samples(cls, samples: Iterable[Sample], *, limits: Limits = LIMITS) -> Corpus:
        """Gather samples into a corpus and validate it.

        Raises
        ------
        DataError
            No samples, duplicate ids, starts of several time zones, metadata of mixed types under one name, or more
            than `limits` allow.
        """
        given = list(samples)
        if not given:
            raise DataError("Corpus.from_samples() got no samples. Check the filter or the window length.")
        try:
            corpus = cls(pa.table(_contract_columns(given) | _metadata_columns(given)))
        except UnicodeEncodeError as error:
            raise DataError(
                f"a sample has text that is not Unicode ({error.reason}: {error.object[error.start]!r}). Is the name "
                f"of its file UTF-8?"
            ) from error
        corpus.validate(limits=limits)
        return corpus

    def validate(self, *, file: str = UNNAMED, limits: Limits = LIMITS) -> None:
        """Check every row against the contract; `file` is the name used in messages. Raises DataError."""
        validate(self.table, file=file, limits=limits)

    def __len__(self) -> int:
        return self.table.num_rows

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"corpus index {index} is out of range for {len(self)} samples.")
        return next(self._samples(self.table.slice(index % len(self), 1)))

    def __iter__(self) -> Iterator[Sample]:
        for begin in range(0, len(self), ROWS_AT_ONCE):
            yield from self._samples(self.table.slice(begin, ROWS_AT_ONCE))

    def _samples(self, rows: pa.Table) -> Iterator[Sample]:
        names = [name for name in self.table.column_names if name != "values"]
        columns = {name: rows[name].to_pylist() for name in names}
        shared: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # most windows of a corpus have the same channels

        def once(given: list[Any] | None) -> tuple[Any, ...]:
            found = tuple(given or ())
            return shared.setdefault(found, found)

        for i, values in enumerate(rows["values"]):
            row = {name: column[i] for name, column in columns.items()}
            yield Sample(
                values=_matrix(values),
                channel_names=once(row["channel_names"]),
                units=once(row["units"]),
                channel_texts=tuple(row["channel_texts"] or ()),
                start=row["start"],
                id=row["id"],
                metadata={name: plain(row[name]) for name in self.metadata_names},
                **{name: row[name] for name in TEXTS},
            )

    @property
    def ids(self) -> list[str]:
        return self.table["id"].to_pylist()

    @property
    def metadata_names(self) -> list[str]:
        """Names of the columns beyond the contract."""
        return self.table.column_names[len(CONTRACT) :]

    def column(self, name: str) -> list[Any]:
        """All values of one column, in row order; contract columns that the file lacked are all None.

        Raises
        ------
        DataError
            No such column.
        """
        if name not in self.table.column_names:
            raise DataError(f"the corpus has no column '{name}'. It has: {', '.join(self.table.column_names)}.")
        values = self.table[name].to_pylist()
        return [plain(v) for v in values] if name not in CONTRACT else values

    def select(self, indices: Sequence[int] | np.ndarray) -> Corpus:
        """The rows at `indices`, in that order."""
        rows = pa.array(indices, pa.int64())
        if not len(rows):
            return Corpus(self.table.slice(0, 0))
        begins = range(0, len(rows), ROWS_AT_ONCE)
        kept = _kept(self.table.take(rows.slice(begin, ROWS_AT_ONCE)) for begin in begins)
        assert kept is not None, "there are rows"
        return Corpus(kept)

    def split(self, name: str) -> Corpus:
        """The rows of one split ("train", "val" or "test"); empty where there are none.

        Raises
        ------
        DataError
            Not a split name.
        """
        if name not in SPLITS:
            raise DataError(f"there is no split '{name}'. Use one of {', '.join(SPLITS)}.")
        return self.select(np.flatnonzero(pc.fill_null(pc.equal(self.table["split"], name), False).to_numpy()))

    def where(self, where: str | Filter) -> Corpus:
        """The rows that a filter over the columns keeps, in their order.

        The same filters as in `tracets search --where` (see `tracets.filters`): ``label IN ('rain', 'fair')``,
        ``entity = 'ny' AND start >= timestamp '2013-10-01'``; quote odd names with backticks. A time
        without an offset is a local time in the zone of the column.

        Raises
        ------
        DataError
            An unknown column (the known ones are listed), or a filter that cannot be read or does not fit its column.
        """
        try:
            return self.select(rows_where(where, self.table.drop_columns(["values"])))
        except QueryError as error:
            raise DataError(str(error)) from error

    def plot(self, *, by: str = "label", most: int = WINDOWS) -> Figure:
        """Windows over one another as a plotly figure: a panel a channel, from the first step on.

        Parameters
        ----------
        by : str, default="label"
            What they are coloured by: label, split, domain, source, id or a metadata column.
        most : int, default=24
            1 <= most. Of more windows, so many evenly among them.

        Raises
        ------
        DataError
            No windows, none that has `by`, or `most` below 1.

        Examples
        --------
        >>> corpus.where("entity = 'JFK'").plot(by="split")  # doctest: +SKIP
        """
        from tracets.figures import corpus_figure, evenly

        if most < 1:
            raise DataError(f"plot() expects `most` of at least 1, got {most}.")
        return corpus_figure([self[i] for i in evenly(len(self), most)], by=by)

    def _repr_html_(self) -> str:
        """What a notebook shows: how many windows and of what, and the first of them."""
        first = list(self._samples(self.table.slice(0, SHOWN)))
        rows: list[tuple[str | float | None, ...]] = [
            (s.id, None if s.start is None else s.start.isoformat(), s.n_steps, s.label,
             reprs.line(s.values[0].tolist()), s.text)
            for s in first
        ]  # fmt: skip
        names = dict.fromkeys(name for s in first for name in s.channel_names)
        splits = Counter(name for name in self.column("split") if name)
        facts = {
            "channels": ", ".join(names) or None,
            "splits": ", ".join(f"{name} {splits[name]}" for name in SPLITS if splits[name]) or None,
            "labels": len({label for label in self.column("label") if label is not None}) or None,
            "metadata": ", ".join(self.metadata_names) or None,
        }
        table = reprs.table(("id", "start", "steps", "label", "first channel", "text"), rows)
        more = f"and {len(self) - len(rows)} more" if len(self) > len(rows) else None
        return reprs.card(f"{len(self)} windows", facts, table if rows else None, more)


def read_corpus(path: str | os.PathLike[str], *, limits: Limits = LIMITS) -> Corpus:
    """Read and validate a corpus file (Parquet, one row a window).

    A large one is not held in memory: its rows go to a temporary file without compression, which is mapped and
    vanishes with the corpus (so do those of `split`, `select` and `where`). The processes of one training on a machine
    map one such file.

    Raises
    ------
    DataError
        No such file, not Parquet, no rows, more than `limits` allow, or a row that breaks the contract; names file, row
        (from 0) and id.
    """
    file = Path(path)
    pieces = (conform(piece, file=str(file)) for piece in read_batches(file, limits=limits))
    try:
        with shared_by_processes(file) as shared:
            made = shared is not None and shared.is_file()
            table = _mapped(str(shared)) if made else _kept(pieces, shared)
    except (pa.ArrowException, MemoryError) as error:
        raise DataError(f"{file}: cannot be held ({' '.join(str(error).split())}). Is it a corpus file?") from error
    if table is None:
        raise DataError(f"{file}: the corpus is empty. Write at least one row.")
    validate(table, file=str(file), limits=limits)
    return Corpus(table)


def _kept(pieces: Iterable[pa.Table], shared: Path | None = None) -> pa.Table | None:
    """Pieces as one table: in memory, or, where they are large, in a memory-mapped file, which has no name but
    `shared`; None of none."""
    pieces, held, n_bytes = iter(pieces), [], 0
    for piece in pieces:
        held.append(piece)
        n_bytes += piece.nbytes
        if n_bytes > IN_MEMORY:
            break
    else:
        return pa.concat_tables(held) if held else None
    handle, path = tempfile.mkstemp(suffix=".arrow", prefix="tracets-", dir=shared and shared.parent)
    os.close(handle)
    try:
        with pa.ipc.new_file(path, held[0].schema) as writer:
            while held:
                writer.write_table(held.pop(0))
            for piece in pieces:
                writer.write_table(piece)
        table = _mapped(path)
        if shared is not None:
            os.replace(path, shared)
        return table
    finally:
        pa.default_memory_pool().release_unused()
        # Windows keeps the name as long as the file is open
        with contextlib.suppress(PermissionError, FileNotFoundError):
            os.unlink(path)


def _mapped(path: str | Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def write_corpus(corpus: Corpus, path: str | os.PathLike[str]) -> None:
    """Write a corpus as zstd Parquet, whole or not at all: a temporary file beside `path` replaces it at the end."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(corpus.table, temporary, compression="zstd")
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """A value that JSON can hold: times as ISO 8601, NaN and infinities as None, bytes as base64, NumPy as Python."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    raise DataError(f"metadata cannot hold a {type(value).__name__}. Use text, numbers, times or lists of them.")


def _matrix(row: pa.ListScalar) -> FloatArray:
    channels = row.values
    return channels.flatten().to_numpy(zero_copy_only=False).reshape(len(channels), -1)  # (c, t)


def _contract_columns(samples: list[Sample]) -> dict[str, pa.Array]:
    flat = pa.array(np.concatenate([s.values.ravel() for s in samples]))
    steps = np.repeat([s.n_steps for s in samples], [s.n_channels for s in samples])
    channels = pa.ListArray.from_arrays(pa.array(_offsets(steps)), flat)
    values = pa.ListArray.from_arrays(pa.array(_offsets([s.n_channels for s in samples])), channels)

    def texts(lists: list[tuple[str | None, ...]]) -> pa.Array:
        return pa.array([list(x) if any(v is not None for v in x) else None for x in lists], STRINGS)

    return {
        "id": pa.array([s.id for s in samples], pa.string()),
        "values": values.cast(MATRIX),
        "channel_names": pa.array([list(s.channel_names) for s in samples], STRINGS),
        "units": texts([s.units for s in samples]),
        "start": _starts(samples),
        "channel_texts": texts([s.channel_texts for s in samples]),
        **{name: pa.array([getattr(s, name) for s in samples], pa.string()) for name in TEXTS},
    }


def _offsets(lengths: Any) -> np.ndarray:
    ends = np.cumsum(lengths)
    if ends[-1] > np.iinfo(np.int32).max:
        raise DataError(f"{ends[-1]} values are too many for one table. Write several corpus files.")
    return np.concatenate([[0], ends]).astype(np.int32)


def _starts(samples: list[Sample]) -> pa.Array:
    zones: dict[str | None, str] = {}
    for s in samples:
        if s.start is not None:
            zones.setdefault(pa.lib.tzinfo_to_string(s.start.tzinfo) if s.start.tzinfo else None, s.id)
    if len(zones) > 1:
        (one, a), (two, b) = list(zones.items())[:2]
        raise DataError(
            f"sample '{a}' starts in time zone {one}, sample '{b}' in {two}; a corpus file holds one zone. "
            f"Convert the starts to one zone, or write one file a zone."
        )
    return pa.array([s.start for s in samples], pa.timestamp("us", tz=next(iter(zones), None)))


def _metadata_columns(samples: list[Sample]) -> dict[str, pa.Array]:
    names = list(dict.fromkeys(name for s in samples for name in s.metadata))
    columns = {}
    for name in names:
        if name in CONTRACT:
            raise DataError(f"metadata may not be named '{name}': that is a column of the corpus contract. Rename it.")
        values = [plain(s.metadata.get(name)) for s in samples]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(f"metadata '{name}' mixes types ({error}). Give it one type in all samples.") from error
    return columns
