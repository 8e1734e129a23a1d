"""Data sets of the UCR and UEA archives: `<name>_TRAIN.ts` and `<name>_TEST.ts`, which aeon reads.

The archives are kept on Zenodo, a record a data set, whose numbers aeon knows; their site has a zip of each as well,
and is often out of reach.
"""

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
RECORDS = "https://zenodo.org/records/"
ZIPS = "https://timeseriesclassification.com/aeon-toolkit/"
ZIP = b"PK"


def fetch_uea(name: str, downloads: Downloads, *, base_url: str | None = None, limits: Limits = LIMITS) -> Corpus:
    """All cases of a data set, split as published (train and test; there is no val), with their classes as labels.

    Channels are called "channel 1" and so on: the archives do not name them. Missing values are NaN, and series may
    differ in length.

    Parameters
    ----------
    base_url : str, optional
        A folder of zips, in place of Zenodo and of the archives' site.

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
    samples = []
    with TemporaryDirectory() as folder:
        files = _files(name, downloads, base_url, Path(folder), limits)
        for (split, part), file in zip(PARTS.items(), files, strict=True):
            try:
                cases, classes = load_from_ts_file(str(file))[:2]
            except Exception as error:  # aeon has no error of its own
                raise DataError(f"{name}_{part}.ts cannot be read ({error}). Run it again with --refresh.") from error
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


def _files(name: str, downloads: Downloads, base_url: str | None, folder: Path, limits: Limits) -> list[Path]:
    """The files of train and test, from Zenodo where aeon knows the record and the record has both."""
    members = [f"{name}_{part}.ts" for part in PARTS.values()]
    record = _records().get(name)
    if base_url is None and record is not None:
        found = [downloads.find(f"{RECORDS}{record}/files/{member}") for member in members]
        paths = [path for path in found if path is not None]
        for path in paths:
            limits.check("text_bytes", path.stat().st_size, "bytes of text", where=str(path))
        if len(paths) == len(members):
            return paths
    path = downloads.get(f"{ZIPS if base_url is None else base_url}{name}.zip", begins=ZIP)
    return [_extracted(path, member, folder, limits) for member in members]


def _records() -> dict[str, int]:
    try:
        from aeon.datasets.tsc_datasets import tsc_zenodo
    except ImportError:  # another aeon, which keeps them elsewhere
        return {}
    return dict(tsc_zenodo)


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
