"""Checksums: that every file of an index is what was written."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracets.disk import digest_of
from tracets.errors import IndexFolderError
from tracets.index.flat import KINDS, item_bytes
from tracets.index.manifest import Manifest
from tracets.index.mapped import Mapped
from tracets.index.state import versions

CHUNK = 1 << 22


@dataclass(frozen=True)
class Problem:
    """Something that is wrong: the file it is in, what it is, and what mends it."""

    file: str
    said: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.said}. {self.fix}"


def table_problems(path: Path, manifest: Manifest, mapped: Mapped) -> Iterator[Problem]:
    """The table's files whose checksums are not those that were kept when they were written."""
    state, table = mapped.state, path / f"{manifest.table}.lance"
    found = versions(table).get(state.version)
    if found is None or digest_of(found) != state.manifest:
        name = f"{table.name}/_versions/{found.name if found else state.version}"
        yield Problem(name, "does not match its checksum", restore_fix(path))
    for name, (size, sha256) in state.files.items():
        file = table / name
        if not file.is_file():
            yield Problem(f"{table.name}/{name}", "is gone", restore_fix(path))
        elif file.stat().st_size != size or digest_of(file) != sha256:
            yield Problem(f"{table.name}/{name}", "does not match its checksum", restore_fix(path))
    hint = table / "_versions" / "latest_version_hint.json"
    if hint.is_file():
        try:
            hinted = json.loads(hint.read_text(encoding="utf-8"))["version"]
            whole = isinstance(hinted, int) and hinted <= max(versions(table))
        except (ValueError, KeyError, TypeError, RecursionError):
            whole = False
        if not whole:
            yield Problem(f"{table.name}/_versions/{hint.name}", "cannot be read", "Delete it: it is made again.")


def refuse_damage(path: Path, manifest: Manifest, mapped: Mapped) -> None:
    """Refuse to copy damage. Raises IndexFolderError where a file of the table does not match its checksum."""
    for problem in table_problems(path, manifest, mapped):
        raise IndexFolderError(f"index '{path}' is damaged: {problem}")


def flat_problems(path: Path, mapped: Mapped) -> Iterator[Problem]:
    """The files that searching reads whose checksums are not those that were kept."""
    folder, state = mapped.folder, mapped.state
    fix = f"Make it again: tracets index compact {path}"
    for name in KINDS:
        left, crc = state.counts[name] * item_bytes(name, state.dim), 0
        with (folder / name).open("rb") as file:
            while left and (data := file.read(min(left, CHUNK))):
                crc, left = zlib.crc32(data, crc), left - len(data)
        if left or crc != state.sums[name]:
            yield Problem(f"{folder.name}/{name}", "does not match its checksum", fix)
    for part in state.parts:
        if not (folder / part.name).is_file() or digest_of(folder / part.name) != part.sha256:
            yield Problem(f"{folder.name}/{part.name}", "does not match its checksum", fix)


def restore_fix(path: Path) -> str:
    """How to mend what cannot be derived."""
    return (
        f"Restore the index from an export: tracets index restore FILE --out {path} --overwrite; or build it anew: "
        f"tracets index CORPUS --model MODEL --out {path} --overwrite"
    )
