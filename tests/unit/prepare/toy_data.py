"""A folder with source files and a declaration, prepared by the real stage."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from teacherspec.prepare.run import prepare
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.entrypoint import FAILED, report_user_errors
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn

SHARED = Path(__file__).parents[4] / "shared" / "data"
HALVES = {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2}
ANY_AMOUNT = {"train": 1, "validation": 0, "calibration": 0, "test": 0}

Row = Mapping[str, Any]


def text_fields(label_names: Sequence[str] | None = None) -> RowSchema:
    """The row of text classification, without the task's model code."""
    return RowSchema(content=(TextColumn("text"),), label=LabelColumn("label", label_names))


def image_fields(label_names: Sequence[str] | None = None) -> RowSchema:
    """The row of image classification, without the task's model code."""
    return RowSchema(content=(ImageColumn("image"),), label=LabelColumn("label", label_names))


def jsonl(rows: Iterable[Row]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def messages(number: int, start: int = 0) -> list[dict[str, Any]]:
    """Distinct texts of three classes."""
    return [
        {"text": f"message number {i} about {'abc'[i % 3]}", "label": ("ant", "bee", "cat")[i % 3]}
        for i in range(start, start + number)
    ]


@dataclass
class Workshop:
    """A repository at `root` with data files, and the stage run on them."""

    root: Path
    fields: RowSchema

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def section(self, sources: Sequence[Mapping[str, Any]], **given: Any) -> Prepare:
        hashed = any(source.get("split", "by_hash") == "by_hash" for source in sources)
        shares = {"fractions": HALVES} if hashed else {}
        declared = {"data": "data", "sources": sources, **shares, "min_rows_per_class": ANY_AMOUNT, **given}
        return Prepare.model_validate_json(json.dumps(declared))

    def prepare(self, sources: Sequence[Mapping[str, Any]], **given: Any) -> Prepared:
        section = self.section(sources, **given)
        return prepare(self.root, "text_classification", self.fields, section, self.out, self.reports)

    def refusal(self, sources: Sequence[Mapping[str, Any]], **given: Any) -> tuple[str, ...]:
        """The problems of a refused run, which must leave nothing behind."""
        code, problems = self.run_refused(sources, **given)
        assert code == FAILED
        return problems

    def run_refused(self, sources: Sequence[Mapping[str, Any]], **given: Any) -> tuple[int, tuple[str, ...]]:
        """The exit code of a refused run, and its lines on stderr."""
        before, stderr = self._stored(), io.StringIO()
        try:
            with redirect_stderr(stderr), report_user_errors():
                self.prepare(sources, **given)
        except SystemExit as end:
            assert self._stored() == before
            assert [path.name for path in self.out.parent.glob(".*")] == []
            return int(end.code or 0), tuple(stderr.getvalue().splitlines())
        raise AssertionError("nothing was refused")

    def _stored(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(self.out.rglob("*")) if path.is_file()}

    @property
    def out(self) -> Path:
        return self.root / "artifacts" / "prepare"

    @property
    def reports(self) -> Path:
        return self.root / "reports" / "prepare"

    def rows(self, split: str) -> list[dict[str, Any]]:
        return list(pq.read_table(self.out / f"{split}.parquet").to_pylist())

    def all_rows(self) -> dict[str, list[dict[str, Any]]]:
        return {path.stem: self.rows(path.stem) for path in sorted(self.out.glob("*.parquet"))}

    def metrics(self) -> dict[str, Any]:
        return dict(read_json(self.reports / "metrics.json"))

    def report(self) -> str:
        return (self.reports / "report.md").read_text()
