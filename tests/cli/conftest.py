"""The command line as a user meets it: real arguments, exit code, stdout and stderr."""

import os
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest

from tracets.cli import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def tracets(monkeypatch, capfd):
    """Run `tracets ARGUMENTS` in this process, as the installed command does."""

    def run(*arguments) -> Result:
        monkeypatch.setattr(sys, "argv", ["tracets", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Result(ended.value.code or 0, out, err)

    return run


@pytest.fixture
def refused(tracets):
    """Run a command that must fail as the user's error: exit 2, one line on stderr, nothing on stdout."""

    def run(*arguments) -> str:
        result = tracets(*arguments)
        assert (result.code, result.out) == (2, ""), result
        assert result.err.startswith("tracets: ") and result.err.count("\n") == 1, result.err
        return result.err

    return run


@pytest.fixture
def csv_file(tmp_path):
    """Four days of hourly load and temperature."""
    lines = ["time,load [MW],temperature [°C]"]
    for i in range(96):
        stamp = datetime(2021, 3, 1) + timedelta(hours=i)
        lines.append(f"{stamp:%Y-%m-%d %H:%M},{100 + 10 * np.sin(i / 4):.2f},{8 + i / 20:.2f}")
    path = tmp_path / "plant.csv"
    path.write_text(os.linesep.join(lines) + os.linesep, encoding="utf-8")
    return path
