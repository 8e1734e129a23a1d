"""Cheap retrievers that a model has to beat, by name.

Each is a function `(pool, *, train, seed) -> ScoreMatrices`; its module has the pure core that works on plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tracets.errors import NotFound
from tracets.evaluate.baselines.bm25 import bm25
from tracets.evaluate.baselines.caption import caption_embedding
from tracets.evaluate.baselines.chance import random_scores
from tracets.evaluate.baselines.distance import dtw, euclidean
from tracets.evaluate.baselines.ridge import ridge
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.types import Sample


class Baseline(Protocol):
    def __call__(self, pool: Pool, *, train: Sequence[Sample], seed: int) -> ScoreMatrices:
        """Score a pool; `train` holds windows of split "train" and "val", none of the pool; it may be empty."""
        ...


BASELINES: Mapping[str, Baseline] = {
    "random": random_scores,
    "bm25": bm25,
    "caption": caption_embedding,
    "ridge": ridge,
    "euclidean": euclidean,
    "dtw": dtw,
}


def find_baseline(name: str) -> Baseline:
    """Return the baseline of that name.

    Raises
    ------
    NotFound
        There is none; the error lists those that exist.
    """
    if name not in BASELINES:
        raise NotFound(f"no baseline is called '{name}'. Choose from: {', '.join(BASELINES)}.")
    return BASELINES[name]
