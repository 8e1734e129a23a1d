"""Text for a window from the window's own numbers: facts, their phrasings, and captions by a language model."""

from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.reader import read_facts

__all__ = ["ChannelView", "Fact", "WindowFacts", "read_facts"]
