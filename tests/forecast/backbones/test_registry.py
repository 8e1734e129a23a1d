"""Backbones by name, and what is refused at the door."""

import sys

import pytest

from tracets.errors import ConfigError, MissingExtra, ModelError, NotFound
from tracets.forecast.backbones import Family, Source, load_backbone, registry
from tracets.forecast.backbones.loading import frozen


@pytest.fixture(autouse=True)
def forget():
    yield
    registry.known_backbones.cache_clear()


class Point:
    def __init__(self, family):
        self.load = lambda: family


def installed(monkeypatch, *families):
    points = [Point(family) for family in families]
    monkeypatch.setattr("tracets.plugins.entry_points", lambda group: points if group == "tracets.backbones" else [])
    registry.known_backbones.cache_clear()


def test_the_source_reaches_the_loader(monkeypatch):
    seen = []
    for checkpoint in ("optional", "required"):
        family = Family("mine", lambda source: seen.append(source), "of a test", checkpoint=checkpoint)
        installed(monkeypatch, family)
        load_backbone("mine:some/model", device="cuda:1")
        load_backbone("mine", checkpoint="C:/folder")
    assert seen == [Source("some/model", "cuda:1"), Source("C:/folder")] * 2
    assert list(registry.known_backbones())[-1] == "mine", "the built-in come first"


def test_what_is_refused(monkeypatch):
    installed(
        monkeypatch,
        Family("none", lambda source: None, "", checkpoint="none"),
        Family("required", lambda source: None, "", checkpoint="required"),
        Family("code", lambda source: source, "", checkpoint="required", remote_code=True),
    )
    with pytest.raises(NotFound, match="there is no backbone 'chronos'. Use one of seasonal-naive, last-value"):
        load_backbone("chronos")
    with pytest.raises(ConfigError, match="'required' needs a checkpoint: 'required:FOLDER' or 'required:NAME_ON"):
        load_backbone("required:")
    with pytest.raises(ConfigError, match="backbone 'none' takes no checkpoint, got 'x'. Leave it out"):
        load_backbone("none:x")
    with pytest.raises(ConfigError, match="'required:x' names a checkpoint, and checkpoint='y' another. Give one"):
        load_backbone("required:x", checkpoint="y")
    with pytest.raises(ConfigError, match=r"'code' is Python code that lies beside its weights \('x'\).*Read it, then"):
        load_backbone("code:x")
    assert load_backbone("code:x", trust_remote_code=True) == Source("x", trust_remote_code=True)
    with pytest.raises(ConfigError, match="'none' runs no code of its checkpoint. Leave trust_remote_code out"):
        load_backbone("none", trust_remote_code=True)


def test_a_name_taken_twice_is_refused(monkeypatch):
    installed(monkeypatch, Family("fracast", lambda source: None, ""))
    with pytest.raises(ConfigError, match="two families of backbones are called 'fracast'"):
        registry.known_backbones()
    with pytest.raises(ConfigError, match="needs a name without a colon, got 'a:b'"):
        Family("a:b", lambda source: None, "")


def test_a_package_that_is_missing_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fracast", None)
    with pytest.raises(MissingExtra, match=r"'fracast' needs the package fracast.*pip install 'tracets\[fracast\]'"):
        load_backbone("fracast")


def test_a_device_that_is_not_there():
    import torch

    with pytest.raises(ModelError, match="device 'cuda:99' cannot hold the model"):
        frozen(torch.nn.Linear(2, 2), "cuda:99")
