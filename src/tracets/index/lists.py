"""Inverted lists over vectors, the engine that is built in: which vectors may be near others, without comparing all.

Every vector belongs to the nearest of some centres. A query looks into the lists of its nearest centres alone; what
lies in other lists is missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracets.index.protocol import Allowed, IndexEngine, Places, Vectors
from tracets.types import FloatArray

FILES = ("centres", "members", "ends")
ROUNDS = 6
"""Rounds of k-means."""
LEARNT = 64
"""Vectors that k-means learns from, for each centre."""
BLOCK = 16384
"""Vectors that are compared with all centres at a time."""
MOST_CENTRES = 4096
PROBES = 16
"""Lists that each query looks into, to begin with."""


@dataclass(frozen=True, eq=False)
class Lists:
    """`centres` (n_lists, d); list i holds the vectors `members[ends[i]:ends[i + 1]]`, by their places among all."""

    centres: FloatArray
    members: NDArray[np.int32]
    ends: Places

    @property
    def efforts(self) -> tuple[int, ...]:
        """How many lists a query looks into: twice as many each time, up to a quarter of all."""
        found = [PROBES]
        while found[-1] * 8 <= len(self.centres):
            found.append(2 * found[-1])
        return tuple(found)

    def candidates(self, queries: FloatArray, n: int, allowed: Allowed | None, *, effort: int) -> list[Places]:
        """The places of all vectors in the lists of the `effort` nearest centres of each query (q, d), rising."""
        scores = queries @ self.centres.T
        probes = min(effort, len(self.centres))
        best = np.argpartition(-scores, probes - 1, axis=1)[:, :probes]
        return [
            np.unique(np.concatenate([self.members[self.ends[i] : self.ends[i + 1]] for i in row])).astype(np.int64)
            for row in best
        ]


def make_lists(vectors: Vectors, *, seed: int = 0) -> Lists:
    """Lists of v vectors: some sqrt(v) of them, by k-means on a part of the vectors."""
    n = max(1, min(MOST_CENTRES, int(np.sqrt(len(vectors))), len(vectors)))
    rng = np.random.default_rng(seed)
    part = np.sort(rng.choice(len(vectors), min(len(vectors), n * LEARNT), replace=False))
    learnt = vectors[part]
    centres = learnt[np.sort(rng.choice(len(learnt), n, replace=False))]
    for _ in range(ROUNDS):
        nearest = np.concatenate([_nearest(learnt[lo : lo + BLOCK], centres) for lo in range(0, len(learnt), BLOCK)])
        order = np.argsort(nearest, kind="stable")
        found, first = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(learnt[order], first, axis=0)
        centres = centres.copy()  # a centre that nothing is near stays where it is
        centres[found] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    home = np.concatenate([_nearest(vectors[lo : lo + BLOCK], centres) for lo in range(0, len(vectors), BLOCK)])
    members = np.argsort(home, kind="stable").astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(home, minlength=n))]).astype(np.int64)
    return Lists(centres, members, ends)


def write_lists(vectors: Vectors, folder: Path) -> None:
    lists = make_lists(vectors)
    for name in FILES:
        np.save(folder / f"{name}.npy", getattr(lists, name), allow_pickle=False)


def open_lists(folder: Path) -> Lists:
    """Map the lists in a folder. Raises OSError or ValueError where they are missing or cannot be read."""
    centres, members, ends = (np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in FILES)
    ends = np.asarray(ends)
    if len(ends) != len(centres) + 1 or ends[0] != 0 or ends[-1] != len(members) or (np.diff(ends) < 0).any():
        raise ValueError("the ends of its lists do not fit")
    return Lists(centres, members, ends)


def _nearest(vectors: FloatArray, centres: FloatArray) -> Places:
    return np.argmax(vectors @ centres.T, axis=1)


LISTS = IndexEngine(
    "lists", "1", write_lists, open_lists, "inverted lists around some sqrt(v) centres; needs no package"
)
