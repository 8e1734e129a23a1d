"""Encoders, series encoders and sentence encoders of other packages, by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError
from tracets.plugins import installed, named, package_of

if TYPE_CHECKING:
    from torch import nn

    from tracets.encoders.settings import SeriesConfig

ENCODERS = "tracets.encoders"
SERIES_ENCODERS = "tracets.series_encoders"
SENTENCE_ENCODERS = "tracets.sentence_encoders"


@dataclass(frozen=True)
class EncoderFamily:
    """Encoders of series and texts that are loaded in one way.

    Parameters
    ----------
    name : str
        What `tracets.load` and `--model` call it, alone or as "NAME:CHECKPOINT"; no colon.
    load : callable
        (checkpoint, threads) -> PairEncoder, either None where it was not given. The `name` of the encoder must be what
        it was asked for as, or an index of it cannot find its model. Imports what it needs when it is called.
    about : str
        One line for people.
    """

    name: str
    load: Callable[[str | None, int | None], PairEncoder]
    about: str

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name:
            raise ConfigError(f"a family of encoders needs a name without a colon, got '{self.name}'.")


@dataclass(frozen=True)
class SentenceEncoder:
    """A frozen sentence encoder for the text tower, `text.backbone` of a training.

    Parameters
    ----------
    name : str
        What `text.backbone` calls it.
    folder : callable
        () -> the folder of a sentence-transformers model in safetensors with a fast tokenizer.
    """

    name: str
    folder: Callable[[], str]


@dataclass(frozen=True)
class SeriesEncoder:
    """A series tower, trained beside our text tower: `series.tower` of a training.

    Parameters
    ----------
    name : str
        What `series.tower` calls it. A tower that computes otherwise from the same weights needs another name.
    make : callable
        (config, backbone_dim, out) -> a torch module with weights drawn anew. Its `forward` takes a
        `tracets.encoders.series.SeriesBatch` of n windows with up to c channels and t steps, where `values` (n, c, t)
        are in raw units and 0 where `observed` is False, `n_steps` (n,) is the length of each without padding, and
        `names` (n, c, backbone_dim) are vectors of the channels' names and units. It gives vectors of the windows
        (n, out) and of their channels (n, c, config.vectors, out), of any length, none of them 0 where something was
        observed. Padding of channels or steps must change none of them.
    about : str
        One line for people.
    """

    name: str
    make: Callable[[SeriesConfig, int, int], nn.Module]
    about: str


@lru_cache(maxsize=1)
def known_encoders() -> dict[str, EncoderFamily]:
    """Families of encoders of installed packages (entry points of the group "tracets.encoders")."""
    return installed(ENCODERS, (), kind="families of encoders")


@lru_cache(maxsize=1)
def known_sentence_encoders() -> dict[str, SentenceEncoder]:
    """Sentence encoders of installed packages (entry points of the group "tracets.sentence_encoders")."""
    return installed(SENTENCE_ENCODERS, (), kind="sentence encoders")


@lru_cache(maxsize=1)
def known_series_encoders() -> dict[str, SeriesEncoder]:
    """Series towers of installed packages (entry points of the group "tracets.series_encoders")."""
    return installed(SERIES_ENCODERS, (), kind="series towers")


def series_encoder_named(name: str) -> SeriesEncoder:
    """The series tower of a name. Raises NotFound for an unknown one; names those that there are."""
    return named(known_series_encoders(), name, kind="series tower", group=SERIES_ENCODERS)


def tower_package(name: str) -> str:
    """The package that brings a series tower, as `pip install` calls it; "" for ours."""
    return package_of(SERIES_ENCODERS, name)


def sentence_encoder_at(name: str) -> str:
    """The folder that the package of a sentence encoder says; `name` itself where it is a folder, or no package's."""
    found = None if Path(name).exists() else known_sentence_encoders().get(name)
    return name if found is None else found.folder()


def family_of(name: str | os.PathLike[str]) -> tuple[EncoderFamily, str | None] | None:
    """The family that a model's name asks for, and its checkpoint; None for a folder or a name of ours."""
    head, _, checkpoint = str(name).partition(":")
    if isinstance(name, Path) or head not in known_encoders():
        return None
    return known_encoders()[head], checkpoint or None
