"""What the other tests of this folder rest on: the Hub on loopback answers the real client as the real Hub does."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

START = """
import hashlib, io, json, os, sys
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

api, LARGE = HfApi(), bytes(range(256)) * 400

def refused(call):
    try:
        call()
    except HfHubHTTPError as error:
        return error.response.status_code

def add(repo, files, **how):
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    return api.create_commit(repo, operations, commit_message="Change", **how)
"""
LARGE = bytes(range(256)) * 400


@pytest.fixture
def answers(hub, hub_python):
    """What a program prints as its last line, which is JSON."""
    hub.reset()

    def run(program: str, **environment: str):
        done = hub_python(START + program, **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_what_goes_up_comes_down_and_the_same_again_is_no_commit(hub, answers):
    got = answers("""
api.create_repo("me/up", private=True)
api.create_repo("me/up", private=True, exist_ok=True)
files = {"a/odd name.txt": "grün".encode(), "model.safetensors": LARGE, "empty.txt": b""}
first, again = add("me/up", files), add("me/up", files)
down = {name: open(hf_hub_download("me/up", name), "rb").read() == content for name, content in files.items()}
about = api.model_info("me/up", files_metadata=True)
print(json.dumps({
    "exists": refused(lambda: api.create_repo("me/up")), "private": about.private, "head": about.sha,
    "commits": [first.oid, again.oid], "down": down,
    "sizes": {s.rfilename: [s.size, s.blob_id, s.lfs.sha256 if s.lfs else None] for s in about.siblings},
    "tree": {e.path: [e.size, e.blob_id] for e in api.list_repo_tree("me/up", "a", expand=True)},
    "paths": [e.path for e in api.get_paths_info("me/up", ["a", "empty.txt", "none"])],
}))
""")
    assert got["down"] == {"a/odd name.txt": True, "model.safetensors": True, "empty.txt": True}
    assert got["commits"] == [got["head"]] * 2 == [hub.commits("model", "me/up")[0]] * 2
    assert (got["exists"], got["private"], got["paths"]) == (409, True, ["a", "empty.txt"])
    git = hashlib.sha1(b"blob 5\0" + "grün".encode()).hexdigest()
    assert got["sizes"]["a/odd name.txt"] == [5, git, None]
    assert got["tree"] == {"a/odd name.txt": [5, git]}
    assert got["sizes"]["model.safetensors"][::2] == [len(LARGE), hashlib.sha256(LARGE).hexdigest()]
    assert hub.blobs_stored == [hashlib.sha256(LARGE).hexdigest()]
    assert [status for _, path, status in hub.requests if path.endswith("/verify")] == [200]


def test_branches_pull_requests_and_old_commits_have_files_of_their_own(hub, answers):
    got = answers("""
api.create_repo("me/refs", repo_type="dataset")
kind = {"repo_type": "dataset"}
old = add("me/refs", {"a.txt": b"1"}, **kind).oid
api.create_branch("me/refs", branch="v2/b", **kind)
add("me/refs", {"a.txt": b"2"}, revision="v2/b", **kind)
pull = add("me/refs", {"a.txt": b"3", ".gitignore": b"*.log\\n"}, create_pr=True, **kind)
add("me/refs", {"b.txt": b"4", "c.log": b"5"}, revision=pull.pr_revision, **kind)
api.create_commit("me/refs", [CommitOperationDelete("a.txt")], commit_message="Gone", parent_commit=old, **kind)
read = lambda at: open(hf_hub_download("me/refs", "a.txt", revision=at, **kind)).read()
refs = api.list_repo_refs("me/refs", include_pull_requests=True, **kind)
print(json.dumps({
    "old": read(old), "branch": read("v2/b"), "pull": read(pull.pr_revision), "url": pull.pr_url,
    "gone": refused(lambda: read("main")), "none": refused(lambda: read("v3")),
    "stale": refused(lambda: add("me/refs", {"a.txt": b"6"}, parent_commit=old, **kind)),
    "refs": [r.ref for r in [*refs.branches, *refs.pull_requests]],
    "open": [[d.num, d.title, d.git_reference] for d in api.get_repo_discussions("me/refs", repo_type="dataset")],
}))
""")
    assert (got["old"], got["branch"], got["pull"]) == ("1", "2", "3")
    assert (got["gone"], got["stale"], got["none"]) == (404, 412, 404)
    assert got["url"] == f"{hub.url}/datasets/me/refs/discussions/1"
    assert got["open"] == [[1, "Change", "refs/pr/1"]]
    assert got["refs"] == ["refs/heads/main", "refs/heads/v2/b", "refs/pr/1"]
    assert set(hub.files("dataset", "me/refs", "refs/pr/1")) == {".gitattributes", ".gitignore", "a.txt", "b.txt"}
    assert len(hub.pull_requests("dataset", "me/refs")) == 1


def test_who_may_not_write_is_told_so(answers):
    got = answers("""
