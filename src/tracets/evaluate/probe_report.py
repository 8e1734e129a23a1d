"""What probes found: how often a model prefers the true text or window, as JSON and as a Markdown table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracets.metrics import Interval

CHANCE = 0.5
TITLES = {
    "order": "order: the window or the same values shuffled in time, by a text about shape",
    "statistics_only": "statistics_only: the window or another shape of the same values, by a text about shape",
    "placebo_text": "placebo_text: texts of other windows (must be at chance)",
    "placebo_channel": "placebo_channel: texts of each channel from other windows (must be at chance)",
    "names_only": "names_only: texts that only name the channels (must be at chance)",
}


@dataclass(frozen=True)
class Accuracy:
    """Share of forced choices that were right (ties count one half), its 95 % interval, and how many there were."""

    share: Interval
    n: int

    def to_json(self) -> dict[str, Any]:
        """Give accuracy, low, high and n; null where there was nothing to choose."""
        figures = {"accuracy": self.share.value, "low": self.share.low, "high": self.share.high}
        return {key: None if math.isnan(value) else float(value) for key, value in figures.items()} | {"n": self.n}

    def to_text(self) -> str:
        """Draw it as one table cell."""
        if not self.n:
            return "-"
        return f"{self.share.value:.3f} [{self.share.low:.3f}, {self.share.high:.3f}]"


@dataclass(frozen=True)
class ProbeReport:
    """Forced choices of a model on one set of windows; chance is 0.5 throughout.

    Parameters
    ----------
    n : int
        Windows probed.
    captions : mapping
        Kind of fact -> a true sentence made from the numbers, or the same with that fact swapped.
    texts : mapping
        Kind of word -> the stored text, or the same with one word swapped. Kinds that no text holds have n = 0.
    others : mapping
        The probes in `TITLES`.
    model, fingerprint, split, seed, n_boot
        What was measured, on what, and how the intervals were drawn.
    """

    n: int
    captions: Mapping[str, Accuracy]
    texts: Mapping[str, Accuracy]
    others: Mapping[str, Accuracy]
    model: str
    fingerprint: str
    split: str
    seed: int
    n_boot: int

    @property
    def average(self) -> dict[str, float | None]:
        """The mean over the kinds that could be asked, each counted once."""
        return {"captions": _mean(self.captions), "texts": _mean(self.texts)}

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate probes --json`."""
        return {
            "n": self.n,
            "split": self.split,
            "seed": self.seed,
            "n_boot": self.n_boot,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "chance": CHANCE,
            "captions": {kind: found.to_json() for kind, found in self.captions.items()},
            "texts": {kind: found.to_json() for kind, found in self.texts.items()},
            "average": self.average,
            **{name: found.to_json() for name, found in self.others.items()},
        }

    def to_table(self) -> str:
        """Draw two Markdown tables: swapped facts by kind, and the other probes."""
        captions, texts = (("-" if m is None else f"{m:.3f}") for m in self.average.values())
        lines = ["| Swapped | sentences of facts | n | stored texts | n |", "|---|---|---|---|---|"]
        nothing = Accuracy(Interval(math.nan, math.nan, math.nan), 0)
        for kind, found in self.captions.items():
            text = self.texts.get(kind, nothing)
            lines.append(f"| {kind} | {found.to_text()} | {found.n} | {text.to_text()} | {text.n} |")
        lines.append(f"| mean of the kinds | {captions} | | {texts} | |")
        rest = ["| Probe | accuracy | n |", "|---|---|---|"]
        rest += [f"| {TITLES[name]} | {found.to_text()} | {found.n} |" for name, found in self.others.items()]
        head = (
            f"{self.model} ({self.fingerprint}) on {self.n} windows; split {self.split}. Share of forced choices that "
            f"are right; chance is {CHANCE}. 95 % intervals: bootstrap over windows, {self.n_boot} draws, "
            f"seed {self.seed}."
        )
        return "\n\n".join([head, "\n".join(lines), "\n".join(rest)]) + "\n"


def _mean(found: Mapping[str, Accuracy]) -> float | None:
    shares = [one.share.value for one in found.values() if one.n]
    return float(sum(shares) / len(shares)) if shares else None
