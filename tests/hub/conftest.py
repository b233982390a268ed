import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import semore_gym


@pytest.fixture(scope="session")
def driving_env():
    """Makes a small driving environment; all are closed at the end."""
    made = []

    def make(size: int = 48, **kwargs):
        made.append(semore_gym.make_env("SemoreCarla-HighWay-v0", image_size=size, max_ticks=40, **kwargs))
        return made[-1]

    yield make
    for env in made:
        env.close()


class Hub(BaseHTTPRequestHandler):
    """What the hub's client asks of a hub to make a repository, commit small files and download them."""

    repositories: dict[str, dict[str, bytes]]
    created: list[dict]
    token = "hf_of_the_user"
    commit = "c" * 40

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self.answer(401, {"error": "Invalid username or password."})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.created.append(asked)
            status = 409 if name in self.repositories else 200
            self.repositories.setdefault(name, {})
            return self.answer(status, {"url": f"{self.address}/{name}"})
        if self.path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        name, action = self.path.removeprefix("/api/models/").split("/main")[0].rsplit("/", 1)
        if action == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        assert action == "commit", self.path
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                content = base64.b64decode(line["value"]["content"])
                self.repositories[name][line["value"]["path"]] = content
        url = f"{self.address}/{name}/commit/{self.commit}"
        return self.answer(200, {"commitUrl": url, "commitOid": self.commit})

    def do_GET(self):
        if self.path.startswith("/api/models/"):
            name = self.path.removeprefix("/api/models/")
            if name not in self.repositories:
                return self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            return self.answer(200, {"id": name, "siblings": []})
        name, resolve, rest = self.path[1:].partition("/resolve/")
        if not resolve:  # the client's telemetry
            return self.answer(404, {"error": "not here"})
        if name not in self.repositories:
            return self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return self.answer(200, self.repositories[name][rest.partition("/")[2]])

    do_HEAD = do_GET  # noqa: N815

    @property
    def address(self) -> str:
        return "http://{}:{}".format(*self.server.server_address)

    def answer(self, status, content, headers=None):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        headers = {"ETag": f'"{hash(content)}"', "X-Repo-Commit": self.commit, **(headers or {})}
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub():
    """A hub on this machine; the class tells its address, token, repositories and what was created."""
    handler = type("Handler", (Hub,), {"repositories": {}, "created": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()
