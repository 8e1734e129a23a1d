"""Events and the stations that saw them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracets.data.draws import draw
from tracets.data.noaa.events import Event
from tracets.data.noaa.settings import NoaaSettings
from tracets.data.noaa.stations import STATES, Station, distance_km


@dataclass(frozen=True, slots=True)
class Joined:
    """An event, the station that shows it, and how far they are apart."""

    event: Event
    station: Station
    km: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """An event with the stations near it, nearest first."""

    event: Event
    stations: tuple[tuple[Station, float], ...]


class Reported:
    """When and where anything was reported: what a quiet window must be far from. Holds numbers alone."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float, float, str]] = []
        self._arrays: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.str_]] | None = None

    def add(self, event: Event) -> None:
        place = (event.lat, event.lon) if event.lat is not None and event.lon is not None else (np.nan, np.nan)
        self._rows.append((event.begin, event.end, *place, STATES.get(event.state, "") if event.lat is None else ""))
        self._arrays = None

    def near(self, station: Station, km: float) -> NDArray[np.int64]:
        """Beginnings and ends (n, 2) of the events within `km` of a station; those that nothing locates count where
        the station lies in their state."""
        if self._arrays is None:
            times = np.array([row[:2] for row in self._rows], dtype=np.int64).reshape(-1, 2)
            places = np.array([row[2:4] for row in self._rows], dtype=np.float64).reshape(-1, 2)
            self._arrays = times, places, np.array([row[4] for row in self._rows], dtype="U2")
        times, places, states = self._arrays
        with np.errstate(invalid="ignore"):
            close = distance_km(station.lat, station.lon, places[:, 0], places[:, 1]) <= km
        return times[close | ((states == station.state) & (states != ""))]


def choose(
    events: Iterable[Event], stations: Sequence[Station], settings: NoaaSettings, left_out: Counter[str]
) -> list[Candidates]:
    """The events to show, with the stations that may show them, by the id of the nearest station and by time.

    1. the stations within reach  2. of the reports of one type, episode and nearest station, the nearest  3. at most
    `settings.max_per_type` of a type, drawn by the seed
    """
    lats, lons = np.array([s.lat for s in stations]), np.array([s.lon for s in stations])
    nearest: dict[tuple[str, int, str], Candidates] = {}
    seen: set[int] = set()
    for event in events:
        if event.id in seen:
            left_out["with the id of another"] += 1
            continue
        seen.add(event.id)
        if event.lat is None or event.lon is None:
            left_out["without a place"] += 1
            continue
        km = distance_km(event.lat, event.lon, lats, lons)
        within = np.flatnonzero(km <= settings.radius_km)
        order = sorted(within.tolist(), key=lambda i: (km[i], stations[i].id))[: settings.candidates]
        if not order:
            left_out["far from every station"] += 1
            continue
        found = Candidates(event, tuple((stations[i], round(float(km[i]), 3)) for i in order))
        episode = event.episode if event.episode is not None else -event.id
        key = (stations[order[0]].id, episode, event.type)
        if key in nearest:
            left_out["beside one of the same type and episode"] += 1
        nearest[key] = min(nearest.get(key, found), found, key=lambda c: (c.stations[0][1], c.event.begin, c.event.id))
    by_type: dict[str, list[Candidates]] = {}
    for candidates in nearest.values():
        by_type.setdefault(candidates.event.type, []).append(candidates)
    kept = []
    for some in by_type.values():
        some.sort(key=lambda c: (draw(settings.seed, "event", c.event.id), c.event.id))
        most = len(some) if settings.max_per_type is None else settings.max_per_type
        left_out["more than wanted of a type"] += len(some[most:])
        kept += some[:most]
    return sorted(kept, key=lambda c: (c.stations[0][0].id, c.event.begin, c.event.id))


def join(
    candidates: Iterable[Candidates],
    observed: Callable[[Station, Event], float],
    settings: NoaaSettings,
    left_out: Counter[str],
) -> list[Joined]:
    """Each event with the nearest of its stations that observed enough of the week around it.

    Parameters
    ----------
    observed : callable
        The share of values that a station has around an event, in [0, 1].
    """
    joined = []
    for found in candidates:
        for station, km in found.stations:
            if observed(station, found.event) >= settings.min_observed:
                joined.append(Joined(found.event, station, km))
                break
        else:
            left_out["observed by no station near"] += 1
    return sorted(joined, key=lambda j: (j.station.id, j.event.begin, j.event.id))
