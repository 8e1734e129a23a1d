"""Late interaction in torch, as it is trained; `tracets.scores` holds the same for search."""

from __future__ import annotations

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
    m, c, v, d = channels.shape
    cosine = (sentences @ channels.reshape(m * c * v, d).T).view(-1, m, c, v).amax(-1)
    best = cosine.masked_fill(~alive, -1.0).amax(-1)  # (s, m)
    total = best.new_zeros(n_texts, m).index_add(0, owner, best)
    count = best.new_zeros(n_texts).index_add(0, owner, best.new_ones(len(owner)))
    return total / count.clamp(min=1)[:, None]
