"""The stage `prepare`: from declared sources to splits on disk and their report."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from teacherspec.plots.data import DataPicture
from teacherspec.prepare.dedup_and_split import Assignment, assign_splits
from teacherspec.prepare.ingest import Ingested, ingest, new_row_store
from teacherspec.prepare.label_details import Measures, label_details
from teacherspec.prepare.min_rows import check_minimums
from teacherspec.prepare.mmap_columns import Workspace
from teacherspec.prepare.pii import search_pii
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.quarantine import FILE_NAME as QUARANTINE
from teacherspec.prepare.quarantine import Quarantine
from teacherspec.prepare.report.content_preview import pictures
from teacherspec.prepare.report.data_card import data_card
from teacherspec.prepare.report.dataset_statistics import metrics, size_quantiles
from teacherspec.prepare.report.finding_messages import Finding, FindingMessages
from teacherspec.prepare.report.report import write_reports
from teacherspec.prepare.row_validation import ExtraColumns
from teacherspec.prepare.write_splits import Layout, write_splits
from teacherspec.runtime.atomic_io import scratch_folder
from teacherspec.runtime.machine import DEFAULT_MEMORY_MIB
from teacherspec.spec.prepare.prepare import Policy, Prepare
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.columns.row_schema import RowSchema


class Rows(NamedTuple):
    """The rows of one run: as they were read, their columns, and where each belongs."""

    ingested: Ingested
    fields: RowSchema
    assignment: Assignment


def prepare(
    root: Path,
    kind: str,
    fields: RowSchema,
    section: Prepare,
    out: Path,
    reports: Path,
    memory_bytes: int = DEFAULT_MEMORY_MIB << 20,
) -> Prepared:
    """Read, validate, clean and split the declared rows; write the splits and the report.

    Args:
        root: the repository; paths of sources are relative to it.
        kind: of the task.
        fields: the row schema of the task.
        section: `params.yaml: prepare`.
        out: folder of the splits, replaced atomically.
        reports: folder of the report.
        memory_bytes: limit for the arrays of one step, in addition to libraries and the current batch of
            rows; it changes no byte of the output.

    Raises:
        DataError: the first problems of all files and how many there are; nothing was written.
    """
    problems = Problems()
    extra_columns = ExtraColumns(section.keep_columns, section.group, frozenset(section.no_group))
    if section.compare == "exact":
        fields = fields.compared_exactly()
    quarantining = section.on_error == "quarantine"
    with (
        scratch_folder(out.with_name(f"{out.name}-scratch")) as folder,
        new_row_store(folder, fields, extra_columns) as row_store,
        Quarantine(folder / QUARANTINE, Problems() if quarantining else problems) as quarantine,
    ):
        ingested = ingest(root, section.sources, fields, extra_columns, row_store, quarantine, problems)
        quarantine.close()
        if quarantining:
            _refuse_too_many(quarantine, section.max_quarantined * ingested.rows_read, problems)
        problems.refuse_any()
        row_store.seal()
        assignment = assign_splits(ingested, fields, section, problems, Workspace(folder, memory_bytes))
        rows = Rows(ingested, fields, assignment)
        findings = _accepted_findings(FindingMessages(*rows), section.policies(), problems)
        check_minimums(assignment, section.min_rows_per_class, ingested.place, problems)
        details = label_details(ingested, fields, assignment, problems)
        problems.refuse_any()
        layout = Layout(kind, fields, section.keep_columns, section.folds, section.seed)
        prepared = write_splits(root, out, ingested, assignment, layout, [quarantine.path] * quarantining)
        _report(reports, prepared, section, rows, quarantine, findings, details)
    return prepared


def _report(
    reports: Path,
    prepared: Prepared,
    section: Prepare,
    rows: Rows,
    quarantine: Quarantine,
    findings: Mapping[str, Finding],
    details: Measures,
) -> None:
    ingested, fields, assignment = rows
    quarantined = Finding("Quarantined", quarantine.problems.total, lambda: iter(quarantine.problems.shown()))
    pii = search_pii(*rows)
    numbers = metrics(*rows, section, pii, quarantine.rows)
    if details:
        numbers["label_details"] = details
    in_train = {label: splits["train"] for label, splits in numbers["classes"].items()}
    picture = DataPicture(in_train, size_quantiles(ingested, assignment), fields.unit(), pictures(*rows))
    reported = [quarantined, *findings.values(), pii.finding(ingested)]
    card = data_card(prepared, fields, section, numbers)
    write_reports(reports, numbers, reported, section.policies(), picture, card)


def _accepted_findings(
    messages: FindingMessages, policies: Mapping[str, Policy], problems: Problems
) -> dict[str, Finding]:
    """All findings; those that are refused become problems."""
    findings = messages.findings()
    _refuse(messages.repeated_ids(), "", problems)
    for name, policy in policies.items():
        if policy.action == "refuse":
            _refuse(findings[name], f"; or declare `prepare.{policy.declared}: drop`", problems)
    return findings


def _refuse(finding: Finding, remedy: str, problems: Problems) -> None:
    problems.add_all((line + remedy for line in finding.lines()), finding.total)


def _refuse_too_many(quarantine: Quarantine, most: float, problems: Problems) -> None:
    if quarantine.rows > most:
        problems.add("prepare.max_quarantined", f"{quarantine.rows} rows are invalid (allowed: {int(most)})")
        problems.add_all(iter(quarantine.problems.shown()), quarantine.problems.total)
