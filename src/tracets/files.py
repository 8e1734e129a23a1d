"""Files from outside: what they may hold at most, and how they are opened. Standard library only.

A file may come from a stranger. So its kind and size are asked before it is opened, and what it declares (shapes,
counts, lengths) is held against `Limits` before memory is taken for it. docs/security.md lists every door.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

from tracets.errors import ConfigError, DataError, TracetsError

FREE = 512 * 2**20
"""Bytes that any file may come to once decoded, however small it is; past them `Limits.expansion` counts."""

SIGNS = (
    (b"\x80\x02", "a pickle"), (b"\x80\x03", "a pickle"), (b"\x80\x04", "a pickle"), (b"\x80\x05", "a pickle"),
    (b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"PAR1", "Parquet"), (b"\x93NUMPY", "a NumPy file"), (b"%PDF", "PDF"),
    (b"\xff\xfe", "UTF-16 text"), (b"\xfe\xff", "UTF-16 text"), (b"\x7fELF", "a program"), (b"<!", "HTML"),
    (b"<h", "HTML"), (b"<H", "HTML"), (b"<?xml", "XML"), (b"version https://git-lfs", "a Git LFS pointer"),
)  # fmt: skip
"""What files begin with that are often renamed."""


@dataclass(frozen=True)
class Limits:
    """What a file from outside may hold at most; more is refused with the setting that allows it.

    Parameters
    ----------
    file_bytes : int
        Of any file.
    text_bytes : int
        Of a CSV, which is read into memory, where it takes some ten times as much.
    json_bytes, nesting : int
        Of a settings file of a folder.
    decoded_bytes, expansion : int
        What a file comes to once decoded; the same as a multiple of the file, past 512 MiB.
    rows, columns : int
        Of a table.
    channels, steps : int
        Of a window or series.
    name_chars, text_chars : int
        Of an id, of a name of a channel or a column, of a unit; of a text.
    pages : int
        Of a Parquet file.

    Raises
    ------
    ConfigError
        Less than 1.

    Examples
    --------
    >>> Limits(rows=10_000).rows
    10000
    """

    file_bytes: int = 64 * 2**30
    text_bytes: int = 2**30
    json_bytes: int = 64 * 2**20
    nesting: int = 64
    decoded_bytes: int = 64 * 2**30
    expansion: int = 200
    rows: int = 50_000_000
    columns: int = 20_000
    channels: int = 20_000
    steps: int = 50_000_000
    name_chars: int = 1_000
    text_chars: int = 1_000_000
    pages: int = 2_000_000

    def __post_init__(self) -> None:
        for f in fields(self):
            if getattr(self, f.name) < 1:
                raise ConfigError(f"limits.{f.name} must be at least 1, got {getattr(self, f.name)}")

    def check(self, name: str, found: int, what: str, *, where: str, error: type[TracetsError] = DataError) -> None:
        """Refuse more than a limit allows, as in ``limits.check("rows", 10**9, "rows", where=str(path))``."""
        most = getattr(self, name)
        if found > most:
            raise error(
                f"{where}: has {found} {what}, more than the {most} that limits.{name} allows. If the file is what it "
                f"should be, raise it (--file-limit {name}={found}, or limits=Limits({name}={found}) in Python)."
            )

    def check_decoded(self, n_bytes: int, *, of: int, where: str) -> None:
        """Refuse what a file of `of` bytes comes to once decoded."""
        self.check("decoded_bytes", n_bytes, "bytes once decoded", where=where)
        if n_bytes > FREE:
            times = -(-n_bytes // max(of, 1))
            self.check("expansion", times, "times its own size once decoded", where=where)


LIMITS = Limits()
"""The defaults, which no corpus that we know of comes near."""


def size_of(
    path: str | os.PathLike[str], *, most: int = LIMITS.file_bytes, setting: str = "file_bytes",
    error: type[TracetsError] = DataError,
) -> int:  # fmt: skip
    """The bytes of a regular file.

    Raises
    ------
    TracetsError
        Of class `error`: nothing there, a folder, a pipe or device, a loop of links, a name that no file can have, or
        more than `most` bytes.
    """
    try:
        return _checked(path, os.stat(path), most, setting, error)
    except (OSError, ValueError) as problem:
        raise _unopened(path, problem, error) from problem


def open_bytes(
    path: str | os.PathLike[str], *, most: int = LIMITS.file_bytes, setting: str = "file_bytes",
    error: type[TracetsError] = DataError,
) -> IO[bytes]:  # fmt: skip
    """Open a regular file to read; raises as `size_of`. What is asked is the file that is open, not its name."""
    try:
        # a pipe that nobody writes to would keep us waiting
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as problem:
        raise _unopened(path, problem, error) from problem
    try:
        _checked(path, os.fstat(handle), most, setting, error)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_bytes(
    path: str | os.PathLike[str], *, most: int, setting: str = "file_bytes", error: type[TracetsError] = DataError
) -> bytes:
    """The whole content of a regular file of at most `most` bytes; raises as `size_of`."""
    with open_bytes(path, most=most, setting=setting, error=error) as file:
        data = file.read(os.fstat(file.fileno()).st_size + 1)  # a read takes memory for all it is asked for
    if len(data) > most:  # it grew
        raise _too_large(path, len(data), most, setting, error)
    return data


def read_json(path: str | os.PathLike[str], *, error: type[TracetsError], limits: Limits = LIMITS) -> Any:
    """The value in a JSON file.

    Raises
    ------
    TracetsError
        Of class `error`: as `size_of`, not UTF-8, not JSON, or nested more deeply than allowed.
    """
    data = read_bytes(path, most=limits.json_bytes, setting="json_bytes", error=error)
    return parse_json(data, where=str(path), error=error, limits=limits)


def parse_json(data: bytes | str, *, where: str, error: type[TracetsError], limits: Limits = LIMITS) -> Any:
    """The value that a JSON text means; raises as `read_json`."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text)
    except UnicodeDecodeError as problem:
        raise error(
            f"{where}: is not UTF-8 text (byte {problem.start}){_sign(data)}. Copy or write it anew."
        ) from problem
    except RecursionError:
        raise _too_deep(where, limits, error) from None
    except ValueError as problem:
        raise error(f"{where}: is not JSON ({problem}){_sign(data)}. Copy or write it anew.") from problem
    level, depth = [value], 0
    while inner := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > limits.nesting:
            raise _too_deep(where, limits, error)
        level = [part for one in inner for part in (one.values() if isinstance(one, dict) else one)]
    return value


