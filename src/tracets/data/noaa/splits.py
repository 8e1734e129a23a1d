"""Which split a window of a station is in: by time, by station, or by both."""

from __future__ import annotations

from datetime import UTC, datetime

from tracets.data.draws import draw
from tracets.data.noaa.settings import FRACTIONS, NoaaSettings

DAY = 86_400


def first_second(year: int) -> int:
    """The beginning of a year (UTC), in seconds since 1970."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


class Splits:
    """Decides the split of a window; see `NoaaSettings.split`.

    By time, the years are parted .6, .15 and .25 at midnight, and a window lies in one part or in none. So no window of
    one split overlaps one of another, at any station, unless it is split by station alone.
    """

    def __init__(self, settings: NoaaSettings) -> None:
        self.settings = settings
        self.begin, self.end = first_second(settings.years[0]), first_second(settings.years[1] + 1)
        shares = (FRACTIONS[0], FRACTIONS[0] + FRACTIONS[1])
        self.val, self.test = (self.begin + int((self.end - self.begin) * share) // DAY * DAY for share in shares)

    def of(self, station: str, start: int, end: int) -> str | None:
        """The split of a window from `start` to before `end`; None where it may be in none."""
        if start < self.begin or end > self.end:
            return None
        if self.settings.split == "station":
            where = self._drawn(station)
            return "train" if where < FRACTIONS[0] else "val" if where < FRACTIONS[0] + FRACTIONS[1] else "test"
        part = self._part(start, end)
        return part if part == "test" or self.seen(station) else None

    def seen(self, station: str) -> bool:
        """Whether train may have windows of a station."""
        if self.settings.split == "station":
            return self._drawn(station) < FRACTIONS[0]
        return self.settings.split == "time" or self._drawn(station) >= self.settings.held_out

    def _part(self, start: int, end: int) -> str | None:
        if end <= self.val:
            return "train"
        if start >= self.test:
            return "test"
        return "val" if start >= self.val and end <= self.test else None

    def _drawn(self, station: str) -> float:
        return draw(self.settings.seed, "station", station)
