"""The processes that `reliability.py` kills, crowds, starves and feeds with damage, and how it checks what they leave.

    python benchmarks/faults.py JOB INDEX ...

No encoder is in it: a window's values, text and vectors are drawn from one number, which its column `n` holds, so that
a row that is not whole is seen. Standard input says when to begin; every line of the log is on the disk's cache before
what it announces, and after what it acknowledges.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data import Corpus, write_corpus
from tracets.errors import TracetsError
from tracets.index import IndexFolder, Rows
from tracets.index.verify import verify
from tracets.retrieval.build import compact_index, hubness_of
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.retrieval.watch import Watcher
from tracets.types import FloatArray, Query, Sample, SeriesVectors, TextVectors

DIM, M, STEPS = 8, 2, 4
NAMES = ("rain", "wind")
MODEL, FINGERPRINT, WEIGHT = "drawn", "drawn", 0.25

Held = dict[str, int]
"""What an index should hold: the number that each window was drawn from, by id."""


def unit(rng: np.random.Generator, *shape: int) -> FloatArray:
    x = rng.normal(size=(*shape, DIM)).astype(np.float32)
    found: FloatArray = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return found


def window(name: str, n: int) -> Sample:
    """The window that is drawn from a number."""
    rng = np.random.default_rng(n)
    values = rng.normal(size=(len(NAMES), STEPS)).astype(np.float32)
    return Sample(name, values, NAMES, text=f"Text {n}.", label=str(n % 3), metadata={"n": n})


@dataclass(frozen=True)
class Drawn:
    """Stands for an encoder: a window's vectors are drawn from its `n`, a text's from the number in it."""

    name: str = MODEL
    fingerprint: str = FINGERPRINT
    dim: int = DIM
    sample_weight: float = WEIGHT

    def encode_series(self, samples: Iterable[Sample], *, batch_size: int = 64) -> SeriesVectors:
        rngs = [np.random.default_rng(int(s.metadata["n"]) + 1) for s in samples]
        channels = tuple(unit(rng, len(NAMES), M) for rng in rngs)
        return SeriesVectors(np.stack([unit(rng, 1)[0] for rng in rngs]), channels)

    def encode_texts(self, texts: Iterable[str], *, batch_size: int = 64) -> TextVectors:
        rngs = [np.random.default_rng(list(text.encode())) for text in texts]
        sentences = tuple(unit(rng, 2) for rng in rngs)
        sample = np.array([unit(rng, 1)[0] for rng in rngs], np.float32).reshape(len(rngs), DIM)
        return TextVectors(sample, sentences, (("", ""),) * len(rngs))


def rows_of(held: Mapping[str, int]) -> Rows:
    """Windows with their vectors, by id and number."""
    samples, encoder = [window(name, n) for name, n in held.items()], Drawn()
    return Rows(samples, encoder.encode_series(samples), encoder.encode_texts([str(s.text) for s in samples]))


def create(path: Path, held: Mapping[str, int], *, overwrite: bool = False) -> None:
    """Write an index of some windows."""
    IndexFolder.create(
        path, [rows_of(held)], model=MODEL, fingerprint=FINGERPRINT, sample_weight=WEIGHT, overwrite=overwrite,
        hubness=hubness_of,
    )  # fmt: skip


def held_by(index: IndexFolder) -> Held:
    """What an index holds, with its vectors, values and texts looked at. Raises AssertionError for a row not whole."""
    rows = index.facts(np.flatnonzero(index.live), ["id", "n", "text", "label"])
    held = {row["id"]: int(row["n"]) for row in rows}
    assert len(held) == len(rows) == len(index), "an id comes twice"
    expected = rows_of(held) if held else None
    for i, place in enumerate(np.flatnonzero(index.live)):
        assert expected is not None
        assert np.array_equal(index.mapped.sample.exact[place], expected.series.sample[i]), "another vector"
        assert (rows[i]["text"], rows[i]["label"]) == (f"Text {rows[i]['n']}.", str(rows[i]["n"] % 3)), "another text"
    for sample in index.samples(list(held)):
        assert np.array_equal(sample.values, window(sample.id, held[sample.id]).values), "other values"
    return held


def wrong_in(path: Path, allowed: list[Held]) -> tuple[list[str], Held]:
    """What is wrong with an index that must hold one of several states, and what it holds."""
    try:
        index, problems = verify(path)
        held = held_by(index)
    except (TracetsError, AssertionError) as error:
        return [f"{type(error).__name__}: {error}"], {}
    wrong = [str(problem) for problem in problems]
    if held not in allowed:
        nearest = min(allowed, key=lambda state: len(set(state.items()) ^ set(held.items())))
        wrong.append(f"differs in {sorted(set(nearest.items()) ^ set(held.items()))[:6]}")
    return wrong, held


def applied(held: Held, change: Mapping[str, Any]) -> Held:
    """What an index holds after a change."""
    if change["kind"] == "index":
        return dict(change["rows"])
    left = {name: n for name, n in held.items() if name not in change.get("ids", ())}
    return left | dict(change.get("rows", {}))


def do(path: Path, change: Mapping[str, Any]) -> None:
    """Make a change to an index."""
    if change["kind"] == "index":
        create(path, change["rows"], overwrite=True)
    elif change["kind"] == "upsert":
        IndexFolder.open(path).upsert([rows_of(change["rows"])])
    elif change["kind"] == "add":
        IndexFolder.open(path).add([rows_of(change["rows"])])
    elif change["kind"] == "delete":
        IndexFolder.open(path).delete(change["ids"])
    else:
        compact_index(path)


def chosen(job: str, held: Held, rng: np.random.Generator, turn: int) -> dict[str, Any]:
    """The next change of a job."""
    fresh = {
        f"w{int(i)}": int(rng.integers(1, 1 << 30)) for i in rng.choice(40, int(rng.integers(1, 8)), replace=False)
    }
    if job == "index":
        return {"kind": "index", "rows": fresh}
    if job == "compact" and turn % 2:
        return {"kind": "compact"}
    if job == "delete" and len(held) > 12:
        return {"kind": "delete", "ids": [str(name) for name in rng.choice(sorted(held), 3, replace=False)]}
    if job == "add" and turn % 2 == 0:
        return {"kind": "add", "rows": {f"a{int(rng.integers(1 << 40))}": n for n in fresh.values()}}
    return {"kind": "upsert", "rows": fresh}


def say(log: Path, **entry: Any) -> None:
    """Append a line to a log in one write: a kill takes none of it back."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps(entry) + "\n").encode())
    os.close(handle)


