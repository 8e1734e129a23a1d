"""The settings of a training run: composes the rooms' dataclasses, and is the sole reader of settings files."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracets.encoders.settings import ModelConfig
from tracets.errors import ConfigError, NotFound
from tracets.files import is_file, read_bytes
from tracets.plain import build, override
from tracets.tasks.align import AlignConfig
from tracets.tasks.pretrain import PretrainConfig
from tracets.training.settings import OptimConfig

LONGEST_RECIPE = 2**20
"""Bytes."""
RECIPES = Path(__file__).resolve().parent / "recipes"


@dataclass(frozen=True)
class DataConfig:
    """What a recipe trains on when no corpus is given: `weather`, the New York weather with captions (hourly, and the
    coarser resolutions with `resolutions`); `mixed` windows made from its channels; `generated` windows of the
    generated curriculum, `family` of them from one site; `drills` windows without captions, of the same sites and mixed
    from the same channels half and half, for the loss of swapped facts alone."""

    weather: bool = False
    resolutions: bool = False
    mixed: int = 0
    generated: int = 0
    family: int = 96
    drills: int = 0

    def __post_init__(self) -> None:
        if min(self.mixed, self.generated, self.drills) < 0 or self.family < 1:
            raise ConfigError(
                f"data.mixed, generated and drills must be at least 0, data.family at least 1, got {self.mixed}, "
                f"{self.generated}, {self.drills}, {self.family}"
            )


@dataclass(frozen=True)
class Settings:
    """All that decides a training run, besides the corpus and the seed."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    align: AlignConfig = field(default_factory=AlignConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)


def load_settings(recipe: str | None = None, *, assignments: Sequence[str] = ()) -> Settings:
    """Defaults, then a recipe (a shipped name or a TOML file), then single values such as "align.channel=0".

    Raises
    ------
    NotFound
        No such recipe.
    ConfigError
        An unknown name, a wrong type, a value out of range, or a file that is not TOML.
    """
    settings = Settings()
    if recipe is not None:
        path = recipe_file(recipe)
        data = read_bytes(path, most=LONGEST_RECIPE, error=ConfigError)
        try:
            table = tomllib.loads(data.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise ConfigError(f"recipe '{path}' is not TOML: {error}") from error
        settings = build(Settings, table, where="")
    for assignment in assignments:
        settings = override(settings, assignment)
    return settings


def recipe_file(name: str) -> Path:
    """The file of a recipe: a path that ends in .toml, or the name of a shipped one."""
    shipped = sorted(p.stem for p in RECIPES.glob("*.toml"))
    if name in shipped:
        return RECIPES / f"{name}.toml"
    if name.endswith(".toml") and is_file(name):
        return Path(name)
    raise NotFound(f"no recipe '{name}'; shipped: {', '.join(shipped)}. Or pass the path of a .toml file.")
