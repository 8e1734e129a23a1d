"""Late interaction in torch, as it is trained; `tracets.retrieval.scores` holds the same for search."""

from __future__ import annotations

import torch
from torch import Tensor


def late_interaction(sentences: Tensor, owner: Tensor, channels: Tensor, alive: Tensor, *, n_texts: int) -> Tensor:
    """Mean over a text's sentences of the best cosine with any living channel vector of a series.

    Parameters
    ----------
    sentences : Tensor of shape (s, d)
        The sentences of all texts, of length 1.
    owner : Tensor of shape (s,)
        The text of each sentence, in [0, n_texts).
    channels : Tensor of shape (m, c, v, d)
        v vectors of length 1 for each channel of m series.
    alive : Tensor of bool, (m, c)
        Channels with something observed.

    Returns
    -------
    Tensor
        (n_texts, m), in [-1, 1]. A series with no living channel scores -1 with every text: it matches nothing.
    """
    return mean_by_text(best_cosines(sentences, channels, alive), owner, n_texts=n_texts)


def best_cosines(sentences: Tensor, channels: Tensor, alive: Tensor) -> Tensor:
    """The best cosine of each sentence (s, d) with any living channel vector of each series (m, c, v, d). -> (s, m)"""
    m, c, v, d = channels.shape
    cosine = (sentences @ channels.reshape(m * c * v, d).T).view(-1, m, c, v).amax(-1)
    return cosine.masked_fill(~alive, -1.0).amax(-1)


def own_interaction(sentences: Tensor, owner: Tensor, channels: Tensor, alive: Tensor) -> Tensor:
    """`late_interaction` of text i with series i alone: sentences (s, d), channels (m, c, v, d), alive (m, c) -> (m,).

    `owner` (s,) may lie outside [0, m): such sentences are left out.
    """
    mine = ((owner >= 0) & (owner < len(channels))).nonzero().squeeze(1)
    owner = owner[mine]
    cosine = torch.einsum("sd,scvd->scv", sentences[mine], channels[owner]).amax(-1)
    best = cosine.masked_fill(~alive[owner], -1.0).amax(-1)  # (s,)
    return mean_by_text(best[:, None], owner, n_texts=len(channels)).squeeze(1)


def mean_by_text(best: Tensor, owner: Tensor, *, n_texts: int) -> Tensor:
    """The mean over the sentences of each text: (s, m), (s,) -> (n_texts, m)."""
    total = best.new_zeros(n_texts, best.shape[1]).index_add(0, owner, best)
    count = best.new_zeros(n_texts).index_add(0, owner, torch.ones_like(best[:, 0]))
    return total / count.clamp(min=1)[:, None]
