"""What a search through an index engine finds and takes, on vectors and questions of a real model: one line of JSON.

    python benchmarks/approximate.py --windows 100000 --questions 100 --out approximate.jsonl

Windows are generated (3 to 8 channels, 96 to 168 steps), and encoded by the model; the index keeps no texts, so that
its own measure of recall asks captions that it writes. Questions are other captions of windows in it: whole, their
first sentence, and their first sentence about a named channel. Their sentences are read once before, unmeasured:
milliseconds are those of the search. `benchmarks/search.py --ann` asks drawn vectors instead, any number of them.
"""

from __future__ import annotations

import itertools
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tracets import api
from tracets.data.generate import Curriculum, generate_samples
from tracets.retrieval.candidates import add_engine
from tracets.types import Hit, Query, Sample

CURRICULUM = Curriculum(lengths=(96, 168), channels=(3, 8))


def windows(n: int, seed: int, *, captions: bool) -> Iterator[Sample]:
    return generate_samples(n, seed=seed, captions=captions, split="test", curriculum=CURRICULUM)


def questions(sample: Sample) -> dict[str, Query]:
    """The kinds of questions about one window."""
    assert sample.text is not None
    name = next(iter(sample.channel_names))
    about = next((text for text in sample.channel_texts or () if text), None)
    found = {"caption": Query(sample.text), "sentence": Query(sample.text.split(". ")[0] + ".")}
    if about is not None:
        found["channel"] = Query(channels={name: about.split(". ")[0] + "."})
    return found


def size_of(index: api.Index, name: str) -> int:
    return (index.folder.mapped.folder / name).stat().st_size


def timed(search: Callable[[Query], list[Hit]], asked: list[Query]) -> tuple[list[set[str]], float]:
    """The ids found for each question, and the median of milliseconds; the first is asked once before, unmeasured."""
    search(asked[0])
    found, took = [], []
    for query in asked:
        began = time.perf_counter()
        found.append({hit.id for hit in search(query)})
        took.append((time.perf_counter() - began) * 1e3)
    return found, statistics.median(took)


def measure(
    windows_: Annotated[int, typer.Option("--windows")] = 100_000,
    questions_: Annotated[int, typer.Option("--questions")] = 100,
    seed: int = 5,
    model: str = "base",
    engine: Annotated[str, typer.Option(help="lists, or the engine of an installed package.")] = "lists",
    folder: Annotated[Path | None, typer.Option(help="Keep the index there, and take it from there.")] = None,
    out: Annotated[Path, typer.Option(help="JSON lines; runs are added.")] = Path("approximate.jsonl"),
) -> None:
    """Ask through an engine and without it."""
    encoder = api.load(model, threads=1)
    with tempfile.TemporaryDirectory() as temporary:
        path = (folder or Path(temporary)) / f"generated-{windows_}-{seed}"
        if not path.exists():
            api.build_index(windows(windows_, seed, captions=False), encoder, path, ann=False)
        began = time.perf_counter()
        index = add_engine(api.open_index(path), engine, encoder=encoder)
        made, opened = time.perf_counter() - began, index.engine
        assert opened is not None
        step = max(1, windows_ // questions_)
        said = itertools.islice(windows(min(windows_, 20 * questions_), seed, captions=True), 0, None, min(step, 20))
        kinds: dict[str, list[Query]] = {}
        for sample in itertools.islice(said, questions_):
            for kind, query in questions(replace(sample, id="")).items():
                kinds.setdefault(kind, []).append(query)
        record = {
            "windows": windows_, "vectors": len(index.folder.mapped.channels.exact), "seed": seed, "model": model,
            "engine": engine, "effort": opened.part.effort, "recall_said": opened.recall,
            "engine_mb": round(sum(size_of(index, part.name) for part in opened.part.parts) / 1e6, 1),
            "seconds_to_make": round(made, 1), "processor": platform.processor() or platform.machine(),
        }  # fmt: skip
        for kind, asked in kinds.items():
            for query in asked:
                encoder.encode_texts([query.text or "", *(f"{name}: {text}" for name, text in query.channels.items())])
            exact, exact_ms = timed(lambda query: api.search(index, encoder, query, exact=True), asked)
            found, ms = timed(lambda query: api.search(index, encoder, query), asked)
            shares = [len(a & b) / len(a) for a, b in zip(exact, found, strict=True)]
            row = {"kind": kind, "questions": len(asked), "recall_at_10": round(float(np.mean(shares)), 3),
                   "lowest": min(shares), "exact_ms": round(exact_ms, 1), "ms": round(ms, 1)}  # fmt: skip
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record | row) + "\n")
            print(json.dumps(record | row))


if __name__ == "__main__":
    typer.run(measure)
