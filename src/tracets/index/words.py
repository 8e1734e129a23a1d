"""Full text: the words of many texts with their BM25 weights, kept on disk and memory-mapped.

The weights are made by the library bm25s, which takes seconds for 100,000 texts; a question then adds up a few rows of
them. They are derived: a folder `words-KEY` belongs to the texts that KEY stands for, is never changed, and may be
deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracets.types import FloatArray

K1, B = 1.5, 0.75
PREFIX = "words-"
FILES = {"weights": np.float32, "texts": np.int32, "ends": np.int64}
VOCABULARY = "vocabulary.json"
ABOUT = "about.json"
LEFT_OVER = 3600
"""Seconds after which a folder that was being written was left by a process that was killed."""

# A number with its sign and fraction is one word: "-10.1" must not match "10.1".
_WORD = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?|[^\W_]+")


def words(text: str) -> list[str]:
    """Split into lower-case words and whole numbers.

    >>> words("A low of -10.1 °C at 03:00.")
    ['a', 'low', 'of', '-10.1', 'c', 'at', '03', '00']
    """
    return _WORD.findall(text.lower())


@dataclass(frozen=True, eq=False)
class Words:
    """What each word adds to the score of each of n texts.

    `vocabulary` the number of each word; word w adds `weights[ends[w]:ends[w + 1]]` to the texts
    `texts[ends[w]:ends[w + 1]]`, which are different.
    """

    vocabulary: Mapping[str, int]
    weights: FloatArray
    texts: NDArray[np.int32]
    ends: NDArray[np.int64]
    n: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """BM25 in Lucene's variant: k1 = 1.5, b = .75, and ln(1 + (n - f + .5) / (f + .5)) for a word in f of n texts.

        Source: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009); made by bm25s (Lù, 2024).
        """
        split = [words(text) for text in texts]
        if not any(split):
            return cls({}, np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(1, np.int64), len(texts))
        import bm25s

        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        index.index(split, show_progress=False)
        found = index.scores
        vocabulary = {str(word): int(number) for word, number in index.vocab_dict.items()}
        weights, places = np.asarray(found["data"], np.float32), np.asarray(found["indices"], np.int32)
        return cls(vocabulary, weights, places, np.asarray(found["indptr"], np.int64), len(texts))

    def scores(self, question: str) -> NDArray[np.float64]:
        """The score of every text for a question, (n,); 0 for a text with none of its words. A word said twice counts
        twice.
        """
        found = np.zeros(self.n)
        for word in words(question):
            number = self.vocabulary.get(word)
            if number is not None:
                part = slice(self.ends[number], self.ends[number + 1])
                found[self.texts[part]] += self.weights[part]
        return found


def kept_words(index: Path, key: str, texts: Callable[[], Sequence[str]]) -> Words:
    """The words kept under a key in an index folder; made from `texts()` where they are missing or damaged.

    They are written whole or not at all, and take the place of those under other keys. Where the folder cannot be
    written to they live as long as the process.
    """
    folder = index / f"{PREFIX}{key}"
    found = open_words(folder)
    if found is not None:
        return found
    made = Words.of(texts())
    building = index / f".{folder.name}.{os.getpid()}"
    with contextlib.suppress(OSError):
        shutil.rmtree(building, ignore_errors=True)
        try:
            _write(building, made)
            shutil.rmtree(folder, ignore_errors=True)  # it is damaged, or was made meanwhile from the same texts
            os.replace(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        old = time.time() - LEFT_OVER
        left = [path for path in index.glob(f".{PREFIX}*") if path.stat().st_mtime < old]
        for other in (*index.glob(f"{PREFIX}*"), *left):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
    return made


def open_words(folder: Path) -> Words | None:
    """Map kept words; None where a file is missing or is not as it was written."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        data = (folder / VOCABULARY).read_bytes()
        if zlib.crc32(data) != about["sums"][VOCABULARY]:
            return None
        flat: dict[str, NDArray[Any]] = {}
        for name, kind in FILES.items():
            path = folder / name
            flat[name] = np.asarray(np.memmap(path, kind, "r")) if path.stat().st_size else np.zeros(0, kind)
            if zlib.crc32(flat[name].data) != about["sums"][name]:
                return None
        return Words(json.loads(data), **flat, n=int(about["n"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(folder: Path, found: Words) -> None:
    folder.mkdir()
    sums = {}
    for name, kind in FILES.items():
        data = np.ascontiguousarray(getattr(found, name), kind).tobytes()
        (folder / name).write_bytes(data)
        sums[name] = zlib.crc32(data)
    data = json.dumps(found.vocabulary, ensure_ascii=False).encode()
    (folder / VOCABULARY).write_bytes(data)
    sums[VOCABULARY] = zlib.crc32(data)
    (folder / ABOUT).write_text(json.dumps({"n": found.n, "sums": sums}), encoding="utf-8")
