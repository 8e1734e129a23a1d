"""What a loaded model can do beside encoding: be saved, shared and looked at, in the manner of Hugging Face.

huggingface_hub's own `ModelHubMixin` is not used: it writes a config.json and a README of its own, passes unknown
keywords on, and would be imported by every search; the folder of a model here has its own contract and its own checks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast

import numpy as np

from tracets.encoders.hub import CARD, FILES, SCHEME, is_on_hub, push
from tracets.encoders.seals import read_config
from tracets.errors import ConfigError, DataError, ModelError
from tracets.types import Sample

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from tracets.data.corpus import Corpus
    from tracets.encoders.protocol import PairEncoder

MOST = 2000
"""Windows on a map by default."""


class Pretrained:
    """Saving, sharing and mapping, for both classes of models that tracets has itself: on torch and on onnxruntime.

    `source` is the folder that the model was loaded from or saved to; None where there is none.
    """

    BACKEND: ClassVar[Literal["torch", "onnx"]]
    name: str
    source: Path | None

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *, revision: str | None = None) -> Self:
        """Load a model: a folder, one that ships by its name, or ORG/NAME on the Hugging Face Hub.

        Parameters
        ----------
        name : str or path
            What is on this disk comes first.
        revision : str, optional
            Of a model on the hub: a branch, tag or commit; by default main. `name` of the model says which commit it
            is, and loading it by that name gives the same weights for ever.

        Raises
        ------
        NotFound, ModelError
            As `tracets.load`.
        StorageError
            The hub cannot be reached, or says no.
        ConfigError
            A revision of what is not on a hub.

        Examples
        --------
        >>> tracets.TraceModel.from_pretrained("base").name  # doctest: +SKIP
        'base'
        """
        from tracets.encoders.backends import load
        from tracets.encoders.store import shipped_models

        local = not is_on_hub(os.fspath(name)) and (Path(name).exists() or str(name) in shipped_models())
        if local and revision is not None:
            raise ConfigError(f"model '{name}' lies on this disk and has no revisions. Leave revision out.")
        if not local and str(name).count("/") == 1:
            name = f"{SCHEME}{name}"
        if revision is not None:
            name = f"{name}@{revision}"
        model = load(name, backend=cls.BACKEND)
        assert isinstance(model, cls), "the backend decides the class"
        return model

    def save_pretrained(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model to a new folder: config.json, model.safetensors and card.md; `tracets.load` reads it.

        Raises
        ------
        ConfigError
            The folder holds something already.
        ModelError
            An ONNX export by itself: it holds no weights to train on.
        """
        path = Path(folder)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(f"'{path}' exists already. Choose another folder, or remove it.")
        source = self._unchanged()
        if source is None:
            self._write(path)
            return path
        path.mkdir(parents=True, exist_ok=True)
        for name in (*FILES[1:], CARD, FILES[0]):  # the settings last: a torn copy is no model
            if (source / name).is_file():
                shutil.copyfile(source / name, path / name)
        if not (path / CARD).is_file():
            (path / CARD).write_text(f"# {self.name}\n", encoding="utf-8")
        return path

    def push_to_hub(
        self,
        repo_id: str,
        *,
        license: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str = "Upload a model of tracets",
    ) -> str:
        """Send the model to a repository on the Hugging Face Hub in one commit; its card becomes the README.

        Parameters
        ----------
        repo_id : str
            ORG/NAME; made where there is none.
        license : str, optional
            As the hub names licences ("apache-2.0"), for the front matter of the README.
        private : bool, optional
            Of a new repository; by default as the account has it.
        token : str, optional
            By default that of ``hf auth login`` or HF_TOKEN.

        Returns
        -------
        str
            ``hf://ORG/NAME@COMMIT``, by which `tracets.load` finds what was sent.

        Raises
        ------
        StorageError
            The hub cannot be reached, or says no.
        ModelError
            As `save_pretrained`.
        """
        with TemporaryDirectory() as temporary:
            folder = self.save_pretrained(Path(temporary) / "model")
            return push(folder, repo_id, license=license, private=private, token=token, message=commit_message)

    def map(self, corpus: Corpus | Sequence[Sample], *, by: str = "label", most: int = MOST) -> Figure:
        """Windows as points of a plane, near where their vectors are alike: a plotly figure.

        A window stands for the mean of its channels' vectors, shown in the two main directions of these.

        Parameters
        ----------
        by : str, default="label"
            What points are coloured by: label, split, domain, source, id or a metadata column.
        most : int, default=2000
            1 <= most. Of more windows, so many evenly among them.

        Raises
        ------
        DataError
            No windows, none that has `by`, or `most` below 1.
        """
        from tracets.figures import evenly, groups_of, map_figure
        from tracets.plane import to_plane

        if most < 1:
            raise DataError(f"map() expects `most` of at least 1, got {most}.")
        samples = [corpus[i] for i in evenly(len(corpus), most)]
        groups_of(samples, by)  # told before anything is encoded
        found = cast("PairEncoder", self).encode_series(samples).channels
        return map_figure(to_plane(np.stack([_mean(vectors) for vectors in found])), samples, by=by)

    def _unchanged(self) -> Path | None:
        """The folder that holds just this model; None where the model has changed since, or the folder has."""
        try:
            if self.source is not None and (self.source / FILES[1]).is_file():
                saved = read_config(self.source / FILES[0], what=f"model '{self.source}'")
                own = cast("PairEncoder", self).fingerprint
                return self.source if saved.get("fingerprint") == own else None
        except ModelError:
            pass
        return None

    def _write(self, folder: Path) -> None:
        """Write a model that no folder holds."""
        raise ModelError(
            f"model '{self.name}' is an ONNX export by itself, and holds no weights to save. Load the model that it "
            f"was made of: tracets.load(NAME, backend='torch')."
        )


def _mean(vectors: np.ndarray) -> np.ndarray:
    """The mean of the vectors (c, m, d) of one window, without those of channels with nothing observed."""
    flat = vectors.reshape(-1, vectors.shape[-1])
    known = flat[np.abs(flat).any(axis=1)]
    mean: np.ndarray = known.mean(axis=0) if len(known) else flat.mean(axis=0)
    return mean
