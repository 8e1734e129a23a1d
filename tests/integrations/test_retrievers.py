"""Retrievers of LangChain and LlamaIndex, against the real packages: what they give is what the front door finds."""

import asyncio
import importlib
import json
import shutil
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from tracets import api
from tracets.errors import IndexFolderError, MissingExtra, NotFound, QueryError

pytestmark = pytest.mark.slow  # the packages alone take seconds to import
QUESTION = "Heavy rain. The wind is light."


@pytest.fixture(scope="module")
def model(model_folder):
    return api.load(model_folder)


def langchain(index, **options):
    pytest.importorskip("langchain_core", reason="the extra `langchain` is not installed")
    from tracets.integrations.langchain import TracetsRetriever

    return TracetsRetriever(index, **options)


def llama_index(index, **options):
    pytest.importorskip("llama_index.core", reason="the extra `llama-index` is not installed")
    from tracets.integrations.llama_index import TracetsRetriever

    return TracetsRetriever(index, **options)


def of_langchain(retriever, question=QUESTION):
    return [(d.id, d.page_content, d.metadata) for d in retriever.invoke(question)]


def of_llama_index(retriever, question=QUESTION):
    return [(n.node.node_id, n.node.text, n.metadata) for n in retriever.retrieve(question)]


both = pytest.mark.parametrize(
    ("make", "ask"), [(langchain, of_langchain), (llama_index, of_llama_index)], ids=["langchain", "llama-index"]
)


@both
def test_what_is_found_is_what_a_search_finds(make, ask, index_folder, model):
    index = api.open_index(index_folder)
    hits = api.search(index, model, QUESTION, k=4)
    found = ask(make(index_folder, model=model, k=4))
    assert [id for id, _, _ in found] == [hit.id for hit in hits]
    for (_, text, facts), hit in zip(found, hits, strict=True):
        assert text == hit.text and facts["reported"] is True
        assert facts["id"] == hit.id and facts["rank"] == hit.rank and facts["score"] == hit.score
        assert facts["start"] == hit.start.isoformat() and facts["end"] == hit.end.isoformat()
        assert hit.end - hit.start == timedelta(hours=23)
        assert facts["channels"] == dict(hit.channels) and set(facts["channels"]) == {"rain", "wind speed"}
        assert facts["label"] == hit.label and facts["metadata"] == {"entity": hit.metadata["entity"]}
        assert facts["sentence"] == api.explain(index, model, hit.id, QUESTION).stored.sentence
        assert facts["sentence"] in hit.text and facts["sentence"] != hit.text
        assert json.loads(json.dumps(facts)) == facts


@both
@pytest.mark.parametrize("where", ["entity = 'sf'", api.col("entity") == "sf"], ids=["sql", "col"])
def test_filters_are_taken_as_a_search_takes_them(make, ask, index_folder, model, where):
    found = ask(make(index_folder, model=model, k=3, where=where))
    assert len(found) == 3 and {facts["metadata"]["entity"] for _, _, facts in found} == {"sf"}


@both
def test_want_and_hybrid_reach_the_search(make, ask, index_folder, model):
    index = api.open_index(index_folder)
    for options in ({"want": "text"}, {"hybrid": True}):
        expected = [hit.id for hit in api.search(index, model, "rain of 12 mm", k=5, **options)]
        assert [id for id, _, _ in ask(make(index_folder, model=model, **options), "rain of 12 mm")] == expected
    plain = [hit.id for hit in api.search(index, model, "rain of 12 mm", k=5)]
    assert expected != plain, "the test could not tell"


@both
def test_a_window_without_report_is_told_from_its_numbers(make, ask, index_folder, model, tmp_path):
    few = [replace(s, text=None if s.id == "day-1" else s.text) for s in api.stored(
        api.open_index(index_folder), ["day-0", "day-1", "day-2"])]  # fmt: skip
    index = api.build_index(few, model, tmp_path / "few.index")
    found = {id: (text, facts) for id, text, facts in ask(make(index, model=model, k=3))}
    [said] = api.caption_samples([few[1]])
    text, facts = found["day-1"]
    assert text == said.text and facts["reported"] is False and facts["sentence"] is None
    assert found["day-0"][1]["reported"] is True


