"""Parquet from outside: what it declares is held against the limits before Arrow takes memory for it.

A Parquet file of some hundred bytes can stand for petabytes: a run length repeats a value of a dictionary as often as
it likes. So before a column is decoded, the footer and the headers of its pages, which Arrow trusts, are read here
(https://parquet.apache.org/docs/file-format/). They say how many values come and how large a page becomes. How long
repeated strings become they do not say: columns whose strings could be many times the file are read as dictionaries,
and measured before they are written out. Arrow's own view of the footer is not asked: on some damaged files it ends
the process.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracets.data.thrift import BINARY, STRUCT, Compact, Damaged
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, kind_of, open_bytes, size_of

ROWS_AT_ONCE = 1024
BATCH_BYTES = 128 * 2**20
"""Of the strings that may be written out at once; batches have fewer rows where rows are large."""
HEADERS = (2**11, 2**24)
"""Bytes of a page that its header is looked for in; the second where statistics of long strings make it longer."""
LONGEST_FOOTER = 2**28
BYTE_ARRAY, FIXED = 6, 7
WIDTHS = (1, 4, 8, 12, 4, 8, 4, 0)
"""Bytes of a value by its physical type: boolean, int32, int64, int96, float, double, the offset of a string, fixed."""
DELTA_STRINGS = 7
"""The encoding in which a string may repeat the one before it."""
MAGIC = b"PAR1"


@dataclass(frozen=True)
class Leaf:
    """A column of values, maybe inside lists and structs, as the schema declares it."""

    path: str
    kind: int
    width: int
    repeated: bool


@dataclass(frozen=True)
class Chunk:
    """Where the pages of a column in a row group lie, and how many values they should hold."""

    begin: int
    end: int
    n_values: int


@dataclass(frozen=True)
class Decoded:
    """What the pages of a chunk come to: values, bytes once decoded, and the longest string they may repeat."""

    n_values: int
    n_bytes: int
    longest: int
    n_pages: int


def parquet_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file, for telling layouts apart; empty where it cannot be read."""
    try:
        with open_bytes(path) as file:
            names: list[str] = []
            _read_footer(file, size_of(path), str(path), LIMITS, names=names)
            return names
    except (DataError, OSError):
        return []


def read_batches(path: Path, *, columns: list[str] | None = None, limits: Limits = LIMITS) -> Iterator[pa.Table]:
    """The rows of a Parquet file, some at a time, each batch checked through and through.

    Raises
    ------
    DataError
        No regular file, not Parquet, damaged, or more than the limits allow.
    """
    size = size_of(path, most=limits.file_bytes)
    where = str(path)
    with open_bytes(path, most=limits.file_bytes) as file:
        risky, at_once = _checked(file, size, where, limits)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=risky) as source:
            names = source.schema_arrow.names if columns is None else columns
            decoded = 0
            for batch in source.iter_batches(at_once, columns=names):
                batch.validate(full=True)  # text that is not UTF-8, offsets that point outside
                for piece in _plain(batch, decoded, size, limits, where):
                    decoded += piece.nbytes
                    yield piece
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: has a column name that is not UTF-8. Rename the column.") from error
    except (pa.ArrowException, OSError, MemoryError, OverflowError) as error:
        said = " ".join(str(error).split())
        raise DataError(f"{where}: cannot be read as Parquet ({said}). Is it complete?") from error


