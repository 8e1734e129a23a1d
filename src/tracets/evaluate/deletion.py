"""Whether the channel that a hit is said to match by is true: without it, does the score fall the most?

Every channel of a window is made all-missing in turn and the window encoded anew. What is asked of the figure is
modest: late interaction falls with the channel that a sentence matched, unless another stands in for it; what may
contradict are the sample vector and the other channels' vectors, which the model makes from all channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError
from tracets.evaluate.pool import Pool, make_pool
from tracets.metrics import Floats, Interval, bootstrap
from tracets.retrieval.questions import falls_of_text
from tracets.retrieval.reasons import best_channels
from tracets.retrieval.scores import IntArray, SeriesBank, TextBank, series_bank, text_bank
from tracets.retrieval.scores import text_to_series as score
from tracets.types import Sample

DECIMALS = 6
"""Scores are rounded as those of search: float noise must not decide which channel counts most."""
LEAST = 2


@dataclass(frozen=True)
class Agreement:
    """How often the named channel is the one without which the score falls most.

    `n` texts were asked; `chance` is the mean of 1 / number of channels. `agreement` has a 95 % interval, windows drawn
    in blocks of time; channels that lower the score alike share it. `drop_named` is the mean fall of the score without
    the named channel, `drop_other` that without one of the others.
    """

    n: int
    chance: float
    agreement: Interval
    drop_named: float
    drop_other: float

    def to_json(self) -> dict[str, Any]:
        """The figures by name, the interval as `low` and `high`."""
        return {
            "n": self.n,
            "chance": self.chance,
            "agreement": self.agreement.value,
            "low": self.agreement.low,
            "high": self.agreement.high,
            "drop_named": self.drop_named,
            "drop_other": self.drop_other,
        }


@dataclass(frozen=True)
class ChannelReport:
    """The deletion test on one split.

    Parameters
    ----------
    whole_text : Agreement
        Each window's own text; named is the channel with the largest part in its explanation.
    hit_channels : Agreement
        The same texts; named is the channel with the largest value in `Hit.channels`.
    sentences : Agreement
        Each sentence of these texts as a query of its own; named is the channel it matches best.
    model, fingerprint, split, limit, seed, n_boot
        What was measured, on what, and how windows were chosen and intervals drawn.
    """

    whole_text: Agreement
    hit_channels: Agreement
    sentences: Agreement
    model: str
    fingerprint: str
    split: str
    limit: int
    seed: int
    n_boot: int

    def to_json(self) -> dict[str, Any]:
        """Give the object of `tracets evaluate channels --json`."""
        names = ("model", "fingerprint", "split", "limit", "seed", "n_boot")
        return {
            "n": self.whole_text.n,
            "chance": self.whole_text.chance,
            "whole_text": self.whole_text.to_json(),
            "hit_channels": self.hit_channels.to_json(),
            "sentences": self.sentences.to_json(),
            "provenance": {name: getattr(self, name) for name in names},
        }

    def to_table(self) -> str:
        """Draw a Markdown table, one line a kind of query."""
        lines = [
            f"{self.whole_text.n} windows of split {self.split}, model {self.model}: how often the channel that a text "
            "is said to match by is the one without which its score falls most.",
            "",
            "| named channel | n | chance | agreement | fall without it | without another |",
            "|---|---|---|---|---|---|",
        ]
        for title, part in (
            ("largest part of the text's explanation", self.whole_text),
            ("largest fall that the hit names", self.hit_channels),
            ("best match of a sentence asked alone", self.sentences),
        ):
            found = part.agreement
            lines.append(
                f"| {title} | {part.n} | {part.chance:.3f} | {found.value:.3f} [{found.low:.3f}, {found.high:.3f}] "
                f"| {part.drop_named:.3f} | {part.drop_other:.3f} |"
            )
        return "\n".join(lines) + "\n"


def evaluate_channels(
    samples: Sequence[Sample],
    encoder: PairEncoder,
    *,
    limit: int = 100,
    seed: int = 0,
    n_boot: int = 1000,
    batch_size: int = 64,
) -> ChannelReport:
    """Drop each channel of windows in turn and see whether the named one lowers the score of their texts most.

    1. choose `limit` windows with a text and two live channels  2. encode them, whole and without each channel
    3. score the texts, and each of their sentences, with all variants  4. compare the falls with the named channels

    Parameters
    ----------
    samples : sequence of Sample
        For instance the test split.
    limit, seed : int
        At most so many windows, drawn by the seed, which is that of the bootstrap too; 2 <= limit.

    Raises
    ------
    DataError
        Fewer than two windows have a text and two channels with values.

    Examples
    --------
    >>> evaluate_channels(corpus.split("test"), encoder).sentences.agreement.value  # doctest: +SKIP
    0.9
    """
    pool = _chosen(samples, limit, seed)
    live = [np.flatnonzero(~np.isnan(sample.values).all(axis=1)) for sample in pool.samples]
    variants = [v for s, channels in zip(pool.samples, live, strict=True) for v in (s, *_without_each(s, channels))]
    encoded = encoder.encode_series(variants, batch_size=batch_size)
    bank = series_bank(encoded, [sample.channel_names for sample in variants])
    firsts = np.concatenate([[0], np.cumsum([1 + len(channels) for channels in live])])

    texts = encoder.encode_texts(pool.texts, batch_size=batch_size)
    owners = np.repeat(np.arange(len(pool.samples)), [len(spans) for spans in texts.spans])
    spoken = encoder.encode_texts([span for spans in texts.spans for span in spans], batch_size=batch_size)

    def asked(queries: TextBank, windows: IntArray, name: Callable[[TextBank, SeriesBank], int]) -> Agreement:
        named, falls = [], []
        for i, window in enumerate(windows):
            query = TextBank(queries.sample[i : i + 1], queries.sentences.between(i, i + 1))
            scores = score(query, bank.take(np.arange(firsts[window], firsts[window + 1])), sample_weight=weight)[0]
            rounded = scores.astype(np.float64).round(DECIMALS)
            falls.append((rounded[0] - rounded[1:]).round(DECIMALS))
            named.append(int(np.searchsorted(live[window], name(query, bank.one(firsts[window])))))
        return _agreement(named, falls, windows, n_boot=n_boot, seed=seed, block=pool.block)

    weight, whole, every = encoder.sample_weight, text_bank(texts), np.arange(len(pool.samples))
    return ChannelReport(
        whole_text=asked(whole, every, _largest_part),
        hit_channels=asked(whole, every, _largest_fall),
        sentences=asked(text_bank(spoken), owners, _largest_part),
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        split="+".join(sorted({sample.split or "none" for sample in pool.samples})),
        limit=limit,
        seed=seed,
        n_boot=n_boot,
    )


def _chosen(samples: Sequence[Sample], limit: int, seed: int) -> Pool:
    """At most `limit` of the windows that can be asked about, in time order, the same whatever the order given."""
    fit = [s for s in samples if s.text and s.text.strip() and (~np.isnan(s.values).all(axis=1)).sum() >= LEAST]
    if limit < 2 or len(fit) < 2:
        raise DataError(
            f"the deletion test needs at least 2 windows with a text and {LEAST} channels with values, got {len(fit)} "
            f"among {len(samples)} and a limit of {limit}. Check --split and --limit, or write captions with "
            f"`tracets data caption`."
        )
    fit.sort(key=lambda sample: sample.id)
    kept = np.random.default_rng(seed).permutation(len(fit))[:limit]
    return make_pool([fit[i] for i in np.sort(kept)])


def _without_each(sample: Sample, channels: IntArray) -> list[Sample]:
    """The window without each of these channels."""
    out = []
    for channel in channels:
        values = sample.values.copy()
        values[channel] = np.nan
        out.append(replace(sample, values=values))
    return out


def _largest_part(query: TextBank, window: SeriesBank) -> int:
    """The channel with the largest part in the explanation, among those that any sentence matches best."""
    channels, cosines = best_channels(query.sentences.vectors, window)
    parts = np.bincount(channels, cosines)
    chosen = np.unique(channels)
    return int(chosen[np.argmax(parts[chosen])])


def _largest_fall(query: TextBank, window: SeriesBank) -> int:
    """The live channel that `Hit.channels` says the score would lose most without."""
    found = falls_of_text(query, window)
    return int(np.argmax(np.where(window.channels.sizes > 0, found, -np.inf)))


def _agreement(
    named: list[int], falls: list[Floats], windows: IntArray, *, n_boot: int, seed: int, block: int
) -> Agreement:
    right, others = np.zeros(len(named)), np.zeros(len(named))
    for i, (channel, fall) in enumerate(zip(named, falls, strict=True)):
        most = fall == fall.max()
        right[i] = most[channel] / most.sum() if fall[channel] > 0 else 0.0
        others[i] = np.delete(fall, channel).mean()
    # sentences of one window are drawn together
    n = int(windows.max()) + 1
    found, asked = np.bincount(windows, right, minlength=n), np.bincount(windows, minlength=n)
    return Agreement(
        n=len(named),
        chance=float(np.mean([1 / len(fall) for fall in falls])),
        agreement=bootstrap(
            lambda rows: float(found[rows].sum() / asked[rows].sum()), n, n_boot=n_boot, seed=seed, block=min(block, n)
        ),
        drop_named=float(np.mean([fall[channel] for channel, fall in zip(named, falls, strict=True)])),
        drop_other=float(others.mean()),
    )
