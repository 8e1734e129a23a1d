"""A folder of corpus files as parts that can be encoded apart, and the encoding of one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tracets.data.corpus import Corpus
from tracets.data.schema import conform, validate
from tracets.embedding.vectors import ROWS_AT_ONCE, embed_to_file
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError
from tracets.storage import Entry, Location
from tracets.types import Sample

LAYOUT = 1
"""Of a fragment; another one makes all of them anew."""
ROWS = 8192
"""Of a part, at most, where the row groups of a file are no larger: what a lost worker loses."""
READERS = 16
BUFFER = 1 << 20
"""Bytes of each column in memory while a file is read, however large its row groups are."""
FRAGMENTS = "_fragments"


@dataclass(frozen=True)
class Part:
    """Some row groups of a corpus file, `first` to `last` - 1, and the fragment that their vectors go to.

    `begin` is the row of the file that they begin with. The fragment is named by all that its content depends on: a
    file that has changed, or another model, gives another name.
    """

    file: str
    first: int
    last: int
    begin: int
    rows: int
    fragment: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Part:
        return cls(**json.loads(text))


def corpus_files(source: Location, only: str | None) -> list[Entry]:
    """The Parquet files below a place, or the one that is asked for; what begins with a dot or underscore is left out.

    Raises
    ------
    DataError
        There are none.
    """
    found = [
        entry
        for entry in source.files()
        if entry.name.endswith(".parquet") and not any(part[0] in "._" for part in entry.name.split("/"))
    ]
    if only is not None:
        found = [entry for entry in found if entry.name == only]
    if not found:
        what = f"no file '{only}'" if only else "no Parquet file"
        raise DataError(
            f"there is {what} in '{source.shown}'. Name a corpus file, or a folder or bucket that has some."
        )
    return found


def plan_parts(source: Location, files: Sequence[Entry], fingerprint: str) -> list[Part]:
    """Cut corpus files into parts, in order; reads the end and the ids of each file.

    Raises
    ------
    DataError
        A file that is not Parquet or has no ids, no rows at all, or an id that comes twice.
    """
    with ThreadPoolExecutor(READERS) as pool:
        looked = list(pool.map(lambda entry: _look(source, entry, fingerprint), files))
    parts = [part for found, _ in looked for part in found]
    if not parts:
        raise DataError(f"the corpus files in '{source.shown}' are empty. Write at least one row.")
    _check_unique(source, files, [hashes for _, hashes in looked])
    return parts


def encode_part(part: Part, source: Location, target: Location, encoder: PairEncoder, *, batch_size: int) -> None:
    """Write the fragment of a part, whole or not at all; it is made on this machine first.

    Raises
    ------
    DataError
        A row breaks the corpus contract; file and row are named.
    """
    with TemporaryDirectory(prefix="tracets-part-") as folder:
        made = Path(folder) / "fragment.parquet"
        embed_to_file(_samples(part, source), encoder, made, batch_size=batch_size)
        target.send(made, f"{FRAGMENTS}/{part.fragment}")


def is_done(part: Part, target: Location) -> bool:
    """Whether the fragment of a part is there, and whole."""
    try:
        with target.opened(f"{FRAGMENTS}/{part.fragment}") as file:
            return bool(pq.read_metadata(file).num_rows == part.rows)
    except (OSError, pa.ArrowException):
        return False


def _samples(part: Part, source: Location) -> Iterator[Sample]:
    where, row = f"{source.shown}/{part.file}", part.begin
    with source.opened(part.file) as file:
        groups = list(range(part.first, part.last))
        # without both, pyarrow holds whole row groups
        parquet = pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
        for batch in parquet.iter_batches(ROWS_AT_ONCE, row_groups=groups):
            table = conform(pa.Table.from_batches([batch]), file=where)
            validate(table, file=f"{where}, counted from row {row}")
            row += batch.num_rows
            yield from Corpus(table)


def _look(source: Location, entry: Entry, fingerprint: str) -> tuple[list[Part], NDArray[np.uint64]]:
    where = f"{source.shown}/{entry.name}"
    try:
        with source.opened(entry.name) as file:
            parquet = pq.ParquetFile(file)
            if "id" not in parquet.schema_arrow.names:
                raise DataError(f"{where}: a corpus needs the columns id, values and channel_names; id is missing.")
            sizes = [parquet.metadata.row_group(i).num_rows for i in range(parquet.num_row_groups)]
            hashes = _hashes(parquet.read(columns=["id"])["id"])
    except pa.ArrowException as error:
        raise DataError(f"{where}: cannot be read as Parquet ({error}). Is it complete, and a corpus file?") from error
    parts, first, begin = [], 0, 0
    for last in range(1, len(sizes) + 1):
        rows = sum(sizes[first:last])
        if rows and (last == len(sizes) or rows + sizes[last] > ROWS):
            told = json.dumps([LAYOUT, entry.name, entry.size, entry.changed, first, last, fingerprint])
            name = f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.parquet"
            parts.append(Part(entry.name, first, last, begin, rows, name))
            first, begin = last, begin + rows
    return parts, hashes


def _hashes(ids: pa.ChunkedArray) -> NDArray[np.uint64]:
    from pandas.util import hash_array

    found: NDArray[np.uint64] = hash_array(np.array(ids.to_pylist(), dtype=object), categorize=False)
    return found


def _check_unique(source: Location, files: Sequence[Entry], hashes: Sequence[NDArray[np.uint64]]) -> None:
    """Eight bytes an id are in memory; where two are equal, the ids themselves are compared."""
    ordered = np.sort(np.concatenate(hashes))
    doubtful = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(doubtful):
        return
    seen: dict[str, str] = {}
    for entry, own in zip(files, hashes, strict=True):
        rows = np.flatnonzero(np.isin(own, doubtful))
        if not len(rows):
            continue
        with source.opened(entry.name) as file:
            ids = pq.ParquetFile(file).read(columns=["id"])["id"]
        for row in rows:
            name, here = ids[int(row)].as_py(), f"row {row} of {entry.name}"
            if name in seen:
                raise DataError(f"{source.shown}: id '{name}' of {seen[name]} comes again in {here}. Make ids unique.")
            seen[name] = here
