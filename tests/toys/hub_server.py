"""The few answers of the Hugging Face hub that an upload needs, on this machine."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub(ThreadingHTTPServer):
    """Keeps what was committed: `files` of the one repository, `created` as it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.refuse = False
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name of the base class
        """Keep quiet."""

    def do_GET(self) -> None:
        if "/tree/" in self.path:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.server.files.items()
            ]
            return self.answer(entries)
        siblings = [{"rfilename": name} for name in self.server.files]
        return self.answer(
            {"_id": "1", "id": "owner/teacher", "sha": "1" * 40, "siblings": siblings, "private": True}
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.server.refuse and "/preupload/" in self.path:
            return self.answer({"error": "no right to write"}, 403)
        if self.path.endswith("/validate-yaml"):
            return self.answer({"errors": [], "warnings": []})
        if self.path.endswith("/repos/create"):
            self.server.created.append(json.loads(body))
            return self.answer({"url": f"{self.server.address}/owner/teacher", "id": "owner/teacher"})
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
            return self.answer({"files": files})
        if "/commit/" in self.path:
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                if line["key"] == "deletedFile":
                    del self.server.files[line["value"]["path"]]
            url = f"{self.server.address}/owner/teacher/commit/{'2' * 40}"
            return self.answer({"commitUrl": url, "commitOid": "2" * 40})
        return self.answer({"error": self.path}, 404)

    def answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
