"""One comment on a pull or merge request, created or updated: it is found by a mark in its text."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from teacherspec.errors import UserError

MARK = "<!-- teacherspec diff -->"
MAX_LENGTH = 65_000
"""Characters of a comment: GitHub refuses 65,536."""

PER_PAGE = 100

MOST_PAGES = 50
"""Pages of comments that are searched for the own one."""

BOT = "github-actions[bot]"
"""Author of what the token of a GitHub workflow writes; such a token may not read its own name."""

SECONDS = 30

Outcome = Literal["created", "updated", "unchanged", "not allowed"]


@dataclass(frozen=True)
class Discussion:
    """The comments of a pull request on GitHub or of a merge request on GitLab.

    Attributes:
        api: of the service, without a slash at the end.
        comments: path of all comments, to list them and to add one.
        comment: path before the id of one.
        update: method that replaces the text of one.
        headers: of every request, with the token.
        author: keys of a comment that lead to the name of its author; the last is that of `/user` too.
        unnamed: name of the author where the token may not read its own; None where that is not known.
    """

    api: str
    comments: str
    comment: str
    update: Literal["PATCH", "PUT"]
    headers: Mapping[str, str]
    author: tuple[str, str]
    unnamed: str | None


def on_github(api: str, repository: str, number: int, token: str) -> Discussion:
    """The comments of a pull request. See https://docs.github.com/en/rest/issues/comments.

    Args:
        api: of the service, without a slash at the end.
        repository: `owner/name`.
        number: of the pull request.
        token: with permission to write comments.
    """
    issues = f"/repos/{repository}/issues"
    headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {token}"}
    paths = f"{issues}/{number}/comments", f"{issues}/comments"
    return Discussion(api, *paths, "PATCH", headers, ("user", "login"), BOT)


def on_gitlab(api: str, project: str, number: int, token: str) -> Discussion:
    """The notes of a merge request. See https://docs.gitlab.com/api/notes/.

    Args:
        api: of the service, without a slash at the end.
        project: its number, or `group/name`.
        number: of the merge request in the project.
        token: of a project or person, with scope `api`; that of a job may not comment.
    """
    notes = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"
    return Discussion(api, notes, notes, "PUT", {"PRIVATE-TOKEN": token}, ("author", "username"), None)


def put_comment(discussion: Discussion, text: str) -> Outcome:
    """Create the comment, or replace the text of an existing one by the same author.

    A comment of somebody else is never touched, whatever it begins with: its author could edit it afterwards.

    A token without permission to write (that of a pull request from a fork) is not an error: the summary or
    the artifacts of the job show the same text.

    Raises:
        UserError: the service does not answer, or its answer is not the documented one.
    """
    body = fitting(f"{MARK}\n{text}")
    try:
        author = _own_name(discussion)
        for comment in _comments(discussion):
            is_own = author is not None and _name(comment.get(discussion.author[0]), discussion) == author
            if is_own and str(comment.get("body") or "").startswith(MARK):
                if comment["body"] == body:
                    return "unchanged"
                path = f"{discussion.comment}/{int(comment['id'])}"
                _request(discussion, discussion.update, path, {"body": body})
                return "updated"
        _request(discussion, "POST", discussion.comments, {"body": body})
    except HTTPError as error:
        if error.code in {401, 403}:
            return "not allowed"
        raise UserError(f"{discussion.api}: answered {error.code} {error.reason}") from error
    except (URLError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{discussion.api}: does not answer, or not as documented: {error}") from error
    return "created"


def fitting(text: str) -> str:
    """Text that is short enough for the service: its first sections, and a note where some are left out."""
    if len(text) <= MAX_LENGTH:
        return text
    note = "\n\n*Cut here: too long for a comment. The summary of the workflow shows all of it.*\n"
    head = text[: MAX_LENGTH - len(note)]
    section = head.rfind("\n## ", MAX_LENGTH // 2)
    return head[: section if section >= 0 else head.rfind("\n")] + note


def _comments(discussion: Discussion) -> Iterator[Mapping[str, Any]]:
    for page in range(1, MOST_PAGES + 1):
        found = _request(discussion, "GET", f"{discussion.comments}?per_page={PER_PAGE}&page={page}", None)
        if not isinstance(found, list):
            raise TypeError("a list of comments was expected")
        yield from found
        if len(found) < PER_PAGE:
            return


def _own_name(discussion: Discussion) -> str | None:
    """The author that comments of this token have."""
    try:
        return _name(_request(discussion, "GET", "/user", None), discussion) or discussion.unnamed
    except HTTPError as error:
        if error.code in {401, 403, 404}:  # the token of a workflow
            return discussion.unnamed
        raise


def _name(user: Any, discussion: Discussion) -> str | None:
    name = user.get(discussion.author[1]) if isinstance(user, Mapping) else None
    return name if isinstance(name, str) else None


def _request(discussion: Discussion, method: str, path: str, content: Mapping[str, str] | None) -> Any:
    if urlsplit(discussion.api).scheme not in {"http", "https"}:
        raise ValueError(f"{discussion.api}: expected http or https")
    request = Request(  # noqa: S310 - the scheme is checked above
        f"{discussion.api}{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={**discussion.headers, "Content-Type": "application/json", "User-Agent": "teacherspec"},
    )
    with urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        return json.loads(response.read() or b"null")
