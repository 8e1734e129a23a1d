"""Windows of the test split with what was found for them, right or wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tracets.api.models import BASE, load
from tracets.api.searching import build_index, search_many
from tracets.errors import DataError
from tracets.reproduction.asides import OWN_FORM
from tracets.reproduction.windows import Draws, mean_of, pool_of, some
from tracets.tables.drawing import short, window
from tracets.tables.table import Line, Panel, Picture, Size, Source, Step, Table
from tracets.types import Hit, Query, Sample

if TYPE_CHECKING:
    from tracets.evaluate.pool import Pool

TOP, DRAWN = 3, 3
FIRST, AMONG = "right first", f"right among {TOP}"
FOUND = Panel("All windows of split test", (FIRST, AMONG))
SAID = 600
"""Characters of a text above a picture."""
Hits = list[list[Hit]]
TO_SERIES, TO_TEXT, LIKE = "text to series", "series to text", "series to series"


def chance_of(items: NDArray[np.int64], right: NDArray[np.int64], k: int) -> float:
    """How often one of k drawn from a query's items is right, where so many of them are: the mean over queries.

    >>> chance_of(np.array([4, 4]), np.array([1, 2]), 1), chance_of(np.array([4]), np.array([4]), 3)
    (0.375, 1.0)
    """
    drawn = [(int(n), int(h), min(k, int(n))) for n, h in zip(items, right, strict=True)]
    return float(np.mean([1 - comb(n - h, most) / comb(n, most) for n, h, most in drawn]))


def _right(pool: Pool, direction: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which window (column) is a right answer to which (row), and which is none at all, among `pool.paired`."""
    from tracets.metrics import same_key

    if direction != LIKE:
        same = same_key(pool.texts, pool.texts)
        return same, np.zeros_like(same)
    labels = pool.labels(pool.paired)
    known = np.array([bool(label) for label in labels])
    aside = pool.overlap[np.ix_(pool.paired, pool.paired)]
    return same_key(labels, labels) & known[:, None] & known & ~aside, aside


def _answers(samples: Sequence[Sample], texts: Sequence[str], direction: str, aside: NDArray[np.bool_]) -> Hits:
    """The best hits of each query; more are asked for where some windows are no answers."""
    model = load(BASE)
    want: Literal["series", "text"] = "text" if direction == TO_TEXT else "series"
    k = min(TOP + int(aside.sum(axis=1).max()), len(samples) - 1)
    with tempfile.TemporaryDirectory() as folder:
        index = build_index(samples, model, Path(folder) / "index")
        queries = {
            TO_SERIES: [Query(text=text) for text in texts],
            TO_TEXT: [Query(series=sample) for sample in samples],
            LIKE: [Query(like=sample.id) for sample in samples],
        }[direction]
        found = search_many(index, model, queries, want=want, k=k)
    place = {sample.id: i for i, sample in enumerate(samples)}
    return [[hit for hit in hits if not none[place[hit.id]]][:TOP] for none, hits in zip(aside, found, strict=True)]


def _pictures(
    samples: Sequence[Sample], hits: Sequence[Sequence[Hit]], right: NDArray[np.bool_], direction: str, rows: list[int]
) -> list[Picture]:
    place = {sample.id: i for i, sample in enumerate(samples)}
    found = []
    for number, i in enumerate(rows, start=1):
        asked = samples[i]
        text = (asked.text or "")[:SAID] if direction == TO_SERIES else f"label {asked.label or 'none'}"
        what = "asked by its text" if direction == TO_SERIES else "asked by its series"
        found.append(window(f"{number}. {asked.id}, {what}", asked, text=text))
        for rank, hit in enumerate(hits[i], start=1):
            other = samples[place[hit.id]]
            mark = "right" if right[i, place[hit.id]] else "wrong"
            told = (other.text or "")[:SAID] if direction == TO_TEXT else f"label {other.label or 'none'}"
            title = f"{number}. {mark}: hit {rank}, {hit.id}, score {hit.score:.3f}"
            scores = dict(zip(hit.channels, short(list(hit.channels.values())), strict=True))
            found.append(window(title, other, scores=scores, text=told))
    return found


def _step(source: Source, size: Size, seed: int, direction: str) -> Step:
    def make() -> list[Line]:
        pool = pool_of(source)
        samples = [pool.samples[i] for i in pool.paired]
        right, aside = _right(pool, direction)
        asked = np.flatnonzero(right.any(axis=1))
        if not len(asked):
            raise DataError("no two windows of split test with a text have the same label. Fill the column label.")
        hits = _answers(samples, pool.texts, direction, aside)
        place = {sample.id: i for i, sample in enumerate(samples)}
        items = (~aside).sum(axis=1)
        figures, by_chance = {}, {}
        for metric, k in ((FIRST, 1), (AMONG, TOP)):
            found = np.array([any(right[i, place[hit.id]] for hit in hits[i][:k]) for i in asked], dtype=np.float64)
            figures[metric] = mean_of(found, Draws(pool.block, size.n_boot, seed))
            by_chance[metric] = [chance_of(items[asked], right[asked].sum(axis=1), k)]
        rows = some(len(samples), DRAWN, seed=seed)
        pictures = _pictures(samples, hits, right, direction, rows)
        note = f"{len(asked)} queries among {len(samples)} windows"
        return [
            Line(f"{direction}, chance", {FOUND.title: by_chance}),
            Line(direction, {FOUND.title: figures}, note, pictures=pictures),
        ]

    return Step(source.name, source.digest, direction, make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, way) for source in sources for way in (TO_SERIES, TO_TEXT, LIKE)]


FIGURE = Table(
    name="cases",
    title="What is found for some windows",
    shows=f"The {TOP} best hits of `base` for {DRAWN} windows of split test, by their text, by their series for texts, "
    "and by their series for series. A hit is right where its text is word for word that of the window; series to "
    "series, where it has the same label.",
    differs=(
        OWN_FORM,
        "The windows are drawn by the seed, the same ones in all three directions, and by nothing else: how often a "
        "hit is right over the whole split stands in the table.",
        "The number at a channel is what the score of the hit would lose without it.",
        "Series to series, windows of the same place that share time with the query are no hits; those of other places "
        "at the same time are.",
    ),
    published=(),
    panels=(FOUND,),
    steps=_steps,
)
