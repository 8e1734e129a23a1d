"""`tracets reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tracets import api
from tracets.cli.show import Json, json_line, limits, note, printed
from tracets.errors import NothingMade

GROUPS = ("all", "tables", "figures")


def reproduce(
    table: Annotated[
        str,
        typer.Argument(
            help=f"A table: {', '.join(api.reproducible('tables'))}. "
            f"A figure: {', '.join(api.reproducible('figures'))}. Or several: {', '.join(GROUPS)}."
        ),
    ] = GROUPS[0],
    size: Annotated[
        Literal["smoke", "cpu", "paper"],
        typer.Option(
            help="How much is trained: smoke (a minute, says nothing), cpu (minutes a row), paper (a day a row)."
        ),
    ] = "smoke",
    out: Annotated[
        Path, typer.Option(help="The folder for TABLE.md, TABLE.json, TABLE.html and the rows made.")
    ] = Path("results"),
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="CORPUS", help="A corpus with splits; may be repeated. None: the built-in weather."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of trainings, draws and intervals.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a table or figure of the paper or of ours: numbers, intervals, pictures, and where they come from."""
    names = api.reproducible(table) if table in GROUPS else [table]  # type: ignore[arg-type]
    if table in GROUPS:
        note(f"makes {', '.join(names)}")
    made = 0
    for name in names:
        try:
            report = api.reproduce(name, out, size=size, data=data or (), seed=seed, limits=limits(), progress=note)
        except NothingMade as error:
            if name == names[-1] and not made:
                raise
            note(str(error))
            continue
        made += 1
        if as_json:
            json_line(report.to_json())
        else:
            printed(report.to_markdown())
        note(f"wrote {out / name}.md, .json and .html")
