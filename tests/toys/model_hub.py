"""The few answers of the Hugging Face hub that fetching a repository needs, on this machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class ModelHub(BaseHTTPRequestHandler):
    """The three answers that fetching a snapshot needs: the tree, a file's headers, a file."""

    files: Path
    fetched: list[str]

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/a/b/tree/{COMMIT}"):
            entries = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": self.oid(path)}
                for path in sorted(self.files.iterdir())
            ]
            self.answer(json.dumps(entries).encode(), {"Content-Type": "application/json"})
        elif self.path.startswith(f"/a/b/resolve/{COMMIT}/"):
            self.fetched.append(self.path.rsplit("/", 1)[-1])
            path = self.files / self.path.rsplit("/", 1)[-1]
            self.answer(path.read_bytes(), {"ETag": f'"{self.oid(path)}"', "X-Repo-Commit": COMMIT})
        else:
            self.send_error(404)

    def oid(self, path: Path) -> str:
        return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()

    def answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def model_hub(served: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Serve a folder as the repository `a/b` at `COMMIT`; yields the paths that were fetched."""
    from huggingface_hub import constants

    fetched: list[str] = []
    attributes = {"files": served, "fetched": fetched}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Served", (ModelHub,), attributes))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield fetched
    server.shutdown()
    server.server_close()
    thread.join()
