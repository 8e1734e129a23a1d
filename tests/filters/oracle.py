"""Filters evaluated row by row in plain Python, and random tables and filters to do it with."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import strategies as st

from tracets.filters import Among, And, Between, Compare, Filter, Has, IsNull, Like, Not, Or

ZONE = ZoneInfo("America/New_York")
WORDS = st.text(alphabet="aAbBéÉ%_\\'\n`\"日.*(", max_size=4)
WHOLE = st.integers(-4, 4) | st.integers(-(2**63), 2**63 - 1)
FLOATS = st.sampled_from([0.0, -0.0, 0.1, 1.0, 2.5, float("nan"), float("inf"), 2.0**53]) | st.floats()
CLOCKS = st.datetimes(datetime(1950, 1, 1), datetime(2037, 1, 1)) | st.datetimes(
    datetime(2013, 1, 1), datetime(2013, 1, 3)
)
TYPES = {
    "i": (pa.int64(), WHOLE),
    "u": (pa.uint8(), st.integers(0, 255)),
    "f": (pa.float64(), FLOATS),
    "g": (pa.float32(), st.floats(width=32)),
    "Odd name": (pa.string(), WORDS),
    "b": (pa.bool_(), st.booleans()),
    "t": (pa.timestamp("us", tz="America/New_York"), CLOCKS.map(lambda t: t.replace(tzinfo=UTC))),
    "w": (pa.timestamp("ns"), CLOCKS),
    "m": (pa.timestamp("s", tz="+05:30"), CLOCKS.map(lambda t: t.replace(tzinfo=UTC, microsecond=0))),
    "d": (pa.date32(), st.dates() | st.dates(date(2013, 1, 1), date(2013, 1, 4))),
    "l": (pa.list_(pa.string()), st.lists(st.none() | WORDS, max_size=3)),
    "n": (pa.null(), st.none()),
}
NUMBERS = (
    st.integers(-5, 5) | st.integers(-(2**70), 2**70) | st.integers(250, 260)
    | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.5, 2.5, -0.0, 10**400 - 1, -(10**309)])
)  # fmt: skip
OFFSETS = st.sampled_from([UTC, timezone(timedelta(hours=-5)), timezone(timedelta(hours=5, minutes=30))])
DAYS = st.dates() | st.dates(date(2013, 1, 1), date(2013, 1, 4))
MOMENTS = (CLOCKS | st.datetimes()).flatmap(lambda t: OFFSETS.map(lambda zone: t.replace(tzinfo=zone)))


def shortened(where):
    """Without ands and ors of one part."""
    if isinstance(where, Not):
        return Not(shortened(where.part))
    if isinstance(where, And | Or):
        parts = tuple(map(shortened, where.parts))
        return parts[0] if len(parts) == 1 else type(where)(parts)
    return where


def named(where):
    """The columns that a filter names, by the names that tables have."""
    if isinstance(where, And | Or):
        return {name for part in where.parts for name in named(part)}
    return (
        named(where.part)
        if isinstance(where, Not)
        else {name for name in TYPES if name.lower() == where.column.lower()}
    )


@st.composite
def questions(draw):
    """A filter, and some rows of the columns that it names, in chunks."""
    where = draw(FILTERS)
    rows = draw(st.integers(0, 6))
    columns = {
        name: pa.array([draw(st.none() | values) for _ in range(rows)], kind)
        for name, (kind, values) in TYPES.items()
        if name in named(where) or name == "b"
    }
    cut = draw(st.integers(0, rows))
    table = pa.table(columns)
    return where, pa.concat_tables([table.slice(0, cut), table.slice(cut)])


def _once(time):
    """Not a clock time that comes twice or never in New York."""
    return len({time.replace(tzinfo=ZONE, fold=fold).utcoffset() for fold in (0, 1)}) == 1


def values(name):
    """What a column may be compared with."""
    if name in "iufg":
        return NUMBERS
    if name == "t":
        return MOMENTS | DAYS | (CLOCKS | st.datetimes()).filter(_once)
    found = {"b": st.booleans(), "w": st.datetimes() | CLOCKS | DAYS, "m": MOMENTS | CLOCKS, "d": DAYS | CLOCKS}
    return found.get(name, WORDS)


def _leaf(name):
    drawn = values(name)
    if name == "l":
        return st.builds(Has, st.just(name), drawn) | st.just(IsNull(name))
    column = st.sampled_from([name, name.upper(), name.lower()])
    found = (
        st.builds(Compare, column, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), drawn)
        | st.builds(Among, column, st.lists(drawn, min_size=1, max_size=3).map(tuple))
        | st.builds(Between, column, drawn, drawn)
        | st.builds(IsNull, column)
    )
    if name in ("Odd name", "n"):
        patterns = WORDS.filter(lambda p: not p.replace("\\\\", "").endswith("\\"))
        found |= st.builds(Like, column, patterns, st.booleans())
    return found


LEAVES = st.sampled_from(list(TYPES)).flatmap(_leaf)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts)))
        | inner.map(Not)
    ),
    max_leaves=6,
)


def rows_of(table):
    """Rows as dicts of Python values by lower-case name; NaN is None, times are naive or in UTC."""
    rows = []
    for i in range(len(table)):
        row = {}
        for name in table.column_names:
            cell = table[name].slice(i, 1)
            kind = cell.type
            if pa.types.is_timestamp(kind):  # nanoseconds would need pandas; all of ours are whole microseconds
                n = cell.cast(pa.int64()).to_pylist()[0]
                micro = None if n is None else n * 10**6 // {"s": 1, "us": 10**6, "ns": 10**9}[kind.unit]
                value = None if micro is None else datetime(1970, 1, 1) + timedelta(microseconds=micro)
                row[name.lower()] = value if value is None or kind.tz is None else value.replace(tzinfo=UTC)
            else:
                value = cell.to_pylist()[0]
                row[name.lower()] = None if value != value else value
        rows.append(row)
    return rows


def holds(where: Filter, row):
    """True, False or None, by the rules as written down."""
    match where:
        case And():
            found = [holds(part, row) for part in where.parts]
            return False if False in found else None if None in found else True
        case Or():
            found = [holds(part, row) for part in where.parts]
            return True if True in found else None if None in found else False
        case Not():
            found = holds(where.part, row)
            return None if found is None else not found
    cell, name = row[where.column.lower()], where.column.lower()
    if isinstance(where, IsNull):
        return cell is None
    if cell is None:
        return None
    match where:
        case Compare():
            return _compared(name, cell, where.op, where.value)
        case Among():
            return any(_compared(name, cell, "=", value) for value in where.values)
        case Between():
            return _compared(name, cell, ">=", where.low) and _compared(name, cell, "<=", where.high)
        case Like():
            return _like(cell, where.pattern, where.ignore_case)
        case Has():
            return where.value in [value for value in cell if value is not None]
    raise AssertionError(where)


def _compared(name, cell, op, value):
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime(cell.year, cell.month, cell.day)
    if isinstance(cell, datetime):  # subtracted from one day in UTC, since moments may lie outside of the calendar
        cell, value = (_seconds(x, {"t": ZONE, "m": timezone(timedelta(hours=5.5))}.get(name)) for x in (cell, value))
    return {
        "=": cell == value, "!=": cell != value, "<": cell < value,
        "<=": cell <= value, ">": cell > value, ">=": cell >= value,
    }[op]  # fmt: skip


def _seconds(time, zone):
    offset = (time if time.tzinfo or zone is None else time.replace(tzinfo=zone)).utcoffset() or timedelta()
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1)) / timedelta(microseconds=1) - offset / timedelta(
        microseconds=1
    )


def _like(text, pattern, ignore_case):
    if ignore_case:
        text, pattern = text.lower(), pattern.lower()
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if first == "%":
        return any(_like(text[i:], rest, False) for i in range(len(text) + 1))
    if first == "\\":
        first, rest = rest[0], rest[1:]
        return text[:1] == first and _like(text[1:], rest, False)
    return bool(text) and (first == "_" or text[0] == first) and _like(text[1:], rest, False)
