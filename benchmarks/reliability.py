"""What becomes of an index under kills, crowds, full disks, read-only folders and flipped bits.

    nice python benchmarks/reliability.py --out reliability.jsonl

1. `--kills` processes that write are killed (SIGKILL) at random moments, in turn while they index anew, upsert, delete,
add, compact and watch; the same index goes on through all of them. After each it must open, hold what was acknowledged,
with the change in flight whole or not at all, and pass `verify`; then work goes on.  2. two writers and four searchers
for `--seconds`.  3. a disk that is full, and a folder that cannot be written to.  4. `--flips` bits of a small index,
spread evenly over the bytes of all its files (0: one bit of every byte), each in a fresh copy.

Every outcome is one line of `--out`. The exit code is 1 where anything was lost, doubled, torn or unnoticed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import faults
import numpy as np
import typer

from tracets.data import read_corpus
from tracets.index import IndexFolder

JOBS = ("index", "upsert", "delete", "add", "compact", "watch")
LATEST, LATEST_WATCH = 1.0, 4.0
"""Seconds after a writer began, at the latest, that the kill comes; `watch` reads and encodes before it writes."""
PATIENCE = 120.0
"""Seconds after which a process that should have answered counts as hanging."""


def start(job: str, index: Path, *rest: object, **environment: str) -> subprocess.Popen[str]:
    """A process of `faults.py`, which waits for a line before it begins."""
    command = [sys.executable, str(Path(faults.__file__)), job, str(index), *map(str, rest)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )


def begin(process: subprocess.Popen[str], said: object) -> None:
    """Let a process begin."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(said) + "\n")
    process.stdin.flush()


def answer(process: subprocess.Popen[str], said: object, *, seconds: float) -> dict[str, Any]:
    """What a process prints at its end."""
    out, _ = process.communicate(json.dumps(said) + "\n", timeout=seconds)
    found: dict[str, Any] = json.loads(out)
    return found


def killed(
    forks: subprocess.Popen[str], said: object, log: Path, rng: np.random.Generator, *arguments: object
) -> list[dict[str, Any]]:
    """Let a writer begin, kill it at a random moment of its writes, and read its log."""
    assert forks.stdout is not None
    begin(forks, [said, *map(str, arguments)])
    pid, until = int(forks.stdout.readline()), time.monotonic() + PATIENCE
    while not log.is_file() or not log.stat().st_size:
        assert time.monotonic() < until, "a writer did not begin"
        time.sleep(0.002)
    time.sleep(float(rng.uniform(0, LATEST_WATCH if arguments[0] == "watch" else LATEST)))
    os.kill(pid, signal.SIGKILL)
    ended = int(forks.stdout.readline())
    assert ended == signal.SIGKILL, f"a writer ended before it was killed, with status {ended}"
    return [json.loads(line) for line in log.read_text().splitlines()]


def kills(n: int, home: Path, *, seed: int, jobs: tuple[str, ...] = JOBS) -> Iterator[dict[str, Any]]:
    """Kill n writers, each in one of the jobs, one after another on the same index."""
    rng, path, drop = np.random.default_rng(seed), home / "killed.index", home / "drop"
    watched = home / "watched.index"
    held: faults.Held = {f"w{i}": i + 1 for i in range(20)}
    faults.create(path, held)
    drop.mkdir()
    faults.put_file(drop, "f0.parquet", {"f0-0": 1})
    faults.watch_once(drop, watched)
    forks = start("fork", home)
    for i in range(n):
        job, log = jobs[i % len(jobs)], home / f"{i}.log"
        if job == "watch":
            record = after_watch(watched, drop, killed(forks, held, log, rng, job, watched, log, drop, i))
        else:
            record, held = after_changes(path, held, killed(forks, held, log, rng, job, path, log, i))
        log.unlink()
        yield {"part": "kill", "job": job, **record}
    forks.kill()


