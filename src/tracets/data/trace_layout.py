"""The retrieval files that the authors of TRACE publish: one Parquet a split, a row a window.

Columns, as their loader reads them:

- `timeseries`: the bytes of an .npy array of shape (7, n_steps), channels in the order of `CHANNELS`;
- `description`: a struct with `DATE`, `location`, `labels` and one text a channel, under the channel's name;
- `events`: a struct with `event_type` (a number) and `narrative`, or null where nothing severe happened.

The names behind the numbers of `event_type` are not in the file, nor are start, step and units; `DATE` is free text and
is kept as metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data.corpus import Corpus
from tracets.data.npy import read_npy
from tracets.data.parquet_door import parquet_names, read_batches
from tracets.data.schema import SPLITS
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, size_of
from tracets.types import FloatArray, Sample

CHANNELS = ("temperature", "precipitation", "relative_humidity", "visibility", "wind_u", "wind_v", "sky_code")
COLUMNS = ("timeseries", "description", "events")
NO_EVENT = "none"


def is_trace_layout(path: Path) -> bool:
    """Whether a file is Parquet with the columns of this layout."""
    return set(COLUMNS) <= set(parquet_names(path))


def read_trace_layout(path: Path, *, event_names: Sequence[str] = (), limits: Limits = LIMITS) -> Corpus:
    """Read a published retrieval file into a corpus.

    Parameters
    ----------
    path : Path
        `train.parquet` or `test.parquet`; a name that is a split's becomes the split.
    event_names : sequence of str, optional
        Names of event types, by number; without them labels read "event 3".
    limits : Limits
        What the file may hold at most.

    Returns
    -------
    Corpus
        ids "<file>-<row>", underscores in channel names as spaces; `text` from place, date, weather and the channel
        texts; `event_text` the narrative; `label` the event type or "none"; `date` and `location` as metadata.

    Raises
    ------
    DataError
        Not such a file, or a row (counted from 0) whose array or texts cannot be read.
    """
    size_of(path, most=limits.file_bytes)
    names = parquet_names(path)
    absent = [name for name in COLUMNS if name not in names]
    if names and absent:
        raise DataError(f"{path}: lacks {', '.join(absent)}; it has {', '.join(names)}. Try another reader.")
    samples = [
        _sample(row, f"{path}: row {i}", f"{path.stem}-{i}", path.stem, event_names)
        for i, row in enumerate(_rows(path, limits))
    ]
    if not samples:
        raise DataError(f"{path}: the file is empty.")
    return Corpus.from_samples(samples, limits=limits)


def _rows(path: Path, limits: Limits) -> Iterator[dict[str, Any]]:
    for piece in read_batches(path, columns=list(COLUMNS), limits=limits):
        try:
            yield from piece.to_pylist()
        except (ValueError, OverflowError) as error:  # a time that no datetime holds
            raise DataError(f"{path}: has a value that cannot be read ({error}). Is it TRACE's file?") from error


def _sample(row: dict[str, Any], where: str, name: str, stem: str, event_names: Sequence[str]) -> Sample:
    described, event = row["description"] or {}, row["events"]
    if not isinstance(described, dict) or not isinstance(event, dict | None):
        raise DataError(f"{where}: description and events must be structs. Is it TRACE's file?")
    texts = tuple(_text(described.get(channel)) for channel in CHANNELS)
    lead = {"Location": "location", "Time": "DATE", "Weather": "labels"}
    known = {word: _text(described.get(key)) for word, key in lead.items()}
    parts = [f"{word}: {text.rstrip('.')}." for word, text in known.items() if text] + [t for t in texts if t]
    return Sample(
        id=name,
        values=_array(row["timeseries"], where),
        channel_names=tuple(channel.replace("_", " ") for channel in CHANNELS),
        text=" ".join(parts) or None,
        channel_texts=texts,
        event_text=_text(event.get("narrative")) if event else None,
        label=_label(event.get("event_type"), event_names, where) if event else NO_EVENT,
        split=stem if stem in SPLITS else None,
        domain="weather",
        source="TRACE",
        metadata={"location": known["Location"], "date": known["Time"]},
    )


def _array(data: Any, where: str) -> FloatArray:
    try:
        with np.errstate(over="ignore"):  # an infinity is refused with its place
            values = np.asarray(read_npy(data), dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(f"{where}: timeseries is not the bytes of a numeric .npy array ({error}).") from error
    if values.ndim != 2 or len(values) != len(CHANNELS):
        raise DataError(f"{where}: timeseries must have shape ({len(CHANNELS)}, n_steps), got {values.shape}.")
    return values


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        value = ", ".join(str(v) for v in value)
    return (str(value).strip() or None) if value is not None else None


def _label(kind: Any, names: Sequence[str], where: str) -> str | None:
    if kind is None:
        return None
    try:
        number = int(kind)
    except (ValueError, TypeError, OverflowError):
        return str(kind)  # some other file with the names themselves
    if not names:
        return f"event {number}"
    if not 0 <= number < len(names):
        raise DataError(f"{where}: event_type {number} has no name among the {len(names)} given. Give one a type.")
    return names[number]