@both
def test_what_is_written_to_the_index_later_is_found(make, ask, index_folder, model, tmp_path):
    own = shutil.copytree(index_folder, tmp_path / "own.index")
    retriever = make(own, model=model, k=1)
    api.add_to_index(own, [replace(s, id="new", text="A hurricane.") for s in api.stored(
        api.open_index(own), ["day-3"])], model)  # fmt: skip
    api.delete_from_index(own, [f"day-{i}" for i in range(12)])
    assert [id for id, _, _ in ask(retriever)] == ["new"]


@both
def test_an_index_that_does_not_fit_is_refused(make, ask, index_folder, other_model, tmp_path):
    with pytest.raises((NotFound, IndexFolderError), match="no index folder"):
        make(tmp_path / "none", model=other_model)
    with pytest.raises(IndexFolderError, match="cannot be compared"):
        make(index_folder, model=api.load(other_model, backend="torch"))


def test_a_copy_of_a_retriever_of_langchain_asks_with_its_own_filter(index_folder, model):
    first = langchain(index_folder, model=model, k=2, tags=["archive"])
    second = first.model_copy(update={"where": "entity = 'sf'", "k": 3})
    assert len(first.invoke(QUESTION)) == 2 and first.tags == ["archive"]
    assert [d.metadata["metadata"]["entity"] for d in second.invoke(QUESTION)] == ["sf"] * 3


@both
def test_a_wrong_filter_is_told(make, ask, index_folder, model):
    with pytest.raises(QueryError, match="entty"):
        ask(make(index_folder, model=model, where="entty = 'sf'"))


def test_options_that_are_wrong_are_refused(index_folder, model):
    for options in ({"k": 0}, {"want": "x"}, {"wher": "entity = 'sf'"}):
        with pytest.raises((ValueError, TypeError)):
            langchain(index_folder, model=model, **options)
        with pytest.raises((ValueError, TypeError)):
            llama_index(index_folder, model=model, **options)


def test_both_answer_while_a_loop_goes_on(index_folder, model):
    """Asked twice at a time, each gives what it gives alone, and the loop that asks is not held up meanwhile."""
    chain, nodes = langchain(index_folder, model=model), llama_index(index_folder, model=model)

    async def go():
        beats = []

        async def heart():
            while True:
                beats.append(None)
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(heart())
        found = await asyncio.gather(
            chain.ainvoke(QUESTION), chain.ainvoke("calm"), nodes.aretrieve(QUESTION), nodes.aretrieve("calm")
        )
        beating.cancel()
        return found, len(beats)

    (first, second, third, fourth), beats = asyncio.run(go())
    assert first == chain.invoke(QUESTION) and second == chain.invoke("calm") and beats > 1
    for found, alone in ((third, nodes.retrieve(QUESTION)), (fourth, nodes.retrieve("calm"))):
        assert [n.node_id for n in found] == [n.node_id for n in alone]


def test_a_chain_of_langchain_reads_the_documents(index_folder, model):
    from langchain_core.runnables import RunnableLambda

    chain = langchain(index_folder, model=model, k=2) | RunnableLambda(lambda found: [d.metadata["id"] for d in found])
    assert chain.invoke(QUESTION) == [hit.id for hit in api.search(api.open_index(index_folder), model, QUESTION, k=2)]


def test_a_language_model_behind_llama_index_is_told_when_but_no_scores(index_folder, model):
    from llama_index.core.schema import MetadataMode

    [node] = llama_index(index_folder, model=model, k=1).retrieve(QUESTION)
    told = node.node.get_content(MetadataMode.LLM)
    assert node.text in told and node.metadata["start"] in told
    assert "score" not in told and node.node.get_content(MetadataMode.EMBED) == node.text


@pytest.mark.parametrize(
    ("module", "needs", "extra"),
    [("langchain", "langchain_core", "langchain"), ("llama_index", "llama_index.core", "llama-index")],
)
def test_a_missing_package_names_its_extra(module, needs, extra, monkeypatch):
    for name in [name for name in sys.modules if name == needs or name.startswith(f"{needs}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, needs, None)
    monkeypatch.delitem(sys.modules, f"tracets.integrations.{module}", raising=False)
    with pytest.raises(MissingExtra, match=rf"pip install 'tracets\[{extra}\]'"):
        importlib.import_module(f"tracets.integrations.{module}")
