"""What the other tests of this folder rest on: the pretend Hub answers the real client as the real Hub does."""

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

FILES = {"a/odd name.txt": "grün".encode(), "model.safetensors": bytes(range(256)) * 400, "empty.txt": b""}


def add(repo, files):
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    return HfApi().create_commit(repo, operations, commit_message="Change").oid


def status_of(call):
    with pytest.raises(HfHubHTTPError) as error:
        call()
    return error.value.response.status_code


def test_files_go_up_and_come_down_and_the_same_again_is_no_commit(hub_here, tmp_path):
    HfApi().create_repo("me/up", private=True)
    first = add("me/up", FILES)
    assert add("me/up", FILES) == first == hub_here.commits("model", "me/up")[0]
    for name, content in FILES.items():
        assert Path(HfApi().hf_hub_download("me/up", name, cache_dir=tmp_path)).read_bytes() == content
    about = HfApi().model_info("me/up", files_metadata=True)
    assert (about.sha, about.private) == (first, True)
    assert [entry.path for entry in HfApi().list_repo_tree("me/up", "a")] == ["a/odd name.txt"]
    assert [entry.path for entry in HfApi().get_paths_info("me/up", ["a", "empty.txt", "none"])] == ["a", "empty.txt"]
    assert hashlib.sha256(FILES["model.safetensors"]).hexdigest() in hub_here.blobs


def test_requests_that_are_not_allowed_are_refused(hub_here):
    HfApi().create_repo("me/rights")
    wrong, nobody = HfApi(token="hf_wrong"), HfApi(token=False)
    assert status_of(lambda: nobody.create_repo("me/x")) == 401
    assert status_of(lambda: wrong.create_repo("me/x")) == 401
    assert status_of(lambda: HfApi().create_repo("you/x")) == 403
    assert status_of(lambda: HfApi().create_repo("me/rights")) == 409
    assert status_of(lambda: HfApi().model_info("me/rights", revision="none")) == 404
    assert status_of(lambda: HfApi().hf_hub_download("me/rights", "none.txt")) == 404
    assert nobody.model_info("me/rights").id == "me/rights"
