"""Labels of windows: the encoder frozen and tuned, with and without neighbours, beside rocket classifiers.

    python benchmarks/classification.py DATA --out classification.jsonl
    python benchmarks/classification.py DATA --out classification.jsonl --only jena,GunPoint --methods all,minirocket

DATA is a folder of corpora (one folder each, as `CORPORA` names them); the weather needs none, and the archive sets are
those that aeon ships. aeon pins numba and with it NumPy: install `tracets[benchmarks]` in an environment of its own.
Without aeon only our own rows are made. All learn from split train; ours choose on val where there is one, and on
held-out parts of train otherwise. A row that stands in `--out` is not made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from runs import finished, same_run

from tracets import api
from tracets.data import as_samples
from tracets.evaluate.classification import evaluate_classification
from tracets.metrics import paired_bootstrap
from tracets.types import Sample

CORPORA: dict[str, str | None] = {
    "weather": None,
    "jena": "jena_weather_captioned/samples.parquet",
    "jena-6h": "jena_weather_captioned/samples_6h.parquet",
    "szeged": "szeged_weather/samples.parquet",
    "truce": "truce_synthetic/samples.parquet",
    "epa-air": "epa_air_news/samples.parquet",
}
ARCHIVE = (
    "ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels", "OSULeaf",
    "PickupGestureWiimoteZ",
)  # fmt: skip
OURS: dict[str, dict[str, Any]] = {
    "encoder": {"views": ("vectors", "whole")},
    "encoder+neighbours": {"views": ("vectors", "whole"), "neighbours": 10},
    "numbers": {"views": ("levels", "shapes")},
    "encoder+numbers": {"views": ("vectors", "whole", "levels", "shapes")},
    "all": {},
    "all+neighbours": {"neighbours": 10},
    "all-balanced": {"class_weight": "balanced"},
    "adapter": {"tuning": "adapter"},
    "full": {"tuning": "full"},
}
ROCKETS = {"minirocket": "MiniRocketClassifier", "multirocket-hydra": "MultiRocketHydraClassifier"}
TOO_LARGE_FOR_FULL = ("jena-6h", "szeged")
AGAINST = "minirocket"


class Part(NamedTuple):
    """Windows and their labels."""

    samples: list[Sample]
    labels: list[str]


def load(name: str, data: Path | None) -> dict[str, Part] | None:
    """The parts of a data set by split; None where its folder or aeon is not there."""
    if name in CORPORA:
        file = CORPORA[name]
        if file is not None and data is None:
            return None
        corpus = api.weather(captions=False) if file is None or data is None else api.read(data / file)
        labelled = [s for s in corpus if s.label is not None]
        parts = {split: [s for s in labelled if s.split == split] for split in ("train", "val", "test")}
        return {split: Part(samples, [str(s.label) for s in samples]) for split, samples in parts.items() if samples}
    try:
        from aeon.datasets import load_classification
    except ImportError:
        return None
    parts = {}
    for split in ("train", "test"):
        X, y = load_classification(name, split=split)
        parts[split] = Part(as_samples(X), [str(label) for label in y])
    return parts


def ours(settings: dict[str, Any], parts: dict[str, Part], seed: int) -> tuple[Any, Any, dict[str, Any]]:
    """Probabilities of the test windows, the classes, and what was chosen."""
    fitted = api.TraceClassifier(seed=seed, **settings)
    val = parts.get("val")
    known = [] if val is None else [i for i, label in enumerate(val.labels) if label in set(parts["train"].labels)]
    validation = None if val is None else ([val.samples[i] for i in known], [val.labels[i] for i in known])
    fitted.fit(*parts["train"], validation=validation)
    chosen = {"weights": fitted.weights_, "strengths": fitted.strengths_, "n_trained": fitted.n_trained_}
    chosen["losses"] = list(fitted.losses_)
    return fitted.predict_proba(parts["test"].samples), fitted.classes_.tolist(), chosen


def rocket(kind: str, parts: dict[str, Part], seed: int) -> tuple[Any, Any, dict[str, Any]]:
    """The same by aeon, on gaps filled in straight lines and lengths made equal by it; certain of all that it says."""
    import aeon.classification.convolution_based as room

    train, test = (filled(parts[split].samples) for split in ("train", "test"))
    if not isinstance(train, np.ndarray) or not isinstance(test, np.ndarray):
        from aeon.transformations.collection.unequal_length import Padder

        longest = max(x.shape[1] for x in [*train, *test])
        train, test = (Padder(padded_length=longest).fit_transform(x) for x in (train, test))
    fitted = getattr(room, kind)(random_state=seed).fit(train, np.array(parts["train"].labels))
    classes = sorted(set(parts["train"].labels))
    told = np.searchsorted(classes, fitted.predict(test))
    return np.eye(len(classes))[told], classes, {}


def filled(samples: Sequence[Sample]) -> Any:
    """Windows without gaps: an array (n, c, t) where all are alike, else a list of (c, t)."""
    rows = []
    for sample in samples:
        values = sample.values.astype(np.float64)
        steps = np.arange(values.shape[1])
        for row in values:
            known = ~np.isnan(row)
            row[:] = np.interp(steps, steps[known], row[known]) if known.any() else 0
        rows.append(values)
    return np.stack(rows) if len({x.shape for x in rows}) == 1 else rows


def measure(name: str, method: str, parts: dict[str, Part], seed: int) -> dict[str, Any]:
    """Fit and test one method on one data set: a record."""
    began = time.monotonic()
    make: Callable[..., Any] = rocket if method in ROCKETS else ours
    chances, classes, chosen = make(ROCKETS.get(method) or OURS[method], parts, seed)
    seconds = time.monotonic() - began
    test, learnt = parts["test"], parts["train"].labels
    prior = np.array([learnt.count(label) / len(learnt) for label in classes])
    report = evaluate_classification(test.samples, test.labels, chances, classes, prior=prior, seed=seed).to_json()
    told = [classes[k] for k in np.asarray(chances).argmax(1)]
    right = "".join(str(int(a == b)) for a, b in zip(told, test.labels, strict=True))
    run = {"data": name, "method": method, "seed": seed}
    shape = {"n_train": len(learnt), "shape": list(test.samples[0].values.shape), "n_classes": len(classes)}
    return {**run, **shape, "seconds": round(seconds, 1), **chosen, **report, "right": right}


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each data set chance and methods; accuracy and macro F1 with intervals, the difference to one."""
    lines = [
        f"| data (train, test, classes) | method | accuracy | macro F1 | log loss | ECE | less {AGAINST} | s |",
        "|---" * 8 + "|",
    ]
    for name in dict.fromkeys(r["data"] for r in records):
        own = [r for r in records if r["data"] == name]
        first = own[0]
        title = f"{name} ({first['n_train']}, {first['n']}, {first['n_classes']})"
        chance = first["chance"]
        lines.append(f"| {title} | commonest class | {_short(chance['accuracy'])} | {_short(chance['macro_f1'])} "
                     f"| {chance['log_loss']:.2f} | | | |")  # fmt: skip
        against = next((r for r in own if r["method"] == AGAINST), None)
        for r in own:
            cells = [_with_bounds(r, "accuracy"), _with_bounds(r, "macro_f1")]
            sure = ["", ""] if r["method"] in ROCKETS else [f"{r['log_loss']:.2f}", _short(r["ece"])]
            gap = "" if against is None or r is against else _gap(r["right"], against["right"])
            lines.append(f"| | {r['method']} | " + " | ".join([*cells, *sure, gap, f"{r['seconds']:.0f}"]) + " |")
    return "\n".join(lines)


