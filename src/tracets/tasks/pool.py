"""Several opinions about the same windows as one: a weighted sum of their logits, with weights that may be 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from tracets.tasks.targets import LEAST, Floats, Targets

PRIOR = 0.5
"""How far from an even mean the weights may lie without much evidence (standard deviation of a normal prior)."""


def log_opinions(logits: Floats, *, multilabel: bool) -> Floats:
    """Logits of a model (n, n_classes) on a common footing: log probabilities, or log odds with `multilabel`."""
    least = float(np.log(LEAST))
    return logits.clip(least, -least) if multilabel else log_softmax(logits, axis=1).clip(least)


def pool_weights(opinions: Sequence[Floats], targets: Targets, weights: Floats) -> Floats:
    """Weights (k,) >= 0 of k opinions (n, n_classes) that lose least on held-out windows.

    The pool is calibrated with it: the sum of the weights is the inverse of a temperature, and an opinion that does not
    help gets 0.

    Notes
    -----
    Source: the log-linear opinion pool (Genest and Zidek, 1986, "Combining probability distributions"), fitted as
    temperatures are (Guo et al., 2017, arXiv:1706.04599); a weak normal prior keeps it finite where a few held-out
    windows are told without an error.
    """
    even = np.full(len(opinions), 1 / len(opinions))
    stacked = np.stack(opinions)

    def lost(w: Floats) -> float:
        prior = float(((w - even) ** 2).sum()) / (2 * PRIOR**2 * len(targets))
        return targets.loss(np.tensordot(w, stacked, 1), weights) + prior

    found = minimize(lost, even, bounds=[(0.0, None)] * len(opinions), method="L-BFGS-B")
    best: Floats = found.x.round(6)
    return best if best.any() else even


def shares(
    scores: NDArray[np.floating],
    rows: NDArray[np.int64],
    *,
    n_classes: int,
    multilabel: bool,
    top: int,
    weights: Floats,
) -> Floats:
    """What the labels of the nearest windows say of each query, as logits (n_queries, n_classes).

    Parameters
    ----------
    scores : ndarray of shape (n_queries, n_memory)
        How near, such as the score of search for two series.
    rows, weights
        The labels of the memory and what they weigh, as in `Targets`.
    top : int
        So many nearest windows are asked. The shares of their labels are drawn a little, as by one window more, towards
        the shares in the whole memory.
    """
    marks = (rows if multilabel else np.eye(n_classes)[rows]).astype(np.float64)
    heavy = weights if multilabel else weights[:, None] * np.ones(n_classes)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    prior = (marks * heavy).sum(0) / heavy.sum(0)
    found = ((marks * heavy)[nearest].sum(1) + prior) / (heavy[nearest].sum(1) + 1)
    found = found.clip(LEAST, 1 - LEAST)
    return np.log(found / (1 - found)) if multilabel else np.log(found)
