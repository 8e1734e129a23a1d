"""Baseline: caption every series and search the captions by BM25."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracets.evaluate.baselines.captions import Captioner, captions_of
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.index.words import Words
from tracets.types import FloatArray, Sample


def bm25(pool: Pool, *, train: Sequence[Sample], seed: int, captioner: Captioner = captions_of) -> ScoreMatrices:
    """Score texts against captions of the series, captions against texts, and captions against captions."""
    captions = captioner(pool.samples)
    paired, labelled = ([captions[i] for i in positions] for positions in (pool.paired, pool.labelled))
    return ScoreMatrices(
        text_to_series=bm25_scores(pool.texts, paired),
        series_to_text=bm25_scores(paired, pool.texts),
        series_to_series=bm25_scores(labelled, labelled),
    )


def bm25_scores(queries: Sequence[str], documents: Sequence[str]) -> FloatArray:
    """BM25 (see `tracets.index.words`) of every query with every document: (n_queries, n_documents)."""
    index = Words.of(documents)
    found = [index.scores(query) for query in queries]
    return np.array(found, dtype=np.float32).reshape(len(queries), len(documents))
