"""Sampling steps: what a pandas offset means in seconds, and whether a string is one."""

from __future__ import annotations

import contextlib
import warnings
from functools import lru_cache
from typing import Any

from tracets.errors import DataError

MOST_CHARS = 64  # no offset is spelled with more
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

    offset = None
    if len(freq) <= MOST_CHARS:
        with contextlib.suppress(ValueError, OverflowError, TypeError, AttributeError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of spellings that a later pandas will refuse
            offset = parse(freq)
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
    try:
        if isinstance(offset, pd.offsets.Tick):
            return offset.nanos / 1e9
        first = offset.rollforward(pd.Timestamp("2001-01-01").as_unit("s"))
        return (first + MEAN_OVER * offset - first).total_seconds() / MEAN_OVER
    except (ValueError, OverflowError) as error:
        raise DataError(f"freq '{freq}' is longer than any series. Write for example '30min', 'h' or 'MS'.") from error


SEASONS = {"D": 7, "W": 52, "M": 12, "ME": 12, "MS": 12, "Q": 4, "QE": 4, "QS": 4}
"""Steps until it is the same weekday, week, month or quarter again."""
DAY, MINUTE = 86400, 60


@lru_cache(maxsize=256)
def season_of(freq: str | None) -> int:
    """Steps of the season that a sampling step usually has: a day of hours or minutes, a week of days, or a year.

    1 where none is known: steps below a minute, of several days, or that do not divide the season.

    Raises
    ------
    DataError
        Not a positive pandas offset.

    Examples
    --------
    >>> season_of("h"), season_of("15min"), season_of("W-SUN"), season_of("QS"), season_of("s")
    (24, 96, 52, 4, 1)
    """
    if freq is None:
        return 1
    offset = to_offset(freq)
    code = offset.rule_code.split("-")[0]
    if code in SEASONS:
        steps, left = divmod(SEASONS[code], offset.n)
        return steps if left == 0 else 1
    step = step_seconds(freq)
    return round(DAY / step) if MINUTE <= step < DAY and DAY % step == 0 else 1
