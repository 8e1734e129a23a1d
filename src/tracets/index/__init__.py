"""The index on disk: windows, vectors and text in a LanceDB table, bound to the model that made the vectors."""

from __future__ import annotations

from tracets.index.folder import IndexFolder, Written
from tracets.index.manifest import Manifest
from tracets.index.rows import Rows
from tracets.index.vectors import StoredSeries, StoredTexts

__all__ = ["IndexFolder", "Manifest", "Rows", "StoredSeries", "StoredTexts", "Written"]
