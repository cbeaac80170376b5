"""The HTTP of the Hub, as huggingface_hub, datasets, transformers and evaluate speak it, for local_hub.py."""

import base64
import hashlib
import json
import re
import urllib.parse

from local_hub import PREFIX, USER, File, HubError, Repo, front_matter, is_ignored
from local_hub_http import Connection

LARGE = re.compile(r".*\.(safetensors|parquet|arrow|bin|pt|zip|gz|png)")
LARGE_BYTES = 10 * 2**20


class Handler(Connection):
    def _answer(self, path: str):
        given = self.headers.get("Authorization")
        if given and given != f"Bearer {self.hub.token}":
            raise HubError(401, "Invalid username or password.")
        for methods, needs_token, pattern, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and self.command in methods:
                if needs_token and not given:
                    raise HubError(401, "Invalid username or password.")
                parts = {k: urllib.parse.unquote(v) for k, v in found.groupdict().items() if v is not None}
                with self.hub.lock:
                    body, *headers = answer(self, **parts) if parts else answer(self)
                status = headers[0].pop("status", 200) if headers else 200
                return status, body, headers[0] if headers else {}
        raise HubError(404, f"no such route: {self.command} {path}")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repo(kind.removesuffix("/").removesuffix("s") or "model", name)
        if repo.private and not self.headers.get("Authorization"):
            raise HubError(401, "Repository not found", "RepoNotFound")
        if self.command not in ("GET", "HEAD") and not name.startswith(f"{USER}/") and "create_pr" not in self.query:
            raise HubError(403, "Forbidden: you have no rights on this repository")
        return repo

    # Accounts and repositories

    def whoami(self):
        token = {"displayName": "local", "role": "write"}
        return ({"type": "user", "name": USER, "orgs": [], "auth": {"type": "access_token", "accessToken": token}},)

    def create(self):
        asked = json.loads(self.body)
        name, kind = f"{asked.get('organization') or USER}/{asked['name']}", asked.get("type") or "model"
        answer = {"url": f"{self.hub.url}/{PREFIX[kind]}{name}", "name": name, "id": name}
        if (kind, name) in self.hub.repos:
            return {**answer, "error": "You already created this repo"}, {"status": 409}
        if not name.startswith(f"{USER}/"):
            raise HubError(403, f"You don't have the rights to create a {kind} under this namespace")
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.repos[kind, name] = Repo(kind, name, private=private, sdk=asked.get("sdk"))
        return (answer,)

    def validate_yaml(self):
        try:
            front_matter(json.loads(self.body)["content"])
        except ValueError as error:
            return {"errors": [{"message": str(error)}], "warnings": []}, {"status": 400}
        return ({"errors": [], "warnings": []},)

    def info(self, kind, name, revision="main"):
        repo = self._repo(kind, name)
        commit = repo.at(revision)
        card = repo.card(commit.files)
        found = [e for e in commit.entries() if e["type"] == "file"]
        siblings = [{"rfilename": e["path"]} for e in found]
        if "blobs" in self.query:
            siblings = [{**e, "rfilename": e["path"], "blobId": e["oid"]} for e in found]
        about = {"id": name, "sha": commit.sha, "private": repo.private, "siblings": siblings, "cardData": card}
        config = json.loads(commit.files["config.json"].content) if "config.json" in commit.files else None
        known = {"tags": card.get("tags") or [], "config": config, "sdk": repo.sdk, "lastModified": commit.date}
        more = {
            "author": USER,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "createdAt": commit.date,
        }
        return ({**about, **known, **more, "pipeline_tag": card.get("pipeline_tag")},)

    def discussions(self, kind, name):
        repo = self._repo(kind, name)
        about = {"author": {"name": USER}, "createdAt": "2026-01-01T00:00:00.000Z", "isPullRequest": True}
        found = [{**pr, **about, "repo": {"name": name, "type": repo.kind}} for pr in repo.pull_requests]
        if self.query.get("author", USER) != USER:
            found = []
        return ({"discussions": found, "count": len(found), "start": 0},)

    def branch(self, kind, name, branch):
        repo = self._repo(kind, name)
        if branch in repo.refs:
            raise HubError(409, "Reference already exists")
        asked = json.loads(self.body or b"{}")
        repo.refs[branch] = repo.at(asked.get("startingPoint") or "main").sha
        return ({},)

    # Writing

    def preupload(self, kind, name, revision):
        files = self._repo(kind, name).at(revision).files
        given = json.loads(self.body)
        there = files[".gitignore"].content.decode() if ".gitignore" in files else ""
        ignored = given.get("gitIgnore", there)
        answer = []
        for asked in given["files"]:
            path, there = asked["path"], files.get(asked["path"])
            large = LARGE.fullmatch(path) or asked["size"] > LARGE_BYTES or b"\0" in base64.b64decode(asked["sample"])
            oid = (there.lfs or there.oid) if there else None
            mode = "lfs" if large else "regular"
            ignore = is_ignored(path, ignored)
            answer.append({"path": path, "uploadMode": mode, "shouldIgnore": ignore, "oid": oid})
        return ({"files": answer},)

    def lfs_batch(self, name, kind=""):
        self._repo(kind, name)
        answer = []
        for asked in json.loads(self.body)["objects"]:
            here = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.blobs:
                href = f"{self.hub.url}/lfs/{asked['oid']}"
                here["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            answer.append(here)
        return {"transfer": "basic", "objects": answer}, {"Content-Type": "application/vnd.git-lfs+json"}

    def lfs_put(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "the content has another SHA-256")
        self.hub.blobs[oid] = self.body
        self.hub.blobs_stored.append(oid)
        return ({},)

    def lfs_verify(self, oid):
        asked = json.loads(self.body)
        if asked["oid"] != oid or len(self.hub.blobs.get(oid, b"")) != asked["size"]:
            raise HubError(404, "no such object of this size")
        return ({},)

    def commit(self, kind, name, revision):
        repo = self._repo(kind, name)
        before = repo.at(revision)
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, before.sha):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(before.files)
        for line in lines:
            self._change(files, line["key"], line["value"])
        if self.query.get("create_pr"):
            ref, sha = repo.open_pull_request(files, before.sha, header["summary"])
        elif revision in repo.refs:
            ref, sha = revision, repo.add(revision, files, before.sha, header["summary"])
        else:
            raise HubError(404, "not a branch", "RevisionNotFound")
        url = f"{self.hub.url}/{PREFIX[repo.kind]}{name}"
        pull_request = f"{url}/discussions/{ref.rpartition('/')[2]}" if self.query.get("create_pr") else None
        answer = {"success": True, "commitOid": sha, "commitUrl": f"{url}/commit/{sha}", "pullRequestUrl": pull_request}
        return ({**answer, "hookOutput": ""},)

    def _change(self, files: dict[str, File], key: str, value) -> None:
        if key == "file":
            files[value["path"]] = File(base64.b64decode(value["content"]), None)
        elif key == "lfsFile":
            if value["oid"] not in self.hub.blobs:
                raise HubError(400, f"LFS object {value['oid']} was not uploaded")
            files[value["path"]] = File(self.hub.blobs[value["oid"]], value["oid"])
        elif key == "deletedFile" and files.pop(value["path"], None) is None:
            raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")

    # Reading

    def tree(self, kind, name, revision, path=""):
        commit = self._repo(kind, name).at(revision)
        inside = f"{path.strip('/')}/" if path.strip("/") else ""
        if inside and not any(p.startswith(inside) for p in commit.files):
            raise HubError(404, f"{path} does not exist", "EntryNotFound")
        deep = self.query.get("recursive", "").lower() in ("true", "1")
        within = [e for e in commit.entries() if e["path"].startswith(inside)]
        return [e for e in within if deep or "/" not in e["path"][len(inside) :]], {"X-Repo-Commit": commit.sha}

    def paths_info(self, kind, name, revision):
        asked = {value for key, value in urllib.parse.parse_qsl(self.body.decode()) if key == "paths"}
        if "json" in self.headers.get("Content-Type", ""):
            asked = set(json.loads(self.body)["paths"])
        return ([e for e in self._repo(kind, name).at(revision).entries() if e["path"] in asked],)

    def refs(self, kind, name):
        repo = self._repo(kind, name)
        heads = [r for r in repo.refs if not r.startswith("refs/")]
        branches = [{"name": r, "ref": f"refs/heads/{r}", "targetCommit": repo.refs[r]} for r in heads]
        pulls = [r for r in repo.refs if r.startswith("refs/pr/")]
        requests = [{"name": r.removeprefix("refs/"), "ref": r, "targetCommit": repo.refs[r]} for r in pulls]
        return ({"branches": branches, "converts": [], "tags": [], "pullRequests": requests},)

    def resolve(self, name, revision, path, kind=""):
        commit = self._repo(kind, name).at(revision)
        file = commit.files.get(path)
        if file is None:
            raise HubError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.sha})
        tag = f'"{file.lfs or file.oid}"'
        size = len(file.content)
        headers = {"X-Repo-Commit": commit.sha, "ETag": tag, "X-Linked-Etag": tag, "X-Linked-Size": str(size)}
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if part and self.command == "GET":
            start, end = int(part[1]), min(int(part[2] or size - 1), size - 1)
            headers |= {"Content-Range": f"bytes {start}-{end}/{size}", "status": 206}
            return file.content[start : end + 1], headers
        return file.content, headers


