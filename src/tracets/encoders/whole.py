"""A small tower for the window and the text as wholes, apart from the vectors of channels and sentences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPOUT = 0.2
"""Small corpora, on which the whole counts most, are learnt by heart; wider than the towers' own."""


class SeriesWhole(nn.Module):
    """What channels are, their features and the calendar to one vector a window: (n, c, ...) -> (n, out), any length.

    1. mix each channel's identity and features  2. take their mean over living channels  3. two layers to the sphere.
    The identity enters before the mean, so that what is true of one channel and of another stay apart.
    """

    def __init__(self, *, features: int, dim: int, out: int) -> None:
        super().__init__()
        self.channel = nn.Sequential(
            nn.Linear(dim + features, 2 * dim), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(2 * dim, dim)
        )
        self.window = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, out))

    def forward(self, identity: Tensor, features: Tensor, alive: Tensor) -> Tensor:
        """identity (n, c, dim), features (n, c, features), alive (n, c) -> (n, out)."""
        channels = self.channel(torch.cat([identity, features], -1)) * alive[..., None]
        return self.window(channels.sum(1) / alive.sum(1, keepdim=True).clamp(min=1))


class TextWhole(nn.Module):
    """The mean of the frozen token states of a text to one vector: (n, width) -> (n, out), any length."""

    def __init__(self, *, width: int, dim: int, out: int) -> None:
        super().__init__()
        self.straight = nn.Linear(width, out)
        self.bent = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * dim), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(2 * dim, out)
        )

    def forward(self, mean: Tensor) -> Tensor:
        mean = F.normalize(mean, dim=-1)
        return self.straight(mean) + self.bent(mean)
