"""The HTTP of the pretend Hub, as huggingface_hub, datasets, transformers and evaluate speak it."""

import base64
import hashlib
import json
import re
import urllib.parse
from http.server import BaseHTTPRequestHandler

from local_hub import USER, File, HubError, Repo, front_matter, missing

LARGE = re.compile(r".*\.(safetensors|parquet)")
PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/"}
DATE = "2026-01-01T00:00:00.000Z"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    hub = None  # the LocalHub, of a subclass

    def log_message(self, *_):
        pass

    def handle_request(self) -> None:
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        fault = self.hub.fault_for(self.command, path)
        if fault and fault.drop == "request":
            self.rfile.read1(1_000)
            return self._hang_up(path)
        self.body = self._read()
        try:
            if fault and fault.status:
                raise HubError(fault.status, fault.message, fault.headers)
            status, body, headers = self._answer(path)
        except HubError as error:
            status, body, headers = error.status, error.body, error.headers
        if fault and fault.drop:
            return self._hang_up(path)
        self.hub.requests.append((self.command, path, status))
        return self._send(status, body, headers)

    do_GET = do_HEAD = do_POST = do_PUT = handle_request

    def _hang_up(self, path: str) -> None:
        self.hub.requests.append((self.command, path, 0))
        self.close_connection = True

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, body, headers) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _answer(self, path: str):
        """Status, bytes or what becomes JSON, and headers. Raises HubError for an answer other than 200."""
        for methods, needs_token, pattern, answer in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in methods:
                if needs_token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
                    raise HubError(401, "Invalid username or password.")
                parts = {k: urllib.parse.unquote(v) for k, v in match.groupdict().items() if v is not None}
                with self.hub.lock:
                    result = answer(self, **parts)
                body, headers = result if isinstance(result, tuple) else (result, {})
                return 200, body, headers
        raise HubError(404, f"no such route: {self.command} {path}")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repo(kind.strip("/").removesuffix("s") or "model", name)
        if repo.private and not self.headers.get("Authorization"):
            raise HubError(401, "Repository not found", {"X-Error-Code": "RepoNotFound"})
        return repo

    # Accounts and repositories

    def whoami(self):
        token = {"displayName": "local", "role": "write"}
        return {"type": "user", "name": USER, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}

    def create(self):
        about = json.loads(self.body)
        name, kind = f"{about.get('organization') or USER}/{about['name']}", about.get("type") or "model"
        url = f"{self.hub.url}/{PREFIX[kind]}{name}"
        if (kind, name) in self.hub.repos:
            raise HubError(409, "You already created this repo", url=url)
        is_private = bool(about.get("private")) or about.get("visibility") == "private"
        repo = self.hub.repos[kind, name] = Repo(kind, name, is_private, about.get("sdk"))
        repo.add("main", {".gitattributes": File(b"*.safetensors filter=lfs\n")}, None)
        return {"url": url, "name": name, "id": name}

    def validate_yaml(self):
        try:
            front_matter(json.loads(self.body)["content"])
        except ValueError as error:
            raise HubError(400, str(error)) from None
        return {"errors": [], "warnings": []}

    def info(self, kind, name, revision="main"):
        repo = self._repo(kind, name)
        commit = repo.at(revision)
        files = [{**entry, "rfilename": entry["path"]} for entry in commit.entries() if entry["type"] == "file"]
        card = front_matter(commit.files["README.md"].content.decode()) if "README.md" in commit.files else {}
        config = json.loads(commit.files["config.json"].content) if "config.json" in commit.files else None
        about = {"id": name, "author": USER, "sha": commit.sha, "private": repo.private, "sdk": repo.sdk}
        dates = {"lastModified": DATE, "createdAt": DATE}
        shown = {"tags": card.get("tags") or [], "cardData": card, "pipeline_tag": card.get("pipeline_tag")}
        return {**about, **dates, **shown, "siblings": files, "config": config, "downloads": 0, "likes": 0}

    def discussions(self, kind, name):
        repo = self._repo(kind, name)
        about = {"author": {"name": USER}, "createdAt": DATE, "isPullRequest": True}
        pull_requests = [{**p, **about, "repo": {"name": name, "type": repo.kind}} for p in repo.pull_requests]
        return {"discussions": pull_requests, "count": len(pull_requests), "start": 0}

    def branch(self, kind, name, branch):
        repo = self._repo(kind, name)
        repo.refs[branch] = repo.at("main").sha
        return {}

    # Writing

    def preupload(self, kind, name, revision):
        files = self._repo(kind, name).at(revision).files
        answer = []
        for file in json.loads(self.body)["files"]:
            is_large = LARGE.fullmatch(file["path"]) or b"\0" in base64.b64decode(file["sample"])
            oid = files[file["path"]].oid if file["path"] in files else None
            mode = "lfs" if is_large else "regular"
            answer.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": answer}

    def lfs_batch(self, name, kind=""):
        self._repo(kind, name)
        answer = []
        for large in json.loads(self.body)["objects"]:
            upload = {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{large['oid']}"}}}
            about = {"oid": large["oid"], "size": large["size"]}
            answer.append(about if large["oid"] in self.hub.blobs else about | upload)
        return {"transfer": "basic", "objects": answer}, {"Content-Type": "application/vnd.git-lfs+json"}

    def lfs_put(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "the content has another SHA-256")
        self.hub.blobs[oid] = self.body
        return {}

    def commit(self, kind, name, revision):
        repo = self._repo(kind, name)
        before = repo.at(revision)
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, before.sha):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(before.files)
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                files[value["path"]] = File(self.hub.blobs[value["oid"]], is_large=True)
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        url = f"{self.hub.url}/{PREFIX[repo.kind]}{name}"
        if self.query.get("create_pr"):
            ref, sha = repo.open_pull_request(files, before.sha, header["summary"])
            pull_request = f"{url}/discussions/{ref.rpartition('/')[2]}"
        else:
            sha, pull_request = repo.add(revision, files, before.sha), None
        return {"commitOid": sha, "commitUrl": f"{url}/commit/{sha}", "pullRequestUrl": pull_request}

    # Reading

    def tree(self, kind, name, revision, path=""):
        entries = self._repo(kind, name).at(revision).entries()
        prefix = f"{path}/" if path else ""
        within = [entry for entry in entries if entry["path"].startswith(prefix)]
        if not within:
            raise missing("EntryNotFound", f"{path} does not exist")
        is_deep = self.query.get("recursive", "").lower() in ("true", "1")
        return [entry for entry in within if is_deep or "/" not in entry["path"][len(prefix) :]]

    def resolve(self, name, revision, path, kind=""):
        commit = self._repo(kind, name).at(revision)
        file = commit.files.get(path)
        if file is None:
            raise HubError(404, "Entry not found", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.sha})
        tag, size = f'"{file.oid}"', str(len(file.content))
        return file.content, {"X-Repo-Commit": commit.sha, "ETag": tag, "X-Linked-Etag": tag, "X-Linked-Size": size}


