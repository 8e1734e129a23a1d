"""`tracets mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracets.cli.show import note


def mcp(
    index: Annotated[Path, typer.Argument(help="An index folder.")],
    model: Annotated[str | None, typer.Option(help="By default the model that the index was built with.")] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP on the loopback, in place of stdin and stdout.")
    ] = False,
    port: Annotated[int, typer.Option(help="With --http.", min=0, max=65535)] = 8610,
    write: Annotated[
        bool, typer.Option("--write", help="Let the agent add and delete windows too; without, it can only look.")
    ] = False,
) -> None:
    """Let an agent search, describe, compare and continue the windows of an index, by the Model Context Protocol."""
    from tracets.integrations.mcp import mcp_server

    server = mcp_server(index, model=model, write=write)
    if not http:
        server.run("stdio")
        return
    note(f"serving {index} on http://127.0.0.1:{port}/mcp; stop with Ctrl-C")
    server.run("streamable-http", host="127.0.0.1", port=port)
