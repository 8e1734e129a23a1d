"""Whether the part of a channel that a sentence is said to match by is true: without it, does the match fall the most?

The part was found by making stretches missing, and the largest fall of many is large by the choice alone. So the test
does what the search for it never did: the part is levelled, each step on the straight line between those beside it, and
so are random stretches of the same length. Without a part that means nothing the match falls more than without half of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError
from tracets.evaluate.pool import make_pool
from tracets.metrics import Interval, bootstrap
from tracets.retrieval.matched import Asked, matched_parts
from tracets.retrieval.reasons import best_channels
from tracets.retrieval.scores import series_bank
from tracets.types import FloatArray, MatchedPart, Sample

DRAWS = 16
"""Random stretches that each part is held against."""
CHANCE = 0.5


@dataclass(frozen=True)
class PartReport:
    """The levelling test on one split.

    Parameters
    ----------
    windows, sentences : int
        Windows asked about, and the sentences of their own texts.
    found : float
        Share of the sentences for which a part was named.
    beaten : Interval
        Share of random stretches of the same length without which the match falls less, ties half, with a 95 %
        interval over windows; `CHANCE` for parts that mean nothing.
    drop_found, drop_random : float
        Mean fall of the cosine of sentence and channel without the part, and without a random stretch.
    share : float
        Mean share of the window that a part takes.
    model, fingerprint, split, limit, seed, n_boot
        What was measured, on what, and how windows and stretches were drawn.
    """

    windows: int
    sentences: int
    found: float
    beaten: Interval
    drop_found: float
    drop_random: float
    share: float
    model: str
    fingerprint: str
    split: str
    limit: int
    seed: int
    n_boot: int

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate parts --json`."""
        plain = ("windows", "sentences", "found", "drop_found", "drop_random", "share")
        made = ("model", "fingerprint", "split", "limit", "seed", "n_boot")
        return {
            **{name: getattr(self, name) for name in plain},
            "chance": CHANCE,
            "beaten": self.beaten.value,
            "low": self.beaten.low,
            "high": self.beaten.high,
            "provenance": {name: getattr(self, name) for name in made},
        }

    def to_table(self) -> str:
        """Draw a Markdown table of one line."""
        return (
            f"{self.windows} windows of split {self.split}, model {self.model}: the part of the channel that a "
            f"sentence is said to match by, levelled, against {DRAWS} random stretches of its length.\n\n"
            "| sentences | with a part | its share of the window | falls more than (chance .500) | fall without it "
            "| without a random stretch |\n|---|---|---|---|---|---|\n"
            f"| {self.sentences} | {self.found:.3f} | {self.share:.3f} | {self.beaten.value:.3f} "
            f"[{self.beaten.low:.3f}, {self.beaten.high:.3f}] | {self.drop_found:.3f} | {self.drop_random:.3f} |\n"
        )


