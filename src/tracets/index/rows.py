"""Windows and their vectors as Arrow rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa

from tracets.errors import DataError
from tracets.types import FloatArray, Sample, SeriesVectors, TextVectors

STRINGS = pa.list_(pa.string())
VALUES = pa.list_(pa.list_(pa.float32()))
PLAIN = ("freq", "text", "label", "event_text", "split", "domain", "source")
VECTORS = ("vector", "channel_vectors", "sentence_vectors", "text_vector")
OWN = ("id", *VECTORS, "values", "channel_names", "units", "start", "end", "channel_texts", *PLAIN)


@dataclass(frozen=True, eq=False)
class Rows:
    """Some windows with the vectors that an encoder made of them.

    `series` holds one entry a sample; `texts` one for each sample that has a text, in the same order.

    Raises
    ------
    DataError
        The numbers disagree, a vector is not finite, or a metadata column cannot be stored.
    """

    samples: Sequence[Sample]
    series: SeriesVectors
    texts: TextVectors

    def __post_init__(self) -> None:
        n, with_text = len(self.samples), sum(has_text(s) for s in self.samples)
        if len(self.series) != n or len(self.series.channels) != n or len(self.texts) != with_text:
            raise DataError(
                f"{n} samples, {with_text} of them with text, came with vectors of {len(self.series)} series and "
                f"{len(self.texts)} texts. Encode every sample, and every text that is not empty."
            )
        for sample, channels in zip(self.samples, self.series.channels, strict=True):
            if channels.ndim != 3 or len(channels) != sample.n_channels:
                raise DataError(
                    f"sample '{sample.id}' has {sample.n_channels} channels but channel vectors of shape "
                    f"{channels.shape}; the encoder must give (n_channels, m, dim)."
                )
        widths = {self.series.sample.shape[-1], *(c.shape[-1] for c in self.series.channels)}
        widths |= {v.shape[-1] for v in self.texts.sentences} | ({self.texts.sample.shape[-1]} if with_text else set())
        if len(widths) != 1 or len({c.shape[1] for c in self.series.channels}) > 1:
            raise DataError(
                f"the encoder gave vectors of several widths {sorted(widths)} or of several numbers a channel."
            )
        for vectors in (self.series.sample, *self.series.channels, self.texts.sample, *self.texts.sentences):
            if not np.isfinite(vectors).all():
                raise DataError("the encoder gave a vector that is not finite. Check its weights and the input.")

    @property
    def dim(self) -> int:
        return self.series.sample.shape[1]

    @property
    def vectors_per_channel(self) -> int:
        return self.series.channels[0].shape[1]


def has_text(sample: Sample) -> bool:
    """Whether the sample has a text to search by."""
    return bool(sample.text and sample.text.strip())


def to_table(rows: Rows) -> pa.Table:
    """The rows as an Arrow table, with the metadata columns in the types of their own values."""
    samples, dim = rows.samples, rows.dim
    sentences, text_vectors = [], []
    position = 0
    for sample in samples:
        sentences.append(rows.texts.sentences[position] if has_text(sample) else np.zeros((0, dim), np.float32))
        text_vectors.append(rows.texts.sample[position] if has_text(sample) else None)
        position += has_text(sample)
    columns: dict[str, pa.Array] = {
        "id": pa.array([s.id for s in samples], pa.string()),
        "vector": _vectors(rows.series.sample, dim),
        "channel_vectors": _lists([c.reshape(-1, dim) for c in rows.series.channels], dim),
        "sentence_vectors": _lists(sentences, dim),
        "text_vector": pa.array(text_vectors, pa.list_(pa.float32(), dim)),
        "values": pa.array([list(s.values) for s in samples], VALUES),
        "channel_names": pa.array([list(s.channel_names) for s in samples], STRINGS),
        "units": pa.array([list(s.units) for s in samples], STRINGS),
        "start": _times([s.start for s in samples], "start"),
        "end": _times([end_of(s) for s in samples], "end"),
        "channel_texts": pa.array([list(s.channel_texts) for s in samples], STRINGS),
    }
    for name in PLAIN:
        columns[name] = pa.array([getattr(s, name) for s in samples], pa.string())
    for name in dict.fromkeys(name for s in samples for name in s.metadata):
        columns[name] = _metadata(name, [s.metadata.get(name) for s in samples])
    return pa.table(columns)


def unify(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """One schema for several batches: columns of all, null columns take the type found elsewhere, int meets float.

    Raises
    ------
    DataError
        A column has types that do not go together, or two names differ by their case alone.
    """
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"a column changes its type between rows: {reason}. Give it one type in all rows.") from error
    folded: dict[str, str] = {}
    for name in schema.names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"columns '{other}' and '{name}' differ by case only; a filter cannot tell them. Rename one."
            )
    return pa.schema([pa.field(f.name, _typed(f)) for f in schema])


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in the columns and types of `schema`; a column it lacks is null.

    Raises
    ------
    DataError
        A column is not in the schema or has values that do not fit its type.
    """
    extra = [name for name in table.column_names if name not in schema.names]
    if extra:
        raise DataError(
            f"the index has no column '{extra[0]}'; it has {', '.join(schema.names)}. Build the index anew."
        )
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        found = table[field.name].type
        if pa.types.is_timestamp(found) and found.tz != getattr(field.type, "tz", found.tz):
            raise DataError(
                f"column '{field.name}' has time zone {found.tz}, the index {field.type.tz}. Convert the times to it."
            )
        try:
            columns.append(table[field.name].cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"column '{field.name}' does not fit {field.type}: {error}. Convert it.") from error
    return pa.table(columns, schema=schema)


