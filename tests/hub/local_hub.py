"""A pretend Hub on loopback: repositories with commits, branches and pull requests in memory, and faults on demand.

One account, `me`, with one token. local_hub_api.py answers the HTTP requests of the real clients.
"""

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import NamedTuple

import yaml

USER = "me"


class HubError(Exception):
    """An answer other than 200, with further fields of its body."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None, **fields: str):
        super().__init__(message)
        self.status, self.headers, self.body = status, headers or {}, {"error": message, **fields}


def missing(code: str, message: str) -> HubError:
    """A 404 that the client tells apart by its code."""
    return HubError(404, message, {"X-Error-Code": code})


class File(NamedTuple):
    """A file of a commit; large and binary files are stored apart, by their SHA-256."""

    content: bytes
    is_large: bool = False

    @property
    def oid(self) -> str:
        if self.is_large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


class Commit(NamedTuple):
    sha: str
    parent: str | None
    files: Mapping[str, File]

    def entries(self) -> list[dict]:
        """Folders and files as the Hub lists them."""
        folders = {path[: match.start()] for path in self.files for match in re.finditer("/", path)}
        entries = [{"path": folder, "type": "directory", "oid": "0" * 40, "size": 0} for folder in folders]
        for path, file in self.files.items():
            about = {"path": path, "type": "file", "oid": file.oid, "size": len(file.content)}
            lfs = {"oid": file.oid, "sha256": file.oid, "size": len(file.content), "pointerSize": 134}
            entries.append(about | ({"lfs": lfs} if file.is_large else {}))
        return sorted(entries, key=lambda entry: entry["path"])


@dataclass
class Repo:
    """A repository: commits by id, and what branches and pull requests point at."""

    kind: str
    name: str
    private: bool
    sdk: str | None
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    pull_requests: list[dict] = field(default_factory=list)

    def add(self, ref: str, files: Mapping[str, File], parent: str | None) -> str:
        sha = hashlib.sha1(repr((self.kind, self.name, ref, len(self.commits))).encode()).hexdigest()
        self.commits[sha] = Commit(sha, parent, dict(files))
        self.refs[ref] = sha
        return sha

    def at(self, revision: str) -> Commit:
        sha = self.refs.get(revision, revision)
        if sha not in self.commits:
            raise missing("RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[sha]

    def open_pull_request(self, files: Mapping[str, File], parent: str, title: str) -> tuple[str, str]:
        number = len(self.pull_requests) + 1
        self.pull_requests.append({"num": number, "title": title, "status": "open"})
        return f"refs/pr/{number}", self.add(f"refs/pr/{number}", files, parent)


def front_matter(text: str) -> dict:
    """The YAML at the head of a card. Raises ValueError for what the Hub refuses."""
    match = re.match(r"^---\s*\n(.*?)\n---", text, re.DOTALL)
    try:
        return (yaml.safe_load(match[1]) if match else None) or {}
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


@dataclass
class Fault:
    """What the next requests of a method to matching paths meet: a status, or a connection that breaks.

    drop: "request" closes the connection within the body of the request, "answer" after the Hub did what was asked.
    """

    method: str
    path: str
    status: int | None = None
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "injected"
    drop: str | None = None


class LocalHub:
    """The server, in a thread of its own; `requests` has (method, path, status) of every request."""

    def __init__(self):
        from local_hub_api import Handler

        self.lock = threading.RLock()
        self.token = "hf_" + "localHubToken" * 2
        self.repos: dict[tuple[str, str], Repo] = {}
        self.blobs: dict[str, bytes] = {}  # large files that arrived whole, by their SHA-256
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("HandlerOfThisHub", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "LocalHub":
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def reset(self) -> None:
        """Forget faults and requests; repositories stay."""
        self.faults.clear()
        self.requests.clear()

    def fail(self, method: str, path: str, status: int | None = None, **fault) -> None:
        """Let the next requests fail whose path contains a match of the regular expression `path`."""
        self.faults.append(Fault(method, path, status, **fault))

    def fault_for(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.times > 0 and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def repo(self, kind: str, name: str) -> Repo:
        if (kind, name) not in self.repos:
            raise missing("RepoNotFound", "Repository not found")
        return self.repos[kind, name]

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        return {path: file.content for path, file in self.repo(kind, name).at(revision).files.items()}

    def commits(self, kind: str, name: str) -> list[str]:
        """Ids of main, the newest first."""
        repo, ids = self.repo(kind, name), []
        sha: str | None = repo.refs["main"]
        while sha:
            ids.append(sha)
            sha = repo.commits[sha].parent
        return ids
