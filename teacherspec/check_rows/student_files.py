"""The files of a student that show which tokens it reads and writes, fetched without its weights."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from teacherspec.errors import BaseModelError
from teacherspec.model_files.allowed_files import FOLDERS, NAMED_TEMPLATE, NAMES
from teacherspec.model_files.security_scan import check_folder
from teacherspec.model_files.sources.download_cache import fetch_once, hash_files
from teacherspec.runtime.atomic_io import scratch_folder
from teacherspec.runtime.project_root import is_inside
from teacherspec.spec.base import HubModelSource, PathModelSource

CACHE = Path(".scratch/student")

WITHOUT_WEIGHTS = tuple(sorted(NAMES - {"model.safetensors.index.json", "README.md"}))


def student_folder(source: HubModelSource | PathModelSource, key: str, cache: Path = CACHE) -> Path:
    """A folder with the student's settings and tokenizer alone, which passed the scan of bases.

    Args:
        source: as declared.
        key: where it is declared, for messages.
        cache: where such folders are.

    Raises:
        BaseModelError: it cannot be fetched, has no `config.json` or tokenizer, or fails the scan.
    """
    if isinstance(source, HubModelSource):
        pin = {"student": source.id, "revision": source.revision}
        folder = fetch_once(pin, cache, partial(_download, source, key))
    else:
        folder = _copied(source, key, cache)
    lacking = [name for name in ("config.json", "tokenizer.json") if not (folder / name).is_file()]
    if lacking:
        raise BaseModelError(
            f"{key}: {_shown(source)} has no {' and no '.join(lacking)}; a student is compared by "
            "the files that transformers saves with it"
        )
    check_folder(folder, weights_needed=False)
    return folder


def _copied(source: PathModelSource, key: str, cache: Path) -> Path:
    """The files of a folder that are compared; it may hold checkpoints and more."""
    folder = Path(source.folder)
    if not folder.is_dir():
        raise BaseModelError(f"{key}: {folder}: no such folder; put the student there")
    if not source.outside_repository and not is_inside(folder, Path()):
        raise BaseModelError(
            f"{key}: {folder}: is outside the repository, in {folder.resolve()}; move the "
            "student inside, or declare `outside_repository: true`"
        )
    paths = [path for path in _files(folder) if path.is_file()]
    with scratch_folder(cache / "copied") as fresh:
        _copy(folder, paths, fresh)
        return fetch_once({"student": hash_files(fresh)}, cache, partial(_copy, folder, paths))


def _files(folder: Path) -> list[Path]:
    named = [folder / name for name in WITHOUT_WEIGHTS]
    inner = [path for name in FOLDERS for path in (folder / name).glob("*.jinja")]
    return [*named, *(path for path in inner if NAMED_TEMPLATE.fullmatch(f"{path.parent.name}/{path.name}"))]


def _copy(root: Path, paths: Sequence[Path], target: Path) -> None:
    for path in paths:
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _download(source: HubModelSource, key: str, folder: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    disable_progress_bars()
    patterns = [*WITHOUT_WEIGHTS, "additional_chat_templates/*.jinja"]
    try:
        snapshot = Path(snapshot_download(source.id, revision=source.revision, allow_patterns=patterns))
    except (HfHubHTTPError, IncompleteSnapshotError, LocalEntryNotFoundError, OSError) as error:
        cause = str(error).strip().split("\n", 1)[0].rstrip(".")
        raise BaseModelError(
            f"{key}: {_shown(source)} cannot be fetched: {cause}; check id, revision, network and "
            "`hf auth login`"
        ) from error
    _copy(snapshot, [path for path in _files(snapshot) if path.is_file()], folder)


def _shown(source: HubModelSource | PathModelSource) -> str:
    if isinstance(source, HubModelSource):
        return f"{source.id}@{source.revision[:12]}"
    return source.folder
