"""`TraceForecaster`: the pretrained encoder with a light head, as a scikit-learn estimator and as a `Backbone`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from tracets.data.pairs import last_steps
from tracets.encoders.model import TraceModel
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, DataError
from tracets.forecast.backbones.rows import check_horizon, to_forecast
from tracets.forecast.choice import folds_of
from tracets.forecast.pasts import (
    PastRows,
    check_length,
    company_of,
    continued_flat,
    cycles_of,
    future_rows,
    past_rows,
)
from tracets.forecast.ridge import Material
from tracets.nn.lora import add_lora, merge_lora
from tracets.tasks.forecast_pairs import pairs_of, parted
from tracets.tasks.forecast_tuning import HeadRows, TuneTask
from tracets.tasks.head_fit import raw_forecast, solve_head
from tracets.tasks.loaded import encoder_of, same_steps, windows_of
from tracets.training.loop import fit as train
from tracets.training.settings import OptimConfig
from tracets.types import LEVELS, FloatArray, Forecast, Sample

Tuning = Literal["linear", "adapter", "full"]
TUNINGS: tuple[Tuning, ...] = ("linear", "adapter", "full")
READS = ("recent", "beside", "level", "calendar", "vectors")
STEPS = {"linear": 0, "adapter": 300, "full": 300}
MIN_KNOWN = 0.5
"""Futures of which a smaller share is known are not learnt from."""
MOST_ROWS = 100_000
"""Channels of all windows that are learnt from; of more, windows are taken evenly."""
WINDOWS_AT_ONCE = 256
VALIDATIONS = 20
PATIENCE = 5


class TraceForecaster(RegressorMixin, BaseEstimator):
    """The pretrained encoder with a light head: means and quantiles of any number of channels, named as they like.

    The head has one set of weights for all channels. It reads a channel's last steps on the window's own scale, those
    of the channels beside it, its level and spread, the calendar, and the encoder's vectors of the channel, by which
    each channel finds its map. What can be solved is solved: scaling, steps read, penalties and maps come from ridge
    regressions, chosen on blocks of time that they have not learnt from.

    Parameters
    ----------
    horizon : int, optional
        Steps to forecast; by default those of `y`, or of the pairs.
    model : str, path or PairEncoder, default="base"
        The encoder: a shipped model, a folder or a loaded one.
    tuning : {"linear", "adapter", "full"}, default="linear"
        "linear": the encoder is frozen, its vectors are computed once. "adapter": its linear layers get low-rank
        adapters, trained with the head by gradient. "full": all of the series tower is.
    context : int, optional
        Steps of a window that are looked at, the last ones; by default those of the longest window of `fit`.
    reads : tuple of str
        What the head reads: the last steps of a channel ("recent") and of those "beside" it, its "level" and spread,
        the "calendar", the encoder's "vectors". For ablations.
    validation : float, default=0.15
        Share of the windows, the last in time, to choose by, where none are named as such; in [0, 0.5].
    refit : bool, default=False
        After the choice, solve the maps once more with the windows that were chosen by. Not where something else (a
        retrieval gate) shall learn from the errors on these windows, and not with gradient training.
    rank : int, default=2
        Of the adapters.
    max_steps : int, optional
        Of gradient training, after the closed form; by default 0 with "linear", 300 otherwise. Early stopping on the
        validation windows; where they gain nothing, what was solved stays.
    batch_size, learning_rate : int, float
        Of gradient training; a batch counts windows.
    channel_names, units, freq : optional
        For arrays, which have none: what the channels are called, one unit each, and the sampling step. The encoder
        reads names and units.
    seed : int, default=0

    Attributes
    ----------
    horizon_, context_ : int
    encoder_ : PairEncoder or None
        None where the head reads no vectors.
    head_ : ForecastHead
    fitted_ : Fitted
        What was chosen and measured.
    n_windows_ : tuple of int
        Windows learnt from, and chosen by.
    training_ : dict
        Of gradient training: steps, minutes and the best validation score (-1 is what was solved).

    Notes
    -----
    A constant channel is continued by its constant and one with nothing observed by 0, without spread. Forecasts are
    cut two ranges beyond what is known of a channel. Gaps are filled by the last known value. Where windows have more
    than 100,000 channels in all, an even part of the windows is learnt from.

    Examples
    --------
    >>> waves = np.sin(np.arange(180).reshape(60, 3, 1) / 9 + np.arange(48) / 4)
    >>> forecaster = TraceForecaster().fit(waves[:, :, :36], waves[:, :, 36:])
    >>> forecaster.predict(waves[:2, :, :36]).shape
    (2, 3, 12)
    """

    def __init__(
        self,
        horizon: int | None = None,
        *,
        model: str | Path | PairEncoder = "base",
        tuning: Tuning = "linear",
        context: int | None = None,
        reads: tuple[str, ...] = READS,
        validation: float = 0.15,
        refit: bool = False,
        rank: int = 2,
        max_steps: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        channel_names: Sequence[str] | None = None,
        units: Sequence[str | None] | None = None,
        freq: str | None = None,
        seed: int = 0,
    ) -> None:
        self.horizon = horizon
        self.model = model
        self.tuning = tuning
        self.context = context
        self.reads = reads
        self.validation = validation
        self.refit = refit
        self.rank = rank
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.channel_names = channel_names
        self.units = units
        self.freq = freq
        self.seed = seed

    @property
    def name(self) -> str:
        """What the forecaster is called in tables."""
        told = self.model if isinstance(self.model, str | Path) else self.model.name
        said = "tracets" if str(told) == "base" else f"tracets:{told}"
        return said if self.tuning == "linear" else f"{said}, {self.tuning}"

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Learn from windows and what followed them.

        Parameters
        ----------
        X : list of Pair, or windows in any form that `as_samples` takes
            Pairs hold their own futures: those with split "train" (or none) are learnt from, those with "val" chosen
            by, "test" is left out.
        y : array (n, n_channels, horizon) or list of arrays (n_channels, horizon)
            What followed each window, NaN = unknown; (n, horizon) or (n,) for one channel. None with pairs.
        X_val, y_val : like X and y
            To choose by, in place of the last part of X.

        Raises
        ------
        DataError
            Futures of different lengths, none that is known, or no window to learn from.
        ConfigError
            A parameter out of its range.
        """
        self._check()
        same_steps(self, X, fitting=True)
        chosen_by = None if X_val is None else pairs_of(self, X_val, y_val)
        told = parted(pairs_of(self, X, y), chosen_by, self.validation)
        n_rows = sum(pair.past.n_channels for pair, _ in told)
        told = told[:: -(-n_rows // MOST_ROWS)]
        horizons = sorted({pair.horizon for pair, _ in told})
        self.horizon_ = horizons[-1] if self.horizon is None else self.horizon
        if horizons[0] < self.horizon_:
            raise DataError(
                f"futures have {', '.join(map(str, horizons))} steps; a horizon of {self.horizon_} needs as many in "
                f"each. Cut them to one length, or ask for horizon={horizons[0]}."
            )
        learnt = [pair.past for pair, part in told if part == "train"]
        self.context_ = self.context or max(past.n_steps for past in learnt)
        self.n_windows_ = (len(learnt), len(told) - len(learnt))
        pasts = [last_steps(pair.past, self.context_) for pair, _ in told]
        cycles, company = cycles_of(learnt), company_of(learnt) if "beside" in self.reads else ()
        rows = past_rows(pasts, context=self.context_, cycles=cycles, company=company)
        futures = future_rows([pair.future[:, : self.horizon_] for pair, _ in told], rows)
        part = np.array([part for _, part in told], object)[rows.window]
        part[np.isfinite(futures).mean(1) < MIN_KNOWN] = ""
        folds = folds_of(rows, part, self.horizon_)
        self.encoder_ = self._encoder()
        vectors = self._vectors(pasts, rows)
        material = Material(rows, futures, None, np.flatnonzero(part == "train"), folds)
        self.head_, self.fitted_ = solve_head(
            material, vectors, context=self.context_, cycles=cycles, reads=tuple(self.reads), refit=self.refit,
            seed=self.seed,
        )  # fmt: skip
        self.n_tuned_ = 0
        if self._steps:
            self._train(pasts, material, vectors, np.flatnonzero(part == "val"))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Means in raw units, (n, n_channels, horizon), for windows of one number of channels."""
        return np.stack([f.mean for f in self._alike(X)])

    def predict_quantiles(self, X: Any) -> FloatArray:
        """Quantiles at `LEVELS` in raw units, (n, len(LEVELS), n_channels, horizon), rising along the second axis."""
        return np.stack([f.quantiles for f in self._alike(X)])

    def score(self, X: Any, y: Any = None, sample_weight: None = None) -> float:
        """R², the mean over channels of the share of their futures' variance that the means explain; at most 1."""
        same_steps(self, X, fitting=False)
        pairs = pairs_of(self, X, y)
        found = self.forecast([pair.past for pair in pairs], self.horizon_)
        truth = np.stack([pair.future[:, : self.horizon_] for pair in pairs]).astype(np.float64)  # (n, c, h)
        error = np.nanmean((np.stack([f.mean for f in found]) - truth) ** 2, axis=(0, 2))
        variance = np.nanvar(truth, axis=(0, 2))
        told = variance > 0
        if not told.any():
            raise DataError("the futures of no channel vary: nothing to explain. Give more windows.")
        return float(1 - (error[told] / variance[told]).mean())

    def forecast(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        """Continue windows, as every `Backbone` does: at most the horizon that was fitted.

        Raises
        ------
        ConfigError
            A longer horizon.
        DataError
            A window of fewer steps than the head reads.
        """
        check_is_fitted(self)
        check_horizon(horizon)
        if horizon > self.horizon_:
            raise ConfigError(
                f"this forecaster was fitted for {self.horizon_} steps, {horizon} were asked for. Fit it with "
                f"horizon={horizon}."
            )
        if "recent" in self.fitted_.reads:
            check_length(pasts, self.fitted_.choice.recent, name=self.name)
        out = []
        for begin in range(0, len(pasts), WINDOWS_AT_ONCE):
            out += self._some(pasts[begin : begin + WINDOWS_AT_ONCE], horizon)
        return out

    @property
    def summary(self) -> str:
        """One sentence of how it was fitted, for people."""
        check_is_fitted(self)
        (learnt, chosen), choice = self.n_windows_, self.fitted_.choice
        by = f"{chosen} later ones and on " if chosen else ""
        maps = self.fitted_.sizes.maps
        return (
            f"fitted on {learnt} windows of {self.context_} steps, chosen on {by}blocks of their time: reads the last "
            f"{choice.recent} steps, {maps} map{'s' if maps > 1 else ''}; the square error there was "
            f"{choice.score:.0%} of the last value's"
        )

    @property
    def n_fitted_(self) -> int:
        """How many numbers were fitted to data: all of the head, and what was trained of the encoder."""
        check_is_fitted(self)
        return sum(p.numel() for p in self.head_.parameters()) + self.n_tuned_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    @property
    def _steps(self) -> int:
        return STEPS[self.tuning] if self.max_steps is None else self.max_steps

    def _check(self) -> None:
        if self.tuning not in TUNINGS:
            raise ConfigError(f"tuning must be one of {', '.join(TUNINGS)}, got {self.tuning!r}.")
        if not self.reads or any(name not in READS for name in self.reads):
            raise ConfigError(f"reads must be some of {', '.join(READS)}, got {self.reads!r}.")
        if self.tuning != "linear" and "vectors" not in self.reads:
            raise ConfigError(f"tuning={self.tuning!r} trains the encoder, whose vectors are not read. Add 'vectors'.")
        if self._steps and self.refit:
            raise ConfigError("refit=True solves again what gradient training has changed. Use max_steps=0.")
        counts = [1 if given is None else given for given in (self.horizon, self.context)]
        if not 0 <= self.validation <= 0.5 or min(counts) < 1 or self._steps < 0:
            raise ConfigError(
                f"expects validation in [0, 0.5], horizon and context >= 1 and max_steps >= 0, got {self.validation}, "
                f"{self.horizon}, {self.context} and {self.max_steps}."
            )

    def _encoder(self) -> PairEncoder | None:
        if "vectors" not in self.reads:
            return None
        encoder = encoder_of(self.model)
        if self.tuning == "linear":
            return encoder
        if not isinstance(encoder, TraceModel):
            raise ConfigError(f"tuning={self.tuning!r} trains a torch model, which '{encoder.name}' is not.")
        return deepcopy(encoder)

    def _vectors(self, pasts: Sequence[Sample], rows: PastRows) -> NDArray[np.float32] | None:
        """The channel's vectors and the window's, one after the other, of each row."""
        if self.encoder_ is None:
            return None
        found = self.encoder_.encode_series(pasts, batch_size=WINDOWS_AT_ONCE)
        told = [np.concatenate([found.channels[w][c].ravel(), found.sample[w]])
                for w, c in zip(rows.window, rows.channel, strict=True)]  # fmt: skip
        return np.stack(told)

    def _train(
        self,
        pasts: Sequence[Sample],
        material: Material,
        vectors: NDArray[np.float32] | None,
        val: NDArray[np.int64],
    ) -> None:
        """Go on by gradient from what was solved: the head, and of the encoder nothing, adapters or the tower."""
        if not len(val):
            raise DataError("gradient training needs windows to validate on. Give more windows, or validation > 0.")
        encoder = self.encoder_ if self.tuning != "linear" else None
        tuned: list[torch.nn.Parameter] = []
        if isinstance(encoder, TraceModel):
            tower = encoder.series.requires_grad_(True)
            tuned = add_lora(tower, self.rank) if self.tuning == "adapter" else list(tower.parameters())
        self.n_tuned_ = sum(p.numel() for p in tuned)
        features, scaled = self.fitted_.read(material.rows)
        targets = torch.from_numpy(scaled.to_scale(material.futures)).float()
        own = torch.from_numpy(vectors) if vectors is not None and encoder is None else None
        rows = HeadRows(features, targets, material.rows.window, material.rows.channel, own)
        task = TuneTask(
            self.head_, encoder if isinstance(encoder, TraceModel) else None, pasts, rows, learn=material.learn,
            val=val, batch_size=self.batch_size, seed=self.seed,
        )  # fmt: skip
        optim = OptimConfig(
            batch_size=self.batch_size, learning_rate=self.learning_rate, max_steps=self._steps, max_minutes=None,
            warmup_steps=min(20, self._steps // 10), validate_every=-(-self._steps // VALIDATIONS), patience=PATIENCE,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            self.training_ = train(
                task, optim, folder=Path(folder), monitor=task.monitor, seed=self.seed, resume=False,
                progress_bar=False, keep_start=True,
            )  # fmt: skip
        if isinstance(encoder, TraceModel):
            if self.tuning == "adapter":
                merge_lora(encoder.series)
            encoder.eval().requires_grad_(True)
        self.head_.eval()

    def _some(self, pasts: Sequence[Sample], horizon: int) -> list[Forecast]:
        fitted = self.fitted_
        cut = [last_steps(past, fitted.context) for past in pasts]
        rows = past_rows(cut, context=fitted.context, cycles=fitted.cycles, company=fitted.company)
        means = continued_flat(pasts, horizon)
        quantiles = [np.repeat(mean[None], len(LEVELS), 0) for mean in means]
        if len(rows):
            vectors = self._vectors(cut, rows) if fitted.sizes.vectors else None
            mean, around = raw_forecast(self.head_, fitted, rows, vectors)
            for i, (w, c) in enumerate(zip(rows.window, rows.channel, strict=True)):
                means[w][c], quantiles[w][:, c] = mean[i, :horizon], around[i, :, :horizon]
        return [
            replace(to_forecast(past, around), mean=mean.astype(np.float32))
            for past, around, mean in zip(pasts, quantiles, means, strict=True)
        ]

    def _alike(self, X: Any) -> list[Forecast]:
        check_is_fitted(self)
        same_steps(self, X, fitting=False)
        windows = windows_of(self, X)
        counts = sorted({window.n_channels for window in windows})
        if len(counts) > 1:
            raise DataError(
                f"predict() expects windows of one number of channels, got {counts}. Use forecast(), which gives one "
                f"Forecast a window."
            )
        return self.forecast(windows, self.horizon_)
