"""The pages of the docs that are for following: their blocks run, in order, in a folder of their own."""

import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tracets import api
from tracets.cli.main import app

DOCS = Path(__file__).resolve().parents[1] / "docs"
pytestmark = [
    pytest.mark.skipif(not DOCS.is_dir(), reason="the docs are not beside the tests"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer"),
]
PAGES = ("index.md", "guides.md")
SHORTER = {"--max-minutes 20": "--set optim.max_steps=2 --set optim.batch_size=4"}


def blocks(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(sh|python)\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def plant(tmp_path, monkeypatch, model_folder):
    """The folder that the pages speak of, with a tiny model as the one that ships, and some weeks of the weather."""
    from tracets.encoders import store

    weather = api.weather(captions=False)
    few = weather.select([i for i, split in enumerate(weather.column("split")) if split == "test"][::12])
    monkeypatch.setattr(api, "weather", lambda: api.caption(few))
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "base").symlink_to(model_folder, target_is_directory=True)
    monkeypatch.setattr(store, "SHIPPED", shipped)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    rng, begin = np.random.default_rng(0), datetime(2024, 1, 1)
    lines = ["time,load [MW],temperature [°C]"]
    lines += [f"{begin + timedelta(hours=i)},{100 + rng.normal():.2f},{rng.normal():.2f}" for i in range(960)]
    Path("plant.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = [f"{(begin + timedelta(days=2 * i)).date()},Unit {i} tripped at noon." for i in range(20)]
    Path("reports.csv").write_text("\n".join(["date,report", *said]) + "\n", encoding="utf-8")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs(page, plant):
    names: dict = {}
    ran = 0
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, page, "exec"), names)
            ran += 1
            continue
        for line in block.splitlines():
            if not line.startswith("tracets "):
                assert line.startswith("python3 -m venv .venv && .venv/bin/pip install "), "what else is run?"
                continue
            for long, short in SHORTER.items():
                line = line.replace(long, short)
            result = CliRunner().invoke(app, shlex.split(line)[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception}"
            ran += 1
    assert ran >= 1


def test_the_site_is_made_of_all_pages():
    """The menu names every page; that it builds without a warning is checked where mkdocs is installed, in CI."""
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"(\S+\.md)$", menu, re.M))
    assert named == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
