"""Corpora: read, cut into windows, captioned, described, written. Heavy imports wait for their use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracets.files import LIMITS, Limits
from tracets.types import AnyPath, Sample

if TYPE_CHECKING:
    from tracets.data.captions.llm import LlmCaptioner
    from tracets.data.corpus import Corpus
    from tracets.data.sources.source import Source

SPLIT_FRACTIONS = (0.6, 0.15, 0.25)
CHANNEL_COLUMNS = ("channel", "unit", "windows", "missing", "gaps", "longest", "low", "mean", "high")
"""Of the table of channels; the longest gap is in steps."""
SHOWN_LABELS = 12
LOG = logging.getLogger("tracets")


def read(
    path: AnyPath | Source,
    *,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> Corpus:
    """Read any file or source as a corpus; a long series becomes one window of its whole length.

    Parameters
    ----------
    path : path or Source
        Corpus Parquet, wide or long CSV, Time-MMD's numerical CSV, TRACE's published Parquet, InfluxDB line protocol;
        or what `source` gives.
    reader : str, optional
        A reader by name; by default the one that fits the file.
    freq : str, optional
        Re-grid a CSV or source to this sampling step (pandas offset); by default its own, which must be regular.
    zone : str, optional
        Time zone of the stamps of a CSV or source that have none.
    limits : Limits, optional
        What the file may hold at most, as in ``Limits(rows=10_000)``: see docs/security.md.

    Returns
    -------
    Corpus
        Windows by place (`corpus[0]`), columns by name (`corpus.column("id")`), parts by `split`, `where` and `select`.

    Raises
    ------
    DataError
        What is wrong in which file, series and row, and the fix.

    Examples
    --------
    >>> corpus = tracets.read("days.parquet")
    >>> len(corpus), corpus[0].channel_names
    (40, ('load', 'temperature'))
    >>> tracets.read("plant.csv")[0].n_steps
    960
    """
    from tracets.data import readers

    return readers.read(path, reader=reader, freq=freq, zone=zone, limits=limits)


def windows(
    path: AnyPath | Source,
    *,
    length: int,
    stride: int | None = None,
    split: bool = False,
    gap: int = 0,
    min_observed: float = 0.5,
    reader: str | None = None,
    freq: str | None = None,
    zone: str | None = None,
    limits: Limits = LIMITS,
) -> Corpus:
    """Cut the long series of a file or source into windows of `length` steps every `stride` steps (default: `length`).

    Reports of a source become the texts of the windows whose span they lie in; a warning says how many lie in none.

    Parameters
    ----------
    path : path or Source
        As for `read`.
    length : int
        Steps of a window, at least 1.
    stride : int, optional
        Steps from one window to the next; by default `length`.
    split : bool, default=False
        Split by time into train, val and test (.6, .15, .25): no window overlaps one of another split.
    gap : int, default=0
        Steps left free at the beginning of val and test.
    min_observed : float, default=0.5
        Windows with a smaller share of observed values, in [0, 1], are left out; a warning of the logger "tracets" says
        how many.
    reader, freq, zone, limits
        As for `read`.

    Returns
    -------
    Corpus
        In the order of the series, then of time.

    Raises
    ------
    DataError
        What is wrong in which file, series and row, and the fix; or no window fits.
    ConfigError
        A number out of its range.

    Examples
    --------
    >>> days = tracets.windows("plant.csv", length=24, stride=12, split=True)
    >>> days[0].id, days[0].values.shape, days[0].split
    ('plant-2024-01-01T00', (2, 24), 'train')
    """
    from tracets.data.corpus import Corpus as Corpus_
    from tracets.data.readers import begin
    from tracets.data.sources.reports import tell
    from tracets.data.windows import cut_windows, split_by_fractions

    reading = begin(path, reader=reader, freq=freq, zone=zone, limits=limits)
    series = list(reading.series)
    parts = split_by_fractions(series, SPLIT_FRACTIONS) if split else None
    cut = cut_windows(series, length=length, stride=stride or length, split=parts, gap=gap, min_observed=min_observed)
    if cut.dropped:
        LOG.warning(
            "left out %d of %d windows of '%s': less than %g %% of their values were observed",
            cut.dropped, cut.dropped + len(cut), path, 100 * min_observed,
        )  # fmt: skip
    told, lost = tell(cut.samples, reading.reports)
    if lost:
        LOG.warning("%d of %d reports of '%s' lie in no window", lost, len(reading.reports), path)
    return Corpus_.from_samples(told)


def limits_of(assignments: Sequence[str]) -> Limits:
    """The limits for files from outside, with single ones changed as in "rows=1000".

    Parameters
    ----------
    assignments : sequence of str
        Each "NAME=NUMBER", with the names of `Limits`.

    Raises
    ------
    ConfigError
        An unknown limit, or a value that is no whole number of at least 1.

    Examples
    --------
    >>> tracets.limits_of(["rows=1000"]).rows
    1000
    """
    from tracets.plain import override

    limits = LIMITS
    for assignment in assignments:
        limits = override(limits, assignment)
    return limits


def write(corpus: Corpus, path: AnyPath) -> None:
    """Write a corpus file (Parquet, one row a window); it appears whole or not at all.

    Parameters
    ----------
    corpus : Corpus
        What to write.
    path : path
        The file.

    Examples
    --------
    >>> tracets.write(corpus.split("test"), "test.parquet")
    >>> len(tracets.read("test.parquet"))
    10
    """
    from tracets.data.corpus import write_corpus

    write_corpus(corpus, path)


def weather(*, captions: bool = True, seed: int = 0, resolutions: Sequence[str] = ("hourly",)) -> Corpus:
    """The real weather of three New York airports in 2013, in labelled windows of 168 hours, with captions.

    Parameters
    ----------
    captions : bool, default=True
        Write a text of each window and of each channel from its numbers.
    seed : int, default=0
        Of the captions.
    resolutions : sequence of str
        Some of "hourly", "4-hourly", "daily".

    Returns
    -------
    Corpus
        1,674 hourly windows of seven channels.

    Examples
    --------
    >>> weeks = tracets.weather(captions=False)
    >>> len(weeks), weeks[0].channel_names[:2], weeks[0].units[:2]
    (1674, ('temperature', 'dew point'), ('°C', '°C'))
    """
    from tracets.data.nycflights import weather_corpus

    corpus = weather_corpus(resolutions=tuple(resolutions))
    return caption(corpus, seed=seed) if captions else corpus


def caption(corpus: Corpus, *, seed: int = 0, overwrite: bool = False, style: str = "numbers") -> Corpus:
    """Write texts from the numbers for windows and channels that have none (for all, with `overwrite`).

    Parameters
    ----------
    corpus : Corpus
        Its windows.
    seed : int, default=0
        Draws the facts and their wording.
    overwrite : bool, default=False
        Write over texts that are there.
    style : str, default="numbers"
        "numbers"; "crowd", short phrases on the shape; "narrative", block by block in words; "report", the latest step;
        or a captioner of another package (see CONTRIBUTING.md).

    Returns
    -------
    Corpus
        A new one, with the same windows.

    Raises
    ------
    NotFound
        No such style.

    Examples
    --------
    >>> told = tracets.caption(tracets.windows("plant.csv", length=24), seed=1)
    >>> told[0].text is not None, len(told[0].channel_texts)
    (True, 2)
    """
    from tracets.data.captions import caption_corpus
    from tracets.data.corpus import Corpus as Corpus_

    return Corpus_.from_samples(caption_corpus(corpus, seed=seed, overwrite=overwrite, style=style))


def caption_samples(samples: Sequence[Sample], *, seed: int = 0) -> list[Sample]:
    """The same for windows on their own: each with a text of its own and one a channel, written from its numbers.

    Parameters
    ----------
    samples : sequence of Sample
        The windows; texts that they have are written over.
    seed : int, default=0
        Draws the facts and their wording.

    Returns
    -------
    list of Sample
        In the same order.

    Examples
    --------
    >>> [told] = tracets.caption_samples([tracets.Sample("a", [[1, 2, 3, 8]], ("load",), ("MW",))])
    >>> len(told.channel_texts)
    1
    """
    from tracets.data.captions import caption_corpus

    return list(caption_corpus(samples, seed=seed, overwrite=True))


def llm_captioner(model: str, cache_dir: AnyPath, *, base_url: str | None = None) -> LlmCaptioner:
    """A captioner that asks a language model behind an OpenAI-compatible endpoint, for `caption_by_llm`.

    Its `estimate(corpus, price_in=..., price_out=...)` says what that will take, before any request.

    Parameters
    ----------
    model : str
        Name as the endpoint knows it.
    cache_dir : path
        Answers are kept here; a re-run costs nothing.
    base_url : str, optional
        The endpoint; by default `OPENAI_BASE_URL`, else api.openai.com. The key comes from `OPENAI_API_KEY`.

    Returns
    -------
    LlmCaptioner
        It asks nothing before it is used.

    Examples
    --------
    >>> captioner = tracets.llm_captioner("gpt-4o-mini", "answers", base_url="http://127.0.0.1:8000/v1")
    >>> untold = tracets.windows("plant.csv", length=24)
    >>> captioner.estimate(untold, price_in=0.15, price_out=0.6).requests
    40
    """
    from tracets.data.captions.llm import LlmCaptioner as Captioner

    return Captioner(model, Path(cache_dir), base_url=base_url)


def caption_by_llm(
    corpus: Corpus,
    captioner: LlmCaptioner,
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Corpus:
    """Let a language model write the texts that windows and channels lack (all, with `overwrite`).

    Numbers in an answer that the data do not hold are listed in the metadata column `unsupported_numbers`.

    Parameters
    ----------
    corpus : Corpus
        Its windows.
    captioner : LlmCaptioner
        From `llm_captioner`.
    overwrite : bool, default=False
        Write over texts that are there.
    progress : callable, optional
        Called with the number of windows done so far.

    Returns
    -------
    Corpus
        A new one, with the same windows.

    Raises
    ------
    MissingExtra
        The `openai` client is not installed.
    CaptionError
        The endpoint refused, or never answered in the right shape; the answers so far are in the cache.

    Examples
    --------
    >>> captioner = tracets.llm_captioner("gpt-4o-mini", "answers")
    >>> told = tracets.caption_by_llm(corpus, captioner)  # doctest: +SKIP
    >>> told.column("unsupported_numbers")[:1]  # doctest: +SKIP
    [[]]
    """
    from tracets.data.corpus import Corpus as Corpus_

    captioned = []
    for sample in captioner.caption_corpus(corpus, overwrite=overwrite):
        captioned.append(sample)
        if progress is not None:
            progress(len(captioned))
    return Corpus_.from_samples(captioned)


def describe(corpus: Corpus) -> dict[str, Any]:
    """Profile a corpus: channels, lengths, gaps, text coverage, splits and what leaks between them, duplicates.

    Parameters
    ----------
    corpus : Corpus
        Any.

    Returns
    -------
    dict
        Plain texts and numbers, as `tracets data describe --json` prints them.

    Examples
    --------
    >>> profile = tracets.describe(corpus)
    >>> profile["rows"], profile["splits"]["test"]
    (40, 10)
    """
    from tracets.data.profile import describe as profile

    return profile(corpus)


def channel_table(profile: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """What `describe` said of each channel, in words.

    Parameters
    ----------
    profile : mapping
        What `describe` gave.

    Returns
    -------
    tuple of (columns, rows)
        The names of the columns, and a row a channel; "" where there is nothing to say.

    Examples
    --------
    >>> columns, rows = tracets.channel_table(tracets.describe(corpus))
    >>> columns[:3]
    ('channel', 'unit', 'windows')
    >>> len(rows) == len(corpus[0].channel_names)
    True
    """
    rows: list[tuple[str, ...]] = []
    for name, n_rows in profile["channels"].items():
        missing, gaps = profile["missing_by_channel"][name], profile["gaps"].get(name, {"count": 0, "longest": 0})
        values = profile["values"].get(name)
        spread = ("", "", "") if values is None else tuple(f"{values[part]:.4g}" for part in ("low", "mean", "high"))
        units = ", ".join(profile["units"].get(name, ()))
        longest = str(gaps["longest"]) if gaps["count"] else ""
        rows.append((name, units, str(n_rows), f"{missing:.1%}" if missing else "", str(gaps["count"] or ""), longest,
                     *spread))  # fmt: skip
    return CHANNEL_COLUMNS, rows


def plot_profile(
    corpus: Corpus, path: AnyPath, *, profile: dict[str, Any] | None = None, title: str = "corpus"
) -> None:
    """Draw what a corpus holds, with one window of each of the most frequent labels, in a page that opens offline.

    Parameters
    ----------
    corpus : Corpus
        Any.
    path : path
        The HTML file to write.
    profile : dict, optional
        What `describe` said of it, if that was asked before.
    title : str, default="corpus"
        Of the page.

    Examples
    --------
    >>> tracets.plot_profile(corpus, "profile.html", title="days of the plant")
    """
    from tracets.plots import plot_profile as plot

    found = profile if profile is not None else describe(corpus)
    starts: dict[str, list[Any]] = {}
    for split, start in zip(corpus.column("split"), corpus.column("start"), strict=True):
        starts.setdefault(split or "", []).extend([start] if start is not None else [])
    labels = corpus.column("label")
    shown = [corpus[labels.index(label or None)] for label in list(found["labels"])[:SHOWN_LABELS]]
    plot(title, found, starts, shown, path, channels=channel_table(found))
