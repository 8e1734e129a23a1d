"""Which token of [CLS] [CIT_1] patches ... [CIT_c] patches may attend to which; True = may.

`filled` (n, c, n_patches) says which patches hold something observed, `channel_valid` (n, c) which channels live;
without `cit` the tokens are [CLS] patches ... patches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attention_keys(filled: Tensor, channel_valid: Tensor, *, cit: bool = True) -> Tensor:
    """Which token is there to be seen (n, length): [CLS], the [CIT] of living channels and filled patches of such.

    A token that is no key is read by nobody, whatever it sees: so a mask of keys, the same for every row, does the work
    of one of (length, length).
    """
    key = filled & channel_valid[..., None]
    key = torch.cat([channel_valid[..., None], key], -1) if cit else key
    return F.pad(key.flatten(1), (1, 0), value=True)


def cit_rows(keys: Tensor, c: int) -> tuple[Tensor, Tensor]:
    """Channel-biased attention: the places of the [CIT]s (c,), and what each sees of the keys (n, 1, 1, length).

    It sees its channel only (n, 1, c, length), and itself where nothing was observed, so that no row is empty. Every
    other token sees all keys.
    """
    length = keys.shape[-1]
    width = (length - 1) // c
    rows = 1 + torch.arange(c, device=keys.device) * width
    place = torch.arange(length, device=keys.device)
    own = (place >= rows[:, None]) & (place < rows[:, None] + width)
    return rows, (keys & own) | (place == rows[:, None])


def causal_mask(filled: Tensor, channel_valid: Tensor, *, cit: bool = True) -> Tensor:
    """A token sees those before it, channel after channel (n, 1, length, length).

    A [CIT] counts as behind its patches and [CLS] as last: before what they sum up they would see nothing of it. Every
    token sees itself, so that no row is empty.
    """
    c, p = filled.shape[1:]
    width, length = p + int(cit), 1 + c * (p + int(cit))
    place = torch.arange(c * width, device=filled.device)
    is_cit = place % width == 0 if cit else torch.zeros_like(place, dtype=torch.bool)
    turn = F.pad(torch.where(is_cit, place + p, place - int(cit)), (1, 0), value=length - 1)
    allowed = attention_keys(filled, channel_valid, cit=cit)[:, None] & (turn[:, None] >= turn)
    every = torch.arange(length, device=filled.device)
    return (allowed | (every[:, None] == every))[:, None]