def evaluate_parts(
    samples: Sequence[Sample],
    encoder: PairEncoder,
    *,
    limit: int = 50,
    seed: int = 0,
    n_boot: int = 1000,
) -> PartReport:
    """Level the part that each sentence of a window's text matches, and random stretches, and compare the falls.

    Parameters
    ----------
    samples : sequence of Sample
        For instance the test split; those without a text are left out.
    limit, seed : int
        At most so many windows, drawn by the seed, which draws the random stretches too; 2 <= limit.

    Raises
    ------
    DataError
        Fewer than two windows have a text, or no sentence has a part.

    Examples
    --------
    >>> evaluate_parts(corpus.split("test"), encoder).beaten.value  # doctest: +SKIP
    0.9
    """
    windows = _chosen(samples, limit, seed)
    texts = encoder.encode_texts([" ".join((sample.text or "").split()) for sample in windows])
    rng, sentences = np.random.default_rng(seed), 0
    owners, beaten, falls, random_falls, shares = [], [], [], [], []
    for i, (sample, vectors) in enumerate(zip(windows, texts.sentences, strict=True)):
        sentences += len(vectors)
        for one, part in _parts(encoder, sample, vectors):
            fall, others = _falls(encoder, sample, one, part, rng)
            owners.append(i)
            beaten.append(float(np.mean((fall > others) + 0.5 * (fall == others))))
            falls.append(fall)
            random_falls.append(float(others.mean()))
            shares.append(part.n_steps / sample.n_steps)
    if not beaten:
        raise DataError(f"none of {sentences} sentences has a part that counts more than others: nothing to compare.")
    # sentences of one window are drawn together
    sums, counts = (np.bincount(owners, weights, minlength=len(windows)) for weights in (beaten, None))
    drawn = [int(i) for i in np.flatnonzero(counts)]
    return PartReport(
        windows=len(windows),
        sentences=sentences,
        found=len(beaten) / sentences,
        beaten=bootstrap(
            lambda rows: float(sums[drawn][rows].sum() / counts[drawn][rows].sum()),
            len(drawn), n_boot=n_boot, seed=seed, block=1,
        ),
        drop_found=float(np.mean(falls)),
        drop_random=float(np.mean(random_falls)),
        share=float(np.mean(shares)),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        split="+".join(sorted({sample.split or "none" for sample in windows})),
        limit=limit,
        seed=seed,
        n_boot=n_boot,
    )  # fmt: skip


def levelled(sample: Sample, channel: int, first: int, n_steps: int) -> Sample:
    """The window with some steps of a channel on the straight line between those beside them; missing ones stay so.

    >>> levelled(Sample("a", np.array([[1.0, 9.0, 9.0, 4.0]]), ("load",)), 0, 1, 2).values.tolist()
    [[1.0, 2.0, 3.0, 4.0]]
    """
    values = sample.values.copy()
    row = values[channel]
    inside = np.arange(first, first + n_steps)
    beside = np.setdiff1d(np.flatnonzero(~np.isnan(row)), inside)
    seen = inside[~np.isnan(row[inside])]
    row[seen] = np.interp(seen, beside, row[beside]) if len(beside) else np.nanmean(row)
    return replace(sample, values=values)


def _chosen(samples: Sequence[Sample], limit: int, seed: int) -> list[Sample]:
    told = sorted((s for s in samples if s.text and s.text.strip()), key=lambda sample: sample.id)
    if limit < 2 or len(told) < 2:
        raise DataError(
            f"the levelling test needs at least 2 windows with a text, got {len(told)} among {len(samples)} and a "
            f"limit of {limit}. Check --split and --limit, or write captions with `tracets data caption`."
        )
    kept = np.random.default_rng(seed).permutation(len(told))[:limit]
    return list(make_pool([told[i] for i in np.sort(kept)]).samples)


def _parts(encoder: PairEncoder, sample: Sample, sentences: FloatArray) -> list[tuple[Asked, MatchedPart]]:
    bank = series_bank(encoder.encode_series([sample]), [sample.channel_names])
    channels, _ = best_channels(sentences, bank)
    asked = [Asked(vector, int(c)) for vector, c in zip(sentences, channels, strict=True) if c >= 0]
    # one at a time: an explanation has room for some channels only
    return [(one, part) for one in asked for part in matched_parts(encoder, sample, [one]) if part is not None]


def _falls(
    encoder: PairEncoder, sample: Sample, one: Asked, part: MatchedPart, rng: np.random.Generator
) -> tuple[float, FloatArray]:
    firsts = [part.first_step, *rng.integers(0, sample.n_steps - part.n_steps + 1, DRAWS).tolist()]
    found = encoder.encode_series([sample, *(levelled(sample, one.channel, f, part.n_steps) for f in firsts)])
    cosines = np.array([one.cosine(channels) for channels in found.channels])
    falls = (cosines[0] - cosines[1:]).round(6)
    return float(falls[0]), falls[1:]
