"""Reports put into the windows that they tell of."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tracets.data.calendar import to_offset
from tracets.data.sources.source import Report
from tracets.errors import DataError
from tracets.types import Sample


def tell(windows: Sequence[Sample], reports: Iterable[Report]) -> tuple[list[Sample], int]:
    """Windows with the reports of their series and span as text, and the number of reports that no window holds.

    A report belongs to every window that begins at its time or before and ends after it. Several make one text, in
    the order of their times.

    Raises
    ------
    DataError
        Reports with a time zone for windows without one, or the other way round.

    Examples
    --------
    >>> from datetime import datetime
    >>> import numpy as np
    >>> day = Sample("ny", np.zeros((1, 24)), ("load",), start=datetime(2013, 1, 1), freq="h")
    >>> told, lost = tell([day], [Report(datetime(2013, 1, 1, 9), "Unit 2 tripped."), Report(datetime(2014, 1, 1), "")])
    >>> told[0].text, lost
    ('Unit 2 tripped.', 1)
    """
    import pandas as pd

    by_entity: dict[str | None, list[tuple[pd.Timestamp, int, str]]] = defaultdict(list)
    count = 0
    for number, one in enumerate(reports):
        by_entity[one.entity].append((pd.Timestamp(one.time), number, one.text))
        count += 1
    for found in by_entity.values():
        found.sort(key=lambda item: item[:2])
    told: list[Sample] = []
    held: set[int] = set()
    for window in windows:
        assert window.start is not None and window.freq is not None
        start = pd.Timestamp(window.start)
        end = start + window.n_steps * to_offset(window.freq)
        inside: list[tuple[pd.Timestamp, int, str]] = []
        for entity in {None, str(window.metadata.get("entity", window.id))}:
            of_it = by_entity.get(entity, [])
            if of_it and (of_it[0][0].tzinfo is None) != (start.tzinfo is None):
                raise DataError(
                    f"window '{window.id}' begins at {start.isoformat()} and a report is of {of_it[0][0].isoformat()}: "
                    f"one has a time zone and the other has none. Write both alike, or name the zone: zone='UTC'."
                )
            inside += of_it[bisect_left(of_it, (start, -1)) : bisect_left(of_it, (end, -1))]
        held.update(number for _, number, _ in inside)
        text = " ".join(" ".join(said.split()) for _, _, said in sorted(inside, key=lambda item: item[:2]))
        told.append(replace(window, text=text) if text else window)
    return told, count - len(held)
