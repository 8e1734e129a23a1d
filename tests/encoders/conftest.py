"""A sentence encoder and models that are quick to export."""

import pytest

WORDS = "the load rain wind falls rises to of low high dry calm in a evening heavy burst week night then and".split()


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory):
    """A sentence encoder with random weights and a tokenizer of its own, as a folder."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("backbone")
    letters = [c for c in "abcdefghijklmnopqrstuvwxyz0123456789.,;:%-"]
    known = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), *WORDS]
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(known)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(known), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def make_model(tiny_backbone):
    import torch

    from tracets.encoders.model import TraceModel
    from tracets.encoders.settings import ModelConfig, SeriesConfig, TextConfig

    def make(*, sample="apart", reader="tokens", context_layers=1, **series):
        torch.manual_seed(1)
        sizes = {"dim": 32, "heads": 2, "layers": 2, "patch": 12, "vectors": 2}
        text = TextConfig(
            backbone=tiny_backbone, dim=32, heads=2, reader=reader, context_layers=context_layers
        )  # fmt: skip
        config = ModelConfig(dim=32, sample_weight=0.3, sample=sample, series=SeriesConfig(**sizes | series), text=text)
        return TraceModel(config, name="tiny").eval()

    return make


@pytest.fixture(scope="session")
def model(make_model):
    return make_model()


@pytest.fixture(scope="session")
def folders(model, tmp_path_factory):
    """Folders of one model: "torch", and its exports "fp32" and "int8"."""
    from tracets.encoders import export
    from tracets.encoders.store import save_model

    root = tmp_path_factory.mktemp("exports")
    save_model(model, root / "torch", card="")
    traced = [(name, path.read_bytes()) for name, path in export._graphs(model, tmp_path_factory.mktemp("graphs"))]

    def again(model, folder):
        """Traced once for both: it takes seconds."""
        for name, graph in traced:
            (folder / name).write_bytes(graph)
            yield name, folder / name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_graphs", again)
        for precision in ("fp32", "int8"):
            export.export_model(model, root / precision, int8=precision == "int8")
    return root
