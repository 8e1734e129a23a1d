"""Data sets of others from a local server, as tiny files in their real formats."""

import hashlib
import io
import zipfile

import numpy as np
import pytest

from tracets.data.corpus import Corpus
from tracets.data.download import Downloads
from tracets.data.fetch.ett import fetch_ett
from tracets.data.fetch.ptb_xl import fetch_ptb_xl, statements
from tracets.data.fetch.sources import SOURCES
from tracets.data.fetch.time_mmd import fetch_time_mmd, fetch_time_mmd_series
from tracets.data.fetch.wfdb import read_record
from tracets.errors import ConfigError, DataError, DownloadError, MissingExtra, NotFound
from tracets.files import Limits


@pytest.fixture
def downloads(tmp_path):
    return Downloads(tmp_path / "cache", pause=0, sleep=lambda s: None)


def test_every_source_has_a_licence_and_somebody_to_cite():
    assert set(SOURCES) == {"noaa", "time-mmd", "ett", "ptb-xl", "uea"}
    for source in SOURCES.values():
        first, second = source.terms().split("\n")
        assert "Licence: " in first and second.startswith("Please cite: ") and source.url.endswith("/")


class TestTimeMmd:
    @pytest.fixture
    def energy(self, web):
        dates = np.arange("2010-01-04", "2012-01-02", 7, dtype="datetime64[D]")
        rows = [f"{d},{2 + i / 100:.2f},{d},{d + 6}" for i, d in enumerate(dates)]
        web.files["/numerical/Energy/Energy.csv"] = "\n".join(["date,OT,start_date,end_date", *rows]).encode()
        facts = [f'{i},{d},{d + 4},"The price rose in week {i} of the record.",NA' for i, d in enumerate(dates)]
        web.files["/textual/Energy/Energy_report.csv"] = "\n".join([",start_date,end_date,fact,preds", *facts]).encode()
        return web

    def test_numbers_and_reports_come_together(self, energy, downloads):
        corpus = fetch_time_mmd("Energy", downloads, base_url=f"{energy.url}/")
        assert len(corpus) > 10 and corpus[0].channel_names == ("U.S. gasoline price",) and corpus[0].n_steps == 24
        assert "The price rose in week" in corpus[0].text and set(corpus.column("text_source")) == {"report"}
        asked = [path for path, _ in energy.asked]
        assert asked[-1] == "/textual/Energy/Energy_search.csv", "which does not exist, and is no error"
        assert len(fetch_time_mmd("Energy", downloads, base_url=f"{energy.url}/")) == len(corpus)
        assert [path for path, _ in energy.asked] == asked, "all is kept"

    def test_the_numbers_come_in_one_piece(self, energy, downloads):
        series = fetch_time_mmd_series("Energy", downloads, base_url=f"{energy.url}/")
        assert series.n_steps == 104 and series.freq == "W-MON" and series.channel_names == ("U.S. gasoline price",)
        np.testing.assert_allclose(series.values[0], 2 + np.arange(104) / 100, rtol=1e-6)
        with pytest.raises(NotFound, match="no subset 'energy'"):
            fetch_time_mmd_series("energy", downloads, base_url=f"{energy.url}/")

    def test_subsets_that_do_not_exist(self, web, downloads):
        with pytest.raises(NotFound, match="no subset 'energy'. Use one of Agriculture"):
            fetch_time_mmd("energy", downloads, base_url=f"{web.url}/")
        with pytest.raises(DownloadError, match="no file .*numerical/Energy/Energy.csv"):
            fetch_time_mmd("Energy", downloads, base_url=f"{web.url}/")


