"""Chance that is the same on every machine, in every order and after every interruption."""

from __future__ import annotations

import hashlib


def draw(seed: int, *about: object) -> float:
    """A number in [0, 1) that follows from a seed and from what is drawn.

    >>> draw(0, "event", 7) == draw(0, "event", 7) != draw(0, "event", 8)
    True
    """
    told = "|".join(map(str, (seed, *about))).encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:6]) / 2**48
