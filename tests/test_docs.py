"""The README says what is so, and the pages made from the code are fresh; that its blocks run: test_guides.py."""

import importlib.util
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer

from tracets import api
from tracets.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="the docs are not beside the tests")


def blocks(language: str, page: str = "README.md") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


def written_commands() -> list[str]:
    """Every command line in the README's shell blocks that calls tracets, from the program's name on."""
    lines = [part.strip() for block in blocks("sh") for line in block.splitlines() for part in line.split("&&")]
    return [line[line.index("tracets") :] for line in lines if re.match(r"(\S*/)?tracets( |$)", line)]


def test_the_readme_shows_most_of_the_command_line():
    assert len(written_commands()) >= 15
    assert {line.split()[1] for line in written_commands()} == set(typer.main.get_command(app).commands)


def test_each_readme_block_of_installation_is_one_command_line_of_venv_and_pip():
    first, second = blocks("sh")[:2]
    for block in (first, second):
        assert block.count("\n") == 1 and block.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert first.endswith("&& .venv/bin/tracets demo\n") and second.endswith("&& .venv/bin/python -m pytest\n")


@pytest.fixture
def plant(tmp_path, monkeypatch):
    """A folder with forty days of an own series, and reports on some of them."""
    rng, begin = np.random.default_rng(0), datetime(2024, 1, 1)
    lines = ["time,load [MW],temperature [°C]"]
    lines += [f"{begin + timedelta(hours=i)},{100 + rng.normal():.2f},{rng.normal():.2f}" for i in range(960)]
    (tmp_path / "plant.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "reports.csv").write_text("date,report\n2024-01-02,Unit 2 tripped at noon.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_the_python_blocks_run(plant, monkeypatch, model_folder, tmp_path, capsys):
    """With a tiny model as the one that ships, and a few weeks of the real weather."""
    from tracets.encoders import store

    weather = api.weather(captions=False)
    few = weather.select([i for i, split in enumerate(weather.column("split")) if split == "test"][::12])
    monkeypatch.setattr(store, "SHIPPED", model_folder.parent)
    monkeypatch.setattr(api, "weather", lambda: api.caption(few))
    quickstart, reports = blocks("python")
    exec(compile(quickstart.replace('load("base")', f'load("{model_folder.name}")'), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert re.search(r"^3 JFK-2013-", out, re.M) and "| Text to series, pair |" in out

    exec(compile(reports, "README.md", "exec"), {})
    corpus = api.read("captioned.parquet")
    assert len(corpus) == 40 and all(corpus.column("text"))
    assert [text for text in corpus.column("text") if "Unit 2" in text] == ["Unit 2 tripped at noon."]
    assert {"train", "val", "test"} == set(corpus.column("split"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif("base" not in api.shipped_models(), reason="no model ships in this tree yet")
def test_the_quickstart_runs_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert len(re.findall(r"^\d JFK-2013-", capsys.readouterr().out, re.M)) == 3


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif("base" not in api.shipped_models(), reason="no model ships in this tree yet")
def test_the_example_of_an_explanation_says_what_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python", "docs/explain.md")[0], "explain.md", "exec"), {})
    assert capsys.readouterr().out == blocks("text", "docs/explain.md")[0]


def test_the_quickstart_has_ten_lines():
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("page", ["cli.md", "settings.md"])
def test_generated_pages_are_fresh(page):
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generate.PAGES[page](), f"docs/{page} is stale: run python docs/generate.py"


@pytest.mark.parametrize(
    "page", sorted(p.relative_to(ROOT).as_posix() for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
)
def test_links_inside_the_docs_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
