"""The one table of thresholds behind every qualitative word, and words that follow from what a channel measures."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# name -> bound. Shares are of the window's steps, "of range" is relative to (high - low) of the channel.
THRESHOLDS: dict[str, float] = {
    "swing": 0.25,  # of range: a leg of the smoothed series that counts as a rise or fall
    "back_again": 0.1,  # of range: the last reading is no further from the first for a series to end where it began
    "throughout": 0.75,  # share of steps that one leg must cover to go on "throughout"
    "short_leg": 0.34,  # share of steps under which a leg is "sharp"
    "third_move": 0.35,  # of range: net change of the fitted line inside a third that counts
    "cycle": 0.4,  # autocorrelation at the lag for a cycle to be there
    "strong_cycle": 0.7,  # ... to be strong or clear
    "cycle_repeats": 2.5,  # times that a cycle must fit into the window
    "smooth": 0.2,  # mean |step change| / standard deviation, at or under which a series changes smoothly
    "jagged": 0.8,  # ... at or over which it is erratic
    "steady_std": 0.15,  # standard deviation of range, at or under which values keep near one level
    "variable_std": 0.33,  # ... at or over which they use the whole range
    "nearly_constant": 0.01,  # range / |mean| at or under which a channel hardly moves
    "unequal_thirds": 1.6,  # ratio of the most volatile third to the next
    "spike_mad": 6.0,  # distance from the rolling median in robust standard deviations
    "spike_range": 0.4,  # ... and of range
    "zeros": 0.5,  # share of zeros from which a channel is on-off
    "mostly_zero": 0.75,  # ... from which it is zero "for most of the window"
    "almost_all_zero": 0.93,  # ... for "almost all"
    "main_burst": 0.6,  # share of the total in the largest spell from which it is the main one
    "moderate_rain_hour": 2.5,  # mm an hour in the strongest step (up to 6 h long) from which rain is moderate
    "heavy_rain_hour": 7.6,  # ... heavy
    "moderate_rain_day": 5.0,  # mm a day in the strongest step (longer than 6 h) from which rain is moderate
    "heavy_rain_day": 20.0,  # ... heavy
    "at_limit": 0.1,  # share of steps at the extreme value that counts as sitting at a limit
    "long_gap": 0.5,  # share of the missing steps in the longest gap for it to be "mostly one gap"
    "some_missing": 0.1,  # share missing under which only "a few" are
    "many_missing": 0.4,  # ... from which "much of it" is
    "shift": 3.0,  # difference of two levels in standard deviations inside them
    "related": 0.6,  # |correlation| from which channels move together
    "closely": 0.85,  # ... closely
    "unrelated": 0.1,  # ... up to which they have little to do with each other
    "lead_gain": 0.1,  # how much the lagged |correlation| must exceed the simultaneous one
    "coincide": 0.03,  # share of the window within which two extremes coincide
    "most_varied": 1.5,  # ratio of the largest relative spread to the next
    "regime": 0.6,  # share of steps in a class for the class to be "mostly" the case
    "prevailing": 0.6,  # length of the mean direction vector for a direction to prevail
}


@dataclass(frozen=True)
class Scale:
    """Named classes of a quantity by upper bounds, in the unit whose `factor` is 1.

    `bounds[i]` is the first value that is no longer class i; the last class has none.
    """

    quantity: str
    names: re.Pattern[str]
    factors: dict[str, tuple[float, float]]  # unit -> (factor, offset) to the scale's own unit
    classes: tuple[str, ...]
    bounds: tuple[float, ...]
    plausible: tuple[float, float]  # means outside belong to another quantity of that name (a furnace, a boiler)

    def fits(self, mean: float, unit: str) -> bool:
        factor, offset = self.factors[unit]
        return self.plausible[0] <= mean * factor + offset <= self.plausible[1]

    def ranks(self, values: NDArray[np.float64], unit: str) -> NDArray[np.int64]:
        """The place of each value's class in `classes`."""
        factor, offset = self.factors[unit]
        # Half a millionth forgives what converting a unit costs in floating point.
        return np.searchsorted(self.bounds, values * factor + offset + 5e-7, side="right").astype(np.int64)

    def classify(self, value: float, unit: str) -> str:
        """The class of one value."""
        return self.classes[self.ranks(np.array([value]), unit)[0]]


