"""The commands, and what becomes of errors."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, cast

import typer

from tracets import __version__, api
from tracets.cli import classify, data, evaluate, index, search, serve, train
from tracets.cli.demo import demo
from tracets.cli.forecast import forecast
from tracets.cli.mcp import mcp
from tracets.cli.reproduce import reproduce
from tracets.cli.show import note, set_limits
from tracets.cli.watch import watch
from tracets.errors import SearchedExactly, ShortAnswer, TracetsError, visible

app = typer.Typer(
    name="tracets",
    help="Ask your time series questions in words.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help by rich takes twice as long to appear
)
app.command()(demo)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("export")(train.export)
app.add_typer(evaluate.app, name="evaluate")
app.command("embed")(search.embed)
app.command("index", cls=index.Forked)(search.index)
app.command("watch")(watch)
app.command("search")(search.search)
app.command("explain")(search.explain)
app.command("classify")(classify.classify)
app.command("forecast")(forecast)
app.command("serve")(serve.serve)
app.add_typer(serve.app, name="keys")
app.command("mcp")(mcp)
app.command("reproduce")(reproduce)

# What the parser raises for a misspelt option. The class belongs to click or to typer itself, by the version of typer.
UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tracets {__version__}")
        raise typer.Exit


@app.callback()
def options(
    say_version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_say_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 = as many as there are.", min=0)] = 0,
    file_limit: Annotated[
        list[str] | None,
        typer.Option(
            "--file-limit",
            metavar="NAME=VALUE",
            help="What files may hold at most, such as rows=1000; may be repeated.",
        ),
    ] = None,
) -> None:
    """Options that come before any command."""
    if threads:
        api.set_threads(threads)
    set_limits(file_limit or ())


class _Notes(logging.Handler):
    """Warnings of the library, such as windows left out, as notes on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


_shown = warnings.showwarning


def _show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """What a search says of itself as a note on stderr; other warnings as ever."""
    if issubclass(category, ShortAnswer | SearchedExactly):
        note(str(message))
    else:
        _shown(message, category, *where, **more)


@lru_cache(maxsize=1)
def command() -> Callable[..., Any]:
    """The parser of all commands, made once a process: to make it takes longer than a small search."""
    return typer.main.get_command(app)


def main() -> None:
    """Run the command line; exit 2 with one line on stderr for an error that the user can mend."""
    logging.getLogger("tracets").handlers = [_Notes()]
    # the models and tokenizers are on this disk; nothing may ask the network in the middle of a search
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ShortAnswer)
            warnings.showwarning = _show
            sys.exit(command()(prog_name="tracets", standalone_mode=False))
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:  # `tracets search ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (TracetsError, UsageError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        if said := _said(error):
            typer.echo(f"tracets: {said}", err=True)
        sys.exit(2)


def _said(error: Exception) -> str:
    """One line with the fix; empty where the help page was the answer (a command without arguments)."""
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help page
        typer.echo(error.ctx.get_help())  # type: ignore[attr-defined]
        return ""
    if isinstance(error, UsageError):
        message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        where = error.ctx.command_path if error.ctx is not None else "tracets"  # type: ignore[attr-defined]
        return visible(f"{message}. See: {where} --help") if message else ""
    if isinstance(error, OSError) and not isinstance(error, TracetsError):
        if error.strerror is None:  # those of Arrow have their text alone
            return visible(" ".join(str(error).split()))
        return visible(f"{error.strerror}: '{error.filename}'. Check the path and its permissions.")
    return " ".join(str(error).split())
