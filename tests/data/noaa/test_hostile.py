"""Archive files with bytes changed, cut or repeated: read or refused by name, never anything else."""

import gzip
import importlib.util
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tracets.data.fetch.wfdb import read_record
from tracets.data.noaa.events import read_events, read_narratives
from tracets.data.noaa.observations import read_hours
from tracets.data.noaa.stations import read_stations, read_zones
from tracets.errors import TracetsError

_spec = importlib.util.spec_from_file_location("noaa_formats", Path(__file__).with_name("formats.py"))
formats = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(formats)

CASES = 200
ODD = [
    b"",
    b"\0",
    b"|",
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"-",
    b"9" * 30,
    b"nan",
    b"inf",
    b"1e999",
    b"\xff\xfe",
    "−".encode(),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            data = data[:at] + rng.choice(ODD) + data[at + rng.randint(0, 3) :]
        elif kind == 1:
            data = data[:at]
        elif kind == 2:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        else:
            end = min(len(data), at + rng.randint(1, 60))
            data = data[:end] + data[at:end] + data[end:]
    return data


def reports():
    return formats.psv(
        [formats.report(f"2019-01-01T{h:02d}:51:00", temperature=h, wind_speed=3, wind_direction="090",
                        precipitation="0.1", sky_cover_summation_1="FEW:02") for h in range(6)]
    )  # fmt: skip


STATION = formats.station_line("USW00013967", 35.4, -97.6, 391.7, "OK", "OKLAHOMA CITY").encode()
ZONE = b"OK|019|OUN|Oklahoma|OK019|Oklahoma|40109|C|c |35.6000|-97.5000\n"
HEADER = b"00001_lr 2 100 5\n" + b"".join(b"00001_lr.dat 16 1000.0(0)/mV 16 0 1 5 0 %b\n" % n for n in (b"I", b"II"))


def read_both(path):
    list(read_events(path, Counter()))
    read_narratives(path, {1})


def read_header(path):
    data = path.with_name("00001_lr.dat")
    data.write_bytes(np.ones((5, 2), "<i2").tobytes())
    read_record(path, data)


FILES = {
    "details": (gzip.decompress(formats.details([{}, {"EVENT_ID": "2"}])), read_both, gzip.compress),
    "gzip": (formats.details([{}]), read_both, bytes),
    "hours": (reports(), lambda path: read_hours(path, 2019, Counter()), bytes),
    "stations": (STATION + b"\n" + STATION + b"\n", lambda path: read_stations(path, ("W",)), bytes),
    "zones": (ZONE * 3, read_zones, bytes),
    "record": (HEADER, read_header, bytes),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_changed_files_are_read_or_refused(tmp_path, name):
    whole, read, packed = FILES[name]
    path = tmp_path / "file"
    path.write_bytes(packed(whole))
    read(path)
    rng, refused = random.Random(name), 0
    for case in range(CASES):
        data = mutated(whole, rng)
        path.write_bytes(packed(data))
        try:
            read(path)
        except TracetsError as error:
            refused += 1
            assert "file" in str(error), error
        except Exception as error:
            raise AssertionError(f"case {case}: {data!r}") from error
    assert 0 < refused < CASES
