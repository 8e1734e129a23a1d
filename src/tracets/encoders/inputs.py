"""What both towers are given, in NumPy: shared by torch and by the backends that do not know torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tracets.encoders.sentences import magnitude, split_sentences
from tracets.types import Batch, BoolArray, FloatArray, Sample, SeriesVectors, TextVectors

LARGEST = 1e17
"""Values are cut here: the squares of larger ones overflow in single precision."""
CALENDAR_DIM = 11
_SECONDS = {"hour": 86_400.0, "week": 7 * 86_400.0, "year": 365.2425 * 86_400.0}


@dataclass(frozen=True, eq=False)
class SeriesInputs:
    """A `Batch` as the series tower reads it: values, observed (n, c, t), channel_valid (n, c), calendar (n,
    CALENDAR_DIM), clock (n, 2) seconds since midnight and a step (NaN = unknown), n_steps (n,).

    `labels` are the different channels' names with their units; `label` (n, c) the one of each channel, -1 = padding.
    """

    values: FloatArray
    observed: BoolArray
    channel_valid: BoolArray
    calendar: FloatArray
    clock: FloatArray
    n_steps: NDArray[np.int64]
    labels: tuple[str, ...]
    label: NDArray[np.int64]


def series_inputs(batch: Batch) -> SeriesInputs:
    """Prepare a batch; values in a unit such as "million USD" are multiplied out, as "16.6 billion" is in a text."""
    told = list(dict.fromkeys(zip(batch.channel_names, batch.units, strict=True)))  # often the same in all windows
    channels = list(dict.fromkeys(key for names, units in told for key in zip(names, units, strict=True)))
    place = {key: i for i, key in enumerate(channels)}
    rows = {}
    for names, units in told:
        known = [place[key] for key in zip(names, units, strict=True)]
        rows[names, units] = known + [-1] * (batch.channel_valid.shape[1] - len(known))
    label = np.array([rows[key] for key in zip(batch.channel_names, batch.units, strict=True)], np.int64)
    factors = np.array([*(magnitude(unit or "") for _, unit in channels), 1.0], np.float32)[label]  # -1: padding
    calendar = [calendar_features(s, float(d)) for s, d in zip(batch.start, batch.step_seconds, strict=True)]
    clock = [[_since_midnight(s), d] for s, d in zip(batch.start, batch.step_seconds, strict=True)]
    with np.errstate(over="ignore"):
        values = (batch.values * factors[..., None]).clip(-LARGEST, LARGEST)
    return SeriesInputs(
        values=values,
        observed=batch.observed,
        channel_valid=batch.channel_valid,
        calendar=np.array(calendar, np.float32),
        clock=np.array(clock, np.float32),
        n_steps=batch.n_steps,
        labels=tuple(f"{name}, {unit}" if unit else name for name, unit in channels),
        label=label,
    )


def calendar_features(start: datetime | None, step_seconds: float) -> list[float]:
    """Season, weekday and hour of the first step as sine and cosine, the sampling step, and what is known (11,)."""
    known = start is not None
    out = [float(known)]
    if start is None:
        out += [0.0] * 6
    else:
        clock = _since_midnight(start)
        places = {
            "hour": clock,
            "week": start.weekday() * 86_400 + clock,
            "year": (start.timetuple().tm_yday - 1) * 86_400 + clock,
        }
        for name, seconds in places.items():
            angle = 2 * math.pi * seconds / _SECONDS[name]
            out += [math.sin(angle), math.cos(angle)]
    if math.isnan(step_seconds):
        return [*out, 0.0, 0.0, 0.0, 0.0]
    scale = math.log10(max(step_seconds, 1e-3))
    return [*out, 1.0, scale / 4, math.sin(scale), math.cos(scale)]


def _since_midnight(start: datetime | None) -> float:
    return math.nan if start is None else start.hour * 3600.0 + start.minute * 60 + start.second


@dataclass(frozen=True, eq=False)
class TextPlan:
    """Which sentences n texts are made of.

    `different` are the u sentences to read; `which` (m,) in [0, u) what each of the m sentences says, `slot` (m,) its
    place in the grid (n, s) of texts and sentences, flattened; `sentence_valid` (n, s).
    """

    different: tuple[str, ...]
    which: NDArray[np.int64]
    slot: NDArray[np.int64]
    sentence_valid: BoolArray


def plan_texts(texts: Sequence[Sequence[str]]) -> TextPlan:
    """Lay out texts already split into sentences; a sentence said twice is read once."""
    different: dict[str, int] = {}
    which = [different.setdefault(s, len(different)) for text in texts for s in text]
    counts = np.array([len(text) for text in texts])
    valid: BoolArray = np.arange(counts.max()) < counts[:, None]
    return TextPlan(tuple(different), np.array(which, np.int64), np.flatnonzero(valid), valid)


def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a text as the tower reads them."""
    return tuple(split_sentences(text))


def series_in_batches(
    samples: Sequence[Sample],
    dim: int,
    batch_size: int,
    encode: Callable[[list[Sample]], tuple[FloatArray, FloatArray]],
) -> SeriesVectors:
    """Encode n samples, those of like shape together; `encode` returns (b, dim) and (b, c, vectors, dim)."""
    sample = np.zeros((len(samples), dim), np.float32)
    channels: list[FloatArray] = [np.zeros(0, np.float32)] * len(samples)
    order = sorted(range(len(samples)), key=lambda i: samples[i].values.shape)
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        sample[part], found = encode([samples[i] for i in part])
        for i, vectors in zip(part, found, strict=True):
            channels[i] = vectors[: samples[i].n_channels].copy()
    return SeriesVectors(sample, tuple(channels))


def texts_in_batches(
    spans: Sequence[tuple[str, ...]],
    dim: int,
    batch_size: int,
    encode: Callable[[list[tuple[str, ...]]], tuple[FloatArray, FloatArray]],
) -> TextVectors:
    """Encode n texts in sentences, those of like many together; `encode` returns (b, dim) and (sentences, dim)."""
    sample = np.zeros((len(spans), dim), np.float32)
    sentences: list[FloatArray] = [np.zeros(0, np.float32)] * len(spans)
    order = sorted(range(len(spans)), key=lambda i: len(spans[i]))
    for begin in range(0, len(order), batch_size):
        part = order[begin : begin + batch_size]
        sample[part], found = encode([spans[i] for i in part])
        ends = np.cumsum([len(spans[i]) for i in part])
        for i, vectors in zip(part, np.split(found, ends[:-1]), strict=True):
            sentences[i] = vectors.copy()
    return TextVectors(sample, tuple(sentences), tuple(spans))
