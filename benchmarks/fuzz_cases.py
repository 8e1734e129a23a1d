"""Cases for fuzz.py: small valid files of every kind that is read, and what becomes of them."""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tracets.data.schema import MATRIX

Rng = np.random.Generator
ODD_NUMBERS = (
    "", " ", "-", "nan", "inf", "-inf", "1e999", "1e-999", "0x10", "1_000", "1,5", "9" * 400, "\u0661\u0662", "null",
    "-0", "+1", "1e", "true", "3.4028236e38",
)  # fmt: skip
ODD_TIMES = (
    "", "0000-01-01", "0001-01-01", "9999-12-31T23:59:59", "10000-01-01", "-0001-01-01", "2020-02-30", "2020-13-01",
    "2020-01-01T24:00", "2020-01-01T00:00:60", "2020-01-01T00:00:00.123456789123", "2020-W01-1", "20200101", "1e9",
    "now",
    "2020-01-01T00:00+99:99", "2020-01-01T00:00-00:00", "2020-01-01T00:00Z", "2020-01-01 00:00:00 UTC", "1677-09-21",
    "2262-04-12", "2020-01-01T02:30:00+14:00", "NaT", "None", "2020-001", "12:00",
)  # fmt: skip
ODD_WORDS = (
    "", " ", "\0", "\x1b[2J", "\u202e", "../../x", "/etc/passwd", "a\nb", "x" * 2000, "\ufeff", "[", "[]", "a [",
    "\ud7ff",
    "'; DROP TABLE", '"', '""', "=1+1", "<script>", "id", "time", "value", "channel", "e\u0301", "\U0001f600", "CON",
)  # fmt: skip
ODD_BYTES = (
    b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b'"', b",", b";", b"\t", b"\x80\x04\x95",
    b"PK\x03\x04",
    b"\xed\xa0\x80", b"\xc0\x80", b"PAR1", b"{" * 50, b"[" * 2000, b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01",
    b"\x80" * 12,
)  # fmt: skip
ODD_INTS = (0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, 2**63 - 1, -(2**63))


def windows_table(rng: Rng, n: int = 5) -> pa.Table:
    """A valid corpus with metadata of many types."""
    values = [[rng.normal(size=6).astype(np.float32).tolist() for _ in range(2)] for _ in range(n)]
    start = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(n)]
    return pa.table(
        {
            "id": [f"w{i}" for i in range(n)],
            "values": pa.array(values, MATRIX),
            "channel_names": [["load", "wind speed"]] * n,
            "units": [["MW", None]] * n,
            "start": pa.array(start, pa.timestamp("us", tz="Europe/Berlin")),
            "freq": ["h"] * n,
            "text": ["The load falls, then rises."] * n,
            "channel_texts": [["It falls.", None]] * n,
            "label": ["a", "b", None, "a", "b"][:n],
            "split": ["train", "val", "test", None, "train"][:n],
            "entity": ["ny"] * n,
            "when": pa.array([date(2020, 1, 1)] * n),
            "cost": pa.array([Decimal("1.50")] * n),
            "tags": [["x", "y"]] * n,
            "more": [{"a": 1, "b": "t"}] * n,
            "took": pa.array([timedelta(seconds=3)] * n),
        }
    )


def parquet_of(table: pa.Table, rng: Rng) -> bytes:
    """A table as Parquet, written in one of the many ways."""
    buffer = io.BytesIO()
    pq.write_table(
        table, buffer,
        compression=("none", "snappy", "zstd", "gzip", "lz4")[rng.integers(5)],
        use_dictionary=bool(rng.integers(2)),
        data_page_version=("1.0", "2.0")[rng.integers(2)],
        row_group_size=int(rng.integers(1, 6)),
        write_page_checksum=bool(rng.random() < 0.2),
        store_schema=bool(rng.integers(2)),
        version=("1.0", "2.4", "2.6")[rng.integers(3)],
        allow_truncated_timestamps=True,
    )  # fmt: skip
    return buffer.getvalue()


