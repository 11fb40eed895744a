"""Upload a package: verified first, complete or not at all, and only on request."""

import subprocess
import sys
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.package.verification.checksums import SUMS
from teacherspec.package.verification.verify import verify
from teacherspec.runtime.atomic_io import read_json, sha256_file
from teacherspec.spec.package import PushToHub, PushToRemote


def require_releasable(folder: Path, *, not_ready: bool = False) -> None:
    """Raise unless the package verifies, and is ready or explicitly not.

    Raises:
        UserError: names everything that is wrong with it.
    """
    problems = [f"{check.name}: {problem}" for check in verify(folder) for problem in check.problems]
    if problems:
        raise UserError(problems)
    verdict = read_json(folder / "READINESS.json")["verdict"]
    if verdict != "ready" and not not_ready:
        raise UserError(
            f"{folder}: is {verdict} (see READINESS.json); fix it, or push it as it is with --not-ready"
        )


def push_to_hub(folder: Path, where: PushToHub, endpoint: str | None = None) -> str:
    """One commit with exactly the files of the package; those of an older one are removed.

    The token is that of `hf auth login`; it is not looked at here.

    Args:
        folder: the package.
        where: the declared repository.
        endpoint: address of the hub; None for the usual one.

    Returns:
        Address of the commit.

    Raises:
        UserError: the hub cannot be reached or refuses.
    """
    from httpx2 import HTTPError  # what huggingface_hub speaks through; its own errors derive from this
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint)
    message = f"{read_json(folder / 'metadata.json')['name']} {sha256_file(folder / SUMS)[:12]}"
    try:
        api.create_repo(where.repo, private=where.private, exist_ok=True)
        done = api.upload_folder(
            repo_id=where.repo, folder_path=folder, commit_message=message, delete_patterns="*"
        )
    except (HTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"package.push: {where.repo} was not pushed: {reason}; see `hf auth whoami` and its permissions"
        ) from error
    return str(done.commit_url)


def push_to_remote(folder: Path, where: PushToRemote) -> str:
    """`dvc push` of the tracked folder.

    Raises:
        UserError: DVC refuses; its own words are repeated.
    """
    options = ["--remote", where.remote] if where.remote else []
    command = [sys.executable, "-m", "dvc", "push", *options, str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"package.push: dvc push failed: {done.stderr.strip() or done.stdout.strip()}")
    return f"DVC remote {where.remote or '(default)'}; fetch it by tag with `dvc artifacts get`"
