"""What an evaluation of retrieval found, as numbers, as the JSON of the contract and as a Markdown table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracets.evaluate.scoring import TARGETS, Chance, Scores
from tracets.metrics import Interval
from tracets.retrieval.hubness import HUB_NEIGHBOURS, HUB_WEIGHT

TITLES = {
    ("text_to_series", "pair"): "Text to series, pair",
    ("text_to_series", "label"): "Text to series, label",
    ("series_to_text", "pair"): "Series to text, pair",
    ("series_to_text", "label"): "Series to text, label",
    ("series_to_series", "label"): "Series to series, label",
}


@dataclass(frozen=True)
class RetrievalReport:
    """Retrieval measured on one pool.

    Parameters
    ----------
    n : int
        Windows with a text: the pool of the pairs.
    n_without_text, n_duplicates, n_labelled : int
        Windows left out of the pairs; windows whose text another one has too (identical texts are relevant to each
        other); windows with a label.
    chance : mapping
        Direction -> "pair" or "label" -> metric -> expected value of a random order of the pool.
    scores : mapping
        Direction -> target -> metric -> value with its 95 % block bootstrap interval. NaN where no window has a label.
    baselines : mapping
        Name -> the same, with the directions that the baseline can do.
    paired : mapping
        Baseline -> direction -> mean difference model minus baseline on the same queries (pair MRR; label P@1 for
        series to series).
    model, fingerprint, split, seed, n_boot, block
        What was measured, on what, and how the intervals were drawn.
    hub_bank : int
        Windows over which the hubness of texts was measured (`tracets.retrieval.hubness`); 0 where none was taken off.
    """

    n: int
    n_without_text: int
    n_duplicates: int
    n_labelled: int
    chance: Chance
    scores: Scores
    baselines: Mapping[str, Scores]
    paired: Mapping[str, Mapping[str, Interval]]
    model: str
    fingerprint: str
    split: str
    seed: int
    n_boot: int
    block: int
    hub_bank: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate retrieval --json`: plain numbers; null where a metric has no value."""
        return {
            "n": self.n,
            "chance": _plain(self.chance),
            **_values(self.scores),
            "baselines": {name: _values(scores) for name, scores in self.baselines.items()},
            "intervals": {
                **_bounds(self.scores),
                "baselines": {name: _bounds(scores) for name, scores in self.baselines.items()},
            },
            "paired": {
                name: {
                    direction: {f"{_headline(direction)}_diff": gap.value, "low": gap.low, "high": gap.high}
                    for direction, gap in gaps.items()
                }
                for name, gaps in self.paired.items()
            },
            "provenance": {
                "model": self.model,
                "fingerprint": self.fingerprint,
                "split": self.split,
                "seed": self.seed,
                "n_boot": self.n_boot,
                "block": self.block,
                "n_without_text": self.n_without_text,
                "n_duplicates": self.n_duplicates,
                "n_labelled": self.n_labelled,
                "hubness": self._hubness(),
            },
        }

    def _hubness(self) -> dict[str, Any] | None:
        if not self.hub_bank:
            return None
        return {"weight": HUB_WEIGHT, "neighbours": min(HUB_NEIGHBOURS, self.hub_bank), "bank": self.hub_bank}

    def to_table(self) -> str:
        """Draw one Markdown table a direction and target: chance, baselines, model, with intervals in brackets."""
        parts = [
            f"Pool: {self.n} windows with a text ({self.n_without_text} without, {self.n_duplicates} with a text that "
            f"another has too), {self.n_labelled} labelled; split {self.split}. 95 % intervals: bootstrap over blocks "
            f"of {self.block} windows in time order, {self.n_boot} draws, seed {self.seed}."
        ]
        if self.hub_bank:
            parts[0] += f" Series to text: less the texts' hubness over {self.hub_bank} training windows."
        for (direction, target), title in TITLES.items():
            rows = [("chance", {m: _figure(m, v) for m, v in self.chance[direction][target].items()})]
            for name, scores in [*self.baselines.items(), (self.model, self.scores)]:
                if direction in scores:
                    rows.append((name, {m: _with_bounds(m, found) for m, found in scores[direction][target].items()}))
            metrics = list(self.scores[direction][target])
            lines = [f"| {title} | " + " | ".join(metrics) + " |", "|---|" + "---|" * len(metrics)]
            lines += [f"| {name} | " + " | ".join(cells[m] for m in metrics) + " |" for name, cells in rows]
            parts.append("\n".join(lines))
        return "\n\n".join(parts) + "\n"


def _headline(direction: str) -> str:
    return "MRR" if "pair" in TARGETS[direction] else "P@1"


def _plain(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _plain(value) for key, value in tree.items()}
    return None if math.isnan(tree) else float(tree)


def _values(scores: Scores) -> dict[str, Any]:
    return {d: {t: {m: _plain(v.value) for m, v in ms.items()} for t, ms in ts.items()} for d, ts in scores.items()}


def _bounds(scores: Scores) -> dict[str, Any]:
    return {
        d: {t: {m: [_plain(v.low), _plain(v.high)] for m, v in ms.items()} for t, ms in ts.items()}
        for d, ts in scores.items()
    }


def _figure(metric: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1f}" if metric == "median_rank" else f"{value:.3f}"


def _with_bounds(metric: str, found: Interval) -> str:
    if math.isnan(found.value):
        return "-"
    return f"{_figure(metric, found.value)} [{_figure(metric, found.low)}, {_figure(metric, found.high)}]"
