"""Every error that tracets raises on purpose: what was asked, what came, what to do.

Each class is also a builtin error, so that code which never heard of tracets can still catch it.
"""

from __future__ import annotations


class TracetsError(Exception):
    """Base of every error raised on purpose. Its text is one sentence for the user, with the fix."""


class DataError(TracetsError, ValueError):
    """Input data breaks the corpus contract. Names the file, series and row where they are known."""


class ConfigError(TracetsError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class ModelError(TracetsError, ValueError):
    """A model folder is missing, damaged, or of a format that this version cannot read."""


class IndexFolderError(TracetsError, ValueError):
    """An index folder is missing, damaged, or bound to another model."""


class QueryError(TracetsError, ValueError):
    """A query asks for something that the index or the model does not have."""


class NotFound(TracetsError, LookupError):
    """An id, a model name, a recipe or a reader that does not exist."""


class StorageError(TracetsError, OSError):
    """A folder or bucket cannot be listed, read or written. Names it, and what to check."""


class MissingExtra(TracetsError, ImportError):
    """An optional dependency is not installed. Names the extra that brings it."""


class CaptionError(TracetsError, RuntimeError):
    """A language model refused, or never answered in the right shape. Never holds a key."""
