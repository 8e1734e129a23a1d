"""What InfluxDB keeps (measurement, tags, field, value) as points with a name and labels, and reports."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from tracets.data.series import Series
from tracets.data.sources.points import Labels, Points
from tracets.data.sources.source import Reading, Report, id_and_metadata
from tracets.errors import DataError
from tracets.files import Limits

LOG = logging.getLogger("tracets")
MEASUREMENT = "_measurement"
"""The measurement as a label, as Flux calls it."""
PLAIN = "value"
"""A field of this name says nothing: its channel is called as the measurement."""


class Fields:
    """Values as they arrive; numbers become points, texts of the field `reports` become reports."""

    def __init__(self, where: str, *, entity: Sequence[str], reports: str | None, limits: Limits) -> None:
        self._where, self._entity, self.told_by, self._limits = where, tuple(entity), reports, limits
        self._points, self._reports = Points(where, limits), list[Report]()

    def add(self, measurement: str, tags: Labels, key: str, micros: int, value: float | str, row: int) -> None:
        """One value.

        Raises
        ------
        DataError
            A text that is no report.
        """
        if isinstance(value, str):
            self._tell(measurement, tags, key, micros, value, row)
            return
        labels = tuple(sorted(((MEASUREMENT, measurement), *tags)))
        self._points.add(measurement if key == PLAIN else key, labels, micros, value, row)

    def reading(self, name: str, *, freq: str | None, zone: str | None) -> Reading:
        """All that came, as series and reports; `name` is the id where there is no entity."""
        return Reading(self._series(name, freq, zone), tuple(self._reports))

    def _series(self, name: str, freq: str | None, zone: str | None) -> Iterator[Series]:
        points = self._points
        yield from points.series(entity=self._entity, name=name, freq=freq, zone=zone, latest=True)
        if points.replaced:
            LOG.warning(
                "%s: %d of %d points were written again later; the last of them counts, as on the server",
                self._where, points.replaced, len(points),
            )  # fmt: skip

    def _tell(self, measurement: str, tags: Labels, key: str, micros: int, text: str, row: int) -> None:
        import pandas as pd

        if key != self.told_by:
            raise DataError(
                f"{self._where}, row {row}: field '{key}' of '{measurement}' is a text. Leave it out, or take its "
                f"texts as reports: reports='{key}'."
            )
        where = f"{self._where}, row {row}"
        self._limits.check("text_chars", len(text), "characters in a report", where=where)
        found = dict(tags) | {MEASUREMENT: measurement}
        absent = [label for label in self._entity if label not in found]
        if absent:
            raise DataError(f"{where}: the report has no tag '{absent[0]}', so its series is not known.")
        entity, _ = id_and_metadata(self._entity, [found[label] for label in self._entity], "")
        self._reports.append(Report(pd.Timestamp(micros, unit="us", tz="UTC"), text, entity or None))
