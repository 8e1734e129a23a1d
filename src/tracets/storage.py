"""Folders that lie on a disk or in an object store: listed, read and written alike, each file whole or not at all.

pyarrow's file systems do the work: `s3://`, `gs://`, `abfs://`, `hdfs://`, `file://` and plain paths. Credentials,
region and endpoint are those that the SDK of the store finds (for S3: AWS_PROFILE or AWS_ACCESS_KEY_ID, AWS_REGION,
AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from tracets.errors import DataError, StorageError
from tracets.types import AnyPath

AT_ONCE = 8 << 20
"""Bytes in memory while a file is moved."""
ATTEMPTS = 5
SIGN = "://"
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A file below a place: its name from there, its bytes, and when it was last written (nanoseconds)."""

    name: str
    size: int
    changed: int


@dataclass(frozen=True, eq=False)
class Location:
    """A folder of a file system, which need not exist yet. `shown` is what people called it.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> place = Location.of(folder.name)
    >>> place.write("a/b.txt", b"hello")
    >>> [(found.name, found.size) for found in place.files()], place.read("a/b.txt")
    ([('a/b.txt', 5)], b'hello')
    >>> folder.cleanup()
    """

    system: Any
    path: str
    shown: str

    @classmethod
    def of(cls, where: AnyPath) -> Location:
        """The place that a path or a URL names; nothing is asked of the store yet.

        Raises
        ------
        DataError
            A URL of a kind that pyarrow does not know, or without a bucket.
        """
        from pyarrow import fs

        shown = os.fspath(where)
        if not is_url(shown):
            shown = shown.rstrip("/") or shown
            return cls(fs.LocalFileSystem(), os.path.abspath(shown), shown)
        try:
            system, path = fs.FileSystem.from_uri(shown)
        except (ValueError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(
                f"'{shown}' cannot be read as a place: {reason}. Write it as s3://bucket/folder, gs://bucket/folder "
                f"or file:///folder."
            ) from error
        if not path.strip("/"):
            raise DataError(f"'{shown}' names no bucket. Write it as s3://bucket/folder.")
        return cls(system, path.rstrip("/"), shown.rstrip("/"))

    @property
    def is_local(self) -> bool:
        return bool(self.system.type_name == "local")

    def files(self) -> list[Entry]:
        """All files below, by name; none where there is no such folder."""
        from pyarrow import fs

        def listed() -> list[Any]:
            below = fs.FileSelector(self.path, recursive=True, allow_not_found=True)
            found = [info for info in self.system.get_file_info(below) if info.type == fs.FileType.File]
            if not found and self._bucket and self.system.get_file_info(self._bucket).type == fs.FileType.NotFound:
                raise OSError("there is no such bucket")
            return found

        entries = (
            Entry(info.path.removeprefix(self.path).lstrip("/"), info.size, info.mtime_ns or 0)
            for info in self._asked("list", listed)
        )
        return sorted(entries, key=lambda entry: entry.name)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file, all of one state of it; None where there is none."""
        path = self._at(name)

        def whole() -> bytes | None:
            try:
                for _ in range(ATTEMPTS):
                    with self.system.open_input_file(path) as file:
                        # one request: several could fall on both sides of a write, and its size was asked before
                        data: bytes = file.read_at(file.size(), 0)
                    if len(data) == self.system.get_file_info(path).size:
                        return data
            except FileNotFoundError:
                return None
            raise OSError(f"{name} changes faster than it can be read")

        return self._asked("read", whole)

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A file to read from at any place, as Arrow has them."""
        with self._asked("read", lambda: self.system.open_input_file(self._at(name))) as file:
            yield file

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file of this place to a local path."""

        def copied() -> None:
            with self.system.open_input_stream(self._at(name)) as source, target.open("wb") as file:
                while part := source.read(AT_ONCE):
                    file.write(part)

        self._asked("read", copied)

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""

        def written(path: str) -> None:
            with self.system.open_output_stream(path) as file:
                file.write(data)

        self._put(name, written)

    def send(self, source: Path, name: str) -> None:
        """Copy a local file to this place, whole or not at all."""

        def written(path: str) -> None:
            with source.open("rb") as file, self.system.open_output_stream(path) as target:
                shutil.copyfileobj(file, target, AT_ONCE)

        self._put(name, written)

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""

        def removed() -> None:
            try:
                self.system.delete_file(self._at(name))
            except FileNotFoundError:
                pass

        self._asked("write", removed)

    def _put(self, name: str, write: Callable[[str], None]) -> None:
        """An object of a store appears when it is closed; a file takes its name when it is whole."""
        path = self._at(name)

        def put() -> None:
            if not self.is_local:
                write(path)
                return
            self.system.create_dir(os.path.dirname(path), recursive=True)
            unfinished = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.{os.urandom(8).hex()}")
            try:
                write(unfinished)
                os.replace(unfinished, path)
            finally:
                Path(unfinished).unlink(missing_ok=True)

        self._asked("write", put)

    @property
    def _bucket(self) -> str:
        """The first part of a path in a store; a path on a disk or in HDFS begins with a slash."""
        return "" if self.is_local else self.path.partition("/")[0]

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}"

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except OSError as error:
            reason = str(error).split(" (Request ID")[0].splitlines()[0]
            if self.is_local:
                raise StorageError(f"cannot {what} '{self.shown}': {reason}. Check the path and its rights.") from error
            raise StorageError(
                f"cannot {what} '{self.shown}' in bucket '{self._bucket}': {reason}. Check that the bucket exists and "
                f"that this process may {what} it: credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                f"AWS_SECRET_ACCESS_KEY), AWS_REGION, and AWS_ENDPOINT_URL for a store of another maker."
            ) from error


def cache_folder() -> Path:
    """The folder of this user's cache: the one that TRACETS_CACHE names, else that of the system."""
    given = os.environ.get("TRACETS_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("tracets", appauthor=False)


def is_url(where: AnyPath) -> bool:
    """Whether a place is named by a URL such as s3://bucket/folder.

    >>> is_url("s3://bucket/index"), is_url("folder/index")
    (True, False)
    """
    return SIGN in os.fspath(where)
