"""Pushing a folder: one commit or none, whatever connection breaks, and one sentence where it cannot be done.

In this process, with the real client, against the pretend Hub.
"""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from crossner_hf.hub import retry
from crossner_hf.hub.push import Pushed, Target, push_folder

LARGE = bytes(range(256)) * 20_000  # 5 MB, sent in several packets


def write(folder: Path, files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


class Pusher:
    """Pushes a folder to a repository of its own; `hub` is the pretend Hub, `waits` the seconds slept."""

    def __init__(self, hub, folder: Path, repo: str, waits: list[float]):
        self.hub, self.folder, self.repo, self.waits = hub, folder, repo, waits

    def __call__(self, message: str = "First", *, kind: str = "model", folder: Path | None = None, **target) -> Pushed:
        return push_folder(folder or self.folder, Target(self.repo, kind, **target), message)

    def fails(self, message: str, error: type[Exception] = ValueError, **how) -> Exception:
        """Push, and check that it is refused with this message."""
        with pytest.raises(error, match=message) as raised:
            self(**how)
        return raised.value

    def there(self, kind: str = "model", **where) -> dict[str, bytes]:
        return {n: data for n, data in self.hub.files(kind, self.repo, **where).items() if n != ".gitattributes"}

    def here(self) -> dict[str, bytes]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def edit(self, text: str = '{"a": 1}', name: str = "config.json") -> None:
        (self.folder / name).write_text(text)

    def commits(self) -> list[str]:
        return self.hub.commits("model", self.repo)

    def uploads(self) -> list[tuple[str, str, int]]:
        return [request for request in self.hub.requests if request[0] == "PUT"]


@pytest.fixture
def push(hub_here, request, tmp_path, monkeypatch) -> Pusher:
    waits = []
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=waits.append))
    card = "---\nlicense: mit\n---\n\n# A tagger\n"
    files = {"README.md": card, "config.json": "{}", "model.safetensors": bytes(range(256)) * 4_000}
    write(tmp_path / "run", {**files, ".eval_results/music.yaml": "[]\n"})
    repo = f"me/{request.node.name.partition('[')[0][5:60].strip('_')}-{abs(hash(request.node.name)) % 10**6}"
    return Pusher(hub_here, tmp_path / "run", repo, waits)


def test_a_push_is_one_commit_with_the_folders_files_and_the_same_again_is_none(push):
    first = push()
    assert first == (f"{push.hub.url}/{push.repo}", push.commits()[0], False, ())
    assert push.there() == push.here()
    before = push.commits()
    assert push("Again") == (first.url, first.commit, True, ())
    assert push.commits() == before
    push.edit()
    push("Second")
    assert push.commits()[1:] == before
    assert push.there() == push.here()


def test_outdated_files_of_a_push_are_deleted_and_files_of_others_stay(push):
    push()
    mine = {name: name.encode() for name in ("photo.png", "NOTES.md", "my_results.json", "onnx/model.safetensors")}
    HfApi().create_commit(push.repo, [CommitOperationAdd(*item) for item in mine.items()], commit_message="Mine")
    (push.folder / "model.safetensors").rename(push.folder / "model-00001-of-00001.safetensors")
    assert push("Second").deleted == ("model.safetensors",)
    assert push.there() == {**push.here(), **mine}


def test_configurations_that_are_not_pushed_stay(push, tmp_path):
    for number, names in enumerate((("music", "ai"), ("music",))):
        folder = tmp_path / str(number)
        write(folder, {f"{name}/train-0000{number}-of-00001.parquet": f"PAR1{name}" for name in names})
        push("Data", kind="dataset", folder=folder)
    assert sorted(push.there("dataset")) == ["ai/train-00000-of-00001.parquet", "music/train-00001-of-00001.parquet"]


def test_a_gitignore_in_the_repository_is_refused(push):
    HfApi().create_repo(push.repo)
    ignore = CommitOperationAdd(".gitignore", b"*.safetensors\n")
    HfApi().create_commit(push.repo, [ignore], commit_message="Ignore")
    push.fails(r"has a \.gitignore, which may keep files out")


