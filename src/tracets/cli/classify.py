"""`tracets classify` and `tracets evaluate classify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tracets import api
from tracets.cli.show import Json, done, json_line, labels_table, limits, printed
from tracets.errors import ConfigError

Encoder = Annotated[str, typer.Option(help="A classifier's folder; to learn, base or an encoder's folder.")]
Label = Annotated[str, typer.Option(help="The column that is learnt: one label a window, or a list of them.")]
Tuning = Annotated[str, typer.Option(help="linear (the encoder stays as it is), adapter or full.")]
Neighbours = Annotated[
    int, typer.Option(help="Ask so many nearest training windows too, where that helps on split val.", min=0)
]
Balanced = Annotated[bool, typer.Option("--balanced", help="Let every class weigh the same.")]


def classify(
    data: Annotated[Path, typer.Argument(help="A corpus, or with a classifier any file of windows.")],
    model: Encoder = "base",
    out: Annotated[Path | None, typer.Option(help="Learn from split train, and write the classifier here.")] = None,
    where: Annotated[str | None, typer.Option(help="Narrow the windows, such as \"entity = 'ny'\".")] = None,
    label: Label = "label",
    tuning: Tuning = "linear",
    neighbours: Neighbours = 0,
    balanced: Balanced = False,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
    as_json: Json = False,
) -> None:
    """Tell the labels of windows with a classifier, or, with --out, learn one from a labelled corpus."""
    windows = api.read(data, limits=limits())
    windows = windows if where is None else windows.where(where)
    if out is None:
        found = api.classify(_classifier(model), windows)
        if not as_json:
            labels_table(found, title=f"{len(found)} windows of {data}")
        for one in found if as_json else ():
            json_line({"id": one.id, "label": one.label, "probabilities": one.probabilities})
        return
    if api.is_classifier(model):
        raise ConfigError(f"'{model}' is a classifier already. To learn one, name an encoder: --model base.")
    fitted = api.fit_classifier(
        windows, model=model, label=label, tuning=tuning_of(tuning), neighbours=neighbours, balanced=balanced, seed=seed
    )
    fitted.save(out)
    facts = {"out": str(out), "classes": [str(c) for c in fitted.classes_.tolist()], "weights": fitted.weights_}
    said = f"wrote the classifier to {out}; next: tracets evaluate classify {data} --model {out}"
    done(said, facts | {"n_trained": fitted.n_trained_}, as_json=as_json)


def evaluate(
    corpus: Annotated[Path, typer.Argument(help="A corpus with labels and splits.")],
    model: Encoder = "base",
    split: Annotated[str, typer.Option(help="The split to tell: train, val or test.")] = "test",
    where: Annotated[str | None, typer.Option(help="Narrow the windows, such as \"entity = 'ny'\".")] = None,
    label: Label = "label",
    tuning: Tuning = "linear",
    neighbours: Neighbours = 0,
    balanced: Balanced = False,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn, and of intervals.")] = 0,
    n_boot: Annotated[int, typer.Option(help="Bootstrap draws.", min=1)] = 1000,
    as_json: Json = False,
) -> None:
    """Tell the labels of one split: accuracy, F1, calibration, classes. An encoder learns split train first."""
    windows = api.read(corpus, limits=limits())
    report = api.evaluate_classify(
        windows if where is None else windows.where(where), model, label=label, split=split, tuning=tuning_of(tuning),
        neighbours=neighbours, balanced=balanced, seed=seed, n_boot=n_boot,
    )  # fmt: skip
    if as_json:
        json_line(report.to_json())
    else:
        printed(report.to_table())


def tuning_of(given: str) -> Literal["linear", "adapter", "full"]:
    """The tuning that was asked for."""
    if given == "linear":
        return "linear"
    if given == "adapter":
        return "adapter"
    if given == "full":
        return "full"
    raise ConfigError(f"--tuning must be linear, adapter or full, got '{given}'.")


def _classifier(model: str) -> api.TraceClassifier:
    if not api.is_classifier(model) and model in api.shipped_models():
        raise ConfigError(
            f"'{model}' is an encoder and knows no labels. Learn them first: tracets classify CORPUS --out FOLDER, and "
            f"then pass --model FOLDER."
        )
    return api.load_classifier(model)
