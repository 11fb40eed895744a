"""Rows as the user of a teacher gives them."""

from collections.abc import Mapping
from typing import Any

from teacherspec.tasks.shared.interfaces.kind import Kind


def with_images(task: Kind, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its images as bytes, which may be given as paths of files. Raises `ColumnError`."""
    columns = task.row_schema().images()
    return {**row, **{column.name: column.opened(row[column.name]) for column in columns}}
