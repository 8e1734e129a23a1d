"""Baseline: one random order. The closed-form chance levels say what it gives on average."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.types import Sample


def random_scores(pool: Pool, *, train: Sequence[Sample], seed: int) -> ScoreMatrices:
    """Draw every score uniformly, seeded."""
    rng = np.random.default_rng(seed)
    n, m = len(pool.paired), len(pool.labelled)
    return ScoreMatrices(
        text_to_series=rng.random((n, n), dtype=np.float32),
        series_to_text=rng.random((n, n), dtype=np.float32),
        series_to_series=rng.random((m, m), dtype=np.float32),
    )
