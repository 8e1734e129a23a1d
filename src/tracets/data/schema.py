"""The corpus contract as Arrow types, and the checks that every corpus passes at the door."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracets.data.calendar import to_offset
from tracets.errors import DataError

STRINGS = pa.list_(pa.string())
MATRIX = pa.list_(pa.list_(pa.float32()))
REQUIRED: dict[str, pa.DataType] = {"id": pa.string(), "values": MATRIX, "channel_names": STRINGS}
TEXTS = ("freq", "text", "event_text", "label", "split", "domain", "source")
OPTIONAL: dict[str, pa.DataType] = {
    "units": STRINGS,
    "start": pa.timestamp("us"),
    "freq": pa.string(),
    "text": pa.string(),
    "channel_texts": STRINGS,
    "event_text": pa.string(),
    "label": pa.string(),
    "split": pa.string(),
    "domain": pa.string(),
    "source": pa.string(),
}
CONTRACT = REQUIRED | OPTIONAL
SPLITS = ("train", "val", "test")


def conform(table: pa.Table, *, file: str) -> pa.Table:
    """The table with every contract column, in the contract's order and types, then its metadata columns.

    Raises
    ------
    DataError
        A required column is missing, a name is repeated, or a column has a type that cannot be read as the contract's.
    """
    missing = [name for name in REQUIRED if name not in table.column_names]
    if missing:
        raise DataError(
            f"{file}: a corpus needs the columns {', '.join(REQUIRED)}; missing: {', '.join(missing)}. "
            f"It has: {', '.join(table.column_names)}. Rename or add them, or read other layouts with `reader=`."
        )
    if len(set(table.column_names)) != len(table.column_names):
        raise DataError(f"{file}: a column name is repeated: {', '.join(table.column_names)}. Rename one.")
    columns = {}
    for name, wanted in CONTRACT.items():
        if name not in table.column_names:
            columns[name] = pa.chunked_array([pa.nulls(table.num_rows, wanted)])
        else:
            columns[name] = _cast(table[name], wanted, where=f"{file}: column '{name}'")
    metadata = {name: table[name] for name in table.column_names if name not in CONTRACT}
    return pa.table(columns | metadata)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType, *, where: str) -> pa.ChunkedArray:
    if pa.types.is_timestamp(wanted):
        if pa.types.is_timestamp(column.type):
            wanted = pa.timestamp("us", tz=column.type.tz)
        elif not pa.types.is_null(column.type):
            raise DataError(f"{where} must hold timestamps, has {column.type}. Convert it to datetimes.")
        return column.cast(wanted, safe=False)
    textual = pa.types.is_string(wanted) or wanted == STRINGS
    if textual and _holds(column.type, pa.types.is_floating, pa.types.is_integer, pa.types.is_binary):
        raise DataError(f"{where} must hold text ({wanted}), has {column.type}. Convert it to strings.")
    try:
        return column.cast(wanted, safe=not pa.types.is_list(wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise DataError(f"{where} must be {wanted}, has {column.type}. Convert it.") from error


def _holds(kind: pa.DataType, *tests: object) -> bool:
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind = kind.value_type
    return any(test(kind) for test in tests)  # type: ignore[operator]


def validate(table: pa.Table, *, file: str) -> None:
    """Check the rows of a conforming table against the corpus contract. Rows are counted from 0.

    Raises
    ------
    DataError
        Null, empty or duplicate ids; a row without values, with channels of unequal length or with an infinity; names,
        units or channel texts that do not match the channels; an unknown split; a freq that is not a pandas offset.
    """
    _check_ids(table["id"], file)
    ids = table["id"].to_pylist()

    def fail(row: int, message: str) -> None:
        raise DataError(f"{file}: row {row} (id '{ids[row]}'): {message}")

    first = 0
    for batch in table.select(["values", "channel_names", "units", "channel_texts"]).to_batches():
        counts = _check_values(batch.column("values"), first, fail)
        _check_names(batch.column("channel_names"), counts, first, fail)
        for what in ("units", "channel_texts"):
            lengths = pc.list_value_length(batch.column(what)).to_numpy(zero_copy_only=False)
            for i in np.flatnonzero(~np.isnan(lengths.astype(float)) & (lengths != counts) & (lengths != 0))[:1]:
                fail(
                    first + i, f"{what} has {int(lengths[i])} entries for {counts[i]} channels. Use null where unknown."
                )
        first += batch.num_rows
    for row, split in _unknown(table["split"], SPLITS):
        fail(row, f"split is '{split}'. Use one of {', '.join(SPLITS)}, or null.")
    for freq in pc.unique(table["freq"]).to_pylist():
        if freq is not None:
            try:
                to_offset(freq)
            except DataError as error:
                fail(pc.index(table["freq"], freq).as_py(), str(error))


def _check_ids(ids: pa.ChunkedArray, file: str) -> None:
    absent = pc.or_kleene(pc.is_null(ids), pc.equal(ids, ""))
    if pc.any(absent).as_py():
        raise DataError(f"{file}: row {pc.index(absent, True).as_py()} has no id. Give every row a unique id.")
    if pc.count_distinct(ids).as_py() != len(ids):
        seen: dict[str, int] = {}
        for row, name in enumerate(ids.to_pylist()):
            if name in seen:
                raise DataError(f"{file}: row {row} repeats id '{name}' of row {seen[name]}. Make ids unique.")
            seen[name] = row


def _check_values(values: pa.ListArray, first: int, fail: object) -> np.ndarray:
    """Check one batch of `values`; the number of channels of each row."""
    assert callable(fail)
    counts = pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False)
    for i in np.flatnonzero(counts == 0)[:1]:
        fail(first + i, "has no values. Drop the row or give it at least one channel.")
    channels = values.flatten()
    row_of = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(row_of)) - np.repeat(np.cumsum(counts) - counts, counts)
    lengths = pc.list_value_length(channels).fill_null(0).to_numpy(zero_copy_only=False)
    for j in np.flatnonzero(lengths == 0)[:1]:
        fail(first + row_of[j], f"channel {within[j]} is null or empty. Fill it with NaN to mark it missing.")
    unequal = lengths != lengths[np.cumsum(counts)[row_of] - counts[row_of]]
    for j in np.flatnonzero(unequal)[:1]:
        start = j - within[j]
        fail(
            first + row_of[j],
            f"channel {within[j]} has {lengths[j]} steps, channel 0 has {lengths[start]}. "
            f"Bring the channels to one length, NaN where missing.",
        )
    infinite = np.isinf(channels.flatten().to_numpy(zero_copy_only=False))
    if infinite.any():
        at = int(np.flatnonzero(infinite)[0])
        ends = np.cumsum(lengths)
        j = int(np.searchsorted(ends, at, side="right"))
        step = at - int(ends[j] - lengths[j])
        fail(
            first + row_of[j],
            f"channel {within[j]}, step {step} is infinite. Replace infinities by NaN if they mean missing.",
        )
    return counts


def _check_names(names: pa.ListArray, counts: np.ndarray, first: int, fail: object) -> None:
    assert callable(fail)
    seen: set[tuple[str, ...]] = set()
    for i, given in enumerate(names.to_pylist()):
        key = tuple(given or ())
        if len(key) != counts[i]:
            fail(first + i, f"{len(key)} channel_names for {counts[i]} channels. Give one name a channel.")
        if key not in seen:
            if len(set(key)) != len(key) or not all(n and n.strip() for n in key):
                fail(first + i, f"channel_names must be distinct and non-empty, got {list(key)}. Rename them.")
            seen.add(key)


def _unknown(column: pa.ChunkedArray, allowed: tuple[str, ...]) -> list[tuple[int, str]]:
    bad = pc.fill_null(pc.invert(pc.is_in(column, value_set=pa.array(allowed))), True)
    bad = pc.and_(bad, pc.is_valid(column))
    if not pc.any(bad).as_py():
        return []
    row = pc.index(bad, True).as_py()
    return [(row, column[row].as_py())]
