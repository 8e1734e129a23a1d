"""InfluxDB line protocol: one point a line, `measurement,tag=value field=1.5,other=2i 1700000000000000000`.

A backslash escapes a comma, a space and (but for measurements) an equals sign; before anything else it is a backslash.
Inside a quoted text it escapes quotes and itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from tracets.data.sources.fields import Fields
from tracets.data.sources.source import Reading, check_precision, to_micros
from tracets.errors import DataError
from tracets.files import LIMITS, Limits, open_bytes
from tracets.types import AnyPath

SPACE = re.compile(r"[ \t]*+")
MEASUREMENT = re.compile(r"((?>\\[, ]|[^, \n])++)")
TAG = re.compile(r",((?>\\[,= ]|[^,= \n])++)=((?>\\[,= ]|[^,= \n])++)")
FIELD = re.compile(r"""((?>\\[,= ]|[^,= \n])++)=(?:"((?>\\["\\]|[^"])*+)"|([^", \n]++))""")
OPEN = re.compile(r"""(?>\\[,= ]|[^,= \n])++="(?>\\["\\]|[^"])*+\Z""")
STAMP = re.compile(r"(-?[0-9]++)")
ESCAPED_NAME, ESCAPED_KEY, ESCAPED_TEXT = (re.compile(rf"\\([{one}])") for one in (", ", ",= ", r'"\\'))
WHOLE = re.compile(r"(-?[0-9]++)i|([0-9]++)u")
FLOAT = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
BOOLEANS = {word: 1.0 for word in ("t", "T", "true", "True", "TRUE")} | {
    word: 0.0 for word in ("f", "F", "false", "False", "FALSE")
}
CLOSES = re.compile(r"""(?>\\["\\]|[^"])*+\"""")
STDIN = "-"
MOST_TEXTS = 100
"""Quoted texts over several lines in one point: each has the point read anew."""


@dataclass(frozen=True)
class Point:
    """One line: `fields` are numbers (truth is 1.0) or texts, `time` is as written, None where there is none."""

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, float | str], ...]
    time: int | None


@dataclass(frozen=True)
class LineProtocol:
    """A file of InfluxDB line protocol as a source.

    Parameters
    ----------
    file : path
        "-" is stdin.
    entity : tuple of str
        The tags that tell series apart (`_measurement` is one); without them the file is one series.
    precision : str
        What time stamps count since 1970: "s", "ms", "us" or "ns".
    reports : str or None
        The field whose texts are reports. Any other field that is a text is refused.
    """

    file: AnyPath
    entity: tuple[str, ...] = ()
    precision: str = "ns"
    reports: str | None = None

    def __post_init__(self) -> None:
        check_precision(self.precision)

    def __str__(self) -> str:
        return "stdin" if self.file == STDIN else str(self.file)

    def reading(self, *, freq: str | None, zone: str | None, limits: Limits) -> Reading:
        """Read the whole file.

        Raises
        ------
        DataError
            Names the line, and what is wrong with it.
        """
        fields = Fields(str(self), entity=self.entity, reports=self.reports, limits=limits)
        with self._opened(limits) as file:
            longest = 4 * limits.text_chars + 1  # bytes: more than so many characters, which is refused
            for line, point in parse(iter(lambda: file.readline(longest), b""), where=str(self), limits=limits):
                if point.time is None:
                    raise DataError(f"{self}, row {line}: there is no time stamp, and a file has no clock. Write one.")
                micros = to_micros(point.time, self.precision, where=f"{self}, row {line}")
                for key, value in point.fields:
                    fields.add(point.measurement, point.tags, key, micros, value, line)
        if self.file == STDIN:
            return fields.reading("series", freq=freq, zone=zone)
        path = Path(self.file)
        found = fields.reading(path.stem, freq=freq, zone=zone)
        return replace(found, series=(replace(one, source=path.name) for one in found.series))

    def _opened(self, limits: Limits) -> IO[bytes]:
        if self.file == STDIN:
            return open(sys.stdin.fileno(), "rb", closefd=False)
        return open_bytes(self.file, most=limits.text_bytes, setting="text_bytes")


def read_line_protocol(path: Path, *, freq: str | None, zone: str | None, limits: Limits = LIMITS) -> list:
    """The series of a file of line protocol with stamps in nanoseconds: see `LineProtocol`."""
    return list(LineProtocol(path).reading(freq=freq, zone=zone, limits=limits).series)


