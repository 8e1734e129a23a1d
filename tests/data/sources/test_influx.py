"""InfluxDB's two query APIs, by answers written after its documentation."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracets.data.sources.fields import Fields
from tracets.data.sources.http import Login, Server
from tracets.data.sources.influx import InfluxSource, take_csv, take_json
from tracets.errors import DataError, SourceError, TracetsError
from tracets.files import LIMITS

LONG = """\
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#group,false,false,true,true,false,false,true,true,true
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,site
,,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T01:00:00Z,1.5,load [MW],plant,north
,,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T02:00:00Z,,load [MW],plant,north
,,0,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T03:00:00Z,-2,load [MW],plant,north
,,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T01:00:00Z,9,load [MW],plant,"so,uth"
,,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T02:00:00Z,8,load [MW],plant,"so,uth"
,,1,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T03:00:00Z,7,load [MW],plant,"so,uth"

#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,boolean,string,string,string
#group,false,false,true,true,false,false,true,true,true
#default,_result,,,,,,,,north
,result,table,_start,_stop,_time,_value,_field,_measurement,site
,,2,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T01:00:00Z,true,open,plant,
,,2,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,2024-01-01T03:00:00Z,false,open,plant,

""".replace("\n", "\r\n")

PIVOTED = """\
#datatype,string,long,dateTime:RFC3339,string,double,unsignedLong,string,string
#group,false,false,false,true,false,false,false,true
#default,_result,,,,,,,
,result,table,_time,_measurement,load,alarms,note,site
,,0,2024-01-01T01:00:00Z,plant,1,3,Unit 2 tripped.,north
,,0,2024-01-01T02:00:00Z,plant,2,,,north
"""

FAILED = """\
#datatype,string,string
#group,true,true
#default,,
,error,reference
,"error in building plan while starting program: cannot query an empty range",897
"""

SERIES = {
    "name": "plant", "tags": {"site": "north", "line": ""}, "columns": ["time", "load", "open", "note"],
    "values": [
        [1704070800000000000, 1.5, True, None], [1704074400000000001, None, None, "tripped"],
        [1704078000000000000, -2, False, None],
    ],
}  # fmt: skip
JSON = {"results": [{"statement_id": 0, "series": [SERIES]}]}


def fields(entity=(), reports=None) -> Fields:
    return Fields("influx", entity=entity, reports=reports, limits=LIMITS)


def test_flux_answers_in_annotated_csv(serving):
    with serving(lambda asked: (200, {"Content-Type": "text/csv"}, LONG.encode())) as seen:
        server = Server(seen.url, "Token", Login(token="abc"))
        source = InfluxSource(server, 'from(bucket: "plant")', org="acme", entity=("site",))
        north, south = source.reading(freq="h", zone=None, limits=LIMITS).series
    assert (north.id, south.id) == ("north", "so,uth") and north.start.isoformat() == "2024-01-01T01:00:00+00:00"
    assert north.channel_names == ("load", "open") and north.units == ("MW", None)
    np.testing.assert_array_equal(north.values, np.array([[1.5, np.nan, -2], [1, np.nan, 0]], np.float32))
    assert south.values.tolist() == [[9, 8, 7]]
    (asked,) = seen.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/api/v2/query", {"org": "acme"})
    assert asked.headers["Authorization"] == "Token abc" and asked.headers["Accept"] == "application/csv"
    assert json.loads(asked.body)["query"] == 'from(bucket: "plant")'
    assert json.loads(asked.body)["dialect"]["annotations"] == ["datatype", "group", "default"]


def test_flux_pivoted_has_a_column_for_each_field():
    taken = fields(("site",), "note")
    take_csv(PIVOTED.encode(), taken, where="influx")
    reading = taken.reading("plant", freq="h", zone="Europe/Berlin")
    (found,) = reading.series
    assert found.id == "north" and found.channel_names == ("alarms", "load") and found.metadata == {"site": "north"}
    np.testing.assert_array_equal(found.values, np.array([[3, np.nan], [1, 2]], np.float32))
    (report,) = reading.reports
    assert (report.text, report.entity, report.time.isoformat()) == (
        "Unit 2 tripped.", "north", "2024-01-01T01:00:00+00:00",
    )  # fmt: skip


def test_influxql_answers_in_json(serving):
    with serving(lambda asked: (200, {}, json.dumps(JSON).encode())) as seen:
        source = InfluxSource(Server(seen.url, "Token"), "SELECT * FROM plant", database="db", reports="note")
        reading = source.reading(freq="h", zone=None, limits=LIMITS)
        (found,) = reading.series
    assert found.id == "db" and found.channel_names == ("load", "open")
    np.testing.assert_array_equal(found.values, np.array([[1.5, np.nan, -2], [1, np.nan, 0]], np.float32))
    assert [(r.text, r.entity) for r in reading.reports] == [("tripped", None)]
    (asked,) = seen.asked
    assert (asked.method, asked.path) == ("GET", "/query")
    assert asked.query == {"db": "db", "q": "SELECT * FROM plant", "epoch": "ns"}
    assert "Authorization" not in asked.headers


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (FAILED, SourceError, "the query failed (error in building plan while starting program: cannot query an empty"),
        ("error,reference\nfailed,897\n", SourceError, "the query failed (failed)"),
        (",result,table,_time\n,,0,2024-01-01T00:00:00Z\n", SourceError, "row 1 has no #datatype"),
        (PIVOTED.replace("#datatype,string,", "#datatype,"), SourceError, "row 4 has no #datatype"),
        (PIVOTED + ",,0\n", SourceError, "row 7 of the answer has 3 cells, its header 9"),
        (PIVOTED.replace("2024-01-01T02:00:00Z", "yesterday"), DataError, "row 6: 'yesterday' is not a time"),
        (PIVOTED.replace("2024-01-01T02:00:00Z", "2024-01-01T02:00:00"), DataError, "is not a time with an offset"),
        (PIVOTED.replace("2024-01-01T02:00:00Z", ""), DataError, "row 6 has no _time"),
        (PIVOTED.replace(",2,,", ",two,,"), DataError, "row 6, field 'load': 'two' (double) is no number"),
        (LONG.replace("dateTime:RFC3339,double", "dateTime:RFC3339,duration"), DataError, "(duration) is no number"),
        (
            LONG.replace("dateTime:RFC3339,double", "dateTime:RFC3339,string"),
            DataError,
            "'load [MW]' of 'plant' is a",
        ),
        ('#datatype,string\n"open', SourceError, "the answer is no CSV"),
        ("", DataError, "there is not one value"),
    ],
)
def test_csv_that_is_no_answer(answer, kind, said):
    taken = fields(("site",), "note")
    with pytest.raises(kind) as refused:
        take_csv(answer.encode(), taken, where="influx")
        list(taken.reading("x", freq="h", zone=None).series)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"error": "unable to parse authentication credentials"}, SourceError, "failed (unable to parse auth"),
        ({"results": [{"statement_id": 0, "error": "database not found: x"}]}, SourceError, "failed (database not"),
        ({"results": [{"series": [SERIES | {"partial": True}]}]}, SourceError, "cut the answer short"),
        ({"results": [{"series": [{"name": "m", "columns": ["key"]}]}]}, SourceError, "no times (its columns: key)"),
        ({"results": [{"series": [SERIES | {"values": [[1, 2]]}]}]}, SourceError, "not the shape"),
        ({"results": [{"series": [SERIES | {"values": [["2024", 1, 1, None]]}]}]}, SourceError, "not the"),
        ({"results": [{"series": [SERIES | {"values": [[1, [], 1, None]]}]}]}, SourceError, "not the shape"),
        ({"results": [{"statement_id": 0}]}, DataError, "there is not one value"),
        ([], SourceError, "not the shape"),
        ({}, SourceError, "not the shape"),
        (JSON, DataError, "row 2: field 'note' of 'plant' is a text"),
    ],
)  # fmt: skip
def test_json_that_is_no_answer(answer, kind, said):
    taken = fields()
    with pytest.raises(kind) as refused:
        take_json(json.dumps(answer).encode(), taken, where="influx")
        list(taken.reading("x", freq="h", zone=None).series)
    assert said in str(refused.value)


@pytest.mark.slow
@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, len(LONG) - 1), st.binary(max_size=3), st.integers(0, 20))
def test_a_damaged_answer_is_read_or_refused(at, instead, cut):
    for good, take in ((LONG.encode(), take_csv), (json.dumps(JSON).encode(), take_json)):
        bad, taken = good[: at % len(good)] + instead + good[at % len(good) + cut :], fields(reports="note")
        try:
            take(bad, taken, where="influx")
            list(taken.reading("x", freq="h", zone=None).series)
        except TracetsError as error:
            assert str(error).startswith(("influx", "sample 'x': "))  # what a series cannot be says the series
