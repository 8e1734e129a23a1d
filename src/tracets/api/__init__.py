"""The front door: everything the command line, a server or a notebook may ask for. Heavy imports wait for their use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tracets.api.classification import classify, evaluate_classify, fit_classifier, is_classifier, load_classifier
from tracets.api.corpora import (
    caption,
    caption_by_llm,
    caption_samples,
    channel_table,
    describe,
    limits_of,
    llm_captioner,
    plot_profile,
    read,
    weather,
    windows,
    write,
)
from tracets.api.embedding import embed, embed_folder, embed_to_file, open_vectors
from tracets.api.evaluation import evaluate_channels, evaluate_parts, evaluate_probes, evaluate_retrieval
from tracets.api.fetching import (
    build_noaa,
    downloads,
    fetch_ett,
    fetch_ptb_xl,
    fetch_time_mmd,
    fetch_time_mmd_series,
    fetch_uea,
    terms_of,
)
from tracets.api.forecast_evaluation import evaluate_forecast, forecast_pairs
from tracets.api.forecasting import (
    fit_forecaster,
    histories,
    is_forecaster,
    load_backbone,
    load_forecaster,
    neighbours_in,
    save_forecaster,
    with_neighbours,
)
from tracets.api.forecasting import forecast as forecast  # not of the package: `tracets.forecast` is the room
from tracets.api.indexes import (
    add_to_index,
    compact_index,
    delete_from_index,
    delete_where,
    export_index,
    index_info,
    restore_index,
    upsert_index,
    verify_index,
    watch,
)
from tracets.api.models import export, is_first_process, load, set_threads, shipped_models, train
from tracets.api.searching import (
    build_index,
    check_numbers,
    explain,
    model_of,
    open_index,
    search,
    search_many,
    stored,
)
from tracets.api.showing import (
    channel_numbers,
    compare,
    forecast_frame,
    forecast_to_json,
    hit_to_json,
    hits_to_html,
    map_of,
    plot_forecasts,
    plot_hits,
    sample_to_json,
)
from tracets.api.sources import kind_of_source, source
from tracets.api.spans import cut, find_spans, plot_spans, span_to_json
from tracets.files import Limits
from tracets.filters import Filter, col
from tracets.filters import from_json as filter_from_json
from tracets.filters import to_json as filter_to_json
from tracets.types import Classification, Forecast, Hit, Query, Sample, Span

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus as Corpus
    from tracets.data.cutting import Cut as Cut
    from tracets.data.cutting import Cutting as Cutting
    from tracets.data.noaa.settings import NoaaSettings as NoaaSettings
    from tracets.data.sources.source import Source as Source
    from tracets.encoders.model import TraceModel as TraceModel
    from tracets.encoders.protocol import PairEncoder as PairEncoder
    from tracets.forecast.rag import RagForecaster as RagForecaster
    from tracets.reproduction import reproduce as reproduce
    from tracets.reproduction import reproducible as reproducible
    from tracets.retrieval.stored import Index as Index
    from tracets.tasks.classifier import TraceClassifier as TraceClassifier
    from tracets.tasks.forecaster import TraceForecaster as TraceForecaster
    from tracets.tasks.transformer import TraceTransformer as TraceTransformer

__all__ = [
    "Classification", "Filter", "Forecast", "Hit", "Limits", "NoaaSettings", "Query", "Sample", "Span",
    "TraceClassifier", "TraceForecaster", "TraceModel", "TraceTransformer", "add_to_index", "build_index", "build_noaa",
    "caption", "caption_by_llm", "caption_samples", "channel_numbers", "channel_table", "check_numbers", "classify",
    "col", "compact_index", "compare", "cut", "delete_from_index", "delete_where", "describe", "downloads", "embed",
    "embed_folder", "embed_to_file", "evaluate_channels", "evaluate_classify", "evaluate_forecast", "evaluate_parts",
    "evaluate_probes", "evaluate_retrieval", "explain", "export", "export_index", "fetch_ett", "fetch_ptb_xl",
    "fetch_time_mmd", "fetch_time_mmd_series", "fetch_uea", "filter_from_json", "filter_to_json", "find_spans",
    "fit_classifier", "fit_forecaster", "forecast_frame", "forecast_pairs", "forecast_to_json", "histories",
    "hit_to_json", "hits_to_html", "index_info", "is_classifier", "is_first_process", "is_forecaster", "kind_of_source",
    "limits_of", "llm_captioner", "load", "load_backbone", "load_classifier", "load_forecaster", "map_of", "model_of",
    "neighbours_in", "open_index", "open_vectors", "plot_forecasts", "plot_hits", "plot_profile", "plot_spans", "read",
    "reproduce", "reproducible", "restore_index", "sample_to_json", "save_forecaster", "search", "search_many",
    "set_threads", "shipped_models", "source", "span_to_json", "stored", "terms_of", "train", "upsert_index",
    "verify_index", "watch", "weather", "windows", "with_neighbours", "write",
]  # fmt: skip

LATE = {
    "TraceClassifier": "tracets.tasks.classifier",
    "TraceForecaster": "tracets.tasks.forecaster",
    "TraceModel": "tracets.encoders.model",
    "TraceTransformer": "tracets.tasks.transformer",
    "NoaaSettings": "tracets.data.noaa.settings",
    "reproduce": "tracets.reproduction",
    "reproducible": "tracets.reproduction",
}
"""What waits for its first use: classes whose modules import scikit-learn, torch or more, and what calls this front."""


def __getattr__(name: str) -> Any:
    if name not in LATE:
        raise AttributeError(f"module 'tracets.api' has no attribute '{name}'")
    return getattr(importlib.import_module(LATE[name]), name)
