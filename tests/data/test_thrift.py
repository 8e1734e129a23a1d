"""Thrift's compact protocol: by hand, and never out of its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.thrift import BINARY, STRUCT, Compact, Damaged


def read(place):
    """All integers and bytes of a struct, by number; the rest is skipped."""
    found = {}
    for number, kind in place.fields():
        if kind in (4, 5, 6):
            found[number] = place.integer(kind)
        elif kind == BINARY:
            found[number] = place.text(kind)
        else:
            place.skip(kind)
    return found


def test_by_hand():
    # 1: i32 -1; 2: "ab"; 3: true; 5: list of two i32; 6: struct {1: i64 150}; 40 (long form): i32 3; end
    data = bytes([0x15, 1, 0x18, 2]) + b"ab" + bytes([0x11, 0x29, 0x25, 2, 4, 0x1C, 0x16, 0xAC, 2, 0, 0x05, 80, 6, 0])
    place = Compact(data)
    assert read(place) == {1: -1, 2: b"ab", 40: 3} and place.at == len(data)


def test_skipped_kinds():
    double, boolean_list = bytes([0x17, *range(8)]), bytes([0x19, 0x31, 1, 2, 1])
    mapped = bytes([0x1B, 1, 0x55, 2, 4])
    place = Compact(double + boolean_list + mapped + bytes([0x15, 10, 0]))
    assert read(place) == {4: 5}


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x15", b"\x18\xff\xff\xff\xff\x0f", b"\x15" + b"\xff" * 12, b"\x1d\x00", b"\x19\xf5\xff\xff\xff\xff\x7f",
        b"\x1c" * 40, b"\x19\x1c" * 40 + b"\x00", b"\x15\x02\x05\x02\x02\x00", b"\x05\x00\x02\x00",
        b"\x19\xf1\xff\xff\x03",
    ],
)  # fmt: skip
def test_damage_is_told(data):
    with pytest.raises(Damaged):
        read(Compact(data))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_damaged(data):
    place = Compact(data)
    try:
        read(place)
    except Damaged:
        return
    assert 0 < place.at <= len(data)


def test_wrong_kinds_are_refused():
    with pytest.raises(Damaged, match="kind 12 where an integer is wanted"):
        Compact(b"\x02").integer(STRUCT)
    with pytest.raises(Damaged, match="kind 5 where bytes are wanted"):
        Compact(b"\x02").text(5)
