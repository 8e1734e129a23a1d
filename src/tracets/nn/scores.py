"""The score of texts against series in torch, as it is trained; `tracets.scores` holds the same for search."""

from __future__ import annotations

from torch import Tensor


def late_interaction(sentences: Tensor, valid: Tensor, channels: Tensor, alive: Tensor) -> Tensor:
    """Mean over a text's sentences of the best cosine with any living channel vector of a series.

    sentences (n, s, d), valid (n, s); channels (m, c, v, d), alive (m, c); all vectors of length 1. -> (n, m)

    A series with no living channel scores -1 with every text: it matches nothing.
    """
    n, s, d = sentences.shape
    m, c, v, _ = channels.shape
    cosine = (sentences.reshape(n * s, d) @ channels.reshape(m * c * v, d).T).view(n, s, m, c, v).amax(-1)
    best = cosine.masked_fill(~alive, -1.0).amax(-1)  # (n, s, m)
    return (best * valid[..., None]).sum(1) / valid.sum(1, keepdim=True).clamp(min=1)


def pair_scores(
    text: tuple[Tensor, Tensor, Tensor], series: tuple[Tensor, Tensor, Tensor], *, sample_weight: float
) -> Tensor:
    """The full score of n texts (vector, sentences, valid) against m series (vector, channels, alive). -> (n, m)"""
    whole, sentences, valid = text
    sample, channels, alive = series
    late = late_interaction(sentences, valid, channels, alive)
    return sample_weight * (whole @ sample.T) + (1 - sample_weight) * late
