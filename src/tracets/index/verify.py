"""Checks that every byte of an index is what was written, and that what searching reads is what the table holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tracets.index.derive import AT_ONCE
from tracets.index.flat import UNMAPPED
from tracets.index.folder import IndexFolder
from tracets.index.manifest import FILE, Manifest
from tracets.index.mapped import MappedVectors, open_mapped
from tracets.index.opening import newest
from tracets.index.quantised import quantise
from tracets.index.rows import read_vectors
from tracets.index.state import State, states, versions
from tracets.index.sums import Problem, flat_problems, restore_fix, table_problems
from tracets.index.writing import METADATA
from tracets.types import FloatArray

UNIT = 1e-3
"""How far the length of a vector may be from 1."""


def verify(path: Path) -> tuple[IndexFolder, list[Problem]]:
    """Read an index whole, and say what is wrong with it.

    1. the manifest, against what the table says of itself  2. checksums of all files that the table's version and
    searching read  3. every row: ids come once, vectors are finite and of length 1, the flat files and the facts equal
    the table. A table with damaged files is not read.

    Raises
    ------
    IndexFolderError
        It cannot be opened at all.
    """
    broken = list(_broken_state(path))
    index = IndexFolder.open(path)
    problems = broken + list(table_problems(path, index.manifest, index.mapped))
    whole = len(problems) == len(broken)
    problems += flat_problems(path, index.mapped)
    if not whole:  # reading such a table may end the process
        return index, problems
    problems += _binding(index)
    try:
        problems += _rows(index)
    except BaseException as error:  # LanceDB ends some damage by a panic, which is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
            raise
        reason = (str(error).split(", /")[0].splitlines() or [type(error).__name__])[0].rstrip(".")
        problems.append(Problem(f"{index.manifest.table}.lance", f"cannot be read ({reason})", restore_fix(path)))
    return index, problems


def _broken_state(path: Path) -> Iterator[Problem]:
    """A state of the newest version that is there and cannot be used: opening makes another one, and says nothing."""
    manifest = Manifest.read(path)
    try:
        version = max(versions(path / f"{manifest.table}.lance"))
        whole = newest(path, manifest) is not None
    except (ValueError, OSError):
        return  # opening says what is wrong
    for number, file in [] if whole else list(states(path, manifest.table)):
        name = file.relative_to(path).as_posix()
        try:
            state = State.read(file)
        except (ValueError, OSError):
            state = None
        if number == version and (state is None or open_mapped(file.parent, state) is None):
            said = "is damaged" if state is None else "names files that are damaged or gone"
            yield Problem(name, said, "It was made again from the table; verify once more.")


def _binding(index: IndexFolder) -> Iterator[Problem]:
    told = (index._table.schema.metadata or {}).get(METADATA)
    if told is not None and json.loads(told) != json.loads(json.dumps(index.manifest.bound)):
        yield Problem(FILE, "differs from what the table says of its model", restore_fix(index.path))


def _rows(index: IndexFolder) -> list[Problem]:
    """What differs between the rows of the table, read whole, and what searching maps."""
    mapped, dim, m = index.mapped, index.manifest.dim, index.manifest.vectors_per_channel
    table, flat = f"{index.manifest.table}.lance", mapped.folder.name
    again = f"Make it again: tracets index compact {index.path}"
    restore, found = restore_fix(index.path), _Found()
    order = np.argsort(mapped.row_ids, kind="stable")
    firsts = np.concatenate([[0], np.cumsum(np.array([len(k) for k in mapped.kinds], np.int64)[mapped.kind])])
    text_at = np.full(len(mapped), -1, np.int64)
    text_at[mapped.text_rows] = np.arange(len(mapped.text_rows))
    ids: set[str] = set()
    n = 0
    for batch in index._table.search().with_row_id(True).to_batches(AT_ONCE):
        rows = pa.Table.from_batches([batch])
        n += len(rows)
        ids.update(rows["id"].to_pylist())
        sorted_at = np.searchsorted(mapped.row_ids[order], rows["_rowid"].to_numpy())
        if (sorted_at >= len(order)).any():
            found.add(flat, "lacks rows of the table", again)
            break
        at = order[sorted_at]
        if (mapped.row_ids[at] != rows["_rowid"].to_numpy()).any() or not mapped.live[at].all():
            found.add(flat, "lacks rows of the table, or calls them dead", again)
            break
        kept = [name for name in rows.column_names if name not in UNMAPPED and name != "_rowid"]
        if not rows.select(kept).equals(mapped.facts.select(kept).take(pa.array(at))):
            found.add(flat, "has other facts than the table", again)
        sample = read_vectors(rows["vector"], dim)
        channels = [read_vectors(pa.chunked_array([x.values]), dim) for x in rows["channel_vectors"]]
        _units(found, table, sample, restore)
        _units(found, table, np.concatenate([np.zeros((0, dim), np.float32), *channels]), restore, zero=True)
        if not np.array_equal(mapped.sample.exact[at], sample) or not _coarse(mapped.sample, at, sample):
            found.add(f"{flat}/sample", "differs from the table", again)
        for place, vectors, names in zip(at.tolist(), channels, rows["channel_names"].to_pylist(), strict=True):
            if tuple(names) != mapped.kinds[mapped.kind[place]] or len(vectors) != len(names) * m:
                found.add(table, "has vectors that do not match its channels", restore)
                continue
            begin, end = mapped.offsets[firsts[place]], mapped.offsets[firsts[place + 1]]
            if not _same(mapped.channels, begin, end, vectors[vectors.any(axis=1)]):
                found.add(f"{flat}/channels", "differs from the table", again)
        for place, text, sentences in zip(at.tolist(), rows["text_vector"], rows["sentence_vectors"], strict=True):
            which = int(text_at[place])
            if (which < 0) == text.is_valid:
                found.add(flat, "has other texts than the table", again)
            elif text.is_valid:
                vector = read_vectors(pa.chunked_array([text.values]), dim)
                said = read_vectors(pa.chunked_array([sentences.values]), dim)
                _units(found, table, vector, restore)
                _units(found, table, said, restore, zero=True)
                begin, end = mapped.text_offsets[which], mapped.text_offsets[which + 1]
                if not _same(mapped.text_sample, which, which + 1, vector):
                    found.add(f"{flat}/text_sample", "differs from the table", again)
                if not _same(mapped.sentences, begin, end, said[said.any(axis=1)]):
                    found.add(f"{flat}/sentences", "differs from the table", again)
    if len(ids) != n:
        found.add(table, f"has {n} rows but {len(ids)} different ids", restore)
    if n != len(index):
        found.add(flat, f"counts {len(index)} rows, the table has {n}", again)
    return list(found.problems.values())


class _Found:
    """Problems, each once."""

    def __init__(self) -> None:
        self.problems: dict[tuple[str, str], Problem] = {}

    def add(self, file: str, said: str, fix: str) -> None:
        self.problems.setdefault((file, said), Problem(file, said, fix))


def _units(found: _Found, table: str, vectors: FloatArray, fix: str, *, zero: bool = False) -> None:
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = ~(np.abs(lengths - 1) <= UNIT)
    if (wrong & (lengths != 0) if zero else wrong).any():
        found.add(table, "has vectors that are not finite or not of length 1", fix)


def _same(stored: MappedVectors, begin: int, end: int, vectors: FloatArray) -> bool:
    return np.array_equal(stored.exact[begin:end], vectors) and _coarse(stored, slice(begin, end), vectors)


def _coarse(stored: MappedVectors, at: Any, vectors: FloatArray) -> bool:
    small = quantise(vectors)
    same = np.array_equal(stored.coarse.numbers[at], small.numbers)
    return same and np.array_equal(stored.coarse.scales[at], small.scales) and small.residual <= stored.coarse.residual
