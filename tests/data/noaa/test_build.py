"""The whole build against a small archive on a local server: values, splits, counterparts, interruptions."""

import importlib.util
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tracets.data import read_corpus
from tracets.data.download import Downloads
from tracets.data.noaa import build as build_module
from tracets.data.noaa.build import build_noaa
from tracets.data.noaa.settings import NoaaSettings
from tracets.errors import DataError, DownloadError

_spec = importlib.util.spec_from_file_location("noaa_world", Path(__file__).with_name("world.py"))
world = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(world)

SETTINGS = NoaaSettings((2019, 2020), resolutions=("hourly",), held_out=0.0)
EVENT_TYPES = ("Hail", "Tornado", "Flash Flood", "Winter Storm")


@pytest.fixture(scope="module")
def archive():
    return world.files()


@pytest.fixture
def build(web, archive, tmp_path):
    """A function that builds into a folder of its own, from the cache `cache`."""
    web.files.update(archive)

    def run(name="corpus", *, settings=SETTINGS, cache="cache", zones=None, discard=False, **options):
        downloads = Downloads(tmp_path / cache, **{"pause": 0, "sleep": lambda s: None} | options)
        out = tmp_path / f"{name}.parquet"
        report = build_noaa(out, settings, downloads, base_url=web.url, zones=zones, discard=discard)
        return out, report

    return run


@pytest.mark.slow
def test_every_window_by_hand(build, web):
    out, report = build()
    corpus = read_corpus(out)
    rows = {sample.id: sample for sample in corpus}
    shown = {id: s for id, s in rows.items() if s.metadata["kind"] == "event"}
    assert set(shown) == {f"{n}-hourly" for n in (11, 13, 15, 21, 22, 23)}
    for sample in corpus:
        expected = world.window_values(sample.metadata["entity"], sample.start, 168)
        np.testing.assert_allclose(sample.values, expected, atol=2e-3)
        assert sample.freq == "h" and sample.channel_texts[0] and sample.text
        assert sample.channel_names == ("temperature", "precipitation", "relative humidity", "visibility", "wind u",
                                        "wind v", "sky code")  # fmt: skip
        assert sample.units == ("°C", "mm", "%", "km", "m/s", "m/s", "okta")

    hail = shown["11-hourly"]
    begin = datetime(2019, 2, 10, 20, tzinfo=UTC)
    assert hail.start + timedelta(hours=hail.metadata["event_step"]) == begin
    assert 0.5 <= hail.metadata["event_step"] / 168 <= 0.9
    assert (hail.label, hail.event_text, hail.metadata["narrative"]) == ("Hail", "Event 11 was seen.", "event")
    assert (hail.metadata["entity"], hail.metadata["station"], hail.metadata["elevation"]) == (
        world.A, "ALPHA AP", 390.0,
    )  # fmt: skip
    assert hail.metadata["distance_km"] == pytest.approx(5.56, abs=0.01)
    assert hail.metadata["event_begin"] == "2019-02-10T20:30:00+00:00"
    tornado = shown["13-hourly"]
    assert (tornado.event_text, tornado.metadata["narrative"]) == ("Episode of 13.", "episode")
    assert {id: s.metadata["entity"] for id, s in shown.items() if s.metadata["entity"] != world.A} == {
        "15-hourly": world.C, "23-hourly": world.C, "21-hourly": world.B,
    }  # fmt: skip
    assert {id: s.split for id, s in shown.items()} == {
        "11-hourly": "train", "13-hourly": "train", "15-hourly": "train", "21-hourly": "val", "22-hourly": "test",
        "23-hourly": "test",
    }  # fmt: skip
    assert report.events == {"read": 12, "chosen": 8, "joined": 6}
    assert report.left_out["beside one of the same type and episode"] == 1
    assert report.left_out["far from every station"] == 1 and report.left_out["without a place"] == 1
    assert report.left_out["observed by no station near"] == 1, "B's gap"
    assert report.left_out["in a week that reaches out of the years"] == 1
    assert report.station_years == {"read": 6, "absent": 2}, "and E has no files"
    assert report.values["flagged"] == 365 * 2 * 3 + 3 * 1 - 6, "one temperature a day, and not in B's gap"
    assert report.leaks == 0
    assert report.windows == len(corpus) and sum(report.by["kind"].values()) == len(corpus)
    assert not any(path.startswith(world.STORM) and "c20200101" in path for path, _ in web.asked), "the newer file"
    assert not any("USC00000004" in path for path, _ in web.asked), "of another network"
    assert sorted(p.name for p in out.parent.iterdir()) == ["cache", "corpus.parquet"]


