"""Pushing a folder to the Hub: one commit, safe to repeat.

`HfApi.upload_folder` is not used: it may make several commits, opens pull requests into main alone, and does not say
which files it deleted.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from huggingface_hub import CardData, CommitOperationAdd, CommitOperationDelete, HfApi, RepoCard
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.utils import validate_repo_id
from yaml import YAMLError

from crossner_hf.hub.retry import with_retries
from crossner_hf.results.environment import TOKEN

# Files that a push deletes on the Hub if the folder no longer has them, in directories that the folder has too. All
# other files there belong to somebody else or to another push, and stay.
MANAGED = {
    "dataset": ("train-*-of-*.parquet", "validation-*-of-*.parquet", "test-*-of-*.parquet"),
    "model": (
        *("model*.safetensors", "*.safetensors.index.json", "*.py", "crossner.yaml"),
        *("added_tokens.json", "special_tokens_map.json", "vocab.*", "merges.txt"),
    ),
    "space": ("*.py",),
}
MAX_CARD_BYTES = 10_000_000  # the Hub shows no README that it has to store as a large file


@dataclass(frozen=True)
class Target:
    """Where a push goes. A repository or branch that is missing is created."""

    repo: str
    kind: str  # "model", "dataset" or "space" (of Gradio)
    private: bool = False  # makes a new repository private; one that is public already is refused
    revision: str | None = None  # the branch; None for main
    create_pr: bool = False  # an open pull request of this account with the same message gets the commit

    @property
    def address(self) -> dict[str, Any]:
        return {"repo_id": self.repo, "repo_type": self.kind}


class Pushed(NamedTuple):
    """The result of a push: where the files are, the newest commit there, and the files that it deleted there."""

    url: str
    commit: str
    unchanged: bool  # the repository had all files already, so no commit was made
    deleted: tuple[str, ...] = ()


def push_folder(folder: str | Path, target: Target, message: str) -> Pushed:
    """Make the repository contain the folder's files, by one commit, or by none if it does already.

    Files that were uploaded before a connection broke are not sent again by the next push. Files of the kinds that this
    package writes are deleted in the same commit if the folder no longer has them; all others there stay. The title of
    the commit and of a pull request is the first line of `message`. Raises what `with_retries` raises.
    """
    push = _Push(Path(folder), target, message)
    before = with_retries(push.prepare, target.repo)
    commit, deleted, url = with_retries(push.commit, target.repo)
    return Pushed(url, commit, commit == before, deleted)


def files_to_push(folder: Path, repo: str) -> dict[str, Path]:
    """The files of a folder by their names in the repository.

    Raises ValueError if there are none, one contains a token, the card cannot be shown, or `repo` is not USER/NAME.
    """
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", repo):
        raise ValueError(f"{repo!r}: expected USER/NAME, the account and the repository's name on the Hub")
    validate_repo_id(repo)
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    if not files:
        raise ValueError(f"{folder}: no files here to push")
    for path in files.values():
        is_text = path.suffix in (".md", ".json", ".yaml", ".html", ".csv")
        if is_text and TOKEN.search(path.read_text("utf-8", "replace")):
            raise ValueError(f"{path}: has what looks like a token of the Hub, so nothing was sent; remove it")
    card = files.get("README.md")
    if card and (size := card.stat().st_size) > MAX_CARD_BYTES:
        most = MAX_CARD_BYTES // 1_000_000
        raise ValueError(
            f"{card}: {size / 1e6:.0f} MB, but the Hub shows no card of more than {most} MB; push fewer runs"
        )
    return files


class _Push:
    """The steps of a push; each starts from what the repository has now, so each is safe to repeat."""

    def __init__(self, folder: Path, target: Target, message: str):
        self.api, self.target, self.url = HfApi(), target, ""
        self.title = message.strip().partition("\n")[0]
        if target.create_pr and target.revision:  # another pull request than one into main
            self.title += f" (into {target.revision})"
        self.files = files_to_push(folder, target.repo)
        self.card = _read_card(self.files["README.md"]) if "README.md" in self.files else None
        self.content = _content(self.card.data if self.card else None)

    def prepare(self) -> str | None:
        """Create what is missing; gives the newest commit where the push will go."""
        target = self.target
        if self.card:
            self.card.validate(repo_type=target.kind)
        if not target.create_pr:
            sdk = "gradio" if target.kind == "space" else None
            self.url = str(self.api.create_repo(**target.address, private=target.private, exist_ok=True, space_sdk=sdk))
            self.url += f"/tree/{quote(target.revision, safe='')}" if target.revision else ""
        if target.private and not self.api.repo_info(**target.address).private:
            raise ValueError(f"{target.repo}: is public on the Hub, so nothing was sent; make it private there first")
        revision = self._pull_request()[0] or target.revision
        try:
            return self._head(revision).sha
        except RevisionNotFoundError:
            if target.create_pr or revision is None:
                raise
            if revision.startswith("refs/"):
                raise ValueError(f"{target.repo}: has no {revision}; name a branch, or one that is there") from None
            self.api.create_branch(**target.address, branch=revision, exist_ok=True)
            return self._head(revision).sha

    def commit(self) -> tuple[str, tuple[str, ...], str]:
        """Commit; gives the newest commit, the names of deleted files, and the URL."""
        target = self.target
        pull_request, url = self._pull_request()
        head = self._head(pull_request or target.revision)
        content = _content(head.card_data)
        if content and content != self.content:
            text = f"is {content}, whose card this push would replace; name another repository"
            raise ValueError(f"{target.repo}: {text}")
        remote = self.api.list_repo_files(**target.address, revision=head.sha)
        if ".gitignore" in remote:
            raise ValueError(
                f"{target.repo}: has a .gitignore, which may keep files out of the commit; remove it there"
            )
        deleted = self._outdated(remote)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(name, path) for name, path in self.files.items()),
            *(CommitOperationDelete(name, is_folder=False) for name in deleted),
        ]
        commit = self.api.create_commit(
            **target.address,
            operations=operations,
            commit_message=self.title,
            revision=pull_request or target.revision,
            parent_commit=head.sha,
            create_pr=target.create_pr and pull_request is None,
        )
        return commit.oid, deleted, commit.pr_url or url or self.url

    def _head(self, revision: str | None) -> Any:
        return self.api.repo_info(**self.target.address, revision=revision)

    def _outdated(self, remote: list[str]) -> tuple[str, ...]:
        """Files there that a push wrote and that the folder no longer has."""
        directories = {PurePosixPath(name).parent for name in self.files}
        others = (path for path in map(PurePosixPath, remote) if str(path) not in self.files)
        managed = MANAGED[self.target.kind]
        return tuple(str(p) for p in others if p.parent in directories and any(fnmatchcase(p.name, m) for m in managed))

    def _pull_request(self) -> tuple[str, str] | tuple[None, None]:
        """Reference and URL of the open pull request that an earlier push with this title made."""
        if self.target.create_pr:
            user = self.api.whoami()["name"]
            for discussion in self.api.get_repo_discussions(
                **self.target.address, author=user, discussion_type="pull_request", discussion_status="open"
            ):
                if discussion.title == self.title and discussion.author == user:
                    return f"refs/pr/{discussion.num}", discussion.url
        return None, None


def _read_card(path: Path) -> RepoCard:
    try:
        return RepoCard.load(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (YAMLError, ValueError) as error:
        raise ValueError(f"{path}: its metadata is not YAML, and the Hub would refuse it: {error}") from None


def _content(card: CardData | None) -> str | None:
    """Data sets and results are both repositories of kind "dataset", whose cards must not replace one another."""
    if card and card.get("configs"):
        return "a data set"
    return "results" if card and "results" in (card.get("tags") or ()) else None
