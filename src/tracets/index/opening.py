"""Finds what a reader of an index maps: the state of the table's newest version, made first where it is missing."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tracets.disk import digest_of
from tracets.errors import IndexFolderError, TracetsError
from tracets.index.derive import anew, follow
from tracets.index.lock import if_free, writing
from tracets.index.manifest import REBUILD, Manifest
from tracets.index.mapped import Mapped, open_mapped
from tracets.index.state import State, states, versions

ATTEMPTS = 5
"""To map an index that is written anew, or compacted, while it is opened."""
T = TypeVar("T")


def current(index: Path, *, locked: bool = False) -> tuple[Manifest, Mapped]:
    """The manifest of an index, and the newest version of its table as it is mapped.

    A commit that a killed writer left without its state is finished here, if no other writer is at work; while one is,
    the version before it is shown.

    Parameters
    ----------
    locked : bool
        The caller holds the lock.

    Raises
    ------
    IndexFolderError
        The folder is missing, damaged or of a newer format.
    """
    for attempt in range(ATTEMPTS):
        manifest = Manifest.read(index)
        try:
            found = newest(index, manifest)
            if found is None and locked:
                found = made(index, manifest, index)
            elif found is None:
                found = _by_whoever_may(index, manifest)
        except FileNotFoundError as error:  # another writer replaced or removed it meanwhile, or it is damaged
            if attempt == ATTEMPTS - 1 or locked:
                raise damaged(index, error) from error
            continue
        except (ValueError, RuntimeError, OSError) as error:
            if isinstance(error, IndexFolderError):
                raise
            raise damaged(index, error) from error
        if found is not None:
            _check_bound(index, manifest, found)
            return manifest, found
    raise IndexFolderError(f"index '{index}' is being written to faster than it can be opened. Try again.")


def newest(index: Path, manifest: Manifest) -> Mapped | None:
    """What is mapped of the table's newest version; None where its state is missing or damaged."""
    path = index / f"{manifest.table}.lance"
    found = versions(path)
    version = max(found)
    for number, file in states(index, manifest.table):
        if number > version:
            if number <= max(versions(path)):
                raise FileNotFoundError(f"version {number} came while the index was opened")  # look again
            raise ValueError(f"version {number} of its table is gone, the newest is {version}")
        if number < version:
            break
        mapped = _mapped(file)
        if mapped is not None:
            if digest_of(found[version]) != mapped.state.manifest:
                raise ValueError(f"{manifest.table}.lance/_versions/{found[version].name} does not match its checksum")
            return mapped
    return None


def made(index: Path, manifest: Manifest, home: Path, *, fresh: bool = False) -> Mapped:
    """Derive the state of the table's newest version into `home`, by following an earlier state where that is whole.

    The caller holds the lock, or `home` is its own.

    Parameters
    ----------
    fresh : bool
        Make all files anew.
    """
    path = index / f"{manifest.table}.lance"
    table = open_table(index, manifest.table)
    known = None
    for number, file in list(states(index, manifest.table))[:1]:
        mapped = _mapped(file)
        if mapped is not None:
            known = mapped.state
        if mapped is not None and number < int(table.version) and home == index and not fresh:
            state = follow(mapped.folder, mapped.state, table, path)
            found = open_mapped(mapped.folder, state)
            if found is not None:
                return found
    folder, state = anew(home, table, path, dim=manifest.dim, known=known)
    found = open_mapped(folder, state)
    if found is None:
        raise OSError("its memory-mapped vectors cannot be read back")
    return found


def open_table(index: Path, name: str, version: int | None = None) -> Any:
    """A LanceDB table of an index, in its newest version or in another one."""
    import lancedb

    table = lancedb.connect(index).open_table(name)
    if version is not None and table.version != version:
        table.checkout(version)
    return table


def _by_whoever_may(index: Path, manifest: Manifest) -> Mapped | None:
    """The newest version, made here if no writer is at work; None to look again."""
    with if_free(index) as free:
        if free:
            again = Manifest.read(index)
            found = newest(index, again) if again == manifest else None
            if found is not None or again != manifest:
                return found
            try:
                return made(index, manifest, index)
            except OSError as error:  # for instance a full disk: the version before can be read all the same
                behind = _behind(index, manifest)
                if behind is None:
                    raise error
                return behind
        if free is None:  # nothing can be written here: the files lie elsewhere for as long as this process lives
            home = Path(tempfile.mkdtemp(prefix="tracets-index-"))
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            return made(index, manifest, home)
    behind = _behind(index, manifest)
    if behind is None:
        with writing(index):  # the first state of this table is being made
            pass
    return behind


def _behind(index: Path, manifest: Manifest) -> Mapped | None:
    """The newest version that can be mapped."""
    return next((mapped for _, file in states(index, manifest.table) if (mapped := _mapped(file)) is not None), None)


def _mapped(file: Path) -> Mapped | None:
    try:
        return open_mapped(file.parent, State.read(file))
    except (OSError, ValueError):
        return None


def _check_bound(index: Path, manifest: Manifest, found: Mapped) -> None:
    if found.state.dim != manifest.dim:
        raise IndexFolderError(
            f"index '{index}' is damaged: manifest.json says vectors of width {manifest.dim}, they have "
            f"{found.state.dim}. {REBUILD} {index}"
        )


def or_damaged(folder: Path, read: Callable[[], T]) -> T:
    """What `read` gives; what LanceDB, Arrow or the disk raise becomes an error with the fix."""
    try:
        return read()
    except TracetsError:
        raise
    except Exception as error:  # LanceDB has no base class for its errors, and ends some damage by a panic
        raise damaged(folder, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(folder, RuntimeError(str(error))) from error


def or_unwritten(folder: Path, commit: Callable[[], T]) -> T:
    """What a commit gives; where LanceDB or the disk refuse it, an error that says that nothing was changed."""
    try:
        return commit()
    except TracetsError:
        raise
    except (ValueError, RuntimeError, OSError) as error:
        raise IndexFolderError(
            f"index '{folder}' cannot be written to: {_reason(error)}. Nothing was changed. Free the disk or check its "
            f"permissions, and try again."
        ) from error


def or_unfinished(folder: Path, follow: Callable[[], T]) -> T:
    """What following a commit gives; where the disk refuses it, an error that says that the commit is made."""
    try:
        return follow()
    except (RuntimeError, OSError) as error:
        raise IndexFolderError(
            f"index '{folder}' cannot be written to: {_reason(error)}. The change is in its table, but is not "
            f"shown yet: free the disk or check its permissions; the next to open the index finishes it."
        ) from error


def damaged(folder: Path, error: Exception) -> IndexFolderError:
    """The error for an index that cannot be read."""
    reason = _reason(error)
    return IndexFolderError(
        f"index '{folder}' is damaged: {reason}. Restore it from an export: tracets index restore FILE --out {folder}; "
        f"or build it anew: tracets index CORPUS --model MODEL --out {folder}"
    )


def _reason(error: BaseException) -> str:
    """The first line of an error, without the place in LanceDB's source."""
    return (str(error).split(", /")[0].splitlines() or [type(error).__name__])[0].rstrip(".")
