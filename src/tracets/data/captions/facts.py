"""What can be truly said of a window: typed facts with the exact numbers they state.

`reader.read_facts` measures once; phrasing is seeded and cheap and comes later,
so that captions can be drawn anew at every epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tracets.data.captions.clock import Clock


@dataclass(frozen=True)
class Fact:
    """One true statement about a window.

    Parameters
    ----------
    kind : str
        What is stated ("level", "trend", ...); see `channel_facts.KINDS` and `cross_facts.KINDS`.
    channel : str or None
        The channel it is about; None for a statement across channels.
    numbers : mapping of str to float
        Every number that may be stated. Keys that end in `_step` are step indices (from 0), in `_steps` durations in
        steps, in `_share` shares in [0, 1]; the rest are in the channel's raw unit or counts.
    variant : str
        The qualitative form ("rise_fall"), decided by the thresholds in `words.THRESHOLDS`.
    others : tuple of str
        The channels that a cross-channel fact names, in the order of its numbers.
    salience : float
        How much it says about this window, about 0 to 1; captions prefer salient facts.
    """

    kind: str
    channel: str | None
    numbers: Mapping[str, float] = field(default_factory=dict)
    variant: str = ""
    others: tuple[str, ...] = ()
    salience: float = 0.5


@dataclass(frozen=True)
class ChannelView:
    """One channel as its facts saw it.

    `decimals` is the rounding of single values: fine enough for a fiftieth of the range, never finer than the data's
    own resolution. Means get one more where the data's resolution was the limit.
    """

    name: str
    unit: str | None
    decimals: int
    mean_decimals: int


@dataclass(frozen=True)
class WindowFacts:
    """Everything that `phrase` needs of a sample to tell it in `style`; the values are no longer needed."""

    id: str
    clock: Clock
    channels: tuple[ChannelView, ...]
    facts: tuple[Fact, ...]
    style: str = "numbers"

    def of(self, channel: str | None) -> tuple[Fact, ...]:
        """The facts about one channel, or across channels for None."""
        return tuple(f for f in self.facts if f.channel == channel)


class ChannelFact(Protocol):
    """Makes a fact of one channel from its kind, variant, salience and numbers."""

    def __call__(self, kind: str, variant: str = "", salience: float = 0.5, **numbers: float) -> Fact: ...


class CrossFact(Protocol):
    """Makes a fact across the channels named in `others`."""

    def __call__(
        self, kind: str, others: tuple[str, ...], variant: str = "", salience: float = 0.5, **numbers: float
    ) -> Fact: ...
