"""Forecasts: a light head on the frozen encoder beside naive forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracets.api.forecasting import evaluate_forecast
from tracets.tables.table import Line, Panel, Size, Source, Step, Table

METRICS = ("mse", "mae", "mase", "crps")
COLUMNS = ("MSE", "MAE", "MASE", "CRPS", "MSE less that of seasonal-naive")
HORIZONS = (7, 24)


def _panel(horizon: int) -> Panel:
    return Panel(f"{horizon} steps ahead", COLUMNS)


def _line(name: str, horizon: int, errors: Mapping[str, Any], note: str = "") -> Line:
    values: dict[str, list[float | None]] = {c: [errors[m]] for c, m in zip(COLUMNS, METRICS, strict=False)}
    if gap := errors["paired"]:
        values[COLUMNS[-1]] = [gap["mse_diff"], gap["low"], gap["high"]]
    return Line(name, {_panel(horizon).title: values}, note)


def _step(source: Source, size: Size, seed: int, horizon: int) -> Step:
    def make() -> list[Line]:
        report = evaluate_forecast(source.pairs(horizon), seed=seed, n_boot=size.n_boot).to_json()
        said = f"{report['n']} windows, {horizon} steps ahead"
        lines = [_line("head on base", horizon, report, said)]
        return lines + [_line(name, horizon, errors) for name, errors in report["others"].items()]

    return Step(source.name, source.digest, f"{horizon} steps ahead", make)


def _steps(sources: Sequence[Source], size: Size, seed: int) -> list[Step]:
    return [_step(source, size, seed, horizon) for source in sources for horizon in HORIZONS]


def _published(name: str, week: float | None, day: float) -> Line:
    found = {HORIZONS[0]: week, HORIZONS[1]: day}
    return Line(name, {_panel(h).title: {"MSE": [mse]} for h, mse in found.items() if mse is not None})


FORECAST = Table(
    name="forecast",
    title="Forecasts",
    shows="What comes after each window of split test, 7 and 24 steps ahead (the weather part of the paper's table of "
    "forecasts).",
    differs=(
        "The paper forecasts its own weather corpus; its figures for Health, Energy and Environment have other "
        "horizons (docs/forecast.md compares there).",
        "Errors are in standard deviations of each channel over the training part;"
        " the scale of the paper's may be another.",
        "The head is solved by ridge regression on frozen vectors; the paper's is trained.",
        "Forecasts with retrieval are table `rag`.",
    ),
    published=(
        _published("TRACE", 0.623, 0.718), _published("FSCA", 0.642, 0.762),
        _published("Time-MoE", None, 0.903),
        _published("Timer-XL", None, 1.055), _published("MOMENT", None, 0.816),
    ),
    panels=tuple(_panel(horizon) for horizon in HORIZONS),
    steps=_steps,
)  # fmt: skip
