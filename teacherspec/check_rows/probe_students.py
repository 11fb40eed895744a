"""Whether the pre-trained students of `probe` can learn from this teacher's tokens."""

from collections.abc import Iterator
from pathlib import Path

from teacherspec.check_rows.student import compare_student, student_problems
from teacherspec.errors import BaseModelError
from teacherspec.model_files.student_folder import trainable_student
from teacherspec.spec.probe.language_students import PretrainedLm
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.student import Student
from teacherspec.splits import Split
from teacherspec.tasks.shared.generation_task import GenerationTask

TOO_SHORT = "context"
"""The difference that leaves no student to train, though its tokens are the teacher's."""


def pretrained_problems(
    task: GenerationTask, probe: Probe, train: Split, manifest: Path, width: int
) -> Iterator[str]:
    """Students that cannot be loaded, write other tokens, or read less than the teacher.

    Args:
        task: the declared task.
        probe: `params.yaml: probe`.
        train: its rows are compared as texts.
        manifest: of the base.
        width: rows of the base's embedding.
    """
    for place, student in enumerate(probe.students):
        if isinstance(student, PretrainedLm):
            key = f"probe.students.{place}"
            try:
                trainable_student(student.source, key)
                declared = Student(source=student.source, learns="logits")
                report = compare_student(task, declared, train, manifest, width, key=key)
            except BaseModelError as error:
                yield from error.problems
                continue
            yield from student_problems(report, key)
            for one in report["differences"]:
                if one["name"] == TOO_SHORT:
                    yield f"{key}: {one['what']}; {one['remedy']}"
