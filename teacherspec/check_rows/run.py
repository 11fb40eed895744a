"""The stage `check_rows`: what `evaluate`, `probe` and `package` declare, against the rows and the base."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from teacherspec.check_rows.extract_pattern import pattern_problems
from teacherspec.check_rows.probe_students import pretrained_problems
from teacherspec.check_rows.student import compare_student, student_problems
from teacherspec.errors import DataError, UserError
from teacherspec.evaluation_rows.slice_features import by_column
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.evaluate import ColumnSlices, Evaluate
from teacherspec.spec.package import Package
from teacherspec.spec.probe.probe import Probe
from teacherspec.splits import Split, load_prepared, open_split
from teacherspec.tasks.shared.generation_task import GenerationTask
from teacherspec.tasks.shared.interfaces.kind import Kind

WORD = re.compile(r"\b\w\w+\b")
"""What scikit-learn takes for a word."""


def check_rows(
    task: Kind, evaluate: Evaluate, probe: Probe, package: Package, prepared: Path, base: Path
) -> dict[str, Any] | None:
    """Refuse what the stages after the training would refuse, as far as rows and base show it.

    Args:
        task: the declared task.
        evaluate: `params.yaml: evaluate`.
        probe: `params.yaml: probe`.
        package: `params.yaml: package`.
        prepared: output folder of `prepare`.
        base: `reports/base`.

    Returns:
        The comparison with the declared student; None without one.

    Raises:
        UserError: all problems, each with its key.
    """
    found, fit = load_prepared(prepared), read_json(base / "fit.json")
    splits = found.splits
    problems = [
        *column_problems(evaluate.slices, splits["test"]),
        *vocabulary_problems(evaluate, package, fit),
        *probe.budget_problems(splits["train"].rows, len(found.label_names)),
        *word_problems(task, probe, splits["train"]),
    ]
    student = None
    generates = task.capability(GenerationTask)
    manifest = base / "manifest.json"
    if generates is not None:
        width = fit.get("vocabulary", {}).get("embedding_rows")
        problems += pretrained_problems(generates, probe, splits["train"], manifest, width)
    if generates is not None and evaluate.generation is not None:
        problems += pattern_problems(generates, evaluate.generation, splits)
    if generates is not None and package.student is not None:
        width = package.trim_vocabulary or fit["vocabulary"]["embedding_rows"]
        student = compare_student(generates, package.student, splits["train"], manifest, width)
        problems += student_problems(student)
    if problems:
        raise UserError(problems)
    return student


def column_problems(declared: Sequence[Any], test: Split) -> Iterator[str]:
    """Columns of the test split that cannot be sliced as declared."""
    for one in declared:
        if isinstance(one, ColumnSlices):
            try:
                by_column(one, open_split(test)[one.column][:])
            except DataError as error:
                yield from error.problems


def word_problems(task: Kind, probe: Probe, train: Split) -> Iterator[str]:
    """Students that read words where no train text holds one, as in languages that write no spaces."""
    reading = [place for place, one in enumerate(probe.students) if getattr(one, "unit", "") == "word"]
    if reading:
        column = task.row_schema().content[0].name
        if not any(WORD.search(text) for text in open_split(train)[column]):
            yield (
                f"probe.students.{reading[0]}.unit: no train text has a word of two letters or more; declare "
                "character"
            )


def vocabulary_problems(evaluate: Evaluate, package: Package, fit: Mapping[str, Any]) -> Iterator[str]:
    """What `evaluate` and `package` want of the vocabulary that the base does not have."""
    sizes = fit.get("vocabulary", {})
    rows, tokens = sizes.get("embedding_rows"), sizes.get("tokenizer")
    if rows is not None and tokens is not None:
        yield from package.vocabulary_problems(rows, tokens)
    if rows is not None and evaluate.top_k is not None and evaluate.top_k >= rows:
        limit = f"below {rows}, the size of the vocabulary"
        yield f"evaluate.top_k: given {evaluate.top_k}; allowed: {limit}"
