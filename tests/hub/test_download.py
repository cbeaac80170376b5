"""Taggers from the Hub where a download goes wrong: one clear sentence, nothing half-kept; then the same works."""

import json
import re
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

# Predicts four times: twice on a disk that is full after 20 kB, twice on one with room.
PROGRAM = """
import resource, signal, sys
from crossner_hf.cli import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in (20_000, 20_000, resource.RLIM_INFINITY, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))
    print("status", main(["predict", "--model", "me/tagger", sys.argv[1], "--to", "jsonl"]), flush=True)
    print("end", file=sys.stderr, flush=True)
"""


def files_of(folder):
    return [CommitOperationAdd(path.name, path.read_bytes()) for path in Path(folder).iterdir() if path.is_file()]


@pytest.mark.slow
def test_a_download_that_fails_is_told_and_leaves_the_way_free(hub, hub_python, random_tagger, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("me/tagger", private=True)  # so that the token is needed, and could be told
    api.create_commit("me/tagger", files_of(random_tagger()), commit_message="All")
    hub.reset()
    hub.fail("GET", r"/resolve/.*config\.json", status=500)
    hub.fail("GET", r"/resolve/.*\.safetensors", status=429, headers={"Retry-After": "1"})
    hub.fail("GET", r"/resolve/.*\.safetensors", drop="answer")
    (tmp_path / "text.txt").write_text("The red panda saw Oslo.\n")
    done = hub_python(PROGRAM, str(tmp_path / "text.txt"))
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout, done.stderr, hub.requests)
    broken, full, first, second, _ = re.split(r"status \d\n", done.stdout)
    assert re.findall(r"status (\d)", done.stdout) == ["2", "2", "0", "0"]
    assert broken == full == ""
    assert first == second
    assert json.loads(first)["text"] == "The red panda saw Oslo."
    for part, why in zip(
        done.stderr.split("end\n"),
        ("500 Internal Server Error", "File too large; free some room (downloads are kept in "),
    ):
        told = part.strip().splitlines()[-1]
        assert told.startswith("crossner-hf predict: error: ")
        assert why in told
    assert hub.token not in done.stdout + done.stderr
