"""The front door: everything the command line, a server or a notebook may ask for. Heavy imports wait for their use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tracets.api.classification import classify, evaluate_classify, fit_classifier, is_classifier, load_classifier
from tracets.api.corpora import (
    caption,
    caption_by_llm,
    caption_samples,
    describe,
    llm_captioner,
    read,
    weather,
    windows,
    write,
)
from tracets.api.evaluation import evaluate_channels, evaluate_probes, evaluate_retrieval
from tracets.api.forecasting import (
    evaluate_forecast,
    fit_forecaster,
    forecast_frame,
    forecast_pairs,
    forecast_to_json,
    histories,
    is_forecaster,
    load_backbone,
    load_forecaster,
    neighbours_in,
    plot_forecasts,
    save_forecaster,
    with_neighbours,
)
from tracets.api.forecasting import forecast as forecast  # not of the package: `tracets.forecast` is the room
from tracets.api.models import export, load, set_threads, shipped_models, train
from tracets.api.searching import (
    build_index,
    embed,
    explain,
    hit_to_json,
    map_of,
    open_index,
    plot_hits,
    sample_to_json,
    search,
    stored,
)
from tracets.types import Classification, Forecast, Hit, Query, Sample

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus as Corpus
    from tracets.encoders.protocol import PairEncoder as PairEncoder
    from tracets.forecast.rag import RagForecaster as RagForecaster
    from tracets.retrieval.stored import Index as Index
    from tracets.tasks.classifier import TraceClassifier as TraceClassifier
    from tracets.tasks.forecaster import TraceForecaster as TraceForecaster
    from tracets.tasks.transformer import TraceTransformer as TraceTransformer

__all__ = [
    "Classification", "Forecast", "Hit", "Query", "Sample", "TraceClassifier", "TraceForecaster", "TraceTransformer",
    "build_index", "caption", "caption_by_llm", "caption_samples", "classify", "describe", "embed",
    "evaluate_channels", "evaluate_classify", "evaluate_forecast", "evaluate_probes", "evaluate_retrieval", "explain",
    "export", "fit_classifier", "fit_forecaster", "forecast_frame", "forecast_pairs", "forecast_to_json", "histories",
    "hit_to_json", "is_classifier", "is_forecaster", "llm_captioner", "load", "load_backbone", "load_classifier",
    "load_forecaster", "map_of", "neighbours_in", "open_index", "plot_forecasts", "plot_hits", "read",
    "sample_to_json", "save_forecaster", "search", "set_threads", "shipped_models", "stored", "train", "weather",
    "windows", "with_neighbours", "write",
]  # fmt: skip

ESTIMATORS = {
    "TraceClassifier": "tracets.tasks.classifier",
    "TraceForecaster": "tracets.tasks.forecaster",
    "TraceTransformer": "tracets.tasks.transformer",
}
"""Classes whose modules import scikit-learn and torch: they wait for their first use."""


def __getattr__(name: str) -> Any:
    if name not in ESTIMATORS:
        raise AttributeError(f"module 'tracets.api' has no attribute '{name}'")
    return getattr(importlib.import_module(ESTIMATORS[name]), name)
