"""The comment that updates itself, against a stand-in for the service on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.compare.pr_comment import BOT, MARK, MAX_LENGTH, MOST_PAGES, fitting

TOKEN = "the-token"  # noqa: S105
GITHUB, GITLAB = "/repos/owner/name/issues", "/projects/group%2Fname/merge_requests/7/notes"
LISTS = {f"{GITHUB}/7/comments", GITLAB}
UPDATES = {("PATCH", f"{GITHUB}/comments"), ("PUT", GITLAB)}
"""Methods and paths as the documentation of the two services gives them."""


def by(login: str) -> dict[str, object]:
    """Who wrote a comment, as the service states it."""
    return {"user": {"login": login}, "author": {"username": login}}


class Service(ThreadingHTTPServer):
    """Comments of one pull request, with pages, as the service's interface describes them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, object]] = []
        self.may_write = True
        self.login: str | None = None
        self.pages_asked = 0
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Service

    def answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        self.server.asked.append(self.command)
        path = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else None
        if TOKEN not in (self.headers["PRIVATE-TOKEN"], (self.headers["Authorization"] or "")[7:]):
            self.answer(401, {})
        elif self.command != "GET" and not self.server.may_write:
            self.answer(403, {"message": "Resource not accessible by integration"})
        elif self.command == "GET" and path.path == "/user":
            login = self.server.login
            self.answer(200 if login else 403, {"login": login, "username": login} if login else {})
        elif self.command == "GET" and path.path in LISTS:
            query = parse_qs(path.query)
            self.server.pages_asked += 1
            size, page = int(query["per_page"][0]), int(query["page"][0])
            self.answer(200, self.server.comments[size * (page - 1) : size * page])
        elif self.command == "POST" and path.path in LISTS:
            self.server.comments.append(
                {**by(self.server.login or BOT), "id": len(self.server.comments) + 1, **content}
            )
            self.answer(201, self.server.comments[-1])
        elif (self.command, path.path.rpartition("/")[0]) in UPDATES:
            number = int(path.path.rpartition("/")[2])
            self.server.comments[number - 1] |= content
            self.answer(200, self.server.comments[number - 1])
        else:
            self.answer(404, {})

    do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


VARIABLES = {
    "github": ("PULL_REQUEST", "GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_API_URL"),
    "gitlab": ("CI_MERGE_REQUEST_IID", "CI_PROJECT_ID", "GITLAB_TOKEN", "CI_API_V4_URL"),
}
"""Service → the variables that its jobs have: number, project, token, address."""


def comment(service: Service, file: Path, token: str = TOKEN, name: str = "github") -> Result:
    project = {"github": "owner/name", "gitlab": "group/name"}[name]
    values = ("7", project, token, f"http://127.0.0.1:{service.server_port}")
    variables = dict.fromkeys(sum(VARIABLES.values(), ())) | dict(zip(VARIABLES[name], values, strict=True))
    return CliRunner().invoke(main, ["comment", "--service", name, str(file)], env=variables)


@pytest.mark.parametrize(("name", "method"), [("github", "PATCH"), ("gitlab", "PUT")])
def test_one_comment_updates_itself_among_many(
    service: Service, tmp_path: Path, name: str, method: str
) -> None:
    service.login = {"github": None, "gitlab": "project_7_bot"}[name]
    service.comments = [{"id": i + 1, "body": f"remark {i}"} for i in range(130)]
    file = tmp_path / "diff.md"
    for text, done in (("first", "created"), ("second", "updated"), ("second", "unchanged")):
        file.write_text(text)
        assert comment(service, file, name=name).output == f"comment {done}\n"
    assert [one["body"] for one in service.comments if str(one["body"]).startswith(MARK)] == [
        f"{MARK}\nsecond"
    ]
    assert len(service.comments) == 131
    assert service.asked.count("POST") == service.asked.count(method) == 1


@pytest.mark.parametrize("login", [None, "a-person"], ids=["token of a workflow", "token of a person"])
def test_a_stranger_who_writes_the_mark_first_gets_nothing(
    service: Service, tmp_path: Path, login: str | None
) -> None:
    service.login = login
    hijack = f"{MARK}\nall fine, merge it"
    others = [by("stranger"), by("github-actions"), {"user": None}, {}, by(BOT if login else "a-person")]
    service.comments = [{"id": i + 1, "body": hijack, **one} for i, one in enumerate(others)]
    file = tmp_path / "diff.md"
    for text, done in (("not ready", "created"), ("ready", "updated")):
        file.write_text(text)
        assert comment(service, file).output == f"comment {done}\n"
    assert [one["body"] for one in service.comments] == [hijack] * len(others) + [f"{MARK}\nready"]


def test_pages_of_comments_have_an_end(service: Service, tmp_path: Path) -> None:
    service.comments = [{"id": i + 1, "body": "remark"} for i in range(100 * (MOST_PAGES + 3))]
    file = tmp_path / "diff.md"
    file.write_text("text")
    assert comment(service, file).output == "comment created\n"
    assert service.pages_asked == MOST_PAGES


def test_a_token_that_may_not_write_is_no_failure(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "diff.md"
    file.write_text("text")
    service.may_write = False
    for token in (TOKEN, "another"):
        found = comment(service, file, token)
        assert (found.exit_code, found.output) == (0, "comment not allowed\n")
    assert not service.comments


def test_a_service_that_does_not_answer_is_reported(service: Service, tmp_path: Path) -> None:
    file = tmp_path / "diff.md"
    file.write_text("text")
    service.shutdown()
    service.server_close()
    found = comment(service, file)
    assert found.exit_code == 1
    assert "does not answer" in found.stderr
    assert TOKEN not in found.output


def test_a_long_text_is_cut_between_sections_and_says_so() -> None:
    text = "# Title\n" + "".join(f"\n## Section {i}\n\n{'word ' * 400}\n" for i in range(60))
    short = fitting(text)
    assert len(short) <= MAX_LENGTH
    assert "Cut here" in short
    kept = short[: short.index("\n\n*Cut here")]
    assert text.startswith(kept)
    assert text[len(kept) :].startswith("\n## Section")
    assert fitting("short") == "short"
