"""The stage from declared sources to splits on disk and their report."""

from pathlib import Path
from tempfile import TemporaryDirectory

from teacherspec.prepare.findings import Finding, Findings
from teacherspec.prepare.ingest import ingest, new_spool
from teacherspec.prepare.judge import judge
from teacherspec.prepare.minimums import check_minimums
from teacherspec.prepare.problems import Problems
from teacherspec.prepare.quarantine import FILE_NAME as QUARANTINE
from teacherspec.prepare.quarantine import Quarantine
from teacherspec.prepare.report import write_reports
from teacherspec.prepare.section import Prepare
from teacherspec.prepare.statistics import metrics
from teacherspec.prepare.write import write_splits
from teacherspec.prepared import Prepared
from teacherspec.tasks.fields import RowFields


def prepare(root: Path, kind: str, fields: RowFields, section: Prepare, out: Path, reports: Path) -> Prepared:
    """Read, validate, clean and split the declared rows; write the splits and the report.

    Args:
        root: the repository, which the paths of the sources are relative to.
        kind: of the task.
        fields: what the task demands of a row.
        section: the declaration.
        out: folder of the splits, replaced whole.
        reports: folder of the report.

    Raises:
        DataError: the first problems of all files and how many there are; nothing was written.
    """
    problems = Problems()
    quarantining = section.on_error == "quarantine"
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory(dir=out.parent, prefix=".prepare-") as scratch,
        new_spool(Path(scratch) / "rows.arrow", fields, section.keep_columns) as spool,
        Quarantine(Path(scratch) / QUARANTINE, Problems() if quarantining else problems) as quarantine,
    ):
        ingested = ingest(root, section.sources, fields, section.keep_columns, spool, quarantine, problems)
        quarantine.close()
        if quarantining:
            _refuse_too_many(quarantine, section.max_quarantined * ingested.rows_read, problems)
        problems.refuse_any()
        spool.seal()
        judged = judge(ingested, fields, section, problems)
        findings = Findings(ingested, fields, judged)
        policies = [
            (findings.duplicates, section.duplicates),
            (findings.leaks, section.leaks),
            (findings.conflicts, section.conflicts),
        ]
        refused = [findings.repeated_ids, *(finding for finding, policy in policies if policy == "refuse")]
        for finding in refused:
            problems.add_all((line + finding.cure for line in finding.lines()), finding.total)
        problems.refuse_any()
        check_minimums(judged, section.min_rows_per_class, problems)
        problems.refuse_any()
        told = [Finding("Quarantined", quarantine.told.total, lambda: iter(quarantine.told.shown))]
        extras = [quarantine.path] if quarantining else []
        prepared = write_splits(out, kind, ingested, fields, section.keep_columns, judged, extras)
        told += [finding for finding, _ in policies]
        write_reports(reports, metrics(ingested, judged, quarantine.rows), told)
    return prepared


def _refuse_too_many(quarantine: Quarantine, most: float, problems: Problems) -> None:
    if quarantine.rows > most:
        problems.add(f"prepare.max_quarantined: {quarantine.rows} rows are broken (allowed: {int(most)})")
        problems.add_all(iter(quarantine.told.shown), quarantine.told.total)
