"""A sentence encoder and models that are quick to export."""

import pytest


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
