"""Pushing a folder: one commit or none, whatever connection breaks, and one sentence where it cannot be done.

In this process, with the real client, against the pretend Hub.
"""

import logging
from types import SimpleNamespace

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from crossner_hf.hub import retry
from crossner_hf.hub.push import Target, push_folder

CARD = "---\nlicense: mit\n---\n\n# A tagger\n"
LARGE = bytes(range(256)) * 20_000  # 5 MB, sent in several packets


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the push itself slept."""
    slept = []
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=slept.append))
    return slept


@pytest.fixture
def there(hub_here, waits):
    return hub_here


@pytest.fixture
def repo(request):
    """A repository of its own for each test."""
    return f"me/{request.node.name.partition('[')[0][5:60].strip('_')}-{abs(hash(request.node.name)) % 10**6}"


@pytest.fixture
def folder(tmp_path):
    files = {"README.md": CARD.encode(), "config.json": b"{}", "model.safetensors": bytes(range(256)) * 4_000}
    for name, content in {**files, ".eval_results/music.yaml": b"[]\n"}.items():
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "run"


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def there_are(hub, repo, kind="model", **where):
    return {name: data for name, data in hub.files(kind, repo, **where).items() if name != ".gitattributes"}


def test_a_push_is_one_commit_with_the_folders_files(there, folder, repo):
    pushed = push_folder(folder, Target(repo, "model"), "First")
    assert there_are(there, repo) == contents(folder)
    assert pushed == (f"{there.url}/{repo}", there.commits("model", repo)[0], False, ())
    (folder / "config.json").write_text('{"a": 1}')
    before = len(there.commits("model", repo))
    push_folder(folder, Target(repo, "model"), "Second")
    assert len(there.commits("model", repo)) == before + 1
    assert there_are(there, repo) == contents(folder)


def test_the_same_again_makes_no_commit(there, folder, repo):
    first = push_folder(folder, Target(repo, "model"), "First")
    before = there.commits("model", repo)
    assert push_folder(folder, Target(repo, "model"), "Again") == (first.url, first.commit, True, ())
    assert there.commits("model", repo) == before


def test_outdated_files_of_a_push_are_deleted_and_files_of_others_stay(there, folder, repo):
    push_folder(folder, Target(repo, "model"), "First")
    mine = {name: name.encode() for name in ("photo.png", "NOTES.md", "my_results.json", "onnx/model.safetensors")}
    HfApi().create_commit(repo, [CommitOperationAdd(*item) for item in mine.items()], commit_message="Mine")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    pushed = push_folder(folder, Target(repo, "model"), "Second")
    assert pushed.deleted == ("model.safetensors",)
    assert there_are(there, repo) == {**contents(folder), **mine}


def test_configurations_that_are_not_pushed_stay(there, tmp_path, repo):
    for number, names in enumerate((("music", "ai"), ("music",))):
        for name in names:
            path = tmp_path / str(number) / name / f"train-0000{number}-of-00001.parquet"
            path.parent.mkdir(parents=True)
            path.write_bytes(b"PAR1" + name.encode())
        push_folder(tmp_path / str(number), Target(repo, "dataset"), "Data")
    assert sorted(there_are(there, repo, "dataset")) == [
        "ai/train-00000-of-00001.parquet",
        "music/train-00001-of-00001.parquet",
    ]


def test_a_gitignore_in_the_repository_is_refused(there, folder, repo):
    HfApi().create_repo(repo)
    ignore = CommitOperationAdd(".gitignore", b"*.safetensors\n")
    HfApi().create_commit(repo, [ignore], commit_message="Ignore")
    with pytest.raises(ValueError, match=r"has a \.gitignore, which may keep files out"):
        push_folder(folder, Target(repo, "model"), "First")


@pytest.mark.parametrize(
    ("before", "after", "content"),
    [
        ("configs: [{config_name: music}]", "tags: [results]", "a data set"),
        ("tags: [results]", "configs: [{config_name: music}]", "results"),
    ],
)
def test_the_card_of_a_data_set_is_not_replaced_by_that_of_results(before, after, content, there, tmp_path, repo):
    for name, data in (("before", before), ("after", after)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(f"---\n{data}\n---\n")
    push_folder(tmp_path / "before", Target(repo, "dataset"), "Push")
    with pytest.raises(ValueError, match=f"{repo}: is {content}, whose card this push would replace; name another"):
        push_folder(tmp_path / "after", Target(repo, "dataset"), "Push")
    assert there_are(there, repo, "dataset") == contents(tmp_path / "before")
    assert push_folder(tmp_path / "before", Target(repo, "dataset"), "Push").unchanged


def test_a_missing_pull_request_is_not_created_as_a_branch(there, folder, repo):
    push_folder(folder, Target(repo, "model"), "Push")
    with pytest.raises(ValueError, match=f"{repo}: has no refs/pr/7; name a branch"):
        push_folder(folder, Target(repo, "model", revision="refs/pr/7"), "Push")


def test_a_token_in_a_file_is_not_sent(there, folder, repo):
    (folder / "config.json").write_text('{"token": "hf_abcdefghijklmnop"}')
    with pytest.raises(ValueError, match=r"config\.json: has what looks like a token of the Hub, so nothing was sent"):
        push_folder(folder, Target(repo, "model"), "First")
    assert not there.requests


def test_pull_requests_into_two_branches_are_two(there, folder, repo):
    push_folder(folder, Target(repo, "model"), "First")
    push_folder(folder, Target(repo, "model", revision="v2"), "First")
    (folder / "config.json").write_text('{"a": 1}')
    for revision in (None, "v2", None, "v2"):
        push_folder(folder, Target(repo, "model", create_pr=True, revision=revision), "Better\n\nMuch.")
    assert [p["title"] for p in there.repo("model", repo).pull_requests] == ["Better", "Better (into v2)"]


def test_without_an_answer_the_message_says_that_the_commit_may_have_arrived(there, folder, repo, monkeypatch):
    HfApi().create_repo(repo)
    monkeypatch.setattr(retry, "WAITS", ())
    there.fail("POST", "/commit/", drop="answer")
    with pytest.raises(ConnectionError, match="the commit may have arrived; run the same command again"):
        push_folder(folder, Target(repo, "model"), "First")
    assert push_folder(folder, Target(repo, "model"), "First").unchanged


@pytest.mark.parametrize("error", [RuntimeError("xet: broken"), RuntimeError("bad hf_abcdefghijklmnop")])
def test_any_other_failure_of_the_client_is_one_sentence(error, there, folder, repo, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(HfApi, "create_commit", fails)
    with pytest.raises(ConnectionError, match="run the same command again") as raised:
        push_folder(folder, Target(repo, "model"), "First")
    assert "abcdefgh" not in str(raised.value)


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_a_new_repository_can_be_private(kind, there, folder, repo):
    pushed = push_folder(folder, Target(repo, kind, private=True), "First")
    assert HfApi().repo_info(repo, repo_type=kind).private
    assert pushed.url == f"{there.url}/{'' if kind == 'model' else kind + 's/'}{repo}"


def test_a_private_push_to_a_public_repository_is_refused(there, folder, repo):
    HfApi().create_repo(repo)
    before = there_are(there, repo)
    with pytest.raises(ValueError, match="is public on the Hub, so nothing was sent"):
        push_folder(folder, Target(repo, "model", private=True), "First")
    assert there_are(there, repo) == before


def test_a_missing_branch_is_created_and_main_stays(there, folder, repo):
    push_folder(folder, Target(repo, "model"), "First")
    before = there_are(there, repo)
    (folder / "config.json").write_text('{"a": 1}')
    pushed = push_folder(folder, Target(repo, "model", revision="v2/odd name".replace(" ", "-")), "Second")
    assert pushed.url.endswith("/tree/v2%2Fodd-name")
    assert there_are(there, repo, revision="v2/odd-name") == contents(folder)
    assert there_are(there, repo) == before


def test_a_pull_request_is_opened_once_and_then_gets_the_next_commits(there, folder, repo):
    push_folder(folder, Target(repo, "model"), "First")
    before = there.commits("model", repo)
    (folder / "config.json").write_text('{"a": 1}')
    opened = push_folder(folder, Target(repo, "model", create_pr=True), "Better")
    assert not opened.unchanged
    assert "/discussions/" in opened.url
    (folder / "config.json").write_text('{"a": 2}')
    again = push_folder(folder, Target(repo, "model", create_pr=True), "Better")
    assert (again.url, again.unchanged) == (opened.url, False)
    assert push_folder(folder, Target(repo, "model", create_pr=True), "Better") == (again.url, again.commit, True, ())
    (number,) = [p["num"] for p in there.repo("model", repo).pull_requests]
    assert there_are(there, repo, revision=f"refs/pr/{number}") == contents(folder)
    assert there.commits("model", repo) == before


@pytest.mark.parametrize("status", [500, 502, 503, 409, 429])
def test_temporary_errors_are_retried(status, there, folder, repo, waits, caplog):
    there.fail("POST", "/commit/", status=status, times=2)
    with caplog.at_level(logging.WARNING):
        push_folder(folder, Target(repo, "model"), "First")
    assert there_are(there, repo) == contents(folder)
    assert waits == [1, 2]
    assert f"the Hub answers {status}" in caplog.text


def test_retry_after_is_respected_up_to_ten_minutes(there, folder, repo, waits):
    there.fail("POST", "/commit/", status=429, headers={"Retry-After": "37"})
    push_folder(folder, Target(repo, "model"), "First")
    assert waits == [37]
    there.fail("POST", "/commit/", status=429, headers={"Retry-After": "7200"})
    (folder / "config.json").write_text('{"a": 1}')
    with pytest.raises(ConnectionError, match="too many requests; come back in 7200 s"):
        push_folder(folder, Target(repo, "model"), "Second")
    assert waits == [37]


def test_a_broken_upload_is_repeated_and_nothing_is_sent_twice(there, folder, repo):
    (folder / "model-2.safetensors").write_bytes(LARGE)
    there.fail("PUT", "", drop="request")
    push_folder(folder, Target(repo, "model"), "First")
    assert there_are(there, repo) == contents(folder)
    there.requests.clear()
    (folder / "model-2.safetensors").rename(folder / "model-3.safetensors")
    push_folder(folder, Target(repo, "model"), "Second")
    assert there_are(there, repo) == contents(folder)
    assert not [r for r in there.requests if r[0] == "PUT"]


def test_a_failed_push_can_be_repeated(there, folder, repo):
    there.fail("POST", "/commit/", status=500, times=99)
    with pytest.raises(
        ConnectionError, match=r"the Hub answers 500.*nothing was committed; run the same command again"
    ):
        push_folder(folder, Target(repo, "model"), "First")
    assert there_are(there, repo) == {}
    there.reset()
    push_folder(folder, Target(repo, "model"), "First")
    assert there_are(there, repo) == contents(folder)
    assert not [r for r in there.requests if r[0] == "PUT"]


@pytest.mark.parametrize("create_pr", [False, True])
def test_a_commit_whose_answer_was_lost_is_not_made_twice(create_pr, there, folder, repo):
    HfApi().create_repo(repo)
    before = len(there.commits("model", repo))
    there.fail("POST", "/commit/", drop="answer")
    pushed = push_folder(folder, Target(repo, "model", create_pr=create_pr), "First")
    assert not pushed.unchanged
    if create_pr:
        assert len(there.repo("model", repo).pull_requests) == 1
    else:
        assert len(there.commits("model", repo)) == before + 1
        assert there_are(there, repo) == contents(folder)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "log in with `hf auth login` or set HF_TOKEN"),
        (403, "this account may not write there"),
        (404, "no such repository or branch"),
        (412, "it changed during this push, and nothing was committed"),
    ],
)
def test_advice_to_the_user_is_one_sentence(status, message, there, folder, repo, waits):
    there.fail("POST", "/commit/", status=status, times=9)
    with pytest.raises(ValueError, match=message) as raised:
        push_folder(folder, Target(repo, "model"), "First")
    assert str(raised.value).startswith(f"{repo}: ")
    assert "\n" not in str(raised.value)
    assert waits == []
    assert there_are(there, repo) == {}


def test_a_commit_by_somebody_else_is_not_overwritten(there, folder, repo, monkeypatch):
    push_folder(folder, Target(repo, "model"), "First")
    (folder / "config.json").write_text('{"a": 1}')
    real = HfApi.create_commit

    def slow(self, *args, **kwargs):
        monkeypatch.setattr(HfApi, "create_commit", real)
        real(self, repo, [CommitOperationAdd("config.json", b"theirs")], commit_message="Theirs")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", slow)
    with pytest.raises(ValueError, match="it changed during this push"):
        push_folder(folder, Target(repo, "model"), "Second")
    assert there_are(there, repo)["config.json"] == b"theirs"


def test_no_message_contains_a_token_that_the_server_quotes(there, folder, repo, caplog):
    there.fail("POST", "/commit/", status=500, times=1, message=f"bad token {there.token}")
    there.fail("POST", "/commit/", status=403, message=f"Authorization: Bearer {there.token}")
    with caplog.at_level(logging.DEBUG), pytest.raises(ValueError, match="Authorization") as raised:
        push_folder(folder, Target(repo, "model"), "First")
    assert there.token not in str(raised.value) + caplog.text
    assert raised.value.__suppress_context__


def test_a_missing_token_is_named(there, folder, repo, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    for create_pr in (False, True):
        with pytest.raises(ValueError, match="log in with `hf auth login` or set HF_TOKEN"):
            push_folder(folder, Target(repo, "model", create_pr=create_pr), "First")


def test_a_refused_card_leaves_no_repository_behind(there, folder, repo):
    (folder / "README.md").write_text("---\nlicense: [mit\n---\n")
    with pytest.raises(ValueError, match=r"README\.md: its metadata is not YAML"):
        push_folder(folder, Target(repo, "model"), "First")
    (folder / "README.md").write_bytes("---\nlicense: mit\n---\n\nAgnès".encode("latin-1"))
    with pytest.raises(ValueError, match=r"README\.md: is not UTF-8 \(.* at byte \d+\); save it as UTF-8"):
        push_folder(folder, Target(repo, "model"), "First")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    there.fail("POST", "/validate-yaml", status=400, message="license is unknown")
    with pytest.raises(ValueError, match="license is unknown"):
        push_folder(folder, Target(repo, "model"), "First")
    assert not HfApi().repo_exists(repo)


def test_bad_folders_and_names_are_refused_before_anything_is_sent(there, folder, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no files here to push"):
        push_folder(tmp_path / "empty", Target("me/x", "model"), "First")
    for name in ("crossner", "me/", "/x", "me/a/b", "me/a b"):
        with pytest.raises(ValueError, match="expected USER/NAME"):
            push_folder(folder, Target(name, "model"), "First")
    with pytest.raises(ValueError, match=r"Repo id"):
        push_folder(folder, Target("me/wörter--2", "model"), "First")
    monkeypatch.setattr("crossner_hf.hub.push.MAX_CARD_BYTES", 10)
    with pytest.raises(ValueError, match=r"README\.md: .* push fewer runs"):
        push_folder(folder, Target("me/x", "model"), "First")
    assert not there.requests


def test_offline_mode_is_named(there, folder, repo, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set, so nothing can be pushed; unset it"):
        push_folder(folder, Target(repo, "model"), "First")