def kind_of(head: bytes) -> str | None:
    """What a file is by its first bytes, where that is something that is often renamed.

    >>> kind_of(b"PK\\x03\\x04..."), kind_of(b"time,load")
    ('a zip archive', None)
    """
    return next((kind for sign, kind in SIGNS if head.lstrip(b" \r\n\t").startswith(sign)), None)


def kind_at(path: str | os.PathLike[str]) -> str | None:
    """`kind_of` a file that was checked before."""
    with open_bytes(path) as file:
        return kind_of(file.read(64))


def _sign(data: bytes | str) -> str:
    kind = kind_of(data[:64]) if isinstance(data, bytes) else None
    return f"; it looks like {kind}" if kind else ""


def _too_deep(where: str, limits: Limits, error: type[TracetsError]) -> TracetsError:
    return error(f"{where}: is nested more than {limits.nesting} deep (limits.nesting). Copy or write it anew.")


def _checked(
    path: str | os.PathLike[str], found: os.stat_result, most: int, setting: str, error: type[TracetsError]
) -> int:
    if stat.S_ISDIR(found.st_mode):
        raise error(f"'{os.fspath(path)}' is a folder, and a file is wanted. Name a file in it.")
    if not stat.S_ISREG(found.st_mode):
        raise error(f"'{os.fspath(path)}' is a pipe or a device, and a file is wanted. Copy what it gives to a file.")
    if found.st_size > most:
        raise _too_large(path, found.st_size, most, setting, error)
    return found.st_size


def _too_large(
    path: str | os.PathLike[str], size: int, most: int, setting: str, error: type[TracetsError]
) -> TracetsError:
    return error(
        f"'{os.fspath(path)}' has {size} bytes, more than the {most} that limits.{setting} allows. If it is what it "
        f"should be, raise it (--file-limit {setting}={size}), or split the file."
    )


def _unopened(path: str | os.PathLike[str], problem: Exception, error: type[TracetsError]) -> TracetsError:
    name = os.fspath(path)
    if isinstance(problem, FileNotFoundError | NotADirectoryError):
        return error(f"no such file: '{name}'. Check the path.")
    reason = problem.strerror if isinstance(problem, OSError) else str(problem)
    return error(f"cannot open '{name}' ({reason}). Check the path and its permissions.")


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is a regular file; False for any name that cannot be one."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
