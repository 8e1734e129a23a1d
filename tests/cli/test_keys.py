"""`tracets keys`: made, listed, removed; never shown twice."""

import json


def test_a_key_is_printed_once(tracets, tmp_path):
    file = tmp_path / "keys.json"
    made = tracets("keys", "add", file, "--name", "ann", "--scope", "write")
    secret = made.out.strip()
    assert made.code == 0 and secret.startswith("tk_") and secret not in file.read_text()
    second = json.loads(tracets("keys", "add", file, "--name", "bob", "--json").out)
    assert second["scope"] == "read" and second["key"] != secret
    listed = tracets("keys", "list", file)
    assert listed.out.startswith("ann: write, made ") and secret not in listed.out
    assert [json.loads(line)["name"] for line in tracets("keys", "list", file, "--json").out.splitlines()] == [
        "ann",
        "bob",
    ]
    assert tracets("keys", "remove", file, "--name", "ann").err == "removed key 'ann'\n"
    assert tracets("keys", "remove", file, "--name", "ann").code == 2


def test_a_service_for_others_needs_keys(tracets, index_folder):
    result = tracets("serve", index_folder, "--host", "0.0.0.0")
    assert result.code == 2 and "needs API keys" in result.err
