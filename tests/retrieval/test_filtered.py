"""Any filter leaves the hits of a plain loop over the windows that pass it."""

import importlib.util
from datetime import UTC, datetime
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracets.filters import col
from tracets.retrieval.search import search
from tracets.types import Query

_spec = importlib.util.spec_from_file_location("search_tests", Path(__file__).with_name("test_search.py"))
tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tests)
ENCODER, SAID, NEW_YORK, corpus = tests.ENCODER, tests.SAID, tests.NEW_YORK, tests.corpus
index = tests.index  # the fixture
pytestmark = tests.pytestmark


CONDITIONS = st.one_of(
    st.sampled_from(["ny", "sf", "la"]).map(lambda v: (col("entity") == v, lambda s: s.metadata["entity"] == v)),
    st.floats(0, 240).map(lambda v: (col("height") > v, lambda s: s.metadata["height"] > v)),
    st.lists(st.integers(0, 25)).map(lambda v: (col("odd name").isin(v), lambda s: s.metadata["odd name"] in v)),
    st.integers(1, 30).map(
        lambda day: (
            col("start").between(datetime(2013, 3, 5, tzinfo=UTC), datetime(2013, 3, day)),
            lambda s: (
                datetime(2013, 3, 5, tzinfo=UTC) <= s.start.astimezone(UTC)
                and s.start <= datetime(2013, 3, day, tzinfo=NEW_YORK)
            ),
        )
    ),
    st.sampled_from(["wind", "Rain", "snow"]).map(
        lambda v: (col("channel_names").has(v), lambda s: v in s.channel_names)
    ),
    st.just((col("text").is_null(), lambda s: s.text is None)),
    st.sampled_from(["%strong%", "Rain falls _."]).map(
        lambda v: (col("text").like(v) & (col("text") != "x"), lambda s: fnmatch(s.text or "", v.translate(GLOB)))
    ),
)
GLOB = str.maketrans("%_", "*?")
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: (p[0][0] & p[1][0], lambda s: p[0][1](s) and p[1][1](s))),
        st.tuples(inner, inner).map(lambda p: (p[0][0] | p[1][0], lambda s: p[0][1](s) or p[1][1](s))),
    ),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS, st.sampled_from(["series", "text"]), st.integers(1, 25))
def test_any_filter_leaves_the_hits_of_a_plain_loop(index, pair, want, k):
    where, keep = pair
    kept = {s.id for s in corpus() if keep(s)}
    everything = [(h.id, h.score) for h in search(index, ENCODER, Query(SAID), want=want, k=100) if h.id in kept]
    found = search(index, ENCODER, Query(SAID), want=want, k=k, where=where)
    assert [(h.id, h.score) for h in found] == everything[:k]
