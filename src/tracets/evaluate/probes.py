"""Probe what a pair encoder reads: forced choices between a true text or window and one with a single thing changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

import tracets.retrieval.scores as vector_scores
from tracets.data.captions.antonyms import WORD_SWAPS, swap_word
from tracets.data.captions.caption import phrase
from tracets.data.captions.facts import WindowFacts
from tracets.data.captions.reader import read_facts
from tracets.data.captions.slots import names
from tracets.data.captions.swaps import SWAPS, contrasts
from tracets.encoders.protocol import PairEncoder
from tracets.errors import DataError
from tracets.evaluate.pool import span
from tracets.evaluate.probe_report import Accuracy, ProbeReport
from tracets.metrics import Interval, bootstrap
from tracets.types import FloatArray, Sample

# Facts that hang on the order of the values; all others are the same for every order.
_SHAPE = frozenset({"trend", "ends", "quarters", "third", "period", "texture", "volatile_third", "spikes", "burst",
                    "shift", "days", "dayparts"})  # fmt: skip
# Choices a window where other windows serve as the wrong answer: they are drawn, and one draw says little.
_DRAWS = 4
# Scores of the same vectors may differ by rounding when they are computed beside others.
_TIE = 1e-6


@dataclass(frozen=True)
class Choice:
    """One question: does (text, series) `right` score above `wrong`? Series are positions; `window` is resampled."""

    window: int
    right: tuple[str, int]
    wrong: tuple[str, int]


def evaluate_probes(
    samples: Sequence[Sample],
    encoder: PairEncoder,
    *,
    seed: int = 0,
    limit: int | None = None,
    n_boot: int = 1000,
    batch_size: int = 64,
) -> ProbeReport:
    """Ask a model to tell true from false, one fact at a time, and to fail where there is nothing to know.

    Parameters
    ----------
    samples : sequence of Sample
        The windows, for instance the test split. Their texts are needed for one of the tables only.
    encoder : PairEncoder
        The model; scores are those of search with a text, sample cosine and late interaction.
    seed : int
        Draws facts, wording, swaps, donors, the windows under a limit, and the bootstrap.
    limit : int or None
        At most so many windows, drawn from all.
    n_boot : int
        Bootstrap draws; windows are drawn, in blocks of neighbours in time.
    batch_size : int
        Windows and texts encoded at once; changes no figure.

    Raises
    ------
    DataError
        Fewer than three windows: the placebos need others.

    Examples
    --------
    >>> evaluate_probes(corpus.split("test"), encoder).captions["direction"].share.value  # doctest: +SKIP
    0.87
    """
    windows = _choose(samples, limit, seed)
    if len(windows) < 3:
        raise DataError(f"probes need at least 3 windows, got {len(windows)}. Check --split, --where and --limit.")
    facts = [read_facts(sample) for sample in windows]
    n, rng = len(windows), Random(seed)
    # Positions 0 to n are the windows, then each of them shuffled in time, then each in the shape of another.
    shuffled = [_shuffled(sample, seed) for sample in windows]
    reshaped = [_reshaped(i, windows, rng) for i in range(n)]
    shapes = [_about_shape(window, seed) for window in facts]
    asked: dict[str, list[Choice]] = {f"captions/{kind}": [] for kind in SWAPS}
    asked |= {f"texts/{kind}": [] for kind in WORD_SWAPS}
    for i, window in enumerate(facts):
        for made in contrasts(window, seed):
            asked[f"captions/{made.kind}"].append(Choice(i, (made.true, i), (made.false, i)))
        for kind, true, false in _word_swaps(windows[i], seed):
            asked[f"texts/{kind}"].append(Choice(i, (true, i), (false, i)))
    asked["order"] = [Choice(i, (text, i), (text, n + i)) for i, text in enumerate(shapes) if text]
    asked["statistics_only"] = [Choice(i, (text, i), (text, 2 * n + i)) for i, text in enumerate(shapes) if text]
    written = [_even(s.text) or phrase(window, seed).text for s, window in zip(windows, facts, strict=True)]
    asked["placebo_text"] = list(_foreign_texts(written, rng))
    asked["placebo_channel"] = list(_foreign_channels(windows, facts, seed, rng))
    asked["names_only"] = list(_names_only(windows, rng))

    every = [choice for choices in asked.values() for choice in choices]
    score = _scores([*windows, *shuffled, *reshaped], encoder, every, batch_size)
    found = {name: _accuracy(choices, score, n_boot=n_boot, seed=seed) for name, choices in asked.items()}
    return ProbeReport(
        n=n,
        captions={kind: found[f"captions/{kind}"] for kind in SWAPS},
        texts={kind: found[f"texts/{kind}"] for kind in WORD_SWAPS},
        others={name: one for name, one in found.items() if "/" not in name},
        model=encoder.name,
        fingerprint=encoder.fingerprint,
        split="+".join(sorted({sample.split or "none" for sample in windows})),
        seed=seed,
        n_boot=n_boot,
    )


def _choose(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    """At most `limit` windows, in time order, so that blocks of the bootstrap are neighbours."""
    spans = [span(sample)[0] for sample in samples]
    order = sorted(range(len(samples)), key=lambda i: (math.isnan(spans[i]), spans[i], i))
    if limit is not None and limit < len(order):
        order = [order[i] for i in sorted(Random(seed).sample(range(len(order)), limit))]
    return [samples[i] for i in order]


def _even(text: str | None) -> str:
    return " ".join((text or "").split())


def _random(sample: Sample, seed: int, what: str) -> Random:
    return Random(hashlib.blake2b(f"{sample.id}\0{seed}\0{what}".encode(), digest_size=8).digest())


def _shuffled(sample: Sample, seed: int) -> Sample:
    """The same values in another order, the same order for every channel."""
    order = list(range(sample.n_steps))
    _random(sample, seed, "order").shuffle(order)
    return replace(sample, values=sample.values[:, order])


def _reshaped(i: int, windows: Sequence[Sample], rng: Random) -> Sample:
    """Window i with its own values of each channel, laid out in the shape of another window; reversed without one.

    Level, spread and extremes stay exactly the same.
    """
    sample = windows[i]
    donors = [d for d in windows if d is not sample and _same_layout(d, sample)]
    if not donors:
        return replace(sample, values=sample.values[:, ::-1].copy())
    donor = rng.choice(donors)
    rows = []
    for name, row in zip(sample.channel_names, sample.values, strict=True):
        rows.append(_in_shape_of(row, donor.values[donor.channel_names.index(name)]))
    return replace(sample, values=np.stack(rows))


def _same_layout(one: Sample, other: Sample) -> bool:
    return set(one.channel_names) == set(other.channel_names) and one.n_steps == other.n_steps


def _in_shape_of(row: FloatArray, shape: FloatArray) -> FloatArray:
    """The observed values of `row` (t,) in the order of rank of `shape` (t,); missing steps stay where they are."""
    seen = np.flatnonzero(~np.isnan(row))
    known = np.flatnonzero(~np.isnan(shape))
    if not len(known):
        return row[::-1].copy()
    ranks = np.argsort(np.argsort(np.interp(seen, known, shape[known]), kind="stable"), kind="stable")
    out = row.copy()
    out[seen] = np.sort(row[seen])[ranks]
    return out


def _about_shape(window: WindowFacts, seed: int) -> str:
    """A text of the facts that another order of the values would break; empty where there is none."""
    facts = tuple(f for f in window.facts if f.kind in _SHAPE)
    channels = tuple(view for view in window.channels if any(f.channel == view.name for f in facts))
    return phrase(replace(window, facts=facts, channels=channels), seed).text if channels else ""


def _word_swaps(sample: Sample, seed: int) -> Iterator[tuple[str, str, str]]:
    """Kind, stored text and the same with one word swapped."""
    text = _even(sample.text)
    for kind in WORD_SWAPS if text else ():
        false = swap_word(text, kind, _random(sample, seed, kind), channels=sample.channel_names)
        if false is not None and false != text:
            yield kind, text, false


def _foreign_texts(written: Sequence[str], rng: Random) -> Iterator[Choice]:
    """Texts dealt out anew so that none meets its own window, against other foreign texts."""
    n = len(written)
    for i in range(n):
        for _ in range(_DRAWS):
            one, other = rng.sample([j for j in range(n) if j != i], 2)
            yield Choice(i, (written[one], i), (written[other], i))


def _foreign_channels(
    windows: Sequence[Sample], facts: Sequence[WindowFacts], seed: int, rng: Random
) -> Iterator[Choice]:
    """Texts put together channel by channel from other windows, against others made so."""
    texts: dict[str, list[tuple[int, str]]] = {}
    for i, (sample, window) in enumerate(zip(windows, facts, strict=True)):
        made = phrase(window, seed).channel_texts
        for name, told, own in zip(sample.channel_names, sample.channel_texts, made, strict=True):
            texts.setdefault(name, []).append((i, _even(told) or own))
    for i, sample in enumerate(windows):
        foreign = [[text for j, text in texts[name] if j != i] for name in sample.channel_names]
        foreign = [choices for choices in foreign if len(choices) > 1]
        for _ in range(_DRAWS if foreign else 0):
            pairs = [rng.sample(choices, 2) for choices in foreign]
            yield Choice(i, (" ".join(p[0] for p in pairs), i), (" ".join(p[1] for p in pairs), i))


def _names_only(windows: Sequence[Sample], rng: Random) -> Iterator[Choice]:
    """A text of names against the window and another one with the same channels."""
    for i, sample in enumerate(windows):
        others = [j for j, other in enumerate(windows) if j != i and _same_layout(other, sample)]
        text = ", ".join(names(name)[0] for name in sample.channel_names)
        for j in rng.sample(others, min(_DRAWS, len(others))):
            yield Choice(i, (text, i), (text, j))


def _scores(
    series: Sequence[Sample], encoder: PairEncoder, choices: Iterable[Choice], batch_size: int
) -> dict[tuple[str, int], float]:
    """Score the (text, series) that are asked about, each series with its own texts only."""
    wanted: dict[int, dict[str, None]] = {}
    for choice in choices:
        for text, at in (choice.right, choice.wrong):
            wanted.setdefault(at, {})[text] = None
    texts = list(dict.fromkeys(text for those in wanted.values() for text in those))
    position = {text: k for k, text in enumerate(texts)}
    bank = vector_scores.text_bank(encoder.encode_texts(texts, batch_size=batch_size))
    vectors = encoder.encode_series(series, batch_size=batch_size)
    items = vector_scores.series_bank(vectors, [sample.channel_names for sample in series])
    found: dict[tuple[str, int], float] = {}
    for at, those in wanted.items():
        rows = np.array([position[text] for text in those], dtype=np.int64)
        queries = vector_scores.TextBank(bank.sample[rows], bank.sentences.take(rows))
        scores = vector_scores.text_to_series(queries, items.one(at), sample_weight=encoder.sample_weight)[:, 0]
        found |= {(text, at): float(score) for text, score in zip(those, scores, strict=True)}
    return found


def _accuracy(choices: Sequence[Choice], score: dict[tuple[str, int], float], *, n_boot: int, seed: int) -> Accuracy:
    """Share of right choices; the bootstrap draws windows, each with all of its choices."""
    if not choices:
        return Accuracy(Interval(math.nan, math.nan, math.nan), 0)
    gaps = np.array([score[c.right] - score[c.wrong] for c in choices])
    points = np.where(np.abs(gaps) <= _TIE, 0.5, gaps > 0)
    _, window = np.unique([c.window for c in choices], return_inverse=True)
    right, asked = np.bincount(window, weights=points), np.bincount(window)

    def share(rows: NDArray[np.int64]) -> float:
        return float(right[rows].sum() / asked[rows].sum())

    return Accuracy(bootstrap(share, len(asked), n_boot=n_boot, seed=seed), len(choices))
