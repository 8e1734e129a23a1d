"""What holds for the tree as a whole: short modules, nothing of one machine, and a wheel with everything in it."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import tracets

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(tracets.__file__).parent
TOO_LONG = 500
TEXT = {".py", ".md", ".toml", ".cff", ".txt", ".yml", ".yaml", ".json", ".sh", ""}
SKIPPED = {"tracets-demo", "build", "dist", "runs", "out", "__pycache__"}
# written in pieces, or this file would be found by its own rule
MACHINE = re.compile(r"(?<![\w.~-])/(?:" + "|".join(["root", "work", "home", "Users", "mnt", "farm"]) + r")/[a-z]")


def files() -> list[Path]:
    """Text files of the checkout, without hidden folders (but .ci) and without what is built."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
        if path.is_file() and not path.is_symlink() and path.suffix in TEXT and not hidden and not SKIPPED & set(parts):
            found.append(path)
    return found


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "tests"], ids=["package", "tests"])
def test_every_module_stays_short(folder):
    lengths = {p.relative_to(folder).as_posix(): len(p.read_text().splitlines()) for p in folder.rglob("*.py")}
    assert len(lengths) > 20
    assert {name: n for name, n in lengths.items() if n >= TOO_LONG} == {}


def test_nothing_names_the_paths_of_one_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE.search(line)
    ]
    assert found == []


def test_the_rule_on_paths_can_fail():
    assert MACHINE.search("read /" + "root/venv/bin") and MACHINE.search("(/" + "home/me")
    assert not MACHINE.search("https://example.org/work/paper") and not MACHINE.search("at home/work")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="the tests are not in a checkout")
def test_the_wheel_holds_models_recipes_and_types(tmp_path):
    """Built from a copy, so that no earlier build and no build folder gets in the way."""
    copy = tmp_path / "copy"
    for path in [*files(), *(ROOT / "src").rglob("*")]:
        if path.is_file() and "__pycache__" not in path.parts:
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", str(copy), "--no-deps", "--quiet", "--wheel-dir", str(tmp_path)]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("tracets-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    data = [p for part in ("models/*/*", "recipes/*.toml", "py.typed") for p in (source / "tracets").glob(part)]
    expected = {p.relative_to(source).as_posix() for p in [*(source / "tracets").rglob("*.py"), *data] if p.is_file()}
    assert expected <= inside and "tracets/py.typed" in inside
    assert any(name.startswith("tracets/recipes/") for name in inside)
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    models = {name for name in inside if name.startswith("tracets/models/")}
    if "base" in tracets.shipped_models():
        assert {f"tracets/models/base/{name}" for name in ("config.json", "model.safetensors", "card.md")} <= models
    assert not [name for name in inside if name.startswith("tests")] and not [n for n in inside if n.endswith(".pkl")]