class TestEtt:
    HEADER = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"

    def csv(self, n):
        times = np.datetime64("2016-07-01T00") + np.arange(n)
        rows = [f"{str(t).replace('T', ' ')}:00:00," + ",".join(f"{i + c / 10:.1f}" for c in range(7))
                for i, t in enumerate(times)]  # fmt: skip
        return "\n".join([self.HEADER, *rows]).encode()

    @pytest.mark.slow
    def test_the_split_of_the_literature(self, web, downloads):
        web.files["/ETTh1.csv"] = self.csv(17420)
        corpus = fetch_ett("ETTh1", downloads, base_url=f"{web.url}/", length=96, stride=96)
        first = {split: next(s for s in corpus if s.split == split) for split in ("train", "val", "test")}
        assert [int(s.values[0, 0]) for s in first.values()] == [0, 8640, 11520]
        assert corpus.column("split").count("train") == 90 and corpus.column("split").count("test") == 30
        assert max(s.values[0].max() for s in corpus) < 14400, "what follows is not used"
        assert corpus[1].values[:, 0] == pytest.approx([96 + c / 10 for c in range(7)])
        assert (corpus[0].channel_names[-1], corpus[0].freq, corpus[0].domain) == ("OT", "h", "energy")

    def test_refused(self, web, downloads):
        web.files["/ETTh2.csv"] = self.csv(100)
        with pytest.raises(DataError, match="has 100 steps, and its split needs 14400"):
            fetch_ett("ETTh2", downloads, base_url=f"{web.url}/", length=96, stride=96)
        with pytest.raises(NotFound, match="Use one of ETTh1"):
            fetch_ett("ETTh3", downloads, base_url=f"{web.url}/", length=96, stride=96)


LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")


def record(name, digital, *, gain="1000.0(0)/mV", rate=100):
    """A header and data of format 16, as PTB-XL's: two bytes a sample, leads in turn."""
    lines = [f"{name} {len(digital)} {rate} {digital.shape[1]}"]
    for lead, row in zip(LEADS, digital, strict=False):
        lines.append(f"{name}.dat 16 {gain} 16 0 {row[0]} {int(row.sum()) % 65536} 0 {lead}")
    return "\n".join([*lines, "# a remark", ""]).encode(), digital.T.astype("<i2").tobytes()


DIGITAL = np.random.default_rng(0).integers(-500, 500, (12, 1000))


class TestWfdb:
    @pytest.fixture
    def read(self, tmp_path):
        def run(header, data, **options):
            (tmp_path / "00001_lr.hea").write_bytes(header)
            (tmp_path / "00001_lr.dat").write_bytes(data)
            return read_record(tmp_path / "00001_lr.hea", tmp_path / "00001_lr.dat", **options)

        return run

    def test_by_hand(self, read):
        digital = DIGITAL.copy()
        digital[3, 5] = -32768
        found = read(*record("00001_lr", digital))
        expected = DIGITAL / 1000.0
        expected[3, 5] = np.nan
        np.testing.assert_allclose(found.values, expected, rtol=1e-6)
        assert (found.names, set(found.units), found.rate) == (LEADS, {"mV"}, 100)

    @pytest.mark.parametrize(
        ("gain", "unit", "value"),
        [("200/uV", "uV", 2.0), ("200(100)/mV", "mV", 1.5), ("100", "mV", 4.0), ("0", "mV", 2.0), ("2e2", "mV", 2.0)],
    )
    def test_gains_baselines_and_what_is_left_out(self, read, gain, unit, value):
        found = read(*record("00001_lr", np.full((1, 3), 400), gain=gain))
        assert found.values.tolist() == [[value] * 3] and found.units == (unit,)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda h, d: (h, d[:-2]), "has 23998 bytes, its header says 24000"),
            (lambda h, d: (h, b"\1" + d[1:]), "does not add up to its checksum"),
            (lambda h, d: (h.replace(b".dat 16", b".dat 212"), d), "only format 16"),
            (lambda h, d: (h.replace(b"00001_lr.dat", b"../../etc/x"), d), "only format 16 in '00001_lr.dat'"),
            (lambda h, d: (h.replace(b"lr 12", b"lr 13"), d), "declares 13 signals"),
            (lambda h, d: (h.replace(b" 1000\n", b" -1\n", 1), d), "signals of -1 samples"),
            (lambda h, d: (b"<html>", d), "is no header of WFDB"),
            (lambda h, d: (h.replace(b"1000.0(0)", b"x"), d), "a gain of 'x/mV'"),
        ],
    )
    def test_broken_records_are_refused(self, read, change, said):
        with pytest.raises(DataError, match=said):
            read(*change(*record("00001_lr", DIGITAL)))

    def test_what_is_declared_is_held_against_the_limits(self, read):
        header, data = record("00001_lr", DIGITAL)
        with pytest.raises(DataError, match="limits.steps"):
            read(header.replace(b" 1000\n", b" 99999999999\n", 1), data, limits=Limits())