def reported_near(sample, km):
    """Events of the archive near a station while a window lasts, by a slow plain count."""
    from tracets.data.noaa.stations import distance_km

    end = sample.start + timedelta(hours=sample.n_steps)
    found = []
    for row in [row for rows in world.EVENTS.values() for row in rows]:
        local = datetime.strptime(f"{row['BEGIN_YEARMONTH']}{int(row['BEGIN_DAY']):02d}{int(row['BEGIN_TIME']):04d}",
                                  "%Y%m%d%H%M").replace(tzinfo=UTC)  # fmt: skip
        begin = local + timedelta(hours=6)
        if not begin < end or not begin + timedelta(hours=1) >= sample.start:
            continue
        if row["BEGIN_LAT"]:
            place = (np.array([float(row["BEGIN_LAT"])]), np.array([float(row["BEGIN_LON"])]))
            if distance_km(sample.metadata["lat"], sample.metadata["lon"], *place)[0] <= km:
                found.append(row["EVENT_ID"])
        elif sample.metadata["entity"] != world.C:  # the winter storm lies somewhere in Oklahoma
            found.append(row["EVENT_ID"])
    return found


@pytest.mark.slow
def test_counterparts_are_quiet_matched_and_in_the_split_of_their_event(build):
    out, report = build()
    corpus = read_corpus(out)
    rows = {sample.id: sample for sample in corpus}
    controls = [s for s in corpus if s.metadata["kind"] != "event"]
    assert Counter(s.metadata["kind"] for s in controls) == {"same-station": 6, "distant-station": 6}
    for control in controls:
        event = rows[f"{control.metadata['event_id']}-hourly"]
        assert reported_near(control, SETTINGS.quiet_km) == []
        assert reported_near(event, SETTINGS.quiet_km) != []
        assert (control.label, control.event_text, control.metadata["event_step"]) == ("none", None, None)
        assert control.split == event.split
        if control.metadata["kind"] == "same-station":
            assert control.metadata["entity"] == event.metadata["entity"]
            days = abs((control.start - event.start).total_seconds()) / 86400
            assert days == round(days) and days >= 7 and min(days % 365.25, -days % 365.25) <= 46
        else:
            assert control.start == event.start and control.metadata["distance_km"] >= 500
            assert {control.metadata["entity"], event.metadata["entity"]} in ({world.A, world.C}, {world.B, world.C})


def overlapping(corpus, *, of_stations=True):
    """Pairs of windows of two splits that share a station and a moment."""
    spans = [(s.metadata["entity"] if of_stations else "", s.start, s.start + s.n_steps * STEP[s.freq], s.split, s.id)
             for s in corpus]  # fmt: skip
    return [
        (a[4], b[4]) for i, a in enumerate(spans) for b in spans[i + 1 :]
        if a[0] == b[0] and a[3] != b[3] and a[1] < b[2] and b[1] < a[2]
    ]  # fmt: skip


STEP = {"h": timedelta(hours=1), "4h": timedelta(hours=4), "D": timedelta(days=1)}


@pytest.mark.slow
def test_no_station_and_moment_is_in_two_splits(build):
    everything = replace(SETTINGS, resolutions=("hourly", "4-hourly"), min_observed=0.1)
    by_time = read_corpus(build("time", settings=everything)[0])
    assert set(by_time.column("split")) == {"train", "val", "test"}
    assert overlapping(by_time) == [] == overlapping(by_time, of_stations=False)
    leaky = [replace(s, split="test") if s.id == "11-hourly" else s for s in by_time]
    moved = [replace(s, split="train", start=leaky[0].start) if i == 1 else s for i, s in enumerate(leaky)]
    assert overlapping(moved, of_stations=False) != [], "the check can fail"

    for seed in range(20):
        by_station = replace(everything, split="station", seed=seed)
        try:
            corpus = read_corpus(build(f"station{seed}", settings=by_station)[0])
        except DataError:
            continue
        if len(set(corpus.column("split"))) > 1:
            break
    stations = {(s.metadata["entity"], s.split) for s in corpus}
    assert len(stations) == len({entity for entity, _ in stations}) > 1
    assert overlapping(corpus) == []


@pytest.mark.slow
def test_stations_held_out_are_in_test_alone(build):
    from tracets.data.noaa.splits import Splits

    seed = next(s for s in range(99) if not Splits(NoaaSettings((2019, 2020), seed=s)).seen(world.A)
                and Splits(NoaaSettings((2019, 2020), seed=s)).seen(world.C))  # fmt: skip
    corpus = read_corpus(build(settings=NoaaSettings((2019, 2020), resolutions=("hourly",), seed=seed))[0])
    of_a = [s for s in corpus if s.metadata["entity"] == world.A]
    assert of_a and {s.split for s in of_a} == {"test"} and not any(s.metadata["station_seen"] for s in of_a)
    assert all(s.metadata["station_seen"] for s in corpus if s.metadata["entity"] == world.C)