def corpus_case(rng: Rng) -> bytes:
    """A corpus whose columns are sometimes of other types, or hold what the contract does not allow."""
    table = windows_table(rng, int(rng.integers(1, 6)))
    for _ in range(int(rng.integers(0, 3))):
        place = int(rng.integers(table.num_columns))
        name = table.column_names[place]
        made = _odd_column(rng, table.num_rows)
        draw = rng.random()
        if draw < 0.15:
            table = table.drop([name])
        elif draw < 0.3:
            table = table.append_column(str(ODD_WORDS[rng.integers(len(ODD_WORDS))]) or "x", made)
        elif draw < 0.6:
            table = table.set_column(place, name, made)
        else:
            table = table.set_column(place, name, _odd_of(table[name].type, rng, table.num_rows))
    try:
        return parquet_of(table, rng)
    except (pa.ArrowException, ValueError, KeyError):  # what Parquet cannot hold
        return parquet_of(windows_table(rng), rng)


def _odd_column(rng: Rng, n: int) -> pa.Array:
    ints = [int(ODD_INTS[i]) for i in rng.integers(len(ODD_INTS), size=n)]
    small = [i % 2**31 for i in ints]
    made: Sequence[Callable[[], pa.Array]] = (
        lambda: pa.array(ints, pa.int64()),
        lambda: pa.array(ints, pa.timestamp("us")),
        lambda: pa.array(ints, pa.timestamp("ns", tz=("UTC", "Nowhere/Atall", "../../x", "+25:00")[rng.integers(4)])),
        lambda: pa.array(ints, pa.duration("s")),
        lambda: pa.array(small, pa.date32()),
        lambda: pa.array([[{"a": [1.0]}]] * n),
        lambda: pa.array([b"\xff\xfe"] * n, pa.binary()),
        lambda: pa.array([b"\xff"] * n, pa.binary()).cast(pa.string(), safe=False),
        lambda: pa.array([None] * n, pa.null()),
        lambda: pa.array([True] * n),
        lambda: pa.array([[[float("nan")]]] * n, MATRIX),
        lambda: pa.array([{"a": 1}] * n).cast(pa.struct([("a", pa.int8())])),
        lambda: pa.array([[("k", "v")]] * n, pa.map_(pa.string(), pa.string())),
        lambda: pa.array(["x"] * n).dictionary_encode(),
        lambda: pa.array([[1.0, 2.0]] * n, pa.list_(pa.float64(), 2)),
        lambda: pa.array(["x"] * n, pa.large_string()),
    )
    return made[rng.integers(len(made))]()


def _odd_of(kind: pa.DataType, rng: Rng, n: int) -> pa.Array:
    """Values of the type that the column has, which it should not hold."""
    words = [ODD_WORDS[i] for i in rng.integers(len(ODD_WORDS), size=n)]
    if pa.types.is_string(kind):
        return pa.array(words)
    if kind == MATRIX:
        rows: list[Any] = [None, [], [[]], [None, [1.0]], [[1.0], [1.0, 2.0]], [[float("inf"), 0.0]], [[None, 1.0]] * 3]
        return pa.array([rows[i] for i in rng.integers(len(rows), size=n)], MATRIX)
    if pa.types.is_list(kind):
        return pa.array([[words[i], words[-i]][: int(rng.integers(0, 3))] for i in range(n)], pa.list_(pa.string()))
    if pa.types.is_timestamp(kind):
        return pa.array([int(ODD_INTS[i]) for i in rng.integers(len(ODD_INTS), size=n)], pa.timestamp("us", tz="UTC"))
    return pa.nulls(n, kind)


