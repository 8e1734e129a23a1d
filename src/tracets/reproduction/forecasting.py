"""Forecasts: a light head on the frozen encoder beside naive forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracets.api.forecast_evaluation import evaluate_forecast
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

if TYPE_CHECKING:
    from tracets.data.pairs import Pair

METRICS = ("mse", "mae", "mase", "crps")
COLUMNS = ("MSE", "MAE", "MASE", "CRPS", "MSE less that of seasonal-naive")
HOURLY, DAILY, WEEKLY = (7, 24), (48, 336), (12, 48)
DAY = 24 * 3600.0


def horizons_of(freq: str | None) -> tuple[int, int]:
    """The paper's horizons for series of such a step: of its weather, of Environment, or of Health and Energy.

    >>> horizons_of("h"), horizons_of("D"), horizons_of("W-MON"), horizons_of(None)
    ((7, 24), (48, 336), (12, 48), (7, 24))
    """
    if freq is None:
        return HOURLY
    from tracets.data.calendar import step_seconds

    days = step_seconds(freq) / DAY
    return HOURLY if days < 1 else DAILY if days < 7 else WEEKLY


def _panel(horizon: int) -> Panel:
    return Panel(f"{horizon} steps ahead", COLUMNS)


def _line(name: str, horizon: int, errors: Mapping[str, Any], note: str = "") -> Line:
    values: dict[str, list[float | None]] = {c: [errors[m]] for c, m in zip(COLUMNS, METRICS, strict=False)}
    if gap := errors["paired"]:
        values[COLUMNS[-1]] = [gap["mse_diff"], gap["low"], gap["high"]]
    return Line(name, {_panel(horizon).title: values}, note)


def alone(pairs: Sequence[Pair], channel: str) -> list[Pair]:
    """Pairs of one channel; those without it are left out."""
    found = []
    for pair in pairs:
        past = pair.past
        if channel in past.channel_names:
            c = past.channel_names.index(channel)
            own = replace(
                past, values=past.values[c : c + 1], channel_names=(channel,), units=(past.units[c],),
                channel_texts=(past.channel_texts[c],),
            )  # fmt: skip
            found.append(replace(pair, past=own, future=pair.future[c : c + 1]))
    return found


def target_of(source: Source) -> str | None:
    """The channel that collections such as Time-MMD want forecast alone; None where there is no other beside it."""
    from tracets.data.time_mmd import TARGET_NAMES

    named = [name for name in TARGET_NAMES if name in source.channels]
    return named[0] if named and len(source.channels) > 1 else None


def _step(source: Source, size: Size, seed: int, horizon: int, *, target: str | None) -> Step:
    which = f", {target} alone" if target else ""

    def make() -> list[Line]:
        pairs = source.pairs(horizon)
        report = evaluate_forecast(alone(pairs, target) if target else pairs, seed=seed, n_boot=size.n_boot).to_json()
        said = f"{report['n']} windows, {horizon} steps ahead"
        lines = [_line(f"head on base{which}", horizon, report, said)]
        return lines + [_line(f"{name}{which}", horizon, errors) for name, errors in report["others"].items()]

    return Step(source.name, source.digest, f"{horizon} steps ahead{which}", make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [
        _step(source, size, seed, horizon, target=target)
        for source in sources
        for target in dict.fromkeys((None, target_of(source)))
        for horizon in horizons_of(source.freq)
    ]


def _published(name: str, horizons: tuple[int, int], *errors: float | None) -> Line:
    found = dict(zip(horizons, errors, strict=True))
    return Line(name, {_panel(h).title: {"MSE": [mse]} for h, mse in found.items() if mse is not None})


FORECAST = Table(
    name="forecast",
    title="Forecasts",
    shows="What comes after each window of split test (the paper's table of forecasts), as many steps ahead as the "
    "paper asks of its weather (steps below a day), of Environment (days), of Health and Energy (weeks).",
    differs=(
        "The paper forecasts its own weather corpus, and the target alone of three domains of Time-MMD. Here all "
        "channels of the data are forecast together; where one of them is called `OT`, or is the target of Time-MMD by "
        "the name that this package gives it, rows of it alone stand below.",
        "Errors are in standard deviations of each channel over the training part;"
        " the scale of the paper's may be another.",
        "The head is solved by ridge regression on frozen vectors; the paper's is trained.",
        "Forecasts with retrieval are table `rag`.",
    ),
    published=(
        _published("TRACE, weather", HOURLY, 0.623, 0.718), _published("FSCA, weather", HOURLY, 0.642, 0.762),
        _published("Time-MoE, weather", HOURLY, None, 0.903), _published("Timer-XL, weather", HOURLY, None, 1.055),
        _published("MOMENT, weather", HOURLY, None, 0.816),
        _published("TRACE, Health", WEEKLY, 0.768, 1.435), _published("Time-MoE, Health", WEEKLY, 0.981, 1.697),
        _published("TRACE, Energy", WEEKLY, 0.113, 0.389), _published("Time-MoE, Energy", WEEKLY, 0.089, 0.396),
        _published("TRACE, Environment", DAILY, 0.403, 0.413), _published("MOMENT, Environment", DAILY, 0.375, 0.502),
    ),
    panels=tuple(_panel(horizon) for horizon in sorted({*HOURLY, *DAILY, *WEEKLY})),
    steps=_steps,
)  # fmt: skip
