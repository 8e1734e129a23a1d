"""Where figures come from: the commit of the code and nobody else's, and what the data are."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tracets.tables.machine import commit, digest_of, digest_of_file, machine
from tracets.types import Sample


def git(folder, *arguments):
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", str(folder), *name, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A repository with a package in src/, and its first commit."""
    package = tmp_path / "src" / "toy"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return package


def test_a_checkout_tells_its_commit_and_changes(checkout):
    head = git(checkout, "rev-parse", "HEAD")[:12]
    assert commit(checkout) == head
    (checkout.parents[1] / "results.md").write_text("not code")
    assert commit(checkout) == head
    (checkout / "__init__.py").write_text("x = 1")
    assert commit(checkout) == f"{head} with changes"


def test_the_repository_around_an_installed_package_says_nothing(checkout):
    installed = checkout.parents[1] / ".venv" / "lib" / "site-packages" / "toy"
    installed.mkdir(parents=True)
    assert commit(installed) is None


def test_the_machine_is_told_without_its_name():
    found = machine()
    assert set(found) == {"processor", "cores", "threads", "memory_gib", "gpu", "system", "python", "torch"}
    assert found["cores"] >= 1 and found["processor"]


def test_a_digest_changes_with_every_part_of_a_window():
    one = Sample("a", np.arange(4.0)[None], ("load",), ("MW",), start=datetime(2020, 1, 1, tzinfo=UTC), freq="h",
                 text="rises", channel_texts=("rises",), label="x", split="test")  # fmt: skip
    assert digest_of([one]) == digest_of([replace(one)]) and len(digest_of([one])) == 16
    others = [
        replace(one, id="b"), replace(one, values=one.values + 1), replace(one, channel_names=("power",)),
        replace(one, units=("kW",)), replace(one, start=datetime(2021, 1, 1, tzinfo=UTC)), replace(one, freq="D"),
        replace(one, text="falls"), replace(one, channel_texts=("falls",)), replace(one, label="y"),
        replace(one, split="val"), replace(one, event_text="storm"),
    ]  # fmt: skip
    assert len({digest_of([sample]) for sample in [one, *others]} | {digest_of([])}) == len(others) + 2
    assert digest_of([one, others[0]]) != digest_of([others[0], one])


def test_the_digest_of_a_file_is_of_its_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert digest_of_file(tmp_path / "x") == "ba7816bf8f01cfea"  # FIPS 180, the first example
