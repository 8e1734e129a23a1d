"""What an index folder says about itself: its format, the model it is bound to and what it holds."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tracets.errors import IndexFolderError

FORMAT = 1
FILE = "manifest.json"
REBUILD = "Build it anew: tracets index CORPUS --model MODEL --out"


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
    rows, texts : int
        Number of windows, and of those with a text, when the folder was last written.
    created_by : str
        The version of tracets that wrote it.
    format : int
        Version of the folder's layout.
    """

    model: str
    fingerprint: str
    dim: int
    vectors_per_channel: int
    sample_weight: float
    rows: int
    texts: int
    created_by: str
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write manifest.json into the folder, whole or not at all."""
        temporary = folder / f".{FILE}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, folder / FILE)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read manifest.json.

        Raises
        ------
        IndexFolderError
            The folder or the manifest is missing, damaged, or of another format.
        """
        if not folder.is_dir():
            raise IndexFolderError(f"there is no index folder '{folder}'. {REBUILD} {folder}")
        if not (folder / FILE).is_file():
            raise IndexFolderError(f"'{folder}' is not an index: it has no {FILE}. {REBUILD} NEW_FOLDER")
        try:
            found = json.loads((folder / FILE).read_text(encoding="utf-8"))
            layout = found["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise IndexFolderError(
                f"index '{folder}': {FILE} cannot be read ({error!r}). {REBUILD} {folder}"
            ) from error
        if layout != FORMAT:
            raise IndexFolderError(
                f"index '{folder}' has format {layout}; tracets {tracets_version()} reads format {FORMAT}. "
                f"{REBUILD} {folder}"
            )
        kinds = {"str": str, "int": int, "float": (float, int)}
        wanted = {field.name: kinds[str(field.type)] for field in fields(cls)}
        wrong = [name for name, kind in wanted.items() if not isinstance(found.get(name), kind)]  # type: ignore[arg-type]
        if wrong or set(found) != set(wanted):
            wrong = wrong or sorted(set(found) - set(wanted))
            raise IndexFolderError(f"index '{folder}': {FILE} has a wrong '{wrong[0]}'. {REBUILD} {folder}")
        return cls(**found)


def tracets_version() -> str:
    """The installed version of tracets."""
    try:
        return version("tracets")
    except PackageNotFoundError:
        return "unknown"
