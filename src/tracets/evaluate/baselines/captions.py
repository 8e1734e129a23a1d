"""Captions of a pool's series for baselines that search words, in another phrasing than any corpus has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracets.types import Sample

CAPTION_SEED = 1234
"""Corpora are captioned with small seeds; another one keeps a baseline from finding the very same sentences."""


def captions_of(samples: Sequence[Sample]) -> list[str]:
    """Caption each series from its own numbers; its text is not read."""
    from tracets.data.captions import caption

    return [caption(sample, seed=CAPTION_SEED).text for sample in samples]


Captioner = Callable[[Sequence[Sample]], list[str]]