NAME = r"(?P<name>[^/]+/[^/]+)"
API = rf"/api/(?P<kind>models|datasets|spaces)/{NAME}"
REVISION = r"(?P<revision>[^/]+|refs/pr/\d+)"
ROUTES = (  # methods, whether they want a token, path, what answers
    (("GET",), True, r"/api/whoami-v2", Handler.whoami),
    (("POST",), True, r"/api/repos/create", Handler.create),
    (("POST",), False, r"/api/validate-yaml", Handler.validate_yaml),
    (("GET",), False, f"{API}/discussions", Handler.discussions),
    (("POST",), True, rf"{API}/branch/(?P<branch>.+)", Handler.branch),
    (("POST",), True, f"{API}/preupload/{REVISION}", Handler.preupload),
    (("POST",), True, f"{API}/commit/{REVISION}", Handler.commit),
    (("POST",), True, rf"/(?P<kind>datasets/|spaces/)?{NAME}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    (("PUT",), False, r"/lfs/(?P<oid>[0-9a-f]{64})", Handler.lfs_put),
    (("POST",), True, r"/lfs/(?P<oid>[0-9a-f]{64})/verify", Handler.lfs_verify),
    (("GET",), False, rf"{API}/tree/{REVISION}(?:/(?P<path>.*))?", Handler.tree),
    (("POST",), False, f"{API}/paths-info/{REVISION}", Handler.paths_info),
    (("GET",), False, f"{API}/refs", Handler.refs),
    (("GET",), False, f"{API}/revision/{REVISION}", Handler.info),
    (("GET",), False, API, Handler.info),
    (
        ("GET", "HEAD"),
        False,
        rf"/(?P<kind>datasets/|spaces/)?{NAME}/resolve/{REVISION}/(?P<path>.+)",
        Handler.resolve,
    ),
)
