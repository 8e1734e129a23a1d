"""`check_series_encoder` and `check_sentence_encoder`: what keeps the contract passes, and each breach is named."""

import json
import shutil

import pytest
import torch
from torch import nn

from tracets.encoders.backbone import backbone_folder
from tracets.encoders.registry import SentenceEncoder, SeriesEncoder
from tracets.encoders.series import SeriesTower
from tracets.encoders.settings import DEFAULT_BACKBONE
from tracets.testing import check_sentence_encoder, check_series_encoder


@pytest.mark.slow
def test_our_own_towers_keep_their_contracts():
    def ours(config, backbone_dim, out):
        return SeriesTower(config, backbone_dim=backbone_dim, out=out, apart=False)

    class Used(nn.Module):
        """Our tower without the weights of stage 1, which no vector is made of."""

        def __init__(self, config, backbone_dim, out):
            super().__init__()
            self.tower = ours(config, backbone_dim, out)
            del self.tower.reconstruct
            self.tower.hidden_patch = None

        def forward(self, batch):
            return self.tower(batch)

    check_series_encoder(SeriesEncoder("ours", Used, ""))
    with pytest.raises(AssertionError, match="weights that nothing is made of: hidden_patch, reconstruct.weight"):
        check_series_encoder(SeriesEncoder("whole", ours, ""))


class Tower(nn.Module):
    """The mean of a channel and its name through one layer; with one thing wrong, where `wrong` is set."""

    wrong = ""

    def __init__(self, config, backbone_dim, out):
        super().__init__()
        self.vectors, self.out = config.vectors, out
        self.layer = nn.Linear(1 + backbone_dim, config.vectors * out)
        self.idle = nn.Linear(2, 2) if self.wrong == "idle" else None
        if self.wrong == "half":
            self.register_buffer("table", torch.zeros(3, dtype=torch.float16))
        if self.wrong == "sized":
            self.register_buffer("table", torch.zeros(2 if self.layer.weight.is_meta else 3))
        self.drawn = torch.randn(out) if self.wrong == "unsaved" else None

    def forward(self, batch):
        n = batch.observed.sum(-1).clamp(min=1)
        n = torch.full_like(n, batch.values.shape[-1]) if self.wrong == "padding" else n
        mean = batch.values.sum(-1) / n
        mean = mean**3 if self.wrong == "large" else mean.asinh()
        x = self.layer(torch.cat([mean[..., None], batch.names], -1)).unflatten(-1, (self.vectors, self.out))
        x = x * 0 if self.wrong == "zero" else x
        x = x + self.drawn if self.drawn is not None else x
        whole = (x * batch.channel_valid[..., None, None]).sum((1, 2))
        whole = x.mean((1, 2)) if self.wrong == "channels" else whole
        return whole, x.flatten(2) if self.wrong == "shape" else x


def broken(wrong):
    return SeriesEncoder("broken", type("Broken", (Tower,), {"wrong": wrong}), "")


def test_a_small_tower_keeps_the_contract():
    check_series_encoder(broken(""))


BREACHES = {
    "shape": r"'broken' must give sample and channel vectors of shapes \(4, 8\) and \(4, 3, 3, 8\), it gave",
    "padding": "has other vectors in company than alone: padding is read",
    "channels": "has other vectors in company than alone: padding is read",
    "large": "large values give vectors that are no numbers",
    "zero": "window 'a': a vector is 0 where something was observed",
    "idle": "weights that nothing is made of: idle.weight, idle.bias",
    "half": r"weights are float32, float64 or int64, got \{torch.float16\}",
    "sized": "weights have one shape, however made",
    "unsaved": "the weights are not all there is",
}


@pytest.mark.parametrize("wrong", BREACHES)
def test_each_breach_of_a_series_tower_is_named(wrong):
    with pytest.raises(AssertionError, match=BREACHES[wrong]):
        check_series_encoder(broken(wrong))


def test_what_is_no_tower_is_refused():
    with pytest.raises(AssertionError, match="a series tower is a SeriesEncoder with a name"):
        check_series_encoder(Tower)
    with pytest.raises(AssertionError, match=r"make\(\) gives a torch module, got str"):
        check_series_encoder(SeriesEncoder("text", lambda config, backbone_dim, out: "a tower", ""))


@pytest.mark.slow
def test_the_sentence_encoder_that_comes_along_keeps_its_contract():
    check_sentence_encoder(SentenceEncoder("ours", lambda: backbone_folder(DEFAULT_BACKBONE)))


def test_each_breach_of_a_sentence_encoder_is_named(tiny_backbone, tmp_path):
    check_sentence_encoder(SentenceEncoder("tiny", lambda: tiny_backbone))
    folder = tmp_path / "weights"

    def check():
        check_sentence_encoder(SentenceEncoder("tiny", lambda: str(folder)))

    with pytest.raises(AssertionError, match=r"folder\(\) gives a folder that is there, got"):
        check()
    shutil.copytree(tiny_backbone, folder)
    (folder / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(AssertionError, match="the folder cannot be loaded: text backbone"):
        check()
    shutil.copy(f"{tiny_backbone}/model.safetensors", folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = None  # words and numbers become one token, the unknown one
    tokenizer["model"]["vocab"] = {word: i for word, i in tokenizer["model"]["vocab"].items() if len(word) > 3}
    tokenizer["normalizer"] = {"type": "Replace", "pattern": {"Regex": ".+"}, "content": ""}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(AssertionError, match="a number has no token of its own"):
        check()
