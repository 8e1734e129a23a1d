"""Which library runs a model: torch, or onnxruntime for an export. Imports neither before it is known."""

from __future__ import annotations

import os
import sys
from typing import Literal

from tracets.encoders.onnx_model import is_export, load_onnx
from tracets.encoders.protocol import PairEncoder
from tracets.encoders.store import load_model, model_folder
from tracets.errors import ConfigError

Backend = Literal["torch", "onnx"]


def load(name: str | os.PathLike[str], *, backend: Backend | None = None, threads: int | None = None) -> PairEncoder:
    """Load a model or an export; see `tracets.api.load`."""
    if threads is not None and threads < 1:
        raise ConfigError(f"threads must be at least 1, got {threads}")
    if backend is None:
        backend = "onnx" if is_export(model_folder(name)) else "torch"
    if backend == "onnx":
        return load_onnx(name, threads=threads)
    if backend != "torch":
        raise ConfigError(f"backend must be 'torch' or 'onnx', got {backend!r}")
    if threads is not None:
        set_threads(threads)  # torch has one number for the whole process
    return load_model(name)


def set_threads(n: int) -> None:
    """Limit the processor threads of this process, for torch and for models that are loaded later; 1 <= n."""
    if n < 1:
        raise ConfigError(f"threads must be at least 1, got {n}")
    os.environ["OMP_NUM_THREADS"] = str(n)  # read by torch when it is imported, and by `OnnxModel`
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(n)
