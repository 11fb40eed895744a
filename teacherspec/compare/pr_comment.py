"""One comment on a pull request, created or updated: it is found by a mark in its text."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from teacherspec.errors import UserError

MARK = "<!-- teacherspec diff -->"
MAX_LENGTH = 65_000
"""Characters of a comment: the service refuses 65,536."""

PER_PAGE = 100
SECONDS = 30

Outcome = Literal["created", "updated", "unchanged", "not allowed"]


@dataclass(frozen=True)
class PullRequest:
    """The pull request that gets the comment.

    Attributes:
        api: of the service, without a slash at the end.
        repository: `owner/name`.
        number: of the pull request.
        token: with permission to write comments.
    """

    api: str
    repository: str
    number: int
    token: str


def put_comment(pull_request: PullRequest, text: str) -> Outcome:
    """Create the comment, or replace the text of an existing one.

    A token without permission to write (that of a pull request from a fork) is not an error: the summary of
    the workflow shows the same text.

    Raises:
        UserError: the service does not answer, or its answer is not the documented one.
    """
    body = fitting(f"{MARK}\n{text}")
    issues = f"/repos/{pull_request.repository}/issues"
    try:
        for comment in _comments(pull_request, f"{issues}/{pull_request.number}/comments"):
            if str(comment.get("body") or "").startswith(MARK):
                if comment["body"] == body:
                    return "unchanged"
                _request(pull_request, "PATCH", f"{issues}/comments/{int(comment['id'])}", {"body": body})
                return "updated"
        _request(pull_request, "POST", f"{issues}/{pull_request.number}/comments", {"body": body})
    except HTTPError as error:
        if error.code in {401, 403}:
            return "not allowed"
        raise UserError(f"{pull_request.api}: answered {error.code} {error.reason}") from error
    except (URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{pull_request.api}: does not answer, or not as documented: {error}") from error
    return "created"


def fitting(text: str) -> str:
    """Text that is short enough for the service: its first sections, and a note where some are left out."""
    if len(text) <= MAX_LENGTH:
        return text
    note = "\n\n*Cut here: too long for a comment. The summary of the workflow shows all of it.*\n"
    head = text[: MAX_LENGTH - len(note)]
    section = head.rfind("\n## ", MAX_LENGTH // 2)
    return head[: section if section >= 0 else head.rfind("\n")] + note


def _comments(pull_request: PullRequest, path: str) -> Iterator[Mapping[str, Any]]:
    page = 1
    while True:
        found = _request(pull_request, "GET", f"{path}?per_page={PER_PAGE}&page={page}", None)
        if not isinstance(found, list):
            raise TypeError("a list of comments was expected")
        yield from found
        if len(found) < PER_PAGE:
            return
        page += 1


def _request(pull_request: PullRequest, method: str, path: str, content: Mapping[str, str] | None) -> Any:
    if urlsplit(pull_request.api).scheme not in {"http", "https"}:
        raise ValueError(f"{pull_request.api}: expected http or https")
    request = Request(  # noqa: S310 - the scheme is checked above
        f"{pull_request.api}{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {pull_request.token}",
            "Content-Type": "application/json",
            "User-Agent": "teacherspec",
        },
    )
    with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        return json.loads(response.read() or b"null")
