"""The text tower: plain softmax over each sentence, numbers as values, order, and nothing of the company."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tracets.encoders.model import TraceModel
from tracets.encoders.sentences import read_numbers
from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig
from tracets.encoders.text import pack_texts, sentences_of

TEXTS = [
    "A low of -10.1 °C. Dry; calm at 15:30",
    "Rain",
    "The wind rises then falls. The load falls. It stays high. It turns on day 3. Nothing else.",
    "",
    "7 days of rain",
]


def tower(word_backbone, *, width=16, seed=0, sample="apart", **text):
    torch.manual_seed(seed)
    config = ModelConfig(
        dim=16,
        sample=sample,
        series=SeriesConfig(dim=16, heads=2),
        text=TextConfig(**{"dim": width, "heads": 2} | text),
    )
    return TraceModel(config, name="tiny", backbone=word_backbone).eval()


def test_shapes_and_lengths(word_backbone):
    vectors = tower(word_backbone).encode_texts(TEXTS)
    assert vectors.sample.shape == (5, 16) and vectors.sample.dtype == np.float32
    assert [len(s) for s in vectors.sentences] == [3, 1, 5, 1, 1] == [len(s) for s in vectors.spans]
    assert vectors.spans[0] == ("A low of -10.1 °C.", "Dry;", "calm at 15:30") and vectors.spans[3] == ("",)
    for rows in (vectors.sample, *vectors.sentences):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=-1), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("choice", [{}, {"context_layers": 0}, {"numbers": False}, {"context_layers": 2}])
def test_company_changes_nothing(word_backbone, choice):
    model = tower(word_backbone, **choice)
    together, by_two = model.encode_texts(TEXTS), model.encode_texts(TEXTS[::-1], batch_size=2)
    for i, text in enumerate(TEXTS):
        alone = model.encode_texts([text])
        for vectors, at in ((together, i), (by_two, len(TEXTS) - 1 - i)):
            np.testing.assert_allclose(vectors.sample[at], alone.sample[0], atol=1e-5)
            np.testing.assert_allclose(vectors.sentences[at], alone.sentences[0], atol=1e-5)
            assert vectors.spans[at] == alone.spans[0]


def test_encoding_twice_is_identical_and_leaves_the_mode(word_backbone):
    model = tower(word_backbone, dropout=0.5).train()
    first, second = model.encode_texts(TEXTS), model.encode_texts(TEXTS)
    assert np.array_equal(first.sample, second.sample) and model.training


@pytest.mark.slow
def test_numbers_are_told_apart_by_their_value(minilm):
    """A frozen sentence encoder reads them nearly alike: here sign, size and decimals all count."""
    texts = [f"a low of {n} °C" for n in ("-10.1", "10.1", "10.4", "101", "1,010.1")]
    torch.manual_seed(0)
    model = TraceModel(ModelConfig(dim=16), name="small", backbone=minilm)
    vectors = np.concatenate(model.encode_texts(texts).sentences)
    apart = 1 - vectors @ vectors.T
    assert (apart[~np.eye(len(texts), dtype=bool)] > 1e-4).all()
    blind = TraceModel(ModelConfig(dim=16, text=TextConfig(numbers=False)), name="blind", backbone=minilm)
    alike = np.concatenate(blind.encode_texts(texts).sentences)
    np.testing.assert_allclose(alike, alike[:1].repeat(len(texts), 0), atol=1e-5)


def test_the_minus_sign_may_be_typographic(word_backbone):
    model = tower(word_backbone)
    hyphen, minus, plus = model.encode_texts([f"low of {n} °C" for n in ("-3", "\u22123", "3")]).sentences
    np.testing.assert_allclose(hyphen, minus, atol=1e-6)
    assert np.abs(hyphen - plus).max() > 1e-3


def test_numbers_beyond_single_precision_stay_finite(word_backbone):
    vectors = tower(word_backbone).encode_texts(["9" * 400, "1e60", "-" + "9" * 50 + " mm"])
    assert np.isfinite(vectors.sample).all()


def test_order_of_sentences_matters(word_backbone):
    model = tower(word_backbone, sample="cls")
    first, second = model.encode_texts(["It rises. It falls.", "It falls. It rises."]).sample
    assert np.abs(first - second).max() > 1e-4


@pytest.mark.slow
def test_order_of_words_matters_with_a_reading_backbone(minilm):
    torch.manual_seed(0)
    model = TraceModel(ModelConfig(dim=16), name="small", backbone=minilm)
    first, second = model.encode_texts(["it rises then falls", "it falls then rises"]).sample
    assert np.abs(first - second).max() > 1e-3


def slow_sentences(text, batch):
    """Each sentence by itself: a softmax over its tokens for each head, in plain loops."""
    from tracets.nn.features import value_features

    out = []
    heads, width = text.config.heads, text.config.dim // text.config.heads
    for m in range(len(batch.slot)):
        tokens = []
        for k in (batch.sentence == m).nonzero().squeeze(1).tolist():
            words = batch.states[k].float()
            x = text.project(words)
            if not math.isnan(batch.numbers[k]):
                x = x + text.value(value_features(batch.numbers[k]))
            tokens.append(x + text.token(x))
        pooled = torch.zeros(text.config.dim)
        for h in range(heads):
            logits = [float(text.weight(x)[h]) for x in tokens]
            total = sum(math.exp(v) for v in logits)
            part = slice(h * width, (h + 1) * width)
            for x, v in zip(tokens, logits, strict=True):
                pooled[part] += math.exp(v) / total * text.carry(x)[part]
        out.append(pooled + text.gathered(pooled))
    return torch.stack(out)


def test_sentences_are_pooled_by_a_softmax_of_their_own(word_backbone):
    model = tower(word_backbone)
    batch = pack_texts([sentences_of(t) for t in TEXTS], word_backbone)
    with torch.no_grad():
        torch.testing.assert_close(
            model.text._gather(model.text._tokens(batch), batch),
            slow_sentences(model.text, batch),
            atol=1e-5,
            rtol=1e-4,
        )


def test_numbers_claim_what_the_series_tower_would_say(word_backbone):
    """Each number adds, for every place in the channel vectors, its weight times what the series tower puts there."""
    from tracets.nn.features import value_features

    model = tower(word_backbone)
    batch = pack_texts([sentences_of(t) for t in TEXTS], word_backbone)
    claims, out = model.series.claims, model.dim
    with torch.no_grad():
        tokens = model.text._tokens(batch)
        slow = torch.zeros(len(batch.slot), out)
        for k in (~batch.numbers.isnan()).nonzero().squeeze(1).tolist():
            weights = model.text.claim(tokens[k]).view(len(claims), -1)  # (numbers, vectors)
            said = torch.einsum("f,nfv->nv", value_features(batch.numbers[k]), claims).view(len(claims), -1, out)
            slow[batch.sentence[k]] += torch.einsum("nv,nvo->o", weights, said) / weights.numel() ** 0.5
        torch.testing.assert_close(model.text._claimed(tokens, batch, claims), slow, atol=1e-5, rtol=1e-4)
    assert slow.abs().sum() > 0


@pytest.mark.parametrize(("text", "claimed"), [("low of -3", True), ("rain", False)])
def test_a_number_trains_its_place_in_the_series_tower(word_backbone, text, claimed):
    model = tower(word_backbone)
    _, sentences = model.read_texts(pack_texts([[text]], word_backbone))
    sentences[0, 0].backward()
    found = model.series.claims.grad
    assert (found is not None and bool(found.any())) == claimed


def test_large_weights_stay_finite(word_backbone):
    model = tower(word_backbone)
    with torch.no_grad():
        model.text.weight.weight.mul_(1e4)
    assert np.isfinite(model.encode_texts(TEXTS).sample).all()


def test_pack_by_hand(word_backbone):
    batch = pack_texts([["low of -3 °C", "dry"], ["7 mm"]], word_backbone)
    assert batch.sentence.tolist() == [0] * 5 + [1] * 2 + [2] * 3
    assert batch.numbers.nan_to_num(99).tolist() == [99, 99, 99, -3, 99, 99, 99, 99, 7, 99]
    assert batch.sentence_valid.tolist() == [[True, True], [True, False]]
    assert batch.slot.tolist() == [0, 1, 2] and batch.owner.tolist() == [0, 0, 1]
    assert batch.states.shape == (10, word_backbone.dim)


def test_every_dimension_of_the_token_states_is_read(word_backbone):
    """The released adapter keeps the first d of 384 dimensions."""
    model = tower(word_backbone, width=8)
    batch = pack_texts([["heavy rain"]], word_backbone)
    assert word_backbone.dim > model.text.config.dim
    states = batch.states.float().requires_grad_()
    whole, sentences = model.text(replace(batch, states=states))
    (whole[0, 0] + sentences[0, 0]).backward()
    assert (states.grad.abs().sum(0) > 0).all()


def test_every_trained_weight_gets_a_gradient(word_backbone):
    model = tower(word_backbone)
    whole, sentences = model.read_texts(pack_texts([sentences_of(t) for t in TEXTS], word_backbone))
    weights = torch.randn(16, generator=torch.Generator().manual_seed(0))
    ((whole @ weights).sum() + (sentences @ weights).sum()).backward()
    assert [name for name, p in model.text.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_vector_of_a_text_apart_comes_from_its_mean_state_and_does_not_pull_on_its_sentences(word_backbone):
    model = tower(word_backbone)
    said = [sentences_of(t) for t in TEXTS]
    whole, sentences = model.read_texts(pack_texts(said, word_backbone))
    for text, vector in zip(said, whole, strict=True):
        states = [word_backbone.states([read_numbers(s)])[0][0].float().mean(0) for s in text]
        mean = torch.nn.functional.normalize(torch.stack(states).mean(0), dim=0)
        expected = model.text.apart.straight(mean) + model.text.apart.bent(mean)
        torch.testing.assert_close(vector, torch.nn.functional.normalize(expected, dim=0), atol=1e-5, rtol=1e-4)
    whole.square().sum(0)[0].backward()
    moved = {name.partition(".")[0] for name, p in model.text.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"apart"} and sentences.requires_grad


def test_no_text_gives_no_vector(word_backbone):
    vectors = tower(word_backbone).encode_texts([])
    assert vectors.sample.shape == (0, 16) and vectors.sentences == () and vectors.spans == ()


def test_a_sentence_said_twice_is_read_once(word_backbone):
    batch = pack_texts([["dry", "rain"], ["rain"], ["dry"]], word_backbone)
    assert batch.n_different == 2 and batch.which.tolist() == [0, 1, 1, 0]
    alone = tower(word_backbone).encode_texts(["rain. dry", "dry"])
    together = tower(word_backbone).encode_texts(["dry", "rain. dry", "dry"])
    np.testing.assert_allclose(together.sample[[1, 2]], alone.sample, atol=1e-6)
    np.testing.assert_allclose(together.sentences[1], alone.sentences[0], atol=1e-6)


def pooled_model(backbone, **text):
    torch.manual_seed(0)
    config = ModelConfig(dim=16, series=SeriesConfig(dim=16, heads=2), text=TextConfig(reader="pooled", **text))
    return TraceModel(config, name="pooled", backbone=backbone).eval()


@pytest.mark.slow
def test_pooled_is_a_projection_of_the_frozen_vector_of_the_whole_text(minilm):
    """Numbers stay among the words, and a text is its only sentence."""
    model = pooled_model(minilm)
    vectors = model.encode_texts(TEXTS)
    with torch.no_grad():
        expected = minilm.pooled(TEXTS) @ model.text.project.weight.T + model.text.project.bias
    expected = torch.nn.functional.normalize(expected, dim=-1).numpy()
    np.testing.assert_allclose(vectors.sample, expected, atol=1e-5)
    assert vectors.spans == tuple((text,) for text in TEXTS)
    for own, whole in zip(vectors.sentences, vectors.sample, strict=True):
        np.testing.assert_allclose(own, whole[None], atol=1e-6)
    assert [name for name, _ in model.text.named_parameters()] == ["project.weight", "project.bias"]


@pytest.mark.slow
def test_pooled_has_no_use_for_the_other_settings(minilm):
    plain, other = pooled_model(minilm), pooled_model(minilm, numbers=False, context_layers=2, dim=32)
    assert np.array_equal(plain.encode_texts(TEXTS).sample, other.encode_texts(TEXTS).sample)


def test_pooled_trains_its_projection(word_backbone):
    model = pooled_model(word_backbone)
    whole, sentences = model.read_texts(model.text.pack([("dry",), ("low of -3",)], word_backbone))
    (whole[0, 0] + sentences[1, 0]).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.text.parameters())
