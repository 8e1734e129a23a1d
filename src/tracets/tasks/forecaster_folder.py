"""Folders of fitted forecasters: config.json, head.safetensors, and encoder/ where that was tuned. No pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tracets.disk import write_whole
from tracets.encoders.model import TraceModel
from tracets.encoders.seals import check_seal, hash_of, is_kind, read_config, sealed
from tracets.encoders.store import read_weights, refuse_giants, restored, save_model
from tracets.errors import ModelError, NotFound
from tracets.forecast.choice import Choice
from tracets.forecast.head import ForecastHead, HeadSizes
from tracets.forecast.ridge import Standard
from tracets.forecast.scaling import ChannelScale, Scaling
from tracets.plain import build
from tracets.tasks.forecaster import TraceForecaster
from tracets.tasks.head_fit import Fitted
from tracets.tasks.loaded import encoder_of

FORMAT = "forecaster-1"
HEAD = "head.safetensors"
BEFORE_SEALS = ("format", "parameters", "encoder", "n_tuned", "n_windows", "horizon", "context", "cycles", "company",
                "choice", "channels", "standards", "sizes", "mean")  # fmt: skip
"""What the settings of a forecaster held before they had a seal."""
PARAMETERS = ("horizon", "tuning", "context", "validation", "refit", "rank", "max_steps", "batch_size", "learning_rate",
              "freq", "seed")  # fmt: skip


def is_forecaster(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a fitted forecaster (of any format of this kind)."""
    return is_kind(folder, "forecaster")


def save_forecaster(forecaster: TraceForecaster, folder: str | os.PathLike[str]) -> Path:
    """Write a fitted forecaster; each file appears whole or not at all.

    A frozen encoder is named with its fingerprint and not copied; a tuned one lies in encoder/.
    """
    from safetensors.torch import save

    path, fitted = Path(folder), forecaster.fitted_
    path.mkdir(parents=True, exist_ok=True)
    encoder = None
    if forecaster.encoder_ is not None:
        name = str(forecaster.model) if isinstance(forecaster.model, str | Path) else forecaster.model.name
        encoder = {"name": name, "fingerprint": forecaster.encoder_.fingerprint}
        if forecaster.tuning != "linear":
            assert isinstance(forecaster.encoder_, TraceModel)
            save_model(
                forecaster.encoder_, path / "encoder", card=f"# The encoder of a forecaster, tuned from {name}\n"
            )
    choice = fitted.choice
    config = {
        "format": FORMAT,
        "parameters": {name: getattr(forecaster, name) for name in PARAMETERS}
        | {"reads": list(forecaster.reads), "channel_names": _listed(forecaster.channel_names),
           "units": _listed(forecaster.units)},
        "encoder": encoder,
        "n_tuned": forecaster.n_tuned_,
        "n_windows": list(forecaster.n_windows_),
        "horizon": fitted.horizon,
        "context": fitted.context,
        "cycles": list(fitted.cycles),
        "company": list(fitted.company),
        "choice": {"scaling": asdict(choice.scaling), "recent": choice.recent, "penalties": choice.penalties,
                   "score": choice.score},
        "channels": {name: asdict(scale) for name, scale in fitted.channels.items()},
        "standards": {name: {"centre": s.centre.tolist(), "spread": s.spread.tolist()}
                      for name, s in fitted.standards.items()},
        "sizes": asdict(fitted.sizes),
        "mean": fitted.mean,
    }  # fmt: skip
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in forecaster.head_.state_dict().items()}
    data = save(weights)
    config["sha256"] = hashlib.sha256(data).hexdigest()
    write_whole(path / HEAD, data)
    write_whole(path / "config.json", (json.dumps(sealed(config), indent=2) + "\n").encode())
    return path


def load_forecaster(folder: str | os.PathLike[str]) -> TraceForecaster:
    """Read a fitted forecaster, and the encoder it was fitted on.

    Raises
    ------
    NotFound
        No such folder, or its encoder is not there.
    ModelError
        A folder that is damaged or of another format, or an encoder that is not the one it was fitted on.
    """
    path = Path(folder)
    if not is_forecaster(path):
        raise NotFound(
            f"'{path}' holds no fitted forecaster. Make one with: tracets forecast base --series FILE --save {path}"
        )
    what = f"forecaster '{path}'"
    saved = read_config(path / "config.json", what=what)
    if saved["format"] != FORMAT:
        raise ModelError(
            f"forecaster '{path}' has format {saved['format']}; this version of tracets reads {FORMAT}. Fit it again, "
            f"or use the version that wrote it."
        )
    check_seal(saved, what=what, before=BEFORE_SEALS)
    if "sha256" in saved and hash_of(path / HEAD) != saved["sha256"]:
        raise ModelError(f"{what} is damaged: its head is not the one it was saved with. Copy or fit it again.")
    weights = read_weights(path / HEAD, what=what)
    try:
        refuse_giants(saved["sizes"], what=what)
        forecaster = _built(saved)
        forecaster.head_ = restored(lambda: ForecastHead(forecaster.fitted_.sizes), weights, what=what).eval()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ArithmeticError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"forecaster '{path}' is damaged ({type(error).__name__}: {error}). Copy or fit it again."
        ) from error
    if saved["encoder"] is not None:
        tuned = path / "encoder"
        name = str(saved["encoder"]["name"])
        forecaster.model = name
        forecaster.encoder_ = encoder_of(tuned if tuned.is_dir() else name)
        if forecaster.encoder_.fingerprint != saved["encoder"]["fingerprint"]:
            raise ModelError(
                f"forecaster '{path}' was fitted on encoder '{name}' with fingerprint "
                f"{saved['encoder']['fingerprint']}; the one found has {forecaster.encoder_.fingerprint}. Fit it again."
            )
    return forecaster


def _listed(values: Sequence[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _built(saved: dict[str, Any]) -> TraceForecaster:
    told = saved["parameters"]
    forecaster = TraceForecaster(**told | {"reads": tuple(told["reads"])})
    choice, told_standards = saved["choice"], saved["standards"]
    sizes = build(HeadSizes, saved["sizes"], where="sizes")
    forecaster.fitted_ = Fitted(
        horizon=saved["horizon"],
        context=saved["context"],
        cycles=tuple(saved["cycles"]),
        company=tuple(saved["company"]),
        reads=tuple(told["reads"]),
        choice=Choice(
            build(Scaling, choice["scaling"], where="scaling"), choice["recent"], choice["penalties"], choice["score"]
        ),
        channels={name: build(ChannelScale, scale, where=name) for name, scale in saved["channels"].items()},
        standards={name: Standard(np.array(s["centre"]), np.array(s["spread"])) for name, s in told_standards.items()},
        sizes=sizes,
        mean=saved["mean"],
    )  # fmt: skip
    forecaster.horizon_, forecaster.context_ = saved["horizon"], saved["context"]
    forecaster.n_windows_ = tuple(saved["n_windows"])
    forecaster.n_tuned_ = saved["n_tuned"]
    forecaster.encoder_ = None
    return forecaster
