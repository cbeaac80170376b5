"""A Hub on loopback for tests: repositories with commits, branches and pull requests, in memory, and faults on demand.

local_hub_api.py speaks the HTTP of the real one to the real client, over local_hub_http.py. One account,
`me`, with one token.
"""

import fnmatch
import hashlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import NamedTuple

import yaml

USER = "me"
PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/"}


class HubError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, dict(headers or {})


class File(NamedTuple):
    """A file of a commit. lfs: its SHA-256 where it is stored apart, as large and binary files are."""

    content: bytes
    lfs: str | None

    @property
    def oid(self) -> str:
        content = self.content
        if self.lfs:
            size = len(content)
            content = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.lfs}\nsize {size}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    files: Mapping[str, File]
    time: float = field(default_factory=time.time)

    @property
    def date(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(self.time))

    def entries(self) -> list[dict]:
        """Folders and files as the Hub lists them."""
        found = {}
        for path, file in self.files.items():
            for depth in range(1, path.count("/") + 1):
                folder = "/".join(path.split("/")[:depth])
                found[folder] = {"type": "directory", "oid": hashlib.sha1(folder.encode()).hexdigest(), "size": 0}
            size = len(file.content)
            lfs = {"lfs": {"oid": file.lfs, "sha256": file.lfs, "size": size, "pointerSize": 134}} if file.lfs else {}
            found[path] = {"type": "file", "oid": file.oid, "size": size, **lfs}
        return [{"path": path, **entry} for path, entry in sorted(found.items())]


class Repo:
    """A repository: commits by id, and what branches and pull requests point at."""

    def __init__(self, kind: str, name: str, *, private: bool = False, sdk: str | None = None):
        self.kind, self.name, self.private, self.sdk = kind, name, private, sdk
        self.commits: dict[str, Commit] = {}
        self.refs: dict[str, str] = {}
        self.pull_requests: list[dict] = []
        self.add("main", {".gitattributes": File(b"*.safetensors filter=lfs\n", None)}, None, "initial commit")

    def add(self, ref: str, files: Mapping[str, File], parent: str | None, title: str) -> str:
        body = [self.kind, self.name, parent, title, len(self.commits), [[p, f.oid] for p, f in sorted(files.items())]]
        sha = hashlib.sha1(json.dumps(body).encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, title, dict(files))
        self.refs[ref] = sha
        return sha

    def at(self, revision: str) -> Commit:
        sha = self.refs.get(revision.removeprefix("refs/heads/"), revision)
        if sha not in self.commits:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def open_pull_request(self, files: Mapping[str, File], parent: str, title: str) -> tuple[str, str]:
        ref = f"refs/pr/{len(self.pull_requests) + 1}"
        self.pull_requests.append({"num": len(self.pull_requests) + 1, "title": title, "status": "open"})
        return ref, self.add(ref, files, parent, title)

    def card(self, files: Mapping[str, File]) -> dict:
        return front_matter(files["README.md"].content.decode("utf-8", "replace")) if "README.md" in files else {}


def front_matter(text: str) -> dict:
    """The YAML at the head of a card. Raises ValueError for what the Hub refuses."""
    found = re.match(r"^---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        values = yaml.safe_load(found[1]) if found else {}
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if found and not isinstance(values, dict):
        raise ValueError("the metadata is no mapping")
    return values or {}


def is_ignored(path: str, gitignore: str) -> bool:
    """Whether a .gitignore of names, patterns and `folders/` means the path."""
    patterns = [line.strip().lstrip("/") for line in gitignore.splitlines() if line.strip()]
    parts = path.split("/")
    inside = any(f"{part}/" in patterns for part in parts[:-1])
    return inside or any(fnmatch.fnmatchcase(name, pattern) for name in (path, parts[-1]) for pattern in patterns)


@dataclass
class Fault:
    """What the next requests of a method to matching paths meet.

    drop: True or 'request' closes the connection in mid-body: of the request, or of the answer where the request has
    none; 'answer' does what is asked, then closes it
    """

    method: str
    path: str
    status: int | None
    times: int
    headers: Mapping[str, str]
    body: Mapping | None
    drop: str | bool | None


class LocalHub:
    """The server, in a thread of its own; `requests` holds (method, path, status) of what was asked."""

    def __init__(self):
        from local_hub_api import Handler

        self.lock = threading.RLock()
        self.token = "hf_" + "localHubToken" * 2
        self.repos: dict[tuple[str, str], Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.blobs_stored: list[str] = []  # SHA-256 of every large file that arrived whole, as often as it did
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisHub", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "LocalHub":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def reset(self) -> None:
        """Forget faults, requests and what was counted; repositories stay."""
        self.faults.clear()
        self.requests.clear()
        self.blobs_stored.clear()

    def fail(self, method: str, path: str, status=None, *, times=1, headers=None, body=None, drop=None) -> None:
        """Let the next requests fail whose path `path`, a regular expression, is found in."""
        self.faults.append(Fault(method, path, status, times, headers or {}, body, drop))

    def fault_for(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.times > 0 and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def repo(self, kind: str, name: str) -> Repo:
        if (kind, name) not in self.repos:
            raise HubError(404, "Repository not found", "RepoNotFound")
        return self.repos[kind, name]

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        return {path: file.content for path, file in self.repo(kind, name).at(revision).files.items()}

    def commits(self, kind: str, name: str, revision: str = "main") -> list[str]:
        """Ids, the newest first."""
        repo, found = self.repo(kind, name), []
        commit: Commit | None = repo.at(revision)
        while commit:
            found.append(commit.sha)
            commit = repo.commits[commit.parent] if commit.parent else None
        return found

    def pull_requests(self, kind: str, name: str) -> list[dict]:
        return self.repo(kind, name).pull_requests
