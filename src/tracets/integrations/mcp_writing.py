"""Tools of the MCP server that change an index: they are there only where whoever started it has said so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from tracets import api
from tracets.errors import DataError
from tracets.types import AnyPath, Sample

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from tracets.api import PairEncoder

MOST_WINDOWS, MOST_VALUES = 64, 200_000
"""Of one call, which an agent writes word by word."""
Word = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class Window(BaseModel):
    """A window to store: a row of values a channel, in raw units, null where missing."""

    model_config = ConfigDict(extra="forbid")

    id: Word
    values: list[list[FiniteFloat | None]] = Field(min_length=1, max_length=1_000)
    channel_names: list[Word]
    units: list[Word | None] = []
    start: datetime | None = Field(None, description="Time of the first step, with its offset from UTC if known.")
    freq: Word | None = Field(None, description="Sampling step as a pandas offset, such as h or 30min.")
    text: Text | None = Field(None, description="A report of the window.")
    label: Word | None = None
    metadata: dict[Word, str | bool | int | FiniteFloat | None] = {}


def add_writing_tools(
    server: MCPServer[Any],
    index: AnyPath,
    encoder: PairEncoder,
    answered: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]],
) -> None:
    """Give a server the tools `add` and `delete`; `answered` fences what they say and tells mistakes with their fix."""
    from mcp.types import ToolAnnotations

    def changing(*, destructive: bool) -> ToolAnnotations:
        return ToolAnnotations(
            read_only_hint=False, destructive_hint=destructive, idempotent_hint=False, open_world_hint=False
        )

    @server.tool(annotations=changing(destructive=False))
    def add(
        windows: Annotated[list[Window], Field(min_length=1, max_length=MOST_WINDOWS)],
    ) -> dict[str, Any]:
        """Store windows in one commit: all of them, or none. An id that is there already is refused."""
        return answered(lambda: _told(api.add_to_index(index, _samples(windows), encoder)))

    @server.tool(annotations=changing(destructive=True))
    def delete(ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_WINDOWS)]) -> dict[str, Any]:
        """Delete stored windows by their ids in one commit. An id that is not there is refused, and nothing deleted."""
        return answered(lambda: _told(api.delete_from_index(index, ids)))


def _told(changed: Any) -> dict[str, Any]:
    return {"added": changed.added, "deleted": changed.deleted, "windows": len(changed.index)}


def _samples(windows: list[Window]) -> list[Sample]:
    count = sum(len(row) for window in windows for row in window.values)
    if count > MOST_VALUES:
        raise DataError(f"a call may hold {MOST_VALUES} values, got {count}. Send fewer windows at a time.")
    return [_sample(window) for window in windows]


def _sample(window: Window) -> Sample:
    import numpy as np

    lengths = sorted({len(row) for row in window.values})
    if len(lengths) > 1:
        raise DataError(f"window '{window.id}': the rows of values must have one length, got {lengths[:5]}.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a sample refuses
        values = np.array(window.values, dtype=np.float64).astype(np.float32)
    return Sample(
        window.id, values, tuple(window.channel_names), units=tuple(window.units), start=window.start,
        freq=window.freq, text=window.text, label=window.label, metadata=window.metadata,
    )  # fmt: skip