def _gap(a: str, b: str) -> str:
    found = paired_bootstrap(np.array([*map(int, a)]), np.array([*map(int, b)]))
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _with_bounds(record: dict[str, Any], metric: str) -> str:
    low, high = record["intervals"][metric]
    return f"{_short(record[metric])} [{_short(low)}, {_short(high)}]"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def main(
    data: Annotated[
        Path | None, typer.Argument(help="The folder of corpora; none: the weather and the archive.")
    ] = None,
    out: Annotated[Path, typer.Option(help="JSON lines, one a row; those there are not made again.")] = Path(
        "classification.jsonl"
    ),
    only: Annotated[str, typer.Option(help="Data sets by name, with commas; none: all.")] = "",
    methods: Annotated[str, typer.Option(help="Some of them, with commas; none: all.")] = "",
    seed: Annotated[int, typer.Option(help="Of what is drawn, and of intervals.")] = 0,
    threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
) -> None:
    """Measure every data set and print the table."""
    api.set_threads(threads)
    known = finished(out)
    wanted = [m for m in (*OURS, *ROCKETS) if not methods or m in methods.split(",")]
    for name in (*CORPORA, *ARCHIVE):
        todo = [m for m in wanted if not any(same_run(r, {"data": name, "method": m, "seed": seed}) for r in known)]
        todo = [m for m in todo if m != "full" or name not in TOO_LARGE_FOR_FULL]
        if (only and name not in only.split(",")) or not todo:
            continue
        parts = load(name, data)
        for method in todo if parts is not None else ():
            assert parts is not None
            try:
                record = measure(name, method, parts, seed)
            except ImportError:
                continue  # without aeon
            known.append(record)
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            typer.echo(f"{name}, {method}: {record['accuracy']:.3f} in {record['seconds']} s", err=True)
    print(table(known))


if __name__ == "__main__":
    typer.run(main)
