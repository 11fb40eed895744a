"""What is checked of a package before anything of it is loaded: in bounded memory, without a model.

`verify-package` begins with these checks; whatever else uses a package runs them alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from teacherspec.calibrators.fitted import apply
from teacherspec.calibrators.score_interval import parse_score_interval
from teacherspec.errors import UserError
from teacherspec.package.resumable_shards import CONFIG, shard_name
from teacherspec.package.verification.file_allowlist import check_checksums, check_files
from teacherspec.package.verification.package_reader import OpenedPackage, open_package, require_package

ENTRIES_LIMIT = 20
"""Problems shown of one check."""


def check_metadata(folder: Path) -> list[str]:
    """Whether metadata, declaration, calibration and reports can be read, and name the shards there are."""
    return reasons(lambda: _metadata_problems(open_package(folder)))


STATIC: Mapping[str, Callable[[Path], list[str]]] = {
    "files": check_files,
    "checksums": check_checksums,
    "metadata": check_metadata,
}
"""Name → check; each is run only where those before it found nothing."""


def require_sound(folder: Path) -> None:
    """Raise unless the package in `folder` passes the checks that load nothing.

    Raises:
        UserError: `folder` is no package, or names everything that is wrong with it.
    """
    require_package(folder)
    for name, check in STATIC.items():
        if problems := reasons(partial(check, folder)):
            raise UserError([f"{folder}: {name}: {problem}" for problem in problems])


def reasons(check: Callable[[], Iterable[str]]) -> list[str]:
    """The problems that a check finds; an exception of it is one, as its first line."""
    found: list[str] = []
    try:
        found.extend(check())
    except ValidationError as error:
        found += [f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
    except UserError as error:
        found += error.problems
    except MemoryError:
        found.append("asks for more memory than allowed")
    except Exception as error:  # hostile files make a reader raise anything
        text = str(error).strip().split("\n", 1)[0][:300]
        found.append(f"cannot be read: {type(error).__name__}{f': {text}' if text else ''}")
    return found[:ENTRIES_LIMIT]


def _metadata_problems(opened: OpenedPackage) -> Iterator[str]:
    """Contradictions between `metadata.json`, the declaration, the calibration and the names of files."""
    metadata, saved = opened.metadata, opened.calibration()
    if opened.task.kind != metadata.task:
        yield f"metadata.json: task is {metadata.task}, provenance/spec.json declares {opened.task.kind}"
    if len(set(metadata.label_names)) < len(metadata.label_names):
        yield "metadata.json: label_names names a label twice"
    yield from CALIBRATORS.get(opened.task.output_type, _probabilities)(opened)
    # Calibrators of several numbers start from a temperature that is not among them.
    own = saved["calibrator"].get("temperature")
    if own is not None and saved["temperature"] != own:
        yield "calibration: temperature is not that of the calibrator"
    yield from _shard_problems(opened)


def _probabilities(opened: OpenedPackage) -> Iterator[str]:
    logits = np.eye(2, max(2, len(opened.metadata.label_names)))
    if not np.isfinite(apply(opened.calibrator(), logits)).all():
        yield "calibration: gives no finite probabilities"


def _scores(opened: OpenedPackage) -> Iterator[str]:
    if not np.isfinite(parse_score_interval(opened.calibration()["calibrator"]).corrected(np.eye(2))).all():
        yield "calibration: gives no finite scores"


CALIBRATORS: Mapping[str, Callable[[OpenedPackage], Iterator[str]]] = {"regression": _scores}
"""Output type → what is checked of its calibrator; by default that it gives probabilities."""


def _shard_problems(opened: OpenedPackage) -> Iterator[str]:
    """Shards of soft targets that are not a whole set for exactly the stated splits.

    `datasets` reads every file that begins with the name of a split.
    """
    there = {path.name for path in (opened.folder / "distill" / CONFIG).iterdir()}
    for split in opened.metadata.soft_targets.rows:
        own = sorted(name for name in there if name.rsplit("-", 3)[0] == split)
        there -= set(own)
        if own != [shard_name(split, place, len(own)) for place in range(max(1, len(own)))]:
            yield f"distill/{CONFIG}: {', '.join(own) or 'nothing'}: not all shards of {split}, numbered on"
    there |= {path.name for path in (opened.folder / "distill/embeddings").glob("*.parquet")} - {
        f"{split}.parquet" for split in opened.metadata.soft_targets.rows
    }
    for name in sorted(there):
        yield f"distill: {name}: is of no split that metadata.json states"
