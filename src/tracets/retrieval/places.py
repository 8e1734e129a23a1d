"""Where the windows of an index lie in their series, and the values of any stretch, put together from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracets.data.calendar import to_offset
from tracets.data.cutting import PLACE, Slicer, placed
from tracets.errors import QueryError
from tracets.retrieval.scores import IntArray
from tracets.retrieval.stored import Index
from tracets.types import Sample, Span


@dataclass(frozen=True)
class Stretch:
    """Steps `first` to `first + n_steps` of the series with this number."""

    series: int
    first: int
    n_steps: int

    @property
    def end(self) -> int:
        return self.first + self.n_steps

    def shared(self, other: Stretch) -> int:
        """How many steps two stretches have in common."""
        if self.series != other.series:
            return 0
        return max(0, min(self.end, other.end) - max(self.first, other.first))

    def keeps_clear(self, other: Stretch, overlap: float) -> bool:
        """Whether the two share no more than `overlap` of the shorter one."""
        return self.shared(other) <= overlap * min(self.n_steps, other.n_steps)

    def over(self, other: Stretch) -> Stretch:
        """From the first to the last step of two stretches of one series."""
        first = min(self.first, other.first)
        return Stretch(self.series, first, max(self.end, other.end) - first)


@dataclass(frozen=True, eq=False)
class Place:
    """A place that answers a query: the stored window it was found by, its score, and the stretch it covers.

    A refined one has its own values and what each channel adds to its score.
    """

    row: int
    score: float
    stretch: Stretch
    refined: Sample | None = None
    channels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Places:
    """The place of each window of an index: `series` (n,) the number of a name, `first` and `n_steps` (n,) in steps.

    Windows that are no more have series -1, which is no stretch's.
    """

    names: tuple[str, ...]
    series: IntArray
    first: IntArray
    n_steps: IntArray

    @classmethod
    def of(cls, index: Index) -> Places:
        """Read the places of all windows.

        Raises
        ------
        QueryError
            The windows of the index, or some of them, were not cut for it.
        """
        facts = index.folder.mapped.facts
        places = cls((), *np.full((3, len(facts)), -1, np.int64))
        if set(PLACE) <= set(facts.column_names):
            named = pc.dictionary_encode(facts["series"]).combine_chunks()
            columns = (named.indices, facts["first_step"], facts["n_steps"])
            places = cls(
                tuple(named.dictionary.to_pylist()),
                *(np.where(_raw(pc.is_valid(one)), _raw(one), -1) for one in columns),
            )
        absent = index.live & ((places.series < 0) | (places.first < 0) | (places.n_steps < 1))
        if absent.any():
            raise QueryError(
                f"{absent.sum()} of the {len(index)} windows of index '{index.folder.path}' do not say where in a "
                f"series they lie. Index the long series themselves: tracets index FILE --out INDEX --length 24,168"
            )
        return replace(places, series=np.where(index.live, places.series, -1))

    def __len__(self) -> int:
        return len(self.series)

    def at(self, row: int) -> Stretch:
        """Where one window lies."""
        return Stretch(int(self.series[row]), int(self.first[row]), int(self.n_steps[row]))

    def shared(self, rows: IntArray, stretch: Stretch) -> IntArray:
        """How many steps each of some windows has in common with a stretch, (n_rows,)."""
        first, end = self.first[rows], self.first[rows] + self.n_steps[rows]
        steps = np.minimum(end, stretch.end) - np.maximum(first, stretch.first)
        return np.where(self.series[rows] == stretch.series, np.maximum(steps, 0), 0)

    def extent(self, series: int) -> tuple[int, int]:
        """The first step of a series that any window holds, and the end of the last one."""
        rows = np.flatnonzero(self.series == series)
        return int(self.first[rows].min()), int((self.first[rows] + self.n_steps[rows]).max())

    def covering(self, stretch: Stretch) -> list[int]:
        """Few windows that hold all steps of a stretch that any window holds, in the order of their first steps."""
        near = np.flatnonzero(self.shared(np.arange(len(self)), stretch) > 0)
        near = near[np.argsort(self.first[near], kind="stable")]
        rows: list[int] = []
        upto, i = stretch.first, 0
        while upto < stretch.end and i < len(near):
            begun = i + int(np.searchsorted(self.first[near[i:]], upto, side="right"))
            if begun == i:  # no window holds this step
                upto = int(self.first[near[i]])
                continue
            ends = self.first[near[i:begun]] + self.n_steps[near[i:begun]]
            if ends.max() > upto:
                rows.append(int(near[i + int(np.argmax(ends))]))
                upto = int(ends.max())
            i = begun
        return rows


def _raw(column: pa.Array | pa.ChunkedArray) -> IntArray:
    """A column as integers, anything for a null; `to_numpy`, and scalars of pyarrow, would import pandas."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    whole = [chunk.cast(pa.int64()) for chunk in chunks if len(chunk)]
    parts = [np.frombuffer(one.buffers()[1], np.int64)[one.offset : one.offset + len(one)] for one in whole]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def stitched(index: Index, places: Places, stretches: Sequence[Stretch]) -> list[Sample]:
    """The values of stretches as windows of their own, from stored windows; NaN where no window holds a step.

    Parameters
    ----------
    stretches : sequence of Stretch
        Each shares at least one step with a window of the index.

    Returns
    -------
    list of Sample
        One a stretch, with ids like those of windows and without texts; start, channels and metadata are those of the
        windows.
    """
    covers = [places.covering(stretch) for stretch in stretches]
    rows = sorted({row for cover in covers for row in cover})
    ids = [fact["id"] for fact in index.folder.facts(np.array(rows, np.int64), ["id"])]
    stored = dict(zip(rows, index.folder.samples(ids), strict=True))
    return [
        _joined([(stored[row], places.at(row)) for row in cover], stretch, places.names[stretch.series])
        for cover, stretch in zip(covers, stretches, strict=True)
    ]


def _joined(pieces: list[tuple[Sample, Stretch]], stretch: Stretch, series: str) -> Sample:
    sample, held = pieces[0]
    first, end = min(held.first, stretch.first), max(stretch.end, *(place.end for _, place in pieces))
    values = np.full((sample.n_channels, end - first), np.nan, np.float32)
    for piece, place in pieces:
        if piece.channel_names != sample.channel_names:
            raise QueryError(
                f"windows '{sample.id}' and '{piece.id}' are of one series but have different channels. Index the "
                f"series anew."
            )
        values[:, place.first - first : place.end - first] = piece.values
    start = _earlier(sample, held.first - first)
    long = replace(sample, values=values, start=start, text=None, channel_texts=())
    return placed(Slicer(long)(stretch.first - first, stretch.n_steps), series=series, first_step=stretch.first)


def _earlier(sample: Sample, steps: int) -> datetime | None:
    """The time so many steps before a window begins."""
    if not steps or sample.start is None or sample.freq is None:
        return sample.start
    import pandas as pd

    found: datetime = pd.date_range(end=sample.start, periods=steps + 1, freq=to_offset(sample.freq))[0].to_pydatetime()
    return found


def values_of(index: Index, spans: Sequence[Span]) -> list[Sample]:
    """The values of spans that were found in an index, one window a span."""
    places = Places.of(index)
    number = {name: i for i, name in enumerate(places.names)}
    return stitched(index, places, [Stretch(number[s.series], s.first_step, s.n_steps) for s in spans])
