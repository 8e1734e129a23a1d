"""TimesFM through transformers: TimesFm (2.0) and TimesFm2_5, each with quantiles of its own (Apache-2.0).

A missing step takes the last known value (the first known one before it), as the models read no gaps. Longer horizons
are rolled on by the median. The option that cuts forecasts at zero where all values of a batch are positive is off: it
would let one series change the forecast of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tracets.data.calendar import step_seconds
from tracets.forecast.backbones.loading import frozen, reading, whole
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rolling import filled, roll
from tracets.forecast.backbones.rows import Rows, continue_windows, level_weights
from tracets.types import FloatArray, Forecast, Sample

KINDS = {"timesfm": "TimesFmModelForPrediction", "timesfm2_5": "TimesFm2_5ModelForPrediction"}
DAY, MONTH = 86400.0, 31 * 86400.0


class TimesFm:
    """TimesFM.

    Parameters
    ----------
    model : transformers.TimesFmModelForPrediction or transformers.TimesFm2_5ModelForPrediction
    name : str
    device : str
    """

    def __init__(self, model: Any, *, name: str, device: str) -> None:
        self.name = name
        self.model: Any = frozen(model, device)
        self.reads_freq = model.config.model_type == "timesfm"
        self.patch, self.context = int(model.config.patch_length), int(model.config.context_length)
        self._levels = torch.from_numpy(level_weights(tuple(model.config.quantiles))).to(device)

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return (self.model,)

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Windows need 2 steps; any horizon."""
        return continue_windows(pasts, horizon, self._predict, name=self.name, context=self.context)

    def _predict(self, rows: Rows, horizon: int) -> FloatArray:
        values = torch.from_numpy(rows.values).to(self._levels.device)
        kinds = [kind_of(freq) for freq in rows.freq]

        def block(values: Tensor, begun: Tensor) -> Tensor:
            return self._block(values, begun, kinds)

        begun = values.isfinite().cumsum(1) > 0
        with torch.no_grad():
            return roll(block, filled(values), begun, horizon, context=self.context).cpu().numpy()

    def _block(self, values: Tensor, begun: Tensor, kinds: Sequence[int]) -> Tensor:
        series = [row[known] for row, known in zip(values, begun, strict=True)]
        if self.reads_freq:
            answer = self.model(past_values=series, freq=kinds, truncate_negative=False)
        else:
            longest = max(map(len, series))
            read = min(-(-longest // self.patch) * self.patch, self.context)  # else zeros up to 16,384 steps
            answer = self.model(past_values=series, forecast_context_len=read, truncate_negative=False)
        return torch.einsum("nhq,ql->nlh", answer.full_predictions[:, :, 1:].float(), self._levels)


def kind_of(freq: str | None) -> int:
    """What TimesFM 2.0 is told of the sampling step: 0 up to a day or unknown, 1 up to a month, 2 beyond."""
    seconds = step_seconds(freq)
    return 0 if not np.isfinite(seconds) or seconds <= DAY else 1 if seconds <= MONTH else 2


def load(source: Source) -> TimesFm:
    """A folder or hub name with a checkpoint in the layout of transformers.

    Raises
    ------
    ModelError
    """
    import transformers

    with reading("timesfm", source.checkpoint):
        config = transformers.AutoConfig.from_pretrained(str(source.checkpoint))
        if config.model_type not in KINDS:
            raise ValueError(f"its model_type is '{config.model_type}', not one of {', '.join(KINDS)}")
        model = whole(getattr(transformers, KINDS[config.model_type]), source.checkpoint)
    return TimesFm(model, name=f"timesfm:{source.checkpoint}", device=source.device)
