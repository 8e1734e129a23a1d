"""The frozen sentence encoder: the states that transformers gives, cached, with each number at its own token."""

import numpy as np
import pytest
import torch

from tracets.encoders import backbone as room
from tracets.encoders.backbone import TextBackbone, backbone_folder
from tracets.encoders.sentences import MAX_WORDS, Sentence, read_numbers
from tracets.errors import ModelError

TEXTS = ["heavy rain in the evening", "calm", "PM2.5 stays above 0 µg/m3, then falls to 0 %"]


@pytest.mark.slow
def test_states_are_those_of_transformers(minilm):
    from transformers import AutoModel, AutoTokenizer

    folder = backbone_folder(minilm.name)
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for text, (states, _) in zip(TEXTS, minilm.states(map(Sentence, TEXTS)), strict=True):
        with torch.no_grad():
            expected = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert states.dtype == torch.float16 and states.shape == expected.shape
        torch.testing.assert_close(states.float(), expected, atol=2e-3, rtol=2e-3)


@pytest.mark.slow
def test_pooled_is_the_sentence_vector_of_the_family(minilm):
    pooled = minilm.pooled(TEXTS)
    for row, (states, _) in zip(pooled, minilm.states(map(Sentence, TEXTS)), strict=True):
        mean = states.float().numpy().mean(0)
        np.testing.assert_allclose(row.numpy(), mean / np.linalg.norm(mean), atol=1e-5)
    assert pooled.shape == (len(TEXTS), minilm.dim)


@pytest.mark.slow
def test_what_is_read_together_does_not_depend_on_the_order_of_a_set(minilm, monkeypatch):
    """It changes from process to process, and company in a batch moves the last bits of a state."""
    asked = []
    read = TextBackbone._encode
    monkeypatch.setattr(TextBackbone, "_encode", lambda self, texts: asked.append(texts) or read(self, texts))
    texts = [f"{a}{b} falls" for a in "zyxw" for b in "dcba"] + ["calm"]
    fresh = TextBackbone(minilm.name)
    fresh.states(map(Sentence, texts))
    fresh.pooled(texts)
    assert asked == [["calm", *sorted(texts[:-1])]] * 2


@pytest.mark.slow
def test_like_meanings_are_near(minilm):
    query, near, far = minilm.pooled(["a lot of rain", "heavy rainfall", "the price of wheat"])
    assert query @ near > query @ far + 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "tokens", "values"),
    [
        ("a low of -10.1 °C at 15:30", ["0", "0"], [-10.1, 15.5]),
        ("7 days of rain", ["0"], [7]),
        ("-3", ["0"], [-3]),
        ("24h of 5km and 12.5%", ["0", "0", "0"], [24, 5, 12.5]),
        ("PM2.5 of 35", ["0"], [35]),
        ("2020-01-05", ["0", "0", "0"], [2020, 1, 5]),
        ("a gauge of \u26145 mm", ["[UNK]"], [5]),
    ],
)
def test_each_number_stands_at_the_token_of_its_zero(minilm, text, tokens, values):
    sentence = read_numbers(text)
    states, numbers = minilm.states([sentence])[0]
    here = (~numbers.isnan()).nonzero().squeeze(1)
    assert numbers[here].tolist() == pytest.approx(values)
    pieces = minilm._tokenizer(sentence.words).tokens()
    assert len(pieces) == len(states)
    assert [pieces[i] for i in here.tolist()] == tokens


@pytest.mark.slow
def test_a_sentence_of_the_longest_kind_is_read_to_its_end(minilm):
    sentence = read_numbers(" ".join(["hydrometeorologically"] * (MAX_WORDS - 1) + ["-3.5"]))
    states, numbers = minilm.states([sentence])[0]
    assert len(states) > 5 * MAX_WORDS and numbers[-2] == -3.5


@pytest.mark.slow
def test_company_changes_nothing(minilm):
    fresh = TextBackbone()
    fresh._model, fresh._tokenizer = minilm._load(), minilm._tokenizer
    alone = fresh.states([Sentence("calm and dry")])[0][0]
    fresh._cache.clear()
    together = fresh.states([Sentence("calm and dry"), Sentence("a much longer sentence " * 5)])[0][0]
    torch.testing.assert_close(alone.float(), together.float(), atol=2e-3, rtol=2e-3)


