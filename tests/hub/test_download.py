"""A tagger on the Hub whose download fails: one clear sentence, nothing half-kept; then the same command works."""

import json
import re

import pytest
from huggingface_hub import HfApi

# Predicts three times: twice on a disk that is full after 20 kB, then on one with room.
PROGRAM = """
import resource, signal, sys
from crossner_hf.cli import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in (20_000, 20_000, resource.RLIM_INFINITY):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))
    print("status", main(["predict", "--model", "me/tagger", sys.argv[1], "--to", "jsonl"]), flush=True)
    print("end", file=sys.stderr, flush=True)
"""


@pytest.mark.slow
def test_a_download_that_fails_is_one_sentence_and_does_not_hinder_the_next(
    hub_here, hub_python, random_tagger, tmp_path
):
    HfApi().create_repo("me/tagger", private=True)  # so that the token is needed, and could be printed
    HfApi().upload_folder(repo_id="me/tagger", folder_path=random_tagger())
    hub_here.fail("GET", r"/resolve/.*config\.json", status=500)
    hub_here.fail("GET", r"/resolve/.*\.safetensors", drop="answer")
    (tmp_path / "text.txt").write_text("The red panda saw Oslo.\n")
    done = hub_python(PROGRAM, str(tmp_path / "text.txt"))
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.findall(r"status (\d)", done.stdout) == ["2", "2", "0"]
    broken, full, tagged, _ = re.split(r"status \d\n", done.stdout)
    assert broken == full == ""
    assert json.loads(tagged)["text"] == "The red panda saw Oslo."
    reasons = ("500 Internal Server Error", "File too large; free some room (downloads are kept in ")
    for stderr, reason in zip(done.stderr.split("end\n")[:2], reasons, strict=True):
        message = stderr.strip().splitlines()[-1]
        assert message.startswith("crossner-hf predict: error: ")
        assert reason in message
    assert hub_here.token not in done.stdout + done.stderr