@pytest.mark.slow
def test_coarser_resolutions_are_means_and_sums_of_the_hours(build):
    settings = replace(SETTINGS, resolutions=("4-hourly", "daily"), controls=())
    corpus = read_corpus(build(settings=settings)[0])
    assert {s.metadata["resolution"] for s in corpus} == {"4-hourly", "daily"}
    for sample in corpus:
        hours, n = (4, 168) if sample.freq == "4h" else (24, 180)
        assert sample.values.shape == (7, n) and sample.start.hour % hours == 0
        fine = world.window_values(sample.metadata["entity"], sample.start, n * hours).reshape(7, n, hours)
        expected = fine.mean(axis=2)
        expected[1] = fine[1].sum(axis=1)
        if sample.metadata["entity"] == world.B:  # half of a step must be there; the gap takes whole days
            assert np.isnan(sample.values).any() == np.isnan(expected).any()
        np.testing.assert_allclose(sample.values, expected, atol=2e-3)


@pytest.mark.slow
def test_zones_give_winter_storms_a_place(build, tmp_path):
    zones = tmp_path / "bp05mr24.dbx"
    zones.write_text(world.ZONES)
    out, report = build(zones=zones)
    rows = {sample.id: sample for sample in read_corpus(out)}
    storm = rows["19-hourly"]
    assert (storm.label, storm.metadata["located"], storm.metadata["entity"]) == ("Winter Storm", "zone", world.A)
    assert "without a place" not in report.left_out and rows["11-hourly"].metadata["located"] == "event"


@pytest.mark.slow
def test_the_same_input_gives_the_same_bytes_from_anywhere(build):
    one, _ = build("one", cache="here")
    two, _ = build("two", cache="there")
    assert one.read_bytes() == two.read_bytes()
    other, _ = build("other", cache="here", settings=replace(SETTINGS, seed=1))
    assert other.read_bytes() != one.read_bytes()


class Killed(BaseException):
    """As abrupt as a signal, for code that catches errors."""


@pytest.mark.parametrize(
    ("step", "nth"),
    [("_make", 2), ("rows_of", 1), ("rows_of", 2), ("write_table", 2), ("ParquetWriter", 1), ("rmtree", 1)],
)
@pytest.mark.slow
def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(build, web, monkeypatch, step, nth):
    """Stopped while hours are made, while a station is cut or written, at the last write, and before cleaning up."""
    whole, _ = build("whole", cache="other" if step == "_make" else "cache")
    owner = {"_make": build_module.Hours, "rows_of": build_module, "rmtree": build_module.shutil}.get(
        step, build_module.pq
    )
    real, calls = getattr(owner, step), []

    def stopped(*args, **kwargs):
        calls.append(1)
        if len(calls) >= nth:
            raise Killed
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, stopped)
        with pytest.raises(Killed):
            build("stopped")
    web.asked.clear()
    again, report = build("stopped")
    assert again.read_bytes() == whole.read_bytes()
    assert not again.with_name("stopped.parquet.parts").exists()
    if step != "_make":
        assert web.asked == [], "everything was there already"