class Counting:
    """Stands for a Transformer and its tokenizer: one token a character, and a count of what was computed."""

    def __init__(self):
        self.seen = []

    def __call__(self, input_ids, attention_mask):
        self.seen += [int(m.sum()) for m in attention_mask]
        return type("Out", (), {"last_hidden_state": input_ids[..., None].float().repeat(1, 1, 4)})

    def tokenize(self, texts, **options):
        width = max(map(len, texts))
        rows = [[ord(c) for c in text] for text in texts]
        return {
            "input_ids": torch.tensor([r + [0] * (width - len(r)) for r in rows]),
            "attention_mask": torch.tensor([[1] * len(r) + [0] * (width - len(r)) for r in rows]),
            "offset_mapping": torch.tensor([[[i, i + 1] for i in range(width)] for _ in rows]),
        }


@pytest.fixture
def counting():
    backbone = TextBackbone("counting")
    backbone._model = Counting()
    backbone._tokenizer = backbone._model.tokenize
    return backbone, backbone._model


def test_words_are_encoded_once_whatever_the_number_in_them(counting):
    backbone, model = counting
    first = backbone.states([Sentence("0 mm", (0,), (3.0,)), Sentence("dry")])
    again = backbone.states([Sentence("dry"), Sentence("0 mm", (0,), (8.5,))])
    assert sorted(model.seen) == [3, 4]
    assert torch.equal(first[1][0], again[0][0]) and torch.equal(first[0][0], again[1][0])
    assert first[0][1][0] == 3.0 and again[1][1][0] == 8.5


def test_sentences_repeated_in_one_call_are_encoded_once(counting):
    backbone, model = counting
    assert len(backbone.states([Sentence("dry")] * 3)) == 3 and model.seen == [3]


def test_the_oldest_leave_a_full_cache(counting, monkeypatch):
    backbone, model = counting
    monkeypatch.setattr(room, "CACHE_TOKENS", 10)
    for words in ("aaaa", "bbbb", "cccc"):
        assert backbone.states([Sentence(words)])[0][0].shape == (4, 4)
    assert list(backbone._cache) == ["bbbb", "cccc"] and backbone._cached_tokens == 8
    backbone.states([Sentence("aaaa")])
    assert model.seen == [4, 4, 4, 4]


def test_more_than_the_cache_holds_comes_back_whole(counting, monkeypatch):
    backbone, _ = counting
    monkeypatch.setattr(room, "CACHE_TOKENS", 3)
    texts = ["aaaa", "bb", "c", "bb"]
    got = backbone.states(map(Sentence, texts))
    assert [chr(int(s[0, 0])) * len(s) for s, _ in got] == texts


def test_a_pooled_text_is_encoded_once_and_its_token_states_are_not_kept(counting, monkeypatch):
    backbone, model = counting
    first = backbone.pooled(["dry", "calm", "dry"])
    assert torch.equal(first[0], first[2]) and sorted(model.seen) == [3, 4]
    assert torch.equal(backbone.pooled(["calm"]), first[1:2]) and len(model.seen) == 2
    assert backbone._cached_tokens == 0 and not backbone._cache
    monkeypatch.setattr(room, "CACHE_TEXTS", 2)
    assert backbone.pooled(["rainy", "calm"]).shape == (2, 4) and list(backbone._pooled) == ["calm", "rainy"]


def test_an_unknown_backbone_is_refused_with_the_fix(tmp_path):
    with pytest.raises(ModelError, match=r"could not be loaded \(.*\): pass a folder"):
        TextBackbone(str(tmp_path / "nothing")).states([Sentence("x")])


def test_nothing_is_loaded_before_it_is_asked_for():
    assert TextBackbone("no such model").name == "no such model"


@pytest.mark.slow
@pytest.mark.parametrize("bars", [True, False])
def test_loading_says_nothing_and_leaves_the_library_as_it_was(capfd, bars):
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    verbosity = logging.get_verbosity()
    try:
        assert TextBackbone().dim == 384
        assert capfd.readouterr() == ("", "")
        assert (logging.is_progress_bar_enabled(), logging.get_verbosity()) == (bars, verbosity)
    finally:
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()
