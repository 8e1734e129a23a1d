"""Where figures come from: the machine, the version and commit of the code, and what the data are."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracets.types import Sample


def machine() -> dict[str, Any]:
    """What runs here, without its name: processor, cores that this process may use, memory, system, libraries."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "processor": _processor(), "cores": cores, "threads": torch.get_num_threads(), "memory_gib": _memory(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
        "torch": torch.__version__,
    }  # fmt: skip
    return found


def commit(package: Path) -> str | None:
    """The commit of the code in `package`, "with changes" where files differ from it; None where it is not known.

    A checkout of this project (`src/NAME` beside its pyproject.toml) is asked, or what pip wrote down of a repository
    that it installed from. A repository that happens to lie around an installed package says nothing.
    """
    root = package.parents[1]
    if (root / ".git").exists() and (root / "pyproject.toml").is_file():
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        if head:
            return head + (" with changes" if _git(root, "status", "--porcelain", "--", "src") else "")
    try:
        origin = distribution(package.name).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    found = json.loads(origin).get("vcs_info", {}).get("commit_id") if origin else None
    return None if found is None else str(found)[:12]


def digest_of(samples: Iterable[Sample]) -> str:
    """Sixteen hex digits of windows in their order: values, names, units, times, texts, labels and splits."""
    digest = hashlib.sha256()
    for s in samples:
        told = (s.id, s.split, s.text, s.channel_texts, s.label, s.channel_names, s.units, s.freq, s.values.shape)
        digest.update(repr((told, s.start and s.start.isoformat(), s.event_text)).encode())
        digest.update(s.values.tobytes())
    return digest.hexdigest()[:16]


def digest_of_file(path: str | os.PathLike[str]) -> str:
    """Sixteen hex digits of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    """The name of the processor as Linux tells it, elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):  # Windows
        return None
