"""Which windows the corpus has: one an event and resolution, and for each of them ones without an event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from tracets.data.draws import draw
from tracets.data.noaa.grids import Grid, around, seconds_of, step_of
from tracets.data.noaa.joining import Joined, Reported
from tracets.data.noaa.settings import NoaaSettings
from tracets.data.noaa.splits import DAY, Splits
from tracets.data.noaa.stations import Station, distance_km

EVENT, SAME, DISTANT = "event", "same-station", "distant-station"
YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a station. `joined` is the event that it shows, or that it is the counterpart of; `step` is the step
    in which its event begins, None without one."""

    kind: str
    joined: Joined
    station: Station
    km: float
    resolution: str
    start: int
    step: int | None
    split: str

    @property
    def end(self) -> int:
        return self.start + seconds_of(self.resolution)

    @property
    def id(self) -> str:
        rest = "" if self.kind == EVENT else f"-{self.kind.removesuffix('-station')}"
        return f"{self.joined.event.id}-{self.resolution}{rest}"


class Taken:
    """Windows that are in the corpus already, by station and resolution: none may be there twice."""

    def __init__(self) -> None:
        self._events: set[tuple[str, str, int]] = set()
        self._controls: dict[tuple[str, str], list[int]] = {}

    def add(self, kind: str, station: str, resolution: str, start: int) -> None:
        if kind == EVENT:
            self._events.add((station, resolution, start))
        else:
            self._controls.setdefault((station, resolution), []).append(start)

    def has_event(self, station: str, resolution: str, start: int) -> bool:
        return (station, resolution, start) in self._events

    def overlaps_control(self, station: str, resolution: str, start: int) -> bool:
        length = seconds_of(resolution)
        return any(abs(start - other) < length for other in self._controls.get((station, resolution), ()))


class Choice:
    """Chooses windows, station by station; what it chose before narrows what it may choose.

    Parameters
    ----------
    settings : NoaaSettings
    stations : mapping
        Every station that shows an event, by id, with the years of it that may be used.
    grid : callable
        The `Grid` of a station, by its id.
    reported : Reported
        Everything that was reported anywhere.
    """

    def __init__(
        self,
        settings: NoaaSettings,
        stations: Mapping[str, tuple[Station, frozenset[int]]],
        grid: Callable[[str], Grid],
        reported: Reported,
    ) -> None:
        self.settings, self.stations, self.grid = settings, stations, grid
        self.splits, self.taken = Splits(settings), Taken()
        self._near = lru_cache(maxsize=64)(lambda id: reported.near(stations[id][0], settings.quiet_km))
        ids = list(stations)
        self._ids = ids
        self._lats = np.array([stations[id][0].lat for id in ids])
        self._lons = np.array([stations[id][0].lon for id in ids])

    def of(self, joined: Sequence[Joined], left_out: Counter[str]) -> Iterator[Window]:
        """The windows for the events that one station shows."""
        for one in joined:
            for resolution in self.settings.resolutions:
                window = self._event(one, resolution, left_out)
                if window is None:
                    continue
                yield window
                for control in self.settings.controls:
                    find = self._same if control == "same" else self._distant
                    other = find(window)
                    if other is None:
                        left_out[f"no quiet window for a counterpart ({control})"] += 1
                    else:
                        self.taken.add(other.kind, other.station.id, resolution, other.start)
                        yield other

    def _event(self, joined: Joined, resolution: str, left_out: Counter[str]) -> Window | None:
        start, step = around(joined.event, resolution, self.settings.seed)
        station = joined.station
        end = start + seconds_of(resolution)
        if start < self.splits.begin or end > self.splits.end:
            left_out["windows that reach out of the years"] += 1
            return None
        split = self.splits.of(station.id, start, end)
        if split is None:
            left_out["windows across two splits, or of a station held out"] += 1
            return None
        if self.taken.has_event(station.id, resolution, start):
            left_out["windows that show another event already"] += 1
            return None
        if not self._observed(station.id, resolution, start):
            left_out["windows of which too little was observed"] += 1
            return None
        self.taken.add(EVENT, station.id, resolution, start)
        return Window(EVENT, joined, station, joined.km, resolution, start, step, split)

    def _same(self, window: Window) -> Window | None:
        """A window of the same station and season in which nothing was reported near it."""
        season, length = self.settings.season_days, seconds_of(window.resolution)
        years = self.settings.years[1] - self.settings.years[0]
        shifts = {
            round(YEAR_DAYS * year) + day for year in range(-years, years + 1) for day in range(-season, season + 1)
        }
        step = step_of(window.resolution)
        order = sorted(shifts, key=lambda shift: (self._draw(window, "same", shift), shift))
        for shift in order:
            start = window.start + shift * DAY
            if abs(shift) * DAY >= length and start % step == window.start % step:
                if self._fits(window.station.id, window, start):
                    return self._control(SAME, window, window.station, window.km, start)
        return None

    def _distant(self, window: Window) -> Window | None:
        """A window of the same time at a station far away, in which nothing was reported near that one.

        Each station asks the others in an order of its own, so that few of them are in memory at a time.
        """
        event = window.joined.event
        assert event.lat is not None and event.lon is not None, "joined by its place"
        km = distance_km(event.lat, event.lon, self._lats, self._lons)
        far = [self._ids[i] for i in np.flatnonzero(km >= self.settings.distant_km)]
        here = window.station.id
        for id in sorted(far, key=lambda id: (draw(self.settings.seed, "distant", here, id), id)):
            if self._fits(id, window, window.start):
                away = round(float(km[self._ids.index(id)]), 3)
                return self._control(DISTANT, window, self.stations[id][0], away, window.start)
        return None

    def _fits(self, station: str, window: Window, start: int) -> bool:
        end = start + seconds_of(window.resolution)
        return (
            self.splits.of(station, start, end) == window.split
            and years_of(start, end) <= self.stations[station][1]
            and not self.taken.overlaps_control(station, window.resolution, start)
            and self._quiet(station, start, end)
            and self._observed(station, window.resolution, start)
        )

    def _quiet(self, station: str, start: int, end: int) -> bool:
        near = self._near(station)
        return not bool(((near[:, 0] < end) & (near[:, 1] >= start)).any())

    def _observed(self, station: str, resolution: str, start: int) -> bool:
        return self.grid(station).observed(resolution, start) >= self.settings.min_observed

    def _control(self, kind: str, window: Window, station: Station, km: float, start: int) -> Window:
        return Window(kind, window.joined, station, km, window.resolution, start, None, window.split)

    def _draw(self, window: Window, *about: object) -> float:
        return draw(self.settings.seed, window.joined.event.id, window.resolution, *about)


def years_of(start: int, end: int) -> frozenset[int]:
    """The years (UTC) that a stretch from `start` to before `end` touches."""
    first, last = (datetime.fromtimestamp(at, UTC) for at in (start, end))
    return frozenset(range(first.year, (last - timedelta(microseconds=1)).year + 1))
