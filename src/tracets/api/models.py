"""Models: loaded, exported, trained. Heavy imports wait for their use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tracets.errors import ConfigError
from tracets.types import AnyPath

if TYPE_CHECKING:
    from tracets.data.corpus import Corpus
    from tracets.encoders.backbone import TextBackbone
    from tracets.encoders.backends import Backend
    from tracets.encoders.model import TraceModel
    from tracets.encoders.protocol import PairEncoder

BASE = "base"


def load(name: AnyPath = BASE, *, backend: Backend | None = None, threads: int | None = None) -> PairEncoder:
    """Load a model folder or an ONNX export, a model that ships by its name, or one on the Hugging Face Hub.

    It runs on onnxruntime, which starts sooner than torch, reads texts twice as fast and gives the same vectors to
    about 1e-4. The export that this takes is made by the first load of a model (some seconds, said by the logger
    "tracets") and kept in the user's cache folder, see docs/backends.md.

    Parameters
    ----------
    name : str or path
        On the hub: ``hf://ORG/NAME`` or ``hf://ORG/NAME@REVISION``. The model's `name` is then that with the commit, so
        that an index knows the very weights; docs/plugs.md says what is fetched and what is not.
    backend : "torch" or "onnx", optional
        By default "onnx" where the model can be exported and the export kept, else "torch". "torch" gives a
        `TraceModel`, a torch module; "onnx" an error where there is no export.
    threads : int, optional
        Processor threads, at least 1; by default as many as there are, or OMP_NUM_THREADS.

    Returns
    -------
    PairEncoder
        `encode_series(samples)` and `encode_texts(texts)` give vectors.

    Raises
    ------
    NotFound
        No such folder or shipped model.
    ModelError
        A damaged folder, a format this version does not read, or a backend that cannot run the model.
    StorageError
        A hub cannot be reached, or says no.

    Examples
    --------
    >>> vectors = tracets.load("base").encode_texts(["rain all week"])  # (1, 128), of length 1
    >>> len(vectors)
    1
    """
    from tracets.encoders.backends import load as load_

    return load_(name, backend=backend, threads=threads)


def export(name: AnyPath, out: AnyPath, *, int8: bool = False) -> str:
    """Write a model as ONNX graphs to a folder.

    Parameters
    ----------
    name : str or path
        As for `load`.
    out : path
        A new folder.
    int8 : bool, default=False
        Let products be of 8 bit integers: smaller and faster, near the model (cosine > 0.99), not equal to it.

    Returns
    -------
    str
        The fingerprint of the export.

    Raises
    ------
    NotFound, ModelError
        As for `load`.
    ConfigError
        `out` is taken.

    Examples
    --------
    >>> fingerprint = tracets.export("base", "base-onnx")
    >>> tracets.load("base-onnx").fingerprint == fingerprint
    True
    """
    from tracets.encoders.export import export_model
    from tracets.encoders.store import load_model

    return export_model(load_model(name), out, int8=int8)


def shipped_models() -> list[str]:
    """Names of the models inside the package.

    Returns
    -------
    list of str
        What `load` takes.

    Examples
    --------
    >>> tracets.shipped_models()
    ['base']
    """
    from tracets.encoders import store

    return store.shipped_models()


def set_threads(n: int) -> None:
    """Limit the processor threads of this process.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ConfigError
        Less than 1.

    Examples
    --------
    >>> tracets.set_threads(1)
    """
    from tracets.encoders.backends import set_threads as set_threads_

    set_threads_(n)


def is_first_process() -> bool:
    """Whether this is the process of a training that writes files: the only one, or that of rank 0.

    Examples
    --------
    >>> tracets.is_first_process()
    True
    """
    from tracets.training.ranks import is_first

    return is_first()


def train(
    corpus: Corpus | None,
    out: AnyPath,
    *,
    init: AnyPath = BASE,
    recipe: str | None = None,
    assignments: Sequence[str] = (),
    max_minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    progress_bar: bool = False,
    backbone: TextBackbone | None = None,
) -> TraceModel:
    """Train a model on the windows of split "train", choose its weights on "val", save it to the folder `out`.

    With "optim.devices=N", this starts the running script N - 1 times more, with the same arguments, and they train
    together; under torchrun, which has started them, each call trains with the others. docs/scaling.md says more.

    Parameters
    ----------
    corpus : Corpus or None
        None: the data that the recipe names.
    out : path
        A new folder; with `resume`, one whose training was cut off.
    init : "base", "none" or a model folder
        Where the weights start. From a model, stage 1 is left out, and the model stays as it is where no validation
        passes its own: captions of the corpus alone seldom better `base`, reports by people do. Its settings stay,
        but for the share of the sample vectors in the score, which validation chooses (`align.choose_weight`).
    recipe : str, optional
        A shipped recipe by name, or a TOML file.
    assignments : sequence of str
        Single settings, such as "align.channel=0".
    max_minutes : float, optional
        Time for everything; stands above the recipe's `optim.max_minutes`.
    seed : int, default=0
        Of the weights that start from nothing, the order of the windows and the captions.
    resume : bool, default=False
        Go on with the training in `out` that was cut off.
    progress_bar : bool, default=False
        Show one on stderr.
    backbone : TextBackbone, optional
        The frozen sentence encoder of another model of this process (`model.backbone`): what it has read is not read
        again. By default one of its own.

    Returns
    -------
    TraceModel
        With the weights that validate best, as they are saved.

    Raises
    ------
    ConfigError
        Wrong settings, an `out` that exists, or model settings together with `init`.
    DataError
        No windows to train on or to choose by, or none with text.

    Notes
    -----
    Source: arXiv:2506.09114, sections 3.2 and 3.3; docs/model.md says where we depart.

    Examples
    --------
    >>> few = ["optim.max_steps=2", "optim.batch_size=4", "data.mixed=0"]
    >>> tuned = tracets.train(corpus, "plant-model", recipe="tune", assignments=few)
    >>> tuned.name
    'plant-model'
    """
    import torch

    from tracets.config import load_settings
    from tracets.encoders.model import TraceModel as Model
    from tracets.encoders.store import load_model
    from tracets.tasks.curriculum import drill_windows, fresh_captions, fresh_swaps, recipe_windows
    from tracets.tasks.stages import train_stages
    from tracets.training.ranks import is_first

    folder = Path(out)
    if max_minutes is not None:
        assignments = [*assignments, f"optim.max_minutes={max_minutes}"]
    settings = load_settings(recipe, assignments=assignments)
    if is_first() and (folder / "config.json").exists():
        raise ConfigError(f"'{folder}' holds a finished model already. Choose another --out.")
    if is_first() and (folder / "run").exists() and not resume:
        raise ConfigError(f"'{folder}' holds a training that was cut off. Pass --resume to go on, or another --out.")
    named = {a.partition("=")[0].strip() for a in assignments}
    if "model.sample_weight" in named and settings.align.choose_weight:
        raise ConfigError(
            "model.sample_weight is chosen on validation. Set align.choose_weight=false too, to keep the one you name."
        )
    torch.manual_seed(seed)
    if str(init) == "none":
        model = Model(settings.model, name=folder.name, backbone=backbone)
    else:
        if any(name.startswith(("model.", "pretrain.")) for name in named - {"model.sample_weight"}):
            raise ConfigError(
                "settings model.* and pretrain.* belong to a model that starts from nothing (--init none); only "
                "model.sample_weight, which no weights depend on, may be changed."
            )
        settings = replace(settings, pretrain=replace(settings.pretrain, share=0.0))
        model = load_model(init, backbone=backbone)
        model.name = folder.name
        if "model.sample_weight" in named:
            model.sample_weight = settings.model.sample_weight
    swapper, drills = fresh_swaps(seed), []
    if corpus is None:
        data = settings.data
        windows_, about = recipe_windows(
            weather=data.weather, resolutions=data.resolutions, mixed=data.mixed, generated=data.generated,
            family=data.family, seed=seed,
        )  # fmt: skip
        learn, choose = ([s for s in windows_ if s.split == split] for split in ("train", "val"))
        if data.drills and settings.align.swapped:
            drills = drill_windows(
                data.drills, learn, swapper, weather=data.weather, generated=data.generated, family=data.family,
                seed=seed,
            )  # fmt: skip
            about += f" Swapped facts are asked about {len(drills)} windows more."
    else:
        # their values stay where those of the corpus are, in a mapped file if it is large; `split` would copy them
        learn, choose = ([s for s in corpus if s.split == split] for split in ("train", "val"))
        about = f"Data: {len(corpus)} windows given as a corpus; started from {init}."
    train_stages(
        model, learn, choose, folder, pretrain=settings.pretrain, align=settings.align, optim=settings.optim, seed=seed,
        resume=resume, progress_bar=progress_bar, about=about, captioner=fresh_captions(),
        swapper=swapper, drills=drills, keep_start=str(init) != "none",
    )  # fmt: skip
    return model.eval()
