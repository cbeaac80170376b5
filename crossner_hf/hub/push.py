"""A folder as one commit to a repository on the Hub, safe to repeat, with one clear sentence where it fails."""

import fnmatch
import logging
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import quote

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, RepoCard
from huggingface_hub.errors import RevisionNotFoundError
from huggingface_hub.utils import validate_repo_id
from yaml import YAMLError

from crossner_hf.hub import retry
from crossner_hf.results.environment import TOKEN

# Files that a push deletes on the Hub where the folder has them no more, in directories that the folder has too. All
# else that lies there is somebody's, or another push's, and stays.
MANAGED = {
    "dataset": ("train-*-of-*.parquet", "validation-*-of-*.parquet", "test-*-of-*.parquet"),
    "model": (
        *("model*.safetensors", "*.safetensors.index.json", "*.py", "crossner.yaml"),
        *("added_tokens.json", "special_tokens_map.json", "vocab.*", "merges.txt"),
    ),
    "space": ("*.py",),
}
MAX_CARD_BYTES = 10_000_000  # the Hub shows no README that it has to store as a large file
_log = logging.getLogger(__name__)


class Pushed(NamedTuple):
    """Where it lies, the id of the newest commit there, whether it was there already, so that none was made, and the
    names of files that the commit deleted there."""

    url: str
    commit: str
    unchanged: bool
    deleted: tuple[str, ...] = ()


