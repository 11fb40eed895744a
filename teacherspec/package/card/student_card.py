"""What the card shows of the student that the teacher was declared for."""

from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.metadata import Metadata
from teacherspec.runtime.escaping import markdown_code as code


def declared_student(metadata: Metadata) -> str:
    """Where its tokens are not the teacher's, what that breaks, and what it can learn; empty without one."""
    student = metadata.student
    if student is None:
        return ""
    source = ", ".join(f"{key} {code(str(value))}" for key, value in sorted(student.source.items()))
    rows = [
        (one.name, code(one.what), one.breaks, code(one.remedy) + (" (needed)" if one.blocks else ""))
        for one in student.differences
    ]
    found = (
        markdown_table(("difference", "what", "breaks", "remedy"), rows)
        if rows
        else "Same tokens with the same ids, same width, special tokens and chat template."
    )
    possible = "\n".join(f"- {sentence}" for sentence in student.possible)
    what = f"{code(student.architecture)}: {source}, to learn from {student.learns}"
    return (
        f"### The declared student\n\n{what}.\n\n"
        f"{found}\n\nWhat it can learn from this package:\n\n{possible}"
    )
