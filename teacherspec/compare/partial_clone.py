"""Files that partial clones (`git clone --filter=blob:none`) lack, and that git gets when it reads them."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.errors import UserError

if TYPE_CHECKING:
    from scmrepo.git import Git


def get_missing_files(git: "Git", commit: str) -> None:
    """Download the files of a commit that a partial clone left out; nothing in other clones.

    libgit2, which reads the files, cannot do so: scmrepo 3.6 then waits for ever.

    Raises:
        UserError: the remote cannot be reached.
    """
    settings = git.pygit2.repo.config
    if not any(one.name.endswith(".promisor") and one.value == "true" for one in settings):
        return
    root = Path(git.root_dir)
    empty = _git(root, "hash-object", "-t", "tree", "--stdin").strip()
    # Counts lines, and for that gets all files in one request.
    _git(root, "diff", "--numstat", "--no-renames", empty, commit)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, input="")
    if done.returncode:
        message = " ".join(done.stderr.split())
        raise UserError(f"this clone was made without files, and git cannot get them: {message}")
    return done.stdout
