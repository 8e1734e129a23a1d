"""Files from strangers at the command line: one line that names file and fix, and nothing that steers a terminal."""

import io
import json
import os
import pickle
import re
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracets import api
from tracets.data import Corpus, write_corpus
from tracets.types import Sample

pytestmark = pytest.mark.slow  # each runs a model

EVIL = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe\u202c \x9b31m \u2028end [bold]x[/bold]"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil", "x")
    return buffer.getvalue()


CONTENTS = {
    "pickle": pickle.dumps({"a": 1}),
    "zip": zipped(),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "gzip": b"\x1f\x8b\x08\x00" + b"\0" * 40,
    "empty": b"",
    "nuls": b"\0" * 5000,
    "latin-1": "time,stra\xdfe\n2020-01-01,1\n2020-01-02,2\n".encode("latin-1"),
    "utf-16": "time,x\n2020-01-01,1\n".encode("utf-16"),
    "header": b"time,x\n",
    "quote": b'time,x\n2020-01-01,"1\n2020-01-02,2\n',
    "stray quote": b'time,x\n2020-01-01,"1"2"\n',
    "columns": b"time," + b",".join(b"c%d" % i for i in range(30_000)) + b"\n",
    "one line": b"x" * 9_000_000,
    "year": b"time,x\n9999-12-31T23:00,1\n10000-01-01T00:00,2\n",
    "escape": b"time,x\n2020-01-01,\x1b[2J\n2020-01-02,2\n",
    "number": b"time,x\n2020-01-01," + b"9" * 500 + b"\n2020-01-02,2\n",
}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, refused, name, ending):
    path = tmp_path / f"f{ending}"
    path.write_bytes(CONTENTS[name])
    said = refused("data", "describe", path)
    assert f"f{ending}" in said and len(said) < 1000 and not RAW.search(said.rstrip("\n"))
    hints = {"pickle": "a pickle", "zip": "a zip archive", "html": "HTML", "gzip": "gzip"}
    assert hints.get(name, "") in said


@pytest.mark.parametrize("name", ["pickle", "zip", "html", "empty"])
def test_what_is_no_model_is_refused_in_one_line(tmp_path, refused, corpus_file, name):
    for file in ("config.json", "model.safetensors"):
        (tmp_path / file).write_bytes(CONTENTS[name])
    said = refused("embed", corpus_file, "--model", tmp_path, "--out", tmp_path / "v.parquet")
    assert "config.json" in said and "Copy" in said


def test_folders_pipes_and_devices_are_refused(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for path, words in (
        (tmp_path, "is a folder"), (tmp_path / "pipe.csv", "is a pipe"), (tmp_path / "zero.csv", "or a device"),
        (tmp_path / "loop.csv", "cannot open"), ("x" * 5000, "cannot open"),
    ):  # fmt: skip
        assert words in refused("data", "describe", path)


def test_line_ends_marks_and_breaks_in_headers_do_not_matter(tmp_path, tracets):
    rows = ["time,load [MW]", "2020-01-01,1", "2020-01-02,2", "2020-01-03,4"]
    told = []
    for text in ("\n".join(rows), "\r\n".join(rows), "\r".join(rows) + "\r", "\ufeff" + "\n".join(rows),
                 "\r\n\n".join(rows), "\n".join(['time,"load\r\n[MW]"', *rows[1:]])):  # fmt: skip
        (tmp_path / "f.csv").write_bytes(text.encode())
        told.append(tracets("data", "describe", tmp_path / "f.csv", "--json").out)
    assert len(set(told)) == 1 and json.loads(told[0])["channels"] == {"load": 1}


def test_a_file_limit_is_a_setting(tmp_path, tracets, refused, csv_file):
    assert "limits.rows" in refused("--file-limit", "rows=95", "data", "describe", csv_file)
    assert tracets("--file-limit", "rows=96", "data", "describe", csv_file).code == 0
    assert "did you mean 'rows'" in refused("--file-limit", "rosw=1", "data", "describe", csv_file)
    for arguments in (("data", "windows", csv_file, "--length", "24", "--out", tmp_path / "w.parquet"),
                      ("forecast", "base", "--series", csv_file, "--horizon", "3")):  # fmt: skip
        assert "limits.columns" in refused("--file-limit", "columns=2", *arguments)


@pytest.fixture(scope="module")
def evil_index(tmp_path_factory, model_folder):
    """Windows whose texts, labels and metadata would clear a terminal, misname a file, or be markup."""
    folder = tmp_path_factory.mktemp("evil")
    samples = [
        Sample(f"../../{i} [red]", np.random.default_rng(i).normal(size=(1, 24)), ("load",), text=f"It rains. {EVIL}",
               label=f"{i} {EVIL}", channel_texts=(EVIL,), metadata={"note": EVIL}, split="train")
        for i in range(3)
    ]  # fmt: skip
    write_corpus(Corpus.from_samples(samples), folder / "evil.parquet")
    api.build_index(api.read(folder / "evil.parquet"), api.load(model_folder), folder / "index")
    return folder


def test_nothing_stored_steers_the_terminal(evil_index, tracets):
    commands = (
        ("search", evil_index / "index", "rain"),
        ("search", evil_index / "index", "rain", "--json"),
        ("search", evil_index / "index", EVIL),
        ("search", evil_index / "index", "--like", "../../1 [red]"),
        ("explain", evil_index / "index", "../../1 [red]", "--query", f"rain {EVIL}"),
        ("explain", evil_index / "index", "../../1 [red]", "--query", "rain", "--json"),
        ("data", "describe", evil_index / "evil.parquet"),
        ("data", "describe", evil_index / "evil.parquet", "--json"),
    )
    for command in commands:
        result = tracets(*command)
        assert result.code == 0 and not RAW.search(result.out.replace("\n", "")), command
        if "--json" in command and command[0] != "explain":  # which tells one sentence, that one or another
            assert EVIL[:9] in json.dumps([json.loads(line) for line in result.out.splitlines()]).encode().decode(
                "unicode_escape"
            )


def test_a_page_keeps_them_as_text(evil_index, tracets, tmp_path):
    assert tracets("search", evil_index / "index", "<script>x</script>", "--plot", tmp_path / "p.html").code == 0
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<h1>&lt;script&gt;x" in page and "unicode-bidi: isolate" in page


def test_an_error_quotes_what_it_met_in_a_readable_way(refused, tmp_path, corpus_file):
    said = refused("data", "describe", corpus_file, "--reader", f"x{EVIL}")
    assert r"x\x1b[2J" in said and not RAW.search(said.rstrip("\n"))
    table = pa.table({"id": ["a"], "values": [[[1.0]]], f"names{EVIL}": [["x"]]})
    pq.write_table(table, tmp_path / "c.parquet")
    said = refused("data", "describe", tmp_path / "c.parquet")
    assert r"names\x1b[2J" in said and not RAW.search(said.rstrip("\n"))
