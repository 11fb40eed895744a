"""What the columns that describe labels hold in each split, and whether rows are left that count."""

from collections.abc import Mapping

import numpy as np

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.problem_log import Problems
from teacherspec.splits import UNLABELLED
from teacherspec.tasks.shared.columns.row_schema import RowSchema

Measures = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Column → split → name of a number → its value."""


def label_details(
    ingested: Ingested, fields: RowSchema, assignment: Assignment, problems: Problems
) -> Measures:
    """Numbers of each such column in each split with labels; splits that no training can use are problems."""
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    for column in fields.label_details:
        for at, split in assignment.stored():
            rows = [part for part in assignment.rows_of(at) if len(part)]
            if assignment.roles[at] in UNLABELLED or not rows:
                continue
            measures = column.measures(
                ingested.row_store.gather(part, [column.name])[column.name] for part in rows
            )
            found.setdefault(column.name, {})[split] = measures
            if problem := column.problem(measures):
                first = ingested.place(int(np.concatenate(rows).min()))
                problems.add(
                    first, f"{column.name}: {problem} (split {split}, of which this is the first row)"
                )
    return found
