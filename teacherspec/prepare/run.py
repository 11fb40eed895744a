"""The stage from declared sources to splits on disk and their report."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.plots.data import DataPicture
from teacherspec.prepare.dedup_and_split import judge
from teacherspec.prepare.ingest import ingest, new_spool
from teacherspec.prepare.min_rows import check_minimums
from teacherspec.prepare.mmap_columns import Scratch
from teacherspec.prepare.pii import search_private
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.quarantine import FILE_NAME as QUARANTINE
from teacherspec.prepare.quarantine import Quarantine
from teacherspec.prepare.report.content_preview import pictures
from teacherspec.prepare.report.data_card import data_card
from teacherspec.prepare.report.dataset_statistics import metrics, size_quantiles
from teacherspec.prepare.report.finding_messages import Finding, Narrator
from teacherspec.prepare.report.report import write_reports
from teacherspec.prepare.row_validation import Beside
from teacherspec.prepare.write_splits import Layout, write_splits
from teacherspec.runtime.machine import DEFAULT_MEMORY_MIB
from teacherspec.spec.prepare import Policy, Prepare
from teacherspec.splits import Prepared
from teacherspec.tasks.columns.row_schema import RowSchema


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
        root: the repository, which the paths of the sources are relative to.
        kind: of the task.
        fields: what the task demands of a row.
        section: the declaration.
        out: folder of the splits, replaced whole.
        reports: folder of the report.
        memory_bytes: for the arrays of one step, beside the libraries and the batch of rows at hand; it
            changes no byte of what is written.

    Raises:
        DataError: the first problems of all files and how many there are; nothing was written.
    """
    problems = Problems()
    beside = Beside(section.keep_columns, section.group)
    quarantining = section.on_error == "quarantine"
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=out.parent, prefix=".prepare-") as folder,
        new_spool(Path(folder), fields, beside) as spool,
        Quarantine(Path(folder) / QUARANTINE, Problems() if quarantining else problems) as quarantine,
    ):
        ingested = ingest(root, section.sources, fields, beside, spool, quarantine, problems)
        quarantine.close()
        if quarantining:
            _refuse_too_many(quarantine, section.max_quarantined * ingested.rows_read, problems)
        problems.refuse_any()
        spool.seal()
        judged = judge(ingested, fields, section, problems, Scratch(Path(folder), memory_bytes))
        narrator = Narrator(ingested, fields, judged)
        findings = narrator.findings()
        _refuse(narrator.repeated_ids(), "", problems)
        _refuse_by_policy(findings, section.policies(), problems)
        check_minimums(judged, section.min_rows_per_class, ingested.place, problems)
        problems.refuse_any()
        layout = Layout(kind, fields, section.keep_columns, section.folds, section.seed)
        prepared = write_splits(out, ingested, judged, layout, [quarantine.path] if quarantining else [])
        aside = Finding("Quarantined", quarantine.told.total, lambda: iter(quarantine.told.shown()))
        private = search_private(ingested, fields, judged)
        numbers = metrics(ingested, fields, judged, private, quarantine.rows)
        told = [aside, *findings.values(), private.finding(ingested)]
        in_train = {label: splits["train"] for label, splits in numbers["classes"].items()}
        sizes = size_quantiles(ingested, judged)
        picture = DataPicture(in_train, sizes, fields.unit(), pictures(ingested, fields, judged))
        card = data_card(prepared, fields, section, numbers)
        write_reports(reports, numbers, told, section.policies(), picture, card)
    return prepared


def _refuse_by_policy(
    findings: Mapping[str, Finding], policies: Mapping[str, Policy], problems: Problems
) -> None:
    for name, policy in policies.items():
        if policy.action == "refuse":
            _refuse(findings[name], f"; or declare `prepare.{policy.declared}: drop`", problems)


def _refuse(finding: Finding, cure: str, problems: Problems) -> None:
    problems.add_all((line + cure for line in finding.lines()), finding.total)


def _refuse_too_many(quarantine: Quarantine, most: float, problems: Problems) -> None:
    if quarantine.rows > most:
        problems.add("prepare.max_quarantined", f"{quarantine.rows} rows are broken (allowed: {int(most)})")
        problems.add_all(iter(quarantine.told.shown()), quarantine.told.total)
