"""Sampling steps: what a pandas offset means in seconds, and whether a string is one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tracets.errors import DataError

MEAN_OVER = 240  # steps: 20 years of months, 48 weeks of business days


@lru_cache(maxsize=256)
def to_offset(freq: str) -> Any:
    """The pandas offset of a string such as "h", "30min", "D", "W-SUN" or "MS".

    Raises
    ------
    DataError
        Not a pandas offset, or not a positive one.

    Examples
    --------
    >>> to_offset("30min").n
    30
    """
    from pandas.tseries.frequencies import to_offset as parse

    try:
        offset = parse(freq)
    except ValueError:
        offset = None
    if offset is None or offset.n <= 0:
        raise DataError(
            f"freq '{freq}' is not a positive pandas offset. Write for example '30min', 'h', 'D', 'W-SUN' or 'MS'."
        )
    return offset


@lru_cache(maxsize=256)
def step_seconds(freq: str | None) -> float:
    """Length of one sampling step in seconds; the mean length where steps differ (months, business days).

    Parameters
    ----------
    freq : str or None
        A pandas offset. None (unknown) gives NaN.

    Raises
    ------
    DataError
        Not a positive pandas offset.

    Examples
    --------
    >>> step_seconds("30min")
    1800.0
    >>> step_seconds("MS") / 86400
    30.4375
    """
    if freq is None:
        return float("nan")
    import pandas as pd

    offset = to_offset(freq)
    if isinstance(offset, pd.offsets.Tick):
        return offset.nanos / 1e9
    first = offset.rollforward(pd.Timestamp("2001-01-01").as_unit("s"))
    return (first + MEAN_OVER * offset - first).total_seconds() / MEAN_OVER


SEASONS = {"h": 24, "D": 7, "W": 52, "M": 12, "ME": 12, "MS": 12}
"""Steps until it is the same hour, weekday, week or month again."""


@lru_cache(maxsize=256)
def season_of(freq: str | None) -> int:
    """Steps of the season that a sampling step usually has; 1 where none is known.

    Raises
    ------
    DataError
        Not a positive pandas offset.

    Examples
    --------
    >>> season_of("h"), season_of("W-SUN"), season_of("15min")
    (24, 52, 1)
    """
    offset = None if freq is None else to_offset(freq)
    return SEASONS.get(offset.rule_code.split("-")[0], 1) if offset is not None and offset.n == 1 else 1
