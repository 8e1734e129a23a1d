"""Every error that tracets raises on purpose: what was asked, what came, what to do.

Each class is also a builtin error, so that code which never heard of tracets can still catch it.
"""

from __future__ import annotations

import re

MOST_CHARS = 2_000
"""Of an error's text: a file may have names and lists of any length."""

STEERING = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
"""A pattern of the characters that a terminal would obey or hide: controls, those that reorder text, and half pairs."""
_STEERING = re.compile(STEERING)


def visible(text: str) -> str:
    """Text from outside as a terminal may show it: control characters and those that reorder text are spelled out.

    Lines and tabs stay as they are.

    Examples
    --------
    >>> visible("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class TracetsError(Exception):
    """Base of every error raised on purpose. Its text is one sentence for the user, with the fix.

    What it quotes comes from files and arguments: characters that a terminal would obey are spelled out, and a text
    of any length is cut in its middle.
    """

    def __str__(self) -> str:
        text = visible(super().__str__())
        if len(text) <= MOST_CHARS:
            return text
        return f"{text[: MOST_CHARS // 2]} [...] {text[-MOST_CHARS // 2 :]}"


class DataError(TracetsError, ValueError):
    """Input data breaks the corpus contract. Names the file, series and row where they are known."""


class NothingMade(DataError):
    """The data allow no row of a table. Says why for the first of them."""


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


class SourceError(TracetsError, OSError):
    """A database or server cannot be reached, refuses, or answers in a wrong shape. Never holds a password or token."""


class DownloadError(TracetsError, OSError):
    """A file cannot be had from the network, or is not in the cache while offline. Names it, and what to do."""


class MissingExtra(TracetsError, ImportError):
    """An optional dependency is not installed. Names the extra that brings it."""


class CaptionError(TracetsError, RuntimeError):
    """A language model refused, or never answered in the right shape. Never holds a key."""


class SearchedExactly(UserWarning):
    """A warning, no error: what an index engine made for an index cannot be used here, so that every window is scored.

    Nothing is missed by it, but a search of a large index takes longer. It says which package is missing.
    """


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
