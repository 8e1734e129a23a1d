"""The front door: everything the command line, a server or a notebook may ask for. Heavy imports wait for their use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracets.api.corpora import caption, caption_by_llm, describe, llm_captioner, read, weather, windows, write
from tracets.api.evaluation import evaluate_channels, evaluate_probes, evaluate_retrieval
from tracets.api.models import export, load, set_threads, shipped_models, train
from tracets.api.searching import build_index, embed, explain, hit_to_json, open_index, plot_hits, search
from tracets.types import Hit, Query, Sample

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus as Corpus

__all__ = [
    "Hit", "Query", "Sample", "build_index", "caption", "caption_by_llm", "describe", "embed", "evaluate_channels",
    "evaluate_probes", "evaluate_retrieval", "explain", "export", "hit_to_json", "llm_captioner", "load", "open_index",
    "plot_hits", "read", "search", "set_threads", "shipped_models", "train", "weather", "windows", "write",
]  # fmt: skip
