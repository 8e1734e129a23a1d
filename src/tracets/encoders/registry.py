"""Encoders and sentence encoders of other packages, by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError
from tracets.plugins import installed

ENCODERS = "tracets.encoders"
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


@lru_cache(maxsize=1)
def known_encoders() -> dict[str, EncoderFamily]:
    """Families of encoders of installed packages (entry points of the group "tracets.encoders")."""
    return installed(ENCODERS, (), kind="families of encoders")


@lru_cache(maxsize=1)
def known_sentence_encoders() -> dict[str, SentenceEncoder]:
    """Sentence encoders of installed packages (entry points of the group "tracets.sentence_encoders")."""
    return installed(SENTENCE_ENCODERS, (), kind="sentence encoders")


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
