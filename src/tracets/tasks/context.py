"""Which texts say nearly the same, so that one is no negative for the other."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\d_]+|-?\d+(?:\.\d+)?")
_MINUS = "\u2212"


def text_similarity(a: Sequence[str], b: Sequence[str]) -> NDArray[np.float32]:
    """Cosine of the word counts (numbers are words) of each text of `a` with each of `b`: (n, m), in [0, 1].

    A count of words tells "-10.1" from "10.1", which a frozen sentence vector does not; and it needs no training.

    >>> text_similarity(["a low of 3"], ["a low of 3", "a low of 4"]).round(2).tolist()
    [[1.0, 0.75]]
    """
    place: dict[str, int] = {}
    bags = [[[place.setdefault(w, len(place)) for w in _words(t)] for t in side] for side in (a, b)]
    left, right = (_rows(side, len(place)) for side in bags)
    return left @ right.T


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


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace(_MINUS, "-"))


def _rows(bags: list[list[int]], width: int) -> NDArray[np.float32]:
    out = np.zeros((len(bags), max(width, 1)), np.float32)
    for row, bag in zip(out, bags, strict=True):
        np.add.at(row, bag, 1.0)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
