"""A small Hub: as much of the real one's HTTP interface as huggingface_hub, transformers and datasets use here.

It keeps everything in memory, knows two tokens, and can be told to fail. Standard library only.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

WRITER, READER = "hf_writer", "hf_reader"  # tokens; the second may only read
LFS_SUFFIXES = (".safetensors", ".parquet", ".bin", ".png", ".jpg")


@dataclass
class Repo:
    kind: str  # model, dataset or space
    name: str
    private: bool = False
    sdk: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)  # oldest first: id, files

    def commit(self, files: dict[str, bytes]) -> str:
        commit_id = hashlib.sha1(f"{self.kind}{self.name}{len(self.commits)}".encode()).hexdigest()
        self.commits.append((commit_id, files))
        return commit_id

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((c for c in self.commits if c[0] == revision), None)

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][1]


class HubServer:
    """`with HubServer() as hub:` serves at `hub.url` from a thread."""

    def __init__(self):
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}  # uploaded LFS files by sha256
        self.drop_commits = False  # hang up instead of answering a commit
        self.cut_downloads = False  # send half of each LFS file, then hang up
        self.refusal: tuple[int, str] | None = None  # answer a commit with this status and these words
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "HubServer":
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self._http.shutdown()
        self._http.server_close()

    def repo(self, name: str, kind: str = "model") -> Repo:
        return self.repos[kind, name]

    def add(self, name: str, files: dict[str, bytes], kind: str = "model", private: bool = False) -> Repo:
        repo = self.repos[kind, name] = Repo(kind, name, private)
        repo.commit(files)
        return repo


class _Failure(Exception):
    def __init__(self, status: int, code: str = "", message: str = ""):
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args) -> None:
        pass

    def _dispatch(self) -> None:
        url = urlsplit(self.path)
        self.query = parse_qs(url.query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.token = token or None
        try:
            if token not in ("", WRITER, READER):
                raise _Failure(401, message="Invalid credentials in Authorization header")
            for methods, pattern, action in _ROUTES:
                if self.command in methods and (match := re.fullmatch(pattern, url.path)):
                    return action(self, **{k: v and unquote(v) for k, v in match.groupdict().items()})
            raise _Failure(404, "RepoNotFound", f"no route for {self.command} {url.path}")
        except _Failure as failure:
            extra = {"X-Error-Code": failure.code} if failure.code else {}
            extra |= {"X-Error-Message": failure.message} if failure.message else {}
            self._send(json.dumps({"error": failure.message or failure.code}).encode(), failure.status, extra)

    do_GET = do_HEAD = do_POST = do_PUT = _dispatch

    # -- what is asked -------------------------------------------------------------------------------------------

    def whoami(self):
        if self.token is None:
            raise _Failure(401, message="Invalid username or password.")
        self._json({"type": "user", "name": "someone", "orgs": [{"name": "org"}]})

    def create(self):
        self._must_write()
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'someone'}/{asked['name']}"
        key = asked.get("type") or "model", name
        url = f"{self.hub.url}/{_prefix(key[0])}{name}"
        if key in self.hub.repos:
            return self._json({"url": url, "error": "You already created this repo"}, 409)
        self.hub.repos[key] = Repo(*key, private=asked.get("visibility") == "private", sdk=asked.get("sdk"))
        self.hub.repos[key].commit({".gitattributes": b""})
        return self._json({"url": url})

    def validate_yaml(self):
        self._json({"errors": [], "warnings": []})

    def variable(self, name):
        self._must_write()
        asked = json.loads(self.body)
        repo = self._repo("space", name)
        repo.variables[asked["key"]] = asked["value"]
        self._json({key: {"key": key, "value": value} for key, value in repo.variables.items()})

    def preupload(self, kind, name, revision):
        self._must_write()
        self._repo(kind, name)
        files = [file["path"] for file in json.loads(self.body)["files"]]
        modes = {path: "lfs" if path.endswith(LFS_SUFFIXES) else "regular" for path in files}
        self._json(
            {"files": [{"path": p, "uploadMode": m, "shouldIgnore": False, "oid": None} for p, m in modes.items()]}
        )

    def lfs_batch(self, name, kind=None):
        self._must_write()
        objects = [
            {**asked, "actions": {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}", "header": {}}}}
            for asked in json.loads(self.body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid):
        self.hub.objects[oid] = self.body
        self._json({})

    def commit(self, kind, name, revision):
        self._must_write()
        if self.hub.drop_commits:
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if self.hub.refusal is not None:
            status, words = self.hub.refusal
            raise _Failure(status, message=words)
        repo = self._repo(kind, name)
        files = dict(repo.files)
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
            elif item["key"] == "deletedFile":
                del files[value["path"]]
        oid = repo.commit(files)
        return self._json({"commitOid": oid, "commitUrl": f"{self.hub.url}/{_prefix(kind)}{name}/commit/{oid}"})

    def info(self, kind, name, revision=None):
        repo = self._repo(kind, name)
        commit_id, files = self._at(repo, revision or "main")
        siblings = [{"rfilename": path} for path in files]
        self._json({"id": name, "sha": commit_id, "private": repo.private, "tags": [], "siblings": siblings})

    def tree(self, kind, name, revision, folder=None):
        _, files = self._at(self._repo(kind, name), revision)
        inside = {path: data for path, data in files.items() if folder is None or path.startswith(f"{folder}/")}
        if folder is not None and not inside:
            raise _Failure(404, "EntryNotFound", f"{folder} does not exist")
        depth = folder.count("/") + 1 if folder else 0
        if self.query.get("recursive", ["false"])[0].lower() == "true":
            entries = [_tree_entry(path, data) for path, data in inside.items()]
        else:
            entries = [_tree_entry(path, data) for path, data in inside.items() if path.count("/") == depth]
            folders = {"/".join(path.split("/")[: depth + 1]) for path in inside if path.count("/") > depth}
            entries += [{"type": "directory", "path": path, "oid": _git_oid(path.encode())} for path in sorted(folders)]
        self._json(entries)

    def paths_info(self, kind, name, revision):
        _, files = self._at(self._repo(kind, name), revision)
        asked = json.loads(self.body)["paths"] if self.body[:1] == b"{" else parse_qs(self.body.decode())["paths"]
        self._json([_tree_entry(path, files[path]) for path in asked if path in files])

    def history(self, kind, name, revision):
        repo = self._repo(kind, name)
        self._at(repo, revision)
        commits = [
            {"id": c, "title": "", "message": "", "authors": [], "date": "2024-01-01T00:00:00.000Z"}
            for c, _ in repo.commits
        ]
        self._json(commits[::-1])

    def refs(self, kind, name):
        branch = {"name": "main", "ref": "refs/heads/main", "targetCommit": self._repo(kind, name).commits[-1][0]}
        self._json({"branches": [branch], "converts": [], "tags": []})

    def resolve(self, name, revision, path, prefix=None):
        commit_id, files = self._at(
            self._repo({"datasets": "dataset", "spaces": "space"}.get(prefix, "model"), name), revision
        )
        if path not in files:
            raise _Failure(404, "EntryNotFound", f"{path} does not exist")
        data = files[path]
        headers = {"X-Repo-Commit": commit_id, "ETag": f'"{_git_oid(data)}"', "Accept-Ranges": "bytes"}
        if is_lfs := path.endswith(LFS_SUFFIXES):
            headers |= {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        status = 200
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, end = int(match[1]), int(match[2] or len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data, status = data[start : end + 1], 206
        self._send(data, status, headers, cut=self.hub.cut_downloads and is_lfs and self.command == "GET")

    # -- how it is answered --------------------------------------------------------------------------------------

    def _must_write(self) -> None:
        if self.token is None:
            raise _Failure(401, message="Invalid username or password.")
        if self.token == READER:
            raise _Failure(403, message="you must use a write token")

    def _repo(self, kind: str, name: str) -> Repo:
        repo = self.hub.repos.get((kind, name))
        if repo is None or (repo.private and self.token is None):
            raise _Failure(404 if self.token else 401, "RepoNotFound", "Repository not found")  # as the real one does
        return repo

    def _at(self, repo: Repo, revision: str) -> tuple[str, dict[str, bytes]]:
        found = repo.at(revision)
        if found is None:
            raise _Failure(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    def _json(self, value, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    def _send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None, cut: bool = False) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.close_connection = True


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _tree_entry(path: str, data: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(data), "oid": _git_oid(data)}
    if path.endswith(LFS_SUFFIXES):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry


def _prefix(kind: str) -> str:
    return "" if kind == "model" else f"{kind}s/"


_REPO = r"/api/(?P<kind>model|dataset|space)s/(?P<name>[^/]+/[^/]+)"
_ROUTES = [
    (("GET",), r"/api/whoami-v2", _Handler.whoami),
    (("POST",), r"/api/repos/create", _Handler.create),
    (("POST",), r"/api/validate-yaml", _Handler.validate_yaml),
    (("POST",), r"/api/spaces/(?P<name>[^/]+/[^/]+)/variables", _Handler.variable),
    (("POST",), _REPO + r"/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    (("POST",), _REPO + r"/commit/(?P<revision>[^/]+)", _Handler.commit),
    (("POST",), _REPO + r"/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    (("GET",), _REPO + r"/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?", _Handler.tree),
    (("GET",), _REPO + r"/commits/(?P<revision>[^/]+)", _Handler.history),
    (("GET",), _REPO + r"/refs", _Handler.refs),
    (("GET", "HEAD"), _REPO + r"(/revision/(?P<revision>[^/]+))?", _Handler.info),
    (("POST",), r"/((?P<kind>dataset|space)s/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    (("PUT",), r"/lfs/(?P<oid>\w+)", _Handler.lfs_put),
    (
        ("GET", "HEAD"),
        r"/((?P<prefix>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
        _Handler.resolve,
    ),
]
