"""The score in torch against the one that searches, and both against a double loop over python floats."""

import numpy as np
import pytest
import torch

from tracets.nn.scores import late_interaction, own_interaction
from tracets.retrieval.scores import series_bank, text_bank, text_to_series
from tracets.types import SeriesVectors, TextVectors

DIM, PER_CHANNEL = 6, 2
CHANNELS = [3, 1, 2, 3]
SENTENCES = [2, 1, 4]
DEAD = [(0, 1), (1, 0), (3, 2)]  # (series, channel); series 1 has no other


def unit(rng, *shape):
    x = rng.normal(size=(*shape, DIM)).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    channels = [unit(rng, c, PER_CHANNEL) for c in CHANNELS]
    for i, c in DEAD:
        channels[i][c] = 0
    series = SeriesVectors(unit(rng, len(CHANNELS)), tuple(channels))
    sentences = tuple(unit(rng, s) for s in SENTENCES)
    return TextVectors(unit(rng, len(SENTENCES)), sentences, tuple(("",) * s for s in SENTENCES)), series


def as_trained(texts, series):
    """The same vectors as the towers give them: all sentences in order with their owners, channels padded."""
    sentences = torch.from_numpy(np.concatenate(texts.sentences))
    owner = torch.arange(len(texts)).repeat_interleave(torch.tensor(SENTENCES))
    channels = torch.zeros(len(series), max(CHANNELS), PER_CHANNEL, DIM)
    alive = torch.zeros(len(series), max(CHANNELS), dtype=torch.bool)
    for i, c in enumerate(series.channels):
        channels[i, : len(c)], alive[i, : len(c)] = torch.from_numpy(c), torch.from_numpy(c.any((1, 2)))
    return sentences, owner, channels, alive


def slow(texts, series, weight):
    out = np.zeros((len(texts), len(series)))
    for i, sentences in enumerate(texts.sentences):
        for j, channels in enumerate(series.channels):
            total = 0.0
            for sentence in sentences:
                best = -1.0
                for channel in channels:
                    for vector in channel:
                        if any(vector):
                            best = max(best, sum(float(a) * float(b) for a, b in zip(sentence, vector, strict=True)))
                total += best
            whole = sum(float(a) * float(b) for a, b in zip(texts.sample[i], series.sample[j], strict=True))
            out[i, j] = weight * whole + (1 - weight) * total / len(sentences)
    return out


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_training_and_search_give_one_score(vectors, weight):
    texts, series = vectors
    expected = slow(texts, series, weight)
    late = late_interaction(*as_trained(texts, series), n_texts=len(texts)).numpy()
    trained = weight * texts.sample @ series.sample.T + (1 - weight) * late
    names = [[f"c{k}" for k in range(c)] for c in CHANNELS]
    searched = text_to_series(text_bank(texts), series_bank(series, names), sample_weight=weight)
    np.testing.assert_allclose(trained, expected, atol=1e-6)
    np.testing.assert_allclose(searched, expected, atol=1e-6)


def test_a_series_with_no_living_channel_matches_nothing(vectors):
    sentences, owner, channels, alive = as_trained(*vectors)
    assert not alive[1].any()
    late = late_interaction(sentences, owner, channels, alive, n_texts=3)
    assert late[:, 1].tolist() == [-1.0] * 3 and (late[:, [0, 2, 3]] > -1).all()


def test_dead_channels_score_nothing(vectors):
    sentences, owner, channels, alive = as_trained(*vectors)
    before = late_interaction(sentences, owner, channels, alive, n_texts=3)
    channels[~alive] = 7.0
    assert torch.equal(late_interaction(sentences, owner, channels, alive, n_texts=3), before)


def test_sentences_come_in_any_order(vectors):
    sentences, owner, channels, alive = as_trained(*vectors)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    before = late_interaction(sentences, owner, channels, alive, n_texts=3)
    after = late_interaction(sentences[order], owner[order], channels, alive, n_texts=3)
    torch.testing.assert_close(after, before)


def test_gradient_goes_to_the_best_channel_only(vectors):
    sentences, owner, channels, alive = as_trained(*vectors)
    channels.requires_grad_()
    late_interaction(sentences[:1], owner[:1], channels, alive, n_texts=1)[0, 0].backward()
    cosine = (channels[0].detach() @ sentences[0]).masked_fill(~alive[0, :, None], -2)
    best = (cosine == cosine.max()).nonzero().tolist()
    assert channels.grad[0].any(-1).nonzero().tolist() == best and not channels.grad[1:].any()


def test_each_text_with_its_own_series(vectors):
    sentences, owner, channels, alive = as_trained(*vectors)
    every = late_interaction(sentences, owner, channels, alive, n_texts=3)
    asked = torch.tensor([2, 1, 0])
    own = own_interaction(sentences, owner, channels[asked], alive[asked])
    torch.testing.assert_close(own, every[torch.arange(3), asked])
    shifted = own_interaction(sentences, owner - 1, channels[asked[1:]], alive[asked[1:]])
    torch.testing.assert_close(shifted, own[1:])
