"""The commit that a branch is compared from: where it left the base branch, as a pull request shows it."""

from dataclasses import dataclass

from teacherspec.compare.revision import Revision, repository

TAGS, EXPERIMENTS = "refs/tags/", "refs/exps/"


@dataclass(frozen=True)
class MissingCommits:
    """Commits of the base branch that the head revision lacks.

    Attributes:
        branch: name of the base as given by the user.
        commits: how many it lacks.
        shown: whether the comparison is with the base itself, so that these commits appear undone; if not, it
            is with the commit that both have in common, and their changes do not appear.
    """

    branch: str
    commits: int
    shown: bool


def compared_from(base: Revision, head: Revision, *, direct: bool) -> tuple[Revision, MissingCommits | None]:
    """The revision to compare `head` with, and what `head` lacks of `base`; None where it lacks nothing.

    A branch moves on: what it got after `head` left it is no change of `head`. Tags and experiments are
    teachers of their own and are always compared themselves.

    Args:
        base: as the user named it.
        head: the other revision; for the working tree, the commit that is checked out decides.
        direct: compare with `base` itself.
    """
    if base.commit is None:
        return base, None
    commits = repository().pygit2.repo
    tip = commits.revparse_single(head.commit or "HEAD").id
    _, lacking = commits.ahead_behind(tip, base.commit)
    if not lacking:
        return base, None
    common = commits.merge_base(tip, base.commit)
    # A commit that the base contains has no change of its own: it is compared as a predecessor.
    predecessor = head.commit is not None and common == tip
    if not (direct or common is None or predecessor or _is_fixed(base)):
        start = Revision(base.name, str(common))
        if start.stages:
            return start, MissingCommits(base.name, lacking, shown=False)
    return base, MissingCommits(base.name, lacking, shown=True)


def _is_fixed(base: Revision) -> bool:
    """Whether the user named a tag or an experiment."""
    git = repository()
    if git.get_ref(f"{TAGS}{base.name}") is not None:
        return True
    return any(git.get_ref(ref) == base.commit for ref in git.iter_refs(EXPERIMENTS))
