"""Labels of windows as numbers and back: one label a window, or any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from tracets.errors import ConfigError, DataError

Floats = NDArray[np.float64]
ClassWeight = Mapping[Any, float] | str | None
LEAST = 1e-6
"""Probabilities are kept above this in losses and pools, so that one sure mistake does not outweigh all else."""


@dataclass(frozen=True, eq=False)
class Targets:
    """The labels of n windows: `rows` is (n,) class numbers, or (n, n_classes) of 0 and 1 with `multilabel`."""

    classes: NDArray[Any]
    rows: NDArray[np.int64]
    multilabel: bool

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: NDArray[np.int64]) -> Targets:
        """The labels of some windows."""
        return Targets(self.classes, self.rows[which], self.multilabel)

    @property
    def prior(self) -> Floats:
        """The share of the windows that have each class, (n_classes,)."""
        if self.multilabel:
            return self.rows.mean(0)
        return np.bincount(self.rows, minlength=len(self.classes)) / len(self)

    def joined(self, more: Targets) -> Targets:
        """These, and those of further windows after them."""
        return Targets(self.classes, np.concatenate([self.rows, more.rows]), self.multilabel)

    def weights(self, class_weight: ClassWeight) -> Floats:
        """What each label weighs: (n,), or (n, n_classes) with `multilabel`.

        There, a weight is that of the windows which have the label; "balanced" lets those with it and those without it
        weigh the same in all.

        Raises
        ------
        ConfigError
            Neither None, "balanced" nor a mapping from classes that are there to numbers above 0.
        """
        if isinstance(class_weight, str) and class_weight != "balanced":
            raise ConfigError(f'class_weight must be None, "balanced" or a mapping from labels, got {class_weight!r}.')
        if isinstance(class_weight, Mapping):
            unknown = [label for label in class_weight if label not in self.classes]
            if unknown or not all(weight > 0 for weight in class_weight.values()):
                raise ConfigError(
                    f"class_weight must give numbers above 0 to classes among {self.classes.tolist()}, got "
                    f"{dict(class_weight)}."
                )
        by_class = [float(class_weight.get(c, 1.0)) if isinstance(class_weight, Mapping) else 1.0 for c in self.classes]
        if not self.multilabel:
            if class_weight == "balanced":
                codes = np.unique(self.rows)
                found = dict(zip(codes, compute_class_weight("balanced", classes=codes, y=self.rows), strict=True))
                by_class = [float(found.get(code, 1.0)) for code in range(len(self.classes))]
            return np.array(by_class)[self.rows]
        if class_weight == "balanced":
            share = self.rows.mean(0).clip(1 / (2 * len(self)), 1 - 1 / (2 * len(self)))
            return np.where(self.rows == 1, 0.5 / share, 0.5 / (1 - share))
        return np.where(self.rows == 1, np.array(by_class), 1.0)

    def loss(self, logits: Floats, weights: Floats) -> float:
        """Mean log loss of logits (n, n_classes), weighted."""
        if self.multilabel:
            said = np.where(self.rows == 1, log_expit(logits), log_expit(-logits))
        else:
            said = log_softmax(logits, axis=1)[np.arange(len(self)), self.rows]
        return float(-(weights * said.clip(np.log(LEAST))).sum() / weights.sum())


def probabilities(logits: Floats, *, multilabel: bool) -> Floats:
    """Logits (n, n_classes) as probabilities."""
    return expit(logits) if multilabel else softmax(logits, axis=1)


def read_targets(y: Any, n: int, *, classes: NDArray[Any] | None = None) -> Targets:
    """Check the labels of n windows and number their classes.

    Parameters
    ----------
    y : array or sequence
        One label a window (text, numbers, booleans); or several: an array (n, n_classes) of 0 and 1, whose columns are
        then the classes 0, 1, ..., or a list of labels for each window.
    classes : ndarray, optional
        Those to number by, of windows read before; otherwise those of `y`, sorted.

    Raises
    ------
    DataError
        No labels, another number of them, missing or unknown ones, or a single class.
    """
    if y is None:
        raise DataError("a classifier requires y to be passed, but the target y is None. Give one label a window.")
    if hasattr(y, "tocsr"):
        raise DataError("y is a sparse matrix. Pass y.toarray().")
    if _lists(y):
        found = _several(y, classes)
    else:
        values = np.asarray(y)
        several = values.ndim == 2 and values.shape[1] > 1
        found = _indicator(values, classes) if several else _one(values, classes)
    if len(found) != n:
        raise DataError(f"got {len(found)} labels for {n} windows. Give one a window, in the same order.")
    if classes is None and (len(found.classes) < 2 if not found.multilabel else not len(found.classes)):
        raise DataError(
            f"a classifier needs at least 2 classes, got {len(found.classes)} class: {found.classes.tolist()}. "
            f"Check the labels, or the filter that chose the windows."
        )
    return found


def _lists(y: Any) -> bool:
    """Whether each entry of y is a collection of labels; rows of 0 and 1 in lists are an array."""
    if isinstance(y, np.ndarray) and y.dtype != object:
        return False
    entries = list(y) if isinstance(y, Sequence | np.ndarray) or hasattr(y, "tolist") else []
    return any(isinstance(e, list | tuple | set | frozenset) for e in entries) and not (
        len({len(e) for e in entries}) == 1 and all(isinstance(v, int | float) for e in entries for v in e)
    )


def _one(values: NDArray[Any], classes: NDArray[Any] | None) -> Targets:
    values = column_or_1d(values, warn=True)
    missing = [v is None or v != v for v in values.tolist()]
    if any(missing):
        raise DataError(f"label {missing.index(True)} is missing (None or NaN). Leave windows without a label out.")
    if values.dtype.kind == "f":
        check_classification_targets(values)
    known = _classes(values) if classes is None else classes
    place = {label: i for i, label in enumerate(known.tolist())}
    return Targets(known, np.array([_place(v, place) for v in values.tolist()], np.int64), False)


def _several(y: Any, classes: NDArray[Any] | None) -> Targets:
    labels = [list(those) for those in y]
    known = _classes(np.array([v for those in labels for v in those])) if classes is None else classes
    place = {label: i for i, label in enumerate(known.tolist())}
    rows = np.zeros((len(labels), len(known)), np.int64)
    for i, those in enumerate(labels):
        rows[i, [_place(v, place) for v in those]] = 1
    return Targets(known, rows, True)


def _indicator(values: NDArray[Any], classes: NDArray[Any] | None) -> Targets:
    if type_of_target(values) != "multilabel-indicator":
        raise DataError(
            f"y of shape {values.shape} must hold 0 and 1, one column a class. For one label a window pass (n,)."
        )
    known = np.arange(values.shape[1]) if classes is None else classes
    if len(known) != values.shape[1]:
        raise DataError(f"y has {values.shape[1]} columns, expects one for each of the classes {known.tolist()}.")
    return Targets(known, values.astype(np.int64), True)


def _classes(values: NDArray[Any]) -> NDArray[Any]:
    """The different labels, sorted; text as text, also where pandas keeps it as objects."""
    if values.dtype == object:
        kinds = {type(v) for v in values.tolist()}
        if len(kinds) > 1:
            raise DataError(f"labels mix {' and '.join(sorted(k.__name__ for k in kinds))}. Give them one type.")
        values = np.array(values.tolist())
    if values.dtype.kind not in "OUSbiuf":
        raise DataError(f"Unknown label type: {values.dtype}. Give text, numbers or booleans.")
    return np.unique(values)


def _place(label: Any, place: Mapping[Any, int]) -> int:
    if label not in place:
        raise DataError(f"label {label!r} is none of the classes learnt from: {list(place)}. Leave such windows out.")
    return place[label]
