"""Which part of an index's flat files belongs to which version of its table: one small file for each version.

The table's commit is the truth. A state says what was derived from it: how far the files that only grow count, which
rows are dead, and the checksums of all of it and of the table's own files. Readers of an older version keep an older
state, and map their own shorter prefix of the same files. A state that is missing or damaged is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tracets.disk import digest_of, write_whole

LAYOUT = 2
PREFIX = "vectors-"
NEWEST = (1 << 64) - 1
VERSIONS = "_versions"
CHECKED = ("data", "_deletions", "_indices")
"""Folders of a table whose files are never rewritten, and of which a version may need any."""


@dataclass(frozen=True)
class Part:
    """A file beside the flat ones that is never changed: its name, its checksum, and how many rows it speaks of."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class EnginePart:
    """What an index engine made of the channel vectors of the first `rows` rows, and what was found when it was made.

    Parameters
    ----------
    engine, version, package : str
        The engine, the version of its files, and the package that brought it.
    effort : int
        How thoroughly it is asked to look.
    recall : float
        The share of the 10 best windows that it found so.
    folder : str
        Where its files lie, beside the flat ones.
    parts : tuple of Part
        These files, with the folder in their names.
    vectors : int
        How many vectors there were.
    """

    engine: str
    version: str
    package: str
    effort: int
    recall: float
    folder: str = ""
    parts: tuple[Part, ...] = ()
    rows: int = 0
    vectors: int = 0


@dataclass(frozen=True)
class State:
    """What is derived from one version of the table.

    Parameters
    ----------
    table, version, manifest
        The table, its version and the SHA-256 of that version's own manifest file.
    rows, dead : int
        Rows in the flat files, and how many of them are dead: replaced or deleted.
    counts, sums, residuals : dict
        For each flat file how many items count, the CRC-32 of their bytes, and how far its coarse vectors are off.
    kinds : tuple
        The different tuples of channel names.
    facts : tuple of Part
        Files with the other columns, in order.
    mask : Part or None
        One bit a row, set where it is dead; None where none is.
    hubness : Part or None
        How near each text is to all windows; dropped by a change, made by a build or by `compact`.
    engine : EnginePart or None
        What finds near vectors; rows that it does not know are candidates always.
    files : dict
        Files of the table: size and SHA-256.
    """

    table: str
    version: int
    manifest: str
    dim: int
    rows: int = 0
    dead: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    residuals: dict[str, float] = field(default_factory=dict)
    kinds: tuple[tuple[str, ...], ...] = ()
    facts: tuple[Part, ...] = ()
    mask: Part | None = None
    hubness: Part | None = None
    engine: EnginePart | None = None
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    layout: int = LAYOUT

    def write(self, folder: Path) -> None:
        """Publish the state in the folder of its flat files, in one rename; all that it names must be synced."""
        said = json.dumps(asdict(self), sort_keys=True)
        data = json.dumps({"sha256": hashlib.sha256(said.encode()).hexdigest(), "state": said})
        write_whole(folder / name_of(self.version), data.encode())

    @classmethod
    def read(cls, path: Path) -> State:
        """Read a state. Raises ValueError where it is damaged or of another layout, OSError where it is gone."""
        try:
            outer = json.loads(path.read_text(encoding="utf-8"))
            if hashlib.sha256(outer["state"].encode()).hexdigest() != outer["sha256"]:
                raise ValueError(f"{path.name} does not match its checksum")
            found = json.loads(outer["state"])
            if found["layout"] != LAYOUT:
                raise ValueError(f"{path.name} has layout {found['layout']}, not {LAYOUT}")
            found.setdefault("engine", _lists_of(found.get("lists")))
            given = {f.name: found[f.name] for f in fields(cls)}
        except (KeyError, TypeError, AttributeError, RecursionError, UnicodeError) as error:
            raise ValueError(f"{path.name} cannot be read") from error
        given["kinds"] = tuple(tuple(names) for names in found["kinds"])
        given["facts"] = tuple(Part(**part) for part in found["facts"])
        for name in ("mask", "hubness"):
            given[name] = None if found[name] is None else Part(**found[name])
        if found["engine"] is not None:
            parts = tuple(Part(**part) for part in found["engine"].pop("parts"))
            given["engine"] = EnginePart(parts=parts, **found["engine"])
        given["files"] = {name: (size, digest) for name, (size, digest) in found["files"].items()}
        return cls(**given)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every file that the state needs beside the flat ones."""
        engine = () if self.engine is None else self.engine.parts
        return (*self.facts, *engine, *(part for part in (self.mask, self.hubness) if part is not None))


def _lists_of(lists: dict[str, Any] | None) -> dict[str, Any] | None:
    """The lists of a state from before there were engines, as those of a version that is not opened any more."""
    if lists is None:
        return None
    told = {"effort": lists["probes"], "recall": lists["recall"], "rows": lists["rows"], "parts": []}
    return {"engine": "lists", "version": "0", "package": "tracets", **told}


def name_of(version: int) -> str:
    """The file name of the state of a version."""
    return f"state-{version}.json"


def versions(table: Path) -> dict[int, Path]:
    """The versions of a table folder and their manifests, from their names alone.

    Raises
    ------
    OSError
        There is no such table, or it has no version.
    """
    found = {}
    for name in os.listdir(table / VERSIONS):
        stem, ending = os.path.splitext(name)
        if ending == ".manifest" and stem.isdigit():  # twenty digits count down from the largest number
            found[NEWEST - int(stem) if len(stem) == 20 else int(stem)] = table / VERSIONS / name
    if not found:
        raise OSError(f"the table has no version in {table.name}/{VERSIONS}")
    return found


def states(index: Path, table: str) -> Iterator[tuple[int, Path]]:
    """Version and file of every state of a table, the newest first, readable or not."""
    found = []
    for path in index.glob(f"{PREFIX}*/state-*.json"):
        number = path.stem.removeprefix("state-")
        if number.isdigit() and path.parent.name.startswith(f"{PREFIX}{table}.") and not path.is_symlink():
            made = [int(part) for part in path.parent.name.split(".")[1:] if part.isdigit()]
            found.append(((int(number), made), path))
    yield from ((number, path) for (number, _), path in sorted(found, reverse=True))


def table_files(table: Path, known: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    """Sizes and checksums of a table's files; those that are `known`, and have kept their size, are not read again."""
    found = {}
    for part in CHECKED:
        for path in sorted((table / part).rglob("*")) if (table / part).is_dir() else []:
            if path.is_file():
                name, size = path.relative_to(table).as_posix(), path.stat().st_size
                before = known.get(name)
                found[name] = before if before and before[0] == size else (size, digest_of(path))
    return found
