"""What a filter and the words of texts cost: over drawn facts, beside LanceDB's evaluation of the same expressions.

    python benchmarks/filters.py --rows 10000,200000

Filters are evaluated over an Arrow table in chunks of 1,024 rows, as an index maps it, and by LanceDB over a table of
its own; both must keep as many rows. Words: texts of `--words` drawn words get their BM25 weights, which are kept,
opened again with their checksums, and asked for 10 words.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import lancedb
import numpy as np
import pyarrow as pa
import typer

from tracets.filters.rows import rows_where
from tracets.index.words import kept_words, open_words

CHUNK = 1024
FILTERS = (
    "tenth < 5",
    "entity = 'ny'",
    "entity IN ('ny', 'sf') AND x > 0.5",
    "start >= timestamp '2013-07-01' AND start < timestamp '2013-08-01'",
    "entity LIKE 'n%'",
    "array_has(channel_names, 'c')",
    "NOT (tenth = 3 OR x IS NULL)",
)


def facts(rows: int, *, seed: int = 0) -> pa.Table:
    """Drawn columns of every kind, in chunks."""
    rng = np.random.default_rng(seed)
    hours = np.datetime64("2013-01-01", "us") + np.arange(rows) * np.timedelta64(3_600_000_000, "us")
    table = pa.table(
        {
            "id": [f"w{i}" for i in range(rows)],
            "tenth": rng.integers(0, 10, rows),
            "entity": rng.choice(["ny", "sf", "la"], rows),
            "start": pa.array(hours, pa.timestamp("us", tz="America/New_York")),
            "channel_names": [["a", "b"] if i % 3 else ["c"] for i in range(rows)],
            "x": rng.normal(size=rows),
        }
    )
    parts = [table.slice(lo, CHUNK).combine_chunks() for lo in range(0, rows, CHUNK)]
    return pa.Table.from_batches([batch for part in parts for batch in part.to_batches()])


def shortest_ms(run: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - began))
    return round(min(times), 2)


def measure_filters(rows: int, folder: Path, repeats: int) -> list[dict[str, Any]]:
    """A record for each filter; of several runs the shortest, since the machine is seldom alone."""
    table, found = facts(rows), []
    stored = lancedb.connect(folder).create_table("facts", table)
    for sql in FILTERS:

        def theirs(sql: str = sql) -> pa.Table:
            return stored.search().where(sql).with_row_id(True).select(["_rowid"]).to_arrow()

        kept = rows_where(sql, table)
        assert len(kept) == theirs().num_rows, sql
        ours_ms = shortest_ms(lambda sql=sql: rows_where(sql, table), repeats)  # type: ignore[misc]
        found.append(
            {
                "rows": rows,
                "filter": sql,
                "kept": len(kept),
                "ours_ms": ours_ms,
                "lancedb_ms": shortest_ms(theirs, repeats),
            }
        )
    return found


def measure_words(rows: int, folder: Path, length: int, repeats: int) -> dict[str, Any]:
    """Processor seconds to make the words of drawn texts, and milliseconds to open and to ask them."""
    rng = np.random.default_rng(0)
    common = np.minimum(rng.zipf(1.3, size=(rows, length)), 50_000)
    texts = [" ".join(f"w{number}" for number in row) for row in common]
    began = time.process_time()
    made = kept_words(folder, "drawn", lambda: texts)
    seconds = round(time.process_time() - began, 2)
    size = sum(path.stat().st_size for path in (folder / "words-drawn").iterdir())
    question = " ".join(f"w{number}" for number in (1, 2, 3, 5, 8, 40, 100, 333, 1000, 5000))
    return {
        "rows": rows, "words": length, "made_cpu_s": seconds, "megabytes": round(size / 1e6, 1),
        "open_ms": shortest_ms(lambda: open_words(folder / "words-drawn"), repeats),
        "ask_ms": shortest_ms(lambda: made.scores(question), repeats),
    }  # fmt: skip


def main(
    rows: Annotated[str, typer.Option(help="Rows, with commas.")] = "10000,200000",
    words: Annotated[int, typer.Option(help="Words of a text.", min=1)] = 60,
    repeats: Annotated[int, typer.Option(help="Runs a figure; the shortest is given.", min=1)] = 9,
) -> None:
    """Measure and print one line of JSON a figure."""
    for n in map(int, rows.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            for record in measure_filters(n, Path(temporary), repeats):
                print(json.dumps(record), flush=True)
            print(json.dumps(measure_words(n, Path(temporary), words, repeats)), flush=True)


if __name__ == "__main__":
    typer.run(main)
