"""Whether the words of the stored texts help a question find its window: vectors, words, and both fused.

    python benchmarks/hybrid.py DATA --split val

DATA is a folder of corpora (one folder each, see retrieval.py); the weather needs none. A window's stored text is one
account of it, the question another account of the same window: other captions by the same writer (weather), by the same
language model (jena), or by other people (truce). Asked for are windows (`series`) and texts (`text`), once with a text
at every window and once at every second one alone; then the questions are those of windows with and without a text.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from tracets import api
from tracets.data import Corpus
from tracets.errors import ShortAnswer
from tracets.types import Sample

FILES = {
    "weather": None,
    "jena": "jena_weather_captioned/samples.parquet",
    "truce": "truce_synthetic/samples.parquet",
}
WANTED: tuple[Literal["series", "text"], ...] = ("series", "text")
K = 100
"""Hits of a question; a window that is not among them counts as never found."""


def accounts(name: str, data: Path | None, split: str) -> tuple[Corpus, list[str]] | None:
    """The windows of a split with one account of each, and another one of each; None where the corpus is not there."""
    file = FILES[name]
    if file is None:
        pool = api.weather().split(split)
        return pool, [str(text) for text in api.caption(pool, seed=1, overwrite=True).column("text")]
    if data is None or not (data / file).is_file():
        return None
    pool = api.read(data / file).split(split)
    told = [sample for sample in pool if len(sample.metadata["alt_texts"]) > 1]
    stored = [replace(s, text=s.metadata["alt_texts"][0]) for s in told]
    return Corpus.from_samples(stored), [s.metadata["alt_texts"][1] for s in told]


def half(pool: Sequence[Sample]) -> Corpus:
    """The same windows; every second one has no text."""
    return Corpus.from_samples(replace(s, text=s.text if i % 2 == 0 else None) for i, s in enumerate(pool))


def measure(ranks: Sequence[int | None]) -> dict[str, float]:
    """MRR and the share found first; a rank of None is a window that was not found.

    >>> measure([1, 2, None, 4])
    {'MRR': 0.4375, 'P@1': 0.25}
    """
    found = np.array([0.0 if rank is None else 1 / rank for rank in ranks])
    return {"MRR": round(float(found.mean()), 4), "P@1": round(float((found == 1).mean()), 4)}


def rows(name: str, pool: Corpus, questions: Sequence[str], model: Any, folder: Path) -> list[dict[str, Any]]:
    """A record for each way to ask an index of `pool`."""
    index = api.build_index(pool, model, folder)
    texts, found = pool.column("text"), []
    for want in WANTED:
        for hybrid in (False, True):
            ranks: list[int | None] = []
            for id, question in zip(pool.ids, questions, strict=True):
                hits = api.search(index, model, question, want=want, k=K, hybrid=hybrid)
                ranks.append(next((hit.rank for hit in hits if hit.id == id), None))
            of = {
                "all": ranks,
                "with a text": [r for r, text in zip(ranks, texts, strict=True) if text],
                "without": [r for r, text in zip(ranks, texts, strict=True) if not text],
            }
            record = {"corpus": name, "n": len(pool), "want": want, "by": "both" if hybrid else "vectors"}
            found += [record | {"windows": which, **measure(some)} for which, some in of.items() if some]
    by_words = [index.words.scores(question) for question in questions]
    rows_, ranks = index.text_rows, []
    for i, scores in enumerate(by_words):
        place = np.flatnonzero(rows_ == i)
        order = np.argsort(-scores, kind="stable")
        found_at = int(np.flatnonzero(order == place[0])[0]) + 1 if len(place) and scores[place[0]] > 0 else None
        ranks.append(found_at if found_at is not None and found_at <= K else None)
    found.append({"corpus": name, "n": len(pool), "want": "text", "by": "words", "windows": "all", **measure(ranks)})
    return found


def main(
    data: Annotated[Path | None, typer.Argument(help="A folder of corpora.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON lines; they are written anew.")] = Path("hybrid.jsonl"),
    split: Annotated[str, typer.Option(help="val to choose by, test to report.")] = "val",
    model: Annotated[str, typer.Option(help="A model.")] = "base",
    only: Annotated[str, typer.Option(help="Corpora, with commas.")] = ",".join(FILES),
) -> None:
    """Measure and print every way to ask."""
    warnings.simplefilter("ignore", ShortAnswer)
    loaded = api.load(model)
    with out.open("w", encoding="utf-8") as file, tempfile.TemporaryDirectory() as temporary:
        for name in only.split(","):
            given = accounts(name, data, split)
            if given is None:
                continue
            for what, pool in ((name, given[0]), (f"{name}, half told", half(given[0]))):
                for record in rows(what, pool, given[1], loaded, Path(temporary) / what):
                    file.write(json.dumps(record) + "\n")
                    file.flush()
                    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    typer.run(main)
