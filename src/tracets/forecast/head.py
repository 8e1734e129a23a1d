"""The light head: from the recent steps of a channel and the encoder's vectors of it to a mean and quantiles.

Source: arXiv:2506.09114 puts "a light head" on the encoder and says no more; this one is ours. The linear map of the
recent steps on the window's own scale is that of Zeng et al. (2022, DLinear, arXiv:2205.13504) with reversible
normalisation; new is what the vectors do: each channel's vectors choose among a few maps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tracets.forecast.ridge import CLIP
from tracets.types import LEVELS

RANK = 10
"""Of the maps: forecasts are mixtures of that many curves over the horizon."""
SHARPNESS = 10.0
"""How decidedly vectors choose their map at the start."""
MEDIAN = LEVELS.index(0.5)
SMALLEST_GAP = 1e-4
WIDEST = 3.0
"""Spreads vary with the window by at most exp(WIDEST), both ways."""


@dataclass(frozen=True)
class HeadSizes:
    """`features` of a row besides vectors; `context`: those of them that are no recent steps; `vectors`: numbers of a
    row's vectors, 0 for a head that reads none; `parts` of them; `maps`; `horizon`."""

    features: int
    context: int
    vectors: int
    parts: int
    maps: int
    horizon: int

    @property
    def rank(self) -> int:
        return min(RANK, self.horizon)


class ForecastHead(nn.Module):
    """Rows on their own scale to means (m, horizon) and quantiles (m, len(LEVELS), horizon), rising by construction.

    `forward(features, vectors)`: features (m, features) of recent steps, then levels and calendar; vectors (m,
    vectors), or None for a head without. 1. centre the vectors and take their main parts  2. mix the maps by the parts
    3. the maps of features and parts give the mean  4. quantiles lie around it: a table over level and step, cumulative
    in softplus from the median on, times exp(a linear map of parts, levels and calendar).
    """

    def __init__(self, sizes: HeadSizes) -> None:
        super().__init__()
        self.sizes = sizes
        width = sizes.features + sizes.parts + 1
        if sizes.vectors:
            self.centre = nn.Parameter(torch.zeros(sizes.vectors))
            self.basis = nn.Parameter(torch.zeros(sizes.vectors, sizes.parts))
        if sizes.maps > 1:
            self.gate = nn.Linear(sizes.parts, sizes.maps)
        self.maps = nn.Parameter(torch.zeros(sizes.maps, width, sizes.rank))
        self.curves = nn.Parameter(torch.zeros(sizes.rank, sizes.horizon))
        self.median = nn.Parameter(torch.zeros(sizes.horizon))
        self.above = nn.Parameter(torch.zeros(len(LEVELS) - 1 - MEDIAN, sizes.horizon))
        self.below = nn.Parameter(torch.zeros(MEDIAN, sizes.horizon))
        self.spread = nn.Parameter(torch.zeros(sizes.context + sizes.parts))

    def forward(self, features: Tensor, vectors: Tensor | None) -> tuple[Tensor, Tensor]:
        parts = self.parts(features, vectors)
        read = F.pad(torch.cat([features, parts], 1), (0, 1), value=1.0)  # (m, width)
        if self.sizes.maps > 1:
            share = self.gate(parts).softmax(1)  # (m, maps)
            mixed = torch.einsum("mk,kwr,mw->mr", share, self.maps, read)
        else:
            mixed = read @ self.maps[0]
        mean = mixed @ self.curves  # (m, horizon)
        told = torch.cat([features[:, features.shape[1] - self.sizes.context :], parts], 1)
        wide = (WIDEST * torch.tanh(told @ self.spread / WIDEST)).exp()  # (m,)
        return mean, mean[:, None] + wide[:, None, None] * self.table()

    def parts(self, features: Tensor, vectors: Tensor | None) -> Tensor:
        """The main parts of the vectors (m, parts)."""
        if not self.sizes.vectors or vectors is None:
            return features[:, :0]
        return ((vectors - self.centre) @ self.basis).clamp(-CLIP, CLIP)

    def table(self) -> Tensor:
        """Where the quantiles lie around the mean, (len(LEVELS), horizon), for a window of the usual spread."""
        up, down = (F.softplus(x).cumsum(0) for x in (self.above, self.below))
        return self.median + torch.cat([-down.flip(0), torch.zeros_like(self.median)[None], up])

    @torch.no_grad()
    def start(
        self,
        *,
        maps: NDArray[np.float64],
        predicted: NDArray[np.float64],
        table: NDArray[np.float64],
        spread: NDArray[np.float64],
        vectors: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
        groups: NDArray[np.float64] | None,
    ) -> None:
        """Begin where closed forms end.

        Parameters
        ----------
        maps : ndarray of shape (maps, width, horizon)
        predicted : ndarray of shape (rows, horizon)
            What they give for many rows: its main curves are kept.
        table : ndarray of shape (len(LEVELS), horizon)
        spread : ndarray of shape (context + parts,)
        vectors : centre (vectors,) and basis (vectors, parts), or None
        groups : ndarray of shape (maps, parts), or None
            Centres: the nearest one chooses the map.
        """
        _, _, directions = np.linalg.svd(predicted, full_matrices=False)
        curves = directions[: self.sizes.rank]
        curves = np.pad(curves, ((0, self.sizes.rank - len(curves)), (0, 0)))
        _set(self.curves, curves)
        _set(self.maps, maps @ curves.T)
        gaps = np.diff(table, axis=0).clip(SMALLEST_GAP)
        _set(self.median, table[MEDIAN])
        _set(self.above, _softplus_inverse(gaps[MEDIAN:]))
        _set(self.below, _softplus_inverse(gaps[:MEDIAN][::-1]))
        _set(self.spread, spread)
        if vectors is not None:
            _set(self.centre, vectors[0])
            _set(self.basis, vectors[1])
        if groups is not None:
            _set(self.gate.weight, 2 * SHARPNESS * groups)
            _set(self.gate.bias, -SHARPNESS * (groups**2).sum(1))


def forecast_loss(mean: Tensor, quantiles: Tensor, target: Tensor) -> Tensor:
    """Mean square error of the means plus twice the mean pinball loss of the quantiles; NaN targets count for nothing.

    mean and target (m, horizon), quantiles (m, len(LEVELS), horizon).

    Examples
    --------
    >>> zero = torch.zeros(1, 2)
    >>> float(forecast_loss(zero, zero[:, None].expand(1, 9, 2), torch.tensor([[2.0, torch.nan]])))
    6.0
    """
    known = ~target.isnan()
    off = (target.nan_to_num() - mean) * known
    count = known.sum().clamp(min=1)
    return off.square().sum() / count + 2 * pinball(quantiles, target)


def pinball(quantiles: Tensor, target: Tensor) -> Tensor:
    """Mean pinball loss over levels and known steps: quantiles (m, len(LEVELS), horizon), target (m, horizon)."""
    known = ~target.isnan()[:, None]
    off = (target.nan_to_num()[:, None] - quantiles) * known
    at = torch.tensor(LEVELS, dtype=off.dtype, device=off.device)[:, None]
    return torch.maximum(at * off, (at - 1) * off).sum() / (known.sum() * len(LEVELS)).clamp(min=1)


def _set(parameter: Tensor, value: NDArray[np.float64]) -> None:
    parameter.copy_(torch.as_tensor(np.ascontiguousarray(value), dtype=parameter.dtype))


def _softplus_inverse(x: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = x + np.log(-np.expm1(-x))
    return out