@pytest.mark.parametrize(
    ("before", "after", "content"),
    [
        ("configs: [{config_name: music}]", "tags: [results]", "a data set"),
        ("tags: [results]", "configs: [{config_name: music}]", "results"),
    ],
)
def test_the_card_of_a_data_set_is_not_replaced_by_that_of_results(before, after, content, push, tmp_path):
    for name, data in (("before", before), ("after", after)):
        write(tmp_path / name, {"README.md": f"---\n{data}\n---\n"})
    push(kind="dataset", folder=tmp_path / "before")
    message = f"{push.repo}: is {content}, whose card this push would replace; name another"
    push.fails(message, kind="dataset", folder=tmp_path / "after")
    assert push.there("dataset") == {"README.md": (tmp_path / "before" / "README.md").read_bytes()}
    assert push(kind="dataset", folder=tmp_path / "before").unchanged


def test_a_missing_pull_request_is_not_created_as_a_branch(push):
    push()
    push.fails(f"{push.repo}: has no refs/pr/7; name a branch", revision="refs/pr/7")


def test_a_token_in_a_file_is_not_sent(push):
    push.edit('{"token": "hf_abcdefghijklmnop"}')
    push.fails(r"config\.json: has what looks like a token of the Hub, so nothing was sent")
    assert not push.hub.requests


def test_pull_requests_into_two_branches_are_two(push):
    push()
    push(revision="v2")
    push.edit()
    for revision in (None, "v2", None, "v2"):
        push("Better\n\nMuch.", create_pr=True, revision=revision)
    titles = [p["title"] for p in push.hub.repo("model", push.repo).pull_requests]
    assert titles == ["Better", "Better (into v2)"]


def test_without_an_answer_the_message_says_that_the_commit_may_have_arrived(push, monkeypatch):
    HfApi().create_repo(push.repo)
    monkeypatch.setattr(retry, "WAITS", ())
    push.hub.fail("POST", "/commit/", drop="answer")
    push.fails("the commit may have arrived; run the same command again", ConnectionError)
    assert push().unchanged


@pytest.mark.parametrize("error", [RuntimeError("xet: broken"), RuntimeError("bad hf_abcdefghijklmnop")])
def test_any_other_failure_of_the_client_is_one_sentence(error, push, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(HfApi, "create_commit", fails)
    assert "abcdefgh" not in str(push.fails("run the same command again", ConnectionError))


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_a_new_repository_can_be_private(kind, push):
    pushed = push(kind=kind, private=True)
    assert HfApi().repo_info(push.repo, repo_type=kind).private
    assert pushed.url == f"{push.hub.url}/{'' if kind == 'model' else kind + 's/'}{push.repo}"


def test_a_private_push_to_a_public_repository_is_refused(push):
    HfApi().create_repo(push.repo)
    push.fails("is public on the Hub, so nothing was sent", private=True)
    assert push.there() == {}


def test_a_missing_branch_is_created_and_main_stays(push):
    push()
    before = push.there()
    push.edit()
    assert push("Second", revision="v2/odd-name").url.endswith("/tree/v2%2Fodd-name")
    assert push.there(revision="v2/odd-name") == push.here()
    assert push.there() == before


def test_a_pull_request_is_opened_once_and_then_gets_the_next_commits(push):
    push()
    before = push.commits()
    push.edit()
    opened = push("Better", create_pr=True)
    assert not opened.unchanged
    assert "/discussions/" in opened.url
    push.edit('{"a": 2}')
    again = push("Better", create_pr=True)
    assert (again.url, again.unchanged) == (opened.url, False)
    assert push("Better", create_pr=True) == (again.url, again.commit, True, ())
    (number,) = [p["num"] for p in push.hub.repo("model", push.repo).pull_requests]
    assert push.there(revision=f"refs/pr/{number}") == push.here()
    assert push.commits() == before


@pytest.mark.parametrize("status", [500, 502, 503, 409, 429])
def test_temporary_errors_are_retried(status, push, caplog):
    push.hub.fail("POST", "/commit/", status=status, times=2)
    with caplog.at_level(logging.WARNING):
        push()
    assert push.there() == push.here()
    assert push.waits == [1, 2]
    assert f"the Hub answers {status}" in caplog.text


def test_retry_after_is_respected_up_to_ten_minutes(push):
    push.hub.fail("POST", "/commit/", status=429, headers={"Retry-After": "37"})
    push()
    push.hub.fail("POST", "/commit/", status=429, headers={"Retry-After": "7200"})
    push.edit()
    push.fails("too many requests; come back in 7200 s", ConnectionError)
    assert push.waits == [37]


def test_a_broken_upload_is_repeated_and_nothing_is_sent_twice(push):
    write(push.folder, {"model-2.safetensors": LARGE})
    push.hub.fail("PUT", "", drop="request")
    push()
    assert push.there() == push.here()
    push.hub.requests.clear()
    (push.folder / "model-2.safetensors").rename(push.folder / "model-3.safetensors")
    push("Second")
    assert push.there() == push.here()
    assert not push.uploads()


def test_a_failed_push_can_be_repeated(push):
    push.hub.fail("POST", "/commit/", status=500, times=99)
    push.fails("the Hub answers 500.*nothing was committed; run the same command again", ConnectionError)
    assert push.there() == {}
    push.hub.reset()
    push()
    assert push.there() == push.here()
    assert not push.uploads()


@pytest.mark.parametrize("create_pr", [False, True])
def test_a_commit_whose_answer_was_lost_is_not_made_twice(create_pr, push):
    HfApi().create_repo(push.repo)
    before = len(push.commits())
    push.hub.fail("POST", "/commit/", drop="answer")
    assert not push(create_pr=create_pr).unchanged
    if create_pr:
        assert len(push.hub.repo("model", push.repo).pull_requests) == 1
    else:
        assert len(push.commits()) == before + 1
        assert push.there() == push.here()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "log in with `hf auth login` or set HF_TOKEN"),
        (403, "this account may not write there"),
        (404, "no such repository or branch"),
        (412, "it changed during this push, and nothing was committed"),
    ],
)
def test_advice_to_the_user_is_one_sentence(status, message, push):
    push.hub.fail("POST", "/commit/", status=status, times=9)
    text = str(push.fails(message))
    assert text.startswith(f"{push.repo}: ")
    assert "\n" not in text
    assert push.waits == []
    assert push.there() == {}


