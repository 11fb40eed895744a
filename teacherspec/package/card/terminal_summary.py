"""The summary on the terminal: quality of the teacher, its verdict, its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.probe_numbers import SCORES, points, probed_sets, score_name
from teacherspec.package.card.readiness import format_limit, verdict
from teacherspec.package.quality_gates import find
from teacherspec.package.run import PackageResult
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.escaping import printable

MEBIBYTE = 1 << 20

QUALITY = {
    "accuracy": "accuracy",
    "F1 of entities": "f1",
    "image → text": "image_to_text.recall_at_1",
    "text → image": "text_to_image.recall_at_1",
    "Pearson": "pearson",
    "RMSE": "rmse",
}
"""Printed measures of quality, where they are reported; in retrieval, accuracy is that of candidate sets,
in token classification that of words."""


GAINED = {"accuracy": "accuracy", "rmse": "RMSE, as much lower,"}
"""Measures of the gain, of which the first that is reported is printed."""


def print_summary(packaged: PackageResult, timing: Path) -> None:
    """Print one compact table.

    Args:
        packaged: result of the stage.
        timing: JSON file of measured times, which no stage tracks; may be absent.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column()
    for row in (*_quality(packaged.outputs), *_reliability(packaged.outputs), *_latency(timing)):
        table.add_row(*map(_plain, row))
    colour = "green" if verdict(packaged.gates) == "ready" else "red"
    console = Console(highlight=False)
    console.print(table)
    for line in _gates(packaged):
        console.print(line, soft_wrap=True)
    size = packaged.size_bytes / MEBIBYTE
    console.print(
        f"[bold {colour}]{verdict(packaged.gates).upper()}[/] {_plain(packaged.teacher)} ({size:.1f} MiB)",
        soft_wrap=True,
    )


def _plain(text: object) -> str:
    """Text as it is: it holds no markup of rich, and nothing that acts on a terminal."""
    from rich.markup import escape

    return escape(printable(str(text)))


def _quality(outputs: StageOutputs) -> Iterator[tuple[str, str, str]]:
    names = ("test", *(split.name for split in outputs.prepared.of_role("shifted")))
    for words, metric in QUALITY.items():
        for name in names:
            measured = find(outputs.reports, f"evaluate.{name}.{metric}")
            if measured is not None:
                yield words if name == "test" else "", interval(measured), name
    for name in names:
        what = next(one for one in GAINED if find(outputs.reports, f"evaluate.gain.{name}.{one}"))
        gained = interval(outputs.number(f"evaluate.gain.{name}.{what}"))
        yield "gain" if name == "test" else "", gained, f"{name}; {GAINED[what]} over its untrained base"
    if answers := find(outputs.reports, "evaluate.gain.test.generated.exact_match"):
        yield "", interval(answers), "test; exact match of answers over its untrained base"
    if mean := find(outputs.reports, "evaluate.seeds.test.accuracy"):
        sd, count = (
            outputs.number(f"evaluate.seeds.test.{name}").value for name in ("accuracy_sd", "trainings")
        )
        yield "seeds", f"{mean.value:.3f} ± {sd:.3f}", f"test; accuracy of {count:g} trainings, mean ± sd"
    for name, probed in probed_sets(outputs.reports["probe"]).items():
        score = SCORES[score_name(outputs.reports["probe"])]
        shown = f"{name}; points of {score} of a student, over labels only"
        yield "lift" if name == "test" else "", points(probed["lift"]), shown


def _reliability(outputs: StageOutputs) -> Iterator[tuple[str, str, str]]:
    """How far its probabilities can be trusted."""
    if accepted := find(outputs.reports, "calibrate.test.abstention.coverage"):
        yield "abstains", f"{1 - accepted.value:.3f}", f"test; {_risk(outputs)}"
    if within := find(outputs.reports, "calibrate.test.interval.coverage"):
        level, noise = (outputs.number(f"calibrate.test.interval.{one}").value for one in ("level", "noise"))
        yield "interval", interval(within), f"test; of level {level:g}, {noise:.4f} may be noise"
    if find(outputs.reports, "calibrate.test.ece.after"):
        yield _ece(outputs)
    if unseen := find(outputs.reports, "evaluate.loss_ratio_out_of_fold"):
        yield "loss ratio", f"{unseen.value:.3f}", "validation over train rows out of fold"
    yield "loss ratio", f"{outputs.number('evaluate.loss_ratio').value:.3f}", "validation over train"
    for split in outputs.prepared.of_role("ood"):
        auroc = outputs.number(f"calibrate.{split.name}.max_probability.after.auroc")
        yield "AUROC", interval(auroc), f"test against {split.name}"


def _ece(outputs: StageOutputs) -> tuple[str, str, str]:
    before, after = (outputs.number(f"calibrate.test.ece.{when}").value for when in ("before", "after"))
    noise = outputs.number("calibrate.test.ece.noise_after").value
    return "ECE", f"{before:.4f} → {after:.4f}", f"test; {noise:.4f} may be noise{_harm(outputs)}"


def _risk(outputs: StageOutputs) -> str:
    """What is left wrong among the rows that are not abstained from."""
    wrong = find(outputs.reports, "calibrate.test.abstention.risk")
    return (
        f"{wrong.value:.3f} of the rest is wrong"
        if wrong
        else "NO CONFIDENCE IS PROVEN for the declared risk"
    )


def _harm(outputs: StageOutputs) -> str:
    """A rise of the ECE is never left to the reader to notice."""
    if outputs.number("calibrate.test.worsened").value:
        return "; CALIBRATION MADE IT WORSE"
    rose = outputs.number("calibrate.test.ece.change").value > 0
    return "; the rise is within noise" if rose else ""


def _latency(timing: Path) -> Iterator[tuple[str, str, str]]:
    if timing.is_file():
        times: Mapping[str, Any] = read_json(timing)
        yield (
            "latency",
            f"{times['p50_ms']:.1f} ms (p95 {times['p95_ms']:.1f})",
            f"one at a time; {times['examples_per_s']:.0f} examples/s in batches",
        )


def _gates(packaged: PackageResult) -> Iterator[str]:
    """A line a gate; the terminal wraps what is too long, a log keeps it whole."""
    for gate in packaged.gates:
        sign = "[green]pass[/]" if gate.passed else "[bold red]FAIL[/]"
        yield f"{sign}  {gate.gate.metric} {format_limit(gate)}: {_plain(gate.reason)}"