def after_changes(path: Path, held: faults.Held, entries: list[dict[str, Any]]) -> tuple[dict[str, Any], faults.Held]:
    """Check an index whose writer was killed, against its log; what it holds now."""
    begun = [entry["begin"] for entry in entries if "begin" in entry]
    acknowledged = sum("done" in entry for entry in entries)
    for change in begun[:acknowledged]:
        held = faults.applied(held, change)
    allowed = [held] + [faults.applied(held, change) for change in begun[acknowledged:]]
    began = time.monotonic()
    wrong, found = faults.wrong_in(path, allowed)
    landed = len(begun) > acknowledged and found == allowed[-1] != held
    record = {
        "acknowledged": acknowledged, "in_flight": len(begun) - acknowledged, "landed": landed, "wrong": wrong,
        "check_s": round(time.monotonic() - began, 3),
    }  # fmt: skip
    return record, found


def after_watch(path: Path, drop: Path, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Check an index whose watcher was killed; then let another one go on, and compare with the files."""
    ever: dict[str, set[int]] = {}
    for entry in entries:
        for name, n in entry.get("begin", {}).get("rows", {}).items():
            ever.setdefault(name, set()).add(n)
    wrong, found = faults.wrong_in(path, [faults.held_by(IndexFolder.open(path))])
    refused = faults.watch_once(drop, path)
    files: faults.Held = {}
    for file in sorted(drop.glob("*.parquet")):
        corpus = read_corpus(file)
        files |= dict(zip(corpus.ids, corpus.column("n"), strict=True))
    wrong += refused + faults.wrong_in(path, [files])[0]
    begun, done = (sum(what in entry for entry in entries) for what in ("begin", "done"))
    return {
        "acknowledged": done, "in_flight": int(begun > 2 * done), "landed": found == files and begun > 2 * done,
        "wrong": wrong,
    }  # fmt: skip


def crowd(seconds: float, home: Path, *, writers: int = 2, searchers: int = 4, seed: int = 0) -> dict[str, Any]:
    """Let processes write and search one index at once; what they did, and what went wrong."""
    path = home / "crowd.index"
    held: faults.Held = {"x-0-a": 7, "x-0-b": 7}
    faults.create(path, held)
    processes = [start("write", path, f"p{i}", seconds, seed + i) for i in range(writers)]
    processes += [start("search", path, seconds, seed + 100 + i) for i in range(searchers)]
    for process in processes:
        begin(process, 0)
    found = [answer(process, 0, seconds=seconds + PATIENCE) for process in processes]
    for one in found[:writers]:
        held |= one["held"]
    errors = [error for one in found for error in one["errors"]]
    return {
        "part": "crowd", "writers": writers, "searchers": searchers, "seconds": seconds,
        "writes": dict(sum((Counter(one["counts"]) for one in found[:writers]), Counter())),
        "searches": sum(one["searches"] for one in found[writers:]),
        "versions_seen": [one["versions"] for one in found[writers:]],
        "wrong": errors + faults.wrong_in(path, [held])[0],
    }  # fmt: skip


def starved(home: Path) -> Iterator[dict[str, Any]]:
    """Changes that find the disk full after so many bytes, and changes of a folder that cannot be written to."""
    held: faults.Held = {f"w{i}": i + 1 for i in range(20)}
    for job in ("upsert", "delete", "add", "compact", "index"):
        for limit in (1, 200, 600, 1500, 3000, 6000):
            path = home / f"full-{job}-{limit}.index"
            faults.create(path, held)
            told = answer(start("within", path, job, limit), held, seconds=PATIENCE)
            yield _after_starving("full (limit on file size)", path, held, told)
    if os.geteuid() == 0:
        yield from full_disk(home, held)
    path = home / "readonly.index"
    faults.create(path, held)
    before = faults.answers(path)
    os.chmod(home, 0o755)
    modes = {p: p.stat().st_mode for p in [path, *path.rglob("*")]}
    for p, mode in modes.items():
        p.chmod(mode & 0o555 | (0o005 if p.is_dir() else 0o004))
    for job in ("upsert", "delete", "compact"):
        environment = {"FAULTS_AS_NOBODY": "1"} if os.geteuid() == 0 else {}
        told = answer(start("within", path, job, 0, **environment), held, seconds=PATIENCE)
        record = _after_starving("read-only", path, held, told)
        if faults.answers(path) != before or told["error"] is None:
            record["wrong"].append(f"a read-only folder was changed: {told}")
        yield record
    for p, mode in modes.items():
        p.chmod(mode)


def full_disk(home: Path, held: faults.Held) -> Iterator[dict[str, Any]]:
    """The same on a file system of one megabyte that is filled up; needs the right to mount."""
    mount = home / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], capture_output=True).returncode:
        return
    try:
        for job in ("upsert", "delete", "add", "compact", "index"):
            for left in (0, 8 << 10, 32 << 10):
                path = mount / "index"
                faults.create(path, held)
                free = shutil.disk_usage(mount).free
                (mount / "ballast").write_bytes(b"x" * max(0, free - left))
                told = answer(start("within", path, job, 0), held, seconds=PATIENCE)
                opened = faults.answers(path)
                (mount / "ballast").unlink()
                record = _after_starving("full (file system)", path, held, told)
                if opened.startswith("error"):
                    record["wrong"].append(f"cannot be read while the disk is full: {opened}")
                yield record
                shutil.rmtree(path)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def _after_starving(part: str, path: Path, held: faults.Held, told: dict[str, Any]) -> dict[str, Any]:
    """The state before, or the change whole; and the next change goes through."""
    after = faults.applied(held, told["change"])
    wrong, found = faults.wrong_in(path, [after] if told["error"] is None else [held, after])
    if told["error"] not in (None, "IndexFolderError", "OSError", "PermissionError", "DataError"):
        wrong.append(f"{told['error']}: {told['said']}")
    writable = os.access(path, os.W_OK) and path.stat().st_mode & 0o200
    if writable:
        faults.do(path, {"kind": "upsert", "rows": {"next": 99}})
        wrong += faults.wrong_in(path, [found | {"next": 99}])[0]
    return {
        "part": part,
        "job": told["change"]["kind"],
        "error": told["error"],
        "landed": found == after != held,
        "wrong": wrong,
    }


def flips(n: int, home: Path, *, seed: int = 0, windows: int = 3) -> Iterator[dict[str, Any]]:
    """Flip one bit of every byte of a small index, or of n of its bytes, each in a copy of its own."""
    rng, pristine = np.random.default_rng(seed), home / "pristine.index"
    faults.create(pristine, {f"w{i}": i + 1 for i in range(windows)})
    IndexFolder.open(pristine).upsert([faults.rows_of({"w0": 50})])
    sizes = {p.relative_to(pristine).as_posix(): p.stat().st_size for p in sorted(pristine.rglob("*")) if p.is_file()}
    places = [(name, place) for name, size in sizes.items() for place in range(size)]
    if n and n < len(places):
        picked = np.sort(rng.choice(len(places), n, replace=False))
        ends = np.cumsum(list(sizes.values()))  # every file has its first and last byte among them
        edges = [int(e) for end, size in zip(ends, sizes.values(), strict=True) if size for e in (end - size, end - 1)]
        places = [places[i] for i in np.unique([*picked, *edges])]
    process = start("flip", home / "flipped.index", pristine)
    for name, place in places:
        bit = int(rng.integers(8))
        outcome = _asked(process, f"{name} {place} {bit}")
        if outcome in ("CRASH", "HANG"):
            process = start("flip", home / "flipped.index", pristine)
        wrong = [] if outcome in ("same", "error", "noticed") else [f"{outcome}: {name}, byte {place}, bit {bit}"]
        kind = name.split("/")[-2] if "/" in name and ".lance/" in name else name.split("/")[0].split("-")[0]
        yield {"part": "flip", "file": name, "kind": kind, "place": place, "bit": bit, "of": sum(sizes.values()),
               "outcome": outcome, "wrong": wrong}  # fmt: skip
    process.kill()


def _asked(process: subprocess.Popen[str], line: str) -> str:
    import selectors

    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return "CRASH"
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(PATIENCE):
            process.kill()
            return "HANG"
    return process.stdout.readline().strip() or "CRASH"


def table(records: list[dict[str, Any]]) -> str:
    """What happened, as tables for docs/reliability.md."""
    lines = [
        "| killed while | kills | writes acknowledged | in flight | of these landed whole | wrong |",
        "|---|---|---|---|---|---|",
    ]
    for job in JOBS:
        mine = [r for r in records if r["part"] == "kill" and r["job"] == job]
        if mine:
            sums = [sum(r[name] for r in mine) for name in ("acknowledged", "in_flight", "landed")]
            lines.append(f"| {job} | {len(mine)} | {sums[0]} | {sums[1]} | {sums[2]} | {_wrong(mine)} |")
    for r in records:
        if r["part"] == "crowd":
            writes = ", ".join(f"{n} {name}" for name, n in r["writes"].items())
            lines += ["", f"{r['writers']} writers and {r['searchers']} searchers for {r['seconds']:g} s: {writes}; "
                      f"{r['searches']} searches over {min(r['versions_seen'])} to {max(r['versions_seen'])} versions; "
                      f"wrong: {len(r['wrong'])}."]  # fmt: skip
    lines += ["", "| starved | changes | errors | changes that landed whole | wrong |", "|---|---|---|---|---|"]
    for part in ("full (limit on file size)", "full (file system)", "read-only"):
        mine = [r for r in records if r["part"] == part]
        if mine:
            failed, landed = sum(r["error"] is not None for r in mine), sum(r["landed"] for r in mine)
            lines.append(f"| {part} | {len(mine)} | {failed} | {landed} | {_wrong(mine)} |")
    lines += [
        "",
        "| bits flipped in | flips | same answer | error | other answer, noticed by verify | wrong |",
        "|---|---|---|---|---|---|",
    ]
    for kind in sorted({r["kind"] for r in records if r["part"] == "flip"}):
        mine = [r for r in records if r["part"] == "flip" and r["kind"] == kind]
        counts = Counter(r["outcome"] for r in mine)
        lines.append(
            f"| {kind} | {len(mine)} | {counts['same']} | {counts['error']} | {counts['noticed']} | {_wrong(mine)} |"
        )
    return "\n".join(lines)


def _wrong(records: list[dict[str, Any]]) -> int:
    return sum(bool(r["wrong"]) for r in records)


def main(
    out: Annotated[Path, typer.Option(help="The JSON lines.")] = Path("reliability.jsonl"),
    n_kills: Annotated[int, typer.Option("--kills", help="Writers to kill.", min=0)] = 200,
    seconds: Annotated[float, typer.Option(help="Of two writers and four searchers; 0: leave out.", min=0)] = 60,
    n_flips: Annotated[
        int, typer.Option("--flips", help="Bits to flip; 0: one of every byte; -1: none.", min=-1)
    ] = 4000,
    starve: Annotated[bool, typer.Option(help="Fill the disk, and forbid writing.")] = True,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    folder: Annotated[Path | None, typer.Option(help="Work here; none: a temporary folder.")] = None,
) -> None:
    """Run all parts, write their outcomes, print the tables; exit 1 where something is wrong."""
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary, out.open("w", encoding="utf-8") as file:
        home = Path(temporary)

        def parts() -> Iterator[dict[str, Any]]:
            yield from kills(n_kills, home, seed=seed)
            if seconds:
                yield crowd(seconds, home, seed=seed)
            if starve:
                yield from starved(home)
            if n_flips >= 0:
                yield from flips(n_flips, home, seed=seed)

        for record in parts():
            records.append(record)
            file.write(json.dumps(record) + "\n")
            file.flush()
            if record["wrong"]:
                typer.echo(f"WRONG {record}", err=True)
    print(table(records))
    if any(record["wrong"] for record in records):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
