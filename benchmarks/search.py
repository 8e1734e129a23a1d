"""How search grows with the rows of an index: latency, recall, memory and disk, beside plain NumPy and faiss.

    python benchmarks/search.py --rows 10000,200000 --out search.jsonl

No encoder is in it: windows of 7 channels with 4 vectors of width 128 each are drawn, and written through the index as
real ones are. A channel behaves in one of 50 ways, drawn anew for each channel of each window; its vectors are those of
the way plus noise (`SPREAD` of their length), so that neighbours exist. A question is about a window that is stored:
each sentence is one of its channel vectors plus noise. Each measured cell is one line of `--out`, and not made again.

With --ann every cell is measured once more through inverted lists, which miss some of the best; that recall is in its
own line. NumPy is the exhaustive score of all windows that pass the filter by float32 vectors, memory-mapped; recall is
measured against it. faiss-flat answers what it can: nearest sample vectors, and one sentence about one channel. Peak
memory counts mapped pages that are in memory; with baselines on, it holds theirs too.
"""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from runs import finished, same_run

from tracets.index import IndexFolder, Rows
from tracets.retrieval.candidates import add_engine
from tracets.retrieval.questions import encode_parts
from tracets.retrieval.search import search
from tracets.retrieval.stored import Index
from tracets.types import FloatArray, Query, Sample, SeriesVectors, TextVectors

CHANNELS = ("temperature", "dewpoint", "humidity", "wind", "precipitation", "pressure", "visibility")
VECTORS, DIM, WAYS, SPREAD = 4, 128, 50, 0.7
STEPS = 8
BATCH = 2048
K = 10
FILTERS = {"all": None, "50 %": "tenth < 5", "1 %": "hundredth = 3"}
KINDS = ("sample", "text", "channel", "series")
SENTENCES = 4


def unit(x: NDArray[Any]) -> FloatArray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def noisy(rng: np.random.Generator, x: FloatArray, spread: float) -> FloatArray:
    noise = unit(rng.standard_normal(x.shape, dtype=np.float32))
    return unit(x + spread * noise)


def drawn(rows: int, *, seed: int = 0, told: int = 10) -> Iterator[Rows]:
    """Windows in batches; one of `told` has a text, of two sentences."""
    ways = unit(np.random.default_rng(seed).normal(size=(len(CHANNELS), WAYS, VECTORS, DIM)))
    for lo in range(0, rows, BATCH):
        rng = np.random.default_rng([seed, lo])
        n = min(BATCH, rows - lo)
        way = rng.integers(WAYS, size=(n, len(CHANNELS)))
        channels = noisy(rng, ways[np.arange(len(CHANNELS)), way], SPREAD)  # (n, channels, vectors, dim)
        sample = noisy(rng, unit(channels.mean(axis=(1, 2))), SPREAD)
        values = rng.standard_normal((n, len(CHANNELS), STEPS), dtype=np.float32)
        samples = [
            Sample(
                f"w{lo + i}", values[i], CHANNELS, text=f"window {lo + i}" if (lo + i) % told == 0 else None,
                metadata={"tenth": (lo + i) % 10, "hundredth": (lo + i) % 100},
            )
            for i in range(n)
        ]  # fmt: skip
        of = [i for i, s in enumerate(samples) if s.text]
        sentences = tuple(noisy(rng, channels[i, :2, 0], SPREAD) for i in of)
        texts = TextVectors(sample[of], sentences, tuple(("x", "y") for _ in of))
        yield Rows(samples, SeriesVectors(sample, tuple(channels)), texts)


@dataclass(frozen=True)
class Asked:
    """Stands for an encoder: a text "17" or "wind: 17" is the 17th prepared question."""

    vectors: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    name: str = "drawn"
    fingerprint: str = "drawn"
    dim: int = DIM
    sample_weight: float = 0.1

    def encode_texts(self, texts: Sequence[str], *, batch_size: int = 64) -> TextVectors:
        found = [self.vectors[text.split(": ")[-1]] for text in texts]
        spans = tuple(tuple("x" for _ in sentences) for _, sentences in found)
        return TextVectors(np.stack([sample for sample, _ in found]), tuple(s for _, s in found), spans)

    def encode_series(self, samples: Sequence[Sample], *, batch_size: int = 64) -> SeriesVectors:
        raise NotImplementedError


