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


class MissingExtra(TracetsError, ImportError):
    """An optional dependency is not installed. Names the extra that brings it."""


class CaptionError(TracetsError, RuntimeError):
    """A language model refused, or never answered in the right shape. Never holds a key."""


class ShortAnswer(UserWarning):
    """A warning, no error: a search found fewer windows than it was asked for, and why there are no more.

    `asked` and `found` are numbers of windows, `why` is the reason. To make it an error:
    ``warnings.simplefilter("error", ShortAnswer)``.
    """

    def __init__(self, asked: int, found: int, why: str) -> None:
        super().__init__(f"asked for {asked} windows, found {found}: {why}")
        self.asked, self.found, self.why = asked, found, why

    def __reduce__(self) -> tuple[type[ShortAnswer], tuple[int, int, str]]:
        return type(self), (self.asked, self.found, self.why)  # an error in another process arrives whole
