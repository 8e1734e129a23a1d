"""Fuzz every reader of files from outside: each case must be read or refused by an error of tracets, soon and in little
memory.

    python benchmarks/fuzz.py run --cases 100000 --seed 0 --out fuzz.jsonl --findings findings
    python benchmarks/fuzz.py run --only corpus --cases 500
    python benchmarks/fuzz.py bombs

Case i of a reader is a function of the seed, the reader and i. Half of the cases are made by a grammar of the layout
that goes wrong here and there, half are valid files with bytes flipped, cut, repeated, spliced or replaced by numbers
that are often mishandled. A finding is an exception that is none of tracets, a case that takes longer than
`SECONDS`, one that takes more than `MEGABYTES` of memory, or one that ends the process (each reader runs in a process
of its own). It is cut to a small case and kept in the folder of findings.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

import fuzz_cases as cases
import numpy as np
import typer
from memory import resident_mb

from tracets.errors import TracetsError

SECONDS = 5.0
MEGABYTES = 700.0
"""Of memory that one case may take; a file of any size may come to 512 MiB, see `tracets.files.FREE`."""

app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Door:
    """A reader, the name of the file that it is given, how a case is made, and what is done with it.

    `share`: of all cases, in thousandths.
    """

    share: int
    file: str
    make: Callable[[cases.Rng], bytes]
    read: Callable[[Path], object]


def read_windows(path: Path) -> None:
    """Read, look at every row, and describe, as the commands do."""
    from tracets import api

    corpus = api.read(path)
    for sample in corpus:
        for value in sample.metadata.values():
            json.dumps(value)
    json.dumps(api.describe(corpus))


def read_gridded(path: Path) -> None:
    from tracets import api

    for sample in api.histories(path, freq="h", zone="Europe/Berlin"):
        assert sample.n_steps


def read_dated(path: Path) -> None:
    """Time-MMD's numbers, beside facts that are all right."""
    write_facts = path.with_name("Grain_report.csv")
    if not write_facts.is_file():
        write_facts.write_text("start_date,end_date,fact,preds\n2020-01-05,2020-01-06,It rose to 6 then.,x\n")
    read_windows(path)


def read_facts(path: Path) -> None:
    from tracets.data.time_mmd import read_facts as read

    read(path)


def read_npy(path: Path) -> None:
    from tracets.data.trace_layout import _array

    _array(path.read_bytes(), "row 0")


def read_answer(path: Path) -> None:
    """A kept answer of a language model."""
    from tracets.data.captions.llm import check_answer

    check_answer(path.read_bytes().decode("utf-8", "replace"), 2)


def read_settings(path: Path) -> None:
    """The settings of a model folder, up to the weights, which are not there."""
    from tracets.encoders.store import load_model

    load_model(path.parent)


def read_recipe(path: Path) -> None:
    from tracets.config import load_settings

    load_settings(str(path))


def read_weights(path: Path) -> None:
    from tracets.encoders.store import read_weights as read

    read(path, what=f"model '{path.parent}'")


ANSWER = {"text": "It falls. It rises.", "channel_texts": ["It falls.", "It rises."]}
DOORS = {
    "corpus": Door(110, "c.parquet", cases.corpus_case, read_windows),
    "trace": Door(110, "test.parquet", cases.trace_case, read_windows),
    "csv-wide": Door(80, "plant.csv", cases.wide_case, read_windows),
    "csv-long": Door(110, "long.csv", cases.long_case, read_windows),
    "line-protocol": Door(40, "plant.lp", cases.line_protocol_case, read_windows),
    "csv-gridded": Door(80, "long.csv", cases.long_case, read_gridded),
    "time-mmd": Door(20, "Grain.csv", cases.dated_case, read_dated),
    "time-mmd-facts": Door(100, "Energy_report.csv", cases.facts_case, read_facts),
    "npy": Door(130, "a.npy", cases.npy_case, read_npy),
    "llm-answer": Door(80, "a.json", lambda rng: cases.json_case(rng, ANSWER), read_answer),
    "model-settings": Door(
        50, "config.json", lambda rng: cases.json_case(rng, cases.settings_of_a_model()), read_settings
    ),
    "recipe": Door(40, "r.toml", cases.toml_case, read_recipe),
    "safetensors": Door(50, "model.safetensors", cases.safetensors_case, read_weights),
}  # fmt: skip


class TooLong(BaseException):
    """Not an Exception, so that no reader can take it for a fault of the file."""


