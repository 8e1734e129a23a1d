"""The notebooks run from top to bottom, on generated data and on the real ones where they are at hand."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
REAL = {"energy": "energy_series/vic_elec.parquet", "health": "ecg_reports/samples.parquet"}
pytestmark = pytest.mark.skipif(not NAMES, reason="the notebooks are not beside the tests")


def executed(name, folder):
    """The cells of a notebook with their outputs, run in `folder`."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
    pytest.importorskip("ipykernel", reason="the extra `notebook` is not installed")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return notebook.cells


def shown(cells):
    """Kinds and texts of what the cells give."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    said = " ".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")
    return kinds, said


@pytest.mark.parametrize("name", ["weather", "energy", "health"])
def test_a_notebook_is_stored_without_outputs(name):
    assert name in NAMES
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 7 and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["weather", "energy", "health"])
def test_a_notebook_runs_on_what_ships_or_is_generated(name, tmp_path, monkeypatch):
    monkeypatch.delenv("TRACETS_DATA", raising=False)
    cells = executed(name, tmp_path)
    kinds, said = shown(cells)
    assert {"text/html", "application/vnd.plotly.v1+json"} <= kinds
    assert ("GENERATED" in said) is (name in REAL) and "real data" not in said
    assert list(tmp_path.iterdir()) == [], "a notebook leaves nothing beside it"


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", list(REAL))
def test_a_notebook_runs_on_the_real_data(name, tmp_path, monkeypatch, shared_data):
    if not (shared_data / REAL[name]).is_file():
        pytest.skip(f"no {REAL[name]} among the evaluation corpora")
    monkeypatch.setenv("TRACETS_DATA", str(shared_data))
    kinds, said = shown(executed(name, tmp_path))
    assert {"text/html", "application/vnd.plotly.v1+json"} <= kinds
    assert "real data" in said and "GENERATED" not in said