def push_folder(
    folder: str | Path,
    repo: str,
    kind: str,
    *,
    message: str,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    space_sdk: str | None = None,
) -> Pushed:
    """Make the repository hold the folder's files, in one commit, or in none where it does already.

    kind: "model", "dataset" or "space"; a repository that is missing is made, and so is a missing branch
    private: of a new repository. One that is public already is refused
    create_pr: as a pull request; an open one of this account with the same message takes the commit instead of a second

    What went up before a connection broke is not sent again by the next try. Files of the kinds that we write are
    deleted with the same commit where the folder has them no more; any others there stay.

    Raises ValueError for what the user has to change, ConnectionError where trying again later is all there is to do.
    No message holds the token.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    _check(folder, files, repo)
    title = message.strip().partition("\n")[0]
    if create_pr and revision:  # so that it is told apart from one into another branch
        title = f"{title} (into {revision})"

    api, ask = HfApi(), partial(retry.ask, repo=repo)
    card = _card(folder / "README.md")
    if card:
        ask(lambda: card.validate(repo_type=kind))
    target = _Target(repo, kind, revision, create_pr, title, _sort(card.data.to_dict() if card else {}))
    if not create_pr:
        ask(lambda: api.create_repo(repo, repo_type=kind, private=private, exist_ok=True, space_sdk=space_sdk))
    if private and not ask(lambda: api.repo_info(repo, repo_type=kind)).private:
        raise ValueError(f"{repo}: is public on the Hub, so nothing was sent; make it private in its settings first")
    before = ask(lambda: _head(api, target))
    deleted: list[str] = []
    commit = ask(lambda: _commit(api, target, folder, files, deleted))
    _log.debug("%s: %s -> %s", repo, before, commit.oid)
    url = commit.pr_url or ask(lambda: _pull_request(api, target)[1])
    return Pushed(url or _url(api, target), commit.oid, commit.oid == before, tuple(deleted))


class _Target(NamedTuple):
    repo: str
    kind: str
    revision: str | None
    create_pr: bool
    message: str
    sort: str | None  # what its card says that it is, where it says so


def _check(folder: Path, files: list[Path], repo: str) -> None:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+", repo):
        raise ValueError(f"{repo!r}: expected USER/NAME, the account and the repository's name on the Hub")
    validate_repo_id(repo)
    if not files:
        raise ValueError(f"{folder}: no files here to push")
    for path in files:
        if path.suffix in (".md", ".json", ".yaml", ".html", ".csv") and TOKEN.search(
            path.read_text("utf-8", "replace")
        ):
            raise ValueError(f"{path}: holds what looks like a token of the Hub, so nothing was sent; take it out")
        if path.name == "README.md" and path.parent == folder and path.stat().st_size > MAX_CARD_BYTES:
            raise ValueError(
                f"{path}: {path.stat().st_size / 1e6:.0f} MB, but the Hub shows no card of more than "
                f"{MAX_CARD_BYTES // 1_000_000} MB; push fewer runs"
            )


def _card(path: Path) -> RepoCard | None:
    if not path.is_file():
        return None
    try:
        return RepoCard.load(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except (YAMLError, ValueError) as error:
        raise ValueError(f"{path}: its metadata is no YAML, and the Hub would refuse it: {error}") from None


def _sort(card: Mapping[str, Any]) -> str | None:
    """Data sets and results are both repositories of kind "dataset", whose cards must not replace one another."""
    if card.get("configs"):
        return "a data set"
    return "results" if "results" in (card.get("tags") or ()) else None


def _head(api: HfApi, target: _Target) -> str:
    """The newest commit where the push will go; a missing branch is made, from main."""
    where = _pull_request(api, target)[0] or target.revision
    try:
        return api.repo_info(target.repo, repo_type=target.kind, revision=where).sha
    except RevisionNotFoundError:
        if target.create_pr:
            raise
        if where.startswith("refs/"):
            raise ValueError(f"{target.repo}: has no {where}; name a branch, or one that is there") from None
        api.create_branch(target.repo, branch=where, repo_type=target.kind, exist_ok=True)
        return api.repo_info(target.repo, repo_type=target.kind, revision=where).sha


def _commit(api: HfApi, target: _Target, folder: Path, files: list[Path], deleted: list[str]):
    """One try, from what the repository holds now: a try before it may have arrived and its answer not.

    Puts the names of files that it deletes there into `deleted`.
    """
    pull_request = _pull_request(api, target)[0]
    where = pull_request or target.revision
    about = api.repo_info(target.repo, repo_type=target.kind, revision=where)
    parent, card = about.sha, about.card_data
    sort = _sort(card.to_dict() if card else {})
    if sort and sort != target.sort:
        raise ValueError(f"{target.repo}: holds {sort}, whose card this push would replace; name another repository")
    names = [path.relative_to(folder).as_posix() for path in files]
    there = api.list_repo_files(target.repo, repo_type=target.kind, revision=parent)
    if ".gitignore" in there:
        raise ValueError(
            f"{target.repo}: holds a .gitignore, which would keep files out of the commit; remove it there"
        )
    ours = {PurePosixPath(name).parent for name in names}
    deleted[:] = [
        name
        for name in there
        if name not in names
        and PurePosixPath(name).parent in ours
        and any(fnmatch.fnmatchcase(PurePosixPath(name).name, pattern) for pattern in MANAGED[target.kind])
    ]
    return api.create_commit(
        target.repo,
        [
            *(CommitOperationAdd(name, path) for name, path in zip(names, files, strict=True)),
            *(CommitOperationDelete(name, is_folder=False) for name in deleted),
        ],
        commit_message=target.message,
        repo_type=target.kind,
        revision=where,
        parent_commit=parent,
        create_pr=target.create_pr and pull_request is None,
    )


def _pull_request(api: HfApi, target: _Target) -> tuple[str, str] | tuple[None, None]:
    """Reference and URL of the open pull request that an earlier push of the same made."""
    if not target.create_pr:
        return None, None
    me = api.whoami()["name"]
    found = api.get_repo_discussions(
        target.repo, repo_type=target.kind, author=me, discussion_type="pull_request", discussion_status="open"
    )
    for discussion in found:
        if discussion.title == target.message and discussion.author == me:
            return f"refs/pr/{discussion.num}", discussion.url
    return None, None


def _url(api: HfApi, target: _Target) -> str:
    prefix = "" if target.kind == "model" else f"{target.kind}s/"
    url = f"{api.endpoint}/{prefix}{target.repo}"
    return f"{url}/tree/{quote(target.revision, safe='')}" if target.revision else url
