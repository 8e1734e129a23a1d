"""Time stamps as text to a regular grid: zones kept, clock changes told apart, irregular sampling refused."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracets.data.calendar import step_seconds, to_offset
from tracets.errors import DataError
from tracets.files import LIMITS, Limits
from tracets.types import FloatArray

FIRST_YEAR, LAST_YEAR = 2, 9998
"""What a datetime can hold in every zone."""
FREE_STEPS = 1_000_000
"""Of a grid, however few stamps there are; a single wrong year can make it thousands of times as long."""
OFFSET = re.compile(r"(?<=\d)(Z|[+-]\d{2}(:?\d{2})?)$", re.IGNORECASE)


def parse_times(texts: Sequence[str], *, lines: Sequence[int], where: str, zone: str | None) -> Any:
    """ISO 8601 stamps of one series, in the order of the file, as a pandas DatetimeIndex.

    Stamps with an offset keep it, or move to `zone` where it is given. Stamps without one are local to `zone`, or stay
    without a zone. A local time that comes twice when the clocks go back is taken in the order of the file.

    Raises
    ------
    DataError
        Not ISO 8601; some stamps with an offset and some without; several offsets and no `zone`; a local time that the
        clock change skipped, or repeated while the file has it once only; an unknown zone.
    """
    import pandas as pd

    stripped = [t.strip() for t in texts]
    offsets = [_offset(t) for t in stripped]
    for i, offset in enumerate(offsets):
        if (offset is None) != (offsets[0] is None):
            raise DataError(
                f"{where}, row {lines[i]}: '{texts[i]}' has {'no' if offset is None else 'an'} offset from UTC, unlike "
                f"'{texts[0]}' in row {lines[0]}. Write all times alike."
            )
    parsed = pd.DatetimeIndex(
        pd.to_datetime(stripped, format="ISO8601", errors="coerce", utc=offsets[0] is not None)
    ).as_unit("us")
    if parsed.isna().any():
        i = int(np.flatnonzero(parsed.isna())[0])
        raise DataError(
            f"{where}, row {lines[i]}: '{texts[i]}' is not a time. Write ISO 8601, such as 2013-10-03T14:00:00-04:00."
        )
    if parsed.tz is not None and offsets[0] is None:  # pandas knows more ways to write an offset
        i = next(i for i, text in enumerate(stripped) if pd.Timestamp(text).tzinfo is not None)
        raise DataError(
            f"{where}, row {lines[i]}: the offset of '{texts[i]}' from UTC is not in ISO 8601. Write it as +01:00."
        )
    _check_years(parsed, texts, lines, where)
    if zone is not None:
        check_zone(zone)
    if offsets[0] is None:
        return parsed if zone is None else _localise(parsed, zone, texts, lines, where)
    if zone is not None:
        return parsed.tz_convert(zone)
    distinct = sorted({o for o in offsets if o is not None})
    if len(distinct) > 1:
        raise DataError(
            f"{where}: the times have several offsets from UTC ({', '.join(distinct)}). Name the time zone: "
            f"zone='Europe/Berlin', or 'UTC'."
        )
    return parsed.tz_convert("UTC" if distinct[0] == "+00:00" else distinct[0])


def times_of(stamps: Any, *, aware: bool, lines: Sequence[int], where: str, zone: str | None) -> Any:
    """Times that come as numbers, not as text, in the order of their source, as a pandas DatetimeIndex.

    Parameters
    ----------
    stamps : ndarray of datetime64[us] or int64, shape (t,)
        Microseconds: since 1970 in UTC where `aware`, else of a local clock.
    zone : str or None
        As for `parse_times`: where to show times in UTC, or what local times are local to.

    Raises
    ------
    DataError
        As for `parse_times`.
    """
    import pandas as pd

    parsed = pd.DatetimeIndex(np.asarray(stamps).astype("datetime64[us]"))
    _check_years(parsed, parsed, lines, where)
    if zone is not None:
        check_zone(zone)
    if aware:
        return parsed.tz_localize("UTC").tz_convert(zone or "UTC")
    return parsed if zone is None else _localise(parsed, zone, parsed, lines, where)


def _check_years(parsed: Any, texts: Sequence[Any], lines: Sequence[int], where: str) -> None:
    years = parsed.year
    for i in np.flatnonzero((years < FIRST_YEAR) | (years > LAST_YEAR))[:1]:
        raise DataError(f"{where}, row {lines[i]}: '{texts[i]}' is not in the years {FIRST_YEAR} to {LAST_YEAR}.")


def _offset(text: str) -> str | None:
    """The offset that a stamp ends in, as "+01:00"; None where it has none (a bare date ends in -dd too)."""
    clock = text.replace(" ", "T", 1).partition("T")[2]
    found = OFFSET.search(clock)
    if found is None:
        return None
    given = found[0].upper().replace(":", "")
    return "+00:00" if given in ("Z", "-00", "-0000") else f"{given[:3]}:{given[3:] or '00'}"


def check_zone(zone: str) -> None:
    """Refuse a name that no time zone has. Raises DataError."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(zone)
    except (ValueError, LookupError, OSError):
        raise DataError(
            f"unknown time zone '{zone}'. Use a name of the IANA database, such as 'America/New_York' or 'UTC'."
        ) from None


