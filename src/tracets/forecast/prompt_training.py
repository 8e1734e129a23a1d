"""Training of a soft prompt: the projection and its gate, nothing of the backbone."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tracets.data.pairs import Pair
from tracets.errors import ConfigError, DataError
from tracets.forecast.backbones.rows import ROWS_AT_ONCE, is_telling, location_and_spread, padded
from tracets.forecast.prompts import PromptableBackbone, SoftPrompt, check_promptable, check_vectors
from tracets.losses import pinball
from tracets.types import LEVELS, FloatArray

MEDIAN = LEVELS.index(0.5)
CLEARLY = 2.0
"""Standard errors by which validation must be bettered: the best of several trials is always a little lucky."""
BLOCKS = 10
"""Parts of validation, in its order, over which that error is taken: windows that overlap are no news to each other."""
GATE_FASTER = 10.0
"""The gate is one number before a sigmoid: at the projection's pace it would not move."""


@dataclass(frozen=True)
class PromptTraining:
    """Budget and optimiser of `fit_prompt`.

    Every `validate_every` steps the prompt is tried on at most `most_validation` channels of validation windows, spread
    over all of them; after `patience` trials without gain it stops. With `max_minutes` None, a fit is a function of
    its seed.
    """

    learning_rate: float = 5e-3
    batch_size: int = 32
    max_steps: int = 300
    max_minutes: float | None = 10.0
    validate_every: int = 20
    patience: int = 4
    most_validation: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_steps", "validate_every", "patience", "most_validation"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.learning_rate <= 0 or (self.max_minutes is not None and self.max_minutes <= 0):
            raise ConfigError(
                f"learning_rate and max_minutes must be above 0, got {self.learning_rate} and {self.max_minutes}"
            )


@dataclass(frozen=True, eq=False)
class PromptFit:
    """What came of `fit_prompt`.

    `prompt` is None where it bettered nothing; `before` and `after` are the losses on validation without it and with
    the best one, `error` the standard error of their paired difference over parts of time, `steps` how many it took.
    """

    prompt: SoftPrompt | None
    before: float
    after: float
    error: float
    steps: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Channels of pairs, past and future in the scale of the past, and what was retrieved for each.

    `values` (m, t) and `target` (m, h), NaN = missing; `pairs` (m, R, width).
    """

    values: Tensor
    target: Tensor
    pairs: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def some(self, chosen: Tensor) -> _Rows:
        return _Rows(self.values[chosen], self.target[chosen], self.pairs[chosen])


def fit_prompt(
    backbone: PromptableBackbone,
    pairs: Sequence[Pair],
    pair_vectors: FloatArray,
    *,
    validation: Sequence[Pair],
    validation_vectors: FloatArray,
    settings: PromptTraining | None = None,
) -> PromptFit:
    """Fit a soft prompt to pairs of a past and a future, with what was retrieved for each past.

    1. scale each channel by the mean and spread of its past  2. train projection and gate by the pinball loss of all
    quantiles and the squared error of the median  3. keep the best on validation  4. give it up where it is not better
    than no prompt by more than `CLEARLY` standard errors of the paired difference, taken over parts of time

    Parameters
    ----------
    backbone : PromptableBackbone
        Stays frozen.
    pairs, validation : sequence of Pair
        One horizon for all, in the order of time. Channels whose past tells nothing, or whose future is unknown, are
        left out.
    pair_vectors, validation_vectors : ndarray of shape (n, R, width)
        As for `forecast_with_prompt`. Nothing of a pair's own future may be in its vectors.
    settings : PromptTraining, optional

    Returns
    -------
    PromptFit

    Raises
    ------
    ConfigError
        The backbone takes no prompt, or parameters of it take gradients.
    DataError
        No channel to learn from, several horizons, vectors that do not fit the pairs.
    """
    check_promptable(backbone)
    if any(p.requires_grad for module in backbone.modules() for p in module.parameters()):
        raise ConfigError(f"backbone '{backbone.name}' has parameters that take gradients. Freeze it first.")
    settings = settings or PromptTraining()
    given = check_vectors(pair_vectors, len(pairs))
    given_tried = check_vectors(validation_vectors, len(validation), width=given.shape[2])
    rows = _rows(backbone, pairs, given, "training")
    tried = _rows(backbone, validation, given_tried, "validation")
    if rows.target.shape[1] != tried.target.shape[1]:
        raise DataError(f"horizons differ: {rows.target.shape[1]} in training, {tried.target.shape[1]} in validation.")
    n_tried = min(settings.most_validation, len(tried))
    tried = tried.some(torch.linspace(0, len(tried) - 1, n_tried).round().long())

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        prompt = SoftPrompt(given.shape[2], backbone.prompt_dim).to(backbone.device)
    trial = _Trial(backbone, tried, settings.batch_size)
    best, after, steps = _train(backbone, prompt, rows, trial, settings)
    gain = trial.before - after
    error = standard_error(gain)
    kept = best is not None and float(gain.mean()) > CLEARLY * error
    return PromptFit(best if kept else None, float(trial.before.mean()), float(after.mean()), error, steps)


def standard_error(gain: Tensor) -> float:
    """Standard error of the mean of (m,), in the order of time, from means of `BLOCKS` parts; infinite for m < 2."""
    means = torch.stack([part.mean() for part in gain.tensor_split(min(BLOCKS, len(gain)))])
    return float(means.std() / len(means) ** 0.5) if len(means) > 1 else float("inf")


def _train(
    backbone: PromptableBackbone, prompt: SoftPrompt, rows: _Rows, trial: _Trial, settings: PromptTraining
) -> tuple[SoftPrompt | None, Tensor, int]:
    """The best prompt of all trials or None, the losses (m,) of validation with it, and the steps taken."""
    plain = _Plain(backbone, rows)
    pace = settings.learning_rate
    optimiser = torch.optim.Adam(
        [
            {"params": prompt.projection.parameters(), "lr": pace},
            {"params": [prompt.gate_logit], "lr": pace * GATE_FASTER},
        ]
    )
    best, losses_of_best, without_gain, step = None, trial.before, 0, 0
    begun = time.monotonic()
    for chosen in _batches(len(rows), settings):
        part = rows.some(chosen)
        optimiser.zero_grad()
        quantiles = prompt.mix(plain(chosen), _ask(backbone, part, prompt(part.pairs)))
        _losses(quantiles, part.target).mean().backward()
        optimiser.step()
        step += 1
        late = settings.max_minutes is not None and time.monotonic() - begun > 60 * settings.max_minutes
        last = late or step == settings.max_steps
        if last or step % settings.validate_every == 0:
            losses = trial(prompt)
            without_gain += 1
            if losses.mean() < losses_of_best.mean():
                best, losses_of_best, without_gain = copy.deepcopy(prompt).requires_grad_(False), losses, 0
        if last or without_gain == settings.patience:
            break
    return best, losses_of_best, step


def _batches(n: int, settings: PromptTraining) -> Iterator[Tensor]:
    """Batches of rows for ever, each row once before any comes again."""
    generator = torch.Generator().manual_seed(settings.seed)
    queue = torch.zeros(0, dtype=torch.long)
    while True:
        while len(queue) < settings.batch_size:
            queue = torch.cat([queue, torch.randperm(n, generator=generator)])
        yield queue[: settings.batch_size]
        queue = queue[settings.batch_size :]


class _Plain:
    """The backbone's own answers, each asked for once."""

    def __init__(self, backbone: PromptableBackbone, rows: _Rows) -> None:
        self.backbone, self.rows = backbone, rows
        m, h = rows.target.shape
        self.known = torch.zeros(m, dtype=torch.bool)
        self.quantiles = torch.zeros(m, len(LEVELS), h, device=backbone.device)

    def __call__(self, chosen: Tensor) -> Tensor:
        unknown = chosen[~self.known[chosen]].unique()
        for new in unknown.split(ROWS_AT_ONCE) if len(unknown) else ():
            with torch.no_grad():
                self.quantiles[new] = _ask(self.backbone, self.rows.some(new), None)
            self.known[new] = True
        return self.quantiles[chosen]