@pytest.mark.slow
def test_what_is_unfinished_of_other_settings_is_put_aside(build, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(build_module.pq, "ParquetWriter", lambda *a, **k: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            build(settings=replace(SETTINGS, seed=1))
    assert list((tmp_path / "corpus.parquet.parts").glob("*.parquet"))
    assert build()[0].read_bytes() == build("fresh")[0].read_bytes()


@pytest.mark.slow
def test_a_server_that_breaks_off_and_hides(build, web):
    path = f"{world.HOURLY}access/by-year/2019/psv/GHCNh_{world.A}_2019.psv"
    web.faults[path] = [("cut", 1000), 503, ("cut", 5000)]
    spoiled, _ = build("spoiled")
    assert spoiled.read_bytes() == build("smooth", cache="other")[0].read_bytes()


@pytest.mark.slow
def test_offline_says_what_is_missing(build, web):
    with pytest.raises(DownloadError, match="offline, and '.*csvfiles/' is not kept"):
        build(offline=True)
    out, _ = build()
    whole = out.read_bytes()
    web.asked.clear()
    assert build(offline=True)[0].read_bytes() == whole and web.asked == []


@pytest.mark.slow
def test_the_budget_stops_a_build_that_then_goes_on(build, web):
    with pytest.raises(DownloadError, match="--max-download"):
        build(total_bytes=2_000_000)
    n_asked = len(web.asked)
    out, report = build()
    assert read_corpus(out) and n_asked < len(web.asked) + n_asked
    assert report.received < sum(map(len, web.files.values()))


@pytest.mark.slow
def test_most_events_of_a_type(build):
    out, report = build(settings=replace(SETTINGS, max_per_type=1, controls=()))
    labels = Counter(read_corpus(out).column("label"))
    assert max(labels.values()) == 1 and report.left_out["more than wanted of a type"] >= 3


@pytest.mark.slow
def test_an_event_in_the_files_of_two_years_is_shown_once(build, web, archive):
    """The second has another text: the one of the first file is that of its window, whose id is there once."""
    whole, _ = build("whole", settings=replace(SETTINGS, controls=()))
    name = next(path for path in web.files if "_d2020_" in path)
    again = world.EVENTS[2019][0] | {"BEGIN_LAT": "35.06"}
    web.files[name] = world.formats.details([*world.EVENTS[2020], again])
    out, report = build("twice", settings=replace(SETTINGS, controls=()), cache="other")
    assert report.left_out["with the id of another"] == 1
    one, two = ([s for s in read_corpus(path) if s.metadata["event_id"] == 11] for path in (whole, out))
    assert len(two) == 1 and two[0].metadata == one[0].metadata


@pytest.mark.slow
def test_a_page_in_place_of_a_station_year_is_not_kept(build, web, tmp_path):
    path = f"{world.HOURLY}access/by-year/2019/psv/GHCNh_{world.A}_2019.psv"
    web.faults[path] = [("junk", b"<!DOCTYPE html><h1>Down for maintenance</h1>")]
    with pytest.raises(DownloadError, match="it is a page of HTML"):
        build()
    assert read_corpus(build()[0]), "the next run asks again"


@pytest.mark.slow
def test_station_files_from_a_mirror(build, web, tmp_path):
    """As of NOAA's bucket in the cloud, whose folders begin elsewhere; it is GHCNh's alone."""
    whole = build("whole", cache="other")[0].read_bytes()
    for path in [path for path in web.files if path.startswith(world.HOURLY)]:
        web.files[f"/hourly/{path.removeprefix(world.HOURLY)}"] = web.files.pop(path)
    downloads = Downloads(tmp_path / "cache", pause=0, sleep=lambda s: None)
    out = tmp_path / "mirror.parquet"
    build_noaa(out, SETTINGS, downloads, base_url=web.url, stations_url=f"{web.url}/hourly")
    assert out.read_bytes() == whole


@pytest.mark.slow
def test_types_that_nobody_reported(build):
    with pytest.raises(DataError, match="of the types Hale. There are: Hail, "):
        build(settings=replace(SETTINGS, events=("Hale",)))


@pytest.mark.slow
def test_no_window_says_why(build):
    with pytest.raises(DataError, match="no window can be made .*observed by no station near.*Widen"):
        build(settings=replace(SETTINGS, min_observed=1.0, events=("Flash Flood",), radius_km=10))


@pytest.mark.slow
def test_a_year_that_is_not_listed(build):
    with pytest.raises(DataError, match="no details for 2021; it has 2019 to 2020"):
        build(settings=replace(SETTINGS, years=(2020, 2021)))


@pytest.mark.slow
def test_files_that_are_discarded_leave_their_hours(build, web, tmp_path):
    whole = build("whole", cache="other")[0].read_bytes()
    assert build(discard=True)[0].read_bytes() == whole
    assert not list((tmp_path / "cache").rglob("*.psv")) and list((tmp_path / "cache").rglob("*.psv.hours.npy"))
    web.asked.clear()
    assert build("again")[0].read_bytes() == whole and web.asked == []


@pytest.mark.slow
def test_the_list_of_stations_as_csv(build, web):
    whole = build("whole", cache="other")[0].read_bytes()
    del web.files[f"{world.HOURLY}doc/ghcnh-station-list.txt"]
    header = "GHCN_ID,LATITUDE,LONGITUDE,ELEVATION,STATE,NAME,GSN,(US)HCN_(US)CRN,WMO_ID,ICAO,ISO_CODE"
    rows = [",".join(map(str, station)) + ",,,,,US" for station in world.STATIONS]
    web.files[f"{world.HOURLY}doc/ghcnh-station-list.csv"] = "\n".join([header, *rows]).encode()
    assert build()[0].read_bytes() == whole


@pytest.mark.slow
def test_damaged_hours_are_put_aside(build, tmp_path):
    build()
    kept = next((tmp_path / "cache").rglob(f"*{world.A}_2019.psv.hours.npy"))
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged.*run the command again"):
        build("again")
    assert build("again")[0].read_bytes() == build()[0].read_bytes()


@pytest.mark.slow
def test_two_builds_of_one_file(build, tmp_path):
    from filelock import FileLock

    with FileLock(tmp_path / "corpus.parquet.lock"):
        with pytest.raises(DataError, match="being built by another process"):
            build()
