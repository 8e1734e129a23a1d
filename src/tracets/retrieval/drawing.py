"""Hits that can draw themselves: what reads their values is given to them by the search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracets.retrieval.stored import Index
from tracets.types import Hit, Span

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True, eq=False)
class DrawnFrom:
    """Draws hits of an index, as it was when they were found."""

    index: Index

    def __call__(self, hit: Hit) -> Figure:
        from tracets.figures import hit_figure
        from tracets.retrieval.places import values_of

        found = values_of(self.index, [hit]) if isinstance(hit, Span) else self.index.folder.samples([hit.id])
        return hit_figure(hit, found[0])

    def __deepcopy__(self, memo: dict[int, Any]) -> DrawnFrom:
        return self  # a copy of a hit is drawn from the same index

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()  # an open index does not travel with its hits to other processes


def _nothing() -> None:
    return None
