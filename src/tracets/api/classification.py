"""Windows told apart by their labels. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tracets.api.models import BASE
from tracets.errors import DataError
from tracets.files import is_file
from tracets.types import AnyPath, Classification, Sample

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.evaluate.classification import ClassificationReport
    from tracets.tasks.classifier import TraceClassifier

LABEL = "label"


def fit_classifier(
    corpus: Corpus,
    *,
    model: AnyPath = BASE,
    label: str = LABEL,
    tuning: Literal["linear", "adapter", "full"] = "linear",
    neighbours: int = 0,
    balanced: bool = False,
    seed: int = 0,
) -> TraceClassifier:
    """Learn the labels of split "train"; choose by split "val", or by held-out windows where there is none.

    Parameters
    ----------
    corpus : Corpus
        With labels and splits.
    model : str or path, default="base"
        The encoder.
    label : str, default="label"
        A column with one label a window, or with a list of them. Windows without a label are left out, and those of
        "val" with one that no window of "train" has.
    tuning, neighbours
        See `TraceClassifier`.
    balanced : bool, default=False
        Let every class weigh the same, whatever the number of its windows.
    seed : int, default=0
        Of what is held out and drawn.

    Returns
    -------
    TraceClassifier
        Fitted; its `save(folder)` keeps it.

    Raises
    ------
    DataError
        No such column, no labelled window in split "train", or a single class there.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tracets.data import Corpus
    >>> told = ["cold" if day.values[1].mean() < 0 else "warm" for day in corpus]
    >>> labelled = Corpus.from_samples(replace(day, label=one) for day, one in zip(corpus, told))
    >>> fitted = tracets.fit_classifier(labelled)
    >>> fitted.classes_.tolist()
    ['cold', 'warm']
    """
    from tracets.tasks.classifier import TraceClassifier as Classifier

    learn, choose = (_labelled(corpus, split, label) for split in ("train", "val"))
    if not learn[0]:
        raise DataError(
            f"no window of split 'train' has a value in column '{label}'. Fill the columns split and {label}, or name "
            f"another column."
        )
    known = set(_flat(learn[1]))
    kept = [i for i, value in enumerate(choose[1]) if set(_flat([value])) <= known]
    validation = ([choose[0][i] for i in kept], [choose[1][i] for i in kept]) if kept else None
    fresh = Classifier(
        model, tuning=tuning, neighbours=neighbours, class_weight="balanced" if balanced else None, seed=seed
    )
    return fresh.fit(learn[0], learn[1], validation=validation)


def load_classifier(folder: AnyPath) -> TraceClassifier:
    """Load a classifier from its folder.

    Parameters
    ----------
    folder : path
        As `TraceClassifier.save` wrote it.

    Returns
    -------
    TraceClassifier
        Fitted.

    Raises
    ------
    NotFound
        No such folder, or its encoder is missing.
    ModelError
        A damaged folder.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tracets.data import Corpus
    >>> told = ["cold" if day.values[1].mean() < 0 else "warm" for day in corpus]
    >>> labelled = Corpus.from_samples(replace(day, label=one) for day, one in zip(corpus, told))
    >>> saved = tracets.fit_classifier(labelled).save("day-labels")
    >>> tracets.load_classifier("day-labels").classes_.tolist()
    ['cold', 'warm']
    """
    from tracets.tasks.saved import load_classifier as load

    return load(folder)


def is_classifier(folder: AnyPath) -> bool:
    """Whether a folder holds a fitted classifier.

    Parameters
    ----------
    folder : path
        Any.

    Examples
    --------
    >>> tracets.is_classifier("days.index")
    False
    """
    if not is_file(Path(folder) / "config.json"):
        return False
    from tracets.tasks.saved import is_classifier as check

    return check(folder)


def classify(classifier: TraceClassifier, windows: Iterable[Sample]) -> list[Classification]:
    """The label of each window and the probability of every class, in the order of the windows.

    Parameters
    ----------
    classifier : TraceClassifier
        From `fit_classifier` or `load_classifier`.
    windows : iterable of Sample
        What to tell apart.

    Returns
    -------
    list of Classification
        Probabilities in [0, 1].

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tracets.data import Corpus
    >>> told = ["cold" if day.values[1].mean() < 0 else "warm" for day in corpus]
    >>> labelled = Corpus.from_samples(replace(day, label=one) for day, one in zip(corpus, told))
    >>> found = tracets.classify(tracets.fit_classifier(labelled), labelled.split("test"))
    >>> found[0].id, sorted(found[0].probabilities)
    ('plant-2024-01-31T00', ['cold', 'warm'])
    """
    samples = list(windows)
    chances = classifier.predict_proba(samples)
    names = [str(name) for name in classifier.classes_.tolist()]
    found = []
    for sample, row in zip(samples, chances.tolist(), strict=True):
        best: str | tuple[str, ...] = names[max(range(len(names)), key=row.__getitem__)]
        if classifier.multilabel_:
            best = tuple(name for name, chance in zip(names, row, strict=True) if chance > 0.5)
        found.append(Classification(sample.id, best, dict(zip(names, row, strict=True))))
    return found


def evaluate_classify(
    corpus: Corpus,
    model: AnyPath | TraceClassifier = BASE,
    *,
    label: str = LABEL,
    split: str = "test",
    tuning: Literal["linear", "adapter", "full"] = "linear",
    neighbours: int = 0,
    balanced: bool = False,
    seed: int = 0,
    n_boot: int = 1000,
) -> ClassificationReport:
    """Tell the labels of one split, and measure how well that goes.

    Parameters
    ----------
    corpus : Corpus
        With labels and splits.
    model : path or TraceClassifier
        A classifier, or its folder, is taken as it is. An encoder gets a classifier first: `fit_classifier`, with the
        settings below.
    label : str, default="label"
        The column of the labels.
    split : str, default="test"
        What is measured on.
    tuning, neighbours, balanced
        As for `fit_classifier`.
    seed, n_boot : int
        Of the draws and of the intervals; how many resamples make an interval.

    Returns
    -------
    ClassificationReport
        `to_table()` for people, `to_json()` for programs.

    Raises
    ------
    DataError
        No labelled window in `split`, and as for `fit_classifier`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tracets.data import Corpus
    >>> told = ["cold" if day.values[1].mean() < 0 else "warm" for day in corpus]
    >>> labelled = Corpus.from_samples(replace(day, label=one) for day, one in zip(corpus, told))
    >>> report = tracets.evaluate_classify(labelled, n_boot=50)
    >>> print(report.to_table().splitlines()[2])
    | | accuracy | macro_f1 | balanced_accuracy | log_loss | ece |
    """
    from tracets.evaluate.classification import evaluate_classification

    if isinstance(model, str | PathLike) and not is_classifier(model):
        model = fit_classifier(
            corpus, model=model, label=label, tuning=tuning, neighbours=neighbours, balanced=balanced, seed=seed
        )
    fitted = load_classifier(model) if isinstance(model, str | PathLike) else model
    samples, labels = _labelled(corpus, split, label)
    if not samples:
        raise DataError(f"no window of split '{split}' has a value in column '{label}'. Check --split and --label.")
    return evaluate_classification(
        samples, labels, fitted.predict_proba(samples), fitted.classes_.tolist(), prior=fitted.prior_,
        multilabel=fitted.multilabel_, seed=seed, n_boot=n_boot,
        about={
            "model": fitted.encoder.name, "fingerprint": fitted.fingerprint_, "split": split, "label": label,
            "tuning": fitted.tuning, "n_trained": fitted.n_trained_, "weights": fitted.weights_,
        },
    )  # fmt: skip


def _labelled(corpus: Corpus, split: str, label: str) -> tuple[list[Sample], list[Any]]:
    part = corpus.split(split)
    values = part.column(label)
    rows = [i for i, value in enumerate(values) if value is not None]
    return [part[i] for i in rows], [values[i] for i in rows]


def _flat(values: Sequence[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value])]
