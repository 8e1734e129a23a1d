"""What `help` and the site say of the front: every name has a summary, every parameter, and examples that run."""

import doctest
import importlib
import inspect
import re
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import tracets
from tracets import api

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
ASKS = {
    "build_noaa": "archives of the web", "fetch_ett": "archives of the web", "fetch_ptb_xl": "archives of the web",
    "fetch_time_mmd": "archives of the web", "fetch_time_mmd_series": "archives of the web",
    "fetch_uea": "archives of the web", "caption_by_llm": "a language model",
    "source": "a database", "reproduce": "minutes",
}  # fmt: skip
"""Names whose examples may hold lines that are not run, and what these ask for."""
SECTION = re.compile(r"^(Parameters|Attributes|Returns|Raises|Warns|Notes|Examples)\n-+$", re.M)


def sections(name: str) -> dict[str, str]:
    """The docstring of a name in its sections; "" is the text before them."""
    text, *rest = SECTION.split(inspect.getdoc(getattr(tracets, name)) or "")
    return {"": text.strip()} | dict(zip(rest[::2], rest[1::2], strict=True))


def named(parameters: str) -> set[str]:
    """What a section Parameters speaks of: "one, other : str" is two names."""
    heads = re.findall(r"^(\w[\w, ]*?)(?: : .*)?$", parameters, re.M)
    return {name for head in heads for name in head.split(", ")}


def test_the_package_lists_what_it_has():
    assert set(api.__all__) == set(tracets.__all__) <= set(dir(tracets))
    assert [name for name in tracets.__all__ if not hasattr(tracets, name)] == []
    assert "::: tracets.api" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_says_what_it_takes_and_shows_how(name):
    told = sections(name)
    summary, _, _ = told[""].partition("\n\n")
    assert summary and len(summary.splitlines()) <= 2 and summary[-1] in ".?", "a summary in a sentence or two"
    taken = set(inspect.signature(getattr(tracets, name)).parameters)
    assert taken == named(told.get("Parameters", "")), "each parameter by its name"
    examples = doctest.DocTestParser().get_examples(told["Examples"])
    skipped = [one for one in examples if doctest.SKIP in one.options]
    assert examples and (not skipped or name in ASKS), "an example that is run"


def test_the_rule_on_parameters_can_fail():
    told = "one, other : str\n    Ids.\nseed : int, default=0\n    Of draws.\nreader, freq\n    As for `read`."
    assert named(told) == {"one", "other", "seed", "reader", "freq"}


@pytest.fixture(scope="module")
def names(tmp_path_factory, model_folder):
    """What docs/api.md says that the examples begin with, made in a folder with the plant's CSV and a tiny `base`."""
    from tracets.encoders import store

    place = tmp_path_factory.mktemp("examples")
    begin = datetime(2024, 1, 1)
    hours = [f"{begin + timedelta(hours=i)},{100 + i % 24 - 50 * (i == 300)},{(i * 7) % 19 - 9}" for i in range(960)]
    (place / "plant.csv").write_text("\n".join(["time,load [MW],temperature [°C]", *hours]) + "\n", encoding="utf-8")
    (place / "shipped").mkdir()
    (place / "shipped" / "base").symlink_to(model_folder, target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SHIPPED", place / "shipped")
        patch.chdir(place)
        [block] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
        told: dict = {}
        exec(compile(block, PAGE.name, "exec"), told)
        yield told


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::tracets.errors.ShortAnswer")
@pytest.mark.parametrize("name", api.__all__)
def test_the_examples_run(name, names, tmp_path, monkeypatch):
    """In a copy of the folder, so that no example leans on what another one wrote."""
    shutil.copytree(Path.cwd(), tmp_path / "work", symlinks=True)
    monkeypatch.chdir(tmp_path / "work")
    what = getattr(tracets, name)
    around = vars(importlib.import_module(what.__module__)) | {"__name__": "examples"} | names
    tests = doctest.DocTestFinder(recurse=False).find(what, name, globs=around)
    results = [doctest.DocTestRunner().run(test, out=sys.stdout.write) for test in tests]
    assert [result.failed for result in results] == [0]
    assert results[0].attempted or name in ASKS
