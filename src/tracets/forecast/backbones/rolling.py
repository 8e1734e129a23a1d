"""What models cannot do by themselves: horizons beyond their reach, and gaps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tracets.types import LEVELS

MEDIAN = LEVELS.index(0.5)


def roll(
    block: Callable[[Tensor, Tensor], Tensor], values: Tensor, observed: Tensor, horizon: int, *, context: int
) -> Tensor:
    """Quantiles of `horizon` steps from a model that answers with a block of them. (n, t) -> (n, len(LEVELS), horizon)

    The medians of a block are appended to the values, of which the last `context` are read. No gradient goes through
    what was appended: each block answers for itself.

    Parameters
    ----------
    block : callable
        (values (n, t), observed (n, t)) -> quantiles (n, len(LEVELS), steps).
    """
    blocks: list[Tensor] = []
    while sum(b.shape[2] for b in blocks) < horizon:
        blocks.append(block(values, observed))
        said = blocks[-1][:, MEDIAN].detach()
        values = torch.cat([values, said], 1)[:, -context:]
        observed = torch.cat([observed, torch.ones_like(said, dtype=torch.bool)], 1)[:, -context:]
    return torch.cat(blocks, 2)[:, :, :horizon]


def filled(values: Tensor) -> Tensor:
    """Each NaN of (n, t) takes the last value before it; those before the first value stay, as zeros."""
    known = values.isfinite()
    last = torch.where(known, torch.arange(values.shape[1], device=values.device), 0).cummax(1).values
    return values.gather(1, last).nan_to_num(0.0)
