"""Who writes the texts of a corpus: the manners that are built in, and captioners of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from tracets.data.captions.caption import caption
from tracets.data.captions.phrased import Captions
from tracets.plugins import installed, named
from tracets.types import Sample

GROUP = "tracets.captioners"


@dataclass(frozen=True)
class Captioner:
    """Writes the texts of a window from its numbers.

    Parameters
    ----------
    name : str
        What `style=` and `--style` call it.
    caption : callable
        (sample, seed) -> Captions: a text and one a channel, in the order of the channels, none of them empty; the same
        for the same sample and seed. It reads values, names, units, start and step, never the sample's texts.
    about : str
        One line for people.
    """

    name: str
    caption: Callable[[Sample, int], Captions]
    about: str


def _in_style(style: str, sample: Sample, seed: int) -> Captions:
    return caption(sample, seed=seed, style=style)


_ABOUT = {
    "numbers": "sentences with numbers on level, shape, times and other channels",
    "crowd": "short phrases without numbers on the shape",
    "narrative": "block by block, in words, by part of the day where the clock is known",
    "report": "the latest step against earlier ones, as a bulletin would",
}
BUILT_IN = tuple(Captioner(style, partial(_in_style, style), about) for style, about in _ABOUT.items())


@lru_cache(maxsize=1)
def known_captioners() -> dict[str, Captioner]:
    """All captioners by name: the manners of `caption`, and entry points of the group "tracets.captioners"."""
    return installed(GROUP, BUILT_IN, kind="captioners")


def caption_corpus(
    samples: Iterable[Sample], *, seed: int = 0, overwrite: bool = False, style: str = "numbers"
) -> Iterator[Sample]:
    """Caption every sample, one at a time.

    Texts that are there stay as they are, each on its own (a sample with a report keeps it and gets channel texts),
    unless `overwrite` is set.

    Parameters
    ----------
    style : str, default="numbers"
        One of `known_captioners()`.

    Raises
    ------
    NotFound
        No such captioner; names those that there are.
    """
    captioner = named(known_captioners(), style, kind="captioner", group=GROUP)
    for sample in samples:
        if not overwrite and sample.text and all(sample.channel_texts):
            yield sample
            continue
        new = captioner.caption(sample, seed)
        if overwrite:
            yield replace(sample, text=new.text, channel_texts=new.channel_texts)
            continue
        pairs = zip(sample.channel_texts, new.channel_texts, strict=True)
        yield replace(sample, text=sample.text or new.text, channel_texts=tuple(old or made for old, made in pairs))
