"""Rooms import downwards only: the house of the design as a test over the syntax tree."""

import ast
import subprocess
import sys
from pathlib import Path

import tracets.api

ROOT = Path(tracets.__file__).parent
LEVEL = {
    "errors": -1, "reprs": -0.5, "types": 0, "files": 0, "plane": 0.5, "plots": 0.5, "figures": 0.75,
    "data": 1, "nn": 1, "losses": 1, "metrics": 1, "index": 1, "training": 1,
    "plain": 0, "plugins": 0, "disk": 0, "filters": 0, "storage": 0.5,
    "encoders": 2,
    "retrieval": 3, "embedding": 3,
    "forecast": 4,
    "tasks": 5, "evaluate": 5,
    "config": 6, "tables": 6.5,
    "api": 7, "__init__": 7, "testing": 7,
    "reproduction": 7.5,
    "cli": 8, "server": 8, "integrations": 8,
    "__main__": 9,
}  # fmt: skip

STARTED = (("cli", "server"), ("cli", "integrations"))
"""`tracets serve` and `tracets mcp` start other doors."""

NAMED = (("api", "reproduction"),)
"""`tracets.reproduce` calls the front and is one of its functions: named there, imported by its first use."""


def imports_of(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} relative import; write it absolute"
            names = [node.module] if node.module != "tracets" else [f"tracets.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name == "tracets" or name.startswith("tracets."):
                room = (name.split(".") + ["__init__"])[1]
                yield node.lineno, "__init__" if room == "__version__" else room


def test_imports_point_downwards():
    seen = 0
    for path in ROOT.rglob("*.py"):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for line, other in imports_of(path):
            seen += 1
            ok = other == room or LEVEL[other] < LEVEL[room] or (room == "__init__" and other in LEVEL)
            ok = ok or (room in ("cli", "server") and other in ("errors", "types")) or (room, other) in STARTED + NAMED
            assert ok, f"{path.relative_to(ROOT)}:{line} ({room}) may not import {other}"
            if LEVEL[room] == 8 and other != room:
                starts = (room, other) in STARTED  # `tracets serve`
                assert starts or other in ("api", "errors", "types", "__init__"), (
                    f"{path}:{line}: doors use the front only"
                )
    assert seen > 2


def test_what_the_front_imports_on_first_use_is_below_it_or_named():
    for module in tracets.api.LATE.values():
        room = module.split(".")[1]
        assert LEVEL[room] < LEVEL["api"] or ("api", room) in NAMED
    script = "import sys, tracets.api; print('tracets.reproduction' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
