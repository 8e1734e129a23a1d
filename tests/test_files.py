"""Files from outside: kinds and sizes that are refused before anything is read, and limits that can be set."""

import json
import os
import threading

import pytest

from tracets import api
from tracets.errors import ConfigError, DataError, ModelError, TracetsError, visible
from tracets.files import FREE, LIMITS, Limits, kind_of, open_bytes, parse_json, read_bytes, read_json, size_of


def test_defaults_let_real_corpora_through():
    """100,000 windows of 7 x 168 of float32 with a kilobyte of text each, and a series of a million steps."""
    bytes_of_windows = 100_000 * (7 * 168 * 4 + 1000)
    LIMITS.check("rows", 100_000, "rows", where="x")
    LIMITS.check("steps", 1_000_000, "steps", where="x")
    LIMITS.check_decoded(bytes_of_windows, of=bytes_of_windows // 100, where="x")
    LIMITS.check_decoded(FREE, of=1, where="x")


@pytest.mark.parametrize("name", [f for f in Limits.__dataclass_fields__])
def test_every_limit_can_be_set_and_is_at_least_one(name):
    assert getattr(api.limits_of([f"{name}=7"]), name) == 7
    with pytest.raises(ConfigError, match=f"limits.{name} must be at least 1, got 0"):
        Limits(**{name: 0})
    Limits(**{name: 7}).check(name, 7, "of them", where="f.csv")
    with pytest.raises(
        ModelError, match=rf"^f.csv: has 8 of them, more than the 7 that limits.{name} allows. .*{name}=8"
    ):
        Limits(**{name: 7}).check(name, 8, "of them", where="f.csv", error=ModelError)


def test_what_a_small_file_may_come_to():
    with pytest.raises(DataError, match="has 201 times its own size once decoded, more than the 200"):
        LIMITS.check_decoded(FREE + 1, of=(FREE + 1) // 201 + 1, where="x")
    with pytest.raises(DataError, match="has 11 bytes once decoded, more than the 10 that limits.decoded_bytes"):
        Limits(decoded_bytes=10).check_decoded(11, of=11, where="x")


def test_unknown_limits_are_refused():
    with pytest.raises(ConfigError, match="unknown setting 'rosw'; did you mean 'rows'"):
        api.limits_of(["rosw=3"])
    with pytest.raises(ConfigError, match="rows must be"):
        api.limits_of(["rows=many"])


@pytest.fixture
def odd(tmp_path):
    """Things that are no regular files, by name."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    return tmp_path


REFUSALS = {
    "folder": "'.*folder' is a folder, and a file is wanted",
    "pipe": "'.*pipe' is a pipe or a device, and a file is wanted",
    "device": "'.*device' is a pipe or a device",
    "loop": "cannot open '.*loop' .*Check the path",
    "dangling": "no such file: '.*dangling'. Check the path",
    "nothing": "no such file: '.*nothing'",
    "folder/../nothing/x": "no such file",
    "a\0b": r"cannot open '.*a\\x00b' \(embedded null byte\)",
    "x" * 300: "cannot open '.*x' .File name too long",
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize(
    "read", [size_of, open_bytes, lambda p: read_bytes(p, most=10), lambda p: read_json(p, error=DataError)]
)
def test_what_is_no_file_is_refused(odd, name, read):
    with pytest.raises(DataError, match=REFUSALS[name]):
        read(odd / name)


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("ending", ["", ".csv", ".parquet"])
def test_readers_refuse_them_too(odd, name, ending):
    path = odd / name
    if ending and os.path.lexists(path):
        path = path.rename(odd / (name + ending)) if name != "loop" else path
    with pytest.raises(TracetsError):
        api.read(path)
    for reader in ("corpus", "csv-wide", "csv-long", "time-mmd", "trace", "line-protocol"):
        with pytest.raises(DataError):
            api.read(path, reader=reader)


def test_a_pipe_is_refused_without_waiting_for_its_writer(odd):
    done = threading.Event()

    def read():
        with pytest.raises(DataError):
            open_bytes(odd / "pipe")
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(5)


def test_sizes(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    assert size_of(file, most=5) == 5 and read_bytes(file, most=5) == b"12345"
    for read in (lambda: size_of(file, most=4), lambda: open_bytes(file, most=4), lambda: read_bytes(file, most=4)):
        with pytest.raises(DataError, match=r"'.*f' has 5 bytes, more than the 4 that limits.file_bytes allows.*=5\)"):
            read()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", r"is not UTF-8 text \(byte 0\); it looks like UTF-16 text"),
        (b"\x80\x04\x95", "is not UTF-8 text .*; it looks like a pickle"),
        (b"<html>", "is not JSON .*; it looks like HTML"),
        (b"[" * 100_000, "is nested more than 64 deep"),
        (b"[" * 65 + b"]" * 65, "is nested more than 64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "is nested more than 64 deep"),
        (b"9" * 10_000, "is not JSON"),
    ],
)
def test_json_that_is_none(text, message):
    with pytest.raises(ModelError, match=f"^c.json: {message}"):
        parse_json(text, where="c.json", error=ModelError)


def test_json_as_deep_as_allowed():
    deep = "[" * 64 + "]" * 64
    assert parse_json(deep, where="x", error=DataError) == json.loads(deep)
    assert parse_json(b'{"a": [1, {"b": null}]}', where="x", error=DataError) == {"a": [1, {"b": None}]}


def test_kinds():
    found = {kind_of(head) for head in (b"\x80\x05x", b"PK\x03\x04", b"\x1f\x8b\x08", b"  <!DOCTYPE html>", b"PAR1")}
    assert found == {"a pickle", "a zip archive", "gzip", "HTML", "Parquet"}
    assert kind_of(b"time,load\n") is None and kind_of(b"") is None


def test_messages_do_not_steer_a_terminal_and_stay_short():
    said = str(DataError("row '\x1b[2J\x9b31m\u202eabc\u2066\ud800' \x00\r end"))
    assert said == r"row '\x1b[2J\x9b31m\u202eabc\u2066\ud800' \x00\r end"
    assert visible("Grüße\n\tمرحبا 👩‍🚀") == "Grüße\n\tمرحبا 👩‍🚀"
    long = str(DataError("begin" + "x" * 100_000 + "end"))
    assert len(long) < 2100 and long.startswith("begin") and long.endswith("end") and " [...] " in long
