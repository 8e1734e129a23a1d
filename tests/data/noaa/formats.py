"""Small files in the formats that NOAA publishes, quirks included."""

import csv
import gzip
import io

DETAILS = (
    "BEGIN_YEARMONTH,BEGIN_DAY,BEGIN_TIME,END_YEARMONTH,END_DAY,END_TIME,EPISODE_ID,EVENT_ID,STATE,STATE_FIPS,YEAR,"
    "MONTH_NAME,EVENT_TYPE,CZ_TYPE,CZ_FIPS,CZ_NAME,WFO,BEGIN_DATE_TIME,CZ_TIMEZONE,END_DATE_TIME,INJURIES_DIRECT,"
    "INJURIES_INDIRECT,DEATHS_DIRECT,DEATHS_INDIRECT,DAMAGE_PROPERTY,DAMAGE_CROPS,SOURCE,MAGNITUDE,MAGNITUDE_TYPE,"
    "FLOOD_CAUSE,CATEGORY,TOR_F_SCALE,TOR_LENGTH,TOR_WIDTH,TOR_OTHER_WFO,TOR_OTHER_CZ_STATE,TOR_OTHER_CZ_FIPS,"
    "TOR_OTHER_CZ_NAME,BEGIN_RANGE,BEGIN_AZIMUTH,BEGIN_LOCATION,END_RANGE,END_AZIMUTH,END_LOCATION,BEGIN_LAT,BEGIN_LON,"
    "END_LAT,END_LON,EPISODE_NARRATIVE,EVENT_NARRATIVE,DATA_SOURCE"
).split(",")

VARIABLES = (
    "temperature", "dew_point_temperature", "station_level_pressure", "sea_level_pressure", "wind_direction",
    "wind_speed", "wind_gust", "precipitation", "relative_humidity", "wet_bulb_temperature", "visibility",
    "sky_cover_summation_1", "sky_cover_summation_2", "sky_cover_summation_3", "sky_cover_summation_4",
)  # fmt: skip
PARTS = ("", "_Measurement_Code", "_Quality_Code", "_Report_Type", "_Source_Code", "_Source_Station_ID")
PSV = ["STATION", "Station_name", "DATE", "Year", "Month", "Day", "Hour", "Minute", "LATITUDE", "LONGITUDE",
       "ELEVATION", *(f"{v}{p}" for v in VARIABLES for p in PARTS), "REM"]  # fmt: skip


def details(rows, *, encoding="utf-8") -> bytes:
    """A yearly details file; each row names what differs from an event in Oklahoma on 20 May 2019 at noon."""
    usual = {
        "BEGIN_YEARMONTH": "201905", "BEGIN_DAY": "20", "BEGIN_TIME": "1200", "END_YEARMONTH": "201905",
        "END_DAY": "20", "END_TIME": "1230", "EPISODE_ID": "9", "EVENT_ID": "1", "STATE": "OKLAHOMA",
        "STATE_FIPS": "40", "YEAR": "2019", "MONTH_NAME": "May", "EVENT_TYPE": "Hail", "CZ_TYPE": "C", "CZ_FIPS": "109",
        "CZ_NAME": "OKLAHOMA", "WFO": "OUN", "BEGIN_DATE_TIME": "20-MAY-19 12:00:00", "CZ_TIMEZONE": "CST-6",
        "DAMAGE_PROPERTY": "0.00K", "BEGIN_LAT": "35.4", "BEGIN_LON": "-97.6",
        "EPISODE_NARRATIVE": "Storms crossed the state.", "EVENT_NARRATIVE": "Hail as large as golf balls fell.",
    }  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, DETAILS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in rows:
        writer.writerow(usual | row)
    return gzip.compress(text.getvalue().encode(encoding), mtime=0)


def station_line(id, lat, lon, elevation, state, name) -> str:
    """A row of ghcnh-station-list.txt."""
    return f"{id:<11} {lat:8.4f} {lon:9.4f} {elevation:6.1f} {state:<2} {name:<30} {'':3} {'':3} {'':5}"


def psv(rows, *, header=None) -> bytes:
    """A station-year; each row names the columns that are not empty. Remarks hold a quote and a byte of no UTF-8."""
    names = header or PSV
    lines = ["|".join(names).encode()]
    for row in rows:
        lines.append("|".join(str(row.get(name, "")) for name in names).encode() + b'MET "RMK \xe9')
    return b"\n".join(lines) + b"\n"


def report(date, *, kind="FM15", source="343", quality="5", **values):
    """One report: a value a variable, or (value, codes by the end of their column's name)."""
    row = {"STATION": "USW00013967", "Station_name": "OKC", "DATE": date}
    for name, value in values.items():
        value, codes = value if isinstance(value, tuple) else (value, {})
        row |= {
            name: value,
            f"{name}_Quality_Code": quality,
            f"{name}_Source_Code": source,
            f"{name}_Report_Type": kind,
        }
        row |= {f"{name}_{part}": code for part, code in codes.items()}
    return row
