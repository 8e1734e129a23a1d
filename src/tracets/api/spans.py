"""Long series: cut as a stream to be indexed, and searched for places. Heavy imports wait for their use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.api.searching import as_query
from tracets.files import LIMITS, Limits
from tracets.types import AnyPath, Query, Sample, Span

if TYPE_CHECKING:
    from tracets.data.cutting import Cutting
    from tracets.data.sources.source import Source
    from tracets.encoders.protocol import PairEncoder
    from tracets.filters import Filter
    from tracets.retrieval.stored import Index


def cut(
    series: AnyPath | Source | Iterable[Sample],
    *,
    lengths: Sequence[int],
    strides: Sequence[int] | None = None,
    min_observed: float = 0.0,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> Cutting:
    """Cut long series into windows as a stream, for `build_index`: no step is skipped, and its `cut` counts them.

    Parameters
    ----------
    series : path, Source or iterable of Sample
        A file that `read` knows, a folder of such files (read one after the other, in the order of their names), what
        `source` gives (asked anew in each pass), or whole series as samples.
    lengths : sequence of int
        Steps of a window; several lengths cut every series several times.
    strides : sequence of int, optional
        Steps from one window to the next, one a length; by default a quarter of the length.
    min_observed : float, default=0
        Windows with a smaller share of observed values, in [0, 1], are left out, and counted.
    reader, freq, zone, limits
        As for `read`, where files are read.

    Returns
    -------
    Cutting
        Iterate over it for the windows; its `cut` then counts windows, steps and what no window covers.

    Raises
    ------
    DataError, NotFound
        In a pass: as for `read`, or a folder without files.
    ConfigError
        A number out of its range.

    Examples
    --------
    >>> windows = tracets.cut("plant.csv", lengths=[24, 168], strides=[6, 24])
    >>> built = tracets.build_index(windows, model, "places.index")
    >>> len(built) == windows.cut.windows, windows.cut.uncovered
    (True, 0)
    """
    from tracets.data.cutting import Cutting as Cutting_
    from tracets.data.sources.source import Source as Source_

    read: Iterable[Sample]
    if isinstance(series, Source_):
        read = _Asked(series, freq, zone, limits)
    else:
        read = _Files(Path(series), reader, freq, zone, limits) if isinstance(series, str | os.PathLike) else series
    return Cutting_(read, lengths=lengths, strides=strides, min_observed=min_observed)


def find_spans(
    index: Index,
    model: PairEncoder,
    query: Query | Sample | str,
    *,
    k: int = 10,
    where: str | Filter | None = None,
    overlap: float = 0.0,
    merge: bool = False,
    refine: bool = False,
) -> list[Span]:
    """The k places in long series that answer a query best, best first, each place once.

    A text or a sample may stand for the whole query.

    Parameters
    ----------
    index : Index
        Of windows that `cut` made.
    model : PairEncoder
        The one that the index was built with: `model_of` loads it.
    query, k, where
        As for `search`.
    overlap : float, default=0
        The share of the shorter of two spans of a series that both may hold, in [0, 1).
    merge : bool, default=False
        Let a span cover the overlapping windows that score nearly as well.
    refine : bool, default=False
        Slide and stretch each span step by step, as long as its score rises.

    Returns
    -------
    list of Span
        Scores in [-1, 1], falling.

    Raises
    ------
    IndexFolderError
        The index was built with another model.
    QueryError
        Windows that are not of long series, a number out of its range, `merge` with `refine`, and as for `search`.

    Examples
    --------
    >>> places = tracets.build_index(tracets.cut("plant.csv", lengths=[24, 168]), model, "places.index")
    >>> spans = tracets.find_spans(places, model, "a sudden drop of the load", k=2)
    >>> [span.series for span in spans]
    ['plant', 'plant']
    """
    from tracets.retrieval import spans

    return spans.find_spans(
        index, model, as_query(query), k=k, where=where, overlap=overlap, merge=merge, refine=refine
    )


def span_to_json(span: Span) -> dict[str, Any]:
    """A span as one line of `tracets search --spans --json`.

    Parameters
    ----------
    span : Span
        From `find_spans`.

    Returns
    -------
    dict
        Plain texts and numbers; times are ISO 8601.

    Examples
    --------
    >>> places = tracets.build_index(tracets.cut("plant.csv", lengths=[24]), model, "places.index")
    >>> [span] = tracets.find_spans(places, model, "a sudden drop of the load", k=1)
    >>> tracets.span_to_json(span)["n_steps"]
    24
    """
    from tracets.retrieval import spans

    return spans.span_to_json(span)


def plot_spans(index: Index, spans: Sequence[Span], description: str, path: AnyPath) -> None:
    """Draw the values of spans as `plot_hits` draws hits.

    Parameters
    ----------
    index : Index
        The one that was searched.
    spans : sequence of Span
        From `find_spans`.
    description : str
        A title: what was asked.
    path : path
        The HTML file to write.

    Examples
    --------
    >>> places = tracets.build_index(tracets.cut("plant.csv", lengths=[24]), model, "places.index")
    >>> spans = tracets.find_spans(places, model, "a sudden drop of the load", k=2)
    >>> tracets.plot_spans(places, spans, "a sudden drop of the load", "spans.html")
    """
    from dataclasses import replace

    from tracets import plots
    from tracets.retrieval.places import values_of

    found = values_of(index, spans)
    drawn = [replace(sample, id=span.id) for span, sample in zip(spans, found, strict=True)]
    plots.plot_hits(description, spans, drawn, path)


class _Asked:
    """The series of a source, asked anew in each pass, one series at a time."""

    def __init__(self, source: Source, freq: str | None, zone: str | None, limits: Limits) -> None:
        self._source, self._freq, self._zone, self._limits = source, freq, zone, limits

    def __iter__(self) -> Iterator[Sample]:
        for one in self._source.reading(freq=self._freq, zone=self._zone, limits=self._limits).series:
            yield one.to_sample()


class _Files:
    """The series of a file or of the files in a folder, read anew in each pass, one file at a time."""

    def __init__(self, path: Path, reader: str | None, freq: str | None, zone: str | None, limits: Limits) -> None:
        self._path, self._reader, self._freq, self._zone, self._limits = path, reader, freq, zone, limits

    def __iter__(self) -> Iterator[Sample]:
        from tracets.data.readers import read
        from tracets.errors import DataError

        files = [self._path]
        if self._path.is_dir():
            files = sorted(file for file in self._path.iterdir() if file.is_file() and not file.name.startswith("."))
            if not files:
                raise DataError(f"folder '{self._path}' holds no files. Put one file of series or more into it.")
        for file in files:
            yield from read(file, reader=self._reader, freq=self._freq, zone=self._zone, limits=self._limits)
