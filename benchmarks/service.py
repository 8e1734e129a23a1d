"""A service under load: many clients on the loopback, with batches and one by one, and a SIGTERM in the middle.

    python benchmarks/service.py weather.index --out service.jsonl

Each of `--clients` asks one question after the other, none asked before, for `--seconds`, on a connection that is kept.
Clients are bare sockets of one process, so that they take little of the processors; with two cores or more there are
runs with the service alone on one of them and the clients on another. `--rows` adds runs over an index of so many drawn
windows (as benchmarks/search.py draws them) that the same model asks, where scoring is most of the work.

A line of `--out` is one run: answers a second, milliseconds to an answer, statuses, processor time of the service for
an answer, memory of the service in its course. The last run is stopped by SIGTERM halfway: the answers that clients got
are held against the requests that the service says it has accepted. At the end the lines are printed as a table.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

WHAT = ("temperature", "dew point", "relative humidity", "wind speed", "precipitation", "pressure", "visibility")
DOES = ("rises", "falls", "peaks", "is lowest", "is calm", "varies", "drops suddenly", "stays high", "stays low")
WHEN = ("at first", "near the end", "in the middle", "overnight", "on day 3", "around noon", "in the last third")
WARM_S = 3.0
NOTICE_S = 2.0
HEAD = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"


def questions(seed: int) -> Iterator[str]:
    """Sentences without end; each with a number, so that none is asked twice."""
    draw = random.Random(seed)
    for i in itertools.count():
        yield f"The {draw.choice(WHAT)} {draw.choice(DOES)} {draw.choice(WHEN)}, by {seed + i / 10:.1f}."


class Unanswered(Exception):
    """A connection was closed without a byte of an answer."""


@dataclass
class Seen:
    """What clients saw: seconds to each answer of status 200, statuses, connections closed without one or refused."""

    took: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> int:
        """All that were answered, whatever the status."""
        return sum(n for status, n in self.statuses.items() if status.isdigit())


async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> tuple[int, bool]:
    """The status of an answer that was read whole, and whether the connection stays."""
    body = json.dumps({"text": text, "k": 10}).encode()
    try:
        writer.write(HEAD.format(len(body)).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        raise Unanswered from None
    except ConnectionError:
        raise Unanswered from None
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1]), headers.get("connection") != "close"


async def client(port: int, seed: int, end: float, seen: Seen) -> None:
    """Ask until the end, or until new connections are refused; a question that was not read is asked again."""
    writer = None
    for text in questions(seed):
        while time.monotonic() < end:
            began = time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                status, stays = await asked(reader, writer, text)
            except ConnectionRefusedError:
                seen.statuses["refused"] += 1
                return
            except (Unanswered, ConnectionResetError):
                seen.statuses["closed, asked again"] += 1
                writer = None
                continue
            except asyncio.IncompleteReadError:
                seen.statuses["half an answer"] += 1
                writer = None
                break
            if status == 200:
                seen.took.append(time.perf_counter() - began)
            seen.statuses[str(status)] += 1
            if not stays:
                writer.close()
                writer = None
            break
        else:
            break
    if writer is not None:
        writer.close()


async def load(port: int, *, clients: int, seconds: float, seed: int, tick: Callable[[float], None]) -> Seen:
    """What clients see in so many seconds; `tick` is called every second with the seconds that have passed."""
    seen, began = Seen(), time.monotonic()
    waiting = asyncio.gather(*(client(port, seed + 1000 * i, began + seconds, seen) for i in range(clients)))
    while not waiting.done():
        tick(time.monotonic() - began)
        await asyncio.wait([waiting], timeout=1.0)
    await waiting
    return seen


class Service:
    """`tracets serve` in a process of its own."""

    def __init__(self, index: Path, log: Path, *, batch: int, core: int | None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "tracets", "serve", str(index), "--port", str(self.port)]
        command += ["--batch", str(batch), "--waiting", "256", "--notice", str(NOTICE_S)]
        self.log, self.ending = log, False
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores if core is None else {core})  # the service inherits it
        self.process = subprocess.Popen(command, stderr=log.open("wb"))
        os.sched_setaffinity(0, cores)
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.2)
        raise RuntimeError(f"the service does not start: {log.read_text()[-500:]}")

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0) / 1024

    def processor_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Send it SIGTERM, once."""
        if not self.ending:
            self.ending = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> dict[str, Any]:
        """End it, and what its log said last."""
        self.end()
        self.process.wait(120)
        return dict(json.loads(self.log.read_text(encoding="utf-8").splitlines()[-1]))


