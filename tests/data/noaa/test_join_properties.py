"""Random worlds without files: what joins, what is quiet and what is split, against slow plain counts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.noaa.events import Event
from tracets.data.noaa.grids import Grid, seconds_of
from tracets.data.noaa.joining import Reported, choose, join
from tracets.data.noaa.observations import hours_of
from tracets.data.noaa.settings import NoaaSettings
from tracets.data.noaa.splits import Splits, first_second
from tracets.data.noaa.stations import EARTH_KM, Station
from tracets.data.noaa.windows import Choice

YEARS = (2019, 2020)
BEGIN, END = first_second(YEARS[0]), first_second(YEARS[1] + 1)
RESOLUTIONS = ("hourly", "4-hourly")


def great_circle(a, b):
    """Kilometres between two places by the angle of their vectors, which no other code here uses."""
    one, two = ([math.cos(math.radians(p[0])) * math.cos(math.radians(p[1])),
                 math.cos(math.radians(p[0])) * math.sin(math.radians(p[1])), math.sin(math.radians(p[0]))]
                for p in (a, b))  # fmt: skip
    cross = [one[1] * two[2] - one[2] * two[1], one[2] * two[0] - one[0] * two[2], one[0] * two[1] - one[1] * two[0]]
    return EARTH_KM * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(one, two, strict=True)))


def world(rng, *, n_stations=9, n_events=60, around=(40.0, -97.0), spread=6.0):
    """Stations and events about a place, on the sphere: near the date line longitudes run on at -180."""

    def place():
        lat = float(np.clip(around[0] + rng.normal(0, spread), -90, 90))
        return lat, (around[1] + rng.normal(0, spread) + 180) % 360 - 180

    stations = [Station(f"USW{i:08d}", *place(), None, "OK", f"S{i}") for i in range(n_stations)]
    events = []
    for i in range(n_events):
        at = stations[rng.integers(n_stations)]
        lat, lon = float(np.clip(at.lat + rng.normal(0, 0.3), -90, 90)), (at.lon + rng.normal(0, 0.3) + 180) % 360 - 180
        begin = int(rng.integers(BEGIN, END))
        located = rng.random() < 0.9
        events.append(Event(i, int(rng.integers(20)), ("Hail", "Flood")[i % 2], "OKLAHOMA", None, begin,
                            begin + int(rng.integers(0, 40 * 3600)), lat if located else None, lon if located else None,
                            "event" if located else None, None))  # fmt: skip
    return stations, events


def load(station, year):
    """Everything is observed, but for a month of every third station, and a year that the second has no file of."""
    number = int(station[3:])
    if number == 1 and year == 2020:
        return None
    values = np.zeros((7, hours_of(year)), np.float32)
    if number % 3 == 0:
        values[:, 2000:2744] = np.nan
    return values


def joined_by(options, stations, events):
    return join(choose(events, stations, options, Counter()), lambda station, event: 1.0, options, Counter())


def build(options, stations, events):
    left_out = Counter()
    reported = Reported()
    for event in events:
        reported.add(event)
    joined = joined_by(options, stations, events)
    used = {one.station.id: (one.station, frozenset(range(YEARS[0], YEARS[1] + 1))) for one in joined}
    grids = {id: Grid(id, YEARS, range(YEARS[0], YEARS[1] + 1), load) for id in used}
    choice = Choice(options, used, grids.__getitem__, reported)
    windows = []
    for id in sorted(used):
        windows += choice.of([one for one in joined if one.station.id == id], left_out)
    return windows


OPTIONS = NoaaSettings(YEARS, events=("Hail", "Flood"), resolutions=RESOLUTIONS, held_out=0.3, distant_km=300.0)
PLACES = [(40.0, -97.0), (52.0, 179.9), (88.0, 20.0), (-14.3, -170.7)]
"""Kansas, the Aleutians on both sides of the date line, the pole, Samoa."""


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from(PLACES), st.floats(20, 300))
def test_each_event_is_joined_to_the_nearest_station(seed, around, radius_km):
    stations, events = world(np.random.default_rng(seed), around=around)
    joined = joined_by(NoaaSettings(YEARS, radius_km=radius_km), stations, events)
    assert len({one.event.id for one in joined}) == len(joined)
    for one in joined:
        place = (one.event.lat, one.event.lon)
        slow = {s.id: great_circle(place, (s.lat, s.lon)) for s in stations}
        assert one.km == pytest.approx(slow[one.station.id], abs=2e-3)
        assert one.km <= radius_km + 1e-3 and one.km <= min(slow.values()) + 2e-3
    reached = [e for e in events if e.lat is not None
               and min(great_circle((e.lat, e.lon), (s.lat, s.lon)) for s in stations) < radius_km - 1e-6]  # fmt: skip
    assert bool(joined) == bool(reached)


def check_quiet(window, events, quiet_km):
    for event in events:
        if event.begin < window.end and event.end >= window.start:
            assert event.lat is not None, "nothing locates it, and the station lies in its state"
            assert great_circle((event.lat, event.lon), (window.station.lat, window.station.lon)) > quiet_km - 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("split", ["time", "station", "both"])
@settings(deadline=None, max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from(PLACES))
def test_counterparts_are_quiet_and_no_split_knows_of_another(split, seed, around):
    options = NoaaSettings(**{**vars(OPTIONS), "split": split, "seed": seed % 7})
    stations, events = world(np.random.default_rng(seed), around=around, n_events=30)
    windows = build(options, stations, events)
    assert windows == build(options, stations, events), "the seed decides"
    shown = {(w.joined.event.id, w.resolution): w for w in windows if w.kind == "event"}
    for window in windows:
        assert BEGIN <= window.start and window.end <= END
        if window.kind == "event":
            assert window.start <= window.joined.event.begin < window.end
            continue
        of = shown[window.joined.event.id, window.resolution]
        check_quiet(window, events, options.quiet_km)
        assert window.split == of.split
        if window.kind == "same-station":
            days = abs(window.start - of.start) / 86400
            assert window.station == of.station and days >= seconds_of(window.resolution) / 86400
            assert min(days, abs(days - 365.25)) <= options.season_days + 0.5
        else:
            place = (of.joined.event.lat, of.joined.event.lon)
            assert window.start == of.start and window.km >= options.distant_km
            assert window.km == pytest.approx(great_circle(place, (window.station.lat, window.station.lon)), abs=2e-3)
    for a in windows:
        for b in windows:
            if a.split != b.split:
                together = a.start < b.end and b.start < a.end
                assert not (together and a.station == b.station)
                if split != "station":
                    assert not together, "no moment is in two splits, at any station"
                if split == "station":
                    assert a.station != b.station
    if split == "both":
        ids = {w.split: {v.station.id for v in windows if v.split == w.split} for w in windows}
        new = {v.station.id for v in windows if not Splits(options).seen(v.station.id)}
        assert not new & (ids.get("train", set()) | ids.get("val", set())), "held-out stations are in test alone"


@pytest.mark.slow
def test_the_check_of_quiet_windows_can_fail():
    stations, events = world(np.random.default_rng(0))
    windows = build(NoaaSettings(**{**vars(OPTIONS), "quiet_km": 0.0}), stations, events)
    with pytest.raises(AssertionError):
        for window in windows:
            if window.kind != "event":
                check_quiet(window, events, 100.0)
