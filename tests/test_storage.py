"""A folder on a disk and one in a bucket do the same."""

import os
import threading

import pytest

from tracets.errors import DataError, StorageError
from tracets.storage import Location, is_url


@pytest.fixture(params=["path", "file", "s3"])
def place(request, tmp_path):
    if request.param == "s3":
        return Location.of(f"{request.getfixturevalue('s3')}/some/folder/")
    return Location.of(tmp_path / "some" if request.param == "path" else f"file://{tmp_path}/some")


@pytest.mark.slow
def test_what_is_written_is_listed_and_read(place, tmp_path):
    assert place.files() == [] and place.read("a") is None
    place.write("b/two", b"12345")
    (tmp_path / "one").write_bytes(bytes(range(256)) * 4)
    place.send(tmp_path / "one", "a")
    assert [(entry.name, entry.size) for entry in place.files()] == [("a", 1024), ("b/two", 5)]
    place.write("b/two", b"")
    assert place.read("b/two") == b"" and place.read("a") == bytes(range(256)) * 4
    place.fetch("a", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == bytes(range(256)) * 4
    with place.opened("a") as file:
        file.seek(1020)
        assert file.read() == bytes([252, 253, 254, 255])
    place.remove("a")
    place.remove("a")
    assert [entry.name for entry in place.files()] == ["b/two"]


@pytest.mark.slow
def test_a_file_is_the_old_one_or_the_new_one_at_any_time(place):
    old, new = b"o" * 3_000_000, b"n" * 2_000_000
    place.write("x", old)
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.add(place.read("x"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for data in (new, old) * 4:
        place.write("x", data)
    stop.set()
    watcher.join()
    assert seen <= {old, new} and seen


def test_what_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    place = Location.of(tmp_path / "here")
    place.write("x", b"old")
    monkeypatch.setattr(os, "replace", lambda a, b: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StorageError, match=r"cannot write '.*here': .*No space left.*Check the path and its rights"):
        place.write("x", b"new")
    assert [entry.name for entry in place.files()] == ["x"] and place.read("x") == b"old"


def test_a_bucket_that_is_not_there_is_named_with_the_fix(s3):
    place = Location.of("s3://no-such-bucket/index")
    with pytest.raises(StorageError) as error:
        place.files()
    said = str(error.value)
    assert (
        "cannot list 's3://no-such-bucket/index' in bucket 'no-such-bucket'" in said
        and "there is no such bucket" in said
    )
    assert "AWS_PROFILE" in said and "AWS_ENDPOINT_URL" in said and "\n" not in said and "secret" not in said
    with pytest.raises(StorageError, match="cannot write 's3://no-such-bucket/index'"):
        place.write("x", b"1")


@pytest.mark.parametrize("where", ["ftp://host/folder", "s3://", "s3:///"])
def test_a_url_that_names_no_place_is_refused(where):
    with pytest.raises(DataError, match=r"Write it as s3://bucket/folder"):
        Location.of(where)


def test_only_what_has_a_scheme_is_a_url():
    assert [is_url(x) for x in ("s3://b/x", "C:/x", "a/b", "file:///x")] == [True, False, False, True]