def _localise(parsed: Any, zone: str, texts: Sequence[Any], lines: Sequence[int], where: str) -> Any:
    """Give local stamps their zone; of a time that comes twice, the first is summer time."""
    import pandas as pd

    shifted = parsed.tz_localize(zone, ambiguous=np.ones(len(parsed), bool), nonexistent="NaT")
    if shifted.isna().any():
        i = int(np.flatnonzero(shifted.isna())[0])
        raise DataError(
            f"{where}, row {lines[i]}: {texts[i]} does not exist in {zone}, the clocks skipped it. "
            f"Correct the time, or name the zone that the times are written in."
        )
    ambiguous = parsed.tz_localize(zone, ambiguous="NaT").isna()
    if not ambiguous.any():
        return shifted
    count = Counter(parsed[ambiguous])
    seen: Counter[Any] = Counter()
    summer = np.ones(len(parsed), bool)
    for i in np.flatnonzero(ambiguous).tolist():
        if count[parsed[i]] != 2:
            raise DataError(
                f"{where}, row {lines[i]}: {texts[i]} came twice in {zone} when the clocks went back, and the file has "
                f"it {count[parsed[i]]} times, not 2. Write times with their offset from UTC."
            )
        summer[i] = seen[parsed[i]] == 0
        seen[parsed[i]] += 1
    return pd.DatetimeIndex(parsed.tz_localize(zone, ambiguous=summer))


def check_order(times: Any, *, lines: Sequence[int], where: str) -> None:
    """Refuse stamps that repeat or run backwards. Raises DataError."""
    for i in np.flatnonzero(np.diff(times.asi8) <= 0)[:1]:
        now, before = times[i + 1].isoformat(), times[i].isoformat()
        if now == before:
            hint = "Remove one" if times.tz is not None else "Remove one, or name the time zone if the clocks went back"
            raise DataError(f"{where}, row {lines[i + 1]}: {now} repeats row {lines[i]}. {hint}.")
        raise DataError(f"{where}, row {lines[i + 1]}: {now} comes before row {lines[i]} ({before}). Sort by time.")


def to_grid(
    times: Any, values: FloatArray, *, freq: str | None, lines: Sequence[int], where: str, limits: Limits = LIMITS
) -> tuple[Any, str, FloatArray]:
    """Put ordered stamps on a regular grid.

    Parameters
    ----------
    times : DatetimeIndex of length t
        Strictly increasing.
    values : ndarray of shape (c, t)
    freq : str or None
        None: the stamps must be regular, and their step is found. Given: a grid of this step from the first to the last
        stamp; a step takes the mean of what falls into it and is NaN where nothing does.

    Returns
    -------
    start : Timestamp
    freq : str
    values : ndarray of shape (c, n_steps)

    Raises
    ------
    DataError
        Irregular stamps, or a single one, without `freq`; or a grid of more steps than `limits` allow.
    """
    import pandas as pd

    if freq is None:
        found = _step_of(times)
        if found is None:
            raise DataError(f"{where}, {_irregularity(times, lines)}")
        return times[0], found, values
    offset = to_offset(freq)
    seconds = (times[-1] - times[0]).total_seconds()
    n_steps = int(seconds / step_seconds(freq)) + 1
    limits.check("steps", n_steps, f"steps of '{freq}'", where=where)
    if n_steps > FREE_STEPS:
        limits.check("expansion", n_steps // len(times), f"times as many steps of '{freq}' as stamps", where=where)
    limits.check_decoded(8 * n_steps * len(values), of=8 * values.size, where=where)
    grid = pd.date_range(times[0], times[-1], freq=offset)
    if len(grid) and times.isin(grid).all():
        frame = pd.DataFrame(values.T, index=times).reindex(grid)
    else:
        frame = pd.DataFrame(values.T, index=times).resample(offset, closed="left", label="left").mean()
    return frame.index[0], freq, frame.to_numpy(np.float32).T


def _step_of(times: Any) -> str | None:
    """The pandas offset of regular stamps; None where they are irregular or fewer than two."""
    import pandas as pd

    if len(times) > 2:
        with warnings.catch_warnings():  # pandas 3 warns that pandas 4 will return an offset instead of a string
            warnings.simplefilter("ignore")
            found = pd.infer_freq(times)
        return getattr(found, "freqstr", found)
    if len(times) == 2:
        step = times[1] - times[0]
        return (
            "D" if times.tz is None and step == pd.Timedelta(days=1) else pd.tseries.frequencies.to_offset(step).freqstr
        )
    return None


def _irregularity(times: Any, lines: Sequence[int]) -> str:
    if len(times) == 1:
        return f"row {lines[0]}: there is one time only, so the sampling step is unknown. Pass freq= ('h', 'D', ...)."
    steps = np.diff(times.asi8)
    usual, count = Counter(steps.tolist()).most_common(1)[0]
    i = int(np.flatnonzero(steps != usual)[0])
    import pandas as pd

    step = pd.Timedelta(usual, unit=times.unit)
    return (
        f"row {lines[i + 1]}: irregular sampling, {times[i + 1] - times[i]} after row {lines[i]} where the usual step "
        f"is {step} ({count} of {len(steps)}). Resample the file, or pass freq= (such as "
        f"'{pd.tseries.frequencies.to_offset(step).freqstr}') to put it on a grid: gaps become NaN, several values in "
        f"one step their mean."
    )
