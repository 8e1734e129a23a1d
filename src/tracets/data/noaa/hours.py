"""Hours of stations on this disk: made once from a station-year's file, and kept beside it."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tracets.data.download import Downloads
from tracets.data.noaa.observations import hours_of, read_hours
from tracets.data.noaa.stations import file_of
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, parse_json
from tracets.types import FloatArray

FORMAT = 2
"""Of the kept hours; a change of how they are made raises it, so that they are made anew."""


class Hours:
    """The hours of station-years, (7, hours of the year) each; see `observations.read_hours`.

    `counts` says what was left out of those that were asked for: "flagged" values, and those "out of range"; `years`
    how many station-years were "read", and how many are "absent" from the archive. With `discard`, a file is removed
    once its hours are made, which are a twentieth of it.

    Parameters
    ----------
    url : str
        The folder with `access/`, ending in a slash.
    """

    def __init__(self, downloads: Downloads, url: str, *, discard: bool = False, limits: Limits = LIMITS) -> None:
        self.downloads, self.url, self.discard, self.limits = downloads, url, discard, limits
        self._counts: dict[tuple[str, int], dict[str, int]] = {}
        self._absent: set[tuple[str, int]] = set()

    @property
    def years(self) -> dict[str, int]:
        return {"read": len(self._counts), "absent": len(self._absent)}

    @property
    def counts(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for counts in self._counts.values():
            total.update(counts)
        return total

    def load(self, station: str, year: int) -> FloatArray | None:
        """The hours of a station in a year; None where the archive has no file of it."""
        url = self.url + file_of(station, year)
        place = self.downloads.place(url)
        values_at, state_at = (place.with_name(f"{place.name}.hours.{kind}") for kind in ("npy", "json"))
        state = None if self.downloads.refresh else _read_state(state_at)
        if state is None:
            path = self.downloads.find(url)
            if path is None:
                self._absent.add((station, year))
                return None
            source = self.downloads.hash_of(url)
            state = _read_state(state_at)
            if state is None or state["source"] != source:
                state = self._make(path, year, source, values_at, state_at)
            if self.discard:
                self.downloads.discard(url)
        self._counts[station, year] = state["counts"]
        try:
            values = np.load(values_at, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            values = None
        if values is None or values.shape != (7, hours_of(year)) or values.dtype != np.float32:
            state_at.unlink(missing_ok=True)
            raise DataError(f"{values_at}: is damaged. It was put aside; run the command again.")
        return values

    def _make(self, path: Path, year: int, source: str, values_at: Path, state_at: Path) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        values = read_hours(path, year, counts, limits=self.limits)
        state = {"format": FORMAT, "source": source, "counts": dict(counts)}
        unfinished = values_at.with_name(f".{values_at.name}.{os.getpid()}")
        with unfinished.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        os.replace(unfinished, values_at)
        unfinished.write_text(json.dumps(state))
        os.replace(unfinished, state_at)  # the last, so that it speaks of whole values
        return state


def _read_state(path: Path) -> dict[str, Any] | None:
    try:
        state = parse_json(path.read_bytes(), where=str(path), error=DataError)
    except (OSError, DataError):
        return None
    return state if isinstance(state, dict) and state.get("format") == FORMAT else None
