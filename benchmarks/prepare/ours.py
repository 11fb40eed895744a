"""The stage `prepare` on the generated rows.

python -m benchmarks.prepare.ours /tmp/rows /tmp/ours
"""

import json
import sys
from pathlib import Path

from teacherspec.prepare.run import prepare
from teacherspec.runtime.machine import working_memory
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn


def main(folder: Path, out: Path) -> None:
    name = folder.name
    declared = {
        "data": name,
        "sources": [
            {"kind": "jsonl", "path": f"{name}/train.jsonl"},
            {"kind": "jsonl", "path": f"{name}/test.jsonl", "split": "test"},
        ],
        "fractions": {"train": 0.8, "validation": 0.1, "calibration": 0.1, "test": 0.0},
        "on_error": "quarantine",
        "conflicts": "drop",
        "near_duplicates": {"similarity": 0.8, "within_split": "drop"},
    }
    section = Prepare.model_validate_json(json.dumps(declared))
    fields = RowSchema(content=(TextColumn("text"),), label=LabelColumn("label"))
    prepare(
        folder.parent,
        "text_classification",
        fields,
        section,
        out / "prepare",
        out / "reports",
        working_memory(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
