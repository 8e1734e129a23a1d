"""Baseline: caption every series and search the captions by BM25, with the library bm25s."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tracets.evaluate.baselines.captions import Captioner, captions_of
from tracets.evaluate.baselines.extras import optional
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.types import FloatArray, Sample

# A number with its sign and fraction is one word: "-10.1" must not match "10.1".
_WORD = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?|[^\W_]+")


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
    """BM25 (Lucene's variant, k1 = 1.5, b = 0.75) of every query with every document: (n_queries, n_documents)."""
    library = optional("bm25s", baseline="bm25")
    index = library.BM25(method="lucene", k1=1.5, b=0.75)
    corpus = [words(document) for document in documents]
    if not any(corpus):
        return np.zeros((len(queries), len(documents)), dtype=np.float32)
    index.index(corpus, show_progress=False)
    known = set().union(*corpus)
    rows = [[word for word in words(query) if word in known] for query in queries]
    scores = np.zeros((len(queries), len(documents)), dtype=np.float32)
    for row, query in enumerate(rows):
        if query:
            scores[row] = index.get_scores(query)
    return scores


def words(text: str) -> list[str]:
    """Split into lower-case words and whole numbers.

    >>> words("A low of -10.1 °C at 03:00.")
    ['a', 'low', 'of', '-10.1', 'c', 'at', '03', '00']
    """
    return _WORD.findall(text.lower())
