"""Prometheus by its range API: PromQL over a time range, at a fixed step."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tracets.data.calendar import step_seconds, to_offset
from tracets.data.sources.http import Server
from tracets.data.sources.points import Points
from tracets.data.sources.source import Reading
from tracets.errors import ConfigError, SourceError, TracetsError
from tracets.files import Limits, parse_json

LOG = logging.getLogger("tracets")
MOST_POINTS = 11_000
"""Of one series in one answer: the server refuses more."""
NAME = "__name__"


@dataclass(frozen=True)
class PrometheusSource:
    """What queries in PromQL give over a time range.

    Parameters
    ----------
    server : Server
    queries : tuple of (str or None, str)
        A name and an expression. The name becomes that of the channel, with a unit as in "load [MW]"; without one the
        channel is called as the metric.
    since, until : datetime
        With a time zone. The first step is at `since`, the last one before `until`.
    entity : tuple of str
        The labels that tell series apart; without them there is one series.
    """

    server: Server
    queries: tuple[tuple[str | None, str], ...]
    since: datetime
    until: datetime
    entity: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.queries]
        if not names:
            raise ConfigError("Prometheus is asked in PromQL: give a query.")
        if len(set(names)) < len([n for n in names if n is not None]) + (None in names):
            raise ConfigError("two queries have the same name. Name them apart.")
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ConfigError("since and until need an offset from UTC for Prometheus, as in 2024-03-01T00:00Z.")
        if self.since >= self.until:
            raise ConfigError(f"since must come before until, got {self.since} and {self.until}.")

    def __str__(self) -> str:
        return str(self.server)

    def reading(self, *, freq: str | None, zone: str | None, limits: Limits) -> Reading:
        """Ask, in parts that the server allows, and take in all answers; `freq` is the step.

        Raises
        ------
        ConfigError
            No `freq`, or one that is no fixed number of seconds.
        SourceError
            The server cannot be reached, refuses (with what it says), or answers in a wrong shape.
        DataError
            An infinite value, no value at all, a label that is absent.
        """
        step = _step(freq, zone)
        limits.check("steps", len(_times(self.since, self.until, step)), f"steps of '{freq}'", where=str(self))
        points, names = Points(str(self), limits), set()
        for name, expression in self.queries:
            for first, last in parts(self.since, self.until, step):
                form = {"query": expression, "start": _stamp(first), "end": _stamp(last), "step": _stamp(step)}
                answer = self.server.ask("/api/v1/query_range", form=form, limits=limits)
                told = parse_json(answer, where=str(self), error=SourceError, limits=limits)
                names |= self._take(told, name, points)
        whole = names.pop() if len(names) == 1 and not self.entity else ""
        return Reading(points.series(entity=self.entity, name=whole or "series", freq=freq, zone=zone))

    def _take(self, told: Any, name: str | None, points: Points) -> set[str]:
        """Put one answer into `points`; the names of what it holds."""
        names, row = set(), 0
        try:
            if told["status"] != "success":
                raise SourceError(f"{self}: the query failed ({self.server.hidden(str(told['error']))}). Mend it.")
            for warning in told.get("warnings", ()):
                LOG.warning("%s: %s", self, warning)
            if told["data"]["resultType"] != "matrix":
                raise SourceError(f"{self}: the answer is a {told['data']['resultType']}, and a range is wanted.")
            for one in told["data"]["result"]:
                if "histograms" in one:
                    raise SourceError(f"{self}: {one['metric']} is a histogram. Ask for a number of it.")
                labels = {str(k): str(v) for k, v in one["metric"].items() if v != ""}
                base = labels.pop(NAME, "") if name is None else name
                labels.pop(NAME, None)
                pairs = tuple(sorted(labels.items()))
                names.add(base)
                for seconds, text in one["values"]:
                    row += 1
                    value = float(text)
                    if not math.isnan(value):  # not a number is as good as not there
                        points.add(base, pairs, round(seconds * 1e6), value, row)
        except (KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, TracetsError):
                raise
            raise SourceError(
                f"{self}: the answer has not the shape of an answer of Prometheus ({error!r})."
            ) from error
        return names


def parts(since: datetime, until: datetime, step: int, most: int = MOST_POINTS) -> Iterator[tuple[int, int]]:
    """First and last time of each request, in milliseconds since 1970; every step is in one of them.

    >>> day = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    >>> list(parts(*day, step=1000, most=2))
    [(0, 1000), (2000, 3000), (4000, 4000)]
    """
    times = _times(since, until, step)
    for i in range(0, len(times), most):
        part = times[i : i + most]
        yield part[0], part[-1]


def _times(since: datetime, until: datetime, step: int) -> range:
    begin, end = (round(t.astimezone(UTC).timestamp() * 1000) for t in (since, until))
    return range(begin, end, step)


def _step(freq: str | None, zone: str | None) -> int:
    """A step in milliseconds."""
    if freq is None:
        raise ConfigError("Prometheus needs the step to ask for: freq= (--freq), such as 30s, 5min or h.")
    offset, seconds = to_offset(freq), step_seconds(freq)
    import pandas as pd

    fixed = isinstance(offset, (pd.tseries.offsets.Tick, pd.tseries.offsets.Day))
    fixed = fixed and (seconds % 86400 != 0 or zone in (None, "UTC"))  # elsewhere days have 23 to 25 hours
    milliseconds = round(seconds * 1000)
    if not fixed or milliseconds < 1 or abs(milliseconds / 1000 - seconds) > 1e-9:
        raise ConfigError(
            f"Prometheus has steps of a fixed number of milliseconds, and '{freq}' is none. Use h or shorter ones."
        )
    return milliseconds


def _stamp(milliseconds: int) -> str:
    """Seconds as a decimal number, exact to the millisecond.

    >>> _stamp(1500), _stamp(-1)
    ('1.500', '-0.001')
    """
    whole, rest = divmod(abs(milliseconds), 1000)
    return f"{'-' if milliseconds < 0 else ''}{whole}.{rest:03d}"
