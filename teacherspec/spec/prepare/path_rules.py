"""Rules for declared paths and addresses, checked on their text alone: no file is opened."""

import re
from urllib.parse import parse_qsl, urlsplit

_LOCAL_SCHEMES = frozenset({"file", "local", "git", "dir", "memory"})
_SCHEMES = (
    "https",
    "http",
    "s3",
    "gs",
    "gcs",
    "abfs",
    "abfss",
    "az",
    "adl",
    "hf",
    "ftp",
    "sftp",
    "hdfs",
    "webhdfs",
    "oci",
    "oss",
)
"""Of those that fsspec reads: each names a file of another machine. `git` reads repositories of this one."""

_SECRET = re.compile(
    r"token|secret|passw|credential|signature|auth|session|(?:^|[-_.]|api|access)key|^sig$", re.IGNORECASE
)


def problem_of_path(path: str) -> str | None:
    """Why a declared path may not be used, or None.

    Only plain paths inside the repository are data: everything else would make the teacher depend on
    one person's machine.
    """
    parts = path.split("/")
    if not path or path.startswith(("/", "~")) or "\\" in path or ":" in parts[0]:
        return "must be relative to the repository, with `/` between folders"
    if ".." in parts:
        return "must stay inside the repository: no `..`"
    if "$" in path or any(ord(character) < 32 for character in path):
        return "must be a plain path: no variables, no control characters"
    return None


def problem_of_declared_path(path: str) -> str | None:
    """The same for a path that may begin with `../`, by which a teacher's folder names what teachers share.

    That it stays inside the repository is checked where the place of the declaration is known.
    """
    return problem_of_path(re.sub(r"\A(?:\.\./)+", "", path))


def problem_of_url(url: str) -> str | None:
    """Why a declared address may not be used, or None.

    It must name a file of another machine that fsspec reads, mean the same everywhere, and hold no secret.
    """
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        return "must be a plain address: no spaces, backslashes or control characters"
    parts = urlsplit(url)
    if not parts.scheme or "::" in url:
        return "must be one address with a scheme, such as https:// or s3://"
    if parts.scheme in _LOCAL_SCHEMES:
        return "is a file of this machine: put it into the repository and declare `path`"
    if parts.scheme not in _SCHEMES:
        return f"{parts.scheme}:// is not supported; allowed: {', '.join(_SCHEMES)}"
    if not parts.hostname:
        return f"names no host or bucket after {parts.scheme}://"
    if "@" in parts.netloc:
        return "contains a user name or password: provide credentials in the environment of the run"
    if secret := next((name for name, _ in parse_qsl(parts.query, True) if _SECRET.search(name)), None):
        return (
            f"contains a secret (`{secret}`), which would be stored in git: provide credentials in the "
            "environment of the run, or get the file with `dvc import-url`"
        )
    return None
