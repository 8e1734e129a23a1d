"""Fitted classifiers as folders: config.json, classifier.safetensors and, unless it ships, the encoder. No pickle."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.disk import write_whole
from tracets.encoders.model import TraceModel
from tracets.encoders.seals import check_seal, is_kind, read_config, sealed
from tracets.encoders.store import save_model, shipped_models
from tracets.errors import ConfigError, ModelError, NotFound
from tracets.files import LIMITS, read_bytes
from tracets.retrieval.scores import Groups, Names, SeriesBank
from tracets.tasks.classifier import Memory, TraceClassifier
from tracets.tasks.linear import LinearView
from tracets.tasks.targets import Targets
from tracets.tasks.views import Layout, Patterns

FORMAT = "classifier-1"
BEFORE_SEALS = ("format", "params", "encoder", "classes", "multilabel", "prior", "channels", "dilations", "strengths",
                "weights", "losses", "n_trained", "neighbours", "sha256")  # fmt: skip
"""What the settings of a classifier held before they had a seal."""
ENCODER = "encoder"
PARTS = ("centre", "scale", "weight", "bias")


def is_classifier(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a fitted classifier, of whatever format version."""
    return is_kind(folder, "classifier")


def save_classifier(fitted: TraceClassifier, folder: str | os.PathLike[str]) -> None:
    """Write a fitted classifier to a new folder; the config comes last, so that a torn write is no classifier.

    A model that ships is named; any other one, and a tuned one, is written to the folder too.

    Raises
    ------
    ConfigError
        The folder holds something already, or the encoder is one that cannot be written (an ONNX export).
    """
    from safetensors.numpy import save

    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"'{path}' exists already. Choose another folder, or remove it.")
    encoder = fitted.encoder
    shipped = fitted.encoder_ is None and str(fitted.model) in shipped_models()
    if not shipped and not isinstance(encoder, TraceModel):
        raise ConfigError(
            f"the encoder '{encoder.name}' is no torch model and cannot be saved. Fit on the model itself."
        )
    path.mkdir(parents=True, exist_ok=True)
    if not shipped and isinstance(encoder, TraceModel):
        save_model(encoder, path / ENCODER, card=f"# {encoder.name}\n\nEncoder of a classifier ({fitted.tuning}).\n")
    arrays = {f"{name}.{part}": getattr(view, part) for name, view in fitted.views_.items() for part in PARTS}
    if fitted.patterns_ is not None:
        arrays["patterns.bounds"] = fitted.patterns_.bounds
    if fitted.memory_ is not None:
        arrays |= _memory_arrays(fitted.memory_)
    data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    params = fitted.get_params(deep=False) | {"model": str(fitted.model) if shipped else ENCODER}
    params["views"] = list(fitted.views)
    if isinstance(params["class_weight"], dict):
        params["class_weight"] = [[_plain(k), float(v)] for k, v in params["class_weight"].items()]
    config = {
        "format": FORMAT,
        "params": params,
        "encoder": fitted.fingerprint_,
        "classes": fitted.classes_.tolist(),
        "multilabel": fitted.multilabel_,
        "prior": fitted.prior_.tolist(),
        "channels": fitted.layout_.names,
        "dilations": None if fitted.patterns_ is None else fitted.patterns_.steps,
        "strengths": fitted.strengths_,
        "weights": fitted.weights_,
        "losses": list(fitted.losses_),
        "n_trained": fitted.n_trained_,
        "neighbours": None if fitted.memory_ is None else fitted.memory_.bank.names.kinds,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    write_whole(path / "classifier.safetensors", data)
    write_whole(path / "config.json", (json.dumps(sealed(config), indent=2) + "\n").encode())


def load_classifier(folder: str | os.PathLike[str]) -> TraceClassifier:
    """Load a classifier that `save_classifier` wrote.

    Raises
    ------
    NotFound
        No classifier there.
    ModelError
        A damaged folder, one of another format, or an encoder that is not the one it was fitted on.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(folder)
    if not is_classifier(path):
        raise NotFound(
            f"no classifier in '{path}'. Train one with: tracets classify CORPUS --out {path}, or name its folder."
        )
    what = f"classifier '{path}'"
    saved = read_config(path / "config.json", what=what)
    if saved["format"] != FORMAT:
        raise ModelError(
            f"classifier '{path}' has format {saved['format']}; this version of tracets reads {FORMAT}. "
            f"Train it again or use the version that wrote it."
        )
    check_seal(saved, what=what, before=BEFORE_SEALS)
    try:
        data = read_bytes(path / "classifier.safetensors", most=LIMITS.file_bytes)
        if hashlib.sha256(data).hexdigest() != saved["sha256"]:
            raise ModelError(f"classifier '{path}' is damaged: its arrays are not those it was saved with.")
        fitted = _restored(saved, load(data), path)
        _ = fitted.encoder  # refuses another one than it was fitted on
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, SafetensorError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"classifier '{path}' is damaged ({type(error).__name__}: {error}). Copy or train it again."
        ) from error
    return fitted


def _restored(saved: dict[str, Any], arrays: dict[str, NDArray[Any]], path: Path) -> TraceClassifier:
    params = saved["params"]
    if params["model"] == ENCODER:
        params["model"] = str(path / ENCODER)
    if isinstance(params["class_weight"], list):
        params["class_weight"] = dict(params["class_weight"])
    params["views"] = tuple(params["views"])
    fitted = TraceClassifier(params.pop("model"), **params)
    fitted.classes_, fitted.multilabel_ = np.array(saved["classes"]), bool(saved["multilabel"])
    fitted.prior_ = np.array(saved["prior"], np.float64)
    fitted.layout_ = Layout(None if saved["channels"] is None else tuple(saved["channels"]))
    steps = saved["dilations"]
    fitted.patterns_ = None if steps is None else Patterns(tuple(steps), arrays["patterns.bounds"])
    fitted.views_ = {name: _view(arrays, name) for name in saved["strengths"]}
    fitted.strengths_, fitted.weights_ = dict(saved["strengths"]), dict(saved["weights"])
    fitted.losses_, fitted.n_trained_ = tuple(saved["losses"]), saved["n_trained"]
    fitted.fingerprint_, fitted.encoder_, fitted.memory_ = saved["encoder"], None, None
    if saved["neighbours"] is not None:
        kinds = tuple(tuple(names) for names in saved["neighbours"])
        fitted.memory_ = _memory_from(arrays, kinds, fitted.classes_, multilabel=fitted.multilabel_)
    return fitted


def _view(arrays: dict[str, NDArray[Any]], name: str) -> LinearView:
    centre, scale, weight, bias = (arrays[f"{name}.{part}"] for part in PARTS)
    return LinearView(centre, scale, weight, bias, n_trained=0)  # the sum of them is saved


def _memory_arrays(memory: Memory) -> dict[str, NDArray[Any]]:
    bank = memory.bank
    return {
        "memory.sample": bank.sample,
        "memory.vectors": bank.channels.vectors,
        "memory.offsets": bank.channels.offsets,
        "memory.firsts": bank.firsts,
        "memory.which": bank.names.which,
        "memory.rows": memory.targets.rows,
        "memory.weights": memory.weights,
    }


def _memory_from(
    arrays: dict[str, NDArray[Any]], kinds: tuple[tuple[str, ...], ...], classes: NDArray[Any], *, multilabel: bool
) -> Memory:
    part = {name.removeprefix("memory."): array for name, array in arrays.items() if name.startswith("memory.")}
    bank = SeriesBank(
        part["sample"], Groups(part["vectors"], part["offsets"]), part["firsts"], Names(kinds, part["which"])
    )
    return Memory(bank, Targets(classes, part["rows"], multilabel), part["weights"])


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label
