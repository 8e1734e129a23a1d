"""What searching reads of an index, as flat files that are memory-mapped: vectors, their one-byte copies, and facts.

All of it is derived from the table (`tracets.index.derive`) and belongs to one version of it (`tracets.index.state`).
Reading it needs neither LanceDB nor memory for the vectors.

A row keeps its place in these files until the index is compacted, also when it is dead: places count all rows that are
there, and `live` says which of them are rows of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracets.disk import digest_of
from tracets.index.flat import KINDS, ends_of, item_bytes
from tracets.index.quantised import Quantised
from tracets.index.state import Part, State
from tracets.types import BoolArray, FloatArray

Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MappedVectors:
    """v vectors as they are stored, and in one byte a number."""

    exact: FloatArray
    coarse: Quantised


@dataclass(frozen=True, eq=False)
class Mapped:
    """The n rows of an index, dead ones among them, memory-mapped.

    `live` (n,) which rows are not dead; `sample` the vectors of the windows (n, d); `channels` those of all channels
    end to end, none of them zero; `offsets` (n_channels_in_all + 1,) where the vectors of each channel begin; `kinds`
    the different tuples of channel names and `kind` (n,) the one of each row; `text_rows` (n_texts,) the rows that have
    a text, `text_sample` and `sentences` its vectors, `text_offsets` (n_texts + 1,); `facts` every other column but the
    values; `row_ids` (n,) the table's own numbers of the rows; `state` what it belongs to, in `folder`.
    """

    folder: Path
    state: State
    live: BoolArray
    sample: MappedVectors
    channels: MappedVectors
    offsets: Int64
    kinds: tuple[tuple[str, ...], ...]
    kind: Int64
    text_rows: Int64
    text_sample: MappedVectors
    sentences: MappedVectors
    text_offsets: Int64
    facts: pa.Table
    row_ids: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.row_ids)


def open_mapped(folder: Path, state: State) -> Mapped | None:
    """Map what belongs to a state; None where a file is missing, cut off or damaged in a way that is seen at once."""
    try:
        found = _Files(folder, state)
        mapped = Mapped(
            folder=folder,
            state=state,
            live=_live(folder, state),
            sample=found.vectors("sample"),
            channels=found.vectors("channels"),
            offsets=ends_of(found.flat("channel_sizes")),
            kinds=state.kinds,
            kind=found.flat("kind").astype(np.int64),
            text_rows=np.asarray(found.flat("text_rows")),
            text_sample=found.vectors("text_sample"),
            sentences=found.vectors("sentences"),
            text_offsets=ends_of(found.flat("text_sizes")),
            facts=_facts(folder, state.facts),
            row_ids=found.flat("row_ids"),
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None
    return mapped if _fits(mapped) else None


def _fits(mapped: Mapped) -> bool:
    """Whether numbers that are used as places stay inside what they point into: a flipped bit must not crash."""
    n, texts = len(mapped), len(mapped.text_sample.exact)
    kinds = np.array([len(names) for names in mapped.kinds], np.int64)
    if not len(mapped.sample.exact) == len(mapped.kind) == len(mapped.facts) == n:
        return False
    if len(mapped.text_rows) != texts or len(mapped.text_offsets) != texts + 1:
        return False
    rising = all(bool((np.diff(ends) >= 0).all()) for ends in (mapped.offsets, mapped.text_offsets))
    whole = mapped.offsets[-1] == len(mapped.channels.exact) and mapped.text_offsets[-1] == len(mapped.sentences.exact)
    inside = not n or (mapped.kind.min() >= 0 and mapped.kind.max() < len(kinds))
    if not (rising and whole and inside) or int(kinds[mapped.kind].sum()) != len(mapped.offsets) - 1:
        return False
    rows = mapped.text_rows
    return not texts or bool(rows[0] >= 0 and rows[-1] < n and (np.diff(rows) > 0).all())


def _live(folder: Path, state: State) -> BoolArray:
    if state.mask is None:
        return np.ones(state.rows, dtype=bool)
    path = folder / state.mask.name
    if digest_of(path) != state.mask.sha256:
        raise ValueError(f"{state.mask.name} does not match its checksum")
    bits = np.fromfile(path, np.uint8)
    return ~np.unpackbits(bits, count=state.rows).astype(bool)


def _facts(folder: Path, parts: tuple[Part, ...]) -> pa.Table:
    if not parts:
        raise ValueError("no facts")
    tables = []
    for part in parts:
        with pa.memory_map(str(folder / part.name)) as source:
            tables.append(pa.ipc.open_file(source).read_all())
    found = pa.concat_tables(tables)
    found.validate()
    for column in found.columns:
        for chunk in column.chunks:
            _check_offsets(chunk)
    return found


def _check_offsets(array: pa.Array) -> None:
    """Refuse offsets that point outside of what they point into: reading by them would end the process.

    Quicker than Arrow's full validation, which reads every string.
    """
    kind = array.type
    textual = pa.types.is_string(kind) or pa.types.is_binary(kind)
    if textual or pa.types.is_list(kind):
        _, ends, *data = array.buffers()
        size = array.values.offset + len(array.values) if not textual else data[0].size if data[0] is not None else 0
        if len(array):
            found = np.frombuffer(ends, np.int32, count=len(array) + 1, offset=4 * array.offset)
            if found[0] < 0 or found[-1] > size or (np.diff(found) < 0).any():
                raise ValueError("offsets of a column point outside of it")
        if not textual:
            _check_offsets(array.values)
    elif not pa.types.is_primitive(kind) and not pa.types.is_null(kind):
        array.validate(full=True)


@dataclass(frozen=True)
class _Files:
    folder: Path
    state: State

    def vectors(self, name: str) -> MappedVectors:
        numbers, scales = self.flat(f"{name}.i8"), self.flat(f"{name}.scale")
        return MappedVectors(self.flat(f"{name}.f32"), Quantised(numbers, scales, self.state.residuals[name]))

    def flat(self, name: str) -> NDArray[Any]:
        """The part of a file that counts; what a later version, or a killed writer, put behind it is not mapped."""
        n, path = self.state.counts[name], self.folder / name
        shape = (n, self.state.dim) if name.endswith((".f32", ".i8")) else (n,)
        if path.stat().st_size < n * item_bytes(name, self.state.dim):
            raise ValueError(f"{name} is cut off")
        # an empty file cannot be mapped; a plain array over a map is quicker to slice than a memmap
        return np.asarray(np.memmap(path, KINDS[name], "r", shape=shape)) if n else np.zeros(shape, KINDS[name])
