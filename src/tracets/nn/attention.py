"""Pre-norm Transformer blocks on `scaled_dot_product_attention`, with rotary positions and chosen query rows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rotary(positions: Tensor, dim: int, *, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosine and sine tables (length, dim) of rotary position embedding; position 0 leaves a token unmoved.

    Source: arXiv:2506.09114, section 3.2: patches carry their time index inside the channel, [CLS] and [CIT] carry 0.
    """
    rates = base ** (-torch.arange(0, dim, 2, dtype=torch.float32, device=positions.device) / dim)
    angles = (positions.float()[:, None] * rates).repeat(1, 2)  # (length, dim)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate queries or keys (n, heads, length, dim) by a table of (length, dim)."""
    cos, sin = table
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-right, left], dim=-1) * sin


class Block(nn.Module):
    """One pre-norm Transformer layer of width `dim`.

    `forward(x, mask=..., positions=..., rows=...)`: x (n, length, dim); mask broadcastable to (n, heads, length,
    length), True = may attend; positions a rotary table; rows = the positions (r,) of the tokens that are wanted back,
    so that a last layer computes no row that nobody reads.
    """

    def __init__(self, dim: int, heads: int, *, feedforward: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm_in = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, feedforward * dim),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward * dim, dim),
            nn.Dropout(dropout),
        )

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        positions: tuple[Tensor, Tensor] | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        normed = self.norm_in(x)
        wanted, kept = (normed, x) if rows is None else (normed[:, rows], x[:, rows])
        query = self._split(self.query(wanted))
        key, value = (self._split(part) for part in self.key_value(normed).chunk(2, dim=-1))
        if positions is not None:
            table = positions if rows is None else (positions[0][rows], positions[1][rows])
            query, key = rotate(query, table), rotate(key, positions)
        if mask is not None and rows is not None:
            mask = mask[:, :, rows] if mask.shape[2] > 1 else mask
        drop = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=drop)
        mixed = mixed.transpose(1, 2).flatten(2)  # (n, rows, dim)
        kept = kept + F.dropout(self.out(mixed), drop)
        return kept + self.feedforward(kept)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (n, heads, length, dim / heads)
