"""Reading `dvc.lock`."""

from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.conflicts import refuse_conflict
from teacherspec.run_records.dvc_yaml import LOCK, parse_yaml
from teacherspec.run_records.parsed_before import parsed_once

RERUN = "run `teacherspec repro`"


def read_lock(root: Path = Path()) -> dict[str, Any]:
    """Stage → its entry of `dvc.lock`.

    Raises:
        UserError: there is none, or it is not YAML: truncated by a kill, or with an unresolved conflict.
    """
    path = root / LOCK
    if not path.is_file():
        raise UserError(f"{LOCK}: no such file; {RERUN}")
    text = path.read_text(encoding="utf-8", errors="replace")
    refuse_conflict(text, str(LOCK), f"`git checkout --ours {LOCK}`, then {RERUN} (docs/gitops.md says why)")
    try:
        stages: dict[str, Any] = dict(parsed_once(text, LOCK.name, root, parse_yaml)["stages"])
    except Exception:  # every way in which a truncated file is not a lock
        raise UserError(
            f"{LOCK}: cannot be read: a kill may have truncated it; `git checkout {LOCK}`, then {RERUN}"
        ) from None
    return stages
