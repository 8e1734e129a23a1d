"""How often short patterns occur in a channel: shares of steps at which fixed convolutions pass thresholds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tracets.types import FloatArray

LENGTH = 9
WEIGHTS = np.array(
    [[2.0 if i in high else -1.0 for i in range(LENGTH)] for high in itertools.combinations(range(LENGTH), 3)],
    dtype=np.float32,
)
"""All 84 kernels of six weights -1 and three weights 2: they sum to 0, so that the level of a channel has no part."""
MOST_DILATIONS = 12
PER_KERNEL = 119
"""Thresholds a kernel, over all channels and dilations: about 10,000 features in all."""
MOST_NUMBERS = 300_000_000
"""Features of all windows of a training; 4 bytes each."""
LARGEST = 1e17
_GOLDEN = (math.sqrt(5) + 1) / 2


def dilations(n_steps: int, n_channels: int, n_windows: int) -> tuple[list[int], int]:
    """Distances between the weights of a kernel, as long as it fits into the window, and thresholds for each of them.

    Both grow fewer with the channels, so that the features stay about as many, and with very many windows.

    >>> dilations(65, 1, 100), dilations(65, 60, 100)
    (([1, 2, 3, 4, 5, 6, 8], 17), ([1], 1))
    """
    most = max(0.0, math.log2(max(n_steps - 1, 1) / (LENGTH - 1)))
    budget = max(1, min(PER_KERNEL, MOST_NUMBERS // (len(WEIGHTS) * n_windows)) // n_channels)
    steps = sorted({int(2**x + 1e-9) for x in np.linspace(0, most, min(MOST_DILATIONS, budget))})
    return steps, max(1, budget // len(steps))


def thresholds(values: FloatArray, steps: list[int], *, each: int, seed: int) -> FloatArray:
    """Quantiles of what the kernels answer on windows of one channel: (n, t) -> (n_dilations, 84, each).

    Every kernel and dilation asks one window, drawn by `seed`, for `each` quantiles that follow the golden ratio.
    """
    rng = np.random.default_rng(seed)
    out = np.zeros((len(steps), len(WEIGHTS), each), np.float32)
    share = (np.arange(1, out.size + 1) * _GOLDEN % 1).reshape(out.shape)
    for k, step in enumerate(steps):
        drawn = rng.integers(len(values), size=len(WEIGHTS))
        different, which = np.unique(drawn, return_inverse=True)
        answers = answer(torch.from_numpy(values[different]), step).numpy()
        for kernel, window in enumerate(which):
            out[k, kernel] = np.quantile(answers[window, kernel], share[k, kernel])
    return out


def occurrence(values: Tensor, steps: list[int], bounds: Tensor) -> Tensor:
    """Shares of steps at which each kernel passes each threshold: (n, t) -> (n, n_dilations * 84 * each), in [0, 1]."""
    found = []
    for step, bound in zip(steps, bounds, strict=True):
        answers = answer(values, step)  # (n, 84, t)
        found.append(torch.stack([(answers > b[:, None]).float().mean(-1) for b in bound.T], -1).flatten(1))
    return torch.cat(found, 1)


def answer(values: Tensor, step: int) -> Tensor:
    """What every kernel says at every step: (n, t) -> (n, 84, t); beyond its ends a window is as at its ends."""
    reach = (LENGTH // 2) * step
    padded = F.pad(values[:, None], (reach, reach), mode="replicate")
    return F.conv1d(padded, torch.from_numpy(WEIGHTS)[:, None], dilation=step)


def filled(values: NDArray[np.floating]) -> FloatArray:
    """Channels (c, t) without gaps: straight lines across them, the first and last value beyond; 0 for a dead one."""
    out = values.astype(np.float32).clip(-LARGEST, LARGEST)
    steps = np.arange(values.shape[1])
    for row in out:
        known = ~np.isnan(row)
        row[:] = np.interp(steps, steps[known], row[known]) if known.any() else 0
    return out