def change_for_ever(job: str, path: Path, log: Path, seed: int) -> None:
    """Change an index until the kill comes."""
    held: Held = json.loads(sys.stdin.readline())
    rng, turn = np.random.default_rng(seed), 0
    while True:
        change = chosen(job, held, rng, turn)
        say(log, begin=change)
        do(path, change)
        say(log, done=turn)
        held, turn = applied(held, change), turn + 1


def put_file(drop: Path, name: str, rows: Mapping[str, int]) -> None:
    """Let a file arrive whole."""
    write_corpus(Corpus.from_samples([window(i, n) for i, n in rows.items()]), drop / name)


def watch_for_ever(path: Path, log: Path, drop: Path, seed: int) -> None:
    """Let files arrive and change, and index them, until the kill comes."""
    sys.stdin.readline()
    rng, turn = np.random.default_rng(seed), 0
    while True:
        for i in rng.choice(6, 2, replace=False):
            names = rng.choice(8, int(rng.integers(1, 6)), replace=False)
            rows = {f"f{i}-{int(j)}": int(rng.integers(1, 1 << 30)) for j in names}
            say(log, begin={"file": f"f{i}.parquet", "rows": rows})
            put_file(drop, f"f{i}.parquet", rows)
        watch_once(drop, path)
        say(log, done=turn)
        turn += 1


def watch_once(drop: Path, path: Path) -> list[str]:
    """Index what is in a folder; what was refused."""
    refused: list[str] = []
    watcher = Watcher(
        drop, path, Drawn(), report=lambda s: refused.append(str(s)) if s.outcome == "refused" else None, quiet=0.0
    )
    watcher.run(once=True, every=1.0)
    return refused


def write_for(path: Path, prefix: str, seconds: float, seed: int) -> dict[str, Any]:
    """Change pairs of windows, which always have one number, for some seconds beside other writers."""
    sys.stdin.readline()
    rng, held, counts, errors = (
        np.random.default_rng(seed),
        dict[str, int](),
        {"upsert": 0, "delete": 0, "compact": 0},
        [],
    )
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pairs = [int(i) for i in rng.choice(20, 2, replace=False)]
        kind = str(rng.choice(["upsert", "delete", "compact"], p=[0.7, 0.25, 0.05]))
        ids = [f"{prefix}-{i}-{side}" for i in pairs for side in "ab" if f"{prefix}-{i}-{side}" in held]
        if kind == "delete" and not ids:
            kind = "upsert"
        numbers = {i: int(rng.integers(1, 1 << 30)) for i in pairs}
        rows = {f"{prefix}-{i}-{side}": n for i, n in numbers.items() for side in "ab"}
        change = {"kind": kind, **({"rows": rows} if kind == "upsert" else {"ids": ids} if kind == "delete" else {})}
        try:
            do(path, change)
        except Exception as error:
            errors.append(f"{kind}: {type(error).__name__}: {error}")
            continue
        counts[kind] += 1
        held = applied(held, change)
    return {"held": held, "counts": counts, "errors": errors}


