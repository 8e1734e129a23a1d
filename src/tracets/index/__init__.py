"""The index on disk: windows, vectors and text in a LanceDB table, bound to the model that made the vectors."""

from __future__ import annotations

from tracets.index.folder import IndexFolder, StoredSeries, StoredTexts
from tracets.index.manifest import Manifest
from tracets.index.rows import Rows

__all__ = ["IndexFolder", "Manifest", "Rows", "StoredSeries", "StoredTexts"]
