"""An extension of IPython, `%load_ext tracets.integrations.notebook`: lists of hits are shown as tables.

Single samples, hits, corpora, indexes and explanations show themselves without it; a list is Python's own, and only
IPython can be told how to show one.
"""

from __future__ import annotations

from typing import Any

from tracets import api
from tracets.types import Hit

HTML = "text/html"


def load_ipython_extension(shell: Any) -> None:
    """Show lists of hits as tables; whatever showed lists before still shows all others."""
    formatter = shell.display_formatter.formatters[HTML]
    before = formatter.lookup_by_type(list) if list in formatter.type_printers else None

    def show(given: list[Any]) -> str | None:
        if given and all(isinstance(one, Hit) for one in given):
            return api.hits_to_html(given)
        return None if before is None else before(given)

    formatter.for_type(list, show)
