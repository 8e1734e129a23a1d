"""What a build of the NOAA corpus may be told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tracets.data.windows import RESOLUTIONS
from tracets.errors import ConfigError

BASE_URL = "https://www.ncei.noaa.gov/"
EVENT_TYPES = (
    "Tornado", "Hail", "Thunderstorm Wind", "High Wind", "Flash Flood", "Flood", "Heavy Rain", "Heavy Snow",
    "Winter Storm",
)  # fmt: skip
"""Nine types that hourly weather can show. The paper has nine too, whose names it does not give with its files."""
NO_EVENT = "none"
CONTROLS = ("same", "distant")
SPLITS_BY = ("time", "station", "both")
FRACTIONS = (0.6, 0.15, 0.25)
"""Train, val and test, of the time or of the stations."""
FIRST_YEAR, LAST_YEAR = 1950, 2100


@dataclass(frozen=True)
class NoaaSettings:
    """Which events, stations and windows make the corpus.

    Parameters
    ----------
    years : (int, int)
        The first and the last; windows lie in them wholly (UTC).
    events : tuple of str
        Types as Storm Events spells them.
    resolutions : tuple of str
        Some of "hourly" (168 steps), "4-hourly" (168) and "daily" (180).
    networks : tuple of str
        Third letters of station ids that may serve: W for stations with a WBAN number, which report all channels.
    radius_km, candidates
        An event is shown by the nearest station within `radius_km` that observed it, of at most `candidates`.
    min_observed : float
        Windows with a smaller share of observed values, in [0, 1], are left out.
    controls : tuple of str
        For each window with an event, one without: "same" from the same station at the same time of another year or up
        to `season_days` away, "distant" at the same time from a station at least `distant_km` away.
    quiet_km, season_days, distant_km
        A window without an event has no report of any type within `quiet_km` of its station while it lasts.
    split : str
        "time": train ends before val begins, which ends before test begins. "station": each station is in one split.
        "both": by time, and a share `held_out` of the stations is in test alone.
    held_out : float
        In [0, 1].
    max_per_type : int, optional
        Events of a type at most, drawn by `seed`.
    seed : int
        Draws events, places of events in their windows, windows without one, stations held out, and captions.

    Raises
    ------
    ConfigError
        A value out of its range.

    Examples
    --------
    >>> NoaaSettings((2019, 2023), resolutions=("hourly",)).networks
    ('W',)
    """

    years: tuple[int, int]
    events: tuple[str, ...] = EVENT_TYPES
    resolutions: tuple[str, ...] = tuple(RESOLUTIONS)
    networks: tuple[str, ...] = ("W",)
    radius_km: float = 50.0
    candidates: int = 3
    min_observed: float = 0.5
    controls: tuple[str, ...] = CONTROLS
    quiet_km: float = 100.0
    season_days: int = 45
    distant_km: float = 500.0
    split: str = "both"
    held_out: float = 0.2
    max_per_type: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        first, last = self.years
        if not FIRST_YEAR <= first <= last <= LAST_YEAR:
            raise ConfigError(f"years must run from {FIRST_YEAR} on, first to last, got {first}:{last}.")
        if not self.events or not self.networks:
            raise ConfigError("events and networks must name at least one each.")
        for name, known in (("resolutions", RESOLUTIONS), ("controls", CONTROLS)):
            given = getattr(self, name)
            unknown = [one for one in given if one not in known]
            if unknown or (name == "resolutions" and not given):
                raise ConfigError(f"unknown {name} {unknown}; choose some of {', '.join(known)}.")
        if self.split not in SPLITS_BY:
            raise ConfigError(f"split must be one of {', '.join(SPLITS_BY)}, got '{self.split}'.")
        numbers = {
            "radius_km": self.radius_km > 0, "candidates": self.candidates >= 1, "quiet_km": self.quiet_km >= 0,
            "min_observed": 0 <= self.min_observed <= 1, "held_out": 0 <= self.held_out <= 1,
            "distant_km": self.distant_km >= 0, "season_days": self.season_days >= 0,
            "max_per_type": self.max_per_type is None or self.max_per_type >= 1,
        }  # fmt: skip
        for name, fits in numbers.items():
            if not fits:
                raise ConfigError(f"{name} is out of its range: {getattr(self, name)}.")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
