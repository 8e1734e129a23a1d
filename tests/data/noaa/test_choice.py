"""Places of events in windows, splits, draws, and which reports count, each on its own."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.draws import draw
from tracets.data.noaa.events import Event
from tracets.data.noaa.grids import around, seconds_of, step_of
from tracets.data.noaa.joining import Reported, choose, join
from tracets.data.noaa.settings import NoaaSettings
from tracets.data.noaa.splits import Splits
from tracets.data.noaa.stations import Station
from tracets.data.noaa.windows import years_of
from tracets.data.windows import RESOLUTIONS
from tracets.errors import ConfigError

SETTINGS = NoaaSettings((2019, 2020))
NORTH = Station("USW00000001", 36.0, -97.0, None, "OK", "NORTH")
SOUTH = Station("USW00000002", 35.0, -97.0, None, "OK", "SOUTH")
FAR = Station("USW00000003", 43.0, -75.0, None, "NY", "FAR")


def event(id, *, lat=35.1, begin=0, type="Hail", episode=None, state="OKLAHOMA"):
    place = (None, None, None) if lat is None else (lat, -97.0, "event")
    return Event(id, episode, type, state, None, begin, begin + 3600, *place, None)


def seconds(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp())


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 4 * 10**9), st.sampled_from(sorted(RESOLUTIONS)), st.integers(0, 99))
def test_an_event_begins_in_the_second_half_of_its_window(id, begin, resolution, seed):
    start, step = around(event(id, begin=begin), resolution, seed)
    size = step_of(resolution)
    assert start + step * size <= begin < start + (step + 1) * size
    assert 0.5 <= (step + 1) / RESOLUTIONS[resolution].length and step / RESOLUTIONS[resolution].length < 0.9
    assert start % size == 0, "on the hour, on a fourth hour, at midnight"


def test_places_differ_from_event_to_event():
    places = Counter(around(event(i), "hourly", 0)[1] for i in range(2000))
    assert sorted(places) == list(range(84, 152)) and max(places.values()) < 60, "of 168, all about as often"


def test_draws_are_even_and_their_own():
    values = [draw(0, "x", i) for i in range(4000)]
    assert abs(sum(values) / 4000 - 0.5) < 0.02 and min(values) >= 0 and max(values) < 1
    assert draw(0, "a", "b") != draw(0, "ab") and draw(1, "x", 0) != values[0]


class TestSplits:
    """2019 and 2020 have 731 days: .6 of them end on day 438.6, .75 on day 548.25."""

    splits = Splits(replace(SETTINGS, split="time"))

    def test_edges_are_midnights(self):
        assert self.splits.val == seconds(2020, 3, 14) and self.splits.test == seconds(2020, 7, 2)

    @pytest.mark.parametrize(
        ("start", "end", "split"),
        [
            ((2019, 1, 1), (2020, 3, 14), "train"),
            ((2019, 1, 1), (2020, 3, 14, 1), None),
            ((2020, 3, 14), (2020, 7, 2), "val"),
            ((2020, 3, 13, 23), (2020, 3, 15), None),
            ((2020, 7, 1, 23), (2020, 7, 3), None),
            ((2020, 7, 2), (2021, 1, 1), "test"),
            ((2020, 7, 2), (2021, 1, 1, 1), None),
            ((2018, 12, 31), (2019, 1, 2), None),
        ],
    )
    def test_a_window_lies_in_one_part_or_none(self, start, end, split):
        assert self.splits.of("any", seconds(*start), seconds(*end)) == split

    @settings(deadline=None)
    @given(st.integers(0, 730 * 24), st.integers(1, 4000), st.integers(0, 730 * 24), st.integers(1, 4000))
    def test_windows_of_two_splits_never_overlap(self, a, n, b, m):
        first = seconds(2019, 1, 1)
        one, two = ((first + 3600 * s, first + 3600 * (s + k)) for s, k in ((a, n), (b, m)))
        splits = {self.splits.of("x", *one), self.splits.of("y", *two)}
        if len(splits) == 2 and None not in splits:
            assert one[1] <= two[0] or two[1] <= one[0]

    def test_shares_of_stations(self):
        ids = [f"USW{i:08d}" for i in range(3000)]
        span = (seconds(2019, 2, 1), seconds(2019, 2, 8))
        by_station = Counter(Splits(replace(SETTINGS, split="station")).of(id, *span) for id in ids)
        for split, share in (("train", 0.6), ("val", 0.15), ("test", 0.25)):
            assert by_station[split] / 3000 == pytest.approx(share, abs=0.03)
        both = Splits(SETTINGS)
        assert Counter(both.of(id, *span) for id in ids)[None] / 3000 == pytest.approx(0.2, abs=0.03)
        late = (seconds(2020, 8, 1), seconds(2020, 8, 8))
        assert {both.of(id, *late) for id in ids} == {"test"}


class TestChoose:
    def run(self, *events, **changes):
        left_out = Counter()
        found = choose(events, [NORTH, SOUTH, FAR], replace(SETTINGS, **changes), left_out)
        return {c.event.id: [s.name for s, _ in c.stations] for c in found}, +left_out

    def test_stations_within_reach_nearest_first(self):
        found, left_out = self.run(event(1, lat=35.4), event(2, lat=30.0), event(3, lat=None), radius_km=70)
        assert found == {1: ["SOUTH", "NORTH"]}
        assert left_out == {"far from every station": 1, "without a place": 1}
        assert self.run(event(1, lat=35.4), radius_km=70, candidates=1)[0] == {1: ["SOUTH"]}
        assert self.run(event(1, lat=35.5), radius_km=70)[0] == {1: ["NORTH", "SOUTH"]}, "as far: by id"

    def test_one_of_a_type_episode_and_station(self):
        found, left_out = self.run(
            event(1, lat=35.2, episode=7), event(2, lat=35.1, episode=7), event(3, lat=35.1, episode=7, begin=9),
            event(4, episode=8), event(5, episode=7, type="Tornado"), event(6, lat=35.9, episode=7), event(7), event(8),
        )  # fmt: skip
        assert set(found) == {2, 4, 5, 6, 7, 8} and left_out == {"beside one of the same type and episode": 2}

    def test_an_id_that_comes_twice(self):
        assert self.run(event(1), event(1, episode=4))[1] == {"with the id of another": 1}

    def test_the_order_of_the_files_is_nothing(self):
        events = [event(i, lat=35 + (i % 7) / 10, episode=i % 5, begin=i % 3) for i in range(40)]
        assert self.run(*events, max_per_type=9) == self.run(*reversed(events), max_per_type=9)

    def test_as_many_as_wanted_drawn_by_the_seed(self):
        events = [event(i, type="Hail" if i % 2 else "Flood") for i in range(40)]
        picked = [set(self.run(*events, max_per_type=5, seed=seed)[0]) for seed in (0, 1)]
        assert picked[0] != picked[1] and all(sum(i % 2 for i in some) == 5 == len(some) // 2 for some in picked)

    def test_the_nearest_that_observed_enough(self):
        left_out = Counter()
        found = choose(
            [event(1, lat=35.4), event(2, lat=35.6)], [NORTH, SOUTH], replace(SETTINGS, radius_km=70), left_out
        )
        seen = {("SOUTH", 1): 0.4, ("NORTH", 1): 0.5}
        joined = join(found, lambda station, e: seen.get((station.name, e.id), 0.0), SETTINGS, left_out)
        assert [(j.event.id, j.station.name) for j in joined] == [(1, "NORTH")]
        assert left_out["observed by no station near"] == 1


def test_reports_near_a_station():
    reported = Reported()
    placed = [event(1, begin=100), event(2, lat=37.0, begin=200)]
    states = {3: "OKLAHOMA", 4: "TEXAS", 5: "LAKE ERIE"}
    for one in (*placed, *(event(i, lat=None, state=state, begin=100 * i) for i, state in states.items())):
        reported.add(one)
    assert reported.near(SOUTH, 100).tolist() == [[100, 3700], [300, 3900]]
    assert reported.near(NORTH, 112).tolist() == [[100, 3700], [200, 3800], [300, 3900]]
    assert reported.near(FAR, 100).tolist() == []
    assert Reported().near(FAR, 100).shape == (0, 2)


def test_years_that_a_window_touches():
    assert years_of(seconds(2019, 12, 31), seconds(2020, 1, 1)) == {2019}
    assert years_of(seconds(2019, 12, 31), seconds(2020, 1, 1, 1)) == {2019, 2020}
    assert years_of(seconds(2018, 12, 31), seconds(2021, 1, 2)) == {2018, 2019, 2020, 2021}


def test_seconds_of_the_papers_windows():
    assert [seconds_of(r) / 86400 for r in ("hourly", "4-hourly", "daily")] == [7, 28, 180]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"years": (2020, 2019)}, "first to last"), ({"years": (1900, 2019)}, "from 1950 on"),
        ({"events": ()}, "at least one each"), ({"resolutions": ()}, "unknown resolutions"),
        ({"resolutions": ("weekly",)}, "choose some of hourly"), ({"controls": ("x",)}, "choose some of same, distant"),
        ({"split": "random"}, "one of time, station, both"), ({"held_out": 1.5}, "held_out is out of its range: 1.5"),
        ({"radius_km": 0}, "radius_km"), ({"max_per_type": 0}, "max_per_type"), ({"min_observed": -1}, "min_observed"),
    ],
)  # fmt: skip
def test_settings_out_of_range(wrong, said):
    with pytest.raises(ConfigError, match=said):
        replace(SETTINGS, **wrong)