def search_for(path: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Search, filter and read an index for some seconds while others write, and look for rows that are not whole."""
    sys.stdin.readline()
    rng, encoder, versions = np.random.default_rng(seed), Drawn(), set()
    searches, errors = 0, []
    index, until = Index.open(path), time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            index = index.refresh() if rng.random() < 0.7 else index if rng.random() < 0.5 else Index.open(path)
            versions.add(index.folder.version)
            held = held_by(index.folder)
            for name, n in held.items():
                twin = name[:-1] + {"a": "b", "b": "a"}[name[-1]]
                assert held.get(twin) == n, f"torn: {name} is {n}, {twin} is {held.get(twin)}"
            text = f"question {int(rng.integers(5))}"
            hits = search(index, encoder, Query(text), k=5)
            expected = best(encoder, text, held)[:5]
            found = [hit.score for hit in hits]
            assert len(found) == len(expected) and np.allclose(found, expected, rtol=0, atol=3e-6), "other hits"
            kept = {i for i, n in held.items() if n % 3 == 1}
            filtered = search(index, encoder, Query(text), k=len(held) or 1, where="label = '1'")
            assert {hit.id for hit in filtered} == kept, "another filter"
            searches += 2
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
    return {"searches": searches, "versions": len(versions), "errors": errors}


def best(encoder: Drawn, text: str, held: Held) -> list[float]:
    """The scores of all windows for a text by the definition, best first."""
    if not held:
        return []
    asked = encoder.encode_texts([text])
    series = encoder.encode_series([window(name, n) for name, n in held.items()])
    late = [float((asked.sentences[0] @ c.reshape(-1, DIM).T).max(axis=1).mean()) for c in series.channels]
    scores = WEIGHT * (series.sample @ asked.sample[0]).astype(float) + (1 - WEIGHT) * np.array(late)
    return sorted(scores.tolist(), reverse=True)


def change_within(path: Path, job: str, limit: int) -> dict[str, Any]:
    """Make one change that may write no file past `limit` bytes (0: no limit); what it raised."""
    held: Held = json.loads(sys.stdin.readline())
    change = chosen(job, held, np.random.default_rng(limit + 1), 1 if job == "compact" else 0)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    if os.environ.get("FAULTS_AS_NOBODY"):
        os.setuid(65534)
    try:
        do(path, change)
    except (TracetsError, OSError) as error:
        return {"change": change, "error": type(error).__name__, "said": str(error)}
    except Exception as error:
        return {"change": change, "error": f"unexpected {type(error).__name__}", "said": str(error)}
    return {"change": change, "error": None}


def answers(path: Path) -> str:
    """What an index says to a fixed set of questions, or the error that it raises."""
    try:
        index, encoder = Index.open(path), Drawn()
        hits = search(index, encoder, Query("question 1"), k=3)
        hits += search(index, encoder, Query(like=hits[0].id), want="text", k=3)
        hits += search(index, encoder, Query("question 2"), k=3, where="n > 0")
        told = [(hit.id, hit.score, hit.text, hit.label, dict(hit.metadata), dict(hit.channels)) for hit in hits]
        samples = index.folder.samples([hit.id for hit in hits])
        return repr((len(index), list(index.ids), told, [(s.id, s.values.tolist(), s.text) for s in samples]))
    except TracetsError as error:
        return f"error: {type(error).__name__}: {error}"


def flipped(pristine: Path, copy: Path, name: Path | str, place: int, bit: int, right: str) -> str:
    """Copy an index, flip one bit and ask: "same" answer, "error", other answers that are "noticed", or "WRONG"."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(pristine, copy)
    with (copy / name).open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))
    found = answers(copy)
    if found == right:
        return "same"
    if found.startswith("error: "):
        return "error"
    try:
        return "noticed" if verify(copy)[1] else "WRONG"
    except TracetsError:
        return "noticed"


def flip_for_ever(copy: Path, pristine: Path) -> None:
    """Answer lines "FILE PLACE BIT" with what comes of that bit."""
    right = answers(pristine)
    for line in sys.stdin:
        name, place, bit = line.rsplit(" ", 2)
        print(flipped(pristine, copy, name, int(place), int(bit), right), flush=True)


def fork_for_ever() -> None:
    """Run the job of each line in a process of its own, which starts at once; print its id, and how it ended."""
    warnings.filterwarnings("ignore", message="lancedb fork support")
    for line in sys.stdin:
        held, *arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            sys.stdin = io.StringIO(json.dumps(held) + "\n")
            run(*arguments)
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def main() -> None:
    """Run one job."""
    import lancedb  # noqa: F401  (before the job begins, or kills would fall into its import)

    if sys.argv[1] == "fork":
        fork_for_ever()
    else:
        run(*sys.argv[1:])


def run(job: str, path: str, *rest: str) -> None:
    """Run a job by its name."""
    if job == "watch":
        watch_for_ever(Path(path), Path(rest[0]), Path(rest[1]), int(rest[2]))
    elif job == "write":
        print(json.dumps(write_for(Path(path), rest[0], float(rest[1]), int(rest[2]))))
    elif job == "search":
        print(json.dumps(search_for(Path(path), float(rest[0]), int(rest[1]))))
    elif job == "within":
        print(json.dumps(change_within(Path(path), rest[0], int(rest[1]))))
    elif job == "flip":
        flip_for_ever(Path(path), Path(rest[0]))
    else:
        change_for_ever(job, Path(path), Path(rest[0]), int(rest[1]))


if __name__ == "__main__":
    main()
