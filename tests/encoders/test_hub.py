"""Models to and from a hub: what is sent is what comes back, at one commit, and nothing but safetensors is taken.

huggingface_hub reads its settings when it is imported: each test asks a fresh Python process, which asks a hub on this
machine (`hub_server`) that speaks the HTTP of the real one.
"""

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tracets import api
from tracets.encoders.hub import pinned, readme_of
from tracets.errors import NotFound

_spec = importlib.util.spec_from_file_location("hub_server", Path(__file__).with_name("hub_server.py"))
hub_server = importlib.util.module_from_spec(_spec)
sys.modules["hub_server"] = hub_server
_spec.loader.exec_module(hub_server)


@pytest.fixture
def hub():
    with hub_server.serving() as found:
        yield found


@pytest.fixture
def python(hub, tmp_path):
    """Run lines of Python that ask the hub; what they print as JSON, or the end of what they say when they fail."""

    def run(code, *, token=hub_server.TOKEN, offline="0", endpoint=None):
        environment = os.environ | {
            "HF_ENDPOINT": endpoint or hub.url, "HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": token,
            "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", "import json, tracets\n" + textwrap.dedent(code)],
            env=environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if done.returncode:
            return done.stderr[-2000:]
        return json.loads(done.stdout)

    return run


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_model_goes_to_the_hub_and_comes_back(hub, python, minilm_model_folder, corpus_file, tmp_path):
    sent = python(f"""
        model = tracets.load({str(minilm_model_folder)!r})
        print(json.dumps([type(model).__name__, model.push_to_hub("org/tiny", license="mit", private=True)]))
    """)
    kind, name = sent
    [_, (commit, kept)] = hub.repos["org/tiny"]
    assert (kind, name) == ("OnnxModel", f"hf://org/tiny@{commit}")
    assert hub.made["org/tiny"]["name"] == "tiny" and "private" in str(hub.made["org/tiny"])
    own = files_of(minilm_model_folder)
    assert {n: kept[n] for n in own} == own and set(kept) == {*own, "README.md", ".gitattributes"}
    assert kept["README.md"].decode() == readme_of("# tiny\n", license="mit")
    assert len(kept["model.safetensors"]) > hub_server.LFS_SIZE, "weights go the way of large files"

    came = python("""
        loaded = tracets.load("hf://org/tiny")
        again = tracets.TraceModel.from_pretrained("org/tiny", revision="main")
        vector = again.encode_texts(["rain"]).sample
        near = abs(loaded.encode_texts(["rain"]).sample - vector).max()
        print(json.dumps([loaded.name, again.name, loaded.fingerprint, again.fingerprint, float(near)]))
    """)
    fingerprint = json.loads(own["config.json"])["fingerprint"]
    assert came[:4] == [name, name, fingerprint, fingerprint] and came[4] < 1e-3

    hub.commit("org/tiny", {"config.json": b"{}"})  # the branch moves on; who named the commit is not moved with it
    asked = len(hub.asked)
    api.build_index(api.read(corpus_file), api.load(minilm_model_folder), tmp_path / "days.index")
    found = python(f"""
        index = tracets.open_index({str(tmp_path / "days.index")!r})
        model = tracets.model_of(index, model={name!r})
        print(json.dumps([model.name, len(tracets.search(index, model, "rain", k=2))]))
    """)
    assert found == [name, 2]
    again = [path for _, path, _ in hub.asked[asked:] if "org/tiny" in path]
    assert again == [], "a commit that is in the cache is not asked for again"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_index_remembers_the_commit_of_its_model(hub, python, minilm_model_folder, tmp_path, corpus_file):
    commit = hub.commit("org/tiny", files_of(minilm_model_folder))
    out = str(tmp_path / "days.index")
    built = python(f"""
        import sys
        from tracets.cli import main
        sys.argv = ["tracets", "index", {str(corpus_file)!r}, "--model", "hf://org/tiny", "--out", {out!r}, "--json"]
        main()
    """)
    assert built["windows"] == 12
    found = python(f"""
        index = tracets.open_index({out!r})
        print(json.dumps(tracets.model_of(index).name))
    """, offline="1")  # fmt: skip
    assert found == f"hf://org/tiny@{commit}"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_a_stranger_put_there_is_not_taken(hub, python, minilm_model_folder):
    own = files_of(minilm_model_folder)
    hub.commit("org/pickled", {n: data for n, data in own.items() if n != "model.safetensors"})
    hub.commit(
        "org/pickled", {"pytorch_model.bin": b"\x80\x02", "onnx/series.onnx": b"x", "code.py": b"raise SystemExit"}
    )
    said = python('tracets.load("hf://org/pickled")')
    assert "NotFound" in said and "no model 'org/pickled'" in said
    config = json.loads(own["config.json"])
    config["model"]["text"]["backbone"] = "someone/else"
    hub.commit("org/other", own | {"config.json": json.dumps(config).encode()})
    said = python('tracets.load("hf://org/other")')
    assert "ModelError" in said and "reads texts with 'someone/else'" in said
    hub.commit("org/damaged", own | {"model.safetensors": own["model.safetensors"][:-4] + b"\0\0\1\1"})
    assert "ModelError" in python('tracets.load("hf://org/damaged", backend="torch")')
    taken = {path for _, path, _ in hub.asked}
    assert not any(path.endswith((".bin", ".onnx", ".py")) for path in taken)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_refusals_say_what_to_do_and_no_token(hub, python, minilm_model_folder):
    hub.commit("org/tiny", files_of(minilm_model_folder))
    said = python(f"""
        def told(do):
            try:
                do()
            except tracets.errors.TracetsError as error:
                return f"{{type(error).__name__}}: {{error}}"
        import tracets.errors
        model = tracets.load({str(minilm_model_folder)!r}, backend="torch")
        print(json.dumps([
            told(lambda: model.push_to_hub("org/tiny", token="hf_wrong_one")),
            told(lambda: model.push_to_hub("no name")),
            told(lambda: tracets.load("hf://org/nobody")),
            told(lambda: tracets.load("hf://org/tiny@nowhere")),
        ]))
    """)
    wrong, unnamed, nobody, nowhere = said
    assert wrong.startswith("StorageError: ") and "hf auth login" in wrong and "hf_wrong_one" not in wrong
    assert unnamed.startswith("NotFound: ") and "Write ORG/NAME" in unnamed
    assert nobody.startswith("NotFound: the hub has no model 'org/nobody'")
    assert nowhere.startswith("NotFound: the hub has no model 'org/tiny' of this revision")
    assert len(hub.repos["org/tiny"]) == 1
    said = python('tracets.load("hf://org/tiny")', offline="1")
    assert "StorageError" in said and "HF_HUB_OFFLINE" in said
    said = python('tracets.load("hf://org/tiny")', endpoint="http://127.0.0.1:9")
    assert "StorageError" in said and "does not answer" in said


@pytest.mark.parametrize("name", ["hf://tiny", "hf://a/b/c", "hf://a/b@", "hf://a/../b@x y", "hf://"])
def test_a_name_that_is_none_is_told(name):
    with pytest.raises(NotFound, match="Write hf://ORG/NAME"):
        pinned(name)


def test_a_commit_is_asked_of_nobody():
    name = f"hf://org/name@{'0' * 40}"
    assert pinned(name) == name


def test_a_card_with_front_matter_of_its_own_stays_as_it_is():
    assert readme_of("---\nlicense: mit\n---\n# x", license="apache-2.0") == "---\nlicense: mit\n---\n# x"
    assert "license:" not in readme_of("# x", license=None)


def test_front_matter_is_what_a_hub_files_a_model_by():
    import yaml

    _, front, card = readme_of("# x\n", license="apache-2.0").split("---\n", 2)
    assert card == "\n# x\n"
    assert yaml.safe_load(front) == {
        "language": "en", "license": "apache-2.0", "library_name": "tracets", "pipeline_tag": "feature-extraction",
        "tags": ["tracets", "time-series", "retrieval", "multimodal"],
    }  # fmt: skip
