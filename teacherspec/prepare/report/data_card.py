"""The data card, in the format of the Hugging Face hub."""

from collections.abc import Mapping, Sequence
from typing import Any

from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.spec.prepare.prepare import Policy, Prepare
from teacherspec.spec.prepare.source_base import SourceBase
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.columns.row_schema import RowSchema

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""The hub's names for amounts of rows."""


NONE = "-"


def data_card(prepared: Prepared, fields: RowSchema, section: Prepare, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown, with the metadata of the hub (`dataset_info`) in front.

    It states what the stage knows: sources, columns, splits, and what was removed by which rule. The origin
    of the data before that, and its risks, are not known here.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    rows = sum(split.rows for split in prepared.splits.values())
    header = DatasetCardData(
        size_categories=[next((name for most, name in SIZES if rows < most), "1M<n<10M")],
        dataset_info={
            "features": [{"name": name, "dtype": kind} for name, kind in _columns(fields, section)],
            "splits": [{"name": name, "num_examples": split.rows} for name, split in prepared.splits.items()],
        },
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"{name}.parquet"} for name in prepared.splits],
            }
        ],
    )
    personal = metrics["looks_private"]
    closing = (
        f"Rows that may contain personal data: {personal['rows']} of {personal['rows_searched']} searched. "
        "Classes, lengths, drift, examples and advice: `report.md` in the same folder."
    )
    parts = [
        f"# Data of the teacher: {prepared.task}",
        f"{rows} rows in {len(prepared.splits)} splits"
        + (f", {len(prepared.label_names)} classes." if prepared.label_names else "."),
        "## Splits\n\n" + _table(("split", "role", "rows"), _splits(prepared)),
        "## Columns\n\n"
        + _table(("column", "type"), [(code(name), kind) for name, kind in _columns(fields, section)]),
        "## Sources\n\n" + _table(("source", "kind", "goes to", "rows used"), _sources(section)),
        "## Removed\n\n" + _table(("what", "rule", "rows"), _rules(section.policies(), metrics["rows"])),
        closing,
    ]
    return str(DatasetCard(f"---\n{header.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"))


def _splits(prepared: Prepared) -> list[tuple[object, ...]]:
    return [(name, split.role, split.rows) for name, split in prepared.splits.items()]


def _columns(fields: RowSchema, section: Prepare) -> list[tuple[str, str]]:
    own = [(rule.name, str(rule.arrow_type())) for rule in fields.columns()]
    kept = [(name, "as given") for name in section.keep_columns]
    return [("id", "string"), *own, *kept]


def _sources(section: Prepare) -> list[tuple[object, ...]]:
    return [
        (
            code(_place(source)),
            getattr(source, "kind", NONE),
            source.split if source.role is None else f"{source.split} ({source.role})",
            _used(source.weight, source.share, source.rows_per_class),
        )
        for source in section.sources
    ]


def _place(source: SourceBase) -> str:
    named = [getattr(source, name, None) for name in ("url", "dataset")]
    return next(filter(None, [*named, ", ".join(source.local_paths())]), NONE)


def _used(weight: float | None, share: float, rows_per_class: int | None) -> str:
    used = f"by weight {weight:g}" if weight is not None else "all" if share == 1 else f"{share:g} of them"
    return used if rows_per_class is None else f"{used}, at most {rows_per_class} per class"


def _rules(policies: Mapping[str, Policy], rows: Mapping[str, int]) -> list[tuple[object, ...]]:
    rules = [
        (name.replace("_", " "), f"`{policy.declared}: {policy.action}`", rows[name])
        for name, policy in policies.items()
    ]
    return [*rules, ("invalid rows", "`on_error`", rows["quarantined"])]


def _table(columns: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
