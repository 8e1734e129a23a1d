"""Run the pages of docs/examples on the real data, and make their figures, tables and pictures anew.

    python benchmarks/examples.py run DATA --folder work --only health,energy
    python benchmarks/examples.py fill

DATA is the folder of the corpora: `time_mmd/raw` with the files of Time-MMD, `ecg_reports/samples.parquet`. `run` does
every `tracets` command of a page as it stands there, with --json, in a folder of the page; what a command said is kept
in said.json and not asked again. The figures go to docs/examples/figures.json, the pictures (by Chromium) to
docs/pictures, and `fill` puts the figures into the tables of the pages.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import typer
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "examples"
FIGURES = PAGES / "figures.json"
NAMES = ("health", "energy", "environment", "ecg")
SUBSETS = ("Health_US", "Energy", "Environment")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.M | re.S)
MARKED = re.compile(r"^<!-- table (\S+) -->\n.*?^<!-- end -->$", re.M | re.S)
Said = dict[str, dict[str, Any]]
app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def run(
    data: Annotated[Path, typer.Argument(help="The folder of the corpora.")],
    folder: Annotated[Path, typer.Option(help="Where the pages run, a folder each.")],
    only: Annotated[str, typer.Option(help="Pages, with commas.")] = ",".join(NAMES),
    pictures: Annotated[bool, typer.Option(help="Draw them, too.")] = True,
) -> None:
    """Run the blocks of the pages, keep what they say, and make the figures and pictures of it."""
    from examples_figures import figures_of

    data, folder = data.resolve(), folder.resolve()
    for name in only.split(","):
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        with _inside(place), _mirror(data / "time_mmd" / "raw", folder / "mirror") as url:
            said = _run_page(name, data, url)
            known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
            known[name] = figures_of(name, said)
            told = json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True)
            FIGURES.write_text(told + "\n", encoding="utf-8")
            if pictures:
                from examples_pictures import draw

                draw(name)
    fill()


@app.command()
def fill() -> None:
    """Put the figures into the tables of the pages."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    for name in figures:
        page = PAGES / f"{name}.md"
        page.write_text(filled(page.read_text(encoding="utf-8"), figures[name]), encoding="utf-8")


def filled(page: str, figures: dict[str, Any]) -> str:
    """A page with its tables made of the figures: what lies between `<!-- table NAME -->` and `<!-- end -->`."""
    return MARKED.sub(lambda found: f"<!-- table {found[1]} -->\n{table(figures[found[1]])}<!-- end -->", page)


def table(rows: dict[str, Any]) -> str:
    """Figures as a table in Markdown: {"head": names, "rows": cells}."""
    lines = [rows["head"], ["---"] * len(rows["head"]), *([told(cell) for cell in row] for row in rows["rows"])]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def told(cell: Any) -> str:
    """A figure as it is printed: three digits, [value, low, high] with its interval, nothing for none.

    >>> told(0.25), told([0.25, -0.1, 0.5]), told(3), told("x"), told(None)
    ('.250', '.250 [-.100, .500]', '3', 'x', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, list):
        return f"{told(cell[0])} [{told(cell[1])}, {told(cell[2])}]"
    return re.sub(r"^(-?)0\.", r"\1.", f"{cell:.3f}") if isinstance(cell, float) else str(cell).replace("|", "\\|")


def blocks(name: str) -> Iterator[tuple[str, str]]:
    """The single `tracets` commands and the Python blocks of a page, in order, with their language."""
    for language, block in BLOCK.findall((PAGES / f"{name}.md").read_text(encoding="utf-8")):
        if language == "python":
            yield language, block
        else:
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("tracets "):
                    yield language, " ".join(shlex.join(shlex.split(line)).split())


def _run_page(name: str, data: Path, url: str) -> Said:
    kept = Path("said.json")
    said: Said = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for language, block in blocks(name):
        if language == "sh" and block not in said:
            typer.echo(f"{time.strftime('%H:%M:%S')} {name}: {block}", err=True)
            said[block] = _answer(shlex.split(block)[1:], data, url)
            kept.write_text(json.dumps(said, indent=1), encoding="utf-8")
    code = "\n".join(block for language, block in blocks(name) if language == "python")
    if code and said.get("python", {}).get("code") != code:
        variables: dict[str, Any] = {}
        exec(compile(code, f"{name}.md", "exec"), variables)
        said["python"] = {"code": code, "told": variables["told"]}
        kept.write_text(json.dumps(said, indent=1), encoding="utf-8")
    there = [block for language, block in blocks(name) if language == "sh"]
    return {line: said[line] for line in [*there, *(["python"] if code else [])]}  # not what older pages asked


def _answer(words: list[str], data: Path, url: str) -> dict[str, Any]:
    """What a command says on both streams, its JSON read, and the seconds that it takes."""
    from tracets.cli.main import app as tracets

    if words[:3] == ["data", "fetch", "ptb-xl"]:  # only a sample of it is at hand, in the form of the corpus
        shutil.copyfile(data / "ecg_reports" / "samples.parquet", words[words.index("--out") + 1])
        return {"out": [], "err": "", "seconds": 0.0}
    extra = ["--base-url", url, "--cache", "web"] if words[:2] == ["data", "fetch"] else []
    since = time.monotonic()
    result = CliRunner().invoke(tracets, [*words, *extra, "--json"])
    if result.exit_code:
        raise SystemExit(f"tracets {shlex.join(words)}: {result.stderr} {result.exception}")
    out = [json.loads(line) for line in result.stdout.splitlines()]
    return {"out": out, "err": result.stderr, "seconds": round(time.monotonic() - since, 1)}


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    yield
    os.chdir(before)


@contextmanager
def _mirror(raw: Path, folder: Path) -> Iterator[str]:
    """A server of Time-MMD's files in the folders of their repository; its address."""
    for subset in SUBSETS:
        for kind, ending in (("numerical", ""), ("textual", "_report"), ("textual", "_search")):
            (folder / kind / subset).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(raw / f"{subset}{ending}.csv", folder / kind / subset / f"{subset}{ending}.csv")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "benchmarks"))
    app()