DATABASE = (
    "ecg_id,patient_id,age,sex,height,weight,nurse,site,device,recording_date,report,scp_codes,heart_axis,"
    "infarction_stadium1,infarction_stadium2,validated_by,second_opinion,initial_autogenerated_report,"
    "validated_by_human,baseline_drift,static_noise,burst_noise,electrodes_problems,extra_beats,pacemaker,strat_fold,"
    "filename_lr,filename_hr"
)
STATEMENTS = (
    ",description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass,Statement Category,SCP-ECG Statement "
    "Description,AHA code,aECG REFID,CDISC Code,DICOM Code\n"
    "NDT,non-diagnostic T abnormalities,1.0,1.0,,STTC,STTC,other ST-T,non-diagnostic T abnormalities,,,,\n"
    "NORM,normal ECG,1.0,,,NORM,NORM,Normal/abnormal,normal ECG,1.0,,,F-000B7\n"
    "IMI,inferior myocardial infarction,1.0,,,MI,IMI,Myocardial Infarction,inferior,161.0,,,\n"
    "SR,sinus rhythm,,,1.0,,,Statements related to impulse formation,sinus rhythm,,,,\n"
)


NOISE = '" , I-V1,  "'


def row(number, fold, report, codes, *, age="56.0", patient="15709.0", sex="1"):
    name = f"{number // 1000 * 1000:05d}/{number:05d}"
    about = f"{number},{patient},{age},{sex},,63.0,2.0,0.0,CS-12   E,1984-11-09 09:17:34,{report}"
    rest = f",,,,,False,False,True,,{NOISE},,,,,{fold},records100/{name}_lr,records500/{name}_hr"
    return f'{about},"{codes}"{rest}'


