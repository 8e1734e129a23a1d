"""Model folders: config.json, model.safetensors, card.md. No pickle anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tracets.disk import write_whole
from tracets.encoders.hub import fetched, is_on_hub
from tracets.encoders.registry import known_series_encoders, tower_package
from tracets.encoders.seals import read_config
from tracets.encoders.settings import OWN_TOWER, ModelConfig
from tracets.errors import ConfigError, ModelError, NotFound
from tracets.files import is_file, size_of
from tracets.plain import build

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tracets.encoders.backbone import TextBackbone
    from tracets.encoders.model import TraceModel

    Module = TypeVar("Module", bound=nn.Module)

FORMAT = 5
"""5: which part of a window stands out enters a [CIT]; 4: sample vectors may come from towers apart; 3: from channels
and sentences; 2: more numbers enter a [CIT]."""
MOST, MOST_LAYERS = 2**20, 512
"""What a size in the settings of a model, and a number of layers, may be."""
SHIPPED = Path(__file__).resolve().parent.parent / "models"


def save_model(model: TraceModel, folder: str | Path, *, card: str) -> Path:
    """Write a model folder; each file appears whole or not at all."""
    from safetensors.torch import save

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, "name": model.name, "fingerprint": model.fingerprint, "model": asdict(model.config)}
    if model.config.series.tower != OWN_TOWER:
        config["tower_package"] = tower_package(model.config.series.tower)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_whole(path / "model.safetensors", save(weights))
    write_whole(path / "card.md", card.encode())
    write_whole(path / "config.json", (json.dumps(config, indent=2) + "\n").encode())
    model.source = path
    return path


def load_model(name: str | os.PathLike[str], *, backbone: TextBackbone | None = None) -> TraceModel:
    """Load a model folder, or a model that ships ("base") by its name; the model is called as it was asked for.

    `backbone`: the frozen sentence encoder of another model, to share what it has read.

    Raises
    ------
    NotFound
        No such folder and no such shipped model.
    ModelError
        The folder is damaged, of another format, or of a series tower whose package is not installed; or its weights
        are not those it was saved with.
    """
    from tracets.encoders import model as room

    path = model_folder(name)
    what = f"model '{path}'"
    saved = read_config(path / "config.json", what=what)
    if str(saved.get("format")).startswith("onnx"):
        raise ModelError(f"model '{path}' is an ONNX export. Load it with backend onnx, or name its model.")
    if saved.get("format") != FORMAT:
        raise ModelError(
            f"model '{path}' has format {saved.get('format')}; this version of tracets reads {FORMAT}. "
            f"Train it again or use the version that wrote it."
        )
    try:
        config = build(ModelConfig, saved["model"], where="model")
        expected = saved["fingerprint"]
    except (KeyError, ConfigError) as error:
        raise ModelError(f"{what} is damaged ({type(error).__name__}: {error}). Copy or train it again.") from error
    refuse_giants(asdict(config), what=what)
    _refuse_without_tower(config.series.tower, saved, what=what)
    weights = read_weights(path / "model.safetensors", what=what)
    reader = backbone or room.TextBackbone(config.text.backbone)
    model = restored(
        lambda: room.TraceModel(config, name=str(name), backbone=reader),
        weights,
        loaded=lambda: reader.dim,
        what=what,
    )
    if model.fingerprint != expected:
        raise ModelError(f"model '{path}' is damaged: its weights are not those it was saved with. Copy it again.")
    model.source = path
    return model.eval()


def _refuse_without_tower(name: str, saved: dict[str, Any], *, what: str) -> None:
    """Refuse a model whose series tower is of a package that is not installed."""
    if name != OWN_TOWER and name not in known_series_encoders():
        package = saved.get("tower_package")
        fix = f"Install it: pip install {package}" if package else "Install the package that brings it."
        raise ModelError(f"{what} has the series tower '{name}' of another package, which is not installed. {fix}")


def read_weights(path: Path, *, what: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, all of them finite.

    Raises
    ------
    ModelError
        No regular file, damaged, or with a number that is none.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    known = (torch.float32, torch.float64, torch.int64)
    try:
        size_of(path)
        weights = load_file(path)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{what} is damaged ({type(error).__name__}: {error}). Copy or train it again.") from error
    for name, tensor in weights.items():
        if tensor.dtype not in known or not bool(tensor.isfinite().all()):
            raise ModelError(
                f"{what} is damaged: its weights '{name}' are not all finite numbers. Copy or train it again."
            )
    return weights


def restored(
    make: Callable[[], Module], weights: dict[str, Tensor], *, loaded: Callable[[], object] = int, what: str
) -> Module:
    """A module with these weights. One whose settings declare others is refused before memory is taken for them.

    `loaded` is called first, for what the module reads with and must not be made of air.

    Raises
    ------
    ModelError
        The weights are not those that the settings declare.
    """
    import torch

    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    try:
        loaded()
        with torch.device("meta"):
            declared = {name: tuple(tensor.shape) for name, tensor in make().state_dict().items()}
        for name in sorted(declared.keys() | given.keys()):
            if declared.get(name) != given.get(name):
                raise ModelError(
                    f"{what} is damaged: its settings declare weights '{name}' of shape {declared.get(name)}, its file "
                    f"has {given.get(name)}. Copy or train it again."
                )
        module = make()
        module.load_state_dict(weights)
    except (ArithmeticError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{what} is damaged ({type(error).__name__}: {error}). Copy or train it again.") from error
    return module


def refuse_giants(settings: Any, *, what: str) -> None:
    """Refuse sizes that no model has: as many layers would be made before any weight is looked at."""
    for name, value in settings.items():
        if isinstance(value, dict):
            refuse_giants(value, what=what)
        elif isinstance(value, int) and value > (MOST_LAYERS if "layers" in name else MOST):
            raise ModelError(f"{what} is damaged: {name} = {value} is more than any model has. Copy it again.")


def model_folder(name: str | os.PathLike[str]) -> Path:
    """The folder of a model: a path, the name of a shipped one, or of one on a hub, which is fetched."""
    if is_on_hub(name):
        return fetched(str(name))
    if is_model(name):
        return Path(name) if is_file(Path(name) / "config.json") else SHIPPED / str(name)
    raise NotFound(
        f"no model '{name}': it is neither a folder with a config.json nor one of the shipped models "
        f"({', '.join(shipped_models()) or 'none'}). Train one with: tracets train CORPUS --out {name}"
    )


def is_model(name: str | os.PathLike[str]) -> bool:
    """Whether this is the folder of a model, or the name of one that ships."""
    return is_file(Path(name) / "config.json") or str(name) in shipped_models()


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(p.parent.name for p in SHIPPED.glob("*/config.json"))
