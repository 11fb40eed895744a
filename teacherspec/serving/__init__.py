"""Packaged teachers in use.

load_teacher(Path("artifacts/teacher")).probs([{"text": "cant log in since monday"}])
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.package.verification.package_reader import load_spec, require_package
from teacherspec.package.verification.static_checks import require_sound
from teacherspec.serving.classification import ClassificationTeacher
from teacherspec.serving.generation import GenerationTeacher
from teacherspec.serving.retrieval import RetrievalTeacher
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind

Teacher = ClassificationTeacher | GenerationTeacher | RetrievalTeacher

LOADERS: Mapping[OutputType, Callable[[Path, Mapping[str, Any], Kind], Teacher]] = {
    "classification": ClassificationTeacher.load,
    "generation": GenerationTeacher.load,
    "retrieval": RetrievalTeacher.load,
}
"""Output type → from folder, declaration and task of a package to its teacher."""


def load_teacher(folder: Path, *, unchecked: bool = False) -> Teacher:
    """Load the teacher in the package `folder`.

    Files, checksums and metadata are checked before; `teacherspec verify-package` checks all else, too.

    Args:
        folder: the package.
        unchecked: whether to go without these checks, which read every byte of the package.

    Returns:
        By the output type of the package: `ClassificationTeacher` (`logits`, `probs`), `GenerationTeacher`
        (`answers`, `log_probs`) or `RetrievalTeacher` (`images`, `texts`, `probs`).

    Raises:
        UserError: `folder` is no package, fails a check, or its model does not load.
    """
    require_package(folder)
    if not unchecked:
        require_sound(folder)
    spec, task = load_spec(folder)
    return LOADERS[task.output_type](folder, spec, task)
