"""Packaged teachers in use.

load_teacher(Path("artifacts/teacher")).probs([{"text": "cant log in since monday"}])
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from teacherspec.errors import UserError
from teacherspec.package.verification.package_reader import load_spec, require_package
from teacherspec.package.verification.static_checks import require_sound
from teacherspec.serving.classification import ClassificationTeacher
from teacherspec.serving.generation import GenerationTeacher
from teacherspec.serving.multi_label import MultiLabelTeacher
from teacherspec.serving.regression import RegressionTeacher
from teacherspec.serving.retrieval import RetrievalTeacher
from teacherspec.serving.tagging import TaggingTeacher
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind

Teacher = (
    ClassificationTeacher
    | GenerationTeacher
    | MultiLabelTeacher
    | RegressionTeacher
    | RetrievalTeacher
    | TaggingTeacher
)

LOADERS: Mapping[OutputType, Callable[[Path, Mapping[str, Any], Kind], Teacher]] = {
    "classification": ClassificationTeacher.load,
    "generation": GenerationTeacher.load,
    "multi_label": MultiLabelTeacher.load,
    "regression": RegressionTeacher.load,
    "retrieval": RetrievalTeacher.load,
    "tagging": TaggingTeacher.load,
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
        (`answers`, `log_probs`), `MultiLabelTeacher` (`logits`, `probs`, `labels`), `RegressionTeacher`
        (`scores`), `RetrievalTeacher` (`images`, `texts`, `probs`) or `TaggingTeacher` (`entities`, `probs`).

    Raises:
        UserError: `folder` is no package, fails a check, or its model does not load.
    """
    require_package(folder)
    _require_known_kind(folder)
    if not unchecked:
        require_sound(folder)
    spec, task = load_spec(folder)
    return LOADERS[task.output_type](folder, spec, task)


def _require_known_kind(folder: Path) -> None:
    """Raise `UserError` where the kind of task is neither built in nor installed."""
    try:
        load_spec(folder)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False)
        if first["type"] == "union_tag_invalid":
            raise UserError(
                f"{folder}: provenance/spec.json declares a task of kind {first['ctx']['tag']}, which is not "
                f"known here (known {first['ctx']['expected_tags']}); install the package that offers it"
            ) from None
    except (OSError, ValueError, KeyError, TypeError):
        return  # refused by the checks that follow, or where it is read
