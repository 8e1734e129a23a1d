"""ETT from its repository: two transformers, by the hour and by the quarter of an hour.

The split is that of the literature: 12 months of 30 days to train on, 4 to choose by, 4 to test; the rest of the file
is not used.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tracets.data.calendar import step_seconds
from tracets.data.corpus import Corpus
from tracets.data.csv_files import read_wide_csv
from tracets.data.download import Downloads
from tracets.data.windows import TimeSplit, cut_windows
from tracets.errors import DataError, NotFound
from tracets.files import LIMITS, Limits

FILES = ("ETTh1", "ETTh2", "ETTm1", "ETTm2")
MONTH = timedelta(days=30)
VAL, TEST, END = 12 * MONTH, 16 * MONTH, 20 * MONTH


def fetch_ett(
    name: str, downloads: Downloads, *, base_url: str, length: int, stride: int, limits: Limits = LIMITS
) -> Corpus:
    """Windows of `length` steps every `stride` steps, without texts.

    Raises
    ------
    NotFound
        No such file.
    DownloadError
        It cannot be had.
    DataError
        It is not what it should be, or no window fits.
    """
    if name not in FILES:
        raise NotFound(f"ETT has no file '{name}'. Use one of {', '.join(FILES)}.")
    path = downloads.get(f"{base_url}{name}.csv")
    (series,) = read_wide_csv(path, freq=None, zone=None, limits=limits)
    steps = int(END.total_seconds() // step_seconds(series.freq))
    if series.n_steps < steps:
        raise DataError(f"{path}: has {series.n_steps} steps, and its split needs {steps}. Delete it and fetch again.")
    series = replace(series, values=series.values[:, :steps], domain="energy", source="zhouhaoyi/ETDataset")
    split = TimeSplit(series.start + VAL, series.start + TEST)
    return Corpus.from_samples(cut_windows([series], length=length, stride=stride, split=split).samples, limits=limits)