def parse(file: Iterable[bytes], *, where: str, limits: Limits = LIMITS) -> Iterator[tuple[int, Point]]:
    """The points of lines of bytes, each with the number of the line (from 1) on which it begins.

    Raises
    ------
    DataError
        Not UTF-8, or a line that breaks the grammar; names the line and what is expected where.
    """
    held, begun, taken, anew = "", 0, 0, 0
    for number, raw in enumerate(file, start=1):
        taken += len(raw)
        limits.check("text_bytes", taken, "bytes or more", where=where)
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{where}, row {number}: is not UTF-8 text ({error.reason}). Save it as UTF-8.") from error
        if not held:
            begun, anew = number, 0
            if not line.strip() or line.lstrip(" \t").startswith("#"):
                continue
        within = bool(held)
        held += line
        limits.check("text_chars", len(held), "characters in one point", where=f"{where}, row {begun}")
        if within and not CLOSES.match(line):
            continue
        anew += 1
        if anew > MOST_TEXTS:
            raise DataError(
                f"{where}, row {begun}: more than {MOST_TEXTS} texts of several lines in one point. Split it."
            )
        point = _point(held, f"{where}, row {begun}")
        if point is not None:
            held = ""
            yield begun, point
    if held:
        raise DataError(f"{where}, row {begun}: a quoted text is never closed. Close the quote.")


def _point(line: str, where: str) -> Point | None:
    """The point of a line; None where a quoted text goes on in the next line."""
    at = _skip(line, 0)
    found = MEASUREMENT.match(line, at)
    if found is None:
        raise _wrong(line, at, "the name of a measurement", where)
    measurement, at = ESCAPED_NAME.sub(r"\1", found[1]), found.end()
    tags: dict[str, str] = {}
    while line.startswith(",", at):
        found = TAG.match(line, at)
        if found is None:
            raise _wrong(line, at, "',tag=value'", where)
        key, at = ESCAPED_KEY.sub(r"\1", found[1]), found.end()
        if key in tags:
            raise DataError(f"{where}: tag '{key}' is there twice. Leave one out.")
        tags[key] = ESCAPED_KEY.sub(r"\1", found[2])
    if not line.startswith((" ", "\t"), at):
        raise _wrong(line, at, "a space and a field", where)
    at, fields, more = _skip(line, at), [], True
    while more:
        found = FIELD.match(line, at)
        if found is None:
            if OPEN.match(line, at):
                return None
            raise _wrong(line, at, "'field=value'", where)
        key, at = ESCAPED_KEY.sub(r"\1", found[1]), found.end()
        text, number = found[2], found[3]
        fields.append((key, ESCAPED_TEXT.sub(r"\1", text) if number is None else _number(number.rstrip(), key, where)))
        more = line.startswith(",", at)
        at += more
    time, after = None, _skip(line, at)
    if after > at and (stamp := STAMP.match(line, after)):
        time, after = _whole(stamp[1]), _skip(line, stamp.end())
        if time is None:
            raise DataError(f"{where}: the time stamp has more digits than 64 bits hold. Correct it.")
    if line[after:] not in ("", "\n", "\r\n", "\r"):
        raise _wrong(line, after, "a time stamp (a whole number) or the end of the line", where)
    return Point(measurement, tuple(sorted(tags.items())), tuple(fields), time)


def _number(text: str, key: str, where: str) -> float:
    if FLOAT.fullmatch(text):
        return float(text)
    if text in BOOLEANS:
        return BOOLEANS[text]
    whole = WHOLE.fullmatch(text)
    if whole is None:
        raise DataError(
            f"{where}: field '{key}' is {text}, which is neither a number (1.5, 2i, 3u) nor true or false. Texts stand "
            f"in double quotes."
        )
    number = _whole(whole[1] or whole[2])
    low, high = (-(2**63), 2**63 - 1) if whole[1] else (0, 2**64 - 1)
    if number is None or not low <= number <= high:
        raise DataError(f"{where}: field '{key}' is {text}, more than 64 bits hold. Write it as a float.")
    return float(number)


def _whole(digits: str) -> int | None:
    """A whole number; None where it has more digits than 64 bits hold, which Python may refuse to read."""
    sign, size = ("-" if digits.startswith("-") else ""), digits.lstrip("+-0")
    return int(sign + (size or "0")) if len(size) <= 20 else None


def _skip(line: str, at: int) -> int:
    found = SPACE.match(line, at)
    assert found is not None
    return found.end()


def _wrong(line: str, at: int, wanted: str, where: str) -> DataError:
    got = line[at : at + 20].rstrip("\r\n")
    return DataError(
        f"{where}: expected {wanted} at character {at + 1}, got {got!r}. A backslash escapes commas, spaces and equals "
        f"signs in names."
    )
