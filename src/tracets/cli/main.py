"""The commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tracets.cli import data, evaluate, search, train
from tracets.cli.demo import demo
from tracets.errors import TracetsError

app = typer.Typer(
    name="tracets",
    help="Ask your time series questions in words.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.add_typer(evaluate.app, name="evaluate")
app.command("embed")(search.embed)
app.command("index")(search.index)
app.command("search")(search.search)
app.command("explain")(search.explain)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 = as many as there are.", min=0)] = 0,
) -> None:
    """Options that come before any command."""
    if threads:
        from tracets import api

        api.set_threads(threads)


def main() -> None:
    """Run the command line; exit 2 with one line on stderr for an error that the user can mend."""
    # the models and tokenizers are on this disk; nothing may ask the network in the middle of a search
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except TracetsError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"tracets: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # `tracets search ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
