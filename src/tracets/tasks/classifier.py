"""A classifier of windows on a pretrained encoder, as scikit-learn has them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.validation import check_is_fitted

from tracets.encoders.model import TraceModel
from tracets.encoders.protocol import PairEncoder
from tracets.errors import ConfigError, DataError, ModelError
from tracets.retrieval.scores import SeriesBank, series_bank, series_to_series
from tracets.tasks.class_tuning import TuneConfig, tune
from tracets.tasks.linear import LinearView, Rows, fit_view
from tracets.tasks.loaded import encoder_of, same_steps, windows_of
from tracets.tasks.pool import log_opinions, pool_weights, shares
from tracets.tasks.targets import ClassWeight, Floats, Targets, probabilities, read_targets
from tracets.tasks.views import FROM_ENCODER, VIEWS, Layout, Patterns, check_views, read_views
from tracets.types import Sample, SeriesVectors

FOLDS = 5
AT_MOST_IN_FOLDS = 1000
"""Windows; of more, one fifth is held out once to choose by."""
NEIGHBOURS = "neighbours"
AT_ONCE = 1024
"""Windows whose features are held in memory together, after fitting."""


@dataclass(frozen=True, eq=False)
class Memory:
    """The training windows as the neighbours of others: vectors, labels and what these weigh."""

    bank: SeriesBank
    targets: Targets
    weights: Floats

    def logits(self, queries: SeriesBank, top: int, *, sample_weight: float) -> Floats:
        """What the `top` nearest say of each query, near by the score of search: (n_queries, n_classes)."""
        found = []
        for begin in range(0, len(queries), AT_ONCE):
            part = queries.take(np.arange(begin, min(begin + AT_ONCE, len(queries))))
            scores = series_to_series(part, self.bank, sample_weight=sample_weight)
            found.append(
                shares(
                    scores, self.targets.rows, n_classes=len(self.targets.classes), multilabel=self.targets.multilabel,
                    top=top, weights=self.weights,
                )
            )  # fmt: skip
        return np.concatenate(found)


class TraceClassifier(ClassifierMixin, BaseEstimator):
    """Tell the class of windows of multivariate series, with probabilities that can be trusted.

    Several linear models, each on one view of a window, are pooled: a weighted sum of their log probabilities, whose
    weights (0 where a view does not help) and temperature are those that lose least on windows held out.

    Parameters
    ----------
    model : str, path or PairEncoder, default="base"
        The pretrained encoder.
    tuning : "linear", "adapter" or "full", default="linear"
        "linear" leaves the encoder as it is. "adapter" trains a change of rank `rank` beside each linear layer of the
        series tower, "full" every weight of it; both start from the linear model, and keep it where training does not
        better it on windows held out.
    views : sequence of str, default=("vectors", "whole", "levels", "shapes", "patterns")
        What is looked at: "vectors" of the channels and of the "whole" window, by the encoder; "levels" (means,
        extremes, quantiles, totals, calendar) and "shapes", plain numbers that the encoder reads too; "patterns", how
        often short shapes occur. The first two are the encoder alone.
    neighbours : int, default=0
        Ask also for the labels of so many training windows that are nearest by the score of search; 0 = off. They get
        the weight that helps on windows held out, which may be 0.
    class_weight : None, "balanced" or mapping, default=None
        What a window of each class weighs. With several labels a window, what its having the label weighs.
    calibration : "temperature" or None, default="temperature"
        None lets the weights of the pool sum to 1.
    channel_names, units, freq
        For arrays, see `tracets.data.arrays.as_samples`: the encoder reads names and units.
    rank, epochs, learning_rate : int, int, float
        Of "adapter" and "full" ("full" takes a tenth of the rate).
    batch_size : int, default=64
        Windows encoded at once; changes no figure.
    seed : int, default=0
        Of what is held out, of principal components and of training.

    Attributes
    ----------
    classes_ : ndarray
        Sorted; with several labels a window, the columns of what is predicted.
    prior_ : ndarray of shape (n_classes,)
        The share of the windows learnt from that have each class.
    weights_ : dict
        The weight of each view in the pool, and of the "neighbours".
    strengths_ : dict
        The inverse penalty chosen for each view.
    n_trained_ : int
        Trained numbers, of the encoder and of the linear models.
    losses_ : tuple of float
        With "adapter" and "full": log loss on the windows held out, before training and after each epoch.

    Notes
    -----
    Source: arXiv:2506.09114, section 3.4 (light heads, and labels of what is retrieved). Departs from it in that plain
    numbers are looked at beside the encoder, and that neighbours get a weight which can be 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(20, 2, 48)), rng.normal(3, size=(20, 2, 48))])
    >>> fitted = TraceClassifier().fit(X, ["low"] * 20 + ["high"] * 20)
    >>> fitted.predict(X[[0, 39]]).tolist()
    ['low', 'high']
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | PairEncoder = "base",
        *,
        tuning: Literal["linear", "adapter", "full"] = "linear",
        views: Sequence[str] = VIEWS,
        neighbours: int = 0,
        class_weight: ClassWeight = None,
        calibration: Literal["temperature"] | None = "temperature",
        channel_names: Sequence[str] | None = None,
        units: Sequence[str | None] | None = None,
        freq: str | None = None,
        rank: int = 2,
        epochs: int = 20,
        learning_rate: float = 3e-4,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.tuning = tuning
        self.views = views
        self.neighbours = neighbours
        self.class_weight = class_weight
        self.calibration = calibration
        self.channel_names = channel_names
        self.units = units
        self.freq = freq
        self.rank = rank
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None) -> TraceClassifier:
        """Fit on n windows.

        1. read the views  2. a linear model on each, its strength chosen on windows held out  3. tune the encoder
        4. ask the neighbours  5. weigh all of these on the windows held out.

        Parameters
        ----------
        X
            Windows in any form that `tracets.data.arrays.as_samples` takes: (n, n_channels, n_steps), as in aeon, or
            (n, n_steps), lists of arrays, samples, a corpus, a long frame. NaN = missing. Any channels and lengths;
            where windows do not all have the same channels, these are pooled.
        y
            One label a window; or several: (n, n_classes) of 0 and 1, or a list of labels for each window.
        validation : (X, y), optional
            Windows to choose by, which are not learnt from. Without them a fifth is held out in turn, drawn by `seed`,
            and what was chosen is fitted on all; "adapter" and "full" hold out one fifth, and the encoder is tuned on
            the rest. Give them where windows overlap or follow each other in time: drawn ones would be half known.

        Raises
        ------
        DataError
            Windows or labels that cannot be used, or a single class.
        ConfigError
            A setting out of its range, or "adapter" and "full" with a model that is no torch model.
        """
        views = self._checked()
        samples = windows_of(self, X)
        targets = read_targets(y, len(samples))
        same_steps(self, X, fitting=True)
        n, encoder, layout = len(samples), encoder_of(self.model), Layout.of(samples)
        if validation is not None:
            more = windows_of(self, validation[0])
            chosen = read_targets(validation[1], len(more), classes=targets.classes)
            if chosen.multilabel != targets.multilabel:
                raise DataError("validation labels must be of the kind of y: one a window, or several.")
            samples, targets = samples + more, targets.joined(chosen)
        weights = targets.weights(self.class_weight)
        folds, last = self._folds(targets, n)
        vectors: SeriesVectors | None = None
        if self.neighbours or set(views) & set(FROM_ENCODER):
            vectors = encoder.encode_series(samples, batch_size=self.batch_size)
        self.patterns_ = Patterns.of(samples[:n], layout, seed=self.seed) if "patterns" in views else None
        features = read_views(
            encoder, samples, layout, views, vectors=vectors, patterns=self.patterns_, batch_size=self.batch_size
        )
        self.views_: dict[str, LinearView] = {}
        self.strengths_: dict[str, float] = {}
        opinions: dict[str, Floats] = {}
        self.encoder_: TraceModel | None = None
        self.losses_: tuple[float, ...] = ()
        n_tuned = 0
        if self.tuning != "linear":
            assert isinstance(encoder, TraceModel)
            (fitted, held), *_ = folds or [(last, last)]
            start, strength, _ = fit_view(features["vectors"], targets, weights, folds, last=fitted, seed=self.seed)
            tuned = tune(
                encoder, start, layout, samples, targets, weights, fitted=fitted, held=held, seed=self.seed,
                config=self._tune_config(1 / (strength * len(fitted))),
            )  # fmt: skip
            self.encoder_, self.losses_, n_tuned = tuned.model, tuned.losses, tuned.n_tuned
            vectors = tuned.model.encode_series(samples, batch_size=self.batch_size)
            encoder = tuned.model
            asked = [name for name in views if name in FROM_ENCODER]
            features |= read_views(encoder, samples, layout, asked, vectors=vectors, batch_size=self.batch_size)
            self.views_["vectors"], self.strengths_["vectors"] = tuned.view, strength
            opinions["vectors"] = tuned.view.logits(features["vectors"][held])
        for name in views:
            if name not in self.views_:
                self.views_[name], self.strengths_[name], opinions[name] = fit_view(
                    features[name], targets, weights, folds, last=last, seed=self.seed
                )
        self.prior_ = targets.take(np.arange(n)).prior
        self.layout_, self.classes_, self.multilabel_ = layout, targets.classes, targets.multilabel
        self.memory_: Memory | None = None
        if vectors is not None and self.neighbours and folds:
            bank = series_bank(vectors, [s.channel_names for s in samples])
            said = [
                Memory(bank.take(fitted), targets.take(fitted), weights[fitted]).logits(
                    bank.take(held), self.neighbours, sample_weight=encoder.sample_weight
                )
                for fitted, held in folds
            ]
            opinions[NEIGHBOURS] = np.concatenate(said)
            self.memory_ = Memory(bank.take(last), targets.take(last), weights[last])
        self._weigh(opinions, targets, weights, folds)
        self.fingerprint_ = encoder.fingerprint
        self.n_trained_ = n_tuned + sum(view.n_trained for view in self.views_.values())
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities (n, n_classes) in the order of `classes_`; rows sum to 1 where a window has one label."""
        return probabilities(self._logits(X), multilabel=self._is_fitted().multilabel_)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class (n,); with several labels those above one half, (n, n_classes) of 0 and 1."""
        logits = self._logits(X)
        return (logits > 0).astype(np.int64) if self.multilabel_ else self.classes_[logits.argmax(1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of windows that are told rightly, with several labels a window all of them."""
        if not self._is_fitted().multilabel_:
            return float(super().score(X, y, sample_weight))
        found = self.predict(X)
        right = (found == read_targets(y, len(found), classes=self.classes_).rows).all(1)
        return float(np.average(right, weights=sample_weight))

    @property
    def encoder(self) -> PairEncoder:
        """The encoder of a fitted classifier: the tuned one, or the one that `model` names.

        Raises ModelError where that is not the one it was fitted on.
        """
        self._is_fitted()
        found: PairEncoder = encoder_of(self.model) if self.encoder_ is None else self.encoder_
        if found.fingerprint != self.fingerprint_:
            raise ModelError(
                f"the classifier was fitted on another encoder ({self.fingerprint_}) than '{found.name}' is now "
                f"({found.fingerprint}). Fit it again, or put the model back."
            )
        return found

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to a new folder; see `tracets.tasks.saved.save_classifier`."""
        from tracets.tasks.saved import save_classifier

        save_classifier(self._is_fitted(), folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> TraceClassifier:
        """Load a classifier from its folder; see `tracets.tasks.saved.load_classifier`."""
        from tracets.tasks.saved import load_classifier

        return load_classifier(folder)

    def _checked(self) -> tuple[str, ...]:
        views = check_views(self.views)
        if self.tuning not in ("linear", "adapter", "full"):
            raise ConfigError(f'tuning must be "linear", "adapter" or "full", got {self.tuning!r}.')
        if self.calibration not in ("temperature", None):
            raise ConfigError(f'calibration must be "temperature" or None, got {self.calibration!r}.')
        if self.neighbours < 0 or self.rank < 1 or self.epochs < 1 or self.batch_size < 1 or self.learning_rate <= 0:
            raise ConfigError(
                f"neighbours must be at least 0, rank, epochs and batch_size at least 1, learning_rate above 0; got "
                f"{self.neighbours}, {self.rank}, {self.epochs}, {self.batch_size}, {self.learning_rate}."
            )
        if self.tuning != "linear":
            if "vectors" not in views:
                raise ConfigError(f'tuning "{self.tuning}" trains the vectors of the channels. Add "vectors" to views.')
            if not isinstance(encoder_of(self.model), TraceModel):
                raise ConfigError(f'tuning "{self.tuning}" needs a torch model; an ONNX export can be "linear" only.')
        return views

    def _folds(self, targets: Targets, n: int) -> tuple[list[tuple[Rows, Rows]], Rows]:
        """What is fitted and held out, by rows, and the rows of the last fit; the first n may be learnt from."""
        every = np.arange(n)
        if len(targets) > n:
            return [(every, np.arange(n, len(targets)))], every
        if targets.multilabel:
            most = n
            folds = KFold(min(FOLDS, n), shuffle=True, random_state=self.seed) if n > 1 else None
        else:
            most = int(np.bincount(targets.rows).max())
            folds = StratifiedKFold(min(FOLDS, most), shuffle=True, random_state=self.seed) if most > 1 else None
        if folds is None:
            return [], every
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes with fewer windows than folds
            cut = [(a.astype(np.int64), b.astype(np.int64)) for a, b in folds.split(targets.rows, targets.rows)]
        return (cut if n <= AT_MOST_IN_FOLDS and self.tuning == "linear" else cut[:1]), every

    def _tune_config(self, penalty: float) -> TuneConfig:
        full = self.tuning == "full"
        return TuneConfig(
            penalty=penalty,
            rank=0 if full else self.rank,
            epochs=self.epochs,
            learning_rate=self.learning_rate / 10 if full else self.learning_rate,
        )

    def _weigh(
        self, opinions: dict[str, Floats], targets: Targets, weights: Floats, folds: Sequence[tuple[Rows, Rows]]
    ) -> None:
        names = list(opinions)
        pooled = np.full(len(names), 1 / len(names))
        if folds:
            rows = np.concatenate([held for _, held in folds])
            said = [log_opinions(opinions[name], multilabel=targets.multilabel) for name in names]
            pooled = pool_weights(said, targets.take(rows), weights[rows])
        if self.calibration is None:
            pooled = pooled / pooled.sum()
        self.weights_ = dict(zip(names, pooled.tolist(), strict=True))

    def _logits(self, X: Any) -> Floats:
        self._is_fitted()
        same_steps(self, X, fitting=False)
        samples = windows_of(self, X)
        return np.concatenate([self._told(samples[i : i + AT_ONCE]) for i in range(0, len(samples), AT_ONCE)])

    def _told(self, samples: Sequence[Sample]) -> Floats:
        encoder = self.encoder
        used = [name for name, weight in self.weights_.items() if weight > 0]
        views = [name for name in used if name != NEIGHBOURS]
        vectors: SeriesVectors | None = None
        if NEIGHBOURS in used or "vectors" in used or "whole" in used:
            vectors = encoder.encode_series(samples, batch_size=self.batch_size)
        features = read_views(
            encoder, samples, self.layout_, views, vectors=vectors, patterns=self.patterns_, batch_size=self.batch_size
        )
        total = np.zeros((len(samples), len(self.classes_)))
        for name in views:
            opinion = log_opinions(self.views_[name].logits(features[name]), multilabel=self.multilabel_)
            total += self.weights_[name] * opinion
        if NEIGHBOURS in used and self.memory_ is not None and vectors is not None:
            bank = series_bank(vectors, [s.channel_names for s in samples])
            found = self.memory_.logits(bank, self.neighbours, sample_weight=encoder.sample_weight)
            total += self.weights_[NEIGHBOURS] * log_opinions(found, multilabel=self.multilabel_)
        return total

    def _is_fitted(self) -> TraceClassifier:
        check_is_fitted(self, "weights_")
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_label = True
        return tags
