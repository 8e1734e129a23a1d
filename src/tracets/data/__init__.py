"""Data at the door: corpora, readers, windows and batches."""

from tracets.data.calendar import step_seconds
from tracets.data.collate import collate
from tracets.data.corpus import Corpus, read_corpus, write_corpus

__all__ = ["Corpus", "collate", "read_corpus", "step_seconds", "write_corpus"]
