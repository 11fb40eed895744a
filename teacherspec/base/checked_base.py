"""A base after every check that needs no forward pass: its files, its licence, its fit to task and rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.base.memory_estimate import require_memory
from teacherspec.base.pin import pin, stated_licenses
from teacherspec.base.row_faults import refuse_rows
from teacherspec.base.sandboxed_load import ProbeRows, load_in_sandbox
from teacherspec.model_files.first_layers import first_layers
from teacherspec.model_files.gguf.convert import describe
from teacherspec.model_files.security_scan import Contents, check_folder
from teacherspec.model_files.sources.registry import fetch, fetch_gguf
from teacherspec.spec.base import Base
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
from teacherspec.tasks.shared.interfaces.kind import Kind


@dataclass(frozen=True)
class CheckedBase:
    """A base that may be loaded.

    Attributes:
        base: as declared.
        folder: its files.
        contents: what the security scan found in it.
        manifest: content of `manifest.json`.
        stated_licenses: licences that its files state.
        built: summary of the base from the sandbox.
    """

    base: Base
    folder: Path
    contents: Contents
    manifest: Mapping[str, Any]
    stated_licenses: list[str]
    built: BaseSummary


def check_base(task: Kind, base: Base, prepared: Prepared, cache: Path) -> CheckedBase:
    """Fetch, scan and pin a base, and try it on every row in a child process with limits.

    Args:
        task: the declared task.
        base: as declared.
        prepared: the prepared splits, opened before: the child may write nothing.
        cache: where downloaded bases are.

    Raises:
        UserError: the base cannot be fetched or trusted, or does not fit task, rows or machine.
    """
    folder = fetch(base.source, cache)
    weights_needed = base.init == "pretrained"
    contents = check_folder(folder, weights_needed)
    source = fetch_gguf(base.source, cache)
    converted = describe(source) if source else None
    manifest = pin(base, folder, contents.files, contents.config, converted)
    stated = stated_licenses(folder, converted)
    if base.layers is not None:  # of files whose hashes were compared with the declared ones
        folder = first_layers(folder, base.layers, cache)
        contents = check_folder(folder, weights_needed)
        as_made = base.model_copy(update={"sha256": None})
        manifest = pin(as_made, folder, contents.files, contents.config, converted)
    built = load_in_sandbox(folder, ProbeRows(task, prepared.splits), init=base.init)
    task.check_base(folder, built)
    refuse_rows(task, folder, prepared)
    require_memory(built, folder)
    return CheckedBase(base, folder, contents, manifest, stated, built)
