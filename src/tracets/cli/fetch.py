"""`tracets data build` and `tracets data fetch`: corpora from what comes along, and from data of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tracets import api
from tracets.cli.show import Json, counting, done, limits, note, wrote
from tracets.errors import ConfigError

build = typer.Typer(
    help="Build a corpus from data that comes with the install, or from an archive.", no_args_is_help=True
)
fetch = typer.Typer(help="Fetch a published data set as a corpus; its licence is printed.", no_args_is_help=True)

Out = Annotated[Path, typer.Option(help="The corpus file to write.")]
Cache = Annotated[Path | None, typer.Option(help="Keeps what is fetched; default: in the user's cache folder.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no server; say which file is missing.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask whether kept files are still what the server has.")]
MaxDownload = Annotated[float | None, typer.Option(help="GB that may be fetched in this run; default: 20.")]
BaseUrl = Annotated[str | None, typer.Option(help="A mirror with the same folders.")]
Pause = Annotated[float | None, typer.Option(help="Seconds between two requests at least; default: 0.5.")]


@build.command()
def weather(
    out: Out, seed: Annotated[int, typer.Option(help="Seed of the captions.")] = 0, as_json: Json = False
) -> None:
    """New York's three airports in 2013, which come with the install."""
    wrote(api.weather(seed=seed), out, as_json=as_json)


