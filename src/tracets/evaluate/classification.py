"""How well windows are told apart by their labels: shares, calibration and classes one by one, beside chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.errors import DataError
from tracets.evaluate.pool import by_time, usual_overlap
from tracets.metrics import Bools, Floats, Interval, bootstrap, default_block
from tracets.types import Sample

METRICS = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece")
BINS = 15
LEAST = 1e-6
"""Probabilities are cut here in the log loss: a label that was never seen costs 13.8 and not infinity."""


@dataclass(frozen=True)
class ClassFigures:
    """One class: how many windows have it, how many of those said to have it do, and how many of its own are found."""

    n: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassificationReport:
    """Labels of one set of windows, as they are and as they were told.

    Parameters
    ----------
    n : int
        Windows.
    n_unknown : int
        Windows with a label that no training window has: always told wrongly.
    scores : mapping
        Metric -> value with its 95 % block bootstrap interval. `accuracy` is the share told rightly (all labels, where
        there are several), `macro_f1` and `balanced_accuracy` (mean recall) weigh classes alike, `log_loss` is in nats,
        `ece` the expected calibration error over 15 bins of confidence.
    chance : mapping
        Metric -> what comes of the shares of the classes in training alone: the commonest class, always.
    classes : mapping
        Class -> its figures.
    about : mapping
        What was measured, and how the intervals were drawn.
    """

    n: int
    n_unknown: int
    scores: Mapping[str, Interval]
    chance: Mapping[str, float]
    classes: Mapping[str, ClassFigures]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate classify --json`; null where a figure has no value."""
        return {
            "n": self.n,
            "n_unknown": self.n_unknown,
            **{name: _plain(found.value) for name, found in self.scores.items()},
            "intervals": {name: [_plain(found.low), _plain(found.high)] for name, found in self.scores.items()},
            "chance": {name: _plain(value) for name, value in self.chance.items()},
            "classes": {
                name: {"n": c.n, "precision": _plain(c.precision), "recall": _plain(c.recall), "f1": _plain(c.f1)}
                for name, c in self.classes.items()
            },
            "provenance": dict(self.about),
        }

    def to_table(self) -> str:
        """Draw one Markdown table of the metrics beside chance, and one of the classes."""
        lines = [
            f"{self.n} windows, {self.n_unknown} with a label not seen in training; "
            + ", ".join(f"{name} {_said(value)}" for name, value in self.about.items())
            + ".",
            "",
            "| | " + " | ".join(self.scores) + " |",
            "|---|" + "---|" * len(self.scores),
            "| chance | " + " | ".join(_figure(self.chance[name]) for name in self.scores) + " |",
            "| model | "
            + " | ".join(f"{_figure(i.value)} [{_figure(i.low)}, {_figure(i.high)}]" for i in self.scores.values())
            + " |",
            "",
            "| class | windows | precision | recall | F1 |",
            "|---|---|---|---|---|",
        ]
        for name, c in self.classes.items():
            lines.append(f"| {name} | {c.n} | {_figure(c.precision)} | {_figure(c.recall)} | {_figure(c.f1)} |")
        return "\n".join(lines) + "\n"


