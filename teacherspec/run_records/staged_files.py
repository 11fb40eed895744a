"""What git has staged for the next commit, as files."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.errors import UserError
from teacherspec.runtime.project_root import project_root


@contextmanager
def staged_files() -> Iterator[Path]:
    """A folder with the project of the current folder as it is staged, while the block runs.

    Edits that are not staged and files that git does not know are not in it: so a commit that forgets one of
    them does not agree with its `dvc.lock`.

    Raises:
        UserError: not in a git repository.
    """
    with TemporaryDirectory() as scratch:
        # The user's own git, found by PATH. In a subdirectory of its repository it writes that subdirectory:
        # here the whole DVC project, which holds what several teachers share.
        command = ["git", "checkout-index", "--all", f"--prefix={scratch}/"]
        done = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=False)
        inside = ["git", "rev-parse", "--show-prefix"]
        prefix = subprocess.run(inside, capture_output=True, text=True, check=False)
        if done.returncode or prefix.returncode:
            raise UserError(f"git checkout-index: {' '.join((done.stderr + prefix.stderr).split())}")
        yield Path(scratch) / prefix.stdout.rstrip("\n")
