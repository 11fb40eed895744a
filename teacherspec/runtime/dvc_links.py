"""Links that DVC put in place of files: with `cache.type` symlink, an artifact is links into its cache.

DVC advises that for caches that several people share. Where files are checked, every other link is refused.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from teacherspec.runtime.project_root import DVC, project_root

HASH_DIGITS = 32


def is_dvc_link(path: Path) -> bool:
    """Whether the link at `path` names an object in the cache of the DVC project that it lies in.

    Objects are named by their content, and nothing else lies in these folders.
    """
    project = project_root(path.parent)
    if not (project / DVC).is_dir() or not path.is_file():
        return False
    target = path.resolve()
    named = f"{target.parent.name}{target.name}"
    return (
        target.parent.parent == _objects(project)
        and len(named) == HASH_DIGITS
        and set(named) <= set("0123456789abcdef")
    )


@cache
def _objects(project: Path) -> Path | None:
    """The folder of objects of a project's cache by its configuration; None where that is broken."""
    dvc_config = import_module("dvc.config")  # at run time: it can refuse a link, never change a result
    try:
        config = dvc_config.Config(dvc_dir=str(project / DVC))
    except dvc_config.ConfigError:
        return None
    folder = config["cache"].get("dir") or project / DVC / "cache"
    return Path(folder, "files/md5").resolve()
