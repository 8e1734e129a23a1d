"""A station's years at every resolution, and the windows that can be cut from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tracets.data.calendar import step_seconds
from tracets.data.draws import draw
from tracets.data.noaa.events import Event
from tracets.data.noaa.observations import CHANNELS, hours_of
from tracets.data.noaa.splits import first_second
from tracets.data.series import Series
from tracets.data.windows import RESOLUTIONS, Statistic, aggregate
from tracets.types import FloatArray

STATISTICS: dict[str, Statistic] = {"precipitation": "sum"}
"""Of coarser steps; the other channels take means."""
EARLIEST, LATEST = 0.5, 0.9
"""Where in its window an event begins: neither always at one place nor so late that nothing of it is seen."""


def step_of(resolution: str) -> int:
    """Seconds of a step."""
    return int(step_seconds(RESOLUTIONS[resolution].freq))


def seconds_of(resolution: str) -> int:
    """Seconds of a window."""
    return step_of(resolution) * RESOLUTIONS[resolution].length


def around(event: Event, resolution: str, seed: int) -> tuple[int, int]:
    """The first second of the window that shows an event, and the step of the window in which the event begins.

    Steps begin on whole hours, at 0, 4, 8 ... o'clock, or at midnight (UTC).
    """
    step = step_of(resolution)
    share = EARLIEST + (LATEST - EARLIEST) * draw(seed, "place", event.id, resolution)
    before = int(share * RESOLUTIONS[resolution].length)
    return event.begin // step * step - before * step, before


class Grid:
    """One station from the first to the last year; years that it was not asked for or has no file of are NaN.

    Parameters
    ----------
    station : str
    years : (int, int)
    loaded : iterable of int
        The years that may be used.
    load : callable
        (station, year) -> (7, hours) or None.
    """

    def __init__(
        self, station: str, years: tuple[int, int], loaded: Iterable[int], load: Callable[[str, int], FloatArray | None]
    ) -> None:
        self.station, self.begin = station, first_second(years[0])
        parts = []
        for year in range(years[0], years[1] + 1):
            found = load(station, year) if year in loaded else None
            parts.append(np.full((len(CHANNELS), hours_of(year)), np.nan, np.float32) if found is None else found)
        self._hourly = np.concatenate(parts, axis=1)
        self._values: dict[str, tuple[FloatArray, NDArray[np.int64]]] = {}

    def observed(self, resolution: str, start: int) -> float:
        """The share of a window's values that is there, in [0, 1]; 0 for a window that is not on the grid."""
        first, last = self._place(resolution, start)
        values, known = self._at(resolution)
        if first < 0 or last > values.shape[1]:
            return 0.0
        return float(known[last] - known[first]) / (len(values) * (last - first))

    def cut(self, resolution: str, start: int) -> FloatArray:
        """The values (7, steps) of a window on the grid."""
        first, last = self._place(resolution, start)
        return self._at(resolution)[0][:, first:last].copy()

    def _place(self, resolution: str, start: int) -> tuple[int, int]:
        first = (start - self.begin) // step_of(resolution)
        return first, first + RESOLUTIONS[resolution].length

    def _at(self, resolution: str) -> tuple[FloatArray, NDArray[np.int64]]:
        if resolution not in self._values:
            values = self._hourly
            freq = RESOLUTIONS[resolution].freq
            if freq != "h":
                begin = datetime.fromtimestamp(self.begin, UTC)
                hourly = Series(self.station, self._hourly, tuple(CHANNELS), begin, "h")
                values = aggregate(hourly, freq, statistics=STATISTICS).values.round(3)
            known = np.concatenate([[0], np.isfinite(values).sum(axis=0).cumsum()])
            self._values[resolution] = values, known
        return self._values[resolution]
