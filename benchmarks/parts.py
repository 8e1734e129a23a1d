"""Whether the part of the series that an explanation names is where the pattern was planted: JSON lines.

    python benchmarks/parts.py --n 200 --seed 1 --out parts.jsonl

Each window has three channels with a daily cycle, a slow walk and noise over 96, 168 or 240 hours; one of them gets
one pattern at a random place: a rise that goes back, a fall that goes back, a spike of one to three hours, or (instead
of its values) a single burst of rain. It is asked for in words that say where ("a sharp spike in the load near the
end") and in words that do not. A part is right when it holds the middle of the pattern; a part of the same length at a
random place holds it with the probability `chance`, a sentence without a part is wrong, and its chance counts as zero.
`overlap` is intersection over union of the steps. Intervals are of 95 %, by 2,000 draws of windows.
"""

from __future__ import annotations

import json
import platform
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from tracets import api
from tracets.data.captions.clock import Clock
from tracets.metrics import bootstrap
from tracets.retrieval.matched import Asked, matched_parts
from tracets.types import MatchedPart, Sample

PATTERNS = {
    "rise": "a peak in the {name}",
    "fall": "a low in the {name}",
    "spike": "a sharp spike in the {name}",
    "burst": "a heavy burst of {name}",
}
LENGTHS = (96, 168, 240)
CHANNELS = (
    ("temperature", "°C", 15.0, 4.0), ("wind speed", "m/s", 6.0, 2.0), ("pressure", "hPa", 1013.0, 5.0),
    ("load", "MW", 500.0, 80.0), ("relative humidity", "%", 60.0, 10.0),
)  # fmt: skip


class Planted(NamedTuple):
    """A window with a pattern in its first channel, at steps `first` to `first + n_steps`."""

    sample: Sample
    kind: str
    first: int
    n_steps: int

    @property
    def middle(self) -> int:
        return self.first + self.n_steps // 2


def planted(n: int, seed: int) -> list[Planted]:
    """Draw windows, every kind of pattern in turn."""
    return [_planted(list(PATTERNS)[i % len(PATTERNS)], np.random.default_rng([seed, i]), i) for i in range(n)]


def _planted(kind: str, rng: np.random.Generator, i: int) -> Planted:
    n = int(rng.choice(LENGTHS))
    t = np.arange(n)
    rows, names, units = [], [], []
    for k in rng.permutation(len(CHANNELS))[:3]:
        name, unit, level, spread = CHANNELS[k]
        cycle = np.sin(2 * np.pi * (t + rng.integers(24)) / 24)
        walk = np.cumsum(rng.normal(size=n)) / np.sqrt(n)
        rows.append(level + spread * (0.6 * cycle + 0.3 * walk + 0.15 * rng.normal(size=n)))
        names.append(name)
        units.append(unit)
        if len(rows) == 1:
            height = spread
    length = int(rng.integers(1, 4) if kind == "spike" else rng.integers(n // 16, n // 6))
    first = int(rng.integers(2, n - length - 2))
    inside = slice(first, first + length)
    if kind == "burst":
        names[0], units[0], rows[0] = "precipitation", "mm", np.zeros(n)
        rows[0][inside] = 1 + rng.gamma(1.5, 3.0, length)
    elif kind == "spike":
        rows[0][inside] += 6 * height
    else:
        hump = 3.5 * height * np.sin(np.pi * (np.arange(length) + 0.5) / length)
        rows[0][inside] += hump if kind == "rise" else -hump
    sample = Sample(
        f"planted-{i}", np.array(rows, np.float32), tuple(names), tuple(units), start=datetime(2020, 1, 1), freq="h"
    )
    return Planted(sample, kind, first, length)


def words(one: Planted, *, when: bool) -> str:
    """The question for a planted pattern, with where it lies in the window or without."""
    said = PATTERNS[one.kind].format(name=one.sample.channel_names[0])
    return f"{said} {Clock(one.sample.n_steps).relative(one.middle, Random(one.sample.id))}" if when else said


def judged(one: Planted, part: MatchedPart | None) -> dict[str, float]:
    """Whether the part holds the middle of the pattern, how probable that is for a random one, and their overlap."""
    if part is None:
        return {"named": 0.0, "right": 0.0, "chance": 0.0, "overlap": 0.0}
    places = one.sample.n_steps - part.n_steps + 1
    starts = np.arange(places)
    holds = (starts <= one.middle) & (one.middle < starts + part.n_steps)
    end, other = part.first_step + part.n_steps, one.first + one.n_steps
    both = max(0, min(end, other) - max(part.first_step, one.first))
    return {
        "named": 1.0,
        "right": float(part.first_step <= one.middle < end),
        "chance": float(holds.mean()),
        "overlap": both / (part.n_steps + one.n_steps - both),
    }


def measure(encoder: Any, windows: list[Planted], *, when: bool) -> dict[str, Any]:
    """The parts of all windows, judged: in all and by kind."""
    vectors = encoder.encode_texts([words(one, when=when) for one in windows]).sentences
    found = [
        judged(one, matched_parts(encoder, one.sample, [Asked(v[0], 0)])[0])
        for one, v in zip(windows, vectors, strict=True)
    ]
    told: dict[str, Any] = {}
    for kind in ("all", *PATTERNS):
        some = [f for f, one in zip(found, windows, strict=True) if kind in ("all", one.kind)]
        right = np.array([f["right"] for f in some])
        interval = bootstrap(
            lambda rows, right=right: float(right[rows].mean()), len(right), n_boot=2000, seed=0, block=1
        )
        told[kind] = {
            "n": len(some), "right": interval.value, "low": interval.low, "high": interval.high,
            **{name: float(np.mean([f[name] for f in some])) for name in ("chance", "named", "overlap")},
        }  # fmt: skip
    return told


def main(
    n: int = 200,
    seed: int = 1,
    model: str = "base",
    out: Annotated[Path, typer.Option(help="JSON lines; runs are added.")] = Path("parts.jsonl"),
) -> None:
    """Find the parts of n planted patterns, asked for with and without where they lie."""
    encoder, windows = api.load(model), planted(n, seed)
    for when in (True, False):
        found = {
            "when": when,
            "n": n,
            "seed": seed,
            "model": model,
            "machine": platform.processor() or platform.machine(),
        }
        found |= {"found": measure(encoder, windows, when=when)}
        with out.open("a") as file:
            file.write(json.dumps(found) + "\n")
        for kind, part in found["found"].items():
            print(
                f"{'where' if when else 'not where'} {kind:6} n {part['n']} right {part['right']:.3f} "
                f"[{part['low']:.3f}, {part['high']:.3f}] chance {part['chance']:.3f} named {part['named']:.3f} "
                f"overlap {part['overlap']:.3f}"
            )


if __name__ == "__main__":
    typer.run(main)
