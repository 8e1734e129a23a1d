"""Thrift's compact protocol, as far as the footer and the page headers of Parquet need it: numbers, and what to skip.

Nothing is kept that is not asked for, so that what a file declares costs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator

TRUE, FALSE, BYTE, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 11, 12
INTEGERS = (4, 5, 6)
DEEPEST = 16
"""Structs within structs; Parquet has at most six."""


class Damaged(ValueError):
    """Bytes that are no Thrift, or that end too soon."""


class Compact:
    """A place in bytes that are read from left to right.

    Examples
    --------
    >>> place = Compact(bytes([0x15, 4, 0]))  # a struct: field 1, an integer, 2
    >>> [(number, place.integer(kind)) for number, kind in place.fields()]
    [(1, 2)]
    """

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and kind of each field of a struct; the caller reads or skips a value before it asks for the next."""
        last = 0
        while head := self._byte():
            number = last + (head >> 4) if head >> 4 else _signed(self._varint())
            if number <= last:  # nobody writes a field twice, and readers differ in which they would take
                raise Damaged("fields out of order")
            yield number, head & 15
            last = number

    def items(self) -> tuple[int, int]:
        """How many items a list has, and of which kind; the caller reads or skips each."""
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        if count > len(self.data) - self.at:  # each takes a byte or more
            raise Damaged(f"a list of {count} items")
        return count, head & 15

    def integer(self, kind: int) -> int:
        if kind not in INTEGERS:
            raise Damaged(f"kind {kind} where an integer is wanted")
        return _signed(self._varint())

    def text(self, kind: int) -> bytes:
        if kind != BINARY:
            raise Damaged(f"kind {kind} where bytes are wanted")
        length = self._varint()
        begin = self._step(length)
        return self.data[begin : begin + length]

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a value."""
        if depth > DEEPEST:
            raise Damaged("nested too deeply")
        if kind in (TRUE, FALSE):
            return
        if kind == BYTE:
            self._step(1)
        elif kind in INTEGERS:
            self._varint()
        elif kind == DOUBLE:
            self._step(8)
        elif kind == BINARY:
            self._step(self._varint())
        elif kind in (LIST, SET):
            count, inner = self.items()
            for _ in range(count):
                self._skip_item(inner, depth)
        elif kind == MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._skip_item(kinds >> 4, depth)
                self._skip_item(kinds & 15, depth)
        elif kind == STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise Damaged(f"unknown kind {kind}")

    def _skip_item(self, kind: int, depth: int) -> None:
        if kind in (TRUE, FALSE):  # a byte each, where a field has none
            self._step(1)
        else:
            self.skip(kind, depth + 1)

    def _byte(self) -> int:
        return self.data[self._step(1)]

    def _step(self, length: int) -> int:
        begin = self.at
        if length > len(self.data) - begin:
            raise Damaged("it ends too soon")
        self.at += length
        return begin

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise Damaged("a number is too long")


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
