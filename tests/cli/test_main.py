"""The command line as a whole: instant help, every option documented, and what becomes of misuse."""

import subprocess
import sys

import pytest
import typer

from tracets.cli.main import app

HEAVY = ("numpy", "torch", "lancedb", "pandas", "pyarrow", "transformers", "lightning", "plotly", "rich", "sklearn")


def commands(command=None, path=("tracets",)):
    command = command or typer.main.get_command(app)
    yield path, command
    for name, child in (getattr(command, "commands", None) or getattr(command, "forks", {})).items():
        yield from commands(child, (*path, name))


def test_everything_is_documented():
    found = dict(commands())
    assert [path for path, command in found.items() if not (command.help or "").strip()] == []
    silent = [
        (path, p.name) for path, command in found.items() for p in command.params if p.name != "help" and not p.help
    ]
    assert silent == []


def test_every_command_that_gives_an_answer_has_json():
    leaves = {path: command for path, command in commands() if not hasattr(command, "commands")}
    assert len(leaves) == 39
    without = {path for path, command in leaves.items() if "--json" not in {o for p in command.params for o in p.opts}}
    assert without == {("tracets", "serve"), ("tracets", "mcp")}  # which answer others, not the shell


@pytest.mark.slow
def test_help_is_instant():
    code = f"""
import sys
sys.argv = ["tracets", "--help"]
from tracets.cli import main
try:
    main()
except SystemExit as end:
    print(end.code or 0, [m for m in {HEAVY} if m in sys.modules], file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "0 []"
    assert "Ask your time series questions in words." in ran.stdout


@pytest.mark.slow
def test_the_installed_command_separates_data_from_progress(index_folder):
    """One run as a process of its own, so that nothing a library prints is missed."""
    arguments = [sys.executable, "-m", "tracets", "--threads", "1", "search", str(index_folder), "rain", "-k", "1"]
    ran = subprocess.run([*arguments, "--json"], capture_output=True, text=True, timeout=50)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith('{"rank": 1, "id": "day-') and ran.stdout.count("\n") == 1


def test_misuse_is_one_line_that_leads_to_the_help(refused, index_folder):
    assert "--kind" in refused("search", index_folder, "--kind", "x")
    assert refused("search", index_folder, "--kind", "x").endswith("See: tracets search --help\n")
    assert "OUT" in refused("data", "build", "weather").upper()
    assert "serch" in refused("serch")
    assert "-k" in refused("search", index_folder, "rain", "-k", "many")


def test_a_place_that_cannot_be_written_is_the_users_error(refused, corpus_file, model_folder, tmp_path):
    (tmp_path / "file").write_text("")
    said = refused("data", "caption", corpus_file, "--out", tmp_path / "file" / "x.parquet")
    assert str(tmp_path / "file") in said


def test_debug_shows_the_traceback(tracets, tmp_path):
    from tracets.errors import DataError

    with pytest.raises(DataError, match="no such file"):
        tracets("--debug", "data", "describe", tmp_path / "none.csv")


def test_no_arguments_show_the_help(tracets):
    result = tracets()
    assert "Commands" in result.out and result.err == ""


def test_a_bug_is_not_dressed_up_as_the_users_error(tracets, monkeypatch, corpus_file):
    from tracets import api

    def broken(path, **options):
        raise KeyError("ours")

    monkeypatch.setattr(api, "read", broken)
    with pytest.raises(KeyError, match="ours"):
        tracets("data", "describe", corpus_file)


def test_the_version_is_told(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as end:
        app(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out == f"tracets {version('tracets')}\n"
