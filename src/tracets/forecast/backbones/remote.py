"""Timer-XL and Time-MoE: models whose Python code lies beside their weights and is run from there.

Both are documented by the same two calls: transformers' AutoModelForCausalLM with trust_remote_code, then
`generate(scaled (n, t), max_new_tokens=horizon)`, of whose answer the last `horizon` columns are the forecast. They
answer with one number a step: quantiles come from errors inside the window (`points`). A missing step takes the last
known value. Timer-XL reads whole patches of 96 steps: what is left over is taken off the beginning of a row.

Never run with the published code, only with a stand-in that keeps these calls: the hub cannot be reached where this was
made, and that code was written for transformers 4.40.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tracets.errors import ConfigError, ModelError
from tracets.forecast.backbones.loading import frozen, reading, whole
from tracets.forecast.backbones.points import with_spread
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rolling import filled
from tracets.forecast.backbones.rows import Rows, continue_windows
from tracets.types import FloatArray, Forecast, Sample


@dataclass(frozen=True)
class Kind:
    """`context` steps are read, the horizon included; `patch` steps make a token."""

    context: int
    patch: int


KINDS = {"timer-xl": Kind(context=2880, patch=96), "time-moe": Kind(context=4096, patch=1)}


class Generator:
    """A model that generates numbers as others generate words.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        With a `generate` as documented above.
    family : {"timer-xl", "time-moe"}
    name : str
    device : str
    """

    def __init__(self, model: Any, *, family: str, name: str, device: str) -> None:
        self.name, self.family = name, family
        self.context = KINDS[family].context
        self.patch = int(getattr(model.config, "input_token_len", KINDS[family].patch))
        self.model: Any = frozen(model, device)
        self.device = torch.device(device)

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return (self.model,)

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Timer-XL needs 96 steps, Time-MoE 2; past and horizon together reach its context."""
        fewest = max(self.patch, 2)
        context = self.context - horizon
        if context < fewest:
            raise ConfigError(
                f"backbone '{self.name}' reads {self.context} steps, {fewest} of them of the past: a horizon of "
                f"{horizon} is too long. Ask for at most {self.context - fewest}."
            )
        predict = with_spread(self._point, fewest=fewest)
        return continue_windows(pasts, horizon, predict, name=self.name, context=context, fewest=fewest)

    def _point(self, rows: Rows, horizon: int) -> FloatArray:
        given = torch.from_numpy(rows.values)
        begins = given.isfinite().long().argmax(1)
        begins += (given.shape[1] - begins) % self.patch
        out = np.zeros((len(given), horizon), np.float32)
        values = filled(given)
        for begin in begins.unique().tolist():  # no mask is documented, so rows of one length go together
            chosen = (begins == begin).nonzero()[:, 0]
            with torch.no_grad():
                said = self.model.generate(values[chosen, begin:].to(self.device), max_new_tokens=horizon)
            if said.ndim != 2 or said.shape[1] < horizon:
                raise ModelError(
                    f"backbone '{self.name}' generated shape {tuple(said.shape)} for {len(chosen)} rows and a horizon "
                    f"of {horizon}. Is its code that of {self.family}?"
                )
            out[chosen] = said[:, -horizon:].float().cpu().numpy()
        return out


def load_timer_xl(source: Source) -> Generator:
    """A folder or hub name with Timer-XL and its code.

    Raises
    ------
    ModelError
    """
    return _load("timer-xl", source)


def load_time_moe(source: Source) -> Generator:
    """A folder or hub name with Time-MoE and its code.

    Raises
    ------
    ModelError
    """
    return _load("time-moe", source)


def _load(family: str, source: Source) -> Generator:
    import transformers

    with reading(family, source.checkpoint):
        model = whole(transformers.AutoModelForCausalLM, source.checkpoint, code=source.trust_remote_code)
    return Generator(model, family=family, name=f"{family}:{source.checkpoint}", device=source.device)
