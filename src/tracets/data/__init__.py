"""Data at the door: corpora, readers, windows and batches."""

from tracets.data.arrays import as_samples
from tracets.data.calendar import step_seconds
from tracets.data.collate import collate
from tracets.data.corpus import Corpus, read_corpus, write_corpus
from tracets.data.nycflights import nyc_weather, weather_corpus
from tracets.data.profile import describe
from tracets.data.readers import Reader, known_readers, read, read_series
from tracets.data.series import Series
from tracets.data.windows import RESOLUTIONS, TimeSplit, aggregate, cut_windows, split_by_fractions

__all__ = [
    "RESOLUTIONS",
    "Corpus",
    "Reader",
    "Series",
    "TimeSplit",
    "aggregate",
    "as_samples",
    "collate",
    "cut_windows",
    "describe",
    "known_readers",
    "nyc_weather",
    "read",
    "read_corpus",
    "read_series",
    "split_by_fractions",
    "step_seconds",
    "weather_corpus",
    "write_corpus",
]
