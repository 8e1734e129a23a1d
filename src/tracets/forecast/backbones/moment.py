"""MOMENT through its package momentfm (MIT), which pins an old transformers and installs with --no-deps only.

Zero-shot, as its package offers it: the steps to be forecast are masked at the end of the 512 that the model reads, and
its pretrained head reconstructs them. A block is at most a quarter of those steps; longer horizons are rolled on. One
number a step: quantiles come from errors inside the window (`points`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tracets.forecast.backbones.loading import frozen, import_package, reading
from tracets.forecast.backbones.points import with_spread
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rolling import filled
from tracets.forecast.backbones.rows import Rows, continue_windows
from tracets.types import FloatArray, Forecast, Sample

INSTALL = "--no-deps momentfm (its pins forbid a plain install beside a present transformers)"


class Moment:
    """MOMENT with its reconstruction head.

    Parameters
    ----------
    model : momentfm.MOMENTPipeline
    name : str
    device : str
    """

    def __init__(self, model: Any, *, name: str, device: str) -> None:
        self.name = name
        self.model: Any = frozen(model, device)
        self.reads, self.patch = int(model.seq_len), int(model.patch_len)
        self.block = max(self.reads // 4 // self.patch, 1) * self.patch
        self.device = torch.device(device)

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return (self.model,)

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Windows need 2 steps; any horizon."""
        predict = with_spread(self._point)
        return continue_windows(pasts, horizon, predict, name=self.name, context=self.reads)

    def _point(self, rows: Rows, horizon: int) -> FloatArray:
        given = torch.from_numpy(rows.values).to(self.device)
        begun = given.isfinite().cumsum(1) > 0
        values = filled(given)
        said: list[Tensor] = []
        for begin in range(0, horizon, self.block):
            values, begun = values[:, -self.reads :], begun[:, -self.reads :]
            said.append(self._ask(values, begun, min(self.block, horizon - begin)))
            values = torch.cat([values, said[-1]], 1)
            begun = torch.cat([begun, torch.ones_like(said[-1], dtype=torch.bool)], 1)
        return torch.cat(said, 1).cpu().numpy().astype(np.float32)

    def _ask(self, values: Tensor, begun: Tensor, steps: int) -> Tensor:
        empty = self.reads - values.shape[1]
        series = nn.functional.pad(values, (empty, 0))[:, None]  # (n, 1, 512)
        known = nn.functional.pad(begun, (empty, 0)).long()
        with torch.no_grad():
            answer = self.model.short_forecast(x_enc=series, input_mask=known, forecast_horizon=steps)
        forecast: Tensor = answer.forecast[:, 0]
        return forecast


def load(source: Source) -> Moment:
    """A folder or hub name with a MOMENT checkpoint.

    Raises
    ------
    MissingExtra, ModelError
    """
    package = import_package("momentfm", backbone="moment", install=INSTALL)
    with reading("moment", source.checkpoint):
        folder = _folder(source.checkpoint)
        told = {"task_name": "reconstruction", "enable_gradient_checkpointing": False}
        with redirect_stdout(sys.stderr):  # it prints, and stdout is for answers
            model = package.MOMENTPipeline.from_pretrained(folder, model_kwargs=told)
        _refuse_made_up(model, folder)
    return Moment(model, name=f"moment:{source.checkpoint}", device=source.device)


def _folder(checkpoint: str | None) -> str:
    """A local folder, or what the hub has of that name without its pickles."""
    if checkpoint is None or Path(checkpoint).is_dir():
        return str(checkpoint)
    from huggingface_hub import snapshot_download

    return str(snapshot_download(checkpoint, allow_patterns=["config.json", "model.safetensors"]))


def _refuse_made_up(model: nn.Module, folder: str) -> None:
    """The package fills weights that a checkpoint lacks by chance, and says nothing."""
    from safetensors import safe_open

    with safe_open(Path(folder) / "model.safetensors", framework="pt") as file:
        there = set(file.keys())
    missing = sorted(name for name, _ in model.named_parameters() if name not in there and "embed_tokens" not in name)
    if missing:
        raise ValueError(f"it lacks {len(missing)} weights, {missing[0]} among them")
