"""Rules on the student probe."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.rule import Finding, Rule
from teacherspec.check.supported import SUPPORTED
from teacherspec.tasks.shared.columns.base import VisualColumn
from teacherspec.tasks.shared.interfaces.capabilities import EmbeddedClasses

EMBEDDER = "image_embedder"
"""The student that learns a teacher's embeddings of images."""


def students_can_learn_the_task(spec: Spec) -> Iterator[Finding]:
    """A student reads what the rows of the task hold, and gives what the task asks for."""
    allowed = _allowed(spec)
    for index, student in enumerate(spec.probe.students):
        where = ("probe", "students", index, "kind")
        if not allowed:
            yield Finding(
                where, f"no student of a {spec.task.kind} teacher can be probed yet: declare `probe: {{}}`"
            )
        elif student.kind not in allowed:
            what = f"{student.kind} cannot learn a {spec.task.kind} task (allowed: {', '.join(allowed)})"
            yield Finding(where, what)


def _allowed(spec: Spec) -> tuple[str, ...]:
    """Kinds of students that can learn the task."""
    supported, content = SUPPORTED[spec.task.output_type], spec.task.row_schema().content
    if supported.token_students and not any(isinstance(column, VisualColumn) for column in content):
        return supported.token_students
    allowed = supported.students.get(type(content[0]), ()) if len(content) == 1 else ()
    if spec.task.capability(EmbeddedClasses) is None:
        return tuple(kind for kind in allowed if kind != EMBEDDER)
    return allowed


def students_of_tokens_have_targets(spec: Spec) -> Iterator[Finding]:
    """Students of language models learn from the likeliest tokens that `evaluate` stores."""
    kinds = SUPPORTED[spec.task.output_type].token_students
    if spec.evaluate.top_k is None and any(student.kind in kinds for student in spec.probe.students):
        what = "stores no tokens that the students of `probe` could learn from: declare it, such as 16"
        yield Finding(("evaluate", "top_k"), what)


def embeddings_are_those_of_the_task(spec: Spec) -> Iterator[Finding]:
    """Embeddings are stored of dual encoders with fixed classes, and where a student learns them."""
    embeds = spec.task.capability(EmbeddedClasses) is not None and len(spec.task.row_schema().content) == 1
    if spec.evaluate.embeddings and not embeds:
        what = f"a {spec.task.kind} teacher of these rows embeds no images among fixed classes: drop it"
        yield Finding(("evaluate", "embeddings"), what)
    learned = any(student.kind == EMBEDDER for student in spec.probe.students)
    if learned and embeds and not spec.evaluate.embeddings:
        what = f"stores no embeddings that the student {EMBEDDER} could learn: declare `embeddings: true`"
        yield Finding(("evaluate", "embeddings"), what)


RULES = (
    Rule(("task", "probe"), students_can_learn_the_task),
    Rule(("task", "evaluate", "probe"), students_of_tokens_have_targets),
    Rule(("task", "evaluate", "probe"), embeddings_are_those_of_the_task),
)
