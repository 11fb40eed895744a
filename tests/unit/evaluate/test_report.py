"""Tables, pictures and the page: complete, harmless, the same bytes each time."""

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from teacherspec.evaluate.classification.analysis import Analysis, all_slices, compare_shifts
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.findings import all_findings
from teacherspec.evaluate.classification.label_errors import hard_examples, label_suspects
from teacherspec.evaluate.classification.metrics import quality
from teacherspec.evaluate.classification.page import write_classification_page
from teacherspec.evaluate.classification.report import write_plots
from teacherspec.evaluate.common_report import read_learning, write_metrics
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.robustness import measure_robustness
from teacherspec.plots.confusion import neighbours
from teacherspec.plots.learning_curves import smoothed
from teacherspec.plots.style import LONGEST_NAME, writable
from teacherspec.runtime.atomic_io import write_json
from teacherspec.spec.evaluate import Evaluate
from tests.unit.evaluate.toy_runs import drawn, measured, training_log
from tests.unit.prepare.toy_data import Workshop, jsonl, messages, text_fields

NASTY = '<script>alert("&")</script>\t<img src=x onerror=1>'
SECTION = Evaluate(resamples=100)


def analysis_of(test: EvalTable) -> Analysis:
    shifted = {"shifted": test}
    robustness = measure_robustness(test.predictions, {"typos": (test.predictions, 3)}, confidence=0.95)
    slices, combinations = all_slices(SECTION, test)
    return Analysis(
        metrics={
            "test": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "shifted": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "train": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "validation": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "calibration": quality(test.predictions, confidence=0.95, resamples=100, seed=0),
            "beyond": {"rows": 7},
            "loss_ratio": 1.25,
            "gain": {"test": {"accuracy": {"value": 0.02, "low": 0.01, "high": 0.03}}},
            "robustness": {},
        },
        test=test,
        shifted=shifted,
        slices=slices,
        combinations=combinations,
        robustness=robustness,
        suspects=label_suspects({"test": test}),
        examples=hard_examples(test),
        findings=all_findings(
            test,
            slices=slices,
            robustness=robustness,
            shifts=compare_shifts(test, shifted, 0.95),
            gains=[],
            loss_ratio=1.25,
            loss_ratio_out_of_fold=None,
            confidence=0.95,
            false_discovery_rate=0.05,
        ),
    )


def write_all(folder: Path, test: EvalTable, data_metrics: Path | None = None) -> Path:
    analysis = analysis_of(test)
    finetuned = training_log(folder / "finetuned")
    paths = Paths(folder, finetuned, folder / "out", folder, folder / "times.json", data_metrics)
    write_metrics(folder, analysis.metrics, analysis.findings)
    write_plots(paths, analysis, 0.95)
    write_classification_page(paths, analysis, SECTION, {})
    return folder


def pictures(folder: Path) -> list[Path]:
    found = sorted((folder / "plots").glob("*.png"))
    assert [path.stem for path in found] == ["classes", "confusion", "learning_curves", "risk_coverage"]
    return found


class Page(HTMLParser):
    """Every tag with its attributes, every word outside of style, and whether tags close in order."""

    VOID = ("meta", "img", "rect", "br")

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.words += " "

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    test = drawn(90, seed=0, label_names=("cold", NASTY, "wet"), texts=[f"{NASTY} {i}" for i in range(90)])
    return write_all(tmp_path_factory.mktemp("report"), test)


def test_the_page_stands_alone_and_runs_nothing(report: Path) -> None:
    content = (report / "report.html").read_text(encoding="utf-8")
    page = Page(content)
    assert page.open == [], "every tag closes"
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    links = [
        value or "" for _, attrs in page.tags for name, value in attrs.items() if name in ("src", "href")
    ]
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in links)
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert 'alert("&")' in page.words, "what data say is shown as text"
    assert "<script" not in content
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


def test_the_page_tells_everything(report: Path) -> None:
    words = " ".join(Page((report / "report.html").read_text(encoding="utf-8")).words.split())
    metrics = json.loads((report / "metrics.json").read_text())
    assert f"{metrics['test']['macro_f1']['value']:.3f}" in words
    assert "1.25" in words
    for finding in json.loads((report / "findings.json").read_text()):
        assert " ".join(finding["sentence"].replace("`", "").split()) in words
    assert "beyond out of scope 7" in words
    assert "typos 3 of 90" in words


