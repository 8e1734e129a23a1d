"""Index engines by name, the one that is built in and those of other packages; what they make, and how it is opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from tracets.errors import ConfigError, IndexFolderError, NotFound
from tracets.index.lists import LISTS
from tracets.index.protocol import Finder, IndexEngine, Vectors
from tracets.index.state import EnginePart
from tracets.plugins import installed, named, package_of

GROUP = "tracets.index_engines"
BUILT_IN = {LISTS.name: LISTS}
BUILDING = ".engine"
"""With this begin the names of folders that engines are building in."""


@dataclass(frozen=True, eq=False)
class OpenEngine:
    """What an engine made for an index, opened, and what is known of it."""

    finder: Finder
    part: EnginePart

    @property
    def recall(self) -> float:
        """The share of the 10 best windows that it found when it was built."""
        return self.part.recall


@lru_cache(maxsize=1)
def known_engines() -> dict[str, IndexEngine]:
    """All index engines by name: `lists`, and entry points of the group "tracets.index_engines"."""
    return installed(GROUP, BUILT_IN.values(), kind="index engines")


def engine_named(name: str) -> IndexEngine:
    """The engine of a name. Raises NotFound for an unknown one; names those that there are."""
    if name in BUILT_IN:  # without a look at what is installed, which takes as long as a search
        return BUILT_IN[name]
    return named(known_engines(), name, kind="index engine", group=GROUP)


def brought_by(engine: IndexEngine) -> str:
    """The package that brought an engine, as `pip install` calls it."""
    return "tracets" if engine.name in BUILT_IN else package_of(GROUP, engine.name)


@contextmanager
def built(engine: IndexEngine, vectors: Vectors, index: Path) -> Iterator[Path]:
    """A folder in an index with what an engine makes of vectors, which is gone after the block if it is still there.

    Raises
    ------
    IndexFolderError
        It cannot be built, or not as plain files.
    """
    folder: Path | None = None
    try:
        try:
            folder = Path(mkdtemp(dir=index, prefix=f"{BUILDING}-{os.getpid()}-"))
            engine.build(vectors, folder)
        except Exception as error:  # code of a stranger, or a full disk
            raise IndexFolderError(
                f"the index engine '{engine.name}' could not be built in '{index}' ({type(error).__name__}: {error}). "
                f"The index is whole, and is searched exactly."
            ) from error
        found = list(folder.rglob("*"))
        odd = [p for p in found if p.name.startswith(".") or p.is_symlink() or not (p.is_file() or p.is_dir())]
        if odd or not any(path.is_file() for path in found):
            what = f"wrote '{odd[0].name}'" if odd else "wrote no file"
            raise IndexFolderError(
                f"the index engine '{engine.name}' {what}. An engine writes plain files whose names begin with no dot."
            )
        yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def open_engine(folder: Path, part: EnginePart) -> OpenEngine:
    """What an engine made, in the folder of the flat files, opened.

    Raises
    ------
    IndexFolderError
        The engine is not installed, has another version, or cannot open its files; says what to do.
    """
    said = f"the index engine '{part.engine}' of package '{part.package}'"
    try:
        engine = engine_named(part.engine)
    except (NotFound, ConfigError) as error:
        missing = "is not installed" if isinstance(error, NotFound) else f"cannot be used ({error})"
        raise IndexFolderError(f"{said} {missing}. Install it: pip install {part.package}") from error
    if engine.version != part.version:
        raise IndexFolderError(
            f"{said} made its files in version {part.version}, installed is {engine.version}. Make them anew by "
            f"compacting the index, or install the package that made them"
        )
    try:
        return OpenEngine(engine.open(folder / part.folder), part)
    except Exception as error:  # code of a stranger
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        raise IndexFolderError(
            f"{said} cannot open its files ({type(error).__name__}: {reason}). Make them anew by compacting the index"
        ) from error
