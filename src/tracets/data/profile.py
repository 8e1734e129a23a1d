"""What is in a corpus, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tracets.data.corpus import Corpus
from tracets.data.leaks import Leaks, longest_run, runs, values_digest
from tracets.types import Sample

MOST_KINDS, LONGEST_KIND = 12, 40
"""More different values than this, or one with more characters, are no kinds, but names or texts."""


def describe(corpus: Corpus) -> dict[str, Any]:
    """Profile a corpus, fit for JSON.

    Returns
    -------
    dict
        `rows`; `channels` {name: rows that have it}; `units` {name: [units seen]}; `channels_per_row` and
        `steps_per_row` {"min", "median", "max"}; `freq`, `splits`, `labels`, `domains` {value: rows}, "" where null;
        `start` {"first", "last", "zone", "missing"}; `missing` share of all values, in [0, 1], and `missing_by_channel`
        {name: share}; `empty_channels` channels of rows with nothing observed; `gaps` {name: {"count", "longest"}}
        stretches of missing steps in channels that are not empty, and the longest in steps; `text`, `event_text`,
        `channel_texts` share of rows (of channels) that have one; `distinct_texts`; `text_chars` as `steps_per_row`, of
        rows with a text; `duplicates` {"values", "texts"}: rows that repeat an earlier row's values or text; `leaks`:
        what splits know of one another, see `tracets.data.leaks.Leaks.to_json`; `values` {name: {"low", "mean",
    XX
    Examples
    --------
    >>> from tracets.types import Sample
    >>> describe(Corpus.from_samples([Sample("a", np.zeros((1, 4)), ("load",))]))["steps_per_row"]
    {'min': 4, 'median': 4.0, 'max': 4}
    """
    counts: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    total: Counter[str] = Counter()
    units: dict[str, dict[str, None]] = {}
    gaps: dict[str, dict[str, int]] = {}
    spread: dict[str, tuple[float, float, float]] = {}  # lowest, sum, highest
    channels, steps, seen, leaks = [], [], set(), Leaks()
    empty = repeated = told = 0
    for sample in corpus:
        n_steps, absent = sample.n_steps, np.isnan(sample.values)
        channels.append(sample.n_channels)
        steps.append(n_steps)
        told_of = zip(
            sample.channel_names, sample.units, absent.sum(axis=1).tolist(), _ranges(sample, absent), strict=True
        )
        for i, (name, unit, n_absent, (low, sum_, high)) in enumerate(told_of):
            counts[name] += 1
            missing[name] += n_absent
            total[name] += n_steps
            empty += n_absent == n_steps
            if 0 < n_absent < n_steps:
                found = gaps.setdefault(name, {"count": 0, "longest": 0})
                found["count"] += runs(absent[i])
                found["longest"] = max(found["longest"], longest_run(absent[i]))
            if n_absent < n_steps:
                before = spread.get(name, (np.inf, 0.0, -np.inf))
                spread[name] = (min(before[0], low), before[1] + sum_, max(before[2], high))
            if unit is not None:
                units.setdefault(name, {})[unit] = None
        told += sum(text is not None for text in sample.channel_texts)
        key = values_digest(sample)
        repeated += key in seen
        seen.add(key)
        leaks.add(sample, key)
    texts = [text for text in corpus.column("text") if text]
    starts = [start for start in corpus.column("start") if start is not None]
    rows = len(corpus)
    return {
        "rows": rows,
        "channels": dict(counts),
        "units": {name: list(given) for name, given in units.items()},
        "channels_per_row": _spread(channels),
        "steps_per_row": _spread(steps),
        "freq": _tally(corpus.column("freq")),
        "splits": _tally(corpus.column("split")),
        "labels": _tally(corpus.column("label")),
        "domains": _tally(corpus.column("domain")),
        "start": {
            "first": min(starts).isoformat() if starts else None,
            "last": max(starts).isoformat() if starts else None,
            "zone": corpus.table.schema.field("start").type.tz,
            "missing": rows - len(starts),
        },
        "missing": _share(missing.total(), total.total()),
        "missing_by_channel": {name: _share(missing[name], total[name]) for name in counts},
        "empty_channels": empty,
        "gaps": gaps,
        "text": _share(len(texts), rows),
        "event_text": _share(sum(1 for text in corpus.column("event_text") if text), rows),
        "channel_texts": _share(told, counts.total()),
        "distinct_texts": len(set(texts)),
        "text_chars": _spread([len(text) for text in texts]),
        "duplicates": {"values": repeated, "texts": len(texts) - len(set(texts))},
        "leaks": leaks.to_json(),
        "values": {
            name: {"low": low, "mean": sum_ / (total[name] - missing[name]), "high": high}
            for name, (low, sum_, high) in spread.items()
        },
        "metadata": {name: str(corpus.table.schema.field(name).type) for name in corpus.metadata_names},
        "kinds": _kinds(corpus),
    }


def _kinds(corpus: Corpus) -> dict[str, dict[str, int]]:
    """Rows by value, of the text columns of metadata that tell kinds of windows apart."""
    texts = [name for name in corpus.metadata_names if pa.types.is_string(corpus.table.schema.field(name).type)]
    tallies = {name: _tally(corpus.column(name)) for name in texts}
    return {
        name: tally
        for name, tally in tallies.items()
        if len(tally) <= MOST_KINDS and max(map(len, tally)) <= LONGEST_KIND
    }


def _ranges(sample: Sample, absent: NDArray[np.bool_]) -> Iterator[tuple[float, float, float]]:
    """The lowest, the sum and the highest of each channel, of what was observed."""
    values = sample.values.astype(np.float64)
    if absent.any():
        low, sum_, high = (np.where(absent, other, values) for other in (np.inf, 0.0, -np.inf))
    else:
        low = sum_ = high = values
    return zip(low.min(axis=1).tolist(), sum_.sum(axis=1).tolist(), high.max(axis=1).tolist(), strict=True)


def _tally(values: list[str | None]) -> dict[str, int]:
    """Rows by value, most frequent first."""
    return dict(Counter("" if value is None else value for value in values).most_common())


def _spread(values: list[int]) -> dict[str, float]:
    if not values:
        return {}
    return {"min": min(values), "median": float(np.median(values)), "max": max(values)}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
