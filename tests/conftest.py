"""Shared by all tests: no network, one thread a test process, and the optional corpora beside the checkout."""

import os
import socket
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in ("local", "127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {host}; tests run offline")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def shared_data() -> Path:
    """The evaluation corpora beside the checkout; tests that need them skip without."""
    if not SHARED.is_dir():
        pytest.skip(f"no evaluation corpora at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def minilm():
    """The frozen sentence encoder that models use by default, loaded once."""
    from tracets.encoders.backbone import TextBackbone

    return TextBackbone()


class WordBackbone:
    """Stands for the frozen sentence encoder where a test needs no meaning: a fixed vector for each word."""

    name, dim = "words", 16

    def states(self, sentences):
        import numpy as np
        import torch

        out = []
        for sentence in sentences:
            words, numbers, at = [np.zeros(self.dim)], [np.nan], 0
            numbers_at = dict(zip(sentence.places, sentence.values, strict=True))
            for word in sentence.words.split(" "):
                words.append(np.random.default_rng(list(word.encode())).normal(size=self.dim))
                inside = [v for place, v in numbers_at.items() if at <= place < at + len(word)]
                numbers.append(inside[0] if inside else np.nan)
                at += len(word) + 1
            out.append((torch.tensor(np.array(words)).half(), torch.tensor(numbers, dtype=torch.float32)))
        return out

    def pooled(self, texts):
        import torch

        from tracets.encoders.sentences import Sentence

        states = [s.float().mean(0) for s, _ in self.states(Sentence(text) for text in texts)]
        return torch.nn.functional.normalize(torch.stack(states), dim=-1)


@pytest.fixture(scope="session")
def word_backbone():
    return WordBackbone()


@pytest.fixture
def tiny_model(word_backbone):
    """A function that makes an untrained model of width 16, with series settings changed by name."""
    import torch

    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig

    def make(*, seed=0, backbone=word_backbone, **series):
        torch.manual_seed(seed)
        sizes = {"dim": 16, "heads": 2, "layers": 2, "patch": 4, "vectors": 2}
        config = ModelConfig(dim=16, series=SeriesConfig(**sizes | series), text=TextConfig(dim=16, heads=2))
        return TraceModel(config, name="tiny", backbone=backbone)

    return make
