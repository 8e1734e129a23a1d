"""CSV text as columns of strings with the line of each row, and their conversion to numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.files import LIMITS, Limits, kind_of, open_bytes

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
DELIMITERS = (",", ";", "\t")
LONGEST_HEADER = 2**23
"""Characters."""


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one CSV file as text. `lines[i]` is the line of the file (from 1) that row i stands on."""

    file: str
    columns: dict[str, list[str]]
    lines: list[int]

    @property
    def names(self) -> list[str]:
        return list(self.columns)


def read_header(path: Path) -> list[str]:
    """Column names of a CSV file, for telling layouts apart; empty where the file cannot be read as text."""
    try:
        with _opened(path, LIMITS) as text:
            first = text.readline(LONGEST_HEADER)
            return [_name(name) for name in next(csv.reader([first], delimiter=delimiter_of(first)), [])]
    except (DataError, OSError, ValueError, csv.Error):
        return []


def delimiter_of(header: str) -> str:
    """The delimiter (comma, semicolon or tab) that occurs most often in a header line."""
    return max(DELIMITERS, key=header.count)


def read_table(path: Path, *, alike: bool = False, limits: Limits = LIMITS) -> Table:
    """Read a CSV file with a header (UTF-8; comma, semicolon or tab).

    Parameters
    ----------
    alike : bool, default=False
        Take columns of one name as one, where they say the same in every row.

    Raises
    ------
    DataError
        No such file, no regular one, not UTF-8, empty, header only, a repeated or empty column name, a row with another
        number of fields than the header, a quote that is never closed, or more than `limits` allow.
    """
    row = 1
    try:
        with _opened(path, limits) as text:
            names, reader = _header(text, path, limits, alike=alike)
            rows, lines = [], []
            for fields in reader:
                row = reader.line_num
                if not fields:
                    continue  # a blank line
                if len(fields) != len(names):
                    raise DataError(
                        f"{path}: row {row} has {len(fields)} fields, the header has {len(names)}. "
                        f"Leave a field empty where a value is missing."
                    )
                rows.append(fields)
                lines.append(row)
                if len(rows) > limits.rows:
                    limits.check("rows", len(rows), "rows or more", where=str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason}, after row {row}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise DataError(
            f"{path}: row {row} or after it: {error}. Close every quote, and write a quote inside quotes twice."
        ) from error
    if not rows:
        raise DataError(f"{path}: the file has a header but no rows. Write at least one.")
    columns: dict[str, list[str]] = {}
    for name, column in zip(names, map(list, zip(*rows, strict=True)), strict=True):
        if columns.setdefault(name, column) != column:
            raise _repeated(path, name)
    return Table(str(path), columns, lines)


def _repeated(path: Path, name: str) -> DataError:
    return DataError(f"{path}: row 1: column '{name}' is repeated. Rename one of them.")


def _opened(path: Path, limits: Limits) -> TextIO:
    """A file of text; one that is something else by its first bytes is refused."""
    file = open_bytes(path, most=limits.text_bytes, setting="text_bytes")
    head = file.read(4096)
    kind = kind_of(head)
    if kind is not None or b"\0" in head:
        file.close()
        raise DataError(
            f"{path}: is no CSV, it looks like {kind or 'a file of numbers or a program'}. Write UTF-8 text."
        )
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _header(text: TextIO, path: Path, limits: Limits, *, alike: bool) -> tuple[list[str], Any]:
    first = text.readline(LONGEST_HEADER)
    if len(first) == LONGEST_HEADER:
        raise DataError(f"{path}: row 1 has {LONGEST_HEADER} characters or more. Is it a CSV with a header?")
    text.seek(0)
    reader = csv.reader(text, delimiter=delimiter_of(first), strict=True)
    names = [_name(name) for name in next(reader, [])]
    limits.check("columns", len(names), "columns", where=f"{path}: row 1")
    if not any(names):
        raise DataError(f"{path}: the file is empty. Write a header and at least one row.")
    limits.check("name_chars", max(map(len, names)), "characters in the name of a column", where=f"{path}: row 1")
    if len(set(names)) != len(names) and not alike:
        seen: set[str] = set()
        raise _repeated(path, next(n for n in names if n in seen or seen.add(n)))  # type: ignore[func-returns-value]
    return names, reader


def _name(header: str) -> str:
    """A header in one line: spreadsheets break long ones."""
    return " ".join(header.split())


def numbers(
    texts: Sequence[str], *, lines: Sequence[int], where: str, missing: frozenset[str] = MISSING
) -> NDArray[np.float32]:
    """Text to float32; missing marks (case ignored) become NaN. `where` names file, series and channel in messages.

    Raises
    ------
    DataError
        Text that is no number, or an infinity.
    """
    result = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        try:
            result[i] = float(text)
        except ValueError:
            if text.strip().lower() not in missing:
                raise DataError(
                    f"{where}, row {lines[i]}: '{text}' is not a number. Write it with a decimal point, leave the "
                    f"field empty if the value is missing, or remove the column if it is no channel."
                ) from None
    with np.errstate(over="ignore"):
        small = result.astype(np.float32)
    if np.isinf(small).any():
        i = int(np.flatnonzero(np.isinf(small))[0])
        raise DataError(
            f"{where}, row {lines[i]}: '{texts[i]}' is infinite. Leave the field empty if it means missing."
        )
    return small


def split_unit(header: str) -> tuple[str, str | None]:
    """The name and unit of a column headed "name [unit]".

    Examples
    --------
    >>> split_unit("wind speed [m/s]"), split_unit("load")
    (('wind speed', 'm/s'), ('load', None))
    """
    name, bracket, rest = header.partition("[")
    if bracket and rest.rstrip().endswith("]") and name.strip():
        return name.strip(), rest.rstrip()[:-1].strip() or None
    return header, None
