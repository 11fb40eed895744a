"""Which commit of the project is checked out, for records that no hash covers."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Revision:
    """A state of the repository.

    Attributes:
        commit: full hash of HEAD.
        tags: names of the tags on it, sorted.
        changed: whether a tracked file below the root of the project differs from the commit.
        repository: public place of `origin`, without user, password or token; None for a local one.
    """

    commit: str
    tags: tuple[str, ...]
    changed: bool
    repository: str | None


def read_revision(root: Path) -> Revision | None:
    """The revision at `root`; None where there is no git repository, or no git."""
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    return Revision(
        commit=commit,
        tags=tuple(sorted((_git(root, "tag", "--points-at", "HEAD") or "").split())),
        changed=bool(_git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")),
        repository=public_url(_git(root, "config", "--get", "remote.origin.url") or ""),
    )


def public_url(url: str) -> str | None:
    """A remote's address without what is private in it: `https://host/path`; None for paths and the like."""
    if "://" not in url and "@" in url and ":" in url:  # git@host:owner/name
        url = "ssh://" + url.replace(":", "/", 1)
    parts = urlsplit(url)
    if parts.scheme not in ("https", "ssh", "git") or not parts.hostname:
        return None
    return f"https://{parts.hostname}{parts.path.rstrip('/').removesuffix('.git')}"


def _git(root: Path, *arguments: str) -> str | None:
    """Output of git, stripped; None where it fails or is not installed."""
    try:
        command = ["git", "-C", str(root), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
