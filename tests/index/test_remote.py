"""An index in a store: what is opened is one state of it, whole, fetched once; what is written appears at once."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import tracets.index.remote as room
from tracets.errors import IndexFolderError, StorageError
from tracets.index.remote import INVENTORY, is_taken, mirror, rewritten
from tracets.storage import Location

pytestmark = pytest.mark.slow  # a server of an object store is started, and models are run

FILES = {"manifest.json": b"{}", "rows.lance/_versions/1.manifest": b"v1", "vectors-ab/sample.f32": bytes(5000)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "indexes"


@pytest.fixture(params=["file", "s3"])
def where(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/some/index"
    return f"file://{tmp_path}/bucket/index"


def fill(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def put(where, files):
    with rewritten(where, copied=False) as folder:
        fill(folder, files)


def held(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def objects(where):
    return [file.name for file in Location.of(where).files() if file.name.startswith("objects/")]


@pytest.fixture
def fetched(monkeypatch):
    """The names of all that is fetched."""
    names, fetch = [], Location.fetch

    def counted(self, name, target):
        names.append(name)
        fetch(self, name, target)

    monkeypatch.setattr(Location, "fetch", counted)
    return names


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Go on as another machine does, with an empty cache."""

    def move(name="other"):
        monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / name))

    return move


def test_what_is_written_is_mirrored_and_what_is_here_is_not_fetched(where, fetched, elsewhere):
    assert not is_taken(where)
    put(where, FILES | {".lock": b"no"})
    assert is_taken(where)
    assert held(mirror(where)) == FILES and fetched == []  # it was just sent from here
    elsewhere()
    first = mirror(where)
    assert held(first) == FILES and len(fetched) == 3
    assert mirror(where) == first and len(fetched) == 3


def test_a_new_state_costs_what_has_changed_and_leaves_the_old_one(where, fetched, elsewhere):
    put(where, FILES)
    elsewhere()
    first = mirror(where)
    fetched.clear()
    changed = FILES | {"manifest.json": b'{"rows": 2}', "rows.lance/_versions/2.manifest": b"v2"}
    del changed["rows.lance/_versions/1.manifest"]
    before = objects(where)
    elsewhere("third")
    put(where, changed)
    assert len(objects(where)) == len(before) + 2
    elsewhere()
    second = mirror(where)
    assert len(fetched) == 2 and held(second) == changed and held(first) == FILES
    assert os.stat(first / "vectors-ab/sample.f32").st_ino == os.stat(second / "vectors-ab/sample.f32").st_ino


def test_a_change_begins_with_what_is_there_and_cannot_reach_a_mirror(where):
    put(where, FILES)
    first = mirror(where)
    with rewritten(where, copied=True) as folder:
        assert held(folder) == FILES
        with (folder / "manifest.json").open("ab") as file:
            file.write(b" ")
        assert held(mirror(where)) == FILES
    assert held(mirror(where)) == FILES | {"manifest.json": b"{} "} and held(first) == FILES


@pytest.mark.parametrize("at", ["in the block", "while files are sent", "before the inventory"])
def test_what_breaks_off_leaves_the_old_state(where, monkeypatch, elsewhere, cache, at):
    put(where, FILES)

    def cut(self, *arguments):
        raise StorageError("the line is cut")

    with monkeypatch.context() as patch, pytest.raises((StorageError, KeyError)):
        with rewritten(where, copied=False) as folder:
            fill(folder, {name: data + b"!" for name, data in FILES.items()})
            if at == "in the block":
                raise KeyError
            patch.setattr(Location, "send" if at == "while files are sent" else "write", cut)
    assert len(objects(where)) == (6 if at == "before the inventory" else 3)
    assert not list(cache.glob("*/.making-*"))
    elsewhere()
    assert held(mirror(where)) == FILES


def test_a_second_writer_is_told(where):
    put(where, FILES)
    with pytest.raises(StorageError, match=r"another process wrote the index at '.*index' meanwhile. Run it again"):
        with rewritten(where, copied=True) as folder:
            fill(folder, {"manifest.json": b"mine"})
            put(where, FILES | {"manifest.json": b"theirs"})
    assert held(mirror(where))["manifest.json"] == b"theirs"


def test_several_processes_may_mirror_at_a_time(where, elsewhere):
    many = FILES | {f"rows.lance/data/{i}": os.urandom(2000) for i in range(20)}
    put(where, many)
    elsewhere()
    with ThreadPoolExecutor(6) as pool:
        folders = list(pool.map(mirror, [where] * 6))
    assert len(set(folders)) == 1 and held(folders[0]) == many
    assert {p.name[0] for p in folders[0].parent.iterdir()} & {"."} == set()


