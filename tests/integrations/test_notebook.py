"""The extension of IPython, in a shell of IPython's own: lists of hits become tables, other lists stay as they are."""

import pytest

from tracets import api
from tracets.types import Hit

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def shell():
    pytest.importorskip("IPython", reason="the extra `notebook` is not installed")
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell()
    made.display_formatter.active_types = ["text/html", "text/plain"]
    return made


def html(shell, given):
    return shell.display_formatter.format(given)[0].get("text/html")


def test_lists_of_hits_are_tables(shell, index_folder, model_folder):
    hits = api.search(api.open_index(index_folder), api.load(model_folder), "rain", k=3)
    evil = Hit(1, EVIL, 0.5, None, None, {EVIL: 0.5}, EVIL, EVIL, {})
    assert html(shell, hits) is None
    shell.extension_manager.load_extension("tracets.integrations.notebook")
    shown = html(shell, hits)
    assert shown.count("<tr>") == 4 and all(hit.id in shown and f"{hit.score:.3f}" in shown for hit in hits)
    assert "&lt;script" in html(shell, [evil]) and EVIL not in html(shell, [evil])
    assert html(shell, []) is None and html(shell, [hits[0], 1]) is None and html(shell, [1]) is None


def test_what_showed_lists_before_shows_the_others(shell, index_folder, model_folder):
    shell.display_formatter.formatters["text/html"].for_type(list, lambda given: f"<p>{len(given)}</p>")
    shell.extension_manager.load_extension("tracets.integrations.notebook")
    hits = api.search(api.open_index(index_folder), api.load(model_folder), "rain", k=1)
    assert html(shell, [1, 2]) == "<p>2</p>" and "<table>" in html(shell, hits)


def test_a_single_hit_and_a_figure_show_themselves(shell, index_folder, model_folder):
    hit = api.search(api.open_index(index_folder), api.load(model_folder), "rain", k=1)[0]
    assert html(shell, hit) == hit._repr_html_()
