"""Baseline: ridge regression from summary features of the series to TF-IDF and SVD of the text; fitted in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.evaluate.baselines.extras import optional
from tracets.evaluate.baselines.features import window_features
from tracets.evaluate.pool import Pool
from tracets.evaluate.scoring import ScoreMatrices
from tracets.metrics import first_relevant, reciprocal_rank, same_key
from tracets.types import FloatArray, Sample

PENALTIES = (10.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4)
TEXT_DIM = 128


@dataclass(frozen=True, eq=False)
class RidgeMap:
    """Series and texts in one space: the SVD of TF-IDF, which the series reach by ridge regression.

    Both sides are centred on the training texts; without it every series looks most like the most average text.
    """

    names: tuple[str, ...]
    scaler: Any
    vectoriser: Any
    svd: Any
    centre: NDArray[np.float64]
    regression: Any
    penalty: float

    def texts(self, texts: Sequence[str]) -> FloatArray:
        """(n,) -> (n, d), length 1."""
        return _unit(self.svd.transform(self.vectoriser.transform(texts)) - self.centre)

    def series(self, samples: Sequence[Sample]) -> FloatArray:
        """(n,) -> (n, d), length 1."""
        return _unit(self.regression.predict(self.scaler.transform(window_features(samples, self.names))))


def ridge(pool: Pool, *, train: Sequence[Sample], seed: int) -> ScoreMatrices:
    """Cosine of what the series predict and what the texts are.

    Raises
    ------
    DataError
        `train` holds fewer than ten windows with a text.
    """
    fitted = fit_ridge(train, seed=seed)
    series, texts = fitted.series(pool.samples), fitted.texts(pool.texts)
    paired, labelled = series[pool.paired], series[pool.labelled]
    scores = texts @ paired.T
    return ScoreMatrices(text_to_series=scores, series_to_text=scores.T, series_to_series=labelled @ labelled.T)


def fit_ridge(samples: Sequence[Sample], *, seed: int) -> RidgeMap:
    """Fit on the windows of split "train"; choose the penalty by the MRR of both directions on split "val".

    Without a validation split the last fifth of the windows in the order given takes its place. Windows without a text
    are left out.
    """
    told = [s for s in samples if s.text and s.text.strip()]
    fit, val = [s for s in told if s.split != "val"], [s for s in told if s.split == "val"]
    if not val:
        cut = len(fit) - len(fit) // 5
        fit, val = fit[:cut], fit[cut:]
    if len(fit) < 8 or len(val) < 2:
        raise DataError(
            f"baseline 'ridge' learns from windows of split 'train' and 'val' with a text, got {len(told)} in all; it "
            f"needs at least 10. Evaluate a corpus that has these splits, or leave the baseline out."
        )
    text_tools = optional("sklearn.feature_extraction.text", baseline="ridge")
    decomposition = optional("sklearn.decomposition", baseline="ridge")
    linear = optional("sklearn.linear_model", baseline="ridge")
    preprocessing = optional("sklearn.preprocessing", baseline="ridge")

    names = tuple(dict.fromkeys(name for s in fit for name in s.channel_names))
    scaler = preprocessing.StandardScaler()
    features = scaler.fit_transform(window_features(fit, names))
    vectoriser = text_tools.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2 if len(fit) > 50 else 1)
    counts = vectoriser.fit_transform([s.text for s in fit])
    svd = decomposition.TruncatedSVD(min(TEXT_DIM, counts.shape[1] - 1, len(fit) - 1), random_state=seed)
    reduced = svd.fit_transform(counts)
    centre = reduced.mean(axis=0)
    targets = _unit(reduced - centre)
    targets -= targets.mean(axis=0)

    relevant = same_key([s.text for s in val], [s.text for s in val])
    best: tuple[float, RidgeMap] | None = None
    for penalty in PENALTIES:
        regression = linear.Ridge(alpha=penalty, fit_intercept=False).fit(features, targets)
        found = RidgeMap(names, scaler, vectoriser, svd, centre, regression, penalty)
        scores = found.texts([s.text or "" for s in val]) @ found.series(val).T
        mrr = float(np.mean([reciprocal_rank(first_relevant(way, relevant)).mean() for way in (scores, scores.T)]))
        if best is None or mrr > best[0]:
            best = mrr, found
    assert best is not None
    return best[1]


def _unit(vectors: NDArray[Any]) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
