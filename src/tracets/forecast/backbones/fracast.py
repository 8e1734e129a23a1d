"""Fracast-0 (PyPI package fracast, Apache-2.0): 85,001 parameters, convolutions, its weights inside the package.

It reads up to 2,048 steps of one channel, scaled to its lowest and highest value, and answers with nine quantiles of 48
steps. Longer horizons are rolled on by the median, as its package does: their quantiles grow no wider from one block of
48 to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tracets.forecast.backbones.loading import frozen, import_package, reading
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rolling import roll
from tracets.forecast.backbones.rows import Rows, continue_windows, level_weights
from tracets.types import FloatArray, Forecast, Sample

FEWEST = 8
"""Known values that the package asks for."""
NARROWEST = 1e-5
PLACES = 64
"""How many places an embedding of a prompt fills, where they are empty. In one place it is nearly lost on convolutions:
five free embeddings before 512 steps could take 26 % off the squared distance to a forecast moved by one spread; in 64
places each, 96 %."""


class Fracast:
    """A `PromptableBackbone`.

    Parameters
    ----------
    model : fracast.FracastModel
    name : str
    device : str
    """

    def __init__(self, model: Any, *, name: str, device: str) -> None:
        self.name = name
        self.core: Any = frozen(model.core, device)
        self.head: Any = frozen(model.head, device)
        self.context, self.reach = int(model.context_length), int(model.horizon)
        self.prompt_dim, self.fewest = int(model.core.d), FEWEST
        self._levels = torch.from_numpy(level_weights(model.quantiles)).to(device)  # (own levels, LEVELS)

    @property
    def device(self) -> torch.device:
        return self._levels.device

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return self.core, self.head

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Windows need 8 steps; any horizon, rolled on in blocks of 48."""
        return continue_windows(pasts, horizon, self._predict, name=self.name, context=self.context, fewest=self.fewest)

    def _predict(self, rows: Rows, horizon: int) -> FloatArray:
        values = torch.from_numpy(rows.values).to(self.device)
        with torch.no_grad():
            quantiles = self.run(values, values.isfinite(), horizon)
        return quantiles.cpu().numpy().astype(np.float32)

    def run(self, values: Tensor, observed: Tensor, horizon: int, prompt: Tensor | None = None) -> Tensor:
        """See `PromptableBackbone.run`.

        The prompt is added to what the model makes of the places before the first step, which hold nothing: a prompt of
        zeros changes nothing. Each embedding fills up to `PLACES` of them, in the prompt's order. Where the past leaves
        fewer than p of them, its oldest steps make room.
        """

        def block(values: Tensor, observed: Tensor) -> Tensor:
            return self._block(values, observed, prompt)

        return roll(block, values, observed, horizon, context=self.context)

    def _block(self, values: Tensor, observed: Tensor, prompt: Tensor | None) -> Tensor:
        room = self.context - (0 if prompt is None else prompt.shape[1])
        values, observed = values[:, -room:], observed[:, -room:]
        low = torch.where(observed, values, torch.inf).amin(1, keepdim=True)
        span = (torch.where(observed, values, -torch.inf).amax(1, keepdim=True) - low).clamp_min(NARROWEST)
        empty = self.context - values.shape[1]
        scaled = nn.functional.pad(torch.where(observed, (values - low) / span, 0.0), (empty, 0))  # (n, 2048)
        known = nn.functional.pad(observed, (empty, 0))
        with _prompted(self.core, prompt, empty):
            hidden = self.core(scaled[:, None], known[:, None], known[:, None].to(scaled.dtype))  # (n, 2048, d)
        quantiles = self.head.forward_horizon(hidden, last_obs=scaled[:, -1:], ctx=scaled, ctx_mask=known)  # (n, h, q)
        return (quantiles @ self._levels).transpose(1, 2) * span[:, None] + low[:, None]


@contextmanager
def _prompted(core: Any, prompt: Tensor | None, begin: int) -> Iterator[None]:
    """While inside, the prompt is added to the embeddings of the places before `begin`."""
    if prompt is None:
        yield
        return
    p = prompt.shape[1]
    filling = prompt.repeat_interleave(min(max(begin // p, 1), PLACES), 1)
    first = begin - filling.shape[1]

    def add(module: nn.Module, given: tuple[Tensor, ...], embedded: Tensor) -> Tensor:
        return torch.cat([embedded[:, :first], embedded[:, first:begin] + filling, embedded[:, begin:]], 1)

    hook = core.in_proj.register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def load(source: Source) -> Fracast:
    """The weights inside the package, or those of a folder laid out as its release.

    Raises
    ------
    MissingExtra, ModelError
    """
    package = import_package("fracast", backbone="fracast", install="'tracets[fracast]'")
    name = "fracast" if source.checkpoint is None else f"fracast:{source.checkpoint}"
    with reading("fracast", source.checkpoint):
        model = package.FracastModel.from_pretrained(source.checkpoint, weights="fp32")
    return Fracast(model, name=name, device=source.device)
