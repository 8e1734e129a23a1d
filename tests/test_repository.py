"""What holds for the tree as a whole: short modules, and nothing of one machine."""

import re
import tomllib
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


def test_the_readme_names_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in extras if f"`{name}`" not in readme] == []
