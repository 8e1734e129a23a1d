"""`tracets forecast`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tracets import api
from tracets.cli.show import Json, forecast_table, json_line, limits, note
from tracets.errors import ConfigError
from tracets.types import Neighbour

Channels = Annotated[list[str] | None, typer.Option("--channel", help="Only this channel; may be repeated.")]
Tuning = Annotated[str, typer.Option(help="What a fit changes: linear (the head), adapter, or full (all of it).")]


def forecast(
    model: Annotated[str, typer.Argument(help="base, a model folder, or the folder of a fitted forecaster.")],
    series: Annotated[Path, typer.Option(help="A CSV of one or more series.")],
    horizon: Annotated[int, typer.Option(help="Steps to forecast.", min=1)],
    context: Annotated[
        int | None, typer.Option(help="Steps of a window; default: by season and horizon.", min=1)
    ] = None,
    channel: Channels = None,
    tuning: Tuning = "linear",
    backbone: Annotated[
        str | None, typer.Option(help="A forecaster of others instead: fracast, chronos-bolt:FOLDER, seasonal-naive.")
    ] = None,
    index: Annotated[str | None, typer.Option(help="Add what followed the most similar windows of this index.")] = None,
    index_model: Annotated[
        str | None, typer.Option(help="With --index: where the model lies that it was built with.")
    ] = None,
    retrieval: Annotated[
        Literal["none", "series", "series+text"], typer.Option(help="What finds these windows, with --index.")
    ] = "series",
    seed: Annotated[int, typer.Option(help="Of groups and of gradient training.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the forecast into this CSV.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the forecast into this HTML file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Keep the forecaster in this folder.")] = None,
    as_json: Json = False,
) -> None:
    """Say what comes after the last step of a file: a mean and quantiles for every channel."""
    history = api.histories(series, channels=channel or (), limits=limits())
    ready: Any
    if backbone is not None:
        if save is not None:
            raise ConfigError("--save keeps a fitted head; a --backbone has none. Leave one of the two out.")
        ready = api.load_backbone(backbone)
    elif api.is_forecaster(model):
        if context is not None or tuning != "linear":
            raise ConfigError(f"'{model}' is fitted already: --context and --tuning are for a fit. Leave them out.")
        ready = forecaster = api.load_forecaster(model)
    else:
        ready = forecaster = api.fit_forecaster(
            history,
            horizon,
            model=model,
            context=context,
            tuning=tuning,
            refit=index is None or retrieval == "none",
            seed=seed,
        )
        note(forecaster.summary)
    if save is not None:
        api.save_forecaster(forecaster, save)
        note(f"wrote the forecaster to {save}; next: tracets forecast {save} --series FILE --horizon {horizon}")
    like: Sequence[Sequence[Neighbour]] = ()
    if index is not None and retrieval != "none":
        stored = api.open_index(index)
        encoder = api.model_of(stored, model=index_model)
        ready = api.with_neighbours(ready, stored, encoder, history, horizon, retrieval=retrieval)
        note(ready.summary)
        like = ready.neighbours(history) if plot is not None else ()
    found = api.forecast(history, horizon, model=ready)
    if out is not None:
        api.forecast_frame(found).to_csv(out, index=False)
        note(f"wrote {sum(len(f.channel_names) * f.horizon for f in found)} rows to {out}")
    if plot is not None:
        api.plot_forecasts(found, history, plot, neighbours=like)
        note(f"drew {len(found)} series in {plot}")
    for one in found:
        if as_json:
            json_line(api.forecast_to_json(one))
        elif out is None:
            forecast_table(one)
