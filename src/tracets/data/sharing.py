"""One memory-mapped file of a large corpus for all processes of a training on this machine."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

STARTED = "LOCAL_RANK"
"""What torchrun and Lightning set for the processes that they start."""


@contextlib.contextmanager
def shared_by_processes(file: Path) -> Iterator[Path | None]:
    """Where the rows of a corpus file are, or are to be put, for all processes; None where this one trains alone.

    Only one process at a time is in the block: the first finds no file and makes it, the others find it. Its name
    changes with the file. It is removed when the first of them ends; those that have it mapped keep it.
    """
    if STARTED not in os.environ or os.name != "posix":
        yield None
        return
    import fcntl

    folder = Path(tempfile.gettempdir()) / f"tracets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():  # somebody else waits there with a corpus of theirs
        yield None
        return
    stat = file.stat()
    key = hashlib.sha256(f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:16]
    shared, lock = folder / f"{key}.arrow", folder / f"{key}.lock"
    with lock.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        atexit.register(_remove, shared, lock)
        yield shared


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
