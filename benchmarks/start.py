"""What a user waits for at the shell: the help, the first line of a search, and an index with its second build.

    python benchmarks/start.py --out start.jsonl

Every figure is of a process of its own, from its start to its first line or its end: wall and processor seconds, the
median of `--repeats`. The search asks an index of `--rows` drawn windows (see search.py) by the model that ships,
unless another is named: from its kept export, on torch, and once with an empty cache, as on the first use. The index is
built from weeks of real weather. A bare interpreter stands beside.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from runs import finished
from search import drawn

from tracets import api

TRACETS = (sys.executable, "-m", "tracets")


def first_line(command: Sequence[str], **environment: str) -> dict[str, float]:
    """Seconds to the first line on stdout, and wall and processor seconds to the end."""
    began = time.perf_counter()
    given = os.environ | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=given) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - began
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return {"first_line_s": first, "wall_s": time.perf_counter() - began, "cpu_s": used.ru_utime + used.ru_stime}


def median(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


def drawn_index(path: Path, rows: int, model: str) -> None:
    """An index of drawn windows that the model may search; to load the model keeps its export."""
    from tracets.index import IndexFolder

    loaded = api.load(model)
    IndexFolder.create(path, drawn(rows), model=model, fingerprint=loaded.fingerprint, sample_weight=0.1)


def index_twice(folder: Path, model: str, windows: int) -> list[dict[str, Any]]:
    """Build an index of weather weeks on torch and by default, then with nothing changed, then with a tenth new."""
    corpus = api.weather()
    part = corpus.select(range(min(windows, len(corpus))))
    less = part.select(range(len(part) - len(part) // 10))
    found = []
    for name, given, out, backend in (
        ("index, torch", less, "torch.index", ["--backend", "torch"]),
        ("index", less, "x.index", []),
        ("index again", less, "x.index", []),
        ("index, a tenth new", part, "x.index", []),
    ):
        api.write(given, folder / "corpus.parquet")
        command = [*TRACETS, "index", str(folder / "corpus.parquet"), "--model", model, "--out", str(folder / out)]
        command += ["--update", "--json", *backend]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        said = json.loads(ran.stdout)
        kept = ("windows", "encoded_windows", "encoded_texts", "seconds", "windows_s")
        found.append({"what": name, **{key: said[key] for key in kept}})
    return found


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a measurement.

    >>> print(table([{"what": "help", "first_line_s": 0.2, "wall_s": 0.25, "cpu_s": 0.2}]).splitlines()[2])
    | help | 0.20 | 0.25 | 0.20 |  |  |
    """
    lines = ["| | first line s | end s | processor s | windows/s | encoded |", "|---|---|---|---|---|---|"]
    for r in records:
        times = [f"{r[name]:.2f}" if name in r else "" for name in ("first_line_s", "wall_s", "cpu_s")]
        if "seconds" in r:
            times[1] = f"{r['seconds']:.2f}"
        encoded = f"{r['encoded_windows']} of {r['windows']}" if "windows" in r else ""
        lines.append(f"| {r['what']} | " + " | ".join([*times, str(r.get("windows_s", "")), encoded]) + " |")
    return "\n".join(lines)


def main(
    out: Annotated[Path, typer.Option(help="The JSON lines; they are written anew.")] = Path("start.jsonl"),
    rows: Annotated[int, typer.Option(help="Rows of the index that is searched.", min=10)] = 10_000,
    windows: Annotated[int, typer.Option(help="Windows of the index that is built twice.", min=10)] = 500,
    repeats: Annotated[int, typer.Option(help="Processes a figure.", min=1)] = 5,
    model: Annotated[str, typer.Option(help="A model.")] = "base",
) -> None:
    """Measure help, search and index from the shell, and print the table."""
    out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        drawn_index(folder / "drawn.index", rows, model)
        search = [*TRACETS, "search", str(folder / "drawn.index"), "A burst of rain. Then calm", "--json"]
        commands = {
            "bare interpreter": [sys.executable, "-c", "print()"],
            "numpy and pyarrow alone": [sys.executable, "-c", "import numpy, pyarrow.compute; print()"],
            "torch alone": [sys.executable, "-c", "import torch; print()"],
            "tracets --help": [*TRACETS, "--help"],
            f"tracets search, {rows} rows": search,
            "the same with --where": [*search, "--where", "tenth < 5"],
            "the same with --hybrid": [*search, "--hybrid"],
            "the same with --backend torch": [*search, "--backend", "torch"],
        }
        for what, command in commands.items():
            _append(out, {"what": what, **median([first_line(command) for _ in range(repeats)])})
        first = first_line(search, TRACETS_CACHE=str(folder / "cache"))
        _append(out, {"what": "the same, first use of the model", **median([first])})
        for record in index_twice(folder, model, windows):
            _append(out, record)
    print(table(finished(out)))


def _append(out: Path, record: dict[str, Any]) -> None:
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    typer.run(main)
