"""What an index folder says about itself: its format, the model it is bound to and which table holds its rows.

It changes with the table, when an index that is written anew gets another one and the rename of this file makes that
the index, and when an index engine is chosen. How many rows there are is not said here, so that it cannot be said
wrongly.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tracets.disk import write_whole
from tracets.errors import IndexFolderError

FORMAT = 2
FILE = "manifest.json"
REBUILD = "Build it anew: tracets index CORPUS --model MODEL --out"
TABLE = "rows"
ENGINE = ("engine", "engine_version", "engine_package")
BOUND = ("model", "fingerprint", "dim", "vectors_per_channel", "sample_weight")


@dataclass(frozen=True)
class Manifest:
    """The manifest of an index folder.

    Parameters
    ----------
    model, fingerprint : str
        The encoder that made the vectors; another fingerprint is refused at search.
    dim : int
        Width of every vector.
    vectors_per_channel : int
        How many vectors stand for one channel.
    sample_weight : float
        Share of the sample cosine in the score, in [0, 1].
    created_by : str
        The version of tracets that wrote it.
    table : str
        The LanceDB table of the rows.
    engine, engine_version, engine_package : str
        The index engine that was chosen for it, the version of its files, and the package that brings it; "" for an
        index that is searched exactly. They are not written then.
    format : int
        Version of the folder's layout. Format 1 held counts too, which are left aside.
    """

    model: str
    fingerprint: str
    dim: int
    vectors_per_channel: int
    sample_weight: float
    created_by: str
    table: str = TABLE
    format: int = FORMAT
    engine: str = ""
    engine_version: str = ""
    engine_package: str = ""

    def write(self, folder: Path) -> None:
        """Write manifest.json into the folder, whole or not at all."""
        told = {name: value for name, value in asdict(self).items() if value or name not in ENGINE}
        write_whole(folder / FILE, (json.dumps(told, indent=2) + "\n").encode())

    @property
    def bound(self) -> dict[str, Any]:
        """What binds vectors to their model; the table keeps it too, in the metadata of its schema."""
        return {name: getattr(self, name) for name in BOUND}

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read manifest.json.

        Raises
        ------
        IndexFolderError
            The folder or the manifest is missing, damaged, or of a newer format.
        """
        if not folder.is_dir():
            raise IndexFolderError(f"there is no index folder '{folder}'. {REBUILD} {folder}")
        if not (folder / FILE).is_file():
            raise IndexFolderError(f"'{folder}' is not an index: it has no {FILE}. {REBUILD} NEW_FOLDER")
        try:
            found = json.loads((folder / FILE).read_text(encoding="utf-8"))
            layout = found["format"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IndexFolderError(
                f"index '{folder}': {FILE} cannot be read ({error!r}). {REBUILD} {folder}"
            ) from error
        if layout not in (1, FORMAT) or isinstance(layout, bool):
            raise IndexFolderError(
                f"index '{folder}' has format {layout}; tracets {tracets_version()} reads formats 1 to {FORMAT}. "
                f"Install the version that wrote it. {REBUILD} {folder}"
            )
        kinds = {"str": str, "int": int, "float": (float, int)}
        wanted = {field.name: kinds[str(field.type)] for field in fields(cls)}
        found = dict.fromkeys(ENGINE, "") | found
        if layout == 1:
            found = {name: value for name, value in found.items() if name not in ("rows", "texts")} | {"table": TABLE}
        wrong = [name for name, kind in wanted.items() if not isinstance(found.get(name), kind)]  # type: ignore[arg-type]
        wrong = wrong or sorted(set(found) - set(wanted))
        if not wrong and (not found["table"].replace("-", "").isalnum() or found["dim"] < 1):
            wrong = ["dim" if found["dim"] < 1 else "table"]
        if not wrong and not (found["vectors_per_channel"] >= 1 and 0 <= found["sample_weight"] <= 1):
            wrong = ["sample_weight" if found["vectors_per_channel"] >= 1 else "vectors_per_channel"]
        if wrong:
            raise IndexFolderError(f"index '{folder}': {FILE} has a wrong '{wrong[0]}'. {REBUILD} {folder}")
        return cls(**found)


def tracets_version() -> str:
    """The installed version of tracets."""
    try:
        return version("tracets")
    except PackageNotFoundError:
        return "unknown"