def _ask(backbone: PromptableBackbone, rows: _Rows, prompt: Tensor | None) -> Tensor:
    return backbone.run(rows.values.nan_to_num(0.0), rows.values.isfinite(), rows.target.shape[1], prompt)


class _Trial:
    """Losses on validation: `before` (m,) without a prompt, and with one when it is called."""

    def __init__(self, backbone: PromptableBackbone, rows: _Rows, batch_size: int) -> None:
        self.backbone, self.rows, self.batch_size = backbone, rows, batch_size
        self.plain = _Plain(backbone, rows)
        self.before = _losses(self.plain(torch.arange(len(rows))), rows.target)

    def __call__(self, prompt: SoftPrompt) -> Tensor:
        found = []
        with torch.no_grad():
            for chosen in torch.arange(len(self.rows)).split(self.batch_size):
                part = self.rows.some(chosen)
                prompted = _ask(self.backbone, part, prompt(part.pairs))
                found.append(_losses(prompt.mix(self.plain(chosen), prompted), part.target))
        return torch.cat(found)


def _losses(quantiles: Tensor, target: Tensor) -> Tensor:
    """Pinball loss of all quantiles and squared error of the median, of each row over its known steps. (m,)"""
    counted, aim = target.isfinite(), target.nan_to_num(0.0)
    squared = (quantiles[:, MEDIAN] - aim).square() * counted
    return pinball(quantiles, aim, counted, LEVELS) + squared.sum(1) / counted.sum(1)


def _rows(backbone: PromptableBackbone, pairs: Sequence[Pair], vectors: FloatArray, part: str) -> _Rows:
    horizons = {pair.horizon for pair in pairs}
    if len(horizons) > 1:
        raise DataError(f"pairs of the {part} part have the horizons {sorted(horizons)}; give one.")
    pasts = [pair.past.values[:, -backbone.context :].astype(np.float64) for pair in pairs]
    longest = max((past.shape[1] for past in pasts), default=0)
    table = [padded(past, longest) for past in pasts]
    values = np.concatenate(table) if table else np.zeros((0, 1))
    future = np.concatenate([pair.future for pair in pairs]) if table else np.zeros((0, 1))
    owner = np.repeat(np.arange(len(pairs)), [pair.past.n_channels for pair in pairs])
    usable = is_telling(values, backbone.fewest) & np.isfinite(future).any(1)
    if not usable.any():
        raise DataError(
            f"the {part} part has no channel to fit a prompt to: {len(pairs)} pairs, none with a past of at least "
            f"{backbone.fewest} known values that differ and a known step after it."
        )
    location, spread = location_and_spread(values[usable])
    return _Rows(
        torch.from_numpy(((values[usable] - location) / spread).astype(np.float32)).to(backbone.device),
        torch.from_numpy(((future[usable] - location) / spread).astype(np.float32)).to(backbone.device),
        torch.from_numpy(vectors[owner[usable]]).to(backbone.device),
    )
