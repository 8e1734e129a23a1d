"""What is in a corpus, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tracets.data.corpus import Corpus


def describe(corpus: Corpus) -> dict[str, Any]:
    """Profile a corpus, fit for JSON.

    Returns
    -------
    dict
        `rows`; `channels` {name: rows that have it}; `units` {name: [units seen]}; `channels_per_row` and
        `steps_per_row` {"min", "median", "max"}; `freq`, `splits`, `labels`, `domains` {value: rows}, "" where null;
        `start` {"first", "last", "zone", "missing"}; `missing` share of all values, in [0, 1], and `missing_by_channel`
        {name: share}; `empty_channels` channels of rows with nothing observed; `text`, `event_text`, `channel_texts`
        share of rows (of channels) that have one; `distinct_texts`; `duplicates` {"values", "texts"}: rows that repeat
        an earlier row's values or text; `metadata` {column: type}.

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
    channels, steps, seen = [], [], set()
    empty = repeated = told = 0
    for sample in corpus:
        absent = np.isnan(sample.values)
        channels.append(sample.n_channels)
        steps.append(sample.n_steps)
        empty += int(absent.all(axis=1).sum())
        for name, unit, row in zip(sample.channel_names, sample.units, absent, strict=True):
            counts[name] += 1
            missing[name] += int(row.sum())
            total[name] += len(row)
            if unit is not None:
                units.setdefault(name, {})[unit] = None
        told += sum(text is not None for text in sample.channel_texts)
        key = (sample.channel_names, sample.values.tobytes())
        repeated += key in seen
        seen.add(key)
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
        "text": _share(len(texts), rows),
        "event_text": _share(sum(1 for text in corpus.column("event_text") if text), rows),
        "channel_texts": _share(told, counts.total()),
        "distinct_texts": len(set(texts)),
        "duplicates": {"values": repeated, "texts": len(texts) - len(set(texts))},
        "metadata": {name: str(corpus.table.schema.field(name).type) for name in corpus.metadata_names},
    }


def _tally(values: list[str | None]) -> dict[str, int]:
    """Rows by value, most frequent first."""
    return dict(Counter("" if value is None else value for value in values).most_common())


def _spread(values: list[int]) -> dict[str, float]:
    if not values:
        return {}
    return {"min": min(values), "median": float(np.median(values)), "max": max(values)}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