NAME = r"(?P<name>[^/]+/[^/]+)"
API = rf"/api/(?P<kind>models|datasets|spaces)/{NAME}"
FILES = rf"/(?P<kind>datasets/|spaces/)?{NAME}"
REVISION = r"(?P<revision>[^/]+|refs/pr/\d+)"
ROUTES = (  # methods, whether they need a token, path, what answers
    (("GET",), True, r"/api/whoami-v2", Handler.whoami),
    (("POST",), True, r"/api/repos/create", Handler.create),
    (("POST",), False, r"/api/validate-yaml", Handler.validate_yaml),
    (("GET",), False, f"{API}/discussions", Handler.discussions),
    (("POST",), True, rf"{API}/branch/(?P<branch>.+)", Handler.branch),
    (("POST",), True, f"{API}/preupload/{REVISION}", Handler.preupload),
    (("POST",), True, f"{API}/commit/{REVISION}", Handler.commit),
    (("POST",), True, rf"{FILES}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    (("PUT",), False, r"/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_put),
    (("GET",), False, rf"{API}/tree/{REVISION}(?:/(?P<path>.*))?", Handler.tree),
    (("GET",), False, f"{API}(?:/revision/{REVISION})?", Handler.info),
    (("GET", "HEAD"), False, rf"{FILES}/resolve/{REVISION}/(?P<path>.+)", Handler.resolve),
)
