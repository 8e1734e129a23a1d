"""Files that are there whole or not at all and that outlive a power cut once acknowledged, and their checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one rename, synced to the disk before and after."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync([path.parent])


def sync(paths: Iterable[Path]) -> None:
    """Wait until files, or the names in folders, are on the disk."""
    for path in paths:
        if path.is_dir() and os.name == "nt":  # a folder cannot be opened there
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def older_than(path: Path, seconds: float) -> bool:
    """Whether a file or folder has not changed for so long; False where it is gone."""
    try:
        return time.time() - path.stat().st_mtime >= seconds
    except OSError:
        return False


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove what killed processes left: names like PREFIX-PID whose process is no more."""
    for path in folder.iterdir():
        start, _, rest = path.name.partition(f"{prefix}-")
        pid = rest.partition("-")[0]
        if not start and pid.isdigit() and not _runs(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _runs(pid: int) -> bool:
    if os.name == "nt":  # to ask there is to interrupt
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
