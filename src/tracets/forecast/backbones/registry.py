"""Backbones by name: what ships, and what other packages add by an entry point."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Literal

from tracets.errors import ConfigError, NotFound
from tracets.forecast.protocol import Backbone
from tracets.plugins import installed

GROUP = "tracets.backbones"


@dataclass(frozen=True)
class Source:
    """Where a backbone's weights come from, and where it shall run.

    Parameters
    ----------
    checkpoint : str or None
        A local folder, or a name on the Hugging Face hub; None for weights that come with the family's package.
    device : str
        As torch names it: "cpu", "cuda", "cuda:1".
    trust_remote_code : bool
        Whether Python code that lies beside the weights may be run.
    """

    checkpoint: str | None = None
    device: str = "cpu"
    trust_remote_code: bool = False


@dataclass(frozen=True)
class Family:
    """Forecasters that are loaded in one way.

    Parameters
    ----------
    name : str
        What `load_backbone` and `--backbone` call it; no colon.
    load : callable
        (source) -> Backbone, frozen and ready to be asked. Imports what it needs when it is called.
    about : str
        One line for people.
    extra : str or None
        The extra of tracets that brings the package it needs.
    checkpoint : {"none", "optional", "required"}
        Whether a checkpoint may or must be named, as in "chronos-bolt:FOLDER".
    remote_code : bool
        Whether the model is Python code beside its weights, which runs only where the user says so.
    """

    name: str
    load: Callable[[Source], Backbone]
    about: str
    extra: str | None = None
    checkpoint: Literal["none", "optional", "required"] = "none"
    remote_code: bool = False

    def __post_init__(self) -> None:
        if not self.name or ":" in self.name:
            raise ConfigError(f"a family of backbones needs a name without a colon, got '{self.name}'.")


def _late(module: str, loader: str = "load") -> Callable[[Source], Backbone]:
    """A loader of a module of this package, imported when it is called: each brings a heavy package."""

    def load(source: Source) -> Backbone:
        loaded: Backbone = getattr(import_module(f"tracets.forecast.backbones.{module}"), loader)(source)
        return loaded

    return load


BUILT_IN = (
    Family("seasonal-naive", _late("naive"), "repeats the last season: a day of hours, a year of weeks"),
    Family("last-value", _late("naive", "load_last_value"), "repeats the last value"),
    Family("fracast", _late("fracast"), "Fracast-0, 85k parameters, pretrained weights inside its package",
           extra="fracast", checkpoint="optional"),
    Family("chronos-bolt", _late("chronos", "load_bolt"), "Chronos-Bolt, one channel at a time",
           extra="chronos", checkpoint="required"),
    Family("chronos-2", _late("chronos", "load_two"), "Chronos-2, the channels of a window together",
           extra="chronos", checkpoint="required"),
    Family("timesfm", _late("timesfm"), "TimesFM 2.0 and 2.5 through transformers", checkpoint="required"),
    Family("moment", _late("moment"), "MOMENT by its reconstruction head; pip install --no-deps momentfm",
           checkpoint="required"),
    Family("timer-xl", _late("remote", "load_timer_xl"), "Timer-XL, as code beside its weights",
           checkpoint="required", remote_code=True),
    Family("time-moe", _late("remote", "load_time_moe"), "Time-MoE, as code beside its weights",
           checkpoint="required", remote_code=True),
)  # fmt: skip


@lru_cache(maxsize=1)
def known_backbones() -> dict[str, Family]:
    """All families by name: the built-in, then installed ones (entry points of the group "tracets.backbones").

    Raises
    ------
    ConfigError
        Two families have the same name.
    """
    return installed(GROUP, BUILT_IN, kind="families of backbones")


def load_backbone(
    name: str,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> Backbone:
    """A forecaster by its name, frozen and ready to be asked.

    Parameters
    ----------
    name : str
        One of `known_backbones()`, alone or with its checkpoint: "fracast", "chronos-bolt:FOLDER",
        "chronos-bolt:amazon/chronos-bolt-small".
    checkpoint : str or path, optional
        The folder or hub name, where it is not part of `name`.
    device : str, default="cpu"
        As torch names it.
    trust_remote_code : bool, default=False
        Run Python code that lies beside the weights. Only for families that are such code ("timer-xl", "time-moe"),
        and only for a checkpoint that you have read.

    Returns
    -------
    Backbone

    Raises
    ------
    NotFound
        No such family.
    ConfigError
        A checkpoint that is missing, or named where none is taken; code to be run without consent.
    MissingExtra
        The family's package is not installed. Says which extra brings it.
    ModelError
        The checkpoint cannot be found or read.

    Examples
    --------
    >>> load_backbone("seasonal-naive").name
    'seasonal-naive'
    """
    known = known_backbones()
    short, colon, inside = name.partition(":")
    if short not in known:
        raise NotFound(f"there is no backbone '{short}'. Use one of {', '.join(known)}.")
    family = known[short]
    if colon and checkpoint is not None:
        raise ConfigError(f"backbone '{name}' names a checkpoint, and checkpoint='{checkpoint}' another. Give one.")
    chosen = os.fspath(checkpoint) if checkpoint is not None else inside or None
    if chosen is None and family.checkpoint == "required":
        raise ConfigError(f"backbone '{short}' needs a checkpoint: '{short}:FOLDER' or '{short}:NAME_ON_THE_HUB'.")
    if chosen is not None and family.checkpoint == "none":
        raise ConfigError(f"backbone '{short}' takes no checkpoint, got '{chosen}'. Leave it out.")
    if family.remote_code and not trust_remote_code:
        raise ConfigError(
            f"backbone '{short}' is Python code that lies beside its weights ('{chosen}') and would be run here. "
            f"Read it, then pass trust_remote_code=True."
        )
    if trust_remote_code and not family.remote_code:
        raise ConfigError(f"backbone '{short}' runs no code of its checkpoint. Leave trust_remote_code out.")
    return family.load(Source(chosen, device, trust_remote_code))
