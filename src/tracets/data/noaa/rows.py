"""Windows as rows of a corpus: values, captions, narratives and what they are known by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pyarrow as pa

from tracets.data.captions import with_captions
from tracets.data.noaa.grids import Grid
from tracets.data.noaa.observations import CHANNELS
from tracets.data.noaa.settings import NO_EVENT
from tracets.data.noaa.windows import EVENT, Window
from tracets.data.streaming import schema_of, table_of
from tracets.data.windows import RESOLUTIONS
from tracets.types import Sample

SOURCE = "NOAA Storm Events, GHCNh"
METADATA = {
    "entity": pa.string(),
    "station": pa.string(),
    "lat": pa.float64(),
    "lon": pa.float64(),
    "elevation": pa.float64(),
    "kind": pa.string(),
    "resolution": pa.string(),
    "event_id": pa.int64(),
    "episode_id": pa.int64(),
    "event_type": pa.string(),
    "event_step": pa.int64(),
    "event_begin": pa.string(),
    "event_state": pa.string(),
    "located": pa.string(),
    "distance_km": pa.float64(),
    "damage_property": pa.float64(),
    "narrative": pa.string(),
    "station_seen": pa.bool_(),
}
"""Columns beyond the contract. `entity` is the id of the station, `station` its name."""
SCHEMA = schema_of(METADATA, zone="UTC")


def rows_of(
    windows: Iterable[tuple[Window, Grid, bool]], narratives: Mapping[int, tuple[str, str]], *, seed: int
) -> pa.Table:
    """Rows for windows, each with the grid of its station and whether train may have windows of that."""
    return table_of((_sample(window, grid, seen, narratives, seed) for window, grid, seen in windows), SCHEMA)


def _sample(window: Window, grid: Grid, seen: bool, narratives: Mapping[int, tuple[str, str]], seed: int) -> Sample:
    event, station, shown = window.joined.event, window.station, window.kind == EVENT
    text, told_by = narratives.get(event.id, (None, None)) if shown else (None, None)
    sample = Sample(
        id=window.id,
        values=grid.cut(window.resolution, window.start),
        channel_names=tuple(CHANNELS),
        units=tuple(CHANNELS.values()),
        start=datetime.fromtimestamp(window.start, UTC),
        freq=RESOLUTIONS[window.resolution].freq,
        event_text=text,
        label=event.type if shown else NO_EVENT,
        split=window.split,
        domain="weather",
        source=SOURCE,
        metadata={
            "entity": station.id,
            "station": station.name,
            "lat": station.lat,
            "lon": station.lon,
            "elevation": station.elevation,
            "kind": window.kind,
            "resolution": window.resolution,
            "event_id": event.id,
            "episode_id": event.episode,
            "event_type": event.type,
            "event_step": window.step,
            "event_begin": datetime.fromtimestamp(event.begin, UTC).isoformat(),
            "event_state": event.state,
            "located": event.located,
            "distance_km": window.km,
            "damage_property": event.damage,
            "narrative": told_by,
            "station_seen": seen,
        },
    )
    return with_captions(sample, seed=seed)
