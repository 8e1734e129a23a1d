"""Ridge regressions from what the head reads of a row to what followed it: one map, or one a group of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from tracets.forecast.pasts import PastRows, interpolated
from tracets.forecast.scaling import ChannelScale, ScaledRows, Scaling, channel_scales, scale_rows

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

N_PARTS = 16
"""Main directions of the vectors that are read."""
NEAR = 8
"""The last eighth of the steps read has a penalty of its own."""
CLIP = 5.0
FEWEST_IN_GROUP = 50
TINY = 1e-9
FEWEST_SPREAD = 1e-4


@dataclass(frozen=True)
class Fold:
    """Places of rows to learn from and of rows to forecast; `val`: those of the validation part."""

    learn: Places
    held: Places
    val: bool = False


@dataclass(frozen=True, eq=False)
class Material:
    """Rows with their futures (m, horizon) in raw units (NaN = unknown) and the parts of their vectors (m, q)."""

    rows: PastRows
    futures: Floats
    parts: Floats | None
    learn: Places
    folds: tuple[Fold, ...]


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows whose vectors are alike, each group with a map of its own: `of_row` (m,) in [0, n)."""

    of_row: NDArray[np.int64]
    n: int

    def parted(self, rows: Places) -> list[Places]:
        """Some rows, group by group."""
        return [rows[self.of_row[rows] == k] for k in range(self.n)]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over n rows of the products of their features with themselves and with the targets."""

    n: int
    square: Floats
    product: Floats

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.n - other.n, self.square - other.square, self.product - other.product)

    def solve(self, penalty: Floats) -> Floats:
        """The map (features, horizon) that errs least in the mean, with a penalty on the square of its numbers."""
        return ridge(self.square / self.n, self.product / self.n, penalty)


@dataclass(frozen=True, eq=False)
class Standard:
    """Centre and spread of features, each (width,)."""

    centre: Floats
    spread: Floats

    def __call__(self, features: Floats) -> Floats:
        """Features (m, width) in spreads around the centre, cut at `CLIP`."""
        out: Floats = ((features - self.centre) / self.spread).clip(-CLIP, CLIP)
        return out

    @classmethod
    def of(cls, features: Floats) -> Standard:
        spread = features.std(0)
        return cls(features.mean(0), np.where(spread > TINY, spread, 1.0))


@dataclass(frozen=True, eq=False)
class VectorParts:
    """The main directions of vectors: `centre` (width,), `basis` (width, q); along each the spread is 1."""

    centre: Floats
    basis: Floats

    def __call__(self, vectors: NDArray[np.float32]) -> Floats:
        """Vectors (m, width) as their parts (m, q)."""
        parts: Floats = ((vectors - self.centre) @ self.basis).clip(-CLIP, CLIP)
        return parts

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> VectorParts:
        centre = vectors.mean(0, dtype=np.float64)
        off = vectors - centre
        variances, directions = np.linalg.eigh(off.T @ off / len(vectors))  # rising
        spreads = np.sqrt(variances[: -N_PARTS - 1 : -1].clip(0))
        n = int((spreads > FEWEST_SPREAD).sum())
        return cls(centre, directions[:, ::-1][:, :n] / spreads[:n])


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows on their scales: features by block, a last column of ones, and targets (m, horizon) (NaN = unknown)."""

    features: Floats
    blocks: dict[str, slice]
    targets: Floats
    filled: Floats
    scaled: ScaledRows
    channels: dict[str, ChannelScale]
    standards: dict[str, Standard]

    @classmethod
    def of(cls, material: Material, scaling: Scaling, *, recent: int, reads: Sequence[str]) -> Problem:
        """Scale the rows by what the rows to learn from say of their channels."""
        rows = material.rows
        channels = channel_scales(rows.at(material.learn), scaling.bend)
        scaled = scale_rows(rows, scaling, channels)
        standards = {
            "level": Standard.of(scaled.levels[material.learn]), "beside": Standard.of(scaled.beside[material.learn])
        }  # fmt: skip
        found = feature_blocks(scaled, rows, material.parts, standards, recent=recent, reads=reads)
        blocks, at = {}, 0
        for name, block in found.items():
            blocks[name] = slice(at, at + block.shape[1])
            at += block.shape[1]
        targets = scaled.to_scale(material.futures)
        return cls(
            features=np.concatenate([*found.values(), np.ones((len(rows), 1))], 1),
            blocks=blocks,
            targets=targets,
            filled=interpolated(targets, scaled.z[:, -1]),
            scaled=scaled,
            channels=channels,
            standards=standards,
        )

    def penalty(self, penalties: dict[str, float]) -> Floats:
        """The penalty of each feature; none for the offset."""
        out = np.full(self.features.shape[1], TINY)
        for name, block in self.blocks.items():
            out[block] = penalties[name]
        return out

    def sums(self, rows: Places) -> Sums:
        """Of some rows."""
        features = self.features[rows]
        return Sums(len(rows), features.T @ features, features.T @ self.filled[rows])

    def fit(self, rows: Places, penalty: Floats, groups: Groups | None) -> Floats:
        """Maps (n_groups, features, horizon) learnt from some rows."""
        return maps_of([self.sums(own) for own in ([rows] if groups is None else groups.parted(rows))], penalty)

    def predict(self, rows: Places, maps: Floats, groups: Groups | None) -> Floats:
        """Forecasts of some rows on their scale, (len(rows), horizon)."""
        if groups is None:
            return self.features[rows] @ maps[0]
        out = np.empty((len(rows), maps.shape[2]))
        for k in range(len(maps)):
            own = groups.of_row[rows] == k
            out[own] = self.features[rows[own]] @ maps[k]
        return out


