"""Settings from plain values: types, nearest names, dotted overrides."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from tracets.errors import ConfigError
from tracets.plain import build, override


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    steps: int | None = None
    kind: Literal["a", "b"] = "a"
    on: bool = True


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    name: str = "x"


def test_build_fills_defaults_and_nests():
    assert build(Outer, {"inner": {"steps": 3, "rate": 1}}, where="") == Outer(Inner(rate=1.0, steps=3))


def test_a_table_says_none_in_words():
    assert build(Outer, {"inner": {"steps": "none"}}, where="") == Outer(Inner(steps=None))
    with pytest.raises(ConfigError, match=r"inner.rate must be of type float, got 'none'"):
        build(Outer, {"inner": {"rate": "none"}}, where="")


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("inner.rate=3", Inner(rate=3.0)),
        ("inner.rate=1e-3", Inner(rate=1e-3)),
        ("inner.steps=none", Inner(steps=None)),
        ("inner.steps=12", Inner(steps=12)),
        ("inner.kind=b", Inner(kind="b")),
        ("inner.on=false", Inner(on=False)),
    ],
)
def test_override_reads_the_declared_type(assignment, expected):
    assert override(Outer(), assignment).inner == expected


def test_a_name_that_looks_like_a_number_stays_text():
    assert override(Outer(), "name=12").name == "12"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("inner.rat=3", "unknown setting 'inner.rat'; did you mean 'inner.rate'?"),
        ("zzz=3", "unknown setting 'zzz'; known: inner, name"),
        ("inner.steps=1.5", "inner.steps must be of type int or none, got '1.5'"),
        ("inner.on=1", "inner.on must be of type bool, got '1'"),
        ("inner.kind=c", "inner.kind must be one of 'a', 'b', got 'c'"),
        ("inner=3", "'inner' is a group; set one of inner.rate"),
        ("name.x=3", "'name' is a single value; it has no 'x'"),
        ("name", "'--set name' must read name=value"),
    ],
)
def test_a_wrong_override_says_the_fix(assignment, message):
    with pytest.raises(ConfigError) as error:
        override(Outer(), assignment)
    assert message in str(error.value)


def test_a_table_of_the_wrong_type_is_refused():
    with pytest.raises(ConfigError, match="'inner' must be a table of settings, got 3"):
        build(Outer, {"inner": 3}, where="")
