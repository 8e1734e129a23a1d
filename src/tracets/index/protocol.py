"""What an index engine is: whatever finds the stored vectors near some others without comparing all of them.

An engine brings candidates and no more: which windows they belong to, which of these count, and their scores are made
here, from the vectors as they are stored. So a hit has the same score and reasons whatever engine brought it, and what
an engine can get wrong is to miss something, which is measured when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracets.errors import ConfigError
from tracets.types import BoolArray, FloatArray

Places = NDArray[np.int64]
"""Vectors by their places among all, from 0."""
Allowed = Callable[[Places], BoolArray]
"""Which of some places count."""


class Vectors(Protocol):
    """The v stored channel vectors (v, d), read in parts: a slice, or an array of places, gives float32 rows.

    They are those of one byte a number, a quarter of what the vectors as stored would take to read: of length 1 to
    about 1 %.
    """

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def __getitem__(self, which: slice | Places) -> FloatArray: ...


class Finder(Protocol):
    """An engine that was opened over v vectors. It may be asked from several threads at a time, and writes nothing."""

    @property
    def efforts(self) -> Sequence[int]:
        """How thoroughly it may be asked to look, rising, one at least; what the numbers mean is its own affair.

        The first of them that finds .95 of the best windows is kept with the index, or else the last.
        """
        ...

    def candidates(
        self, queries: FloatArray, n: int, allowed: Allowed | None, *, effort: int
    ) -> Sequence[NDArray[np.integer]]:
        """The places of vectors near each query (q, d): one array a query, in any order.

        No more than the n nearest of them that are allowed will count: fewer may come, and others too, which the
        caller leaves out. `allowed` is None where all count; an engine that brings few vectors asks it, so that a
        filter does not leave too few of them.
        """
        ...


@dataclass(frozen=True)
class IndexEngine:
    """A way of finding near vectors.

    Parameters
    ----------
    name : str
        What `ann=` and `--ann-engine` call it: letters, digits, "-" and "_".
    version : str
        Of the files that it writes. Files of another version are not opened: the index is searched exactly until it is
        compacted.
    build : callable
        (vectors, folder) -> None: writes what it makes of v >= 1 vectors into an empty folder, as plain files that no
        dot begins. The folder is moved afterwards, and its files are never changed.
    open : callable
        folder -> Finder. Anything that it raises leaves the index to an exact search.
    about : str
        One line for people.
    """

    name: str
    version: str
    build: Callable[[Vectors, Path], None]
    open: Callable[[Path], Finder]
    about: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name) or not self.version:
            raise ConfigError(
                f"an index engine needs a version, and a name of letters, digits, '-' and '_'; got '{self.name}', "
                f"version '{self.version}'."
            )