class TestPtbXl:
    @pytest.fixture
    def archive(self, web):
        rows = [
            row(3, 10, '"sinusrhythmus, normales ekg"', "{'IMI': 35.0, 'NDT': 100.0, 'SR': 0.0}", sex="0", age="300"),
            row(1, 3, "sinus rhythm. normal ecg", "{'NORM': 100.0, 'SR': 0.0}"),
            row(1002, 9, "", "{'SR': 0.0}", age="", patient="2"),
        ]
        found = {
            "ptbxl_database.csv": "\n".join([DATABASE, *rows, ""]).encode(), "scp_statements.csv": STATEMENTS.encode(),
        }  # fmt: skip
        for number in (1, 3, 1002):
            name = f"records100/{number // 1000 * 1000:05d}/{number:05d}_lr"
            header, data = record(name.rsplit("/", 1)[1], DIGITAL + number)
            found |= {f"{name}.hea": header, f"{name}.dat": data}
        found["SHA256SUMS.txt"] = "".join(
            f"{hashlib.sha256(data).hexdigest()} {name}\n" for name, data in found.items()
        ).encode()
        web.files.update({f"/{name}": data for name, data in found.items()})
        return web

    def test_by_hand(self, archive, downloads):
        corpus = Corpus.from_samples(fetch_ptb_xl(downloads, base_url=f"{archive.url}/"))
        one, three, other = corpus
        assert corpus.ids == ["ptbxl-00001", "ptbxl-00003", "ptbxl-01002"]
        np.testing.assert_allclose(three.values, (DIGITAL + 3) / 1000, rtol=1e-6)
        assert one.channel_names == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
        assert (one.text, three.text, other.text) == ("sinus rhythm. normal ecg", "sinusrhythmus, normales ekg", None)
        assert (one.label, three.label, other.label) == ("NORM", "STTC", None)
        assert (one.split, three.split, other.split) == ("train", "test", "val")
        assert (one.freq, one.start, one.units[0], one.domain) == ("10ms", None, "mV", "health")
        assert three.metadata == {
            "entity": "patient-15709", "scp_codes": ["IMI:35", "NDT:100", "SR:0"], "superclasses": ["MI", "STTC"],
            "patient": 15709, "age": None, "sex": "male", "recording_date": "1984-11-09 09:17:34", "fold": 10,
        }  # fmt: skip
        assert one.metadata["age"] == 56 and one.metadata["sex"] == "female" and other.metadata["age"] is None

    def test_some_of_them_drawn_by_the_seed(self, archive, downloads):
        def ids(seed):
            return [s.id for s in fetch_ptb_xl(downloads, base_url=f"{archive.url}/", limit=2, seed=seed)]

        assert len(ids(0)) == 2 and ids(0) == ids(0) and len({tuple(ids(seed)) for seed in range(9)}) > 1

    def test_a_file_that_is_not_what_physionet_lists(self, archive, downloads):
        archive.files["/records100/00000/00003_lr.dat"] = DIGITAL.astype("<i2").tobytes()
        found = fetch_ptb_xl(downloads, base_url=f"{archive.url}/")
        assert next(found).id == "ptbxl-00001"
        with pytest.raises(DownloadError, match="00003_lr.dat.*its SHA-256 is"):
            next(found)

    def test_the_other_rate_needs_other_files(self, archive, downloads):
        with pytest.raises(DownloadError, match="records500/00000/00001_hr.hea"):
            next(fetch_ptb_xl(downloads, base_url=f"{archive.url}/", rate=500))

    @pytest.mark.parametrize("wrong", [{"rate": 250}, {"limit": 0}])
    def test_settings_out_of_range(self, archive, downloads, wrong):
        with pytest.raises(ConfigError, match="a rate of 100 or 500"):
            next(fetch_ptb_xl(downloads, base_url=f"{archive.url}/", **wrong))

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (b"records100/00000/00001_lr", b"records100/../../../x", "row 3: 'records100/../../../x' is no name"),
            (b"{'NORM': 100.0, 'SR': 0.0}", b"__import__('os').getpid()", "row 3: scp_codes cannot be read"),
            (b"{'NORM': 100.0, 'SR': 0.0}", b"['NORM']", "it is no dictionary"),
            (b"15709.0", b"x", "row 2: could not convert"),
            (b"strat_fold", b"fold", "lacks strat_fold"),
        ],
    )
    def test_tables_that_lie(self, archive, downloads, old, new, said):
        archive.files["/ptbxl_database.csv"] = archive.files["/ptbxl_database.csv"].replace(old, new)
        archive.files["/SHA256SUMS.txt"] = b""
        with pytest.raises(DataError, match=said):
            next(fetch_ptb_xl(downloads, base_url=f"{archive.url}/"))

    def test_statements_of_the_real_table(self):
        assert statements("{'NORM': 100.0, 'LVOLT': 0.0}", "") == {"NORM": 100.0, "LVOLT": 0.0}
        for text in ("{" * 5000, "1" * 20_000, "{'a': 'b'}", ""):
            with pytest.raises(DataError, match="scp_codes"):
                statements(text, "row 1")


TS = """@problemName Toy
@timeStamps false
@missing {missing}
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true walk run
@data
"""


def toy(**files):
    parts = {"Toy_TRAIN.ts": TS.format(missing="false") + "1,2,3:4,5,6:walk\n7,8,9:1,1,1:run\n",
             "Toy_TEST.ts": TS.format(missing="true") + "1,?,3:4,5,6:run\n", "Toy.txt": "about"}  # fmt: skip
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (parts | files).items():
            if text is not None:
                archive.writestr(name, text)
    return data.getvalue()


