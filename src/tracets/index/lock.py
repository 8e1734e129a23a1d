"""Writers of an index exclude each other by a lock file, which the system frees when a process ends, however it ends.

Readers take no lock; one that finds a commit that nobody finished may finish it, where the lock is free.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracets.errors import IndexFolderError

FILE = ".lock"
PATIENCE = 60.0
"""Seconds that a writer waits for another one."""


@contextmanager
def writing(folder: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of an index while the block runs.

    Raises
    ------
    IndexFolderError
        Another writer held it for all of `patience` seconds.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / FILE, timeout=patience)
    try:
        lock.acquire()
    except Timeout as error:
        raise IndexFolderError(
            f"index '{folder}' is being written to by another process, which did not finish within {patience:g} s. "
            f"Try again when it has, or stop it: its lock goes with it."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def if_free(folder: Path) -> Iterator[bool | None]:
    """Hold the lock where nobody does: True. False where a writer is at work, None where nothing can be written."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError):
        yield None
        return
    try:
        yield True
    finally:
        lock.release()
