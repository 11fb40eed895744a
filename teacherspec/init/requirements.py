"""`requirements.txt` of a new repository: this library as it was installed here, and its exact pins."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from teacherspec.run_records.library_versions import LIBRARY, template

WHEELS = "wheels"
"""Folder of the repository that holds the library where it came as a file and not from a package index."""


def requirements(extras: tuple[str, ...], root: Path = Path(), plugins: Sequence[str] = ()) -> str:
    """The text of `requirements.txt`.

    Args:
        extras: optional libraries that the first base needs.
        root: of the repository, whose own packages are installed from their folders.
        plugins: packages of kinds of task that the library does not have.
    """
    pins = (template() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(
        [
            "# What `make` installs, exactly. The first line is the library; a new version has new pins:",
            "# install it, then `teacherspec init --upgrade`.",
            library(extras, distribution(LIBRARY).version, _origin(LIBRARY)),
            *(_plugin(project, root) for project in plugins),
            *(line for line in pins if not line.startswith("#")),
            "",
        ]
    )


def with_extras(text: str, extras: tuple[str, ...]) -> str:
    """The text of a `requirements.txt` in which the library has these optional libraries, too.

    Args:
        text: of the file; its first requirement is the library.
        extras: none change nothing.
    """
    lines = text.splitlines()
    place = next((at for at, line in enumerate(lines) if LIBRARY in line and not line.startswith("#")), None)
    if place is None or not extras:
        return text
    given = re.search(r"\[([^\]]*)\]", lines[place])
    wanted = sorted({*(given[1].split(",") if given else ()), *extras})
    bare = lines[place].replace(given[0], "") if given else lines[place]
    head = re.match(rf"\./{WHEELS}/\S+\.whl|{LIBRARY}", bare)
    if head is None:
        return text
    lines[place] = f"{head[0]}[{','.join(wanted)}]{bare[head.end() :]}"
    return "\n".join(lines) + "\n"


def _origin(project: str) -> Mapping[str, object]:
    """Where pip took a package from (PEP 610); empty for a package index."""
    return dict(json.loads(distribution(project).read_text("direct_url.json") or "{}"))


def _plugin(project: str, root: Path) -> str:
    """The requirement that installs the same package; from its folder where that is in the repository."""
    origin = _origin(project)
    folder, top = _path(origin).resolve(), root.resolve()
    options = origin.get("dir_info")
    if isinstance(options, dict) and folder.is_relative_to(top):
        own = folder.relative_to(top).as_posix()
        return f"--editable ./{own}" if options.get("editable") else f"./{own}"
    return library((), distribution(project).version, origin, project)


def library(
    extras: tuple[str, ...], version: str, origin: Mapping[str, object], project: str = LIBRARY
) -> str:
    """The requirement that installs the same library elsewhere.

    Args:
        extras: optional libraries.
        version: that is installed.
        origin: content of pip's `direct_url.json`.
        project: name of the library.
    """
    wanted = f"[{','.join(extras)}]" if extras else ""
    commit = origin.get("vcs_info")
    if isinstance(commit, dict):
        return f"{project}{wanted} @ {commit['vcs']}+{origin['url']}@{commit['commit_id']}"
    if wheel := wheel_of(origin):
        return f"./{WHEELS}/{wheel.name}{wanted}"
    return f"{project}{wanted}=={version}"


def installed_wheel(project: str = LIBRARY) -> Path | None:
    """The wheel that a package was installed from; None where it is not, or no longer, a file here."""
    wheel = wheel_of(_origin(project))
    return wheel if wheel is not None and wheel.is_file() else None


def wheel_of(origin: Mapping[str, object]) -> Path | None:
    """The file that pip installed, by its `direct_url.json`."""
    path = _path(origin)
    return path if path.suffix == ".whl" else None


def _path(origin: Mapping[str, object]) -> Path:
    """The file or folder of this machine that pip installed; without name where it was none."""
    url = urlparse(str(origin.get("url", "")))
    return Path(unquote(url.path)) if url.scheme == "file" else Path()