def case(name: str, seed: int, i: int) -> bytes:
    """Case i of a reader."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), i])
    data = DOORS[name].make(rng)
    return data if i % 2 else cases.mutated(data, _donor(name), rng)


@lru_cache
def _donor(name: str) -> bytes:
    """What is spliced into other files."""
    return DOORS[name].make(np.random.default_rng(0))


def outcome(door: Door, path: Path) -> tuple[str, str]:
    """What a door makes of a file: "read", "refused" or "finding", and the words for the last."""

    def stop(number: int, frame: object) -> None:
        raise TooLong

    before, high = resident_mb("VmRSS"), resident_mb("VmHWM")
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.read(path)
        found = "read", ""
    except TracetsError as error:
        found = "refused", ""
        if len(str(error).splitlines()) > 3 or not str(error):
            found = "finding", f"an error of {len(str(error).splitlines())} lines"
    except TooLong:
        found = "finding", f"more than {SECONDS} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found = "finding", f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    now = resident_mb("VmHWM")
    if now > high and now - before > MEGABYTES:
        return "finding", f"{now - before:.0f} MB"
    return found


def fuzz(name: str, *, first: int, last: int, seed: int, findings: Path, folder: Path) -> dict[str, Any]:
    """Cases `first` to `last` (exclusive) of one reader, in this process."""
    door, path = DOORS[name], folder / DOORS[name].file
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    slowest = 0.0
    with contextlib.suppress(Exception):  # what is imported at the first use is no work of a case
        door.read(cases.write(path, _donor(name)))
    for i in range(first, last):
        path.write_bytes(case(name, seed, i))
        began = time.perf_counter()
        kind, said = outcome(door, path)
        slowest = max(slowest, time.perf_counter() - began)
        counts[kind] += 1
        if kind == "finding":
            sort = said.split(":")[0] + ":".join(said.split(":")[1:2])
            kinds[sort] += 1
            if kinds[sort] <= 2:
                keep(door, path, findings / f"{name}-{i}", said, cut="at" in said)
    return {
        "reader": name, "first": first, "last": last, "seed": seed,
        **{kind: counts[kind] for kind in ("read", "refused", "finding")},
        "slowest_s": round(slowest, 3), "peak_mb": round(resident_mb("VmHWM")), "found": dict(kinds),
    }  # fmt: skip


def keep(door: Door, path: Path, out: Path, said: str, *, cut: bool) -> None:
    """Write a finding to a folder, cut to what matters where that is quick."""
    data = path.read_bytes()
    sign = said.split(":")[0]
    if cut:
        data = cases.shrunk(
            data, lambda shorter: outcome(door, cases.write(path, shorter))[1].startswith(sign), tries=200
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(path.suffix).write_bytes(data)
    out.with_suffix(".said").write_text(said + "\n", encoding="utf-8")


def _in_process(pipe: Any, name: str, first: int, last: int, seed: int, findings: Path, folder: Path) -> None:
    pipe.send(fuzz(name, first=first, last=last, seed=seed, findings=findings, folder=folder))


@app.command()
def run(
    number: Annotated[int, typer.Option("--cases", help="Cases of all readers together.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the cases.")] = 0,
    first: Annotated[int, typer.Option(help="The first case.")] = 0,
    only: Annotated[str | None, typer.Option(help="One reader by name.")] = None,
    out: Annotated[Path | None, typer.Option(help="Append a JSON line for each reader.")] = None,
    findings: Annotated[Path, typer.Option(help="Where findings are kept.")] = Path("findings"),
) -> None:
    """Fuzz the readers one after the other, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    for name in [only] if only else DOORS:
        with tempfile.TemporaryDirectory() as folder:
            receiver, sender = context.Pipe(duplex=False)
            last = first + (number if only else number * DOORS[name].share // 1000)
            work = partial(_in_process, sender, name, first, last, seed, findings, Path(folder))
            process = context.Process(target=work)
            began = time.perf_counter()
            process.start()
            sender.close()
            try:
                record = receiver.recv()
            except EOFError:  # it ended without a word: the case that it died of is still there
                process.join()
                file = Path(folder) / DOORS[name].file
                record = {"reader": name, "seed": seed, "finding": 1, "found": {f"ended with {process.exitcode}": 1}}
                if file.is_file():
                    keep(DOORS[name], file, findings / f"{name}-crash", "the process ended", cut=False)
            process.join()
        record["seconds"] = round(time.perf_counter() - began, 1)
        typer.echo(json.dumps(record))
        if out is not None:
            with out.open("a", encoding="utf-8") as file_:
                file_.write(json.dumps(record) + "\n")


BOMBS = {
    "one list of 20,000 texts of 1 MB": ("channel_texts", 3, 20_000),
    "200,000 rows with a text of 1 MB": ("text", 200_000, 200_000),
    "metadata of 1 MB in 200,000 rows": ("note", 200_000, 200_000),
}


@app.command()
def bombs() -> None:
    """Write small Parquet files that stand for large ones, and read each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    for name, (column, n_rows, n_texts) in BOMBS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = cases.write_bomb(Path(folder) / "bomb.parquet", column, n_rows, n_texts)
            process = context.Process(target=_explode, args=(name, path))
            process.start()
            process.join()


def _explode(name: str, path: Path) -> None:
    with contextlib.suppress(TracetsError):
        read_windows(cases.write(path.with_name("warm.parquet"), _donor("corpus")))
    before, began = resident_mb("VmRSS"), time.perf_counter()
    said = outcome(DOORS["corpus"], path)
    record = {
        "bomb": name, "bytes": path.stat().st_size, "outcome": said[0],
        "seconds": round(time.perf_counter() - began, 2), "mb": round(resident_mb("VmHWM") - before),
    }  # fmt: skip
    typer.echo(json.dumps(record))


@app.command()
def one(name: str, path: Path) -> None:
    """What one reader makes of one file, such as a finding."""
    with tempfile.TemporaryDirectory() as folder:
        file = cases.write(Path(folder) / DOORS[name].file, path.read_bytes())
        typer.echo(" ".join(outcome(DOORS[name], file)))
        if os.environ.get("TRACE"):
            DOORS[name].read(file)


if __name__ == "__main__":
    app()