def _name(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_CELSIUS = {u: (1.0, 0.0) for u in ("degC", "°C", "C", "celsius", "deg C")}
_SPEEDS = {"m/s": (1.0, 0.0), "km/h": (1 / 3.6, 0.0), "kmh": (1 / 3.6, 0.0), "mph": (0.44704, 0.0)}
_FAHRENHEIT = {u: (5 / 9, -160 / 9) for u in ("degF", "°F", "F", "fahrenheit", "deg F")}

SCALES = (
    Scale(
        "temperature",
        _name(r"^(air |outdoor |outside |ambient |mean |2 ?m )?temp(erature)?$"),
        _CELSIUS | _FAHRENHEIT | {"K": (1.0, -273.15)},
        ("bitterly cold", "freezing", "cold", "cool", "mild", "warm", "hot", "very hot"),
        (-10, 0, 8, 14, 20, 26, 32),
        (-60, 55),
    ),
    # Beaufort numbers 0 to 12 by mean wind speed.
    Scale(
        "wind",
        _name(r"^(mean |average )?wind( speed)?$"),
        {
            "m/s": (1.0, 0.0),
            "km/h": (1 / 3.6, 0.0),
            "kmh": (1 / 3.6, 0.0),
            "mph": (0.44704, 0.0),
            "kn": (0.514444, 0.0),
        },
        (
            "calm",
            "light air",
            "light breeze",
            "gentle breeze",
            "moderate breeze",
            "fresh breeze",
            "strong breeze",
            "near gale",
            "gale",
            "storm",
        ),
        (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8),
        (0, 60),
    ),  # fmt: skip
    Scale(
        "humidity",
        _name(r"^(relative )?humid(ity)?$|^rh$"),
        {"%": (1.0, 0.0), "percent": (1.0, 0.0)},
        ("very dry", "dry", "moderate", "humid", "very humid"),
        (25, 40, 65, 85),
        (0, 100),
    ),
    Scale(
        "pressure",
        _name(r"^(air |atmospheric |sea level |barometric )?pressure$"),
        {"hPa": (1.0, 0.0), "mbar": (1.0, 0.0), "mb": (1.0, 0.0), "inHg": (33.8639, 0.0), "kPa": (10.0, 0.0)},
        ("very low", "low", "average", "high", "very high"),
        (995, 1007, 1019, 1030),
        (870, 1085),
    ),
    Scale(
        "visibility",
        _name(r"^visib(ility)?$"),
        {"km": (1.0, 0.0), "mi": (1.609344, 0.0), "mile": (1.609344, 0.0), "miles": (1.609344, 0.0), "m": (1e-3, 0.0)},
        ("fog", "poor", "moderate", "good"),
        (1, 4, 10),
        (0, 200),
    ),
)

RAIN = _name(r"precip|rain|snow|drizzle")
DIRECTION = _name(r"\bdir(ection)?\b|\bbearing\b|\bheading\b")
DEGREES = frozenset({"deg", "degree", "degrees", "°"})
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "in": 25.4, "inch": 25.4, "inches": 25.4}
_RAIN_UNITS = frozenset(MILLIMETRES)
_COUNTED_UNITS = frozenset(
    {"Wh", "kWh", "MWh", "GWh", "count", "counts", "cases", "visits", "patients", "orders", "items", "events", "steps",
     "admissions", "calls", "passengers", "vehicles", "rides", "parts", "pieces", "tickets"}
)  # fmt: skip
COMPASS = ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")

# Codes that are common as column names -> words.
_SHORT = {
    "temp": "temperature", "dewp": "dew point", "humid": "humidity", "precip": "precipitation", "visib": "visibility",
    "dir": "direction", "pres": "pressure", "press": "pressure", "avg": "average", "rh": "relative humidity",
    "max": "maximum", "min": "minimum", "hr": "heart rate", "spo2": "SpO2", "co2": "CO2", "no2": "NO2", "o3": "O3",
    "so2": "SO2", "pm2.5": "PM2.5", "pm10": "PM10", "ili": "ILI", "aqi": "AQI",
}  # fmt: skip

_UNIT_TEXT = {
    "degC": "°C", "celsius": "°C", "deg C": "°C", "C": "°C", "degF": "°F", "fahrenheit": "°F", "deg F": "°F",
    "F": "°F", "in": "inches", "percent": "%", "degree": "degrees", "deg": "degrees", "°": "degrees", "inch": "inches",
    "count": "", "counts": "", "index": "", "1": "", "-": "", "none": "", "ug/m3": "µg/m³", "mile": "miles",
}  # fmt: skip


def clean(text: str) -> str:
    """A name or unit that cannot end a sentence early: no line breaks, no period before a space or at the end."""
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"[.!?;:]+(?=\s|$)", "", text).strip() or "value"


def humanise(name: str) -> str:
    """A column name as words.

    >>> humanise("wind_dir"), humanise("pm2_5"), humanise("ili_age_0_4"), humanise("HUFL")
    ('wind direction', 'PM2.5', 'ILI age 0 to 4', 'HUFL')
    """
    words = re.sub(r"(?<=[a-zA-Z]\d)_(?=\d\b)", ".", name.strip())
    words = re.sub(r"(?<=_)(\d+)_(\d+)\b", r"\1 to \2", words)
    words = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", words.replace("_", " "))
    parts = [_SHORT.get(w.lower(), w) for w in words.split()]
    return clean(" ".join(parts))


def unit_text(unit: str | None) -> str:
    """What follows a number, with its space: " hPa", " °C"; "" where there is no unit."""
    if not unit or not unit.strip():
        return ""
    text = _UNIT_TEXT.get(unit.strip(), unit.strip())
    return f" {clean(text)}" if text else ""


def scale_of(name: str, unit: str | None) -> Scale | None:
    """The scale of named classes that fits a channel, if any.

    >>> scale_of("wind_speed", "mph").classify(20.0, "mph")
    'fresh breeze'
    """
    words = humanise(name)
    return next((s for s in SCALES if unit in s.factors and s.names.search(words)), None)


def is_direction(name: str, unit: str | None) -> bool:
    """Degrees of a compass: 359 and 1 are neighbours, so that means and extremes say nothing."""
    return unit in DEGREES and DIRECTION.search(humanise(name)) is not None


def accumulates(name: str, unit: str | None) -> bool:
    """Whether adding up the steps means something: rain in mm, energy in kWh, counts."""
    return unit in _COUNTED_UNITS or (unit in _RAIN_UNITS and RAIN.search(name) is not None)


def is_rain(name: str, unit: str | None) -> bool:
    return unit in _RAIN_UNITS and RAIN.search(humanise(name)) is not None


def compass(degrees: float) -> str:
    """The eighth of the compass rose around a direction in degrees."""
    return COMPASS[int((degrees % 360) / 45 + 0.5) % 8]