def test_a_commit_by_somebody_else_is_not_overwritten(push, monkeypatch):
    push()
    push.edit()
    real = HfApi.create_commit

    def slow(self, *args, **kwargs):
        monkeypatch.setattr(HfApi, "create_commit", real)
        real(self, push.repo, [CommitOperationAdd("config.json", b"theirs")], commit_message="Theirs")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(HfApi, "create_commit", slow)
    push.fails("it changed during this push")
    assert push.there()["config.json"] == b"theirs"


def test_no_message_contains_a_token_that_the_server_quotes(push, caplog):
    token = push.hub.token
    push.hub.fail("POST", "/commit/", status=500, times=1, message=f"bad token {token}")
    push.hub.fail("POST", "/commit/", status=403, message=f"Authorization: Bearer {token}")
    with caplog.at_level(logging.DEBUG):
        error = push.fails("Authorization")
    assert token not in str(error) + caplog.text
    assert error.__suppress_context__


def test_a_missing_token_is_named(push, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    for create_pr in (False, True):
        push.fails("log in with `hf auth login` or set HF_TOKEN", create_pr=create_pr)


def test_a_refused_card_leaves_no_repository_behind(push):
    push.edit("---\nlicense: [mit\n---\n", "README.md")
    push.fails(r"README\.md: its metadata is not YAML")
    write(push.folder, {"README.md": "---\nlicense: mit\n---\n\nAgnès".encode("latin-1")})
    push.fails(r"README\.md: is not UTF-8 \(.* at byte \d+\); save it as UTF-8")
    push.edit("---\nlicense: mit\n---\n", "README.md")
    push.hub.fail("POST", "/validate-yaml", status=400, message="license is unknown")
    push.fails("license is unknown")
    assert not HfApi().repo_exists(push.repo)


def test_bad_folders_and_names_are_refused_before_anything_is_sent(push, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    push.fails("no files here to push", folder=tmp_path / "empty")
    monkeypatch.setattr("crossner_hf.hub.push.MAX_CARD_BYTES", 10)
    push.fails(r"README\.md: .* push fewer runs")
    for push.repo in ("crossner", "me/", "/x", "me/a/b", "me/a b"):
        push.fails("expected USER/NAME")
    push.repo = "me/wörter--2"
    push.fails("Repo id")
    assert not push.hub.requests


def test_offline_mode_is_named(push, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    push.fails("HF_HUB_OFFLINE is set, so nothing can be pushed; unset it")