def questions(index: Index, kind: str, n: int, encoder: Asked, *, seed: int = 1) -> list[Query]:
    """Questions about n stored windows; their vectors are prepared in `encoder`."""
    rng, found = np.random.default_rng(seed), []
    for row in rng.choice(len(index), n, replace=False):
        item = index.series.one(int(row))
        vectors = np.asarray(item.channels.vectors).reshape(len(CHANNELS), VECTORS, DIM)
        about = rng.permutation(len(CHANNELS))[: 1 if kind == "channel" else SENTENCES]
        said = noisy(rng, vectors[about, rng.integers(VECTORS, size=len(about))], SPREAD)
        encoder.vectors[f"{kind}{row}"] = noisy(rng, np.asarray(item.sample[0]), SPREAD), said
        if kind == "series":
            found.append(Query(like=f"w{row}"))
        elif kind == "channel":
            found.append(Query(channels={CHANNELS[about[0]]: f"{kind}{row}"}))
        else:
            found.append(Query(text=f"{kind}{row}"))
    return found


def timed(answer: Callable[[Query], list[str]], asked: Sequence[Query]) -> tuple[list[list[str]], list[float]]:
    """Answers to all questions and the milliseconds that each took; the first is asked once before, unmeasured."""
    answer(asked[0])
    answers, took = [], []
    for query in asked:
        began = time.perf_counter()
        answers.append(answer(query))
        took.append((time.perf_counter() - began) * 1e3)
    return answers, took


def plain(index: Index, encoder: Asked, query: Query, kept: NDArray[np.int64] | None) -> list[str]:
    """The exhaustive search: every window that passes the filter by float32 vectors, then a sort."""
    bank, weight = index.series, index.folder.manifest.sample_weight
    parts = encode_parts(index, encoder, query)
    rows = np.arange(len(index)) if kept is None else kept
    items = bank if kept is None else bank.take(kept)
    scores = parts[0].scores_of_series(items, weight)
    if query.like is not None:
        scores[rows == index.row(query.like)] = -2
    return [f"w{rows[i]}" for i in np.argsort(-scores.astype(np.float64).round(6), kind="stable")[:K]]


