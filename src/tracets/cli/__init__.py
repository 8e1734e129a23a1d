"""The command line. Answers go to stdout, progress to stderr; a user's error is one line with the fix and exit 2."""

from tracets.cli.main import main

__all__ = ["main"]
