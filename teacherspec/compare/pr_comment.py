"""One comment on a pull request that updates itself: found by a mark in its text, replaced or made."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from teacherspec.errors import UserError

MARK = "<!-- teacherspec diff -->"
LONGEST = 65_000
"""Signs of a comment: the service refuses 65,536."""

PER_PAGE = 100
SECONDS = 30

Done = Literal["created", "updated", "unchanged", "not allowed"]


@dataclass(frozen=True)
class Place:
    """Where the comment belongs.

    Attributes:
        api: of the service, without a slash at the end.
        repository: `owner/name`.
        number: of the pull request.
        token: that may write there.
    """

    api: str
    repository: str
    number: int
    token: str


def put_comment(place: Place, text: str) -> Done:
    """Make the comment, or replace the text of the one that is there.

    A token that may not write (that of a pull request from a fork) is no failure: the summary of the
    workflow shows the same text.

    Raises:
        UserError: the service does not answer, or not as agreed.
    """
    body = fitting(f"{MARK}\n{text}")
    issues = f"/repos/{place.repository}/issues"
    try:
        for comment in _comments(place, f"{issues}/{place.number}/comments"):
            if str(comment.get("body") or "").startswith(MARK):
                if comment["body"] == body:
                    return "unchanged"
                _ask(place, "PATCH", f"{issues}/comments/{int(comment['id'])}", {"body": body})
                return "updated"
        _ask(place, "POST", f"{issues}/{place.number}/comments", {"body": body})
    except HTTPError as error:
        if error.code in {401, 403}:
            return "not allowed"
        raise UserError(f"{place.api}: answered {error.code} {error.reason}") from error
    except (URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{place.api}: does not answer as agreed: {error}") from error
    return "created"


def fitting(text: str) -> str:
    """Text that the service takes: whole sections from the start, and word of what was left out."""
    if len(text) <= LONGEST:
        return text
    note = "\n\n*Cut here: too long for a comment. The summary of the workflow shows all of it.*\n"
    head = text[: LONGEST - len(note)]
    section = head.rfind("\n## ", LONGEST // 2)
    return head[: section if section >= 0 else head.rfind("\n")] + note


def _comments(place: Place, path: str) -> Iterator[Mapping[str, Any]]:
    page = 1
    while True:
        found = _ask(place, "GET", f"{path}?per_page={PER_PAGE}&page={page}", None)
        if not isinstance(found, list):
            raise TypeError("a list of comments was expected")
        yield from found
        if len(found) < PER_PAGE:
            return
        page += 1


def _ask(place: Place, method: str, path: str, content: Mapping[str, str] | None) -> Any:
    if urlsplit(place.api).scheme not in {"http", "https"}:
        raise ValueError(f"{place.api}: expected http or https")
    request = Request(  # noqa: S310 - the scheme is checked above
        f"{place.api}{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {place.token}",
            "Content-Type": "application/json",
            "User-Agent": "teacherspec",
        },
    )
    with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")
