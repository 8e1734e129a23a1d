"""`tracets watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tracets import api
from tracets.cli.show import Backend, Json, Model, backend_of, json_line, note
from tracets.types import LOOK_SECONDS


def watch(
    folder: Annotated[Path, typer.Argument(help="The folder that files arrive in.")],
    index: Annotated[Path, typer.Argument(help="The index folder; made from the first file where there is none.")],
    once: Annotated[bool, typer.Option("--once", help="Index what is there, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = LOOK_SECONDS,
    model: Model = "base",
    backend: Backend = None,
    as_json: Json = False,
) -> None:
    """Index files as they arrive in a folder, each once; a file that cannot be read is said and set aside."""

    def report(seen: Any) -> None:
        if as_json:
            json_line(seen.to_json())
        if seen.outcome == "refused" or not as_json:
            note(str(seen))

    api.watch(folder, index, api.load(model, backend=backend_of(backend)), once=once, every=every, report=report)
