"""The stage `probe`: teach small students with and without the teacher, paired. It runs no teacher."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from teacherspec.predictions.classification import load_slices
from teacherspec.predictions.index import load_index, read_split
from teacherspec.probe.outcome import Outcome
from teacherspec.probe.report.measured import Measured, measure
from teacherspec.probe.report.report import write_report
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.probe.probe import Probe

POINTS = 100
"""Points of a share."""


def classification(section: Probe, sources: Sources) -> list[Outcome]:
    """Imported when needed: a probe without students waits for no torch."""
    from teacherspec.probe.classification.probe import probe_classification

    return probe_classification(section, sources)


def generation(section: Probe, sources: Sources) -> list[Outcome]:
    """The same for language models."""
    from teacherspec.probe.generation.probe import probe_generation

    return probe_generation(section, sources)


def retrieval(section: Probe, sources: Sources) -> list[Outcome]:
    """The same for pairs of images and texts."""
    from teacherspec.probe.retrieval.probe import probe_retrieval

    return probe_retrieval(section, sources)


OUTPUT_TYPES: Mapping[str, Callable[[Probe, Sources], list[Outcome]]] = {
    "classification": classification,
    "generation": generation,
    "retrieval": retrieval,
}
"""Output type → what trains the students. `check` refuses students of other types."""


def run_probe(section: Probe, sources: Sources, fit: Path, output: Path, report: Path) -> Iterator[str]:
    """Train the declared students and write what the teacher is worth to them.

    Args:
        section: `params.yaml: probe`.
        sources: outputs of the earlier stages.
        fit: report of `base`, with the parameters of the teacher.
        output: folder to create, with the scores of every row.
        report: folder for the files of `report.write_report`.

    Yields:
        Lines for a person: the verdicts, and a student that is larger than the teacher.

    Raises:
        UserError: rows or predictions are not fit for it, or a training diverges.
    """
    if not section.students:
        write_report(output, report, section, (), (), ())
        return
    index = load_index(sources.evaluated)
    measured = [measure(section, one) for one in OUTPUT_TYPES[index.output_type](section, sources)]
    (test,) = index.splits("test")
    test_ids = read_split(sources.evaluated, test)["id"].to_pylist()
    write_report(output, report, section, measured, load_slices(sources.evaluated), test_ids)
    yield from _lines(measured, read_json(fit)["parameters"]["total"])


def _lines(measured: Sequence[Measured], teacher: int) -> Iterator[str]:
    for one in measured:
        if one.outcome.parameters > teacher:
            yield (
                f"warning: probe.students: {one.outcome.name} has {one.outcome.parameters:,} parameters, "
                f"more than the teacher ({teacher:,}): what it gains "
                "says little of students that are distilled to be smaller"
            )
        name, lifts = next(iter(one.lifts.items()))
        found = lifts[-1]
        ends = found.lift.interval
        yield (
            f"{one.outcome.name}: {found.verdict}; lift {POINTS * ends.value:+.1f} points "
            f"({POINTS * ends.low:.1f} to {POINTS * ends.high:.1f}) on {name}, {one.recommended.name}"
        )
