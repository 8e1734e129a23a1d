"""Parquet from outside: small files that stand for large ones, and footers that lie."""

import base64
import subprocess
import sys
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tracets import files
from tracets.data import parquet_door
from tracets.data.corpus import read_corpus
from tracets.data.parquet_door import parquet_names, read_batches
from tracets.data.readers import read
from tracets.errors import DataError
from tracets.files import Limits

LONG = "x" * 1_000_000
TWICE = pa.array([[[1.0, 2.0]]], pa.list_(pa.list_(pa.float32())))


def repeated(text, n):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))


def corpus(n_rows, **columns):
    values = pa.concat_arrays([TWICE] * n_rows)
    usual = {"id": [f"w{i}" for i in range(n_rows)], "values": values, "channel_names": [["x"]] * n_rows}
    return pa.table(usual | columns)


def in_list(n, array):
    """A column of n rows, of which the first holds all of an array."""
    return pa.ListArray.from_arrays(pa.array([0] + [len(array)] * n, pa.int32()), array)


def matrix(n_steps):
    return in_list(1, in_list(1, pa.array(np.zeros(n_steps, np.float32))))


BOMBS = {
    "a text in one list": lambda: corpus(3, channel_texts=in_list(3, repeated(LONG, 20_000))),
    "a text in every row": lambda: corpus(10_000, text=repeated(LONG, 10_000)),
    "metadata in every row": lambda: corpus(10_000, note=repeated(LONG, 10_000)),
    "rows of structs": lambda: corpus(3, more=in_list(3, pa.StructArray.from_arrays([repeated(LONG, 9_000)], ["a"]))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_little_memory(tmp_path, name):
    """A process that may take a GB more than it has once the libraries are loaded; each would come to 0.6 to 20 GB."""
    path = tmp_path / "bomb.parquet"
    pq.write_table(BOMBS[name](), path, compression="zstd", store_schema=False, dictionary_pagesize_limit=10**8)
    assert path.stat().st_size < 200_000
    code = f"""
import resource, sys
from tracets import api
from tracets.errors import DataError
import pyarrow.parquet, pandas
def held():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (held() + 10**9,) * 2)
try:
    api.read({str(path)!r})
except DataError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert ran.stderr == "" and "limits.expansion" in ran.stdout


def test_a_row_of_zeros_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    """8 MB in some hundred bytes; what a file may come to is made smaller here, and not the bomb larger."""
    path = tmp_path / "bomb.parquet"
    pq.write_table(corpus(1, values=matrix(2_000_000)), path, compression="zstd")
    assert path.stat().st_size < 5000
    assert read_corpus(path)[0].n_steps == 2_000_000
    monkeypatch.setattr(files, "FREE", 1_000_000)
    pool = pa.default_memory_pool()
    pool.release_unused()
    before, highest = pool.bytes_allocated(), pool.max_memory()
    with pytest.raises(DataError, match="column 'values.list.element.list.element': has .* times its own size"):
        read_corpus(path)
    assert pool.bytes_allocated() - before < 1_000_000 and pool.max_memory() == highest


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_is_honest_is_read_as_arrow_reads_it(tmp_path, compression, version):
    table = corpus(50, text=[f"text {i % 7}" for i in range(50)], label=["a", None] * 25, n=pa.array(range(50)))
    for i, options in enumerate(({}, {"use_dictionary": False}, {"row_group_size": 7}, {"data_page_size": 10})):
        path = tmp_path / f"{i}.parquet"
        pq.write_table(table, path, compression=compression, data_page_version=version, **options)
        assert pa.concat_tables(read_batches(path)).equals(pq.read_table(path))
        assert parquet_names(path) == table.column_names


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_encodings_of_strings(tmp_path, encoding):
    table = corpus(30, text=[f"the same beginning {i}" for i in range(30)])
    others = {name: "PLAIN" for name in ("id", "channel_names.list.element", "values.list.element.list.element")}
    pq.write_table(table, tmp_path / "c.parquet", use_dictionary=False, column_encoding=others | {"text": encoding})
    assert pa.concat_tables(read_batches(tmp_path / "c.parquet")).equals(pq.read_table(tmp_path / "c.parquet"))


def test_long_strings_are_measured_and_then_read(tmp_path, monkeypatch):
    """Where strings could be many times the file, they are read as dictionaries: with the same result."""
    texts = [["a" * 3000, None], [], None, ["b"], ["a" * 3000] * 3]
    table = corpus(
        5, channel_texts=pa.array(texts), text=["t" * 2000] * 5, more=[{"a": "u" * 1000, "b": i} for i in range(5)]
    )
    pq.write_table(table, tmp_path / "c.parquet")
    plain = pa.concat_tables(read_batches(tmp_path / "c.parquet"))
    monkeypatch.setattr(parquet_door, "BATCH_BYTES", 6000)
    pieces = list(read_batches(tmp_path / "c.parquet"))
    assert (
        len(pieces) > 2
        and pa.concat_tables(pieces).equals(plain)
        and plain.equals(pq.read_table(tmp_path / "c.parquet"))
    )


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"rows": 4}, "has 5 rows, more than the 4 that limits.rows"),
        ({"columns": 2}, "has 3 columns, more than the 2 that limits.columns"),
        ({"pages": 2}, "column chunks|pages"),
        ({"file_bytes": 100}, "bytes, more than the 100 that limits.file_bytes"),
        ({"decoded_bytes": 50}, "bytes once decoded, more than the 50 that limits.decoded_bytes"),
        ({"name_chars": 1}, "characters in (an id|the name of a column), more than the 1"),
        ({"steps": 1}, r"row 0 \(id 'w0'\): has 2 steps, more than the 1 that limits.steps"),
    ],
)
def test_limits(tmp_path, limit, message):
    pq.write_table(corpus(5), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=message):
        read_corpus(tmp_path / "c.parquet", limits=Limits(**limit))


def test_limits_of_windows(tmp_path):
    pq.write_table(corpus(2, text=["ab", "abc"], channel_names=[["xy"], ["x"]]), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="has 3 characters in one text, more than the 2"):
        read_corpus(tmp_path / "c.parquet", limits=Limits(text_chars=2))
    two = pa.array([[[1.0], [2.0]]], pa.list_(pa.list_(pa.float32())))
    pq.write_table(corpus(1, values=two, channel_names=[["a", "b"]]), tmp_path / "c.parquet")
    with pytest.raises(DataError, match="has 2 channels, more than the 1"):
        read_corpus(tmp_path / "c.parquet", limits=Limits(channels=1))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a\x1b[2J", "b"]}, r"row 0: id 'a\\x1b\[2J' has control characters"),
        ({"id": ["a", "b\nc"]}, "row 1: id 'b.nc' has control characters"),
        ({"channel_names": [["x"], ["a\tb"]]}, r"row 1 \(id 'w1'\): channel 'a.tb' has control characters"),
        ({"units": [["\u2028"], None]}, r"unit '.*u2028' has control characters"),
        ({"a\0b": ["x", "y"]}, "column 'a.x00b' has control characters"),
        ({"start": pa.array([0, 2**62], pa.timestamp("us"))}, r"row 1 .*begins before the year 1 or ends after 9999"),
        ({"start": pa.array([0, -(2**62)], pa.timestamp("us"))}, r"row 1 .*begins before the year 1"),
        (
            {"start": pa.array([0, 0], pa.timestamp("us", tz="../../etc/passwd"))},
            "is in the time zone '../../etc/passwd'",
        ),
        ({"freq": ["h", "9" * 70 + "h"]}, "is not a positive pandas offset"),
        (
            {"freq": ["h", "8000YS"], "start": pa.array([0, 0], pa.timestamp("us"))},
            "row 1 .*ends after 9999. Correct start",
        ),
        ({"when": pa.array([0, 2**62], pa.timestamp("us"))}, r"column 'when' .timestamp.us.. cannot be read"),
        ({"text": pa.array([b"ok", b"\xff\xfe"]).cast(pa.string(), safe=False)}, "(?i)utf-?8"),
    ],
)
def test_what_no_window_can_hold_is_refused(tmp_path, columns, message):
    pq.write_table(corpus(2, **columns), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=message):
        read_corpus(tmp_path / "c.parquet")


def test_a_footer_that_lies_is_refused(tmp_path):
    path = tmp_path / "c.parquet"
    pq.write_table(corpus(5), path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    for wrong in (0, 1, size - 1, size + 1, len(whole), 2**32 - 1):
        path.write_bytes(whole[:-8] + wrong.to_bytes(4, "little") + b"PAR1")
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            read_corpus(path)
    for cut in (0, 3, 12, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="cannot be read as Parquet"):
            read_corpus(path)
        assert parquet_names(path) == []


@pytest.mark.parametrize("sign", [b"\x80\x04\x95", b"PK\x03\x04", b"<!DOCTYPE html>", b"\x1f\x8b\x08"])
def test_other_files_under_this_name_are_told(tmp_path, sign):
    (tmp_path / "c.parquet").write_bytes(sign + b" " * 100)
    with pytest.raises(DataError, match="It looks like (a pickle|a zip archive|HTML|gzip)"):
        read_corpus(tmp_path / "c.parquet")


def test_a_column_in_another_file_is_refused(tmp_path):
    """The first field of a column chunk may name a file to read instead."""
    path = tmp_path / "c.parquet"
    pq.write_table(corpus(1), path, compression="none", use_dictionary=False)
    metadata = pq.read_metadata(path)
    metadata.set_file_path("../../secret.parquet")
    with path.open("rb+") as file:
        data = file.read()
        file.seek(0)
        metadata.write_metadata_file(tmp_path / "footer")
        footer = (tmp_path / "footer").read_bytes()
        file.write(data[: -8 - int.from_bytes(data[-8:-4], "little")] + footer[4:])
        file.truncate()
    with pytest.raises(DataError, match="lies in another file, which is not read"):
        read_corpus(path)


ABORTS = (
    "c-jkc3^EjD6aB&?`i?b5ltq*Qh6QEJ7&K-uPxcG-4Txl9C}XHrPf0CKE>gErP`635P}fmVPs=YVDN4+X&o4?z1&O;Q<`ky_#fvi%"
    "3sQl64Raj@Q%xO(S_K?HQGpQPn&M=Uu6W_8y&3<f$;bO%+MnC-C)P9O=l;VNmgJw|Uu3^8yF2^cp&j;&DbpM64IkNaUU_kbL+I`P"
    "#Y++&GVOl6-?7x5f1c8J`-5znKfTWH*w0t#*&)8>n|<Hz#X^1QU+fp{XWs5D^1=RczW#^DeW&(Mvb1wudS;t_^b?O(U$@`(s*%^<"
    "H#=|M|Hn_le5vlk{oDbZH%0FLw$Cc|%l>!w>Haq-GZ#im{;>Cbt8%e$)(iU$eX?6}|9`N5uPSR(>A%t5J<4m2X6G~e=o&9)=hBb%"
    "QOiGOXv8rc;51e<j$U?PzpmxdlcJe-?D=h!E83(U+HaaVYwc^hPy5yOh#4;Pc)MTwsz=YWEx-1w$?q>d#Cm1_(oWIETl}8vm!NUf"
    "D2zr8xlto1$iTqB!uUaU1|tIlv5_Rf@ShuZBr!6m{r}HB8sa!Yd=BIP)&MXISd;-Fs32nj7i4Ur3_>!%=wN06vH3*#KvGNyDKjPw"
    "1_=gmj4^XCfB;aON0bL)0*5FI*aQ{^W&yA)9`k`>2q_k*6bmCB85YSirVJ8n#mO0|xrw4|45B=$OcGornYpROsYRKo#SErQ65QZ)"
    "lUY!bnV%=h!63>6RKnuo7~-0<2jpIm4vw7s<V29XDuWNmWS}m#oW!KmoMND7*?eq3LM#$2Ihn;JqD&AI*i&;-b5rw5AclZMxJy!V"
    "3sQ>`OG=AU!J?)S5^SkuKsCjpED$AJU~YU#WkD)JA7@@-5l~lV8AMEsMN&qxMvXy6lt)sPjX@IGJEDAIEMjw{#HI<WaoEtlei<#q"
    "M(dYhS-(ii0E-b|?qjeKd%z>fCaDH2o){QFd5#I3=QNPZ3~*Ti&Ut2HW@__<J>i-)*(A-Fm>8g1c`&uY%N4M8KQTYGE5bJLG84%a"
    "43Z$D7?@C8;el)vv^)ZrL9nt1Y^sfzjoKm+BuA;SFi3_$%);p><gyCxwR<ACyaqJ^TACr1Vqm={VkT-+L{asE0~Cv1L}3TldIGCf"
    "v0pM`ENUELUql%+6bcfH3QJQ<bdw7Tbb<Qw%N5E}i;98%P%tvnGte`XtO1tVn214vje#Km*g^*Y=>+;Y"
)
"""Made by the fuzzer: pyarrow 26.0.1 ends the process that asks for `metadata.row_group(0).column(0)` of it."""


def test_a_footer_that_ends_processes_does_not_end_ours(tmp_path):
    (tmp_path / "test.parquet").write_bytes(zlib.decompress(base64.b85decode(ABORTS)))
    with pytest.raises(DataError, match="test.parquet"):
        read(tmp_path / "test.parquet")
