"""CSV text as columns of strings with the line of each row, and their conversion to numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
DELIMITERS = (",", ";", "\t")


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
        with path.open(encoding="utf-8-sig", newline="") as text:
            first = text.readline()
    except (OSError, UnicodeDecodeError):
        return []
    return [name.strip() for name in next(csv.reader([first], delimiter=delimiter_of(first)), [])]


def delimiter_of(header: str) -> str:
    """The delimiter (comma, semicolon or tab) that occurs most often in a header line."""
    return max(DELIMITERS, key=header.count)


def read_table(path: Path) -> Table:
    """Read a CSV file with a header (UTF-8; comma, semicolon or tab).

    Raises
    ------
    DataError
        No such file, not UTF-8, empty, header only, a repeated or empty column name, or a row with another number of
        fields than the header.
    """
    if not path.is_file():
        raise DataError(f"no such file: '{path}'. Check the path.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            header = text.readline()
            text.seek(0)
            reader = csv.reader(text, delimiter=delimiter_of(header))
            names = [name.strip() for name in next(reader, [])]
            if not any(names):
                raise DataError(f"{path}: the file is empty. Write a header and at least one row.")
            if len(set(names)) != len(names):
                twice = next(n for n in names if names.count(n) > 1)
                raise DataError(f"{path}: row 1: column '{twice}' is repeated. Rename one of them.")
            rows, lines = [], []
            for row in reader:
                if not row:
                    continue  # a blank line
                if len(row) != len(names):
                    raise DataError(
                        f"{path}: row {reader.line_num} has {len(row)} fields, the header has {len(names)}. "
                        f"Leave a field empty where a value is missing."
                    )
                rows.append(row)
                lines.append(reader.line_num)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{path}: row {reader.line_num}: {error}. Check its quotes.") from error
    if not rows:
        raise DataError(f"{path}: the file has a header but no rows. Write at least one.")
    return Table(str(path), dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), lines)


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
