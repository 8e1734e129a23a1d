"""Data of others: fetched, built into corpora, with the terms on which it may be used. Heavy imports wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.files import LIMITS, Limits
from tracets.types import AnyPath

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.data.download import Downloads
    from tracets.data.fetch.sources import Source
    from tracets.data.noaa.build import BuildReport
    from tracets.data.noaa.settings import NoaaSettings

WEB = "web"
"""The folder of fetched files in the user's cache."""


def downloads(
    cache: AnyPath | None = None,
    *,
    offline: bool = False,
    refresh: bool = False,
    max_gb: float | None = None,
    pause: float | None = None,
) -> Downloads:
    """How files are fetched, and where they are kept.

    Parameters
    ----------
    cache : path, optional
        By default `web` in the user's cache folder (`TRACETS_CACHE`).
    offline : bool, default=False
        Ask no server; an error names the file that is missing, and where it may be put.
    refresh : bool, default=False
        Ask whether files that are kept are still what the server has.
    max_gb : float, optional
        What may come over the network in one run, in GB; 20 by default.
    pause : float, optional
        Seconds between two requests at least; 0.5 by default.

    Returns
    -------
    Downloads
        Pass it as `fetched_by`.

    Raises
    ------
    ConfigError
        A number out of its range.

    Examples
    --------
    >>> tracets.downloads("cache", offline=True).offline
    True
    """
    from tracets.data.download import GB, Downloads
    from tracets.storage import cache_folder

    given: dict[str, Any] = {"offline": offline, "refresh": refresh}
    if max_gb is not None:
        given["total_bytes"] = int(max_gb * GB)
    if pause is not None:
        given["pause"] = pause
    return Downloads(Path(cache) if cache is not None else cache_folder() / WEB, **given)


def terms_of(name: str) -> str:
    """Licence and citation of a data set.

    Parameters
    ----------
    name : str
        "noaa", "time-mmd", "ett", "ptb-xl" or "uea".

    Returns
    -------
    str
        As the commands print it.

    Raises
    ------
    NotFound
        No such data set.

    Examples
    --------
    >>> "CC BY" in tracets.terms_of("ptb-xl")
    True
    """
    return _source(name).terms()


def build_noaa(
    out: AnyPath,
    settings: NoaaSettings,
    *,
    fetched_by: Downloads | None = None,
    base_url: str | None = None,
    stations_url: str | None = None,
    zones: AnyPath | None = None,
    discard: bool = False,
    limits: Limits = LIMITS,
    progress: Callable[[str, int, int], None] | None = None,
) -> BuildReport:
    """Build a corpus of weather windows around reported events, as the paper's, and write it to `out`.

    Parameters
    ----------
    out : path
        The corpus file. A build that was stopped goes on where it was when it is run again.
    settings : NoaaSettings
        Years, types of events, resolutions, distances, splits: ``NoaaSettings((2019, 2023))``.
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror of NOAA's archives, with the same folders.
    stations_url : str, optional
        A mirror of GHCNh alone, such as NOAA's own in the cloud: "https://noaa-ghcnh-pds.s3.amazonaws.com/hourly/".
    zones : path, optional
        The zone-county list of the Weather Service, without which events of forecast zones have no place.
    discard : bool, default=False
        Remove each station's file once its hours are made, which are a twentieth of it.
    progress : callable, optional
        Is told (what goes on, how many are done, of how many).
    limits : Limits, optional
        As for `read`.

    Returns
    -------
    BuildReport
        What was read, built and left out.

    Raises
    ------
    DownloadError, DataError
        See `tracets.data.noaa.build.build_noaa`.

    Examples
    --------
    >>> report = tracets.build_noaa("noaa.parquet", tracets.NoaaSettings((2019, 2023)))  # doctest: +SKIP
    """
    from tracets.data.noaa.build import build_noaa as build

    return build(
        out, settings, fetched_by or downloads(), base_url=_url("noaa", base_url), stations_url=stations_url,
        zones=zones, discard=discard, limits=limits, progress=progress,
    )  # fmt: skip


def fetch_time_mmd(
    subset: str, *, fetched_by: Downloads | None = None, base_url: str | None = None, limits: Limits = LIMITS
) -> Corpus:
    """One subset of Time-MMD in windows, with the reports that were known at their end.

    Parameters
    ----------
    subset : str
        "Energy", "Health_US", ...
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror, with the same folders.
    limits : Limits, optional
        As for `read`.

    Returns
    -------
    Corpus
        With splits by time.

    Raises
    ------
    NotFound
        No such subset.
    DownloadError
        A file could not be had; names the address and what to do.
    DataError
        A file is not what it should be.

    Examples
    --------
    >>> energy = tracets.fetch_time_mmd("Energy")  # doctest: +SKIP
    """
    from tracets.data.fetch.time_mmd import fetch_time_mmd as fetch

    return fetch(subset, fetched_by or downloads(), base_url=_url("time-mmd", base_url), limits=limits)


