"""The losses as pure functions of score matrices and values. They hold no model and no state."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def info_nce(scores: Tensor, *, same: Tensor | None = None, n_hard: int | None = None) -> Tensor:
    """Symmetric InfoNCE of a square matrix of scores, already divided by the temperature; the diagonal holds the pairs.

    Parameters
    ----------
    scores : Tensor of shape (n, n)
        Row i and column i belong together.
    same : Tensor of bool, (n, n), optional
        True where row i and column j say nearly the same: no negative, whatever its score.
    n_hard : int, optional
        Only the `n_hard` highest-scoring wrong ones of each row (and column) count; None or more than there are: all.

    Returns
    -------
    Tensor
        A scalar; 0 where no negative is left.

    Notes
    -----
    Source: arXiv:2506.09114, section 3.3. Departs from it in `same` (context); `n_hard` may exceed the batch.

    Examples
    --------
    >>> round(float(info_nce(torch.eye(2))), 4)
    0.3133
    """
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError(f"info_nce expects a square matrix of scores, got {tuple(scores.shape)}.")
    own = torch.arange(len(scores), device=scores.device)
    return 0.5 * (
        directed_info_nce(scores, own, same=same, n_hard=n_hard)
        + directed_info_nce(scores.T, own, same=None if same is None else same.T, n_hard=n_hard)
    )


def directed_info_nce(scores: Tensor, own: Tensor, *, same: Tensor | None = None, n_hard: int | None = None) -> Tensor:
    """InfoNCE of rows against columns: row i belongs to column own[i]. (n, m), (n,) -> scalar."""
    target = scores.gather(1, own[:, None])  # (n, 1)
    wrong = torch.ones_like(scores, dtype=torch.bool).scatter(1, own[:, None], False)
    if same is not None:
        wrong = wrong & ~same
    others = scores.masked_fill(~wrong, -torch.inf)
    if n_hard is not None and n_hard < others.shape[1]:
        others = others.topk(n_hard, dim=1).values
    return (torch.cat([target, others], 1).logsumexp(1) - target.squeeze(1)).mean()


def masked_mse(prediction: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """Mean squared error over the counted entries only (hidden and observed ones); 0 when none is.

    Source: arXiv:2506.09114, section 3.2. The mean is over what was hidden, so that copying earns nothing.
    """
    error = (prediction - target).square() * counted
    return error.sum() / counted.sum().clamp(min=1)


def hard_negatives_at(progress: float, *, first: int | None, last: int | None) -> int | None:
    """How many hard negatives count at a point of the training, progress in [0, 1]: from `first` to `last`, linearly.

    None stands for all. From all to some the switch is at one half.
    """
    if first is None or last is None:
        return first if progress < 0.5 else last
    return round(first + (last - first) * progress)


def random_patches(shape: tuple[int, ...], *, share: float, generator: torch.Generator) -> Tensor:
    """Choose the patches to hide, each with equal chance: exactly round(share * n_patches) of the last axis."""
    n_hidden = round(share * shape[-1]) if shape[-1] > 1 else 0
    order = torch.rand(shape, generator=generator).argsort(-1)
    return order < n_hidden


def pinball(quantiles: Tensor, target: Tensor, counted: Tensor, levels: Sequence[float]) -> Tensor:
    """Twice the mean pinball loss of each row, over its counted steps and all levels: with many levels near the CRPS.

    Parameters
    ----------
    quantiles : Tensor of shape (n, len(levels), h)
    target : Tensor of shape (n, h)
        Finite, also where it is not counted.
    counted : Tensor of bool, (n, h)

    Returns
    -------
    Tensor of shape (n,)
        0 for a row where nothing is counted.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.bool)
    >>> round(float(pinball(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[2.0]]), one, (0.1, 0.9))), 4)
    0.2
    """
    level = torch.tensor(levels, dtype=quantiles.dtype, device=quantiles.device)[:, None]
    above = target[:, None] - quantiles  # (n, levels, h)
    error = 2 * torch.maximum(level * above, (level - 1) * above) * counted[:, None]
    return error.sum((1, 2)) / (counted.sum(1).clamp(min=1) * len(levels))
