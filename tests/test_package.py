"""What is published: a source archive and a wheel with everything in them, which work where nothing else is."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import tracets

ROOT = Path(__file__).resolve().parents[1]
CAREFULLY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # there from Python 3.11.4 on
BESIDE = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")
DATA = ("py.typed", "recipes/*.toml", "models/*/*", "server/web/*")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="the tests are not in a checkout"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The archive, and the wheel that is made from what the archive holds; no index of packages is asked."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    place = tmp_path_factory.mktemp("package")
    copy = place / "copy"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in BESIDE:
        shutil.copy(ROOT / name, copy)
    (copy / "tests").mkdir()
    (copy / "tests" / "test_half.py").write_text("")  # setuptools packs such files unless it is told not to

    def make(what, folder):
        code = f"import sys; from setuptools.build_meta import {what}; {what}(sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, place], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    make("build_sdist", copy)
    (archive,) = place.glob("tracets-*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(place / "unpacked", **CAREFULLY)
    (unpacked,) = (place / "unpacked").iterdir()
    make("build_wheel", unpacked)
    (wheel,) = place.glob("tracets-*.whl")
    return archive, wheel


def test_both_hold_models_recipes_pages_and_types(built):
    archive, wheel = built
    inside = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(archive) as file:
        packed = {name.partition("/")[2] for name in file.getnames()}
    package = ROOT / "src" / "tracets"
    found = {pattern: [path for path in package.glob(pattern) if path.is_file()] for pattern in DATA}
    assert {pattern for pattern, paths in found.items() if not paths} == set(), "is the list above still right?"
    expected = {
        path.relative_to(package.parent).as_posix()
        for path in [*package.rglob("*.py"), *(path for paths in found.values() for path in paths)]
    }
    assert expected <= inside
    assert {f"src/{name}" for name in expected} | set(BESIDE) <= packed
    kept = {name for name in inside if not name.startswith("tracets/")}
    assert all(name.split("/")[0].endswith(".dist-info") for name in kept), "nothing lies beside the package"
    assert any(name.endswith("licenses/LICENSE") for name in kept)
    assert not [name for name in inside | packed if name.endswith((".pkl", ".pyc")) or name.startswith("tests")]
    if "base" in tracets.shipped_models():
        assert {f"tracets/models/base/{name}" for name in ("config.json", "model.safetensors", "card.md")} <= inside


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A new environment with the wheel in it, which borrows what it depends on from this one."""
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-index", built[1]], check=True)
    # a plain path: what is installed there as a link to a checkout is not followed
    (site / "borrowed.pth").write_text("\n".join({sysconfig.get_path(name) for name in ("purelib", "platlib")}))
    return place / "bin"


def run(installed, folder, program, *words):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([installed / program, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the folders of an environment are named for Unix")
def test_the_wheel_works_in_an_environment_of_its_own(installed, tmp_path):
    told = "import importlib.metadata as m, tracets; print(m.version('tracets'), tracets.__file__)"
    version, where = run(installed, tmp_path, "python", "-c", told).split(maxsplit=1)
    assert version == tracets.__version__ and Path(where.strip()).is_relative_to(installed.parent)
    assert " search " in run(installed, tmp_path, "tracets", "--help")
    if "base" not in tracets.shipped_models():
        pytest.skip("no model ships in this tree yet")
    hours = [f"2024-01-{1 + i // 24:02}T{i % 24:02}:00,{100 + i % 24 - (60 if i == 60 else 0)}" for i in range(240)]
    (tmp_path / "plant.csv").write_text("\n".join(["time,load [MW]", *hours]) + "\n")
    run(installed, tmp_path, "tracets", "data", "windows", "plant.csv", "--length", "24", "--out", "days.parquet")
    run(installed, tmp_path, "tracets", "index", "days.parquet", "--out", "days.index")
    said = run(installed, tmp_path, "tracets", "search", "days.index", "a sudden drop", "-k", "3", "--json")
    hits = [json.loads(line) for line in said.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3] and all(hit["id"].startswith("plant-2024-01-") for hit in hits)
