"""What phrasing gives back: sentences with the facts behind them, and captions, their texts alone."""

from __future__ import annotations

from dataclasses import dataclass

from tracets.data.captions.facts import Fact


@dataclass(frozen=True)
class Captions:
    """`text` for the whole window, `channel_texts` one a channel in the sample's order."""

    text: str
    channel_texts: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence and the facts that it states; what the tests recompute."""

    text: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Phrased:
    """Captions as sentences with their facts."""

    text: tuple[Sentence, ...]
    channels: tuple[tuple[Sentence, ...], ...]

    def captions(self) -> Captions:
        return Captions(_join(self.text), tuple(_join(c) for c in self.channels))


def _join(sentences: tuple[Sentence, ...]) -> str:
    return " ".join(s.text for s in sentences)
