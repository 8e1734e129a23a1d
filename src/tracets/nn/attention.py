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
    return torch.addcmul(x * cos, torch.cat([-right, left], dim=-1), sin)


class Block(nn.Module):
    """One pre-norm Transformer layer of width `dim`.

    `forward(x, mask=..., positions=..., rows=...)`: x (n, length, dim); mask broadcastable to (n, heads, length,
    length), True = may attend; positions a rotary table; rows = the positions (r,) of the tokens that are wanted back,
    so that a last layer computes no row that nobody reads (the mask may then be of these rows alone). `narrow`: rows
    (k,) and their own mask (n, 1, k, length), where a few tokens see less than the mask of all: a mask of keys and one
    of a few rows cost no (length, length).
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
        narrow: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        normed = self.norm_in(x)
        wanted, kept = (normed, x) if rows is None else (normed[:, rows], x[:, rows])
        query = self._split(self.query(wanted))
        key, value = (self._split(part) for part in self.key_value(normed).chunk(2, dim=-1))
        if positions is not None:
            table = positions if rows is None else (positions[0][rows], positions[1][rows])
            query, key = rotate(query, table), rotate(key, positions)
        if mask is not None and rows is not None:
            mask = mask[:, :, rows] if mask.shape[2] == x.shape[1] else mask
        mixed = self._attend(query, key, value, mask)
        if narrow is not None:
            mixed = mixed.index_copy(2, narrow[0], self._attend(query[:, :, narrow[0]], key, value, narrow[1]))
        return self._rest(kept, mixed.transpose(1, 2).flatten(2))

    def by_channel(
        self,
        cls: Tensor,
        x: Tensor,
        *,
        keys: Tensor,
        alive: Tensor,
        positions: tuple[Tensor, Tensor] | None,
        summaries: bool,
    ) -> tuple[Tensor, Tensor]:
        """The same layer in blocks: a token sees its own channel, and channels meet in their first tokens and `cls`.

        What the first token of a channel reads is the mean of two attentions: to its channel, and to `cls` and the
        first tokens of all living channels, which is what `cls` reads too. The cost grows with the number of
        channels, not with its square.

        Parameters
        ----------
        cls : Tensor of shape (n, dim)
        x : Tensor of shape (n, c, width, dim)
        keys : Tensor of bool, (n, c, width)
            Which tokens of a channel are seen; the first one is seen inside its channel in any case.
        alive : Tensor of bool, (n, c)
            Which channels are seen by others.
        positions : tuple of Tensor, optional
            A rotary table of (width, dim / heads), the same in each channel.
        summaries : bool
            Only the first token of each channel is wanted back: (n, c, 1, dim).
        """
        n, c, width, _ = x.shape
        inside, normed = x.flatten(0, 1), self.norm_in(x.flatten(0, 1))
        wanted, kept = (normed[:, :1], inside[:, :1]) if summaries else (normed, inside)
        query = self._split(self.query(wanted))
        key, value = (self._split(part) for part in self.key_value(normed).chunk(2, dim=-1))
        firsts = [
            part[:, :, 0].unflatten(0, (n, c)).transpose(1, 2) for part in (query, key, value)
        ]  # (n, heads, c, .)
        if positions is not None:
            table = (positions[0][:1], positions[1][:1]) if summaries else positions
            query, key = rotate(query, table), rotate(key, positions)
        own_keys = F.pad(keys[..., 1:], (1, 0), value=True).view(n * c, 1, 1, width)
        own = self._attend(query, key, value, own_keys)  # (n c, heads, rows, .)

        normed_cls = self.norm_in(cls)[:, None]
        of_cls = [self.query(normed_cls), *self.key_value(normed_cls).chunk(2, dim=-1)]
        query, key, value = (
            torch.cat([self._split(one), many], 2) for one, many in zip(of_cls, firsts, strict=True)
        )  # (n, heads, 1 + c, .)
        met = self._attend(query, key, value, F.pad(alive, (1, 0), value=True)[:, None, None])
        first = (own[:, :, :1] + met[:, :, 1:].transpose(1, 2).flatten(0, 1)[:, :, None]) / 2
        mixed = first if summaries else torch.cat([first, own[:, :, 1:]], 2)
        out = self._rest(kept, mixed.transpose(1, 2).flatten(2)).unflatten(0, (n, c))
        return self._rest(cls, met[:, :, 0].flatten(1)), out

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        drop = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=drop)

    def _rest(self, kept: Tensor, mixed: Tensor) -> Tensor:
        kept = kept + F.dropout(self.out(mixed), self.dropout, self.training)
        return kept + self.feedforward(kept)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (n, heads, length, dim / heads)
