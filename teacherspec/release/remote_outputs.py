"""Which outputs of `dvc.lock` the default DVC remote lacks: a tag is of no use to others without them."""

import json

from teacherspec.errors import UserError
from teacherspec.release.git_dvc import dvc


def unpushed_outputs() -> str | None:
    """What others could not pull of the current commit, in words; None where they can, or without a remote.

    A remote that does not answer is not taken to have them.
    """
    try:
        remote = dvc("config", "core.remote").strip()
    except UserError:  # `dvc config` fails for a key that is not set
        return None
    try:
        states = json.loads(dvc("status", "--cloud", "--json") or "{}")
    except (UserError, ValueError) as error:
        return f"whether remote `{remote}` has its files is unknown ({error})"
    missing = sorted(path for path, state in states.items() if state in ("new", "missing"))
    if not missing:
        return None
    return f"not in remote `{remote}`: {len(missing)} outputs ({', '.join(missing)})"
