"""Records of PhysioNet's WFDB: a header (.hea) and samples of 16 bits (.dat, format 16)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracets.errors import DataError
from tracets.files import LIMITS, Limits, read_bytes
from tracets.types import FloatArray

DEFAULT_GAIN = 200.0
MISSING = -32768
GAIN = re.compile(r"([-+\d.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")


@dataclass(frozen=True, eq=False)
class Record:
    """`values` (n_signals, n_samples) in physical units, NaN where missing; `rate` in samples a second."""

    values: FloatArray
    names: tuple[str, ...]
    units: tuple[str, ...]
    rate: float


def read_record(header: Path, data: Path, *, limits: Limits = LIMITS) -> Record:
    """Read a record of format 16 whose signals are all in one file.

    Raises
    ------
    DataError
        Another format, a header that makes no sense, a file of another length than it says, or samples that do not add
        up to the checksum.
    """
    text = read_bytes(header, most=limits.text_bytes, setting="text_bytes").decode("ascii", errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        n_signals = int(lines[0][1])
        rate = float(lines[0][2].split("/")[0].split("(")[0])
        n_samples = int(lines[0][3])
        signals = [_signal(line) for line in lines[1 : 1 + n_signals]]
    except (IndexError, ValueError) as error:
        raise DataError(f"{header}: is no header of WFDB ({error}). Delete it, so that it is fetched again.") from error
    limits.check("channels", n_signals, "signals", where=str(header))
    limits.check("steps", n_samples, "samples", where=str(header))
    if n_signals < 1 or n_samples < 1 or len(signals) != n_signals or not 0 < rate < float("inf"):
        raise DataError(f"{header}: declares {n_signals} signals of {n_samples} samples, and describes {len(signals)}.")
    for signal in signals:
        if signal.format != "16" or signal.file != data.name:
            raise DataError(
                f"{header}: signal '{signal.name}' is in '{signal.file}' in format {signal.format}; only format 16 in "
                f"'{data.name}' is read. Convert it."
            )
    raw = read_bytes(data, most=limits.file_bytes)
    if len(raw) != 2 * n_signals * n_samples:
        raise DataError(f"{data}: has {len(raw)} bytes, its header says {2 * n_signals * n_samples}. Fetch it again.")
    digital = np.frombuffer(raw, "<i2").reshape(n_samples, n_signals).T
    for signal, row in zip(signals, digital, strict=True):
        found = int(row.sum(dtype=np.int64))
        if signal.checksum is not None and (found - signal.checksum) % 65536:
            raise DataError(f"{data}: signal '{signal.name}' does not add up to its checksum. Fetch it again.")
    values = np.where(digital == MISSING, np.nan, digital.astype(np.float64))
    for i, signal in enumerate(signals):
        values[i] = (values[i] - signal.baseline) / signal.gain
    names, units = (tuple(getattr(s, what) for s in signals) for what in ("name", "unit"))
    return Record(values.astype(np.float32), names, units, rate)


@dataclass(frozen=True)
class _Signal:
    file: str
    format: str
    gain: float
    baseline: int
    unit: str
    checksum: int | None
    name: str


def _signal(fields: list[str]) -> _Signal:
    """A line such as `00001_lr.dat 16 1000.0(0)/mV 16 0 -119 1508 0 aVR`; what is left out has defaults."""
    match = GAIN.fullmatch(fields[2]) if len(fields) > 2 else None
    if len(fields) > 2 and match is None:
        raise ValueError(f"a gain of '{fields[2]}'")
    gain = float(match[1]) if match else DEFAULT_GAIN
    zero = int(fields[4]) if len(fields) > 4 else 0
    return _Signal(
        file=fields[0],
        format=fields[1],
        gain=gain or DEFAULT_GAIN,
        baseline=int(match[2]) if match and match[2] else zero,
        unit=(match[3] if match else None) or "mV",
        checksum=int(fields[6]) if len(fields) > 6 else None,
        name=" ".join(fields[8:]) or "signal",
    )
