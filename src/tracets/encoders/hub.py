"""Models on the Hugging Face Hub: fetched at one commit, and sent there with their card.

A model is named ``hf://ORG/NAME`` or ``hf://ORG/NAME@REVISION``. Fetched are its settings, its weights in safetensors
and its card, never a pickle, code or a graph. huggingface_hub keeps them in its own cache, reads the token of the user
(``hf auth login`` or HF_TOKEN) and asks the hub that HF_ENDPOINT names; with HF_HUB_OFFLINE=1 only the cache is asked.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tracets.encoders.seals import read_config
from tracets.encoders.settings import DEFAULT_BACKBONE
from tracets.errors import ModelError, NotFound, StorageError

SCHEME = "hf://"
_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
FILES = ("config.json", "model.safetensors")
CARD, README = "card.md", "README.md"
TAGS = ["tracets", "time-series", "retrieval", "multimodal"]


def is_on_hub(name: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a model on the hub."""
    return isinstance(name, str) and name.startswith(SCHEME)


def pinned(name: str) -> str:
    """The name of a model with the commit that its revision (by default main) is now: ``hf://ORG/NAME@COMMIT``.

    Raises
    ------
    NotFound
        No such name, repository or revision, or one without a model of tracets.
    StorageError
        The hub cannot be reached, or says no.
    """
    repo, revision = _parts(name)
    return name if _COMMIT.fullmatch(revision) else f"{SCHEME}{repo}@{_fetched(repo, FILES[0], revision).parent.name}"


def fetched(name: str) -> Path:
    """The folder of a model in the cache of huggingface_hub, fetched where it is not there yet; raises as `pinned`.

    Raises
    ------
    ModelError
        The model reads texts with another sentence encoder than the one that comes along: a stranger's model does not
        say what else is fetched.
    """
    repo, revision = _parts(pinned(name))
    settings = _fetched(repo, FILES[0], revision)
    saved = read_config(settings, what=f"model '{name}'")
    try:
        backbone = saved["model"]["text"]["backbone"]
    except (KeyError, TypeError) as error:
        raise ModelError(f"'{name}' is no model of tracets: its config.json has no text backbone.") from error
    if backbone != DEFAULT_BACKBONE:
        raise ModelError(
            f"model '{name}' reads texts with '{backbone}', and only models with '{DEFAULT_BACKBONE}' are loaded from "
            f"a hub. If you trust it, download it (hf download {repo} --local-dir FOLDER) and load that folder."
        )
    _fetched(repo, FILES[1], revision)
    with contextlib.suppress(NotFound):
        _fetched(repo, CARD, revision)
    return settings.parent


def push(
    folder: Path, repo_id: str, *, license: str | None, private: bool | None, token: str | None, message: str
) -> str:
    """Send a model folder to a repository on the hub, made where there is none, in one commit.

    Returns
    -------
    str
        The name by which `tracets.load` finds this very commit.

    Raises
    ------
    StorageError
        The hub cannot be reached, or says no.
    """
    from huggingface_hub import HfApi

    with _told(repo_id):
        (folder / README).write_text(readme_of((folder / CARD).read_text("utf-8"), license=license), "utf-8")
        hub = HfApi(token=token, library_name="tracets")
        made = hub.create_repo(repo_id, private=private, exist_ok=True)
        done = hub.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message=message)
    return f"{SCHEME}{made.repo_id}@{done.oid}"


def readme_of(card: str, *, license: str | None) -> str:
    """A card as the README of a repository: with the front matter that a hub files it by, unless it has its own.

    >>> readme = readme_of("# mine", license="mit")
    >>> readme.startswith("---\\n"), "\\nlicense: mit\\n" in readme, readme[-11:]
    (True, True, '---\\n\\n# mine')
    """
    from huggingface_hub import ModelCardData

    if card.startswith("---\n"):
        return card
    data = ModelCardData(
        language="en", license=license, library_name="tracets", tags=TAGS, pipeline_tag="feature-extraction"
    )
    return f"---\n{data.to_yaml()}\n---\n\n{card}"


def _parts(name: str) -> tuple[str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise NotFound(f"'{name}' names no model on a hub. Write hf://ORG/NAME or hf://ORG/NAME@REVISION.")
    return found[1], found[2] or "main"


def _fetched(repo: str, file: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download

    with _told(repo):
        found: Any = hf_hub_download(repo, file, revision=revision, library_name="tracets")
    return Path(found)


@contextlib.contextmanager
def _told(repo: str) -> Iterator[None]:
    """Tell what goes wrong with a repository as errors of tracets; a token is in none of them."""
    from huggingface_hub import errors

    # its own error derives from that of the HTTP library beneath, whichever that is in this version
    refused: Any = (*errors.HfHubHTTPError.__bases__, OSError, RuntimeError)
    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        raise StorageError(
            f"model '{SCHEME}{repo}' is not in the cache of huggingface_hub, and the hub was not asked, or does not "
            f"answer. Is there a network, and is HF_HUB_OFFLINE unset or 0? (The commands are offline unless it is 0.)"
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NotFound(
            f"the hub has no model '{repo}' of this revision, or not for you ({_short(error)}). Check its name; for a "
            f"private one, log in with: hf auth login"
        ) from error
    except errors.HFValidationError as error:
        raise NotFound(f"'{repo}' is no name of a repository ({_short(error)}). Write ORG/NAME.") from error
    except refused as error:
        raise StorageError(
            f"the hub refused, or cannot be reached, about model '{repo}' ({_short(error)}). Check the network, and "
            f"that you are logged in with the right to do it: hf auth login"
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
