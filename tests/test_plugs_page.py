"""The page of plugs can be followed word for word, and names every extra that it needs."""

import re
import tomllib
from pathlib import Path

import pytest

from tracets import api

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "plugs.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside the tests")


def test_the_extras_that_the_page_names_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = set(re.findall(r"pip install 'tracets\[([\w-]+)\]'", PAGE.read_text(encoding="utf-8")))
    assert named == {"mcp", "langchain", "llama-index", "notebook"} and named <= set(extras)


def test_the_readme_leads_to_the_page():
    assert "](docs/plugs.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_python_blocks_run(tmp_path, monkeypatch, model_folder, capsys):
    """With a tiny model as the one that ships, a few weeks of the real weather, and a hub that is a folder."""
    pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
    pytest.importorskip("llama_index.core", reason="the extra `llama-index` is not installed")
    from tracets.encoders import backends, pretrained, store

    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store, "SHIPPED", model_folder.parent)
    commit = f"hf://org/weather-model@{'0' * 40}"
    sent = {}

    def push(folder, repo_id, **told):
        sent.update(told, repo_id=repo_id, files={path.name for path in folder.iterdir()})
        return commit

    monkeypatch.setattr(pretrained, "push", push)
    monkeypatch.setattr(backends, "pinned", lambda name: commit)
    monkeypatch.setattr(store, "fetched", lambda name: model_folder)
    weather = api.weather(captions=False)
    few = api.caption(weather.where("entity = 'JFK'").select(range(0, 558, 40)))
    api.build_index(few, api.load(model_folder.name), "weather.index")
    shared: dict = {}
    for block in blocks:
        block = block.replace('load("base")', f'load("{model_folder.name}")')
        block = block.replace("TraceTransformer(", f'TraceTransformer("{model_folder.name}", ')
        exec(compile(block, str(PAGE), "exec"), shared)
    out = capsys.readouterr().out
    assert len(re.findall(r"^JFK-2013-\S+ 2013-\S+T", out, re.M)) == 3
    assert len(re.findall(r"^JFK-2013-\S+ -?0\.\d+ \{'temperature'", out, re.M)) == 3
    assert "(12, 16) whole: 0" in out and out.count(commit) == 2
    assert sent["repo_id"] == "org/weather-model" and sent["files"] == {"config.json", "model.safetensors", "card.md"}
    assert sent["license"] == "apache-2.0" and shared["again"].fingerprint == shared["model"].fingerprint