def test_tables_have_a_line_for_each_row_they_tell_of(report: Path) -> None:
    lines = {path.name: path.read_text().splitlines() for path in (report / "plots").glob("*.tsv")}
    assert len(lines["confusion.tsv"]) == 1 + 90
    assert len(lines["classes.tsv"]) == 1 + 3
    assert len(lines["robustness.tsv"]) == 1 + 1
    assert len(lines["hardest.tsv"]) > 25
    for name, table in lines.items():
        assert len({line.count("\t") for line in table}) == 1, name


def test_the_same_numbers_give_the_same_bytes(report: Path, tmp_path: Path) -> None:
    test = drawn(90, seed=0, label_names=("cold", NASTY, "wet"), texts=[f"{NASTY} {i}" for i in range(90)])
    again = write_all(tmp_path, test)
    for path in sorted([*report.glob("*.*"), *report.glob("plots/*")]):
        assert path.read_bytes() == (again / path.relative_to(report)).read_bytes(), path.name


def test_many_classes_and_a_model_that_is_always_right(tmp_path: Path) -> None:
    names = tuple(f"class_{i:03d}" for i in range(150))
    labels = [i % 150 for i in range(600)]
    write_all(tmp_path, measured(labels, labels, label_names=names))
    for path in pictures(tmp_path):
        with Image.open(path) as picture:
            assert min(picture.size) > 200
            assert max(picture.size) < 4000, f"{path.name} can still be looked at"
    assert "class_149" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("classes", [2, 40])
def test_pictures_of_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    labels = [i % classes for i in range(200)]
    predicted: Sequence[int] = [0 if i % 7 == 0 else label for i, label in enumerate(labels)]
    write_all(tmp_path, measured(labels, predicted, label_names=tuple(f"c{i}" for i in range(classes))))
    assert all(path.stat().st_size > 1000 for path in pictures(tmp_path))


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    names = ("$x_1$ and $y$", "支払い", "a\ttab " + 40 * "long ")
    labels = [i % 3 for i in range(30)]
    write_all(tmp_path, measured(labels, [0] * 30, label_names=names))
    assert writable(names[0]) == names[0]
    assert set(writable(names[1])) == {"▯"}
    assert writable(names[2]).startswith("a tab long")
    assert len(writable(names[2])) == LONGEST_NAME


def test_confused_classes_stand_side_by_side() -> None:
    matrix = np.diag(np.full(6, 10))
    matrix[0, 5] = matrix[5, 0] = matrix[2, 4] = 5
    order = neighbours(matrix).tolist()
    assert sorted(order) == list(range(6))
    assert abs(order.index(0) - order.index(5)) == 1
    assert abs(order.index(2) - order.index(4)) == 1


def test_smoothing_is_the_mean_around() -> None:
    values = np.random.default_rng(0).random(100)
    smooth = smoothed(values.tolist())
    assert smooth[50] == pytest.approx(values[48:53].mean())
    assert smooth[0] == pytest.approx(values[:3].mean())
    np.testing.assert_allclose(smoothed([0.5] * 7), 0.5)
    assert smoothed([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_the_log_is_read_as_written(tmp_path: Path) -> None:
    log = read_learning(training_log(tmp_path))
    assert log.step_epoch[:2] == [0.1, 0.2]
    assert log.nll == [1.0, 0.5, 1 / 3, 0.25]
    assert log.best_epoch == 3.0


def test_the_page_tells_of_the_data_what_prepare_counted(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path / "data", text_fields())
    workshop.write("data/rows.jsonl", jsonl([*messages(200), messages(1)[0]]))
    workshop.prepare([{"kind": "jsonl", "path": "data/rows.jsonl"}])
    counted = workshop.metrics()
    test = drawn(90, seed=0, label_names=("cold", "warm", "wet"))
    analysis = analysis_of(test)
    write_json(tmp_path / "metrics.json", counted)
    folder = write_all(tmp_path / "report", test, tmp_path / "metrics.json")
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    words = " ".join(page.words.split())
    assert page.open == []
    assert f"201 rows read, {counted['rows']['kept']} kept. Removed or counted: 1 duplicates" in words
    judged = sum(analysis.metrics[name]["rows"] for name in ("validation", "calibration", "test"))
    assert f"Label noise: {len(analysis.suspects)} of {judged} rows" in words
    assert "characters p50" in words


def test_without_what_prepare_counted_the_page_has_no_such_section(report: Path) -> None:
    assert "Label noise:" not in (report / "report.html").read_text(encoding="utf-8")