def run(index: Path, *, batch: int, clients: int, seconds: float, pinned: bool, terminated: bool) -> dict[str, Any]:
    """One measured load."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        service = Service(index, Path(folder) / "log", batch=batch, core=cores[0] if pinned else None)
        try:
            if pinned:
                os.sched_setaffinity(0, {cores[-1]})
            warm = asyncio.run(load(service.port, clients=clients, seconds=WARM_S, seed=10**6, tick=lambda _: None))
            memory: list[float] = []
            before = service.processor_s()

            def tick(passed: float) -> None:
                if not terminated:
                    memory.append(service.memory_mb())
                elif passed > seconds / 2:
                    service.end()

            began = time.monotonic()
            seen = asyncio.run(load(service.port, clients=clients, seconds=seconds, seed=0, tick=tick))
            passed = time.monotonic() - began
            spent = 0.0 if terminated else service.processor_s() - before
        finally:
            os.sched_setaffinity(0, set(cores))
            last = service.stop()
    low, high = np.percentile(seen.took, [50, 99])
    answered = len(seen.took)
    found: dict[str, Any] = {
        "index": index.name, "batch": batch, "clients": clients, "seconds": seconds, "pinned": pinned,
        "terminated": terminated, "answers_s": round(answered / passed, 1), "p50_ms": round(1e3 * float(low)),
        "p99_ms": round(1e3 * float(high)), "statuses": dict(seen.statuses), "load": os.getloadavg()[0],
    }  # fmt: skip
    if terminated:
        return found | {"answers": warm.answers + seen.answers, "service": last}
    half = memory[len(memory) // 2 :]
    course = [round(memory[int(share * (len(memory) - 1))]) for share in (0, 0.25, 0.5, 0.75, 1)]
    return found | {
        "service_cpu_ms": round(1e3 * spent / max(1, answered), 2), "memory_mb": course,
        "second_half_mb": [round(min(half), 1), round(max(half), 1)],
    }  # fmt: skip


def drawn_index(path: Path, rows: int) -> Path:
    """An index of drawn windows that says it is of the model `base`, so that a service asks it."""
    from search import drawn

    from tracets import api
    from tracets.index import IndexFolder

    if not path.exists():
        base = api.load("base")
        IndexFolder.create(
            path, drawn(rows), model="base", fingerprint=base.fingerprint, sample_weight=base.sample_weight
        )
    return path


def parts(index: Path, *, batch: int = 32, n: int = 192) -> str:
    """Markdown: processor time that a question takes in this process, alone and in a batch, by parts."""
    from tracets import api
    from tracets.retrieval.nearest import nearest
    from tracets.retrieval.questions import encode_each, scores_of_series
    from tracets.retrieval.search import hits_of
    from tracets.types import Query

    api.set_threads(1)
    opened = api.open_index(index)
    model, rows = api.model_of(opened), np.flatnonzero(opened.live)
    spent: dict[int, Counter[str]] = {}
    for size in (1, batch):
        asked, took = questions(10**7 * size), Counter[str]()
        for turn in range(n // size + 1):
            queries = [Query(text) for text in itertools.islice(asked, size)]
            times = [time.process_time()]
            told = encode_each(opened, model, queries)
            times.append(time.process_time())
            scored = [
                nearest(score, rows, n=len(opened.live), k=10, residual=opened.residuals[0])
                for score in scores_of_series(opened, told)
            ]
            times.append(time.process_time())
            hits = hits_of(opened, [(part, *best) for part, best in zip(told, scored, strict=True)])
            times.append(time.process_time())
            json.dumps([[api.hit_to_json(hit) for hit in each] for each in hits])
            times.append(time.process_time())
            if turn:  # the first is warm-up
                took.update(dict(zip(("encode", "score", "read hits", "JSON"), np.diff(times).tolist(), strict=True)))
        spent[size] = took
    lines = [f"| ms a question | alone | in a batch of {batch} |", "|---|---|---|"]
    for name in spent[1]:
        alone, together = (1e3 * spent[size][name] / (n // size * size) for size in (1, batch))
        lines.append(f"| {name} | {alone:.2f} | {together:.2f} |")
    return "\n".join(lines)


def table(records: list[dict[str, Any]]) -> str:
    """Markdown: a line a run.

    >>> one = {"index": "a", "batch": 32, "pinned": True, "terminated": False, "answers_s": 9.0, "service_cpu_ms": 3.5}
    >>> one |= {"p50_ms": 1, "p99_ms": 2, "statuses": {"200": 9}, "memory_mb": [1, 1, 1, 1, 1]}
    >>> print(table([one]).splitlines()[2])
    | a, batches of 32, a core each | 9.0 | 1 / 2 | 3.5 | 9 x 200 | 1, 1, 1, 1, 1 |
    """
    lines = [
        "| run | answers/s | p50 / p99, ms | service, ms of processor an answer | statuses | memory, MB |",
        "|---|---|---|---|---|---|",
    ]
    for r in records:
        how = "one by one" if r["batch"] == 1 else f"batches of {r['batch']}"
        name = f"{r['index']}, {how}" + (", a core each" if r["pinned"] else "")
        statuses = ", ".join(f"{n:,} x {status}" for status, n in sorted(r["statuses"].items()))
        if r["terminated"]:
            name += ", SIGTERM halfway"
            said = r["service"]
            statuses += f"; accepted {said['accepted']:,}, answered {said['answered']:,}, clients got {r['answers']:,}"
        cells = [name, f"{r['answers_s']:.1f}", f"{r['p50_ms']:,} / {r['p99_ms']:,}", str(r.get("service_cpu_ms", ""))]
        lines.append("| " + " | ".join([*cells, statuses, ", ".join(map(str, r.get("memory_mb", [])))]) + " |")
    return "\n".join(lines)


def main(
    index: Annotated[Path, typer.Argument(help="An index folder.")],
    out: Annotated[Path, typer.Option(help="JSON lines, one a run.")] = Path("service.jsonl"),
    clients: int = 64,
    seconds: float = 60.0,
    rows: Annotated[int, typer.Option(help="Also an index of so many drawn windows; 0: none.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where that index is kept.")] = Path("."),
) -> None:
    """Measure the service with batches, one by one, and stopped in the middle."""
    several = len(os.sched_getaffinity(0)) > 1
    wanted = [(index, batch, pinned, False) for pinned in ([False, True] if several else [False]) for batch in (32, 1)]
    if rows:
        large = drawn_index(folder / f"drawn-{rows}.index", rows)
        wanted += [(large, batch, several, False) for batch in (32, 1)]
    wanted.append((index, 32, False, True))
    records = []
    for path, batch, pinned, terminated in wanted:
        found = run(path, batch=batch, clients=clients, seconds=seconds, pinned=pinned, terminated=terminated)
        records.append(found)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        typer.echo(json.dumps(found), err=True)
    print(table(records), end="\n\n")
    print(parts(index))  # after the runs: it limits the threads of this process, which services would inherit


if __name__ == "__main__":
    typer.run(main)
