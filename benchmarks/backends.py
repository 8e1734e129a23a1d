"""Texts and windows a second by torch, ONNX in single precision and ONNX in int8, in one run, as JSON.

    python benchmarks/backends.py
    python benchmarks/backends.py untrained --windows 128 --threads 1,2 --repeats 5 --data corpus.parquet

Every backend reads the same windows and texts, each repeat anew: no sentence is remembered from the one before. The
backends take turns, so that what else the machine does falls on all of them. Without MODEL: the one that ships; without
--data: generated windows.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from memory import resident_mb

PRECISIONS = ("fp32", "int8")


def measure(
    model: Annotated[str, typer.Argument(help="A model, or untrained: one of the default sizes.")] = "base",
    data: Annotated[Path | None, typer.Option(help="A corpus to take windows and texts from.")] = None,
    windows: Annotated[int, typer.Option(help="How many.")] = 64,
    threads: Annotated[str, typer.Option(help="Numbers of threads, with commas.")] = "1,2",
    repeats: Annotated[int, typer.Option(help="Runs of each; the median counts.")] = 5,
) -> None:
    """Print windows and texts a second, and peak memory, of each backend and number of threads."""
    with tempfile.TemporaryDirectory() as folder:
        _prepare(model, data, windows, Path(folder))
        workers = {}
        for n in threads.split(","):
            for backend in ("torch", *PRECISIONS):
                command = [sys.executable, __file__, "work", folder, backend, n]
                workers[backend, int(n)] = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
        found: dict[tuple[str, int], list[dict[str, float]]] = {key: [] for key in workers}
        for _ in range(1 + repeats):  # the first run of each warms up
            for key, worker in workers.items():
                assert worker.stdin is not None and worker.stdout is not None
                worker.stdin.write("run\n")
                worker.stdin.flush()
                found[key].append(json.loads(worker.stdout.readline()))
        for worker in workers.values():
            worker.communicate()
    rows = [
        {"backend": backend, "threads": n}
        | {name: round(statistics.median(run[name] for run in runs[1:]), 1) for name in runs[0]}
        for (backend, n), runs in found.items()
    ]
    print(
        json.dumps({"machine": platform.processor() or platform.machine(), "windows": windows, "rows": rows}, indent=1)
    )


def _prepare(model: str, data: Path | None, windows: int, folder: Path) -> None:
    """Write the windows, the model and both exports."""
    from itertools import islice

    import torch

    from tracets import api
    from tracets.data import Corpus
    from tracets.data.generate import generate_samples
    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig
    from tracets.encoders.store import save_model

    if data is None:
        corpus = Corpus.from_samples(generate_samples(windows, seed=0))
    else:
        corpus = Corpus.from_samples(islice((s for s in api.read(data) if s.text), windows))
    api.write(corpus, folder / "corpus.parquet")
    if model == "untrained":
        torch.manual_seed(0)
        model = str(save_model(TraceModel(ModelConfig(), name="untrained"), folder / "torch", card=""))
    (folder / "model.txt").write_text(model, encoding="utf-8")
    for precision in PRECISIONS:
        api.export(model, folder / precision, int8=precision == "int8")


def work(folder: Path, backend: str, threads: int) -> None:
    """Answer each line on stdin with the figures of one run: one process a backend, so that its memory is its own."""
    from tracets import api

    api.set_threads(threads)
    samples = list(api.read(folder / "corpus.parquet"))
    texts = [sample.text for sample in samples if sample.text]
    name = (folder / "model.txt").read_text(encoding="utf-8") if backend == "torch" else folder / backend
    model = api.load(name, backend="torch" if backend == "torch" else "onnx", threads=threads)
    for run, _ in enumerate(sys.stdin):
        begin = time.perf_counter()
        model.encode_series(samples)
        middle = time.perf_counter()
        model.encode_texts([f"{text} run {'abcdefghijklmnopqrstuvwxyz'[run % 26]}" for text in _fresh(texts, run)])
        end = time.perf_counter()
        rates = {"windows/s": len(samples) / (middle - begin), "texts/s": len(texts) / (end - middle)}
        print(json.dumps({**rates, "peak MB": resident_mb("VmHWM")}), flush=True)


def _fresh(texts: Sequence[str], run: int) -> list[str]:
    """The texts with another word in each sentence: what was read before is remembered."""
    word = "abcdefghijklmnopqrstuvwxyz"[run % 26]
    return [text.replace(". ", f" {word}. ") for text in texts]


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        typer.run(measure)
