"""`teacherspec comment FILE`."""

from pathlib import Path

import click

from teacherspec.runtime.entrypoint import report_user_errors


@click.command("comment")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pull-request",
    type=click.IntRange(1),
    required=True,
    envvar="PULL_REQUEST",
    help="Number of the pull request.",
)
@click.option("--repository", required=True, envvar="GITHUB_REPOSITORY", help="owner/name.")
@click.option(
    "--token", required=True, envvar="GITHUB_TOKEN", help="Access token; prefer the variable GITHUB_TOKEN."
)
@click.option(
    "--api",
    default="https://api.github.com",
    envvar="GITHUB_API_URL",
    show_default=True,
    help="Address of the GitHub API.",
)
@report_user_errors()
def command(file: Path, pull_request: int, repository: str, token: str, api: str) -> None:
    """Post the Markdown of FILE as a comment on a pull request; later calls update the same comment.

    Exit code 0: posted, or the token may not comment (a pull request from a fork), which is printed; 1: the
    service did not answer.
    """
    from teacherspec.compare.pr_comment import PullRequest, put_comment

    place = PullRequest(api.rstrip("/"), repository, pull_request, token)
    click.echo(f"comment {put_comment(place, file.read_text(encoding='utf-8'))}")