def faiss_answers(
    index: Index, encoder: Asked, kind: str, kept: NDArray[np.int64] | None
) -> Callable[[Query], list[str]] | None:
    """A faiss-flat search of the same vectors; None where faiss is missing or has no such search."""
    try:
        import faiss
    except ImportError:
        return None
    if kind not in ("sample", "channel"):
        return None
    n = len(index)
    faiss.omp_set_num_threads(1)
    width = 1 if kind == "sample" else VECTORS
    options = None
    if kept is not None:
        which = (kept[:, None] * width + np.arange(width)).ravel()
        options = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(np.isin(np.arange(n * width), which),
                                                                                bitorder="little")))  # fmt: skip
    made: dict[str, Any] = {}

    def flat(channel: str) -> Any:
        if channel not in made:
            made.clear()  # one channel at a time, or all vectors would be in memory
            if kind == "sample":
                vectors = index.series.sample
            else:
                all_ = np.asarray(index.series.channels.vectors).reshape(n, len(CHANNELS), VECTORS, DIM)
                vectors = np.ascontiguousarray(all_[:, CHANNELS.index(channel)]).reshape(-1, DIM)
            made[channel] = faiss.IndexFlatIP(DIM)
            made[channel].add(np.ascontiguousarray(vectors))
        return made[channel]

    def answer(query: Query) -> list[str]:
        channel, name = next(iter(query.channels.items()), ("", query.text))
        sample, sentences = encoder.vectors[str(name)]
        asked = sample[None] if kind == "sample" else sentences
        # the best row has at most `width` vectors among the best
        _, found = flat(channel).search(asked, K * width, params=options)
        return [f"w{row}" for row in dict.fromkeys((found[0] // width).tolist())][:K]

    return answer


def disk(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def build(path: Path, rows: int) -> dict[str, Any]:
    """Write an index of drawn windows, if it is not there; what that took."""
    began = time.monotonic()
    if not path.exists():
        weight = Asked().sample_weight
        IndexFolder.create(path, drawn(rows), model="drawn", fingerprint="drawn", sample_weight=weight)
        (path / "seconds").write_text(str(time.monotonic() - began))
    table, mapped = (disk(p) for p in (path / "rows.lance", next(path.glob("vectors-*"))))
    seconds = float((path / "seconds").read_text())
    return {
        "write_rows_s": round(rows / seconds), "table_bytes_row": round(table / rows),
        "mapped_bytes_row": round(mapped / rows),
    }  # fmt: skip


def measure(path: Path, run: dict[str, Any], *, baselines: bool) -> dict[str, Any]:
    """One cell: a kind of question under a filter, by tracets, then by NumPy, then by faiss."""
    index, encoder, lists = Index.open(path), Asked(), {}
    if run["search"] == "ann" and index.engine is None:
        began = time.monotonic()
        index = add_engine(index)
        lists["lists_seconds"] = round(time.monotonic() - began, 1)
    if run["search"] == "ann" and index.engine is not None:
        lists["lists_recall"] = round(index.engine.recall, 4)
    where = FILTERS[run["filter"]]
    if run["kind"] == "sample":
        manifest = replace(index.folder.manifest, sample_weight=1.0)
        index.folder.manifest = manifest
    asked = questions(index, run["kind"], run["n"], encoder)
    found, took = timed(
        lambda query: [
            hit.id for hit in search(index, encoder, query, k=K, where=where, exact=run["search"] == "exact")
        ],
        asked,
    )
    result = {**run, **lists, **spread("", took), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    if baselines:
        kept = None if where is None else index.folder.select(where)
        expected, took = timed(lambda query: plain(index, encoder, query, kept), asked)
        hits = [len(set(a) & set(b)) / len(b) for a, b in zip(found, expected, strict=True)]
        result |= {"recall": round(statistics.mean(hits), 4), **spread("numpy_", took)}
        other = faiss_answers(index, encoder, run["kind"], kept)
        if other is not None:
            answers, took = timed(other, sorted(asked, key=lambda q: tuple(q.channels)))
            result |= spread("faiss_", took)
    return result


def spread(name: str, took: Sequence[float]) -> dict[str, float]:
    low, high = np.percentile(took, [50, 95])
    return {f"{name}p50_ms": round(float(low), 2), f"{name}p95_ms": round(float(high), 2)}


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a cell.

    >>> cell = {"rows": 10, "search": "exact", "kind": "text", "filter": "all", "p50_ms": 1.0, "p95_ms": 2.0}
    >>> print(table([cell | {"recall": 1.0, "peak_mb": 9, "numpy_p50_ms": 2.0, "numpy_p95_ms": 3.0}]).splitlines()[2])
    | 10 | exact | text | all | 1.0 / 2.0 | 1.000 | 2.0 / 3.0 |  | 9 |
    """
    lines = [
        "| rows | search | question | filter | p50 / p95 ms | recall@10 | NumPy, all rows | faiss-flat | peak MB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in records:
        cells = [f"{r['rows']:,}", r["search"], r["kind"], r["filter"], _pair(r, "")]
        cells += [f"{r['recall']:.3f}" if "recall" in r else ""]
        lines.append("| " + " | ".join([*cells, _pair(r, "numpy_"), _pair(r, "faiss_"), str(r["peak_mb"])]) + " |")
    return "\n".join(lines)


def _pair(record: dict[str, Any], name: str) -> str:
    if f"{name}p50_ms" not in record:
        return ""
    return f"{record[f'{name}p50_ms']:.1f} / {record[f'{name}p95_ms']:.1f}"


def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas.")] = "10000,200000",
    out: Annotated[Path, typer.Option(help="The JSON lines; cells there are not made again.")] = Path("search.jsonl"),
    n: Annotated[int, typer.Option(help="Questions in a cell.", min=1)] = 50,
    kinds: Annotated[str, typer.Option(help="Kinds of questions, with commas.")] = ",".join(KINDS),
    folder: Annotated[Path | None, typer.Option(help="Keep the indices here; none: a temporary folder.")] = None,
    baselines: Annotated[bool, typer.Option(help="Measure NumPy, recall and faiss too.")] = True,
    ann: Annotated[bool, typer.Option("--ann", help="Measure the approximate search too.")] = False,
) -> None:
    """Measure every kind of question under every filter at every number of rows, and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        known, wanted = finished(out), []
        for size in map(int, rows.split(",")):
            path = (folder or Path(temporary)) / f"{size}.index"
            cells = itertools.product(["exact", "ann"] if ann else ["exact"], kinds.split(","), FILTERS)
            for search, kind, name in cells:
                run = {"rows": size, "kind": kind, "filter": name, "search": search, "n": n}
                wanted.append(run)
                if any(same_run(record, run) for record in known):
                    continue
                written = build(path, size)
                known.append({**measure(path, run, baselines=baselines), **written})
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[-1]) + "\n")
                typer.echo(f"{size} rows, {search}, {kind}, {name}: {known[-1]['p50_ms']} ms", err=True)
    print(table([next(record for record in known if same_run(record, run)) for run in wanted]))


if __name__ == "__main__":
    typer.run(main)
