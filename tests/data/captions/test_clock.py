"""Times of a window in words, by hand."""

from datetime import datetime
from random import Random

import pytest

from tracets.data.captions.clock import Clock, step_seconds

START = datetime(2020, 2, 28, 22)


def every(clock, step, how="exact"):
    return {getattr(clock, how)(step, Random(i)) for i in range(60)}


@pytest.mark.parametrize(
    ("freq", "seconds"),
    [("h", 3600), ("1h", 3600), ("30min", 1800), ("15T", 900), ("D", 86400), ("2W-SUN", 1209600), ("MS", 2629746),
     ("s", 1), ("QS-OCT", 7889238), ("", None), (None, None), ("0h", None), ("weekly", None)],
)  # fmt: skip
def test_step_seconds(freq, seconds):
    assert step_seconds(freq) == seconds


def test_with_a_clock_days_are_local_calendar_days():
    clock = Clock(60, 3600.0, START)
    assert [clock.day(i) for i in (0, 1, 2, 25, 26)] == [1, 1, 2, 2, 3]
    assert every(clock, 3) == {"at 01:00 on day 2", "around 01:00 on day 2", "on day 2 at 01:00"}
    assert every(clock, 3, "note") == {"day 2, 01:00"}
    assert [clock.part(i) for i in (1, 2, 8, 14, 20)] == ["evening", "night", "morning", "afternoon", "evening"]


def test_one_day_needs_no_day():
    clock = Clock(4, 1800.0, START)
    assert every(clock, 3, "note") == {"23:30"}
    assert every(clock, 3) == {"at 23:30", "around 23:30", "at about 23:30"}


@pytest.mark.parametrize(
    ("clock", "step", "said"),
    [
        (Clock(60, 3600.0), 0, {"on day 1", "in the first step"}),
        (Clock(60, 3600.0), 23, {"on day 1", "after 23 hours", "23 hours into the window"}),
        (Clock(60, 3600.0), 24, {"on day 2", "after 24 hours", "24 hours into the window"}),
        (Clock(40, 86400.0, START), 30, {"on day 31"}),
        (Clock(40, 604800.0, START), 30, {"in week 31"}),
        (Clock(40, step_seconds("MS"), START), 30, {"in month 31"}),
        (Clock(40), 30, {"in step 31", "at step 31 of 40"}),
    ],
)
def test_without_a_clock_time_counts_from_the_start(clock, step, said):
    assert every(clock, step) == said


@pytest.mark.parametrize(
    ("step", "steps", "text"),
    [(3600.0, 1, "1 hour"), (3600.0, 47, "47 hours"), (3600.0, 48, "2 days"), (3600.0, 60, "2.5 days"),
     (86400.0, 1, "1 day"), (1800.0, 1, "30 minutes"), (1800.0, 5, "2.5 hours"), (604800.0, 4, "4 weeks"),
     (None, 7, "7 steps")],
)  # fmt: skip
def test_durations(step, steps, text):
    assert Clock(200, step).duration(steps) == text