class TestUea:
    def test_without_aeon(self, web, downloads, monkeypatch):
        from tracets.data.fetch.uea import fetch_uea

        monkeypatch.setitem(__import__("sys").modules, "aeon.datasets", None)
        with pytest.raises(MissingExtra, match=r"tracets\[benchmarks\]"):
            fetch_uea("Toy", downloads, base_url=f"{web.url}/")
        assert web.asked == []

    @pytest.mark.parametrize(
        ("there", "asked"),
        [
            (["/7/files/Toy_TRAIN.ts", "/7/files/Toy_TEST.ts"], ["/7/files/Toy_TRAIN.ts", "/7/files/Toy_TEST.ts"]),
            (["/7/files/Toy_TRAIN.ts"], ["/7/files/Toy_TRAIN.ts", "/7/files/Toy_TEST.ts", "/Toy.zip"]),
        ],
    )
    def test_zenodo_is_asked_before_the_site(self, web, downloads, monkeypatch, tmp_path, there, asked):
        """Which files are read, without aeon to read them."""
        from tracets.data.fetch import uea

        monkeypatch.setattr(uea, "RECORDS", f"{web.url}/")
        monkeypatch.setattr(uea, "ZIPS", f"{web.url}/")
        monkeypatch.setattr(uea, "_records", lambda: {"Toy": 7})
        web.files.update(dict.fromkeys(there, b"@data") | {"/Toy.zip": toy()})
        files = uea._files("Toy", downloads, None, tmp_path, Limits())
        assert [path for path, _ in web.asked] == asked
        assert [file.name for file in files] == ["Toy_TRAIN.ts", "Toy_TEST.ts"]
        assert (files[0].read_bytes() == b"@data") is (len(there) == 2)
        with pytest.raises(DataError, match="limits.text_bytes"):
            uea._files("Toy", downloads, None, tmp_path, Limits(text_bytes=3))
        web.asked.clear()
        uea._files("Toy", downloads, f"{web.url}/", tmp_path, Limits())
        assert not any("/7/" in path for path, _ in web.asked), "a mirror is a folder of zips"

    @pytest.fixture
    def fetch(self, web, downloads):
        pytest.importorskip("aeon", reason="needs the extra benchmarks")
        from tracets.data.fetch.uea import fetch_uea

        web.files["/Toy.zip"] = toy()
        return lambda name="Toy", **options: fetch_uea(name, downloads, base_url=f"{web.url}/", **options)

    def test_by_hand(self, fetch):
        corpus = fetch()
        assert corpus.ids == ["Toy-train-0", "Toy-train-1", "Toy-test-0"]
        assert corpus[1].values.tolist() == [[7, 8, 9], [1, 1, 1]] and np.isnan(corpus[2].values[0, 1])
        assert corpus.column("label") == ["walk", "run", "run"] and corpus.column("split") == ["train", "train", "test"]
        assert corpus[0].channel_names == ("channel 1", "channel 2")

    def test_names_in_the_zip_lead_nowhere(self, fetch, web, tmp_path):
        web.files["/Toy.zip"] = toy(**{"Toy_TEST.ts": None, "../../Toy_TEST.ts": TS.format(missing="false")
                                       + "1,2,3:4,5,6:run\n"})  # fmt: skip
        assert len(fetch()) == 3 and not list(tmp_path.rglob("*Toy_TEST*"))

    def test_refused(self, fetch, web):
        with pytest.raises(DataError, match="no name of a data set"):
            fetch("../Toy")
        with pytest.raises(DownloadError, match="no file .*Other.zip"):
            fetch("Other")
        with pytest.raises(DataError, match="limits.text_bytes"):
            fetch(limits=Limits(text_bytes=100))

    def test_zips_without_the_files(self, fetch, web):
        web.files["/Toy.zip"] = toy(**{"Toy_TEST.ts": None})
        with pytest.raises(DataError, match="has no Toy_TEST.ts"):
            fetch()
