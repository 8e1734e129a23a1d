"""Text for a window from the window's own numbers: facts, their phrasings, and captions by a language model."""

from tracets.data.captions.caption import caption, phrase, phrase_sentences, with_captions
from tracets.data.captions.captioners import Captioner, caption_corpus, known_captioners
from tracets.data.captions.facts import ChannelView, Fact, WindowFacts
from tracets.data.captions.phrased import Captions
from tracets.data.captions.reader import STYLES, read_facts

__all__ = [
    "STYLES",
    "Captioner",
    "Captions",
    "ChannelView",
    "Fact",
    "WindowFacts",
    "caption",
    "caption_corpus",
    "known_captioners",
    "phrase",
    "phrase_sentences",
    "read_facts",
    "with_captions",
]