def evaluate_classification(
    samples: Sequence[Sample],
    labels: Sequence[Any],
    probabilities: NDArray[np.floating],
    classes: Sequence[Any],
    *,
    prior: NDArray[np.floating],
    multilabel: bool = False,
    seed: int = 0,
    n_boot: int = 1000,
    about: Mapping[str, Any] | None = None,
) -> ClassificationReport:
    """Measure what was told of n windows.

    Parameters
    ----------
    samples : sequence of Sample
        In any order; the bootstrap draws blocks of them in the order of time, and one by one where no time is known.
    labels : sequence
        The true label of each, or a list of labels with `multilabel`. Labels beyond `classes` are counted as unknown.
    probabilities : ndarray of shape (n, n_classes)
        In the order of `classes`. The most probable class is the one told; with `multilabel`, those above one half.
    prior : ndarray of shape (n_classes,)
        Shares of the classes in training, for chance.

    Raises
    ------
    DataError
        No windows, lengths that differ, or probabilities that are not in [0, 1].
    """
    n = len(samples)
    chances = np.asarray(probabilities, np.float64)
    if not n or len(labels) != n or chances.shape != (n, len(classes)):
        raise DataError(
            f"evaluate_classification() expects n >= 1 windows, n labels and probabilities (n, {len(classes)}), got "
            f"{n}, {len(labels)} and {chances.shape}."
        )
    if not ((chances >= 0) & (chances <= 1)).all():
        raise DataError("probabilities must lie in [0, 1]. NaN is none.")
    order, shares_time = by_time(samples)
    owned = [list(labels[i]) if multilabel else [labels[i]] for i in order]
    known = list(dict.fromkeys([*classes, *sorted({x for those in owned for x in those} - set(classes), key=str)]))
    place = {label: k for k, label in enumerate(known)}
    truth = np.zeros((n, len(known)), bool)
    for i, those in enumerate(owned):
        truth[i, [place[label] for label in those]] = True
    wide = np.zeros((n, len(known)))
    wide[:, : len(classes)] = chances[order]
    share = np.zeros(len(known))
    share[: len(classes)] = prior
    told = _told(wide, multilabel)
    timed = any(sample.start is not None for sample in samples)
    block = default_block(n, overlap=usual_overlap(shares_time)) if timed else 1
    scores = {
        name: bootstrap(
            lambda rows, name=name: _metric(name, truth[rows], told[rows], wide[rows], multilabel),  # type: ignore[misc]
            n, n_boot=n_boot, seed=seed, block=block,
        )
        for name in METRICS
    }  # fmt: skip
    constant = np.tile(share, (n, 1))
    chance = {name: _metric(name, truth, _told(constant, multilabel), constant, multilabel) for name in METRICS}
    return ClassificationReport(
        n=n,
        n_unknown=int(truth[:, len(classes) :].any(1).sum()),
        scores=scores,
        chance=chance,
        classes={str(label): _figures(truth[:, k], told[:, k]) for label, k in place.items()},
        about={**(about or {}), "seed": seed, "n_boot": n_boot, "block": block},
    )


def _told(chances: Floats, multilabel: bool) -> Bools:
    if multilabel:
        return chances > 0.5
    told = np.zeros(chances.shape, bool)
    told[np.arange(len(chances)), chances.argmax(1)] = True
    return told


def _metric(name: str, truth: Bools, told: Bools, chances: Floats, multilabel: bool) -> float:
    """One metric of rows (n, n_classes)."""
    if name == "accuracy":
        return float((truth == told).all(1).mean())
    if name in ("macro_f1", "balanced_accuracy"):
        hits, said, own = (truth & told).sum(0), told.sum(0), truth.sum(0)
        if name == "macro_f1":  # of the classes that are there or are said to be, as scikit-learn has it
            asked = (said + own) > 0
            return float(np.mean(2 * hits[asked] / (said + own)[asked])) if asked.any() else math.nan
        return float(np.mean(hits[own > 0] / own[own > 0])) if own.any() else math.nan
    if name == "log_loss":
        right = np.where(truth, chances, 1 - chances) if multilabel else (truth * chances).sum(1)
        return float(-np.log(right.clip(LEAST, 1)).mean())
    sure, right = (chances, truth) if multilabel else (chances.max(1), (truth & told).any(1))
    bins = (sure.ravel() * BINS).astype(np.int64).clip(0, BINS - 1)
    gaps = np.bincount(bins, weights=sure.ravel() - right.ravel(), minlength=BINS)
    return float(np.abs(gaps).sum() / sure.size)


def _figures(truth: Bools, told: Bools) -> ClassFigures:
    hits, said, own = int((truth & told).sum()), int(told.sum()), int(truth.sum())
    return ClassFigures(
        n=own,
        precision=hits / said if said else math.nan,
        recall=hits / own if own else math.nan,
        f1=2 * hits / (said + own) if said + own else math.nan,
    )


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{name} {_said(part)}" for name, part in value.items()) + ")"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
