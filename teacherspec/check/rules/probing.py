"""Rules on the student probe."""

from collections.abc import Iterator

from teacherspec.check.declaration import Spec
from teacherspec.check.rule import Finding, Rule
from teacherspec.check.supported import SUPPORTED


def students_can_learn_the_task(spec: Spec) -> Iterator[Finding]:
    """A student reads what the rows of the task hold, and gives what the task asks for."""
    by_column = SUPPORTED[spec.task.output_type].students
    content = spec.task.row_schema().content
    allowed = by_column.get(type(content[0]), ()) if len(content) == 1 else ()
    for index, student in enumerate(spec.probe.students):
        where = ("probe", "students", index, "kind")
        if not allowed:
            yield Finding(
                where, f"no student of a {spec.task.kind} teacher can be probed yet: declare `probe: {{}}`"
            )
        elif student.kind not in allowed:
            what = f"{student.kind} cannot learn a {spec.task.kind} task (allowed: {', '.join(allowed)})"
            yield Finding(where, what)


RULES = (Rule(("task", "probe"), students_can_learn_the_task),)
