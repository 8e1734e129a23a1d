"""Soft prompts: what was retrieved, as tokens before those of a frozen backbone. The paper's way to forecast with RAG.

Each retrieved pair gives [series vector ; text vector]. One trainable projection turns the stack of them into a prompt;
everything else stays as it was. A gate, one number for all windows, mixes the forecast with the prompt and that
without: it can close.

Source: arXiv:2506.09114, section 3.4. Departs from it in the gate, and in that no head of the backbone is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tracets.errors import ConfigError, DataError
from tracets.forecast.backbones.rows import Rows, continue_windows
from tracets.forecast.protocol import Backbone
from tracets.types import FloatArray, Forecast, Sample

GATE_AT_START = -3.0
"""Before the sigmoid: the prompt begins with .047 of the forecast, enough for a gradient."""


@runtime_checkable
class PromptableBackbone(Backbone, Protocol):
    """A backbone that takes embeddings before its own tokens, and through which gradients reach them."""

    @property
    def prompt_dim(self) -> int:
        """Width of an embedding."""
        ...

    @property
    def context(self) -> int:
        """Steps that are read at most."""
        ...

    @property
    def fewest(self) -> int:
        """Known values that a channel must have to be asked about."""
        ...

    @property
    def device(self) -> torch.device: ...

    def modules(self) -> tuple[nn.Module, ...]:
        """All that has parameters; none of them takes a gradient."""
        ...

    def run(self, values: Tensor, observed: Tensor, horizon: int, prompt: Tensor | None = None) -> Tensor:
        """Quantiles of rows, differentiable in the prompt.

        Parameters
        ----------
        values : Tensor of shape (n, t)
            Finite where observed; of any scale, though rows with mean 0 and spread 1 keep the most digits.
        observed : Tensor of bool, (n, t)
        prompt : Tensor of shape (n, p, prompt_dim), optional

        Returns
        -------
        Tensor of shape (n, len(LEVELS), horizon)
            In the scale of `values`; quantiles may cross.
        """
        ...


class SoftPrompt(nn.Module):
    """Turns retrieved pairs into a prompt.

    Parameters
    ----------
    width : int
        Of a pair's vector: twice the encoder's dim for [series ; text], once for series only.
    prompt_dim : int
        Of the backbone's embeddings.

    Notes
    -----
    The projection has no bias: a pair of zeros is a prompt of zeros, and nothing can be learnt that holds for every
    window whatever was retrieved.
    """

    def __init__(self, width: int, prompt_dim: int) -> None:
        super().__init__()
        self.width, self.prompt_dim = width, prompt_dim
        self.projection = nn.Linear(width, prompt_dim, bias=False)
        self.gate_logit = nn.Parameter(torch.tensor(GATE_AT_START))

    @property
    def gate(self) -> Tensor:
        """Share of the prompted forecast, in (0, 1)."""
        return self.gate_logit.sigmoid()

    def forward(self, pairs: Tensor) -> Tensor:
        """(n, R, width) -> (n, R, prompt_dim)"""
        prompt: Tensor = self.projection(pairs)
        return prompt

    def mix(self, plain: Tensor, prompted: Tensor) -> Tensor:
        """Quantiles without and with the prompt, mixed by the gate; both rise, so the mixture does."""
        plain, prompted = plain.sort(1).values, prompted.sort(1).values
        return plain + self.gate * (prompted - plain)


def forecast_with_prompt(
    backbone: PromptableBackbone,
    prompt: SoftPrompt | None,
    pasts: Sequence[Sample],
    horizon: int,
    pair_vectors: FloatArray,
) -> list[Forecast]:
    """Continue n windows with what was retrieved for each.

    Parameters
    ----------
    prompt : SoftPrompt or None
        None, as `fit_prompt` gives where a prompt betters nothing: the backbone's own forecasts.
    pair_vectors : ndarray of shape (n, R, width)
        The retrieved pairs of each window, nearest first; zeros where there are fewer than R. All channels of a window
        share them.

    Returns
    -------
    list of Forecast
        `neighbours` is empty: the caller knows whom it retrieved.

    Raises
    ------
    ConfigError
        The backbone takes no prompt, or one of another width.
    DataError
        Vectors that do not fit the windows, or are not finite. Otherwise as `Backbone.forecast`.
    """
    if prompt is None:
        return backbone.forecast(pasts, horizon)
    check_promptable(backbone)
    if prompt.prompt_dim != backbone.prompt_dim:
        raise ConfigError(
            f"backbone '{backbone.name}' takes prompts of width {backbone.prompt_dim}; this one was fitted for "
            f"{prompt.prompt_dim}. Fit one for this backbone."
        )
    vectors = check_vectors(pair_vectors, len(pasts), width=prompt.width)

    def predict(rows: Rows, horizon: int) -> FloatArray:
        values = torch.from_numpy(rows.values).to(backbone.device)
        with torch.no_grad():
            pairs = torch.from_numpy(vectors[rows.window]).to(backbone.device)
            quantiles = mixed(backbone, prompt, values, pairs, horizon)
        return quantiles.cpu().numpy()

    return continue_windows(
        pasts, horizon, predict, name=backbone.name, context=backbone.context, fewest=backbone.fewest
    )


def mixed(backbone: PromptableBackbone, prompt: SoftPrompt, values: Tensor, pairs: Tensor, horizon: int) -> Tensor:
    """Quantiles of rows (n, t), NaN = missing, with the prompt of their pairs (n, R, width)."""
    observed = values.isfinite()
    values = values.nan_to_num(0.0)
    prompted = backbone.run(values, observed, horizon, prompt(pairs))
    return prompt.mix(backbone.run(values, observed, horizon), prompted)


def check_promptable(backbone: Backbone) -> None:
    """Refuse a backbone that takes no prompt."""
    if not isinstance(backbone, PromptableBackbone):
        raise ConfigError(
            f"backbone '{backbone.name}' takes no soft prompt. Use fracast or chronos-bolt, or mix in what followed "
            f"the neighbours, which any backbone allows."
        )


def check_vectors(pair_vectors: FloatArray, n: int, *, width: int | None = None) -> NDArray[np.float32]:
    """(n, R, width) as float32, or an error that says what came."""
    vectors = np.asarray(pair_vectors, dtype=np.float32)
    fits = vectors.ndim == 3 and len(vectors) == n and 0 not in vectors.shape[1:]
    if not fits or (width is not None and vectors.shape[2] != width):
        raise DataError(
            f"pair vectors must have shape ({n}, R, {'width' if width is None else width}), one row a window, got "
            f"{vectors.shape}."
        )
    if not np.isfinite(vectors).all():
        raise DataError("pair vectors must be finite. Give zeros where a window has fewer neighbours.")
    return vectors
