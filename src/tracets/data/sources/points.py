"""Points with a name and labels, as Prometheus and InfluxDB keep them, put together as series of channels."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tracets.data.joining import join_channels
from tracets.data.series import Series
from tracets.data.sources.source import id_and_metadata
from tracets.data.table import split_unit
from tracets.data.times import check_order, times_of
from tracets.errors import DataError
from tracets.files import Limits

Labels = tuple[tuple[str, str], ...]


@dataclass(eq=False)
class _Track:
    """The points of one name and set of labels: microseconds since 1970, values, and the rows they stand in."""

    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    rows: array[int] = field(default_factory=lambda: array("q"))


class Points:
    """Points as they arrive, 24 bytes each.

    Parameters
    ----------
    where : str
        The source, for messages.
    limits : Limits
        `rows` bounds the number of points, `name_chars` and `channels` the names.
    """

    def __init__(self, where: str, limits: Limits) -> None:
        self._where, self._limits = where, limits
        self._tracks: dict[tuple[str, Labels], _Track] = {}
        self._count = 0
        self.replaced = 0

    def __len__(self) -> int:
        return self._count

    def add(self, name: str, labels: Labels, micros: int, value: float, row: int) -> None:
        """One more point; labels are sorted by name."""
        track = self._tracks.get((name, labels))
        if track is None:
            track = self._tracks[name, labels] = _Track()
        track.times.append(micros)
        track.values.append(value)
        track.rows.append(row)
        self._count += 1
        if self._count > self._limits.rows:
            self._limits.check("rows", self._count, "points or more", where=self._where)

    def series(
        self, *, entity: Sequence[str], name: str, freq: str | None, zone: str | None, latest: bool = False
    ) -> Iterator[Series]:
        """The points as series, in the order of their ids, with channels in the order of their names.

        Parameters
        ----------
        entity : sequence of str
            The labels that tell series apart. Other labels get into the names of channels, where these would be the
            same without them.
        name : str
            The id where there is no `entity`.
        freq, zone : str or None
            As for `tracets.data.read`.
        latest : bool, default=False
            Points come in any order, and of several at one time the last one counts; `replaced` says how many did not.

        Raises
        ------
        DataError
            No points, a label that is absent, an infinite value, or as for `tracets.data.read`.
        """
        if not self._tracks:
            raise DataError(f"{self._where}: there is not one value. Check the query and the time range.")
        entities: dict[tuple[str, ...], dict[tuple[str, Labels], _Track]] = {}
        for (base, labels), track in self._tracks.items():
            found = dict(labels)
            absent = [label for label in entity if label not in found]
            if absent:
                raise DataError(
                    f"{self._where}: '{base or 'a series'}' has no label '{absent[0]}' to tell series apart by; it has "
                    f"{', '.join(found) or 'none'}. Name another with entity=."
                )
            rest = tuple(pair for pair in labels if pair[0] not in entity)
            entities.setdefault(tuple(found[label] for label in entity), {})[base, rest] = track
        needed = _needed(list(tracks) for tracks in entities.values())
        named: dict[str, tuple[str, ...]] = {}
        for values in sorted(entities):
            one, metadata = id_and_metadata(entity, values, name)
            if one in named:
                raise DataError(
                    f"{self._where}: {named[one]} and {values} make the same id '{one}'. Rename one of them."
                )
            named[one] = values
            channels: dict[str, _Track] = {}
            for (base, labels), track in entities[values].items():
                channel = _channel(base, [pair for pair in labels if pair[0] in needed[base]])
                if channel in channels:
                    raise DataError(
                        f"{self._where}: two channels of series '{one}' are called '{channel}'. Rename one."
                    )
                channels[channel] = track
            yield self._one(one, metadata, channels, freq, zone, latest)

    def _one(
        self, name: str, metadata: Mapping[str, str], channels: Mapping[str, _Track], freq: str | None,
        zone: str | None, latest: bool,
    ) -> Series:  # fmt: skip
        import pandas as pd

        whole = f"{self._where}: series '{name}'"
        self._limits.check("name_chars", len(name), "characters in an id", where=self._where)
        self._limits.check("channels", len(channels), "channels", where=whole)
        read, rows_of = {}, {}
        for channel in sorted(channels):
            track, where = channels[channel], f"{whole}, channel '{channel}'"
            self._limits.check("name_chars", len(channel), "characters in the name of a channel", where=whole)
            times, values, rows = (np.asarray(part) for part in (track.times, track.values, track.rows))
            if latest:
                order = np.argsort(times, kind="stable")
                last = np.append(np.diff(times[order]) > 0, True)
                self.replaced += int((~last).sum())
                times, values, rows = (part[order][last] for part in (times, values, rows))
            with np.errstate(over="ignore"):
                small = values.astype(np.float32)
            for i in np.flatnonzero(np.isinf(small))[:1]:
                raise DataError(
                    f"{where}, row {rows[i]}: the value {values[i]} is infinite. Leave such points out of the query "
                    f"(in PromQL: `... > -Inf < +Inf`), then they count as missing."
                )
            lines = rows.tolist()
            index = times_of(times, aware=True, lines=lines, where=where, zone=zone)
            check_order(index, lines=lines, where=where)
            read[channel], rows_of[channel] = pd.Series(small, index=index), lines
        start, step, grid = join_channels(
            read, row_of=lambda c, i: rows_of[c][i], freq=freq, where=whole, limits=self._limits
        )
        names = [split_unit(channel) for channel in read]
        return Series(
            id=name,
            values=grid,
            channel_names=tuple(channel for channel, _ in names),
            start=start.to_pydatetime(),
            freq=step,
            units=tuple(unit for _, unit in names),
            source=self._where,
            metadata=metadata,
        )


def _needed(entities: Iterator[list[tuple[str, Labels]]]) -> dict[str, set[str]]:
    """For each name the labels that tell its channels apart within any one series."""
    needed: dict[str, set[str]] = {}
    for tracks in entities:
        groups: dict[str, list[dict[str, str]]] = {}
        for base, labels in tracks:
            groups.setdefault(base, []).append(dict(labels))
        for base, found in groups.items():
            every = {label for labels in found for label in labels}
            differ = {label for label in every if len({labels.get(label) for labels in found}) > 1}
            needed.setdefault(base, set()).update(differ)
    return needed


def _channel(base: str, labels: Sequence[tuple[str, str]]) -> str:
    """A name for people and for the encoder of names: "cpu mode=idle"; a unit stays at the end.

    >>> _channel("cpu [%]", [("mode", "idle")])
    'cpu mode=idle [%]'
    """
    name, unit = split_unit(base)
    told = " ".join([*([name] if name else []), *(f"{label}={value}" for label, value in labels)]) or "value"
    return f"{told} [{unit}]" if unit else told