def test_readers_see_one_state_while_states_follow_each_other(where):
    def state(i):
        return {"manifest.json": b"%d" % i, "a": b"%d" % i * 1000, "b": b"%d" % i * 10}

    put(where, state(0))
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            seen.append(held(mirror(where)))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(1, 6):
        put(where, state(i))
    stop.set()
    reader.join()
    assert seen and all(one in [state(i) for i in range(6)] for one in seen)
    assert held(mirror(where)) == state(5)


def test_a_file_that_is_lost_or_damaged_in_the_mirror_is_fetched_again(where, elsewhere, fetched):
    put(where, FILES)
    elsewhere()
    folder = mirror(where)
    (folder / "manifest.json").unlink()
    assert held(mirror(where)) == FILES
    os.truncate(folder / "vectors-ab/sample.f32", 10)
    assert held(mirror(where)) == FILES and len(fetched) == 4


def test_an_object_that_is_not_what_is_listed_is_refused(where, elsewhere):
    put(where, FILES)
    elsewhere()
    place = Location.of(where)
    name = max(place.files(), key=lambda file: file.size).name
    place.write(name, b"x" * 5000)
    with pytest.raises(IndexFolderError, match=r"is damaged: 'vectors-ab/sample.f32' is not what its inventory lists"):
        mirror(where)


def test_a_folder_that_was_copied_as_it_is_opens_too(where, elsewhere, fetched):
    place = Location.of(where)
    for name, data in FILES.items():
        place.write(name, data)
    assert is_taken(where)
    first = mirror(where)
    assert held(first) == FILES and mirror(where) == first and len(fetched) == 3
    time.sleep(1.1)  # a store tells times by the second
    place.write("manifest.json", b"[]")
    second = mirror(where)
    assert held(second) == FILES | {"manifest.json": b"[]"} and held(first) == FILES and len(fetched) == 4


def test_what_nobody_opened_for_a_day_is_removed(where, elsewhere, monkeypatch):
    put(where, FILES)
    elsewhere()
    first = mirror(where)
    elsewhere("third")
    put(where, {"manifest.json": b"new"})
    elsewhere()
    second = mirror(where)
    assert first.is_dir()
    long_ago = time.time() - room.KEPT - 60
    for path in (first.with_suffix(".used"), *(first.parent / "objects").iterdir()):
        os.utime(path, (long_ago, long_ago))
    assert mirror(where) == second
    assert not first.exists() and held(second) == {"manifest.json": b"new"}
    assert len(list((second.parent / "objects").iterdir())) == 1
    monkeypatch.setattr(room, "KEPT", -60)  # as if all that is in the store were older than a day
    put(where, {"manifest.json": b"newer"})
    assert len(objects(where)) == 2  # of this state and of the one before


def test_what_is_no_index_is_refused(where):
    with pytest.raises(
        IndexFolderError, match=r"there is no index at '.*/index': .*tracets index CORPUS --out .*/index"
    ):
        mirror(where)
    Location.of(where).write("notes.txt", b"mine")
    with pytest.raises(IndexFolderError, match="holds files that are no index; they are left as they are"):
        is_taken(where)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"{", "is damaged"),
        (b'{"format": 7}', "has format 7, this version of tracets reads 1"),
        (b'{"format": 1, "files": [{"name": "../x", "object": "o", "size": 1, "sha256": "ab"}]}', r"a file '../x'"),
        (b'{"format": 1, "files": [{"name": "x", "object": "o", "size": 1, "sha256": "../ab"}]}', r"a file 'x'"),
    ],
)
def test_an_inventory_that_cannot_be_trusted_is_refused(tmp_path, data, said):
    Location.of(tmp_path / "index").write(INVENTORY, data)
    with pytest.raises(IndexFolderError, match=said):
        mirror(f"file://{tmp_path}/index")


def test_a_cache_that_cannot_be_written_is_named(where, tmp_path, monkeypatch):
    put(where, FILES)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"mirror of an index cannot be written to '.*file/indexes.*TRACETS_CACHE"):
        mirror(where)


def test_a_bucket_that_is_not_there_is_named(s3):
    with pytest.raises(StorageError, match=r"cannot list 's3://nowhere/index' in bucket 'nowhere': there is no such"):
        mirror("s3://nowhere/index")
