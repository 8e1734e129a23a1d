"""How fast the model that ships encodes and finds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tracets.api.models import BASE, load
from tracets.api.searching import build_index, search
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

ENCODED = Panel("Encoding, per second", ("windows per second", "texts per second"))
FOUND = Panel("Series to series, all queries", ("seconds", "queries"))
STRANGE = "Nothing of this kind is said anywhere else."
Backend = Literal["torch", "onnx"]
QUERIES = 1000


def _fastest(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    run()
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)


def _reading(texts: Sequence[str], backend: Backend) -> float:
    """Seconds to read texts by a model that has read none of them: sentences that were read before are remembered."""
    model = load(BASE, backend=backend)
    model.encode_texts([STRANGE])
    began = time.perf_counter()
    model.encode_texts(texts)
    return time.perf_counter() - began


def _encoding(source: Source, size: Size, backend: Backend) -> Step:
    def make() -> list[Line]:
        model = load(BASE, backend=backend)
        windows = list(source.windows.split("test"))
        rates: dict[str, list[float | None]] = {
            "windows per second": [len(windows) / _fastest(lambda: model.encode_series(windows), size.repeats)]
        }
        texts = [sample.text for sample in windows if sample.text]
        if texts:
            rates["texts per second"] = [len(texts) / min(_reading(texts, backend) for _ in range(size.repeats))]
        n, steps = windows[0].values.shape
        return [Line(f"base by {backend}", {ENCODED.title: rates}, f"{len(windows)} windows, the first {n} x {steps}")]

    return Step(source.name, source.digest, f"encoding by {backend}", make)


def _finding(source: Source, size: Size) -> Step:
    def make() -> list[Line]:
        model = load(BASE)
        windows = list(source.windows)
        asked = list(source.windows.split("test"))[:QUERIES]
        with tempfile.TemporaryDirectory() as folder:
            index = build_index(windows, model, Path(folder) / "index")
            seconds = _fastest(lambda: [search(index, model, one, k=10) for one in asked], size.repeats)
        figures: dict[str, list[float | None]] = {"seconds": [seconds], "queries": [float(len(asked))]}
        note = f"each query is encoded and searched for by itself, among {len(windows)} windows"
        return [Line("base", {FOUND.title: figures}, note)]

    return Step(source.name, source.digest, "finding", make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    found = []
    for source in sources:
        found += [_encoding(source, size, "onnx"), _encoding(source, size, "torch"), _finding(source, size)]
    return found


SPEED = Table(
    name="speed",
    title="Speed",
    shows="Windows and texts that `base` encodes in a second, and seconds for queries series to series (the last "
    "column of the paper's table of series-to-series retrieval). The fastest of some runs.",
    differs=(
        "The paper's seconds are for 1,000 queries on its own machine, and we do not know whether encoding is in them; "
        "here each query is encoded anew, one at a time, and goes through the whole search.",
        "Texts are read by a model that has not read them before; a sentence that several of them share is read once.",
        "Speed is of one machine, and of what else it does: compare rows of one run only.",
    ),
    published=(
        Line("TRACE", {FOUND.title: {"seconds": [0.045], "queries": [1000.0]}}),
        Line("DTW", {FOUND.title: {"seconds": [2274.0], "queries": [1000.0]}}),
    ),
    panels=(ENCODED, FOUND),
    steps=_steps,
)
