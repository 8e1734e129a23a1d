"""Low-rank adapters: a trained change of small rank beside each frozen weight of a module's linear layers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from tracets.errors import ConfigError

ALPHA = 8.0
"""The change is scaled by ALPHA / rank, so that the same learning rate serves every rank."""


class LowRank(nn.Module):
    """`W + B A * alpha / rank`: a weight (out, in) with a change of small rank; none at the start, as B is 0."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        out, n_in = weight.shape
        self.a = nn.Parameter(torch.randn(rank, n_in) / math.sqrt(n_in))
        self.b = nn.Parameter(torch.zeros(out, rank))
        self.scale = ALPHA / rank

    def forward(self, weight: Tensor) -> Tensor:
        return torch.addmm(weight, self.b, self.a, alpha=self.scale)


def add_lora(module: nn.Module, rank: int) -> list[nn.Parameter]:
    """Freeze a module and give every `nn.Linear` in it an adapter; returns the adapters' parameters, which are trained.

    Parameters
    ----------
    rank : int
        At least 1. A layer that is narrower gets one of its own width.

    Raises
    ------
    ConfigError
        A rank below 1, a module with adapters already, or without a linear layer.

    Notes
    -----
    Source: Hu et al. (2021), "LoRA: Low-rank adaptation of large language models", arXiv:2106.09685.

    Examples
    --------
    >>> layer = nn.Linear(64, 32)
    >>> sum(p.numel() for p in add_lora(layer, 2))
    192
    """
    layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    if rank < 1 or not layers or any(parametrize.is_parametrized(layer) for layer in layers):
        raise ConfigError(
            f"add_lora() expects a rank >= 1 and a module with linear layers that have no adapter yet, got rank {rank} "
            f"and {len(layers)} linear layer(s). Call remove_lora() or merge_lora() first."
        )
    module.requires_grad_(False)
    added = []
    for layer in layers:
        adapter = LowRank(layer.weight, min(rank, *layer.weight.shape))
        parametrize.register_parametrization(layer, "weight", adapter)
        added += [adapter.a, adapter.b]
    return added


def merge_lora(module: nn.Module) -> None:
    """Add each adapter's change to its weight for good, and take the adapters off."""
    for layer in _adapted(module):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def remove_lora(module: nn.Module) -> None:
    """Take the adapters off; the weights are what they were before `add_lora`."""
    for layer in _adapted(module):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def _adapted(module: nn.Module) -> Iterator[nn.Linear]:
    for layer in list(module.modules()):
        if isinstance(layer, nn.Linear) and parametrize.is_parametrized(layer, "weight"):
            yield layer