api.create_repo("me/rights")
wrong, nobody = HfApi(token="hf_wrong"), HfApi(token=False)
print(json.dumps([
    refused(lambda: nobody.create_repo("me/x")), refused(lambda: wrong.create_repo("me/x")),
    refused(lambda: nobody.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id="me/rights")),
    refused(lambda: api.create_repo("you/x")), nobody.model_info("me/rights").id, api.whoami()["name"],
]))
""")
    assert got == [401, 401, 401, 403, "me/rights", "me"]


def test_broken_connections_and_injected_answers_reach_the_client_once(hub, answers):
    hub.fail("PUT", "/lfs/", drop=True)
    hub.fail("GET", "/resolve/", drop=True)
    hub.fail("POST", "/preupload/", status=418, body={"error": "short and stout"})
    got = answers("""
api.create_repo("me/faults")
files = {"model.safetensors": LARGE * 20}
try:
    add("me/faults", files)
except HfHubHTTPError as error:
    said = [error.response.status_code, error.server_message]
add("me/faults", files)
down = open(hf_hub_download("me/faults", "model.safetensors"), "rb").read() == LARGE * 20
with HfFileSystem().open("me/faults/model.safetensors", cache_type="none", block_size=8) as file:
    file.seek(3)
    part = file.read(4)
print(json.dumps([said, down, list(part)]))
""")
    assert got == [[418, "short and stout"], True, [3, 4, 5, 6]]
    assert hub.blobs_stored == [hashlib.sha256(LARGE * 20).hexdigest()]
    assert [status for method, _, status in hub.requests if method == "PUT"] == [0, 200]
    assert [status for method, path, status in hub.requests if method == "GET" and "/resolve/" in path] == [0, 200, 206]


def test_datasets_and_evaluate_load_from_it(answers):
    got = answers('''
METRIC = """
import datasets
import evaluate
class Share(evaluate.Metric):
    def _info(self):
        features = datasets.Features({name: datasets.Value("int64") for name in ("predictions", "references")})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)
    def _compute(self, predictions, references):
        return {"share": sum(p == r for p, r in zip(predictions, references)) / len(references)}
"""
import pyarrow, pyarrow.parquet
table = io.BytesIO()
pyarrow.parquet.write_table(pyarrow.table({"words": [["Ulm", "?"], ["no"]], "tags": [[1, 0], [0]]}), table)
card = "---\\nconfigs:\\n- config_name: music\\n  data_files:\\n  - {split: test, path: music/test-*.parquet}\\n---\\n"
api.create_repo("me/table", repo_type="dataset")
files = {"README.md": card.encode(), "music/test-0.parquet": table.getvalue()}
add("me/table", files, repo_type="dataset")
api.create_repo("me/share", repo_type="space", space_sdk="gradio")
add("me/share", {"share.py": METRIC.encode()}, repo_type="space")

import datasets
sys.modules["transformers"] = None  # its import takes seconds, and evaluate's metrics do not need it
import evaluate
del sys.modules["transformers"]
rows = datasets.load_dataset("me/table", "music", split="test").to_list()
share = evaluate.load("me/share").compute(predictions=[1, 2], references=[1, 1])
print(json.dumps([rows, share, api.space_info("me/share").sdk]))
''')
    assert got == [[{"words": ["Ulm", "?"], "tags": [1, 0]}, {"words": ["no"], "tags": [0]}], {"share": 0.5}, "gradio"]


def test_where_this_package_is_not_the_rest_still_is(hub, bare_python):
    done = bare_python(f"""
import importlib, os, sys, huggingface_hub
sys.path.insert(0, {str(ROOT)!r})
try:
    importlib.import_module("crossner_hf.schema")
except ModuleNotFoundError as error:
    print(error.name, huggingface_hub.HfApi().whoami()["name"], os.environ["HF_ENDPOINT"], os.getcwd())
""")
    assert done.returncode == 0, done.stderr
    *said, folder = done.stdout.split()
    assert said == ["crossner_hf", "me", hub.url]
    assert not Path(folder).is_relative_to(ROOT)
