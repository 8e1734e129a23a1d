"""The corpus contract as Arrow types, and the checks that every corpus passes at the door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tracets.data.calendar import step_seconds
from tracets.errors import DataError
from tracets.files import LIMITS, Limits
from tracets.types import NO_NAME, has_controls

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
FIRST, LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
"""Times that a datetime can hold in every zone."""
_NO_NAME = NO_NAME.replace("\u2028", "\\x{2028}").replace("\u2029", "\\x{2029}")  # as RE2 spells them


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


def validate(table: pa.Table, *, file: str, limits: Limits = LIMITS) -> None:
    """Check the rows of a conforming table against the corpus contract. Rows are counted from 0.

    Raises
    ------
    DataError
        Null, empty or duplicate ids, or one with control characters; a row without values, with channels of unequal
        length or with an infinity; names, units or channel texts that do not match the channels; an unknown split; a
        freq that is not a pandas offset; times that no datetime holds; more of anything than `limits` allow.
    """
    _check_columns(table, file, limits)
    _check_ids(table["id"], file, limits)
    ids = table["id"].to_pylist()

    def fail(row: int, message: str) -> None:
        raise DataError(f"{file}: row {row} (id '{ids[row]}'): {message}")

    first, steps = 0, []
    for batch in table.select(["values", "channel_names", "units", "channel_texts"]).to_batches():
        counts, lengths_ = _check_values(batch.column("values"), first, fail)
        steps.append(lengths_)
        for name, found in (("channels", counts), ("steps", lengths_)):
            for i in np.flatnonzero(found > getattr(limits, name))[:1]:
                limits.check(name, int(found[i]), name, where=f"{file}: row {first + i} (id '{ids[first + i]}')")
        _check_names(batch.column("channel_names"), counts, first, fail, limits)
        _check_units(batch.column("units"), first, fail, limits)
        for what in ("units", "channel_texts"):
            lengths = pc.list_value_length(batch.column(what)).to_numpy(zero_copy_only=False)
            for i in np.flatnonzero(~np.isnan(lengths.astype(float)) & (lengths != counts) & (lengths != 0))[:1]:
                fail(
                    first + i, f"{what} has {int(lengths[i])} entries for {counts[i]} channels. Use null where unknown."
                )
        _check_length(batch.column("channel_texts").flatten(), file, limits)
        first += batch.num_rows
    for name in TEXTS:
        for chunk in table[name].chunks:
            _check_length(chunk, file, limits)
    for row, split in _unknown(table["split"], SPLITS):
        fail(row, f"split is '{split}'. Use one of {', '.join(SPLITS)}, or null.")
    seconds = {}
    for freq in pc.unique(table["freq"]).to_pylist():
        if freq is not None:
            try:
                seconds[freq] = step_seconds(freq)
            except DataError as error:
                fail(pc.index(table["freq"], freq).as_py(), str(error))
    _check_times(table, np.concatenate(steps) if steps else np.zeros(0), seconds, fail)
    _check_metadata(table, file)


def _check_columns(table: pa.Table, file: str, limits: Limits) -> None:
    limits.check("rows", table.num_rows, "rows", where=file)
    limits.check("columns", table.num_columns, "columns", where=file)
    names = pa.array(table.column_names, pa.string())
    limits.check("name_chars", pc.max(pc.utf8_length(names)).as_py(), "characters in the name of a column", where=file)
    bad = pc.match_substring_regex(names, _NO_NAME)
    if pc.any(bad).as_py():
        raise DataError(
            f"{file}: column {names[pc.index(bad, True).as_py()].as_py()!r} has control characters. Rename it."
        )


def _check_length(texts: pa.Array, file: str, limits: Limits) -> None:
    longest = pc.max(pc.utf8_length(texts)).as_py()
    limits.check("text_chars", longest or 0, "characters in one text", where=file)


def _check_times(table: pa.Table, steps: np.ndarray, seconds: dict[str, float], fail: Any) -> None:
    """Windows that begin or end before the year 1 or after 9999, which no datetime holds; zones that nobody knows."""
    starts = table["start"]
    zone = starts.type.tz
    if zone is not None:
        try:
            datetime(2000, 1, 1, tzinfo=UTC).astimezone(pa.lib.string_to_tzinfo(zone))
        except Exception:  # each library of zones has its own
            fail(0, f"start is in the time zone {zone!r}, which is unknown. Use an IANA name, such as 'UTC'.")
    begins = starts.cast(pa.int64()).to_numpy().astype(np.float64) / 1e6  # nulls are NaN
    known = pa.array(list(seconds), pa.string())
    place = pc.index_in(table["freq"], value_set=known).fill_null(len(seconds)).to_numpy()
    step = np.append(np.array(list(seconds.values()), np.float64), 0.0)[place]
    with np.errstate(invalid="ignore"):
        outside = (begins < FIRST.timestamp()) | (begins + steps * step > LAST.timestamp())
    for i in np.flatnonzero(outside)[:1]:
        fail(int(i), "it begins before the year 1 or ends after 9999. Correct start, or freq.")


def _check_metadata(table: pa.Table, file: str) -> None:
    """Read once what may be no value of Python: times and decimals of any size, and what is nested."""
    for name in table.column_names[len(CONTRACT) :]:
        kind = table[name].type
        if not (pa.types.is_temporal(kind) or pa.types.is_nested(kind) or pa.types.is_decimal(kind)):
            continue
        for chunk in table[name].chunks:
            try:
                chunk.to_pylist()
            except Exception as error:  # Arrow, the zones and datetime have each their own
                said = " ".join(str(error).split())
                raise DataError(f"{file}: column '{name}' ({kind}) cannot be read ({said}). Leave it out.") from error


def _check_ids(ids: pa.ChunkedArray, file: str, limits: Limits) -> None:
    absent = pc.or_kleene(pc.is_null(ids), pc.equal(ids, ""))
    if pc.any(absent).as_py():
        raise DataError(f"{file}: row {pc.index(absent, True).as_py()} has no id. Give every row a unique id.")
    longest = pc.max(pc.utf8_length(ids)).as_py() or 0
    limits.check("name_chars", longest, "characters in an id", where=file)
    bad = pc.match_substring_regex(ids, _NO_NAME)
    if pc.any(bad).as_py():
        row = pc.index(bad, True).as_py()
        raise DataError(f"{file}: row {row}: id {ids[row].as_py()!r} has control characters. Rename it.")
    if pc.count_distinct(ids).as_py() != len(ids):
        seen: dict[str, int] = {}
        for row, name in enumerate(ids.to_pylist()):
            if name in seen:
                raise DataError(f"{file}: row {row} repeats id '{name}' of row {seen[name]}. Make ids unique.")
            seen[name] = row


def _check_values(values: pa.ListArray, first: int, fail: object) -> tuple[np.ndarray, np.ndarray]:
    """Check one batch of `values`; the number of channels and of steps of each row."""
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
    return counts, lengths[np.cumsum(counts) - counts] if len(counts) else lengths


def _check_names(names: pa.ListArray, counts: np.ndarray, first: int, fail: object, limits: Limits) -> None:
    assert callable(fail)
    seen: set[tuple[str, ...]] = set()
    for i, given in enumerate(names.to_pylist()):
        key = tuple(given or ())
        if len(key) != counts[i]:
            fail(first + i, f"{len(key)} channel_names for {counts[i]} channels. Give one name a channel.")
        if key not in seen:
            if len(set(key)) != len(key) or not all(n and n.strip() for n in key):
                fail(first + i, f"channel_names must be distinct and non-empty, got {list(key)}. Rename them.")
            _check_words(key, "channel", first + i, fail, limits)
            seen.add(key)


def _check_units(units: pa.ListArray, first: int, fail: object, limits: Limits) -> None:
    for i, given in enumerate(units.to_pylist()):
        if given:
            _check_words(tuple(unit for unit in given if unit), "unit", first + i, fail, limits)


def _check_words(words: tuple[str, ...], what: str, row: int, fail: object, limits: Limits) -> None:
    assert callable(fail)
    for word in words:
        limits.check("name_chars", len(word), f"characters in a {what}", where=f"row {row}")
        if has_controls(word):
            fail(row, f"{what} {word!r} has control characters. Rename it.")


def _unknown(column: pa.ChunkedArray, allowed: tuple[str, ...]) -> list[tuple[int, str]]:
    bad = pc.fill_null(pc.invert(pc.is_in(column, value_set=pa.array(allowed))), True)
    bad = pc.and_(bad, pc.is_valid(column))
    if not pc.any(bad).as_py():
        return []
    row = pc.index(bad, True).as_py()
    return [(row, column[row].as_py())]