def _checked(file: IO[bytes], size: int, where: str, limits: Limits) -> tuple[list[str], int]:
    """The columns to read as dictionaries, and how many rows at once."""
    risky: dict[str, None] = {}
    total = pages = 0
    largest, leaves = 1, 1
    group_bytes: dict[int, int] = {}

    def look(leaf: Leaf, chunk: Chunk, group: int, n_leaves: int) -> None:
        nonlocal total, pages, leaves
        leaves = n_leaves
        found = _walk(file, chunk, leaf, size, f"{where}: column '{leaf.path}'", limits)
        pages, total = pages + found.n_pages, total + found.n_bytes
        limits.check("pages", pages, "pages", where=where)
        limits.check_decoded(total, of=size, where=where)
        group_bytes[group] = group_bytes.get(group, 0) + found.n_bytes
        at_once = found.n_values if leaf.repeated else min(found.n_values, ROWS_AT_ONCE)
        if found.longest * at_once > BATCH_BYTES // leaves:
            risky[leaf.path] = None

    rows = _read_footer(file, size, where, limits, look=look)
    for group, n_bytes in group_bytes.items():
        largest = max(largest, n_bytes // max(rows[group], 1))
    return list(risky), max(1, min(ROWS_AT_ONCE, BATCH_BYTES // largest))


Look = Callable[[Leaf, Chunk, int, int], None]


def _read_footer(
    file: IO[bytes], size: int, where: str, limits: Limits, *, look: Look | None = None, names: list[str] | None = None
) -> list[int]:
    """Read the footer: `look` is called with each chunk, `names` gets those of the columns; the rows of each group."""
    head = file.read(64)
    file.seek(max(size - 8, 0))
    tail = file.read(8)
    length = struct.unpack("<I", tail[:4])[0] if len(tail) == 8 else 0
    if head[:4] != MAGIC or tail[4:] != MAGIC or length > size - 8 or length > LONGEST_FOOTER:
        sign = kind_of(head)
        hint = f"It looks like {sign}. " if sign not in (None, "Parquet") else ""
        raise DataError(f"{where}: cannot be read as Parquet (no footer). {hint}Is it complete, and a Parquet file?")
    file.seek(size - 8 - length)
    place = Compact(file.read(length))
    leaves: list[Leaf] = []
    rows: list[int] = []
    try:
        for number, kind in place.fields():
            if number == 2:
                leaves = _read_schema(place, where, limits, names)
                if look is None:
                    return rows
            elif number == 3:
                limits.check("rows", place.integer(kind), "rows", where=where)
            elif number == 4:
                count, _ = place.items()
                limits.check("pages", count * max(len(leaves), 1), "column chunks", where=where)
                for group in range(count):
                    rows.append(_read_group(place, leaves, group, size, where, look))
            else:
                place.skip(kind)
    except Damaged as error:
        raise DataError(f"{where}: cannot be read as Parquet (its footer: {error}). Is it complete?") from error
    return rows


def _read_schema(place: Compact, where: str, limits: Limits, names: list[str] | None) -> list[Leaf]:
    """The leaves of the schema, which is a tree as a list, each inner node with the number of its children."""
    count, _ = place.items()
    limits.check("columns", count // 4, "columns", where=where)  # a list of lists is five nodes for one leaf
    leaves: list[Leaf] = []
    above: list[tuple[int, str, bool]] = []  # children still to come, path, whether repeated
    for i in range(count):
        told = {1: -1, 2: 0, 3: 0, 5: 0}
        name = b""
        for number, kind in place.fields():
            if number == 4:
                name = place.text(kind)
            elif number in told:
                told[number] = place.integer(kind)
            else:
                place.skip(kind)
        limits.check("name_chars", len(name) // 4, "characters in the name of a column", where=where)
        spelled = name.decode("utf-8", "replace")
        while above and not above[-1][0]:
            above.pop()
        if i and not above:
            raise Damaged("a schema with two roots")
        if above:
            left, path, repeated = above.pop()
            above.append((left - 1, path, repeated))
            if len(above) == 1 and names is not None:
                names.append(spelled)
            path, repeated = f"{path}.{spelled}" if path else spelled, repeated or told[3] == 2
        else:
            path, repeated = "", False
        if told[5] > 0:
            if len(above) > limits.nesting:
                raise DataError(f"{where}: its schema is nested more than {limits.nesting} deep (limits.nesting).")
            above.append((told[5], path, repeated))
        elif i:
            if not 0 <= told[1] < len(WIDTHS):
                raise Damaged(f"a column of kind {told[1]}")
            width = max(told[2], 0) if told[1] == FIXED else WIDTHS[told[1]]
            leaves.append(Leaf(path, told[1], width, repeated))
    limits.check("columns", len(leaves), "columns", where=where)
    return leaves


def _read_group(place: Compact, leaves: list[Leaf], group: int, size: int, where: str, look: Look | None) -> int:
    """Read a row group, and say how many rows it has."""
    rows = 0
    for number, kind in place.fields():
        if number == 1:
            count, _ = place.items()
            if count != len(leaves):
                raise Damaged(f"a row group of {count} columns in a file of {len(leaves)}")
            for leaf in leaves:
                chunk = _read_chunk(place, size, f"{where}: column '{leaf.path}'")
                if look is not None:
                    look(leaf, chunk, group, len(leaves))
        elif number == 3:
            rows = place.integer(kind)
        else:
            place.skip(kind)
    return rows


def _read_chunk(place: Compact, size: int, where: str) -> Chunk:
    told = {5: 0, 7: 0, 9: 0, 11: 0}
    for number, kind in place.fields():
        if number == 3 and kind == STRUCT:
            for inner, inner_kind in place.fields():
                if inner in told:
                    told[inner] = place.integer(inner_kind)
                else:
                    place.skip(inner_kind)
        elif number == 1 and kind == BINARY:
            raise DataError(f"{where}: lies in another file, which is not read. Write the corpus as one file.")
        else:
            place.skip(kind)
    begin = told[11] if 0 < told[11] < told[9] else told[9]
    if begin < 0 or told[7] < 0 or begin + told[7] > size:
        raise DataError(f"{where}: lies outside the file. Is it complete?")
    return Chunk(begin, begin + told[7], told[5])


def _walk(file: IO[bytes], chunk: Chunk, leaf: Leaf, size: int, where: str, limits: Limits) -> Decoded:
    """Read the page headers of a chunk, in the bytes where Arrow looks for them."""
    at, n_values, n_bytes, longest, n_pages = chunk.begin, 0, 0, 0, 0
    strings = leaf.kind == BYTE_ARRAY
    while at < chunk.end and n_values < chunk.n_values:
        n_pages += 1
        limits.check("pages", n_pages, "pages", where=where)
        page, length = _page_header(file, at, chunk.end, where)
        if min(page.values()) < 0:
            raise DataError(f"{where}: a page has a negative size. Is the file damaged?")
        n_values += page["values"]
        n_bytes += page["values"] * leaf.width + (page["uncompressed"] if strings else 0)
        if strings and (not page["data"] or page["encoding"] == DELTA_STRINGS):
            longest = max(longest, page["uncompressed"])
        limits.check_decoded(max(n_bytes, page["uncompressed"]), of=size, where=where)
        at += length + page["compressed"]
    if n_values < chunk.n_values:
        raise DataError(f"{where}: declares {chunk.n_values} values and has {n_values}. Is the file complete?")
    return Decoded(n_values, n_bytes, longest, n_pages)


def _page_header(file: IO[bytes], at: int, end: int, where: str) -> tuple[dict[str, int], int]:
    """What a page header says, and its length."""
    for n_bytes in HEADERS:
        file.seek(at)
        place = Compact(file.read(min(n_bytes, end - at)))
        page = {"uncompressed": 0, "compressed": 0, "values": 0, "encoding": 0, "data": 0}
        try:
            for number, kind in place.fields():
                if number in (2, 3):
                    page["uncompressed" if number == 2 else "compressed"] = place.integer(kind)
                elif number in (5, 8) and kind == STRUCT:  # a page of data, of the first or the second version
                    page["data"] = 1
                    for inner, inner_kind in place.fields():
                        if inner == 1:
                            page["values"] = place.integer(inner_kind)
                        elif inner == (2 if number == 5 else 4):
                            page["encoding"] = place.integer(inner_kind)
                        else:
                            place.skip(inner_kind)
                else:
                    place.skip(kind)
        except Damaged as error:
            problem = error
        else:
            return page, place.at
    raise DataError(f"{where}: the header of a page cannot be read ({problem}). Is the file damaged?") from problem


def _plain(batch: pa.RecordBatch, decoded: int, size: int, limits: Limits, where: str) -> Iterator[pa.Table]:
    """A batch with its dictionaries written out, in parts where that takes much."""
    schema = pa.schema([field.with_type(_plain_type(field.type, where)) for field in batch.schema])
    if schema.equals(batch.schema):
        limits.check_decoded(decoded + batch.nbytes, of=size, where=where)
        yield pa.Table.from_batches([batch])
        return
    parts = [batch]
    while parts:
        part = parts.pop()
        n_bytes = sum(map(_spelled, part.columns))
        limits.check_decoded(decoded + n_bytes, of=size, where=where)
        if n_bytes > BATCH_BYTES and part.num_rows > 1:
            half = part.num_rows // 2
            parts += [part.slice(half), part.slice(0, half)]
        else:
            decoded += n_bytes
            yield pa.Table.from_batches([part]).cast(schema)


def _spelled(column: pa.Array) -> int:
    """Bytes of an array once its dictionaries are written out."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.fill_null(pc.binary_length(column.dictionary), 0).cast(pa.int64())
        return 4 * len(column) + (pc.sum(lengths.take(column.indices)).as_py() or 0)
    if not _has_dictionary(kind):
        return int(column.nbytes)
    if pa.types.is_struct(kind):
        return sum(_spelled(part) for part in column.flatten())
    return 4 * len(column) + _spelled(column.flatten())


def _has_dictionary(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))


def _plain_type(kind: pa.DataType, where: str) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if not _has_dictionary(kind):
        return kind
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain_type(kind.value_type, where)))
    if pa.types.is_struct(kind):
        return pa.struct([f.with_type(_plain_type(f.type, where)) for f in kind])
    raise DataError(f"{where}: has a column of {kind}, which is not read. Leave it out, or write it as a list.")
