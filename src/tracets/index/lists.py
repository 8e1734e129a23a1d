"""Inverted lists over channel vectors: which windows a question may be about, without scoring them all.

Every channel vector belongs to the nearest of some centres. A question's vectors look into the lists of their nearest
centres alone, and the windows found there are then scored in full. What lies in other lists is missed: the share that
is found is measured when the lists are made, and kept with them. They lie beside the vectors they were made from;
windows that are added later are in no list, and candidates always, until lists are made again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.index.files import digest_of
from tracets.index.quantised import Quantised
from tracets.index.state import ListsPart, Part
from tracets.types import FloatArray

Int64 = NDArray[np.int64]

FILES = ("centres", "members", "ends")
ROUNDS = 6
"""Rounds of k-means."""
LEARNT = 64
"""Vectors that k-means learns from, for each centre."""
BLOCK = 16384
"""Vectors that are compared with all centres at a time."""
MOST_CENTRES = 4096


@dataclass(frozen=True, eq=False)
class Lists:
    """`centres` (n_lists, d); list i holds the vectors `members[ends[i]:ends[i + 1]]`, by their places among all.

    `recall` is the share of the 10 best windows that `probes` lists a vector found, when the lists were made. They
    cover the first `rows` rows; what was added since is in no list, and a candidate always.
    """

    centres: FloatArray
    members: NDArray[np.int32]
    ends: Int64
    probes: int
    recall: float
    rows: int

    def near(self, queries: FloatArray, *, probes: int) -> list[Int64]:
        """The places of all vectors in the lists of the `probes` nearest centres of each query (q, d), rising."""
        scores = queries @ self.centres.T
        probes = min(probes, len(self.centres))
        best = np.argpartition(-scores, probes - 1, axis=1)[:, :probes]
        return [
            np.unique(np.concatenate([self.members[self.ends[i] : self.ends[i + 1]] for i in row])).astype(np.int64)
            for row in best
        ]


def make_lists(vectors: Quantised, *, seed: int = 0) -> tuple[FloatArray, NDArray[np.int32], Int64]:
    """Centres, members and ends of the lists of v vectors: some sqrt(v) lists, by k-means on a part of the vectors."""
    n = max(1, min(MOST_CENTRES, int(np.sqrt(len(vectors))), len(vectors)))
    rng = np.random.default_rng(seed)
    part = np.sort(rng.choice(len(vectors), min(len(vectors), n * LEARNT), replace=False))
    learnt = _wide(vectors[part])
    centres = learnt[np.sort(rng.choice(len(learnt), n, replace=False))]
    for _ in range(ROUNDS):
        nearest = np.concatenate([_nearest(learnt[lo : lo + BLOCK], centres) for lo in range(0, len(learnt), BLOCK)])
        order = np.argsort(nearest, kind="stable")
        found, first = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(learnt[order], first, axis=0)
        centres = centres.copy()  # a centre that nothing is near stays where it is
        centres[found] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    home = np.concatenate([_nearest(_wide(vectors[lo : lo + BLOCK]), centres) for lo in range(0, len(vectors), BLOCK)])
    members = np.argsort(home, kind="stable").astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(home, minlength=n))]).astype(np.int64)
    return centres, members, ends


def write_lists(folder: Path, lists: Lists, version: int, rows: int) -> ListsPart:
    """Write lists over the first `rows` rows beside the mapped vectors they were made from."""
    arrays: tuple[NDArray[Any], ...] = (lists.centres, lists.members, lists.ends)
    parts = []
    for name, values in zip(FILES, arrays, strict=True):
        path = folder / f"{name}-{version}-{os.getpid()}.npy"
        np.save(path, values, allow_pickle=False)
        parts.append(Part(path.name, digest_of(path), rows))
    return ListsPart(tuple(parts), rows, lists.probes, lists.recall)


def open_lists(folder: Path, about: ListsPart) -> Lists | None:
    """Map the lists that a state names; None where they are missing or cannot be read."""
    try:
        arrays = (np.load(folder / part.name, mmap_mode="r", allow_pickle=False) for part in about.parts)
        centres, members, ends = arrays
    except (OSError, ValueError):
        return None
    return Lists(centres, members, np.asarray(ends), about.probes, about.recall, about.rows)


def _wide(vectors: Quantised) -> FloatArray:
    found: FloatArray = vectors.numbers.astype(np.float32) * vectors.scales[:, None]
    return found


def _nearest(vectors: FloatArray, centres: FloatArray) -> Int64:
    return np.argmax(vectors @ centres.T, axis=1)
