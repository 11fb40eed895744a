"""Rules for declared paths and addresses, checked on their text alone: no file is opened."""

from urllib.parse import urlsplit

_LOCAL_SCHEMES = frozenset({"file", "local"})


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


def problem_of_url(url: str) -> str | None:
    """Why a declared address may not be used, or None.

    It must be one that fsspec reads, mean the same on every machine, and contain no secret.
    """
    from fsspec.registry import known_implementations  # only where an address is declared

    parts = urlsplit(url)
    if not parts.scheme or "::" in url:
        return "must be one address with a scheme, such as https:// or s3://"
    if parts.scheme in _LOCAL_SCHEMES:
        return "is a file of this machine: put it into the repository and declare `path`"
    if parts.scheme not in known_implementations:
        return f"fsspec does not support {parts.scheme}:// (it supports https, s3, gs, abfs, hf and more)"
    if "@" in parts.netloc:
        return "contains a user name or password: provide credentials in the environment of the run"
    return None
