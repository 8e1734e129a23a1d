"""InfluxDB line protocol: the published grammar by hand, and what its own client writes, read back."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data import read, read_series
from tracets.data.sources.line_protocol import LineProtocol, Point, parse
from tracets.errors import ConfigError, DataError
from tracets.files import LIMITS, Limits


def points(text: str | bytes, limits: Limits = LIMITS) -> list[Point]:
    raw = text.encode() if isinstance(text, str) else text
    return [point for _, point in parse(io.BytesIO(raw), where="plant.lp", limits=limits)]


def one(text: str) -> Point:
    (point,) = points(text)
    return point


def source(folder, text: str, **options) -> LineProtocol:
    path = folder / "plant.lp"
    path.write_bytes(text.encode())
    return LineProtocol(path, **options)


def series(folder, text: str, *, freq=None, zone=None, limits=LIMITS, **options):
    return list(source(folder, text, **options).reading(freq=freq, zone=zone, limits=limits).series)


@pytest.mark.parametrize(
    ("line", "point"),
    [
        ("m f=1 5", Point("m", (), (("f", 1.0),), 5)),
        ("m,b=2,a=1 f=1i,g=2u -5", Point("m", (("a", "1"), ("b", "2")), (("f", 1.0), ("g", 2.0)), -5)),
        # a backslash escapes a comma and a space in a measurement, but no equals sign
        (r"my\ m\,x\=y,t=1 f=1", Point(r"my m,x\=y", (("t", "1"),), (("f", 1.0),), None)),
        ("m=n f=1", Point("m=n", (), (("f", 1.0),), None)),
        (r"m,a\ b\,c\=d=e\ f\,g\=h f\ \,\==1", Point("m", (("a b,c=d", "e f,g=h"),), (("f ,=", 1.0),), None)),
        # before anything else, and twice, a backslash is a backslash
        (r"m\n,t=C:\\dir f\o=1", Point(r"m\n", (("t", r"C:\\dir"),), ((r"f\o", 1.0),), None)),
        (r"m,t=a\\\,b f=1", Point("m", (("t", r"a\\,b"),), (("f", 1.0),), None)),
        # quotes mean nothing outside of values
        ('"m",t="x" "f"=1', Point('"m"', (("t", '"x"'),), (('"f"', 1.0),), None)),
        (r'm s="a, b=c \"d\" \\ \n",t="" 7', Point("m", (), (("s", r'a, b=c "d" \ \n'), ("t", "")), 7)),
        ('m s="two\nlines",f=1 7', Point("m", (), (("s", "two\nlines"), ("f", 1.0)), 7)),
        ("m,t=é🍺 température=1", Point("m", (("t", "é🍺"),), (("température", 1.0),), None)),
        ("  m  f=1  5  ", Point("m", (), (("f", 1.0),), 5)),
        ("m f=1 5\r", Point("m", (), (("f", 1.0),), 5)),
        ("m f=1\r", Point("m", (), (("f", 1.0),), None)),
    ],
)
def test_the_grammar_by_hand(line, point):
    assert one(line) == point
    assert one(line + "\n") == point


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0), ("1.", 1.0), (".5", 0.5), ("-1.25", -1.25), ("+3", 3.0), ("1e5", 1e5), ("-1.2e+78", -1.2e78),
        ("1E-3", 1e-3), ("0i", 0.0), ("-12485903i", -12485903.0), ("9223372036854775807i", 2.0**63),
        ("-9223372036854775808i", -(2.0**63)), ("18446744073709551615u", 2.0**64),
        *((word, 1.0) for word in ("t", "T", "true", "True", "TRUE")),
        *((word, 0.0) for word in ("f", "F", "false", "False", "FALSE")),
    ],
)  # fmt: skip
def test_every_kind_of_number(text, value):
    assert one(f"m f={text} 1").fields == (("f", value),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m", "row 1: expected a space and a field at character 2, got ''"),
        ("m ", "row 1: expected 'field=value' at character 3"),
        (",t=1 f=1", "row 1: expected the name of a measurement at character 1"),
        ("m,t f=1", "row 1: expected ',tag=value' at character 2, got ',t f=1'"),
        ("m,t= f=1", "row 1: expected ',tag=value' at character 2"),
        ("m f=", "row 1: expected 'field=value' at character 3, got 'f='"),
        ("m f=1,", "row 1: expected 'field=value' at character 7"),
        ("m f=1 5 6", "row 1: expected a time stamp (a whole number) or the end of the line at character 9, got '6'"),
        ("m f=1 1.5", "row 1: expected a time stamp (a whole number) or the end of the line at character 8, got '.5'"),
        ("m f=1 2024-01-01", "got '-01-01'"),
        ('m f="a"b 5', "got 'b 5'"),
        ("m f=word 5", "row 1: field 'f' is word, which is neither a number"),
        ("m f=NaN 5", "row 1: field 'f' is NaN"),
        ("m f=inf 5", "row 1: field 'f' is inf"),
        ("m f=1_0 5", "row 1: field 'f' is 1_0"),
        ("m f=-1u 5", "row 1: field 'f' is -1u"),
        ("m f=1.5i 5", "row 1: field 'f' is 1.5i"),
        ("m f=9223372036854775808i 5", "row 1: field 'f' is 9223372036854775808i, more than 64 bits hold"),
        ("m f=18446744073709551616u 5", "more than 64 bits hold"),
        pytest.param(f"m f={'9' * 5000}i 5", "more than 64 bits hold", id="digits that Python refuses"),
        pytest.param(
            f"m f=1 {'9' * 5000}", "row 1: the time stamp has more digits than 64 bits hold", id="a long stamp"
        ),
        ("m,t=1,t=2 f=1 5", "row 1: tag 't' is there twice"),
        ('# note\n\nm f=1 5\nm f="open\nm f=1 6\n', "row 4: a quoted text is never closed"),
    ],
)
def test_what_breaks_the_grammar_is_refused_with_its_row(text, said):
    with pytest.raises(DataError) as refused:
        points(text)
    assert said in str(refused.value) and str(refused.value).startswith("plant.lp, row ")


def test_bytes_that_are_no_text():
    with pytest.raises(DataError, match="row 2: is not UTF-8 text"):
        points(b"m f=1 5\nm,t=\xff f=1 5\n")


def test_a_text_of_many_lines_is_bounded():
    with pytest.raises(DataError, match="limits.text_chars allows"):
        points('m s="' + "line\n" * 100, limits=Limits(text_chars=50))
    with pytest.raises(DataError, match="more than 100 texts of several lines"):
        points('m s="' + '",a="\n' * 200)
    with pytest.raises(DataError, match="limits.text_bytes allows"):
        points("m f=1 5\n" * 10, limits=Limits(text_bytes=20))


def test_comments_and_blank_lines_keep_the_count_of_rows():
    text = "# a comment\n\nm f=1 5\r\n   \n  # another\nm f=2 6\n"
    assert [(row, p.time) for row, p in parse(io.BytesIO(text.encode()), where="x")] == [(3, 5), (6, 6)]


names = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=8)


def writable(name: str) -> bool:
    """What the format can hold: no backslash at an end or before what is escaped, no comment."""
    plain = name == name.strip() and not name.startswith(("#", "\ufeff")) and "\\" not in name
    return plain and bool(name)


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(
    measurement=names.filter(writable),
    tags=st.dictionaries(names.filter(writable), names.filter(writable), max_size=3),
    fields=st.dictionaries(
        names.filter(writable),
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
            st.booleans(),
            st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=12),
        ),
        min_size=1,
        max_size=4,
    ),
    time=st.integers(-(2**62), 2**62),
)
def test_what_the_client_writes_is_read_back(measurement, tags, fields, time):
    written = pytest.importorskip("influxdb_client").Point(measurement)
    for key, value in tags.items():
        written.tag(key, value)
    for key, value in fields.items():
        written.field(key, value)
    written.time(time)
    line = written.to_line_protocol()
    point = one(line)
    assert (point.measurement, dict(point.tags), point.time) == (measurement, tags, time)
    assert set(dict(point.fields)) == set(fields)
    for key, value in fields.items():
        assert dict(point.fields)[key] == (value if isinstance(value, str) else float(value)), key


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=60) | st.text(alphabet='m f=1,"\\ \n#i5', max_size=40).map(str.encode))
def test_anything_is_read_or_refused(raw):
    try:
        for point in points(raw):
            assert point.measurement and point.fields
            assert all(isinstance(value, str | float) and value == value for _, value in point.fields)
    except DataError as error:
        assert "plant.lp, row " in str(error)


HOURS = [1_700_000_000 + 3600 * i for i in range(3)]


def test_tags_make_series_and_fields_make_channels(tmp_path):
    text = "".join(
        f"weather,site={site},sensor=s1 temp\\ [°C]={base + i},rain={i}i {t}\n"
        for site, base in (("south", 20), ("north", 10))
        for i, t in enumerate(HOURS)
    )
    north, south = series(tmp_path, text, entity=("site",), precision="s")
    assert (north.id, south.id) == ("north", "south")
    assert north.channel_names == ("rain", "temp") and north.units == (None, "°C")
    assert north.values.tolist() == [[0, 1, 2], [10, 11, 12]] and south.values[1].tolist() == [20, 21, 22]
    assert (north.start, north.freq) == (datetime.fromtimestamp(HOURS[0], UTC), "h")
    assert north.metadata == {"site": "north"}


@pytest.mark.parametrize(("precision", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_every_precision_means_the_same_times(tmp_path, precision, factor):
    text = "".join(f"m f={i} {t * factor}\n" for i, t in enumerate(HOURS))
    (found,) = series(tmp_path, text, precision=precision, zone="Europe/Berlin")
    assert found.start.isoformat() == "2023-11-14T23:13:20+01:00" and found.freq == "h"
    assert found.id == "plant" and found.source == "plant.lp"


def test_labels_get_into_names_only_where_they_tell_channels_apart(tmp_path):
    lines = [
        f"{m},host=a,cpu={cpu} {f}={i} {t}"
        for i, t in enumerate(HOURS)
        for m, cpu, f in (
            ("cpu", "0", "user"), ("cpu", "1", "user"), ("mem", "0", "used"), ("temperature", "0", "value"),
            ("humidity", "0", "value"), ("disk", "0", "errors"), ("net", "0", "errors"),
        )
    ]  # fmt: skip
    (found,) = series(tmp_path, "\n".join(lines), precision="s")
    assert found.channel_names == (
        "errors _measurement=disk", "errors _measurement=net", "humidity", "temperature", "used", "user cpu=0",
        "user cpu=1",
    )  # fmt: skip


def test_the_last_of_points_at_one_time_counts_in_any_order(tmp_path, caplog):
    rows = [(2, 7), (0, 5), (1, 1), (1, 6)]  # hour 1 is written twice
    (found,) = series(tmp_path, "".join(f"m f={v} {HOURS[h]}\n" for h, v in rows), precision="s")
    assert found.values.tolist() == [[5, 6, 7]]
    assert "1 of 4 points were written again later" in caplog.text


def test_fields_with_times_of_their_own_need_a_grid(tmp_path):
    text = f"m a=1 {HOURS[0]}\nm a=2 {HOURS[1]}\nm a=3 {HOURS[2]}\nm b=9 {HOURS[0]}\nm b=9 {HOURS[2]}\n"
    with pytest.raises(DataError, match=r"series 'plant': channel 'b' has 2 values, channel 'a' has 3.*row 2 of 'a'"):
        series(tmp_path, text, precision="s")
    (found,) = series(tmp_path, text, precision="s", freq="h")
    np.testing.assert_array_equal(found.values, [[1, 2, 3], [9, np.nan, 9]])


def test_texts_are_reports_or_refused(tmp_path):
    text = "".join(f'm,unit=u{u} f={i},note="hour {i} of {u}" {t}\n' for u in "12" for i, t in enumerate(HOURS))
    with pytest.raises(DataError, match=r"row 1: field 'note' of 'm' is a text\. Leave it out.*reports='note'"):
        series(tmp_path, text, precision="s", entity=("unit",))
    told = read(source(tmp_path, text, precision="s", entity=("unit",), reports="note"))
    assert told.column("text") == ["hour 0 of 1 hour 1 of 1 hour 2 of 1", "hour 0 of 2 hour 1 of 2 hour 2 of 2"]


def test_a_point_without_a_time_a_tag_or_a_value_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"row 2: there is no time stamp"):
        series(tmp_path, "m f=1 5\nm f=2\n")
    with pytest.raises(DataError, match=r"'f' has no label 'host' to tell series apart by; it has _measurement, site"):
        series(tmp_path, "m,site=x f=1 5\n", entity=("host",))
    with pytest.raises(DataError, match="there is not one value"):
        series(tmp_path, "# nothing\n")
    with pytest.raises(DataError, match=r"row 1: 9000000000000000000 s since 1970 is no time"):
        series(tmp_path, "m f=1 9000000000000000000\n", precision="s")
    with pytest.raises(DataError, match=r"channel 'f', row 1: the value 1e\+60 is infinite"):
        series(tmp_path, "m f=1e60 5\nm f=1 6\n", precision="s")
    with pytest.raises(ConfigError, match="precision must be one of s, ms, us, ns, got 'h'"):
        LineProtocol("x.lp", precision="h")


def test_ids_that_would_be_the_same_are_refused(tmp_path):
    text = "m,a=x/y,b=z f=1 5\nm,a=x,b=y/z f=1 5\n"
    with pytest.raises(DataError, match="make the same id 'x/y/z'"):
        series(tmp_path, text, entity=("a", "b"), freq="h")


def test_a_file_by_its_ending(tmp_path):
    path = tmp_path / "plant.LP"
    path.write_text("".join(f"m f={i} {t * 10**9}\n" for i, t in enumerate(HOURS)))
    assert read_series(path)[0].values.tolist() == [[0, 1, 2]]
    with pytest.raises(ConfigError, match="a reader is for files, and this is none"):
        read_series(LineProtocol(path), reader="corpus")


def test_the_number_of_points_is_bounded(tmp_path):
    with pytest.raises(DataError, match=r"has 3 points or more, more than the 2 that limits\.rows allows"):
        series(tmp_path, "m f=1 5\nm f=1 6\nm f=1 7\n", limits=Limits(rows=2))
