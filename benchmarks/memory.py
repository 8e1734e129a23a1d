"""Resident memory of this process."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mb(what: str) -> float:
    """Resident memory of this process in MB, now ("VmRSS") or at most ("VmHWM").

    Not `ru_maxrss` where it can be helped: on Linux a process inherits that of its parent.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
