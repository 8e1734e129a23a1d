"""Hubs: texts that are near every series. What they score above others for nothing is taken off when a series asks.

The hubness of a text is the mean of its `HUB_NEIGHBOURS` highest scores with a bank of series that are not asked about;
a series ranks texts by score - `HUB_WEIGHT` * hubness. Texts that ask for series gain nothing by it and are left alone.

Source: the CSLS of arXiv:1710.04087, section 2.3, on the side of the texts alone: the mean over a query's own
neighbours is one number for all its items and moves none of them. Weight and neighbours were chosen on the validation
weeks of the weather corpus.
"""

from __future__ import annotations

import numpy as np

from tracets.retrieval.scores import BLOCK_BYTES, IntArray, SeriesBank, TextBank, text_to_series
from tracets.types import FloatArray

HUB_WEIGHT = 0.5
HUB_NEIGHBOURS = 20
HUB_BANK = 1024
"""Series in a bank, at most."""
HUB_LEAST = 2
"""Series that a text must be compared with, at least: one alone says nothing about being near everything."""


def text_hubness(
    texts: TextBank,
    bank: SeriesBank,
    *,
    sample_weight: float,
    own: IntArray | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> FloatArray | None:
    """Mean of the `HUB_NEIGHBOURS` highest scores of each text with the bank: (n_texts,), in [-1, 1].

    Parameters
    ----------
    texts, bank
        All series of the bank serve when it holds fewer than `HUB_NEIGHBOURS`.
    own : ndarray of shape (n_texts,) or None
        Where in the bank a text's own window stands, which does not count for that text; -1 where it is not there.

    Returns
    -------
    ndarray or None
        None where the bank holds fewer than `HUB_LEAST` series beside a text's own: nothing can be taken off.
    """
    if len(bank) - (own is not None and bool((own >= 0).any())) < HUB_LEAST:
        return None
    out = np.zeros(len(texts), dtype=np.float32)
    step = max(1, block_bytes // (4 * len(bank)))
    for lo in range(0, len(texts), step):
        hi = min(lo + step, len(texts))
        block = TextBank(texts.sample[lo:hi], texts.sentences.between(lo, hi))
        scores = text_to_series(block, bank, sample_weight=sample_weight, block_bytes=block_bytes)
        if own is not None:
            rows = np.flatnonzero(own[lo:hi] >= 0)
            scores[rows, own[lo:hi][rows]] = -np.inf
        k = min(HUB_NEIGHBOURS, len(bank))
        highest = np.partition(scores, len(bank) - k, axis=1)[:, len(bank) - k :]
        counts = np.isfinite(highest)  # where the bank is small, a text's own window is among the highest k
        out[lo:hi] = np.where(counts, highest, 0.0).sum(axis=1) / counts.sum(axis=1)
    return out


def without_hubs(scores: FloatArray, hubs: FloatArray | None) -> FloatArray:
    """Scores of series with texts (n_series, n_texts) less the share of each text's hubness, in [-1.5, 1.5].

    Unchanged where the hubness is not known.

    >>> without_hubs(np.array([[0.75, 0.5]]), np.array([1.0, 0.25]))
    array([[0.25 , 0.375]])
    """
    return scores if hubs is None else scores - HUB_WEIGHT * hubs


def choose_bank(n: int) -> IntArray:
    """Which of n series make the bank: all, or `HUB_BANK` of them by a fixed draw, rising."""
    if n <= HUB_BANK:
        return np.arange(n, dtype=np.int64)
    return np.sort(np.random.default_rng(0).choice(n, HUB_BANK, replace=False)).astype(np.int64)
