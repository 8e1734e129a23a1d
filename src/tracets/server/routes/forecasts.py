"""What comes next, and what is to be seen: forecasts and descriptions of series that are sent along."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from tracets import api
from tracets.errors import DataError
from tracets.server.problems import responses
from tracets.server.routes.served import Served
from tracets.server.schemas import (
    DescribeAnswer,
    DescribeRequest,
    Description,
    ForecastAnswer,
    ForecastRequest,
    OneForecast,
    Series,
    SeriesRead,
    rows_of,
)

router = APIRouter(prefix="/v1", tags=["forecast"])
CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


async def _whole(request: Request) -> bytes:
    return await request.body()


@router.post("/forecast", responses=responses(404, 501))
def forecast(request: ForecastRequest, service: Served) -> ForecastAnswer:
    """Continue series: a mean and quantiles for every channel.

    By a head that is fitted on the series themselves, which takes seconds, or by another forecaster.
    """
    history = service.samples(request.series)
    with service.slow:
        ready: Any
        if request.backbone is not None:
            ready = api.load_backbone(request.backbone)
        else:
            ready = api.fit_forecaster(history, request.horizon, model=service.model, refit=request.retrieval == "none")
        if request.retrieval != "none":
            ready = api.with_neighbours(
                ready, service.index, service.encoder, history, request.horizon, retrieval=request.retrieval
            )
        found = api.forecast(history, request.horizon, model=ready)
    return ForecastAnswer(forecasts=[OneForecast(**api.forecast_to_json(one)) for one in found])


@router.post("/series/read", openapi_extra=CSV)
def read(body: Annotated[bytes, Depends(_whole)], service: Served) -> SeriesRead:
    """A CSV as series: a time column and one a channel, headed `name` or `name [unit]`; or id, time, channel, value."""
    with tempfile.TemporaryDirectory(prefix="tracets-") as folder:
        file = Path(folder) / "series.csv"
        file.write_bytes(body)
        try:
            found = list(api.read(file))
        except DataError as error:
            raise DataError(str(error).replace(str(file), "the CSV")) from None
    return SeriesRead(
        series=[
            Series(
                id=one.id, values=rows_of(one.values), channel_names=list(one.channel_names), units=list(one.units),
                start=one.start, freq=one.freq,
            )
            for one in found
        ]
    )  # fmt: skip


@router.post("/describe")
def describe(request: DescribeRequest, service: Served) -> DescribeAnswer:
    """Say in words what series do, each number from the data."""
    said = api.caption_samples(service.samples(request.series), seed=request.seed)
    return DescribeAnswer(
        descriptions=[
            Description(id=one.id, text=one.text, channels=dict(zip(one.channel_names, one.channel_texts, strict=True)))
            for one in said
        ]
    )
