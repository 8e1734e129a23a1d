"""A long, regular multivariate series: what readers of raw tables give and windows are cut from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from tracets.data.calendar import to_offset
from tracets.errors import DataError
from tracets.types import FloatArray, Sample


@dataclass(frozen=True, eq=False)
class Series:
    """One regular series. Step i lies at `start` + i x `freq`; gaps are NaN, so that the times need no list.

    Parameters
    ----------
    id : str
        Unique among the series of a file.
    values : ndarray of shape (n_channels, n_steps), float32
        Raw units; NaN = missing; infinities are refused.
    channel_names : tuple of str
        One a channel, distinct.
    start : datetime
        Time of the first step; its zone is kept.
    freq : str
        Sampling step as a pandas offset. Hours and shorter steps are absolute, days and longer ones follow the local
        calendar, so that a daily series stays at midnight when the clocks change.
    units : tuple of (str or None)
        One a channel; empty means none is known.
    domain, source : str or None
    metadata : mapping
        Goes into every window cut from the series.

    Raises
    ------
    DataError
        Shapes that disagree, infinities, a freq that is not a pandas offset, a start that is not on it.

    Examples
    --------
    >>> series = Series("ny", np.zeros((1, 48)), ("load",), datetime(2013, 1, 1), "h")
    >>> series.times[-1].isoformat()
    '2013-01-02T23:00:00'
    """

    id: str
    values: FloatArray
    channel_names: tuple[str, ...]
    start: datetime
    freq: str
    units: tuple[str | None, ...] = ()
    domain: str | None = None
    source: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sample = self.to_sample()  # its checks are ours
        for name in ("values", "channel_names", "units", "start"):
            object.__setattr__(self, name, getattr(sample, name))
        if not to_offset(self.freq).is_on_offset(self.start):
            raise DataError(
                f"series '{self.id}': start {self.start.isoformat()} is not on freq '{self.freq}'. "
                f"Give the first time that is, or another freq."
            )

    @property
    def n_steps(self) -> int:
        return self.values.shape[1]

    @property
    def times(self) -> Any:
        """The time of every step, a pandas DatetimeIndex of length n_steps."""
        return self.times_until(self.n_steps)

    def times_until(self, n: int) -> Any:
        """The first n times of the grid; n may go past the end, as the end of the last step does."""
        import pandas as pd

        return pd.date_range(self.start, periods=n, freq=to_offset(self.freq))

    def to_sample(self) -> Sample:
        """The whole series as one window."""
        return Sample(
            id=self.id,
            values=self.values,
            channel_names=self.channel_names,
            units=self.units,
            start=self.start,
            freq=self.freq,
            domain=self.domain,
            source=self.source,
            metadata={"entity": self.id} | dict(self.metadata),
        )


def series_from_sample(sample: Sample) -> Series:
    """A window as a series of its own, for cutting it into shorter windows.

    Raises
    ------
    DataError
        Its start or freq is unknown.
    """
    if sample.start is None or sample.freq is None:
        raise DataError(
            f"sample '{sample.id}' has no start or no freq, so it cannot be cut by time. Fill both columns."
        )
    return Series(
        id=sample.id,
        values=sample.values,
        channel_names=sample.channel_names,
        start=sample.start,
        freq=sample.freq,
        units=sample.units,
        domain=sample.domain,
        source=sample.source,
        metadata=sample.metadata,
    )


def observed_share(values: FloatArray) -> float:
    """Share of values that are not NaN, in [0, 1]."""
    return float(np.isfinite(values).mean())
