"""Indexes in an object store: mirrored to the user's cache before they are opened, written by one last object.

At `s3://bucket/index` lie `objects/HASH`, the files of all states by the hash of their content, never written twice,
and `tracets-index.json`, which says what file of the index each is. Writing that one makes a state visible; who reads
an older one goes on. A folder that was copied there as it is opens too, if it does not change meanwhile.

The mirror is `<cache>/indexes/<hash of the URL>/<state>`. Its files are hard links to those of `objects/` beside it, so
that a new state costs what has changed. It is there to be read: what writes into it changes nothing in the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tracets.errors import IndexFolderError, StorageError
from tracets.index.manifest import FILE as MANIFEST
from tracets.storage import ATTEMPTS, Location, cache_folder

INVENTORY = "tracets-index.json"
OBJECTS = "objects"
FORMAT = 1
AT_ONCE = 8
"""Files on their way at a time."""
KEPT = 86_400
"""Seconds that what no longer counts is kept for those who may still read it, here and in the store."""


@dataclass(frozen=True)
class Item:
    """One file of a state: its name in the index, the object that holds it, its bytes, and the hash of these.

    Of an index that was copied as it is no hash is known; it is "" then, and `version` tells its object from others of
    the same name.
    """

    name: str
    object: str
    size: int
    sha256: str
    version: str = ""

    @property
    def key(self) -> str:
        """The name of the file among the objects of the mirror."""
        return self.sha256 or hashlib.sha256(f"{self.object} {self.size} {self.version}".encode()).hexdigest()


State = tuple[Item, ...]


def mirror(where: str) -> Path:
    """The local folder of an index in a store, as it is now; fetches what this machine does not have of it yet.

    Several processes may do so at a time. States that nobody opened for a day are removed.

    Raises
    ------
    StorageError
        The store cannot be read or the cache not written; names the bucket and the fix.
    IndexFolderError
        There is no index, or its files are not those that it lists.
    """
    place, root = Location.of(where), _root(where)
    for _ in range(ATTEMPTS):
        state = _state(place)
        if state is None:
            raise IndexFolderError(
                f"there is no index at '{where}': it holds neither {INVENTORY} nor {MANIFEST}. Write one with: "
                f"tracets index CORPUS --out {where}"
            )
        folder = root / _name(state)
        with _explained(root), contextlib.suppress(FileNotFoundError):  # what another process tidied away meanwhile
            if not _is_whole(folder, state):
                shutil.rmtree(folder, ignore_errors=True)
                _fetch(place, state, root)
                if _plain(state) and _state(place) != state:
                    continue
                _link(state, root)
            folder.with_suffix(".used").touch()
            _tidy(root, folder)
            return folder
    raise IndexFolderError(f"index '{where}' changes faster than it can be read. Try again when it is at rest.")


def is_taken(where: str) -> bool:
    """Whether there is an index in the store.

    Raises
    ------
    IndexFolderError
        There is something else.
    """
    place = Location.of(where)
    if _state(place) is not None:
        return True
    if place.files():
        raise IndexFolderError(f"'{where}' holds files that are no index; they are left as they are. Choose another.")
    return False


@contextlib.contextmanager
def rewritten(where: str, *, copied: bool) -> Iterator[Path]:
    """A local folder to make an index in, which is the one in the store after the block; `copied`: begin with that.

    Raises
    ------
    StorageError
        The store cannot be written, or another process wrote the index meanwhile; what is there stays.
    """
    place, root = Location.of(where), _root(where)
    before = _state(place)
    with _explained(root):
        working = root / f".making-{os.urandom(8).hex()}"
        working.mkdir(parents=True)
    try:
        made = working / "index"
        if copied and before is not None:
            shutil.copytree(mirror(where), made)
        yield made
        state = _send(made, place)
        if _state(place) != before:
            raise StorageError(f"another process wrote the index at '{where}' meanwhile. Run it again.")
        told = {"format": FORMAT, "files": [asdict(item) for item in state]}
        place.write(INVENTORY, json.dumps(told, indent=1).encode())
        _forget(place, {item.object for item in (*state, *(before or ()))})
        with contextlib.suppress(OSError):  # saves fetching what was just sent
            (root / OBJECTS).mkdir(exist_ok=True)
            for item in state:
                os.replace(made / item.name, root / OBJECTS / item.key)
            _link(state, root)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _root(where: str) -> Path:
    return cache_folder() / "indexes" / hashlib.sha256(where.rstrip("/").encode()).hexdigest()[:16]


def _name(state: State) -> str:
    return hashlib.sha256(json.dumps([[item.name, item.key] for item in state]).encode()).hexdigest()[:16]


def _state(place: Location) -> State | None:
    """What the inventory in the store lists, or the files of an index that was copied there as it is."""
    data = place.read(INVENTORY)
    if data is None:
        files = [f for f in place.files() if not f.name.startswith((".", OBJECTS))]
        if not any(file.name == MANIFEST for file in files):
            return None
        return tuple(Item(f.name, f.name, f.size, "", str(f.changed)) for f in files)
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise IndexFolderError(
                f"'{place.shown}/{INVENTORY}' has format {found['format']}, this version of tracets reads {FORMAT}."
            )
        state = tuple(Item(**item) for item in found["files"])
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, IndexFolderError):
            raise
        raise IndexFolderError(f"'{place.shown}/{INVENTORY}' is damaged ({error}). Write the index anew.") from error
    for item in state:
        path = Path(item.name)
        if path.is_absolute() or ".." in path.parts or not set(item.key) <= set("0123456789abcdef"):
            raise IndexFolderError(f"'{place.shown}/{INVENTORY}' is damaged: it lists a file '{item.name}'.")
    return state


def _plain(state: State) -> bool:
    return not all(item.sha256 for item in state)


def _is_whole(folder: Path, state: State) -> bool:
    try:
        return all((folder / item.name).stat().st_size == item.size for item in state)
    except OSError:
        return False


def _fetch(place: Location, state: State, root: Path) -> None:
    """Get the objects of a state that are not in the mirror yet, each whole and as its hash says, or not at all."""
    pool = root / OBJECTS
    pool.mkdir(parents=True, exist_ok=True)

    def get(item: Item) -> None:
        target, unfinished = pool / item.key, pool / f".{item.key}-{os.urandom(8).hex()}"
        if target.is_file() and target.stat().st_size == item.size:
            return
        try:
            place.fetch(item.object, unfinished)
            if unfinished.stat().st_size != item.size or (item.sha256 and _hash(unfinished) != item.sha256):
                raise IndexFolderError(
                    f"index '{place.shown}' is damaged: '{item.name}' is not what its inventory lists. Write it anew."
                )
            os.replace(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)

    with ThreadPoolExecutor(AT_ONCE) as workers:
        list(workers.map(get, {item.key: item for item in state}.values()))


def _link(state: State, root: Path) -> None:
    """Put the folder of a state together; it appears whole or not at all."""
    folder, building = root / _name(state), root / f".{_name(state)}-{os.urandom(8).hex()}"
    try:
        for item in state:
            target = building / item.name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = root / OBJECTS / item.key
            try:
                os.link(source, target)
            except FileNotFoundError:
                raise
            except OSError:  # a disk without hard links
                shutil.copyfile(source, target)
        try:
            os.replace(building, folder)
        except OSError:
            if not _is_whole(folder, state):  # else another process was faster
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _tidy(root: Path, current: Path) -> None:
    """Remove states that were not opened for long, and then the objects that no state has."""
    old = time.time() - KEPT
    for used in root.glob("*.used"):
        if used.stem != current.name and used.stat().st_mtime < old:
            shutil.rmtree(used.with_suffix(""), ignore_errors=True)
            used.unlink(missing_ok=True)
    for left in root.glob(".*"):  # by a process that was killed
        if left.stat().st_mtime < old - 9 * KEPT:
            shutil.rmtree(left, ignore_errors=True)
    for file in (root / OBJECTS).iterdir():
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_nlink == 1 and file.stat().st_mtime < old:
                file.unlink()


def _send(folder: Path, place: Location) -> State:
    """Bring the files of a local index to the store by the hash of their content; what is there is not sent again."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )
    there = {file.name: file.size for file in place.files() if file.name.startswith(OBJECTS)}

    def send(name: str) -> Item:
        path = folder / name
        digest, size = _hash(path), path.stat().st_size
        item = Item(name, f"{OBJECTS}/{digest}", size, digest)
        if there.get(item.object) != size:
            place.send(path, item.object)
        return item

    with ThreadPoolExecutor(AT_ONCE) as workers:
        return tuple(workers.map(send, names))


def _forget(place: Location, counted: set[str]) -> None:
    """Remove objects that neither this state nor the one before has, once nobody can be about to list them."""
    old = (time.time() - KEPT) * 1e9
    for file in place.files():
        if file.name.startswith(OBJECTS) and file.name not in counted and file.changed < old:
            place.remove(file.name)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, (StorageError, FileNotFoundError)):
            raise
        raise StorageError(
            f"the mirror of an index cannot be written to '{root}': {error}. Make room there, or name another folder "
            f"in TRACETS_CACHE."
        ) from error
