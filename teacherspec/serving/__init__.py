"""Packaged teachers in use.

load_teacher(Path("artifacts/teacher")).probs([{"text": "cant log in since monday"}])
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.package.verification.package_reader import load_spec, require_package
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


def load_teacher(folder: Path) -> Teacher:
    """Load the teacher in the package `folder`; `teacherspec verify-package` checks it first.

    Returns:
        By the output type of the package: `ClassificationTeacher` (`logits`, `probs`), `GenerationTeacher`
        (`answers`, `log_probs`) or `RetrievalTeacher` (`images`, `texts`, `probs`).

    Raises:
        UserError: `folder` is no package, or its model does not load.
    """
    require_package(folder)
    spec, task = load_spec(folder)
    return LOADERS[task.output_type](folder, spec, task)
