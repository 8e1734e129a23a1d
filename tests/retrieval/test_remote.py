"""An index in a bucket answers as the same index on a disk."""

import pytest

from tracets import api
from tracets.errors import IndexFolderError
from tracets.storage import Location

pytestmark = pytest.mark.slow  # a server of an object store is started, and models are run

QUESTIONS = ("A burst of 9 mm of rain.", "The wind is strong.")


@pytest.fixture
def encoder(model_folder):
    return api.load(model_folder)


@pytest.fixture
def cache(tmp_path, monkeypatch, encoder):
    """A cache of its own; the model was loaded from the one that all tests share."""
    monkeypatch.setenv("TRACETS_CACHE", str(tmp_path / "cache"))


def answers(index, encoder, **more):
    return [[(hit.id, hit.score) for hit in api.search(index, encoder, text, k=5, **more)] for text in QUESTIONS]


def test_answers_are_those_of_a_folder(s3, cache, corpus_file, encoder, index_folder):
    windows, seen = api.read(corpus_file), []
    built = api.build_index(windows, encoder, f"{s3}/days.index", progress=seen.append)
    assert built.embedded == (12, 12) and seen == [12]
    opened, local = api.open_index(f"{s3}/days.index"), api.open_index(index_folder)
    for more in ({}, {"where": "entity = 'ny'"}, {"want": "text"}):
        assert answers(opened, encoder, **more) == answers(local, encoder, **more)
    assert api.explain(opened, encoder, "day-3", "rain") == api.explain(local, encoder, "day-3", "rain")


def test_an_update_encodes_what_is_new(s3, cache, corpus_file, encoder):
    windows = list(api.read(corpus_file))
    url = f"{s3}/days.index"
    api.build_index(windows[:8], encoder, url)
    old = api.open_index(url)
    with pytest.raises(IndexFolderError, match=r"index 's3://.*days.index' exists.*\(update\).*\(overwrite\)"):
        api.build_index(windows, encoder, url)
    assert api.build_index(windows, encoder, url, update=True).embedded == (4, 4)
    assert (len(old), len(api.open_index(url))) == (8, 12)
    assert answers(old, encoder)
    assert api.build_index(windows[:3], encoder, url, overwrite=True).embedded == (3, 3)
    assert len(api.open_index(url)) == 3


def test_a_copy_of_a_folder_in_a_bucket_opens(s3, cache, encoder, index_folder):
    place = Location.of(f"{s3}/copied")
    for path in index_folder.rglob("*"):
        if path.is_file():
            place.send(path, path.relative_to(index_folder).as_posix())
    copied, local = api.open_index(f"{s3}/copied"), api.open_index(index_folder)
    assert answers(copied, encoder, where="entity = 'ny'") == answers(local, encoder, where="entity = 'ny'")
