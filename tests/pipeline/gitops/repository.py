"""A git repository in a temporary folder, and commands to run in it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "GITHUB_"))},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(ROOT),
}  # fmt: skip


@dataclass(frozen=True)
class Repository:
    """A working tree, and commands to run in it."""

    root: Path

    def run(
        self, *command: str, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; `code` is the expected exit status, None any."""
        found = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, env={**ENVIRONMENT, **environment}
        )
        if code is not None:
            assert found.returncode == code, f"{command}: {found.returncode}\n{found.stdout}\n{found.stderr}"
        return found

    def git(self, *arguments: str, code: int | None = 0) -> str:
        return self.run("git", *arguments, code=code).stdout.strip()

    def dvc(self, *arguments: str, code: int | None = 0) -> str:
        return self.run("dvc", *arguments, code=code).stdout

    def teacherspec(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "teacherspec", *arguments, code=code)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert old in text, f"{file} holds no {old!r}"
        (self.root / file).write_text(text.replace(old, new, 1))

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


def clone(origin: Path, folder: Path, *arguments: str) -> Repository:
    """A fresh clone of a bare repository, with nothing in its DVC cache."""
    subprocess.run(
        ["git", "clone", "--quiet", *arguments, str(origin), str(folder)], check=True, env=ENVIRONMENT
    )
    return Repository(folder)


def lend_environment(root: Path) -> None:
    """Give a clone the `.venv` that `make` would create, as links into the one that runs the tests."""
    (root / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (root / ".venv" / part.name).symlink_to(part)
    for stamp in ("python", "pipeline", "dev"):
        (root / ".venv" / stamp).unlink(missing_ok=True)
        (root / ".venv" / stamp).touch()
