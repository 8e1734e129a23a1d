"""PTB-XL from PhysioNet: electrocardiograms of ten seconds with reports and SCP statements.

Quirks, and what becomes of them: patients' numbers are decimals in one release (`15709.0`); an age of 300 stands for
90 or more and is taken as unknown; reports are German or English, in small letters, some are empty; the dates of
recordings were moved, so that they are metadata and no `start`. Statements are a dictionary of Python as text, which is
read as a literal and never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from tracets.data.download import Downloads
from tracets.data.draws import draw
from tracets.data.fetch.wfdb import Record, read_record
from tracets.data.streaming import schema_of
from tracets.data.table import read_table
from tracets.errors import ConfigError, DataError
from tracets.files import LIMITS, Limits
from tracets.types import Sample

RATES = {100: ("filename_lr", "10ms"), 500: ("filename_hr", "2ms")}
NEEDED = ("ecg_id", "patient_id", "age", "sex", "recording_date", "report", "scp_codes", "strat_fold")
VAL_FOLD, TEST_FOLD = 9, 10
LEADS = {"AVR": "aVR", "AVL": "aVL", "AVF": "aVF"}
OLDEST = 120
SUM = re.compile(r"([0-9a-f]{64})\s+\*?(\S.*)")
SCHEMA = schema_of(
    {
        "entity": pa.string(), "scp_codes": pa.list_(pa.string()), "superclasses": pa.list_(pa.string()),
        "patient": pa.int64(), "age": pa.float64(), "sex": pa.string(), "recording_date": pa.string(),
        "fold": pa.int64(),
    }
)  # fmt: skip
PATH = re.compile(r"records(?:100|500)/\d{5}/\d{5}_[lh]r", re.ASCII)


@dataclass(frozen=True)
class _Ecg:
    id: int
    path: str
    fold: int
    report: str | None
    codes: Mapping[str, float]
    about: Mapping[str, object]


def fetch_ptb_xl(
    downloads: Downloads, *, base_url: str, rate: int = 100, limit: int | None = None, seed: int = 0,
    limits: Limits = LIMITS,
) -> Iterator[Sample]:  # fmt: skip
    """One window an electrocardiogram, in the order of their numbers.

    Parameters
    ----------
    rate : int, default=100
        Samples a second: 100 or 500.
    limit : int, optional
        As many, drawn by the seed; all 21,799 by default, which are 43,598 small files.

    Yields
    ------
    Sample
        12 leads in mV; `text` the report, `label` the diagnostic superclass with the largest likelihoods (NORM, MI,
        STTC, CD, HYP), `split` by fold (1 to 8, 9, 10), which parts patients. Metadata: `scp_codes` as "NORM:100",
        `superclasses`, `patient`, `age`, `sex`, `recording_date`, `fold`.

    Raises
    ------
    ConfigError
        An unknown rate, or a limit below 1.
    DownloadError, DataError
        A file that cannot be had, has another SHA-256 than PhysioNet lists, or is not what it should be.
    """
    if rate not in RATES or (limit is not None and limit < 1):
        raise ConfigError(f"PTB-XL needs a rate of 100 or 500 and a limit of at least 1, got {rate} and {limit}.")
    sums = _sums(downloads.get(f"{base_url}SHA256SUMS.txt").read_text(encoding="utf-8", errors="replace"))
    classes = _classes(downloads, base_url, sums, limits)
    for ecg in _chosen(_table(downloads, base_url, sums, rate, limits), limit, seed):
        header, data = (
            downloads.get(f"{base_url}{ecg.path}.{kind}", sha256=sums.get(f"{ecg.path}.{kind}"))
            for kind in ("hea", "dat")
        )
        record = read_record(header, data, limits=limits)
        if record.rate != rate:
            raise DataError(f"{header}: is sampled at {record.rate:g} a second, not {rate}. Is it PTB-XL's?")
        yield _sample(ecg, record, classes, RATES[rate][1])


def _sums(text: str) -> dict[str, str]:
    return {match[2].strip(): match[1] for match in map(SUM.fullmatch, text.splitlines()) if match}


def _classes(downloads: Downloads, base_url: str, sums: Mapping[str, str], limits: Limits) -> dict[str, str]:
    """The diagnostic superclass of each statement that has one."""
    name = "scp_statements.csv"
    path = downloads.get(f"{base_url}{name}", sha256=sums.get(name))
    table = read_table(path, limits=limits)
    absent = {"diagnostic", "diagnostic_class"} - set(table.names)
    if absent:
        raise DataError(f"{path}: lacks {', '.join(sorted(absent))}. Is it PTB-XL's {name}?")
    codes = table.columns[table.names[0]]  # a column without a name
    rows = zip(codes, table.columns["diagnostic"], table.columns["diagnostic_class"], strict=True)
    return {code: kind for code, diagnostic, kind in rows if diagnostic.strip() in ("1", "1.0") and kind}


def _table(downloads: Downloads, base_url: str, sums: Mapping[str, str], rate: int, limits: Limits) -> list[_Ecg]:
    name = "ptbxl_database.csv"
    path = downloads.get(f"{base_url}{name}", sha256=sums.get(name))
    table = read_table(path, limits=limits)
    file = RATES[rate][0]
    absent = [column for column in (*NEEDED, file) if column not in table.names]
    if absent:
        raise DataError(f"{path}: lacks {', '.join(absent)}. Is it PTB-XL's {name}?")
    ecgs = []
    for i, line in enumerate(table.lines):
        row = {column: table.columns[column][i].strip() for column in (*NEEDED, file)}
        where = f"{path}: row {line}"
        if not PATH.fullmatch(row[file]):
            raise DataError(f"{where}: '{row[file]}' is no name of a record. Is it PTB-XL's {name}?")
        try:
            number, fold = int(float(row["ecg_id"])), int(float(row["strat_fold"]))
            patient = int(float(row["patient_id"])) if row["patient_id"] else None
            age = float(row["age"]) if row["age"] else None
        except (ValueError, OverflowError) as error:
            raise DataError(f"{where}: {error}. Is it PTB-XL's {name}?") from error
        about = {
            "patient": patient,
            "age": age if age is not None and 0 <= age <= OLDEST else None,
            "sex": {"0": "male", "1": "female"}.get(row["sex"].removesuffix(".0")),
            "recording_date": row["recording_date"] or None,
            "fold": fold,
        }
        codes = statements(row["scp_codes"], where)
        ecgs.append(_Ecg(number, row[file], fold, row["report"] or None, codes, about))
    return sorted(ecgs, key=lambda ecg: ecg.id)


def statements(text: str, where: str) -> dict[str, float]:
    """A dictionary of statements and their likelihoods in %, written as Python.

    >>> statements("{'NORM': 100.0, 'SR': 0.0}", "row 1")
    {'NORM': 100.0, 'SR': 0.0}
    """
    try:
        if len(text) > 10_000:
            raise ValueError("it is too long")
        found = ast.literal_eval(text)
        if not isinstance(found, dict):
            raise ValueError("it is no dictionary")
        return {str(code): float(likelihood) for code, likelihood in found.items()}
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise DataError(f"{where}: scp_codes cannot be read ({error}). Is it PTB-XL's table?") from error


def _chosen(ecgs: list[_Ecg], limit: int | None, seed: int) -> list[_Ecg]:
    if limit is None or limit >= len(ecgs):
        return ecgs
    drawn = sorted(ecgs, key=lambda ecg: (draw(seed, "ecg", ecg.id), ecg.id))[:limit]
    return sorted(drawn, key=lambda ecg: ecg.id)


def _sample(ecg: _Ecg, record: Record, classes: Mapping[str, str], freq: str) -> Sample:
    likely: dict[str, float] = {}
    for code, likelihood in ecg.codes.items():
        if code in classes:
            likely[classes[code]] = likely.get(classes[code], 0.0) + likelihood
    split = {VAL_FOLD: "val", TEST_FOLD: "test"}.get(ecg.fold, "train")
    return Sample(
        id=f"ptbxl-{ecg.id:05d}",
        values=record.values,
        channel_names=tuple(LEADS.get(name.upper(), name) for name in record.names),
        units=record.units,
        freq=freq,
        text=ecg.report,
        label=max(sorted(likely), key=lambda kind: likely[kind]) if likely else None,
        split=split,
        domain="health",
        source="PTB-XL 1.0.3",
        metadata={
            "entity": f"patient-{ecg.about['patient']}",
            "scp_codes": [f"{code}:{likelihood:g}" for code, likelihood in ecg.codes.items()],
            "superclasses": sorted(likely),
            **ecg.about,
        },
    )
