"""The build: what it reads, in which order, and how it goes on after it was stopped.

1. the newest details file of each year, and the list of stations  2. the events to show, and everything that was
reported  3. for each event the nearest station that observed it, whose hours are made as they are asked for  4. the
windows of each station, as a file of its own beside the corpus  5. those files as one

Hours are kept in the cache for every build; the files of stations until the corpus is whole. Whoever stops a build at
any moment and runs it again gets the same bytes. Memory holds the reported times and places, the texts of the events
that are shown, and a few stations.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pyarrow as pa
import pyarrow.parquet as pq

from tracets.data.download import Downloads
from tracets.data.leaks import Span, overlaps
from tracets.data.noaa import events as storm
from tracets.data.noaa import stations as places
from tracets.data.noaa.events import Event, read_events, read_narratives
from tracets.data.noaa.grids import Grid, around, seconds_of
from tracets.data.noaa.hours import Hours
from tracets.data.noaa.joining import Candidates, Joined, Reported, choose, join
from tracets.data.noaa.rows import SCHEMA, rows_of
from tracets.data.noaa.settings import NoaaSettings
from tracets.data.noaa.stations import Station
from tracets.data.noaa.windows import Choice, years_of
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, parse_json
from tracets.types import AnyPath

FORMAT = 2
"""Of the unfinished files; a change of what a build makes of its input raises it."""
GRIDS = 24
"""Stations in memory."""
GZIP = b"\x1f\x8b"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BuildReport:
    """What a build made, and what it left out.

    `windows`: all of them, and by "kind", "label", "split" and "resolution". `events`: "read", "chosen", "joined".
    `station_years`: files "read", and those "absent" from the archive, which has none of a year without reports.
    `left_out`: events and windows by reason. `values`: those of the stations that were "flagged" or "out of range".
    `leaks`: windows that share a station and a moment with one of another split, counted in what was written: 0.
    """

    windows: int
    by: Mapping[str, Mapping[str, int]]
    stations: int
    station_years: Mapping[str, int]
    events: Mapping[str, int]
    left_out: Mapping[str, int]
    values: Mapping[str, int]
    leaks: int
    received: int

    def to_json(self) -> dict[str, Any]:
        return {
            "windows": self.windows, **self.by, "stations": self.stations, "station_years": dict(self.station_years),
            "events": dict(self.events), "left_out": dict(self.left_out), "values": dict(self.values),
            "leaks": self.leaks, "received_bytes": self.received,
        }  # fmt: skip


def build_noaa(
    out: AnyPath,
    settings: NoaaSettings,
    downloads: Downloads,
    *,
    base_url: str,
    stations_url: str | None = None,
    zones: AnyPath | None = None,
    discard: bool = False,
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> BuildReport:
    """Write the corpus of some years to a Parquet file, which appears when it is whole.

    Parameters
    ----------
    out : path
        The corpus. `<out>.parts` beside it holds what is unfinished, and is removed at the end.
    settings : NoaaSettings
    downloads : Downloads
        How files are fetched, and where they are kept.
    base_url : str
        Where the archives lie: `BASE_URL`, or a mirror with the same folders.
    stations_url : str, optional
        Where GHCNh lies, with `doc` and `access` in it, if it does not lie there.
    zones : path, optional
        The zone-county list of the Weather Service. Without it, events of forecast zones have no place.
    discard : bool, default=False
        Remove each station's file once its hours are made; they are kept.
    limits : Limits
        What a file may hold at most.
    progress : callable, optional
        Is told (what goes on, how many are done, of how many).

    Raises
    ------
    DownloadError
        A file that cannot be had, or would exceed what may be downloaded; the build goes on when it is run again.
    DataError
        A file that is not what it should be; no window at all; another build of the same file is at work.
    """
    from filelock import FileLock, Timeout

    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    base_url = base_url.rstrip("/") + "/"
    stations_url = urljoin(base_url, places.FOLDER) if stations_url is None else stations_url.rstrip("/") + "/"
    hours = Hours(downloads, stations_url, discard=discard, limits=limits)
    build = _Build(target, settings, downloads, base_url, zones, hours, limits, progress)
    try:
        with FileLock(f"{target}.lock", timeout=0):
            report = build.run()
    except Timeout:
        raise DataError(f"'{target}' is being built by another process. Wait for it, or write another file.") from None
    Path(f"{target}.lock").unlink(missing_ok=True)
    return report


class _Build:
    def __init__(
        self, target: Path, settings: NoaaSettings, downloads: Downloads, base_url: str, zones: AnyPath | None,
        hours: Hours, limits: Limits, progress: Progress | None,
    ) -> None:  # fmt: skip
        self.target, self.settings, self.downloads, self.limits = target, settings, downloads, limits
        self.base_url, self.zones = base_url, None if zones is None else Path(zones)
        self.parts = target.with_name(f"{target.name}.parts")
        self.hours = hours
        self.left_out: Counter[str] = Counter()
        self.progress: Progress = progress or (lambda what, done, total: None)

    def run(self) -> BuildReport:
        details = self._details()
        lists = [urljoin(self.hours.url, name) for name in places.LISTS]
        stations_at = self.downloads.find(lists[0]) or self.downloads.get(lists[1])
        stations = places.read_stations(stations_at, self.settings.networks, limits=self.limits)
        self._begin([*details, stations_at])
        reported, chosen, n_read = self._events(details, stations)
        joined = self._join(chosen)
        narratives: dict[int, tuple[str, str]] = {}
        shown = {one.event.id for one in joined}
        for path in details:
            narratives |= read_narratives(path, shown, limits=self.limits)
        parts = self._stations(joined, reported, narratives)
        by, leaks = self._merge(parts)
        return BuildReport(
            windows=sum(by["kind"].values()),
            by=by,
            stations=len(parts),
            station_years=self.hours.years,
            events={"read": n_read, "chosen": len(chosen), "joined": len(joined)},
            left_out={why: n for why, n in sorted(self.left_out.items()) if n},
            values=dict(self.hours.counts),
            leaks=leaks,
            received=self.downloads.received,
        )

    def _details(self) -> list[Path]:
        folder = urljoin(self.base_url, storm.FOLDER)
        listing = self.downloads.get(folder).read_text(encoding="utf-8", errors="replace")
        first, last = self.settings.years
        names = storm.newest_details(listing, range(first, last + 1))
        found = []
        for i, name in enumerate(names.values()):
            self.progress("reading the years", i, len(names))
            found.append(self.downloads.get(urljoin(folder, name), begins=GZIP))
        return found

    def _begin(self, inputs: Sequence[Path]) -> None:
        """Put aside what an earlier build of other things left unfinished."""
        files = [*inputs, *([self.zones] if self.zones else [])]
        hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        plan = {"format": FORMAT, "settings": self.settings.to_json(), "inputs": hashes,
                "urls": [self.base_url, self.hours.url]}  # fmt: skip
        plan = json.loads(json.dumps(plan))
        at = self.parts / "plan.json"
        if self.parts.is_dir():
            try:
                same = parse_json(at.read_bytes(), where=str(at), error=DataError) == plan
            except (OSError, DataError):
                same = False
            if not same or self.downloads.refresh:
                shutil.rmtree(self.parts)
        self.parts.mkdir(exist_ok=True)
        _write(at, json.dumps(plan).encode())

    def _events(self, details: Sequence[Path], stations: Sequence[Station]) -> tuple[Reported, list[Candidates], int]:
        zones = {} if self.zones is None else places.read_zones(self.zones, limits=self.limits)
        reported, wanted = Reported(), []
        types: Counter[str] = Counter()
        for i, path in enumerate(details):
            self.progress("reading the events", i, len(details))
            for event in read_events(path, self.left_out, limits=self.limits):
                event = places.locate(event, zones)
                reported.add(event)
                types[event.type] += 1
                if event.type in self.settings.events:
                    wanted.append(event)
        unknown = [name for name in self.settings.events if name not in types]
        if len(unknown) == len(self.settings.events):
            known = ", ".join(name for name, _ in types.most_common(60))
            raise DataError(f"no event of these years is of the types {', '.join(unknown)}. There are: {known}.")
        return reported, choose(wanted, stations, self.settings, self.left_out), types.total()

    def _join(self, chosen: Sequence[Candidates]) -> list[Joined]:
        load = lru_cache(maxsize=GRIDS)(self.hours.load)
        done, n_chosen = 0, len(chosen)
        chosen = [found for found in chosen if self._inside(*self._week(found.event))]
        self.left_out["in a week that reaches out of the years"] += n_chosen - len(chosen)

        @lru_cache(maxsize=GRIDS)
        def grid(station: str, years: frozenset[int]) -> Grid:
            return Grid(station, (min(years), max(years)), years, load)

        def observed(station: Station, event: Event) -> float:
            nonlocal done
            start, end = self._week(event)
            self.progress("joining events and stations", done, len(chosen))
            done = min(done + 1, len(chosen))
            return grid(station.id, self._inside(start, end)).observed("hourly", start)

        return join(chosen, observed, self.settings, self.left_out)

    def _week(self, event: Event) -> tuple[int, int]:
        """Of hours around an event, by which it is judged whether a station observed it."""
        start, _ = around(event, "hourly", self.settings.seed)
        return start, start + seconds_of("hourly")

    def _inside(self, start: int, end: int) -> frozenset[int]:
        """The years that a window touches; none where it reaches out of those that are built."""
        years = years_of(start, end)
        return years if years <= set(range(self.settings.years[0], self.settings.years[1] + 1)) else frozenset()

    def _stations(
        self, joined: Sequence[Joined], reported: Reported, narratives: Mapping[int, tuple[str, str]]
    ) -> list[Path]:
        """One file of rows a station, in the order of their ids; those that are there already are taken as they are."""
        used: dict[str, tuple[Station, frozenset[int]]] = {}
        for one in joined:
            years = used.get(one.station.id, (one.station, frozenset()))[1]
            for resolution in self.settings.resolutions:
                start, _ = around(one.event, resolution, self.settings.seed)
                years |= self._inside(start, start + seconds_of(resolution))
            used[one.station.id] = (one.station, years)
        grid = lru_cache(maxsize=GRIDS)(lambda id: Grid(id, self.settings.years, used[id][1], self.hours.load))
        choice = Choice(self.settings, used, grid, reported)
        parts = []
        for i, (id, some) in enumerate(groupby(joined, key=lambda one: one.station.id)):
            self.progress("cutting windows", i, len(used))
            part, notes = self.parts / f"{id}.parquet", self.parts / f"{id}.json"
            parts.append(part)
            if part.is_file():
                columns = ("kind", "entity", "resolution", "start")
                table = pq.read_table(part, columns=list(columns))
                for row in zip(*(table[name].to_pylist() for name in columns[:3]), _seconds(table), strict=True):
                    choice.taken.add(*row)
                self.left_out.update(json.loads(notes.read_bytes()))
                continue
            left_out: Counter[str] = Counter()
            windows = choice.of(list(some), left_out)
            table = rows_of(
                ((w, grid(w.station.id), choice.splits.seen(w.station.id)) for w in windows), narratives,
                seed=self.settings.seed,
            )  # fmt: skip
            _write(notes, json.dumps(left_out).encode())
            unfinished = part.with_name(f".{part.name}.{os.getpid()}")
            pq.write_table(table, unfinished, compression="zstd")
            os.replace(unfinished, part)
            self.left_out.update(left_out)
        return parts

    def _merge(self, parts: Sequence[Path]) -> tuple[dict[str, dict[str, int]], int]:
        spans: dict[str, list[Span]] = {}
        by: dict[str, Counter[str]] = {name: Counter() for name in ("kind", "label", "split", "resolution")}
        unfinished = self.target.with_name(f".{self.target.name}.{os.getpid()}.tmp")
        try:
            with pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as writer:
                for i, part in enumerate(parts):
                    self.progress("writing the corpus", i, len(parts))
                    table = pq.read_table(part, schema=SCHEMA)
                    if table.num_rows:
                        writer.write_table(table)
                        for name, counter in by.items():
                            counter.update(table[name].to_pylist())
                        for entity, span in _spans(table):
                            spans.setdefault(entity, []).append(span)
            if not by["kind"]:
                reasons = "; ".join(f"{n} {why}" for why, n in self.left_out.most_common(6) if n)
                raise DataError(f"no window can be made ({reasons or 'no event was found'}). Widen the settings.")
            os.replace(unfinished, self.target)
        finally:
            unfinished.unlink(missing_ok=True)
        shutil.rmtree(self.parts)
        leaks = sum(len(overlaps(some)) for some in spans.values())
        return {name: dict(counter.most_common()) for name, counter in by.items()}, leaks


def _seconds(table: pa.Table) -> list[int]:
    """The starts of rows in seconds since 1970."""
    return [start // 10**6 for start in table["start"].cast(pa.int64()).to_pylist()]


def _spans(table: pa.Table) -> Iterator[tuple[str, Span]]:
    columns = (table[name].to_pylist() for name in ("entity", "resolution", "split", "id"))
    for entity, resolution, split, id, start in zip(*columns, _seconds(table), strict=True):
        yield entity, (start, start + seconds_of(resolution), split, id)


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
