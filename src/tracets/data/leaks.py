"""What one split of a corpus knows of another: the same values, the same texts, the same moments of one entity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tracets.data.calendar import step_seconds, to_offset
from tracets.types import Sample

Span = tuple[Any, Any, str, str]
"""Begin, end, split and id of a row."""
ENTITY = "entity"
SHOWN = 5


def digest(*parts: bytes) -> bytes:
    """Sixteen bytes that stand for some."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8))
        found.update(part)
    return found.digest()


def values_digest(sample: Sample) -> bytes:
    """The same for the same numbers under the same names, whatever bits a missing value has."""
    values = sample.values + np.float32(0)
    values[np.isnan(values)] = np.float32("nan")
    return digest("\0".join(sample.channel_names).encode(), str(values.shape).encode(), values.tobytes())


def end_of(start: datetime, freq: str, n_steps: int) -> datetime:
    """The end of the last step; months and local days are counted by the calendar."""
    import pandas as pd

    offset = to_offset(freq)
    if isinstance(offset, pd.offsets.Tick):
        return start + timedelta(seconds=n_steps * step_seconds(freq))
    end: datetime = (pd.Timestamp(start) + n_steps * offset).to_pydatetime()
    return end


class Leaks:
    """Gathers the rows of a corpus, and says what its splits share."""

    def __init__(self) -> None:
        self._values: dict[bytes, tuple[str, str]] = {}
        self._texts: dict[bytes, tuple[str, str]] = {}
        self._spans: dict[tuple[str, tuple[str, ...]], list[Span]] = {}
        self._splits: dict[str, set[str]] = {}
        self._found: dict[str, list[tuple[str, str]]] = {"values": [], "texts": []}
        self._counts = {"values": 0, "texts": 0}

    def add(self, sample: Sample, key: bytes) -> None:
        """One row with its `values_digest`; rows without a split say nothing."""
        if sample.split is None:
            return
        self._same("values", self._values, key, sample)
        if sample.text:
            self._same("texts", self._texts, digest(sample.text.encode()), sample)
        entity = sample.metadata.get(ENTITY)
        if entity is not None:
            self._splits.setdefault(str(entity), set()).add(sample.split)
        if sample.start is not None and sample.freq is not None:
            span = (sample.start, end_of(sample.start, sample.freq, sample.n_steps), sample.split, sample.id)
            self._spans.setdefault((str(entity or ""), sample.channel_names), []).append(span)

    def _same(self, what: str, seen: dict[bytes, tuple[str, str]], key: bytes, sample: Sample) -> None:
        assert sample.split is not None
        split, id = seen.setdefault(key, (sample.split, sample.id))
        if split != sample.split:
            self._counts[what] += 1
            if len(self._found[what]) < SHOWN:
                self._found[what].append((id, sample.id))

    def to_json(self) -> dict[str, Any]:
        """`values`, `texts`: rows whose values or text are those of a row of another split. `times`: rows that begin
        before a row of another split ends, of the same entity and channels. `entities`: those in several splits, which
        a split by time has and one by entity has not. `examples`: some pairs of ids each."""
        pairs = [pair for spans in self._spans.values() for pair in overlaps(spans)]
        found = self._found | {"times": pairs[:SHOWN]}
        examples = {name: [list(pair) for pair in some] for name, some in found.items()}
        return {
            **self._counts,
            "times": len(pairs),
            "entities": sum(1 for splits in self._splits.values() if len(splits) > 1),
            "examples": {name: some for name, some in examples.items() if some},
        }


def overlaps(spans: Iterable[Span]) -> list[tuple[str, str]]:
    """Pairs of ids of two splits, the later of which begins before the earlier ends: one for each later row.

    >>> overlaps([(0, 4, "train", "a"), (3, 7, "test", "b"), (4, 8, "train", "c"), (8, 12, "test", "d")])
    [('a', 'b'), ('b', 'c')]
    """
    found = []
    latest: dict[str, tuple[Any, str]] = {}  # of each split, the row that ends last
    for start, end, split, id in sorted(spans):
        others = [row for other, row in latest.items() if other != split and row[0] > start]
        if others:
            found.append((max(others)[1], id))
        if split not in latest or end > latest[split][0]:
            latest[split] = (end, id)
    return found


def longest_run(absent: np.ndarray) -> int:
    """The most steps in a row that are missing.

    >>> longest_run(np.array([True, False, True, True]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], absent, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0


def runs(absent: np.ndarray) -> int:
    """How many stretches are missing."""
    return int(np.count_nonzero(np.diff(np.concatenate([[False], absent]).astype(np.int8)) == 1))
