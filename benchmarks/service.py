"""A service under load: many clients on the loopback, with batches and one by one, and a SIGTERM in the middle.

    python benchmarks/service.py weather.index --out service.jsonl

Each of `--clients` asks one question after the other, none asked before, for `--seconds`. A line of `--out` is one run:
answers a second, seconds to an answer, statuses, memory of the service at the beginning and at the end. The last run is
stopped by SIGTERM halfway: a request that was sent before must be answered, or refused before it was accepted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer

WHAT = ("temperature", "dew point", "relative humidity", "wind speed", "precipitation", "pressure", "visibility")
DOES = ("rises", "falls", "peaks", "is lowest", "is calm", "varies", "drops suddenly", "stays high", "stays low")
WHEN = ("at first", "near the end", "in the middle", "overnight", "on day 3", "around noon", "in the last third")


def questions(seed: int) -> Any:
    """Sentences without end; each with a number, so that none is asked twice."""
    draw = random.Random(seed)
    for i in itertools.count():
        yield f"The {draw.choice(WHAT)} {draw.choice(DOES)} {draw.choice(WHEN)}, by {seed + i / 10:.1f}."


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def started(index: Path, batch: int) -> tuple[subprocess.Popen[bytes], str]:
    """A service that is ready, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tracets", "serve", str(index), "--port", str(port), "--batch", str(batch)]
    process = subprocess.Popen([*command, "--waiting", "256"], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{address}/health/ready", timeout=1).raise_for_status()
            return process, address
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the service does not start")


async def load(address: str, *, clients: int, seconds: float, stop: Any = None) -> dict[str, Any]:
    """Ask for so long; `stop` is called halfway. What came of it."""
    took: list[float] = []
    statuses: Counter[str] = Counter()
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=120) as session:
            for text in questions(1000 * number):
                if time.monotonic() > end:
                    return
                began = time.perf_counter()
                try:
                    answer = await session.post("/v1/search", json={"text": text, "k": 10})
                except httpx.ConnectError:  # it accepts no more
                    statuses["not accepted"] += 1
                    return
                except httpx.HTTPError as error:
                    statuses[type(error).__name__] += 1
                    return
                took.append(time.perf_counter() - began)
                statuses[str(answer.status_code)] += 1

    async def stopping() -> None:
        await asyncio.sleep(seconds / 2)
        stop()

    began = time.monotonic()
    await asyncio.gather(*(client(i) for i in range(clients)), *([stopping()] if stop else []))
    low, high = np.percentile(took, [50, 99])
    return {
        "answers_s": round(statuses["200"] / (time.monotonic() - began), 1), "p50_ms": round(1e3 * float(low)),
        "p99_ms": round(1e3 * float(high)), "statuses": dict(statuses),
    }  # fmt: skip


def run(index: Path, *, batch: int, clients: int, seconds: float, terminated: bool) -> dict[str, Any]:
    process, address = started(index, batch)
    try:
        asyncio.run(load(address, clients=8, seconds=3))  # warm
        before = memory_mb(process.pid)
        stop = (lambda: process.send_signal(signal.SIGTERM)) if terminated else None
        found = asyncio.run(load(address, clients=clients, seconds=seconds, stop=stop))
        after = before if terminated else memory_mb(process.pid)
    finally:
        process.terminate()
        process.wait()
    return {"batch": batch, "clients": clients, "seconds": seconds, "terminated": terminated, **found,
            "memory_mb": [round(before), round(after)]}  # fmt: skip


def main(
    index: Annotated[Path, typer.Argument(help="An index folder.")],
    out: Annotated[Path, typer.Option(help="JSON lines, one a run.")] = Path("service.jsonl"),
    clients: int = 64,
    seconds: float = 60.0,
) -> None:
    """Measure the service with batches, one by one, and stopped in the middle."""
    for batch, terminated in ((32, False), (1, False), (32, True)):
        found = run(index, batch=batch, clients=clients, seconds=seconds, terminated=terminated)
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    typer.run(main)
