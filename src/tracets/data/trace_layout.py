"""The retrieval files that the authors of TRACE publish: one Parquet a split, a row a window.

Columns, as their loader reads them:

- `timeseries`: the bytes of an .npy array of shape (7, n_steps), channels in the order of `CHANNELS`;
- `description`: a struct with `DATE`, `location`, `labels` and one text a channel, under the channel's name;
- `events`: a struct with `event_type` (a number) and `narrative`, or null where nothing severe happened.

The names behind the numbers of `event_type` are not in the file, nor are start, step and units; `DATE` is free text and
is kept as metadata.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data.corpus import Corpus
from tracets.data.schema import SPLITS
from tracets.errors import DataError
from tracets.types import FloatArray, Sample

CHANNELS = ("temperature", "precipitation", "relative_humidity", "visibility", "wind_u", "wind_v", "sky_code")
COLUMNS = ("timeseries", "description", "events")
NO_EVENT = "none"


def is_trace_layout(path: Path) -> bool:
    """Whether a file is Parquet with the columns of this layout."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return set(COLUMNS) <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return False


def read_trace_layout(path: Path, *, event_names: Sequence[str] = ()) -> Corpus:
    """Read a published retrieval file into a corpus.

    Parameters
    ----------
    path : Path
        `train.parquet` or `test.parquet`; a name that is a split's becomes the split.
    event_names : sequence of str, optional
        Names of event types, by number; without them labels read "event 3".

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
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise DataError(f"no such file: '{path}'. Check the path.")
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}). Is it complete?") from error
    absent = [name for name in COLUMNS if name not in table.column_names]
    if absent:
        raise DataError(
            f"{path}: lacks {', '.join(absent)}; it has {', '.join(table.column_names)}. Try another reader."
        )
    if not table.num_rows:
        raise DataError(f"{path}: the file is empty.")
    return Corpus.from_samples(
        _sample(row, f"{path}: row {i}", f"{path.stem}-{i}", path.stem, event_names)
        for i, row in enumerate(table.select(COLUMNS).to_pylist())
    )


def _sample(row: dict[str, Any], where: str, name: str, stem: str, event_names: Sequence[str]) -> Sample:
    described = row["description"] or {}
    texts = tuple(_text(described.get(channel)) for channel in CHANNELS)
    lead = {"Location": "location", "Time": "DATE", "Weather": "labels"}
    known = {word: _text(described.get(key)) for word, key in lead.items()}
    parts = [f"{word}: {text.rstrip('.')}." for word, text in known.items() if text] + [t for t in texts if t]
    event = row["events"]
    return Sample(
        id=name,
        values=_array(row["timeseries"], where),
        channel_names=tuple(channel.replace("_", " ") for channel in CHANNELS),
        text=" ".join(parts) or None,
        channel_texts=texts,
        event_text=_text(event["narrative"]) if event else None,
        label=_label(event.get("event_type"), event_names, where) if event else NO_EVENT,
        split=stem if stem in SPLITS else None,
        domain="weather",
        source="TRACE",
        metadata={"location": known["Location"], "date": known["Time"]},
    )


def _array(data: Any, where: str) -> FloatArray:
    try:
        # Without pickle: the file comes from outside.
        array = np.load(io.BytesIO(data), allow_pickle=False)
        values = np.asarray(array, dtype=np.float32)
    except (ValueError, TypeError, OSError, EOFError, MemoryError) as error:
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
    except ValueError:
        return str(kind)  # some other file with the names themselves
    if not names:
        return f"event {number}"
    if not 0 <= number < len(names):
        raise DataError(f"{where}: event_type {number} has no name among the {len(names)} given. Give one a type.")
    return names[number]
