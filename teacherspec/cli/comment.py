"""`teacherspec comment FILE`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines

SERVICES = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
"""Service → address of its public API."""


@click.command("comment")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pull-request",
    type=click.IntRange(1),
    required=True,
    envvar=["PULL_REQUEST", "CI_MERGE_REQUEST_IID"],
    help="Number of the pull or merge request.",
)
@click.option(
    "--repository",
    required=True,
    envvar=["GITHUB_REPOSITORY", "CI_PROJECT_ID"],
    help="owner/name; on GitLab also the number of the project.",
)
@click.option(
    "--token",
    required=True,
    envvar=["GITHUB_TOKEN", "GITLAB_TOKEN"],
    help="Access token; prefer the variable GITHUB_TOKEN or GITLAB_TOKEN.",
)
@click.option(
    "--api",
    envvar=["GITHUB_API_URL", "CI_API_V4_URL"],
    help="Address of the service's API, where it is not the public one.",
)
@click.option("--service", type=click.Choice(list(SERVICES)), default="github", show_default=True)
@report_user_errors()
def command(
    file: Path, pull_request: int, repository: str, token: str, api: str | None, service: str
) -> None:
    """Post the Markdown of FILE as a comment on a pull or merge request; later calls update the comment.

    Exit code 0: posted, or the token may not comment (a pull request from a fork), which is printed; 1: the
    service did not answer.
    """
    from teacherspec.compare.pr_comment import on_github, on_gitlab, put_comment

    place = {"github": on_github, "gitlab": on_gitlab}[service]
    discussion = place((api or SERVICES[service]).rstrip("/"), repository, pull_request, token)
    print_lines(f"comment {put_comment(discussion, file.read_text(encoding='utf-8'))}")
