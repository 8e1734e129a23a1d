"""Chronos-Bolt and Chronos-2 through their package chronos-forecasting (Apache-2.0).

Both predict quantiles directly and read NaN as missing. Their pipelines roll on beyond a model's reach along paths of
quantiles, so that spreads grow. Chronos-2 reads the channels of a window together, Chronos-Bolt one at a time.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tracets.forecast.backbones.loading import frozen, import_package, reading, whole
from tracets.forecast.backbones.registry import Source
from tracets.forecast.backbones.rolling import roll
from tracets.forecast.backbones.rows import Rows, at_levels, continue_windows, level_weights
from tracets.types import FloatArray, Forecast, Sample

INSTALL = "'tracets[chronos]'"


class ChronosBolt:
    """A `PromptableBackbone`.

    Parameters
    ----------
    pipeline : chronos.ChronosBoltPipeline
    name : str
    device : str
    """

    def __init__(self, pipeline: Any, *, name: str, device: str) -> None:
        self.name = name
        self.pipeline = pipeline
        self.model: Any = frozen(pipeline.model, device)
        self.context, self.reach = int(pipeline.model_context_length), int(pipeline.model_prediction_length)
        self.levels = tuple(float(level) for level in pipeline.quantiles)
        self.prompt_dim, self.fewest = int(self.model.model_dim), 2
        self._levels = torch.from_numpy(level_weights(self.levels)).to(device)

    @property
    def device(self) -> torch.device:
        return self._levels.device

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return (self.model,)

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Windows need 2 steps; any horizon."""
        return continue_windows(pasts, horizon, self._predict, name=self.name, context=self.context)

    def _predict(self, rows: Rows, horizon: int) -> FloatArray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="We recommend keeping prediction length")
            quantiles = self.pipeline.predict(torch.from_numpy(rows.values), prediction_length=horizon)  # (n, q, h)
        return at_levels(quantiles.numpy(), self.levels)

    def run(self, values: Tensor, observed: Tensor, horizon: int, prompt: Tensor | None = None) -> Tensor:
        """See `PromptableBackbone.run`.

        The prompt stands before the embedded patches, and encoder and decoder attend to it. A prompt of zeros is not
        neutral: it takes its share of attention. Beyond the model's reach medians are appended, where `forecast`
        follows paths of quantiles.
        """

        def block(values: Tensor, observed: Tensor) -> Tensor:
            return self._block(torch.where(observed, values, torch.nan), prompt)

        return roll(block, values, observed, horizon, context=self.context)

    def _block(self, values: Tensor, prompt: Tensor | None) -> Tensor:
        model = self.model
        hidden, scale, tokens, attended = model.encode(context=values)
        if prompt is not None:
            tokens = torch.cat([prompt.to(tokens.dtype), tokens], 1)  # (n, p + patches, d)
            attended = torch.cat([attended.new_ones(prompt.shape[:2]), attended], 1)
            hidden = model.encoder(attention_mask=attended, inputs_embeds=tokens)[0]
        said = model.output_patch_embedding(model.decode(tokens, attended, hidden))  # (n, 1, q h)
        quantiles = model.instance_norm.inverse(said.flatten(1), scale).unflatten(1, (len(self.levels), -1))
        return torch.einsum("nqh,ql->nlh", quantiles, self._levels)


class Chronos2:
    """Chronos-2; the channels of a window are one group.

    Parameters
    ----------
    pipeline : chronos.Chronos2Pipeline
    name : str
    device : str
    """

    def __init__(self, pipeline: Any, *, name: str, device: str) -> None:
        self.name = name
        self.pipeline = pipeline
        self.model: Any = frozen(pipeline.model, device)
        self.levels = tuple(float(level) for level in pipeline.quantiles)

    def modules(self) -> tuple[nn.Module, ...]:
        """What is frozen."""
        return (self.model,)

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """See `Backbone.forecast`. Windows need 2 steps; any horizon."""
        context = int(self.pipeline.model_context_length)
        return continue_windows(pasts, horizon, self._predict, name=self.name, context=context)

    def _predict(self, rows: Rows, horizon: int) -> FloatArray:
        windows = [rows.values[rows.window == w] for w in np.unique(rows.window)]  # (c, t) each
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="We recommend keeping prediction length")
            found = self.pipeline.predict(windows, prediction_length=horizon)  # (c, q, h) each
        return at_levels(torch.cat(found).numpy(), self.levels)


def load_bolt(source: Source) -> ChronosBolt:
    """A folder or hub name with a Chronos-Bolt checkpoint.

    Raises
    ------
    MissingExtra, ModelError
    """
    package = import_package("chronos.chronos_bolt", backbone="chronos-bolt", install=INSTALL)
    with reading("chronos-bolt", source.checkpoint):
        model = _model(package.ChronosBoltModelForForecasting, source.checkpoint)
        pipeline = package.ChronosBoltPipeline(model)
    return ChronosBolt(pipeline, name=f"chronos-bolt:{source.checkpoint}", device=source.device)


def load_two(source: Source) -> Chronos2:
    """A folder or hub name with a Chronos-2 checkpoint.

    Raises
    ------
    MissingExtra, ModelError
    """
    package = import_package("chronos.chronos2", backbone="chronos-2", install=INSTALL)
    with reading("chronos-2", source.checkpoint):
        pipeline = package.Chronos2Pipeline(_model(package.Chronos2Model, source.checkpoint))
    return Chronos2(pipeline, name=f"chronos-2:{source.checkpoint}", device=source.device)


def _model(kind: Any, checkpoint: str | None) -> Any:
    from transformers import AutoConfig

    (written,) = AutoConfig.from_pretrained(str(checkpoint)).architectures or ["model of no kind"]
    if written != kind.__name__:
        raise ValueError(f"it holds a {written}, not a {kind.__name__}")
    return whole(kind, checkpoint)