def fetch_time_mmd_series(
    subset: str,
    out: AnyPath,
    *,
    fetched_by: Downloads | None = None,
    base_url: str | None = None,
    limits: Limits = LIMITS,
) -> None:
    """Write the numbers of one subset of Time-MMD in one piece to a CSV: what forecasts and `cut` take.

    Parameters
    ----------
    subset : str
        "Energy", "Health_US" and so on, as `fetch_time_mmd` takes it.
    out : path
        The CSV file to write.
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror, with the same folders.
    limits : Limits, optional
        As for `read`.

    Raises
    ------
    NotFound, DownloadError, DataError
        As `fetch_time_mmd`.

    Examples
    --------
    >>> tracets.fetch_time_mmd_series("Energy", "gasoline.csv")  # doctest: +SKIP
    """
    from tracets.data.csv_files import write_wide_csv
    from tracets.data.fetch.time_mmd import fetch_time_mmd_series as fetch

    numbers = fetch(subset, fetched_by or downloads(), base_url=_url("time-mmd", base_url), limits=limits)
    write_wide_csv(numbers, Path(out))


def fetch_ett(
    name: str,
    *,
    length: int,
    stride: int | None = None,
    fetched_by: Downloads | None = None,
    base_url: str | None = None,
    limits: Limits = LIMITS,
) -> Corpus:
    """One file of ETT in windows, split by time as in the literature.

    Parameters
    ----------
    name : str
        "ETTh1", "ETTh2", "ETTm1" or "ETTm2".
    length : int
        Steps of a window.
    stride : int, optional
        Steps from one window to the next; by default `length`.
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror, with the same folders.
    limits : Limits, optional
        As for `read`.

    Returns
    -------
    Corpus
        Without texts.

    Raises
    ------
    NotFound
        No such file.
    DownloadError
        A file could not be had; names the address and what to do.
    DataError
        A file is not what it should be.

    Examples
    --------
    >>> hours = tracets.fetch_ett("ETTh1", length=96)  # doctest: +SKIP
    """
    from tracets.data.fetch.ett import fetch_ett as fetch

    return fetch(
        name, fetched_by or downloads(), base_url=_url("ett", base_url), length=length, stride=stride or length,
        limits=limits,
    )  # fmt: skip


def fetch_ptb_xl(
    out: AnyPath,
    *,
    rate: int = 100,
    limit: int | None = None,
    seed: int = 0,
    fetched_by: Downloads | None = None,
    base_url: str | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[int], None] | None = None,
) -> dict[str, dict[str, int]]:
    """Write electrocardiograms of PTB-XL with their reports to a corpus file, as they come.

    Parameters
    ----------
    out : path
        The corpus file.
    rate : int, default=100
        Samples a second: 100 or 500.
    limit : int, optional
        So many, drawn by `seed`; by default all, which are 43,598 small files.
    seed : int, default=0
        Draws the records.
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror, with the same folders.
    limits : Limits, optional
        As for `read`.
    progress : callable, optional
        Is called with the number of records done.

    Returns
    -------
    dict
        Windows by "label" and by "split".

    Raises
    ------
    DownloadError
        A file could not be had; names the address and what to do.
    DataError
        A file is not what it should be.

    Examples
    --------
    >>> counts = tracets.fetch_ptb_xl("ecg.parquet", limit=100)  # doctest: +SKIP
    """
    from tracets.data.fetch.ptb_xl import SCHEMA
    from tracets.data.fetch.ptb_xl import fetch_ptb_xl as fetch
    from tracets.data.streaming import write_samples

    samples = fetch(
        fetched_by or downloads(), base_url=_url("ptb-xl", base_url), rate=rate, limit=limit, seed=seed, limits=limits
    )

    def told() -> Any:
        for i, sample in enumerate(samples, start=1):
            yield sample
            if progress is not None:
                progress(i)

    return write_samples(told(), out, SCHEMA)


def fetch_uea(
    name: str, *, fetched_by: Downloads | None = None, base_url: str | None = None, limits: Limits = LIMITS
) -> Corpus:
    """One data set of the UCR and UEA archives, labelled by its classes (extra `benchmarks`).

    Parameters
    ----------
    name : str
        "BasicMotions", ...
    fetched_by : Downloads, optional
        From `downloads`.
    base_url : str, optional
        A mirror, with the same folders.
    limits : Limits, optional
        As for `read`.

    Returns
    -------
    Corpus
        With the archive's train and test.

    Raises
    ------
    NotFound
        No such data set.
    MissingExtra
        aeon is not installed.
    DownloadError
        A file could not be had; names the address and what to do.
    DataError
        A file is not what it should be.

    Examples
    --------
    >>> motions = tracets.fetch_uea("BasicMotions")  # doctest: +SKIP
    """
    from tracets.data.fetch.uea import fetch_uea as fetch

    mirror = None if base_url is None else _url("uea", base_url)
    return fetch(name, fetched_by or downloads(), base_url=mirror, limits=limits)


def _source(name: str) -> Source:
    from tracets.data.fetch.sources import SOURCES
    from tracets.errors import NotFound

    if name not in SOURCES:
        raise NotFound(f"there is no data set '{name}'. Use one of {', '.join(SOURCES)}.")
    return SOURCES[name]


def _url(name: str, given: str | None) -> str:
    return _source(name).url if given is None else given.rstrip("/") + "/"
