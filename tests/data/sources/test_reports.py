"""Reports go into the windows that hold their time, by brute force over all pairs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets import Sample
from tracets.data.sources.reports import tell
from tracets.data.sources.source import Report
from tracets.errors import DataError

BEGIN = datetime(2024, 1, 1)


def window(entity: str, first: int, n: int) -> Sample:
    return Sample(
        f"{entity}@{first}", np.zeros((1, n)), ("x",), start=BEGIN + timedelta(hours=first), freq="h",
        metadata={"entity": entity},
    )  # fmt: skip


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(1, 9)), max_size=6),
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(-60, 1800)), max_size=8),
)
def test_against_all_pairs(places, told):
    windows = [window(*place) for place in places]
    reports = [Report(BEGIN + timedelta(minutes=m), f"r{i}", entity) for i, (entity, m) in enumerate(told)]
    found, lost = tell(windows, reports)
    wanted, held = [], set()
    for entity, first, n in places:
        inside = [
            (r.time, i) for i, r in enumerate(reports)
            if r.entity in (None, entity) and timedelta(hours=first) <= r.time - BEGIN < timedelta(hours=first + n)
        ]  # fmt: skip
        held |= {i for _, i in inside}
        wanted.append(" ".join(f"r{i}" for _, i in sorted(inside)) or None)
    assert [w.text for w in found] == wanted and lost == len(reports) - len(held)


def test_a_day_ends_by_the_calendar():
    spring = datetime.fromisoformat("2024-03-31T00:00+01:00")
    import pandas as pd

    day = Sample("d", np.zeros((1, 1)), ("x",), start=pd.Timestamp("2024-03-31", tz="Europe/Berlin"), freq="D")
    late = Report(spring + timedelta(hours=22, minutes=59), "late")  # 23:59 by the clock of the summer
    assert tell([day], [late])[0][0].text == "late"
    assert tell([day], [Report(spring + timedelta(hours=23), "next day")]) == ([day], 1)


def test_times_with_and_without_a_zone_do_not_mix():
    with pytest.raises(DataError, match="one has a time zone and the other has none"):
        tell([window("a", 0, 3)], [Report(datetime(2024, 1, 1, tzinfo=UTC), "x", "a")])
