"""Which library runs a model: onnxruntime where there is an export or one can be made, else torch.

Neither is imported before that is known. No accelerator is looked for: a model is loaded onto the processor, and moves
elsewhere only where its user moves the torch model.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Literal

from tracets.encoders.hub import is_on_hub, pinned
from tracets.encoders.kept import exports_folder, find_kept, keep_export, key_of
from tracets.encoders.onnx_model import OnnxModel, is_export, is_whole
from tracets.encoders.protocol import PairEncoder
from tracets.encoders.registry import family_of
from tracets.encoders.seals import read_config
from tracets.encoders.store import is_model, load_model, model_folder
from tracets.errors import ConfigError, ModelError

Backend = Literal["torch", "onnx"]
LOG = logging.getLogger("tracets")
INSIDE = "onnx"
"""Where an export may lie inside the folder of its model, to be found by the model's name."""


def load(name: str | os.PathLike[str], *, backend: Backend | None = None, threads: int | None = None) -> PairEncoder:
    """Load a model or an export; see `tracets.api.load`."""
    if threads is not None and threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    if backend not in (None, "torch", "onnx"):
        raise ConfigError(f"backend must be 'torch' or 'onnx', got {backend!r}")
    if is_on_hub(name):
        asked, name = name, pinned(str(name))
        if asked != name:
            LOG.warning("model '%s' is now %s", asked, name)
    elif not is_model(name) and (found := family_of(name)) is not None:
        family, checkpoint = found
        if backend is not None:
            raise ConfigError(f"'{name}' is an encoder of another package, which has no backends. Leave backend out.")
        return family.load(checkpoint, threads)
    if backend == "torch":
        _limit_torch(threads)
        return load_model(name)
    folder = model_folder(name)
    export = _export_in(folder, asked_for=backend == "onnx")
    if export is None:
        key = key_of(folder)
        export = find_kept(key)
    if export is None:
        model = load_model(name)
        try:
            export = keep_export(model, folder, key)
        except (ModelError, OSError) as error:
            if backend == "onnx":
                raise _no_export(name, error) from error
            LOG.debug("model '%s' runs on torch: %s", name, error)
            _limit_torch(threads)
            return model
    return OnnxModel(export, name=str(name), threads=threads, source=folder)


def set_threads(n: int) -> None:
    """Limit the processor threads of this process: those of NumPy, of torch, of models loaded later; 1 <= n."""
    if n < 1:
        raise ConfigError(f"threads must be at least 1, got {n}")
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = str(n)  # read by torch when it is imported, and by `OnnxModel`
    threadpool_limits(n, user_api="blas")
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(n)


def _limit_torch(threads: int | None) -> None:
    if threads is not None:
        set_threads(threads)  # torch has one number for the whole process


def _export_in(folder: Path, *, asked_for: bool) -> Path | None:
    """The export that a folder is or holds; one inside must have the vectors of its model where none was asked for."""
    inside = folder / INSIDE
    if is_export(folder):
        return folder
    return inside if is_export(inside) and (asked_for or _is_of(folder, inside)) else None


def _is_of(folder: Path, export: Path) -> bool:
    """Whether an export gives the vectors of a model folder: it is no older one, and none in 8 bits."""
    try:
        ours, theirs = (read_config(p / "config.json", what=f"'{p}'") for p in (folder, export))
        return is_whole(export) and bool(ours["fingerprint"] == theirs["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _no_export(name: str | os.PathLike[str], error: Exception) -> ModelError:
    if isinstance(error, ModelError):
        return error
    return ModelError(
        f"an export of model '{name}' cannot be kept in '{exports_folder()}' ({error}). Name a folder that can be "
        f"written in TRACETS_CACHE, or make one with tracets export {name} --out FOLDER, and name that FOLDER."
    )
