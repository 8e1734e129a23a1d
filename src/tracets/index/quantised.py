"""Unit vectors in one byte a number, with a bound on what that costs a cosine. NumPy only.

A vector v is kept as whole numbers and one scale: v' = scale * numbers. For any vector q of length 1 the cosine q . v'
is off by at most |v - v'| (Cauchy-Schwarz), and so is every maximum, mean or weighted mean of such cosines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Vectors widened to float32 at a time, so that they stay in the processor's cache until they are multiplied."""

TOGETHER = 16
"""Queries multiplied at a time: OpenBLAS is several times slower a query for some larger numbers of them."""

LARGEST = 127


@dataclass(frozen=True, eq=False)
class Quantised:
    """v vectors of width d: `numbers` (v, d) int8 and `scales` (v,) float32. Either may be memory-mapped.

    `residual` is the largest |v - v'| of any of them, in [0, 1].
    """

    numbers: NDArray[np.int8]
    scales: NDArray[np.float32]
    residual: float

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.numbers), self.numbers.shape[1]

    def __getitem__(self, which: slice | NDArray[np.int64]) -> Quantised:
        return Quantised(self.numbers[which], self.scales[which], self.residual)

    def wide(self) -> NDArray[np.float32]:
        """The vectors as float32, (v, d)."""
        return self.numbers.astype(np.float32) * self.scales[:, None]

    def products(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """The product of each query (q, d) with each vector: (q, v)."""
        out = np.empty((len(queries), len(self)), np.float32)
        wide = np.empty((min(BLOCK, len(self)), self.numbers.shape[1]), np.float32)
        # a tall matrix by a narrow one: the other way round OpenBLAS takes 2 to 10 times as long
        narrow = [np.ascontiguousarray(queries[i : i + TOGETHER].T) for i in range(0, len(queries), TOGETHER)]
        for lo in range(0, len(self), BLOCK):
            numbers, scales = self.numbers[lo : lo + BLOCK], self.scales[lo : lo + BLOCK]
            block = wide[: len(numbers)]
            np.copyto(block, numbers)
            for i, some in enumerate(narrow):
                rows = slice(i * TOGETHER, i * TOGETHER + some.shape[1])
                np.multiply((block @ some).T, scales, out=out[rows, lo : lo + len(numbers)])
        return out


@dataclass(frozen=True, eq=False)
class Widened:
    """Quantised vectors that are read as float32: a slice, or an array of places, gives the rows (r, d)."""

    kept: Quantised

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def shape(self) -> tuple[int, int]:
        return self.kept.shape

    def __getitem__(self, which: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        return self.kept[which].wide()


def quantise(vectors: NDArray[np.float32]) -> Quantised:
    """Round vectors (v, d) to `LARGEST` steps on either side of 0, each by the scale of its own largest number.

    >>> found = quantise(np.float32([[0.6, -0.8]]))
    >>> found.numbers.tolist(), found.residual < 0.004
    ([[95, -127]], True)
    """
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    scales = (np.where(largest > 0, largest, 1.0) / LARGEST).astype(np.float32)
    numbers = np.rint(vectors / scales[:, None]).astype(np.int8)
    errors = np.linalg.norm(vectors - numbers * scales[:, None], axis=1)
    return Quantised(numbers, scales, float(errors.max(initial=0.0)))