def to_sample(row: dict[str, Any]) -> Sample:
    """The sample of one row, read with `to_pylist` from all columns but the vectors."""
    return Sample(
        id=row["id"],
        values=np.array(row["values"], dtype=np.float32),
        channel_names=tuple(row["channel_names"]),
        units=tuple(row["units"]),
        start=row["start"],
        channel_texts=tuple(row["channel_texts"]),
        metadata={name: value for name, value in row.items() if name not in OWN},
        **{name: row[name] for name in PLAIN},
    )


def end_of(sample: Sample) -> datetime | None:
    """Time of the last step, in the zone of the start; None where start or freq is unknown.

    >>> end_of(Sample("a", np.zeros((1, 25)), ("load",), start=datetime(2013, 1, 1), freq="h"))
    datetime.datetime(2013, 1, 2, 0, 0)
    """
    if sample.start is None or sample.freq is None:
        return None
    if sample.n_steps == 1:
        return sample.start
    import pandas as pd
    from pandas.tseries.frequencies import to_offset

    try:
        step = to_offset(sample.freq)
    except ValueError as error:
        raise DataError(
            f"sample '{sample.id}': freq '{sample.freq}' is not a pandas offset such as 'h' or 'D'."
        ) from error
    if isinstance(step, pd.offsets.Day):  # in pandas 2 a day is 24 hours, also when the clocks change
        step = pd.DateOffset(days=step.n)
    end = pd.Timestamp(sample.start) + (sample.n_steps - 1) * step
    return end.to_pydatetime(warn=False)


def read_vectors(column: pa.ChunkedArray, dim: int) -> FloatArray:
    """A column of vectors, or of lists of vectors, without its nulls, as (n_vectors, dim) float32."""
    found = []
    for chunk in column.chunks:
        while not pa.types.is_floating(chunk.type):
            chunk = chunk.flatten()
        found.append(chunk.to_numpy(zero_copy_only=False))
    return np.concatenate([*found, np.zeros(0, np.float32)]).reshape(-1, dim)


def plain_values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values, as `to_pylist` gives them, which would import pandas for times."""
    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.unit != "us":
        values: list[Any] = column.to_pylist()
        return values
    zone = pa.lib.string_to_tzinfo(kind.tz) if kind.tz else None
    return [None if n is None else _time(n, zone) for n in column.cast(pa.int64()).to_pylist()]


def _time(microseconds: int, zone: tzinfo | None) -> datetime:
    at = datetime(1970, 1, 1) + timedelta(microseconds=microseconds)
    return at if zone is None else at.replace(tzinfo=UTC).astimezone(zone)


def _vectors(rows: FloatArray, dim: int) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows, np.float32).reshape(-1)), dim)


def _lists(groups: Sequence[FloatArray], dim: int) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(g) for g in groups])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), _vectors(np.concatenate(groups), dim))


def _times(times: list[datetime | None], name: str) -> pa.Array:
    zones = {t.tzinfo for t in times if t is not None}
    if not zones:
        return pa.nulls(len(times))
    tz = {None if zone is None else pa.lib.tzinfo_to_string(zone) for zone in zones}
    if len(tz) > 1:
        found = ", ".join(sorted(str(zone) for zone in tz))
        raise DataError(
            f"the rows' {name} has several time zones ({found}). Convert all to one: an index keeps one zone."
        )
    return pa.array(times, pa.timestamp("us", tz=tz.pop()))


def _metadata(name: str, values: list[Any]) -> pa.Array:
    if name in OWN or not name or "." in name or "`" in name:
        raise DataError(f"a metadata column may not be called '{name}' in an index. Rename it in the corpus.")
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise DataError(f"metadata '{name}' cannot be stored: {error}. Give it one plain type in all rows.") from error


def _typed(field: pa.Field) -> pa.DataType:
    """The type of a column; what was never anything but null becomes a time or a string."""
    if pa.types.is_null(field.type):
        return pa.timestamp("us") if field.name in ("start", "end") else pa.string()
    if pa.types.is_list(field.type) and pa.types.is_null(field.type.value_type):
        return STRINGS
    return field.type
