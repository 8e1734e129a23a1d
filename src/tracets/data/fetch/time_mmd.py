"""Time-MMD from its repository: the numbers of a subset, and the reports and search results beside them."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tracets.data.corpus import Corpus
from tracets.data.download import Downloads
from tracets.data.series import Series
from tracets.data.time_mmd import KINDS, read_numbers, read_time_mmd
from tracets.errors import NotFound
from tracets.files import LIMITS, Limits

SUBSETS = (
    "Agriculture", "Climate", "Economy", "Energy", "Environment", "Health_AFR", "Health_US", "Security", "SocialGood",
    "Traffic",
)  # fmt: skip


def fetch_time_mmd(subset: str, downloads: Downloads, *, base_url: str, limits: Limits = LIMITS) -> Corpus:
    """Windows of one subset with the facts known at their end; see `tracets.data.time_mmd`.

    Raises
    ------
    NotFound
        No such subset.
    DownloadError
        A file that cannot be had.
    DataError
        A file that is not what it should be.
    """
    numbers = _numbers(subset, downloads, base_url)
    texts = [downloads.find(f"{base_url}textual/{subset}/{subset}_{kind}.csv") for kind in KINDS]
    with TemporaryDirectory() as folder:  # the reader wants them side by side
        for path in (numbers, *(text for text in texts if text is not None)):
            shutil.copy(path, folder)
        return read_time_mmd(Path(folder) / numbers.name, limits=limits)


def fetch_time_mmd_series(subset: str, downloads: Downloads, *, base_url: str, limits: Limits = LIMITS) -> Series:
    """The numbers of one subset in one piece, for forecasts; errors as for `fetch_time_mmd`."""
    return read_numbers(_numbers(subset, downloads, base_url), limits=limits)


def _numbers(subset: str, downloads: Downloads, base_url: str) -> Path:
    if subset not in SUBSETS:
        raise NotFound(f"Time-MMD has no subset '{subset}'. Use one of {', '.join(SUBSETS)}.")
    return downloads.get(f"{base_url}numerical/{subset}/{subset}.csv")
