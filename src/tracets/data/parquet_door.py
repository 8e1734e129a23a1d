"""Parquet from outside: what it declares is held against the limits before Arrow takes memory for it.

A Parquet file of some hundred bytes can stand for petabytes: a run length repeats a value of a dictionary as often as
it likes. So before a column is decoded, the headers of its pages, which Arrow trusts, are read here (Thrift's compact
protocol; https://parquet.apache.org/docs/file-format/). They say how many values come and how large a page becomes.
How long repeated strings become they do not say: columns whose strings could be many times the file are read as
dictionaries, and measured before they are written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracets.errors import DataError
from tracets.files import LIMITS, Limits, kind_at, open_bytes, size_of

ROWS_AT_ONCE = 1024
BATCH_BYTES = 128 * 2**20
"""Of the strings that may be written out at once; batches have fewer rows where rows are large."""
HEADERS = (2**11, 2**24)
"""Bytes of a page that its header is looked for in; the second where statistics of long strings make it longer."""
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}


@dataclass(frozen=True)
class Chunk:
    """What the pages of a column chunk come to: values, bytes once decoded, and the longest string they may repeat."""

    values: int
    decoded: int
    longest: int


def parquet_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file, for telling layouts apart; empty where it cannot be read."""
    try:
        size_of(path)
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, ValueError):
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
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as source:
            risky, at_once = _checked(source, path, size, limits)
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
        kind = kind_at(path)
        hint = f"It looks like {kind}. " if kind not in (None, "Parquet") else ""
        said = " ".join(str(error).split())
        raise DataError(f"{where}: cannot be read as Parquet ({said}). {hint}Is it complete?") from error


def _checked(source: pq.ParquetFile, path: Path, size: int, limits: Limits) -> tuple[list[str], int]:
    """The columns to read as dictionaries, and how many rows at once."""
    meta, where = source.metadata, str(path)
    limits.check("rows", meta.num_rows, "rows", where=where)
    limits.check("columns", meta.num_columns, "columns", where=where)
    limits.check("pages", meta.num_row_groups * meta.num_columns, "column chunks", where=where)
    for name in source.schema_arrow.names:
        limits.check("name_chars", len(name), "characters in the name of a column", where=where)
    risky: dict[str, None] = {}
    room = BATCH_BYTES // max(meta.num_columns, 1)
    total, pages, largest = 0, 0, 1
    with open_bytes(path, most=limits.file_bytes) as file:
        for g in range(meta.num_row_groups):
            group, before = meta.row_group(g), total
            for c in range(meta.num_columns):
                column, kind = group.column(c), source.schema.column(c)
                chunk, n_pages = _walk(file, column, kind, size, f"{where}: column '{kind.path}'", limits)
                pages, total = pages + n_pages, total + chunk.decoded
                limits.check("pages", pages, "pages", where=where)
                limits.check_decoded(total, of=size, where=where)
                at_once = chunk.values if kind.max_repetition_level else min(chunk.values, ROWS_AT_ONCE)
                if chunk.longest * at_once > room:
                    risky[kind.path] = None
            largest = max(largest, (total - before) // max(group.num_rows, 1))
    return list(risky), max(1, min(ROWS_AT_ONCE, BATCH_BYTES // largest))


def _walk(file: IO[bytes], column: Any, kind: Any, size: int, where: str, limits: Limits) -> tuple[Chunk, int]:
    """Read the page headers of a column chunk, in the bytes where Arrow looks for them."""
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < at:
        at = column.dictionary_page_offset
    end = at + column.total_compressed_size
    if at < 0 or column.total_compressed_size < 0 or end > size:
        raise DataError(f"{where}: lies outside the file. Is it complete?")
    fixed = column.physical_type != "BYTE_ARRAY"
    width = WIDTHS.get(column.physical_type, max(kind.length or 0, 0))
    values = decoded = longest = pages = 0
    while at < end and values < column.num_values:
        pages += 1
        limits.check("pages", pages, "pages", where=where)
        header, length = _page_header(file, at, end, where)
        compressed, uncompressed = header.get(3, 0), header.get(2, 0)
        if not (isinstance(compressed, int) and isinstance(uncompressed, int)) or min(compressed, uncompressed) < 0:
            raise DataError(f"{where}: a page has no size. Is the file damaged?")
        data = header.get(5) or header.get(8)
        if isinstance(data, dict):
            count = data.get(1, 0)
            if not isinstance(count, int) or count < 0:
                raise DataError(f"{where}: a page counts its values as {count}. Is the file damaged?")
            values += count
            decoded += count * width + (0 if fixed else uncompressed)
            if not fixed and data.get(2 if 5 in header else 4) == 7:  # DELTA_BYTE_ARRAY repeats what came before
                longest = max(longest, uncompressed)
        elif not fixed:
            decoded += uncompressed
            longest = max(longest, uncompressed)
        limits.check_decoded(max(decoded, uncompressed), of=size, where=where)
        at += length + compressed
    if values < column.num_values:
        raise DataError(f"{where}: declares {column.num_values} values and has {values}. Is the file complete?")
    return Chunk(values, decoded, longest), pages


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


def _page_header(file: IO[bytes], at: int, end: int, where: str) -> tuple[dict[int, Any], int]:
    """A page header as field number -> value, and its length."""
    for n_bytes in HEADERS:
        file.seek(at)
        try:
            return _struct(file.read(min(n_bytes, end - at)), 0, 0)
        except (IndexError, ValueError) as error:
            problem = error
    raise DataError(f"{where}: the header of a page cannot be read. Is the file damaged?") from problem


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    if depth > 8:
        raise ValueError("too deep")
    found: dict[int, Any] = {}
    name = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if step:
            name += step
        else:
            name, at = _number(data, at)
        found[name], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):  # true and false
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _number(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _varint(data, at)
        if at + length > len(data):
            raise ValueError("too long")
        return None, at + length
    if kind in (9, 10):
        count, inner = data[at] >> 4, data[at] & 15
        at += 1
        if count == 15:
            count, at = _varint(data, at)
        for _ in range(count):
            _, at = (None, at + 1) if inner in (1, 2) else _value(data, at, inner, depth + 1)
            if at > len(data):
                raise ValueError("too long")
        return None, at
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise ValueError(f"unknown kind {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number is too long")


def _number(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at
