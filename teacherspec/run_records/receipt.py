"""The receipt of a run: which inputs gave which outputs, as one record whose parts cannot be edited alone.

A stage writes its receipt as one of its outs. It lists the same inputs and outputs as the entry of
`dvc.lock`, so the receipt can be written again from that entry alone, and its hash must be the one that the
entry records. A merge that mixes two runs, an edited hash or a `dvc commit` without a run breaks that, and is
found without data, cache or remote. No stage depends on a receipt: a comment changes the receipt of its stage
and nothing else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.run_records.dvc_hashing import md5_of_bytes, recorded_md5
from teacherspec.runtime.atomic_io import encode_json, read_json

FORMAT = 1
FOLDER = Path("artifacts/receipts")


def receipt_path(stage: str) -> str:
    """Path of the receipt of `stage`."""
    return (FOLDER / f"{stage}.json").as_posix()


def sums_path(stage: str) -> str:
    """Path of the SHA-256 of every file that `stage` wrote, as `sha256sum --check` reads it."""
    return (FOLDER / f"{stage}.sha256").as_posix()


def record_path(stage: str) -> Path:
    """Path in git of the environment of the run: machine, libraries, times. No hash covers it."""
    return Path("reports") / stage / "run.json"


def read_record(path: Path) -> dict[str, Any] | None:
    """The environment of a run; None where the file does not exist or is not JSON."""
    try:
        found: dict[str, Any] = read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    return found


def receipt(
    stage: str,
    command: str,
    deps: Mapping[str, str],
    params: Mapping[str, Mapping[str, Any]],
    outs: Mapping[str, str],
) -> str:
    """The text of a receipt.

    Args:
        stage: its name.
        command: the one that ran.
        deps: path → MD5 as DVC counts it.
        params: file → key → value.
        outs: path → MD5, without the receipt itself.
    """
    content = {
        "format": FORMAT,
        "stage": stage,
        "command": command,
        "deps": dict(deps),
        "params": params,
        "outs": {path: md5 for path, md5 in outs.items() if path != receipt_path(stage)},
    }
    return encode_json(content)


def receipt_of_lock(stage: str, entry: Mapping[str, Any]) -> str:
    """The receipt that a run with this entry of `dvc.lock` left."""
    return receipt(
        stage,
        str(entry.get("cmd", "")),
        hashes(entry.get("deps", ())),
        entry.get("params", {}),
        hashes(entry.get("outs", ())),
    )


def hashes(items: Any) -> dict[str, str]:
    """Path → MD5 of the deps or outs of a lock entry."""
    return {item["path"]: recorded_md5(item) for item in items}


def receipt_md5(text: str) -> str:
    """MD5 of a receipt, as `dvc.lock` records it."""
    return md5_of_bytes(text.encode())