def maps_of(sums: Sequence[Sums], penalty: Floats) -> Floats:
    """A map a group; that of a group of too few rows is the one of all."""
    if len(sums) == 1:
        return sums[0].solve(penalty)[None]
    n, square, product = (sum(getattr(s, what) for s in sums) for what in ("n", "square", "product"))
    common = Sums(n, square, product).solve(penalty)
    return np.stack([s.solve(penalty) if s.n >= FEWEST_IN_GROUP else common for s in sums])


def feature_blocks(
    scaled: ScaledRows,
    rows: PastRows,
    parts: Floats | None,
    standards: dict[str, Standard],
    *,
    recent: int,
    reads: Sequence[str],
) -> dict[str, Floats]:
    """What the head reads of rows, by name: the last `recent` steps (the nearest of them apart), the last ones of the
    channels beside it, levels, calendar, parts of the vectors."""
    near = -(-recent // NEAR)
    blocks = {
        "recent": scaled.z[:, scaled.z.shape[1] - recent : scaled.z.shape[1] - near],
        "near": scaled.z[:, scaled.z.shape[1] - near :],
        "beside": standards["beside"](scaled.beside),
        "level": standards["level"](scaled.levels),
        "calendar": rows.calendar,
    }
    if parts is not None:
        blocks["vectors"] = parts
    asked = {*reads, "near"} if "recent" in reads else set(reads)
    return {name: block for name, block in blocks.items() if name in asked and block.shape[1]}


def ridge(square: Floats, product: Floats, penalty: Floats) -> Floats:
    """The map (features, horizon) that errs least, with a penalty on the square of each of its numbers."""
    factor = cho_factor(square + np.diag(penalty), overwrite_a=True, check_finite=False)
    found: Floats = cho_solve(factor, product, check_finite=False)
    return found


def nearest(parts: Floats, centres: Floats) -> NDArray[np.int64]:
    """Which centre (k, q) each of the parts (m, q) is nearest to, (m,)."""
    distance = (centres**2).sum(1) - 2 * parts @ centres.T
    return distance.argmin(1)