@build.command()
def noaa(
    years: Annotated[str, typer.Option(help="First and last, such as 2019:2023 (both are in), or one.")],
    out: Out,
    events: Annotated[
        str | None,
        typer.Option(
            help="Types as Storm Events spells them, with commas; default: Tornado,Hail,Thunderstorm Wind,High Wind,"
            "Flash Flood,Flood,Heavy Rain,Heavy Snow,Winter Storm."
        ),
    ] = None,
    resolutions: Annotated[str | None, typer.Option(help="Default: hourly,4-hourly,daily.")] = None,
    zones: Annotated[
        Path | None,
        typer.Option(help="The Weather Service's zone-county list (bpDDmmYY.dbx), to place events of forecast zones."),
    ] = None,
    radius_km: Annotated[float | None, typer.Option(help="From an event to its station at most; default: 50.")] = None,
    networks: Annotated[str | None, typer.Option(help="Third letters of the ids of stations; default: W.")] = None,
    candidates: Annotated[int | None, typer.Option(help="Stations tried for an event; default: 3.")] = None,
    controls: Annotated[
        str | None, typer.Option(help="Windows without an event: same,distant (the default), one of them, or none.")
    ] = None,
    quiet_km: Annotated[
        float | None, typer.Option(help="Nothing was reported so near a window without an event; default: 100.")
    ] = None,
    season_days: Annotated[int | None, typer.Option(help="By which seasons may differ; default: 45.")] = None,
    distant_km: Annotated[float | None, typer.Option(help="To a distant station at least; default: 500.")] = None,
    min_observed: Annotated[
        float | None, typer.Option(help="Leave out windows with a smaller share observed; default: 0.5.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="time, station or both; default: both.")] = None,
    held_out: Annotated[
        float | None, typer.Option(help="Share of the stations that are in test alone; default: 0.2.")
    ] = None,
    max_per_type: Annotated[int | None, typer.Option(help="Events of a type at most; default: all.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every choice and of the captions; default: 0.")] = None,
    cache: Cache = None,
    base_url: BaseUrl = None,
    stations_url: Annotated[
        str | None,
        typer.Option(help="A mirror of GHCNh alone: https://noaa-ghcnh-pds.s3.amazonaws.com/hourly/ is NOAA's own."),
    ] = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_download: MaxDownload = None,
    pause: Pause = None,
    discard: Annotated[
        bool, typer.Option("--discard", help="Remove each station's file once its hours are made, which are kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Weather around reported events, as in the paper: NOAA's Storm Events and hourly stations (GHCNh).

    A build that was stopped goes on when it is run again. A year takes some GB of station files.
    """
    given: dict[str, Any] = {
        "radius_km": radius_km, "candidates": candidates, "quiet_km": quiet_km, "season_days": season_days,
        "distant_km": distant_km, "min_observed": min_observed, "split": split, "held_out": held_out,
        "max_per_type": max_per_type, "seed": seed,
    }  # fmt: skip
    lists = {"events": events, "resolutions": resolutions, "networks": networks, "controls": controls}
    given |= {name: _words(value) for name, value in lists.items() if value is not None}
    settings = api.NoaaSettings(_years(years), **{name: value for name, value in given.items() if value is not None})
    fetched_by = api.downloads(cache, offline=offline, refresh=refresh, max_gb=max_download, pause=pause)
    note(api.terms_of("noaa"))
    with counting("building", None) as bar:
        told: list[str] = []

        def progress(what: str, at: int, total: int) -> None:
            if what not in told:
                told.append(what)
                note(f"{what} ({total})")
            bar(at, total)

        report = api.build_noaa(
            out,
            settings,
            fetched_by=fetched_by,
            base_url=base_url,
            stations_url=stations_url,
            zones=zones,
            discard=discard,
            limits=limits(),
            progress=progress,
        )
    for why, n in report.left_out.items():
        note(f"left out: {n} {why}")
    note(f"station-years: {report.station_years['read']} read, {report.station_years['absent']} not in the archive")
    facts = {"out": str(out)} | report.to_json() | {"terms": api.terms_of("noaa")}
    done(f"wrote {report.windows} windows of {report.stations} stations to {out}", facts, as_json=as_json)


@fetch.command("time-mmd")
def time_mmd(
    subset: Annotated[str, typer.Argument(help="Energy, Environment, Health_US, ... (another name lists all).")],
    out: Out,
    series: Annotated[
        Path | None, typer.Option(help="Write the numbers in one piece too, as a CSV: what tracets forecast reads.")
    ] = None,
    cache: Cache = None,
    base_url: BaseUrl = None,
    offline: Offline = False,
    refresh: Refresh = False,
    as_json: Json = False,
) -> None:
    """A subset of Time-MMD: numbers with reports and search results."""
    fetched_by = api.downloads(cache, offline=offline, refresh=refresh)
    corpus = api.fetch_time_mmd(subset, fetched_by=fetched_by, base_url=base_url, limits=limits())
    if series is not None:
        api.fetch_time_mmd_series(subset, series, fetched_by=fetched_by, base_url=base_url, limits=limits())
        note(f"wrote the series to {series}")
    _fetched(corpus, out, "time-mmd", as_json=as_json)


@fetch.command()
def ett(
    name: Annotated[str, typer.Argument(help="ETTh1, ETTh2, ETTm1 or ETTm2.")],
    out: Out,
    length: Annotated[int, typer.Option(help="Steps of a window.", min=1)] = 168,
    stride: Annotated[int | None, typer.Option(help="Steps from one to the next; default: length.", min=1)] = None,
    cache: Cache = None,
    base_url: BaseUrl = None,
    offline: Offline = False,
    refresh: Refresh = False,
    as_json: Json = False,
) -> None:
    """A transformer of ETT: load and oil temperature, without texts."""
    corpus = api.fetch_ett(
        name, length=length, stride=stride, fetched_by=api.downloads(cache, offline=offline, refresh=refresh),
        base_url=base_url, limits=limits(),
    )  # fmt: skip
    _fetched(corpus, out, "ett", as_json=as_json)


@fetch.command("ptb-xl")
def ptb_xl(
    out: Out,
    limit: Annotated[
        int | None, typer.Option(help="So many records, drawn by the seed; default: all, 43,598 small files.", min=1)
    ] = None,
    rate: Annotated[int, typer.Option(help="Samples a second: 100 or 500.")] = 100,
    seed: Annotated[int, typer.Option(help="Draws the records.")] = 0,
    cache: Cache = None,
    base_url: BaseUrl = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_download: MaxDownload = None,
    pause: Pause = None,
    as_json: Json = False,
) -> None:
    """Electrocardiograms of PTB-XL with reports and SCP statements."""
    fetched_by = api.downloads(cache, offline=offline, refresh=refresh, max_gb=max_download, pause=pause)
    note(api.terms_of("ptb-xl"))
    with counting("fetching", limit) as bar:
        by = api.fetch_ptb_xl(
            out, rate=rate, limit=limit, seed=seed, fetched_by=fetched_by, base_url=base_url, limits=limits(),
            progress=bar,
        )  # fmt: skip
    windows = sum(by["split"].values())
    facts = {"out": str(out), "windows": windows, **by, "terms": api.terms_of("ptb-xl")}
    done(f"wrote {windows} windows to {out}", facts, as_json=as_json)


@fetch.command()
def uea(
    name: Annotated[str, typer.Argument(help="As its page calls it, such as BasicMotions.")],
    out: Out,
    cache: Cache = None,
    base_url: BaseUrl = None,
    offline: Offline = False,
    refresh: Refresh = False,
    as_json: Json = False,
) -> None:
    """A data set of the UCR and UEA archives, with its classes as labels (extra benchmarks)."""
    fetched_by = api.downloads(cache, offline=offline, refresh=refresh)
    corpus = api.fetch_uea(name, fetched_by=fetched_by, base_url=base_url, limits=limits())
    _fetched(corpus, out, "uea", as_json=as_json)


def _fetched(corpus: api.Corpus, out: Path, source: str, *, as_json: bool) -> None:
    terms = api.terms_of(source)
    note(terms)
    wrote(corpus, out, as_json=as_json, terms=terms)


def _years(given: str) -> tuple[int, int]:
    first, _, last = given.partition(":")
    try:
        return int(first), int(last or first)
    except ValueError:
        raise ConfigError(f"--years must read as 2019:2023 or 2019, got '{given}'.") from None


def _words(given: str) -> tuple[str, ...]:
    """Words with commas; "none" is no word."""
    words = tuple(word.strip() for word in given.split(",") if word.strip())
    return () if words == ("none",) else words
