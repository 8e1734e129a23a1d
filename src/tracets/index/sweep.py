"""Removes what nobody needs any more: leftovers of killed writers, and what no reader of the last hour has read.

The caller holds the lock, so that whatever is not the index now is either old or left over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tracets.disk import older_than, remove_leftovers
from tracets.index.flat import KINDS
from tracets.index.manifest import FILE, Manifest
from tracets.index.registry import BUILDING
from tracets.index.state import PREFIX, State, states
from tracets.types import KEEP_SECONDS


def leftovers(index: Path, manifest: Manifest) -> None:
    """Remove what killed writers left, and what is older than an hour."""
    for name in (".spool", BUILDING):
        remove_leftovers(index, name)
    for building in list(index.glob(f".{PREFIX}*.building-*")):
        remove_leftovers(index, building.name.rpartition("-")[0])
    old(index, manifest, KEEP_SECONDS)


def old(index: Path, manifest: Manifest, keep_seconds: float) -> None:
    """Remove the tables, states and flat files that were replaced more than `keep_seconds` ago."""
    if older_than(index / FILE, keep_seconds):
        for path in index.glob("*.lance"):
            if path.name != f"{manifest.table}.lance":
                shutil.rmtree(path, ignore_errors=True)
        for path in index.glob(f"{PREFIX}*"):
            if not path.name.startswith(f"{PREFIX}{manifest.table}."):
                shutil.rmtree(path, ignore_errors=True)
    kept: list[Path] = []
    for _, path in states(index, manifest.table):
        if kept and older_than(kept[-1], keep_seconds):
            path.unlink(missing_ok=True)
        else:
            kept.append(path)
    for folder in index.glob(f"{PREFIX}{manifest.table}.*"):
        mine = [path for path in kept if path.parent == folder]
        if not mine:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        needed = set(KINDS) | {path.name for path in mine} | {name.partition("/")[0] for name in _named(mine)}
        for path in folder.iterdir():
            if path.name in needed or not older_than(path, keep_seconds):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _named(files: list[Path]) -> Iterator[str]:
    for path in files:
        try:
            yield from (part.name for part in State.read(path).parts)
        except (OSError, ValueError):
            continue
