"""What forecasters are measured on: data sets at their horizons, how each is split by time, and an export for others.

DATA is the folder of the corpora. The sets of the paper's Table 4 were looked at while the forecasting head was
designed; `UNSEEN` were chosen, with their lengths, strides and horizons, before anything was forecast on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tracets.data.nycflights import nyc_weather, weather_split
from tracets.data.pairs import Pair, cut_pairs
from tracets.data.series import Series
from tracets.data.time_mmd import read_numbers, target_of
from tracets.data.windows import TimeSplit, parts_of_time, split_by_fractions

SPLIT = (0.7, 0.1, 0.2)
OHIO = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
VICTORIA = ("demand_mwh", "temperature_c")


class Set(NamedTuple):
    """A data set at one horizon: lengths of the past to choose from (ours looks at the longest and chooses inside it),
    the mean square error of TRACE as published (Table 4), and the steps from one window to the next."""

    name: str
    horizon: int
    contexts: tuple[int, ...]
    paper: float | None = None
    stride: int = 1


WEEKS, DAYS, HOURS, MONTHS = (24, 36, 52, 104), (96, 168, 336), (48, 96, 168), (24, 36)
PUBLISHED = (
    Set("Health_US", 12, WEEKS, 0.768),
    Set("Health_US", 48, WEEKS, 1.435),
    Set("Energy", 12, WEEKS, 0.113),
    Set("Energy", 48, WEEKS, 0.389),
    Set("Environment", 48, DAYS, 0.403),
    Set("Environment", 336, DAYS, 0.413),
    Set("weather", 7, HOURS, 0.623, 4),  # the published weather is another corpus: no comparison
    Set("weather", 24, HOURS, 0.718, 4),
)
UNSEEN = (
    Set("ETTh1", 24, (96, 168), stride=4),
    Set("ETTh1", 96, (96, 168), stride=4),
    Set("ETTh2", 24, (96, 168), stride=4),
    Set("ETTh2", 96, (96, 168), stride=4),
    Set("Victoria", 48, (96, 336), stride=12),
    Set("Traffic", 12, MONTHS),
    Set("SocialGood", 12, MONTHS),
    Set("Economy", 12, MONTHS),
    Set("Agriculture", 12, MONTHS),
    Set("Climate", 12, (36, 104)),
)
MONTHLY = ("Traffic", "SocialGood", "Economy", "Agriculture")


def series_of(name: str, data: Path | None) -> list[Series] | None:
    """The long series of a data set; None where it is not the weather and `data` was not given."""
    if name == "weather":
        return nyc_weather()
    if data is None:
        return None
    if name.startswith("ETT"):
        frame = pd.read_parquet(data / "energy_series" / "etth.parquet")
        return [_wide(name, frame[frame["station"] == name].set_index("date")[list(OHIO)], "h")]
    if name == "Victoria":
        frame = pd.read_parquet(data / "energy_series" / "vic_elec.parquet")
        return [_wide(name, frame.set_index("time_utc")[list(VICTORIA)], "30min")]
    if name == "Climate" or name in MONTHLY:
        frame = pd.read_parquet(data / "time_mmd" / "series.parquet").query("domain == @name")
        wide = frame.pivot(index="start", columns="channel", values="value")
        return [_wide(name, wide, "MS" if name in MONTHLY else "W-TUE")]
    whole = read_numbers(data / "time_mmd" / "raw" / f"{name}.csv")
    target = target_of(whole)
    return [replace(whole, values=whole.values[target : target + 1], channel_names=("OT",), units=(None,))]


def _wide(name: str, frame: pd.DataFrame, freq: str) -> Series:
    frame.index = pd.to_datetime(frame.index)
    regular = frame.asfreq(freq)
    if regular.index[0] != frame.index[0] or len(regular) < len(frame):
        raise ValueError(f"{name} does not lie on the grid {freq}")
    values = regular.to_numpy(np.float32).T
    return Series(name, values, tuple(map(str, regular.columns)), regular.index[0].to_pydatetime(), freq)


def split_of(one: Set, series: Sequence[Series]) -> TimeSplit:
    """Where the parts of time begin."""
    return weather_split(series) if one.name == "weather" else split_by_fractions(series, SPLIT)


def windows_of(one: Set, series: Sequence[Series]) -> list[Pair]:
    """Windows of all parts."""
    return cut_pairs(
        series, context=max(one.contexts), horizon=one.horizon, stride=one.stride, split=split_of(one, series)
    )


def export(one: Set, series: Sequence[Series], folder: Path) -> None:
    """Write the channels of all series on the scale of their training part, and the steps at which parts begin."""
    rows, begins = [], {}
    for each in series:
        parts = list(parts_of_time(each.times_until(each.n_steps + 1), split_of(one, series), gap=0))
        begins = {name: begin for name, begin, _ in parts}
        learnt = each.values[:, : begins["val"]].astype(np.float64)
        mean, deviation = np.nanmean(learnt, axis=1, keepdims=True), np.nanstd(learnt, axis=1, keepdims=True)
        rows.append((each.values - mean) / deviation)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / f"{one.name}-{one.horizon}.npz", values=np.concatenate(rows).astype(np.float32), val=begins["val"],
        test=begins["test"], horizon=one.horizon, contexts=np.array(one.contexts), stride=one.stride,
    )  # fmt: skip
