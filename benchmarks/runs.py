"""What the benchmarks of trainings share: one frozen sentence encoder, and runs as JSON lines that outlive a kill."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from tracets.encoders.backbone import TextBackbone


@functools.cache
def shared_backbone() -> TextBackbone:
    """One frozen sentence encoder for all trainings of this process, or each would read the corpus again."""
    return TextBackbone()


def finished(path: Path) -> list[dict[str, Any]]:
    """The runs of a file; a line that was cut off by a kill is removed from it."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def same_run(record: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether a record is of a run: all that names the run is equal."""
    return all(record.get(name) == value for name, value in run.items())
