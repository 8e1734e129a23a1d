"""Model folders: config.json, model.safetensors, card.md. No pickle anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.encoders.settings import ModelConfig
from tracets.errors import ModelError, NotFound
from tracets.plain import build

if TYPE_CHECKING:
    from tracets.encoders.model import TraceModel

FORMAT = 5
"""5: which part of a window stands out enters a [CIT]; 4: sample vectors may come from towers apart; 3: from channels
and sentences; 2: more numbers enter a [CIT]."""
SHIPPED = Path(__file__).resolve().parent.parent / "models"


def save_model(model: TraceModel, folder: str | Path, *, card: str) -> Path:
    """Write a model folder; each file appears whole or not at all."""
    from safetensors.torch import save

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, "name": model.name, "fingerprint": model.fingerprint, "model": asdict(model.config)}
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_whole(path / "model.safetensors", save(weights))
    write_whole(path / "card.md", card.encode())
    write_whole(path / "config.json", (json.dumps(config, indent=2) + "\n").encode())
    return path


def load_model(name: str | os.PathLike[str]) -> TraceModel:
    """Load a model folder, or a model that ships ("base") by its name; the model is called as it was asked for.

    Raises
    ------
    NotFound
        No such folder and no such shipped model.
    ModelError
        The folder is damaged, of another format, or its weights are not those it was saved with.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from tracets.encoders.model import TraceModel

    path = model_folder(name)
    try:
        saved = json.loads((path / "config.json").read_text(encoding="utf-8"))
        if isinstance(saved, dict) and str(saved.get("format")).startswith("onnx"):
            raise ModelError(f"model '{path}' is an ONNX export. Load it with backend onnx, or name its model.")
        if not isinstance(saved, dict) or saved.get("format") != FORMAT:
            found = saved.get("format") if isinstance(saved, dict) else None
            raise ModelError(
                f"model '{path}' has format {found}; this version of tracets reads {FORMAT}. "
                f"Train it again or use the version that wrote it."
            )
        model = TraceModel(build(ModelConfig, saved["model"], where="model"), name=str(name))
        model.load_state_dict(load_file(path / "model.safetensors"))
        expected = saved["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"model '{path}' is damaged ({type(error).__name__}: {error}). Copy or train it again."
        ) from error
    if model.fingerprint != expected:
        raise ModelError(f"model '{path}' is damaged: its weights are not those it was saved with. Copy it again.")
    return model.eval()


def model_folder(name: str | os.PathLike[str]) -> Path:
    """The folder of a model: a path, or the name of a shipped one."""
    path = Path(name)
    if (path / "config.json").is_file():
        return path
    shipped = SHIPPED / str(name)
    if str(name) in shipped_models():
        return shipped
    raise NotFound(
        f"no model '{name}': it is neither a folder with a config.json nor one of the shipped models "
        f"({', '.join(shipped_models()) or 'none'}). Train one with: tracets train CORPUS --out {name}"
    )


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return sorted(p.parent.name for p in SHIPPED.glob("*/config.json"))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
