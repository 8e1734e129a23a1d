"""Which texts say nearly the same, so that one is no negative for the other."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]+|-?\d+(?:\.\d+)?")
_MINUS = "\u2212"


def text_similarity(a: Sequence[str], b: Sequence[str]) -> NDArray[np.float32]:
    """Cosine of the counts of words and pairs of neighbours of each text of `a` with each of `b`: (n, m), in [0, 1].

    Numbers are words. Words tell "-10.1" from "10.1" and pairs "rises then falls" from "falls then rises", which a
    frozen sentence vector does not; and counting needs no training.

    >>> text_similarity(["a low of 3"], ["a low of 3", "a low of 4"]).round(2).tolist()
    [[1.0, 0.71]]
    """
    bags = [_words(text) for text in (*a, *b)]
    known, columns = np.unique(np.concatenate([np.zeros(0, np.int64), *bags]), return_inverse=True)
    rows = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
    counts = np.bincount(rows * len(known) + columns, minlength=len(bags) * len(known)).reshape(len(bags), len(known))
    unit = counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
    return (unit[: len(a)] @ unit[len(a) :].T).astype(np.float32)


def same_meaning(
    a: Sequence[str],
    b: Sequence[str],
    *,
    labels_a: Sequence[str | None],
    labels_b: Sequence[str | None],
    same_text: float,
    same_label_text: float,
) -> NDArray[np.bool_]:
    """True where two texts are alike by `same_text`, or have one label and are alike by the lower `same_label_text`."""
    alike = text_similarity(a, b)
    one_label = np.array([[x is not None and x == y for y in labels_b] for x in labels_a], dtype=bool)
    return (alike >= same_text) | (one_label.reshape(alike.shape) & (alike >= same_label_text))


@lru_cache(maxsize=100_000)
def _words(text: str) -> NDArray[np.int64]:
    """The words and pairs of a text as checksums; the same texts come back at every pass of a training."""
    words = _WORD.findall(text.lower().replace(_MINUS, "-"))
    pairs = [f"{left} {right}" for left, right in itertools.pairwise(words)]
    return np.array([zlib.crc32(word.encode()) for word in words + pairs], dtype=np.int64)
