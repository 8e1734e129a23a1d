"""Data sets of the UCR and UEA archives: a zip with `<name>_TRAIN.ts` and `<name>_TEST.ts`, which aeon reads."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tracets.data.corpus import Corpus
from tracets.data.download import Downloads
from tracets.errors import DataError, MissingExtra
from tracets.files import LIMITS, Limits
from tracets.types import Sample

NAME = re.compile(r"\w[\w-]{0,99}", re.ASCII)
PARTS = {"train": "TRAIN", "test": "TEST"}
ZIP = b"PK"


def fetch_uea(name: str, downloads: Downloads, *, base_url: str, limits: Limits = LIMITS) -> Corpus:
    """All cases of a data set, split as published (train and test; there is no val), with their classes as labels.

    Channels are called "channel 1" and so on: the archives do not name them. Missing values are NaN, and series may
    differ in length.

    Raises
    ------
    MissingExtra
        aeon is not installed.
    DownloadError
        No such data set, or it cannot be had.
    DataError
        Not a zip with both files, or more than `limits` allow.
    """
    try:
        from aeon.datasets import load_from_ts_file
    except ImportError as error:
        raise MissingExtra("reading UEA data sets needs aeon. Run: pip install 'tracets[benchmarks]'") from error
    if not NAME.fullmatch(name):
        raise DataError(f"'{name}' is no name of a data set. Write it as its page does, such as BasicMotions.")
    path = downloads.get(f"{base_url}{name}.zip", begins=ZIP)
    samples = []
    with TemporaryDirectory() as folder:
        for split, part in PARTS.items():
            file = _extracted(path, f"{name}_{part}.ts", Path(folder), limits)
            try:
                cases, classes = load_from_ts_file(str(file))[:2]
            except Exception as error:  # aeon has no error of its own
                raise DataError(f"{path}: {file.name} cannot be read ({error}). Fetch it again.") from error
            for i, (case, kind) in enumerate(zip(cases, classes, strict=True)):
                values = np.asarray(case, dtype=np.float32)
                names = tuple(f"channel {c + 1}" for c in range(len(values)))
                samples.append(
                    Sample(
                        f"{name}-{split}-{i}", values, names, label=str(kind), split=split, source=f"UEA {name}",
                        metadata={"entity": name},
                    )
                )  # fmt: skip
    return Corpus.from_samples(samples, limits=limits)


def _extracted(path: Path, member: str, folder: Path, limits: Limits) -> Path:
    """One file of a zip, by its name alone: no path in it is followed."""
    target = folder / member
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename.rsplit("/", 1)[-1] == member]
            if not found:
                raise DataError(f"{path}: has no {member}. Is it a data set for classification?")
            limits.check_decoded(found[0].file_size, of=path.stat().st_size, where=f"{path}: {member}")
            limits.check("text_bytes", found[0].file_size, "bytes of text", where=f"{path}: {member}")
            with archive.open(found[0]) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}). Delete it, so that it is fetched again.") from error
    return target
