"""docs/backbones.md: its example runs, and its table has every family."""

import re
import tomllib
from pathlib import Path

import pytest

from tracets.forecast.backbones import load_backbone, registry
from tracets.types import Sample

PAGE = Path(__file__).resolve().parents[3] / "docs" / "backbones.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the docs are not beside the tests")


@pytest.fixture(autouse=True)
def forget():
    registry.known_backbones.cache_clear()
    yield
    registry.known_backbones.cache_clear()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_every_family_is_in_the_table():
    table = PAGE.read_text(encoding="utf-8").split("| name |")[1].split("\n\n")[0]
    written = re.findall(r"^\| `([\w-]+)(:X)?` \|", table, re.M)
    required = [":X" if family.checkpoint == "required" else "" for family in registry.BUILT_IN]
    assert written == list(zip([family.name for family in registry.BUILT_IN], required, strict=True))


def test_the_extras_that_families_name_exist():
    written = PAGE.read_text(encoding="utf-8")
    extras = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {family.extra for family in registry.BUILT_IN if family.extra}
    assert named == {"fracast", "chronos"} and named <= set(extras)
    assert all(f"`tracets[{extra}]`" in written for extra in named)


def test_the_first_block_runs(capsys):
    exec(compile(blocks("python")[0], PAGE.name, "exec"), {})
    assert capsys.readouterr().out.split() == [family.name for family in registry.BUILT_IN]


def test_the_example_is_found_by_its_entry_point(monkeypatch, keeps_contract):
    module = {}
    exec(compile(blocks("python")[1], PAGE.name, "exec"), module)
    ((written, points),) = tomllib.loads(blocks("toml")[0])["project"]["entry-points"].items()
    assert points == {"plus-one": "plus_one:family"}

    class Point:
        def load(self):
            return module["family"]

    monkeypatch.setattr("tracets.plugins.entry_points", lambda group: [Point()] if group == written else [])
    backbone = load_backbone("plus-one")
    keeps_contract(backbone, horizon=4, shortest=2)
    (forecast,) = backbone.forecast([Sample("w", [[1.0, 3.0]], ("x",))], 2)
    assert forecast.mean.tolist() == [[4, 4]] and forecast.quantiles[8, 0, 0] == pytest.approx(4.4)
