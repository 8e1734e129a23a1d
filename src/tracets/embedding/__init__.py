"""Vectors of whole corpora: of one file, or of a folder or bucket of Parquet, in this process or on a Ray cluster."""

from __future__ import annotations

from tracets.embedding.folder import VectorFolder, embed_folder
from tracets.embedding.vectors import embed, embed_to_file

__all__ = ["VectorFolder", "embed", "embed_folder", "embed_to_file"]