def write_bomb(path: Path, column: str, n_rows: int, n_texts: int) -> Path:
    """A corpus in which a text of a megabyte stands `n_texts` times, in the list of its first row or in every row."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_texts, np.int32)), pa.array(["x" * 1_000_000]))
    if n_rows < n_texts:
        text = pa.ListArray.from_arrays(pa.array([0] + [n_texts] * n_rows, pa.int32()), text)
    steps = pa.array([[[1.0, 2.0]]], MATRIX)
    table = pa.table(
        {
            "id": [f"w{i}" for i in range(n_rows)],
            "values": pa.concat_arrays([steps] * n_rows),
            "channel_names": [["x"]] * n_rows,
            column: text,
        }
    )
    pq.write_table(table, path, compression="zstd", store_schema=False, dictionary_pagesize_limit=10**8)
    return path


def npy_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npy_case(rng: Rng) -> bytes:
    """An .npy, mostly one whose header says something else than what follows."""
    if rng.random() < 0.3:
        return npy_of(
            rng.normal(size=(7, int(rng.integers(0, 9)))).astype(("<f4", "<f8", ">f4", "<f2")[rng.integers(4)])
        )
    shapes = ((7, 3), (7, 10**12), (10**30, 2), (-1, 7), (0,), (7,) * 40, (7, 0))
    dtypes = ("<f4", "<f8", "|O", "<M8[us]", "|V10", "<U10", "<c16", "|b1", "<i8", ">f4", "<f16")
    header = {
        "descr": dtypes[rng.integers(len(dtypes))], "fortran_order": bool(rng.integers(2)),
        "shape": shapes[rng.integers(len(shapes))],
    }  # fmt: skip
    text = repr(header) if rng.random() < 0.9 else "(" * int(rng.integers(1, 9000))
    version = int(rng.integers(1, 4))
    size = struct.pack("<H" if version == 1 else "<I", len(text) + (0 if rng.random() < 0.8 else 5))
    data = rng.normal(size=21).astype("<f4").tobytes()
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode() + data[: int(rng.integers(0, 90))]


def trace_case(rng: Rng) -> bytes:
    n = int(rng.integers(1, 4))
    array = npy_of(rng.normal(size=(7, 5)))
    kinds = [array, npy_case(rng), array[: len(array) // 2], npy_of(np.array([{}], object)), b"", None]
    row = [kinds[i] for i in rng.integers(len(kinds), size=n)] if rng.random() < 0.7 else [array] * n
    words = [str(ODD_WORDS[rng.integers(len(ODD_WORDS))]) for _ in range(3)]
    told: list[Any] = [
        {"DATE": "May", "location": words[0], "labels": ["fair"], "temperature": words[1]},
        None, {"DATE": None, "location": "", "labels": [], "temperature": None},
    ]  # fmt: skip
    events: list[Any] = [
        None,
        {"event_type": int(rng.integers(-3, 9)), "narrative": words[2]},
        {"event_type": None, "narrative": None},
    ]
    columns: dict[str, Any] = {
        "timeseries": pa.array(row, pa.binary()),
        "description": [told[i] for i in rng.integers(len(told), size=n)],
        "events": [events[i] for i in rng.integers(len(events), size=n)],
    }
    if rng.random() < 0.2:
        columns[("timeseries", "description", "events")[rng.integers(3)]] = _odd_column(rng, n)
    try:
        return parquet_of(pa.table(columns), rng)
    except (pa.ArrowException, ValueError, KeyError):
        return parquet_of(pa.table({"timeseries": [array], "description": [told[0]], "events": [events[0]]}), rng)


def _number(rng: Rng) -> str:
    return str(ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]) if rng.random() < 0.02 else f"{rng.normal():.3g}"


def _time(rng: Rng, i: int, form: int) -> str:
    if rng.random() < 0.02:
        return str(ODD_TIMES[rng.integers(len(ODD_TIMES))])
    at = datetime(2020, 3, 28) + timedelta(hours=i) if form % 2 else datetime(2020, 1, 1) + timedelta(days=i)
    return at.isoformat() + ("", "Z", "+01:00")[form // 2]


def _word(rng: Rng, usual: str) -> str:
    return str(ODD_WORDS[rng.integers(len(ODD_WORDS))]) if rng.random() < 0.03 else usual


def _csv(rows: list[list[str]], rng: Rng) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(
        text, delimiter=(",", ",", ";", "\t")[rng.integers(4)], lineterminator=("\n", "\r\n", "\r")[rng.integers(3)]
    ).writerows(rows)
    data = text.getvalue().encode("utf-8", "surrogatepass")
    return b"\xef\xbb\xbf" + data if rng.random() < 0.1 else data


def wide_case(rng: Rng) -> bytes:
    n, form = int(rng.integers(1, 12)), int(rng.integers(6))
    header = [_word(rng, "time"), *(_word(rng, name) for name in ("load [MW]", "wind", "sun")[: rng.integers(0, 4)])]
    rows = [header] + [[_time(rng, i, form), *(_number(rng) for _ in header[1:])] for i in range(n)]
    return _csv(_torn(rows, rng), rng)


def long_case(rng: Rng) -> bytes:
    n, form = int(rng.integers(1, 6)), int(rng.integers(6))
    rows = [[_word(rng, name) for name in ("id", "time", "channel", "value", "unit")]]
    for one in ("a", "b")[: int(rng.integers(1, 3))]:
        for channel in ("load", "wind"):
            rows += [
                [_word(rng, one), _time(rng, i, form), _word(rng, channel), _number(rng), _word(rng, "MW")]
                for i in range(n)
            ]
    if rng.random() < 0.3:
        rows = [row[:4] for row in rows]
    return _csv(_torn(rows, rng), rng)


def _torn(rows: list[list[str]], rng: Rng) -> list[list[str]]:
    draw = rng.random()
    at = int(rng.integers(len(rows)))
    if draw < 0.05:
        rows[at] = rows[at][:-1]
    elif draw < 0.1:
        rows.insert(at, rows[at])
    elif draw < 0.15:
        rows[at:] = rows[at:][::-1]
    elif draw < 0.2:
        del rows[at]
    return rows


def line_protocol_case(rng: Rng) -> bytes:
    start, lines = 1_577_836_800 + int(rng.integers(10**6)), []
    tags, fields = ("site", "unit")[: rng.integers(0, 3)], ("load", "wind")[: rng.integers(1, 3)]
    kind, told = ("", "", "", "i", "u")[rng.integers(5)], rng.random() < 0.05
    for i in range(int(rng.integers(1, 12))):
        of = "".join(f",{_word(rng, tag) if rng.random() < 0.1 else tag}=north" for tag in tags)
        values = (f"{rng.integers(99)}{kind}" if kind else _number(rng) for _ in fields)
        said = [f"{_word(rng, name)}={value}" for name, value in zip(fields, values, strict=True)]
        said += ['note="low, \\"calm\\""'] if told else []
        at = f"{start + 3600 * i}000000000" if rng.random() > 0.01 else _word(rng, "12")
        lines.append(f"plant{of} {','.join(said)} {at}")
        if rng.random() < 0.03:
            lines.append(("# a comment", "", " ", "plant", "plant load", 'plant load="')[rng.integers(6)])
    return ("\n", "\n", "\r\n")[rng.integers(3)].join(lines).encode("utf-8", "surrogatepass")


def facts_case(rng: Rng) -> bytes:
    rows = [[_word(rng, name) for name in ("start_date", "end_date", "fact", "preds")]]
    for _ in range(int(rng.integers(0, 8))):
        day = date(2020, 1, 1) + timedelta(days=int(rng.integers(200)))
        said = _word(rng, "It rose to 6 in May 4, 2020.")
        rows.append([_word(rng, str(day)), _time(rng, int(rng.integers(200)), 0)[:10], said, "x"])
    return _csv(rows, rng)


def dated_case(rng: Rng) -> bytes:
    step = (1, 7, 30)[rng.integers(3)]
    rows = [["date", _word(rng, "OT"), _word(rng, "MIN")]]
    for i in range(int(rng.integers(1, 120))):
        day = date(2020, 1, 1) + timedelta(days=i * step)
        rows.append([str(day) if rng.random() > 0.003 else _word(rng, "X"), _number(rng), _number(rng)])
    return _csv(_torn(rows, rng), rng)


def json_case(rng: Rng, value: Any) -> bytes:
    """A JSON text with some parts replaced."""
    odd: tuple[Any, ...] = (
        None, True, -1, 10**30, 1e308, "", [], {}, [[[]]], "x" * 500, 2**63, {"a": {}}, float("nan"), "\x1b",
        [None] * 50,
    )  # fmt: skip

    def change(part: Any) -> Any:
        if rng.random() < 0.06:
            return odd[rng.integers(len(odd))]
        if isinstance(part, dict):
            return {_word(rng, name): change(inner) for name, inner in part.items() if rng.random() > 0.03}
        if isinstance(part, list):
            return [change(inner) for inner in part]
        return part

    text = json.dumps(change(value))
    if rng.random() < 0.05:
        text = "[" * int(rng.integers(1, 200_000)) + text
    return text.encode()


def settings_of_a_model() -> dict[str, Any]:
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig

    config = ModelConfig(
        dim=16, series=SeriesConfig(dim=16, heads=2, layers=1, patch=4, vectors=2), text=TextConfig(dim=16, heads=2)
    )
    return {"format": 5, "name": "tiny", "fingerprint": "0" * 16, "model": asdict(config)}


def toml_case(rng: Rng) -> bytes:
    groups = ("optim", "align", "model", "model.series", "pretrain", "data", "limits", "x")
    names = ("batch_size", "learning_rate", "dim", "channel", "weather", "max_minutes", "patch", "seed", "x")
    values = (
        "1",
        "-1",
        "true",
        "0.5",
        "nan",
        "inf",
        '"none"',
        "[]",
        "{}",
        "1979-05-27",
        "[[[",
        '"',
        "9" * 50,
        "[" * 3000,
    )
    lines = []
    for _ in range(int(rng.integers(0, 5))):
        lines.append(f"[{groups[rng.integers(len(groups))]}]")
        lines += [
            f"{names[rng.integers(len(names))]} = {values[rng.integers(len(values))]}"
            for _ in range(rng.integers(0, 3))
        ]
    return "\n".join(lines).encode()


def safetensors_case(rng: Rng) -> bytes:
    """Weights, mostly under a header that says what it likes about the bytes that follow."""
    if rng.random() < 0.3:
        from safetensors.numpy import save

        return save({name: rng.normal(size=(2, 3)).astype(np.float32) for name in ("a", "b.weight")})
    n = int(rng.integers(0, 200))
    offsets = [int(ODD_INTS[i]) for i in rng.integers(len(ODD_INTS), size=2)] if rng.random() < 0.4 else [0, n]
    shapes: tuple[Any, ...] = ([n // 4], [2**40, 2**40], [-1], [], [0], [n], "x", None, [[1]])
    header = {
        "a": {"dtype": ("F32", "F16", "I8", "BOOL", "F8_E4M3", "X", "U64")[rng.integers(7)],
              "shape": shapes[rng.integers(len(shapes))] if rng.random() < 0.6 else [n // 4], "data_offsets": offsets},
    }  # fmt: skip
    text = json.dumps(header).encode() if rng.random() < 0.9 else b"{" * int(rng.integers(1, 5000))
    size = len(text) if rng.random() < 0.8 else int(rng.integers(0, 2**40))
    return struct.pack("<Q", size) + text + rng.bytes(n)


def mutated(data: bytes, other: bytes, rng: Rng) -> bytes:
    """A file with some of its bytes flipped, cut, repeated, replaced, or spliced with those of another."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not out:
            break
        # the end of a Parquet file and the beginning of most others say what the rest is
        at = int(len(out) * (rng.random(), rng.random() ** 4, 1 - rng.random() ** 3)[rng.integers(3)])
        at = min(at, len(out) - 1)
        length = 1 + int(rng.exponential(8))
        draw = rng.integers(9)
        if draw <= 1:
            out[at] ^= 1 << int(rng.integers(8))
        elif draw == 2:
            out[at] = int(rng.integers(256))
        elif draw == 3:
            del out[at : at + length]
        elif draw == 4:
            out[at:at] = out[at : at + length] * int(rng.integers(1, 200))
        elif draw == 5:
            out[at : at + length] = ODD_BYTES[rng.integers(len(ODD_BYTES))]
        elif draw == 6:
            width = (1, 2, 4, 8)[rng.integers(4)]
            number = int(ODD_INTS[rng.integers(len(ODD_INTS))]) % 256**width
            out[at : at + width] = number.to_bytes(width, ("little", "big")[rng.integers(2)])  # type: ignore[arg-type]
        elif draw == 7 and other:
            begin = int(rng.integers(len(other)))
            out[at : at + length] = other[begin : begin + length * 4]
        elif draw == 8:
            del out[at:]
    return bytes(out)


def shrunk(data: bytes, still_wrong: Callable[[bytes], bool], *, tries: int = 300) -> bytes:
    """The smallest case that cutting finds and that still goes wrong."""
    size = max(len(data) // 2, 1)
    while size and tries > 0:
        at = 0
        while at < len(data) and tries > 0:
            shorter = data[:at] + data[at + size :]
            tries -= 1
            if shorter != data and still_wrong(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
