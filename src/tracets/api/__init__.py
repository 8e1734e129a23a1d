"""The front door: everything the command line, a server or a notebook may ask for. Heavy imports wait for their use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tracets.api.classification import classify, evaluate_classify, fit_classifier, is_classifier, load_classifier
from tracets.api.corpora import caption, caption_by_llm, describe, llm_captioner, read, weather, windows, write
from tracets.api.evaluation import evaluate_channels, evaluate_probes, evaluate_retrieval
from tracets.api.models import export, load, set_threads, shipped_models, train
from tracets.api.searching import build_index, embed, explain, hit_to_json, open_index, plot_hits, search
from tracets.types import Classification, Hit, Query, Sample

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus as Corpus
    from tracets.tasks.classifier import TraceClassifier as TraceClassifier
    from tracets.tasks.transformer import TraceTransformer as TraceTransformer

__all__ = [
    "Classification", "Hit", "Query", "Sample", "TraceClassifier", "TraceTransformer", "build_index", "caption",
    "caption_by_llm", "classify", "describe", "embed", "evaluate_channels", "evaluate_classify", "evaluate_probes",
    "evaluate_retrieval", "explain", "export", "fit_classifier", "hit_to_json", "is_classifier", "llm_captioner",
    "load", "load_classifier", "open_index", "plot_hits", "read", "search", "set_threads", "shipped_models", "train",
    "weather", "windows", "write",
]  # fmt: skip

ESTIMATORS = {
    "TraceClassifier": "tracets.tasks.classifier",
    "TraceTransformer": "tracets.tasks.transformer",
}
"""Classes whose modules import scikit-learn and torch: they wait for their first use."""


def __getattr__(name: str) -> Any:
    if name not in ESTIMATORS:
        raise AttributeError(f"module 'tracets.api' has no attribute '{name}'")
    return getattr(importlib.import_module(ESTIMATORS[name]), name)
