import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from datasets import load_dataset
from torch.nn.functional import kl_div, log_softmax, softmax
from transformers import pipeline

from teacherspec.calibrators.fitted import Temperature
from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.metrics.ood import confidence_log_odds
from teacherspec.predictions.classification import load_predictions
from teacherspec.serving import load_teacher
from teacherspec.serving.classification import ClassificationTeacher, abstention_score
from tests.toys.packaged_teacher import PackagedTeacher


@pytest.fixture(scope="module")
def teacher(packaged_teacher: PackagedTeacher) -> ClassificationTeacher:
    return load_teacher(packaged_teacher.folder)


@pytest.fixture(scope="module")
def soft(packaged_teacher: PackagedTeacher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    opened = load_dataset(
        str(packaged_teacher.folder / "distill"),
        "soft",
        split="validation",
        cache_dir=str(tmp_path_factory.mktemp("cache")),
    )
    return opened.to_dict()


def rows_of(soft: dict[str, list]) -> list[dict[str, str]]:
    return [{"text": text} for text in soft["text"]]


def test_batches_make_no_difference(teacher: ClassificationTeacher, soft: dict[str, list]) -> None:
    rows = rows_of(soft)
    whole = teacher.logits(rows, batch_size=len(rows))
    assert whole.shape == (len(rows), 3)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(teacher.logits(rows, batch_size=5), whole, atol=1e-5)
    np.testing.assert_allclose(whole, np.array(soft["logits"], np.float32), atol=1e-5)


def test_probabilities_are_calibrated_once(teacher: ClassificationTeacher, soft: dict[str, list]) -> None:
    assert isinstance(teacher.calibrator, Temperature)
    assert teacher.calibrator.temperature != pytest.approx(1.0, abs=1e-3)
    logits = torch.tensor(soft["logits"], dtype=torch.float64)
    expected = softmax(logits / teacher.calibrator.temperature, dim=-1)
    np.testing.assert_allclose(teacher.probs(rows_of(soft)), expected, atol=1e-5)


def test_no_rows_give_no_rows(teacher: ClassificationTeacher) -> None:
    assert teacher.logits([]).shape == (0, 3)
    assert teacher.probs([]).shape == (0, 3)


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no teacher package"):
        load_teacher(tmp_path)


def divergence(targets: torch.Tensor, logits: torch.Tensor, temperature: float) -> float:
    """KL(teacher ‖ student) in nats a row, both `[N, C]` logits at the distillation temperature."""
    student = log_softmax(logits / temperature, dim=-1)
    return float(kl_div(student, softmax(targets / temperature, dim=-1), reduction="batchmean"))


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_a_student_learns_the_same_from_stored_targets_as_from_the_teacher(
    teacher: ClassificationTeacher, soft: dict[str, list], temperature: float
) -> None:
    stored = torch.tensor(soft["logits"], dtype=torch.float64)
    online = torch.tensor(teacher.logits(rows_of(soft)), dtype=torch.float64)
    student = torch.tensor(np.random.default_rng(0).normal(size=tuple(stored.shape)))
    assert divergence(stored, online, temperature) < 1e-9, "the teacher as its own student"
    assert divergence(stored, student, temperature) == pytest.approx(
        divergence(online, student, temperature), abs=1e-5
    )
    assert divergence(stored.roll(1, 0), online, temperature) > 0.1, "targets of the row before must not pass"


def test_a_pipeline_of_transformers_takes_the_model_folder(
    packaged_teacher: PackagedTeacher, soft: dict[str, list]
) -> None:
    classify = pipeline("text-classification", model=str(packaged_teacher.folder / "model"), device="cpu")
    answers = classify(soft["text"][:4], truncation=True)
    predicted = load_predictions(packaged_teacher.stages.evaluated, "validation").logits[:4].argmax(1)
    assert [answer["label"] for answer in answers] == [("cold", "hot", "wet")[k] for k in predicted]


def predict(packaged_teacher: PackagedTeacher, rows: str, *options: str) -> tuple[int, list[dict], str]:
    done = CliRunner().invoke(main, ["predict", str(packaged_teacher.folder), *options], input=rows)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_predict_answers_each_row_in_order(
    packaged_teacher: PackagedTeacher, teacher: ClassificationTeacher
) -> None:
    rows = [{"id": "a", "text": "snow and ice"}, {"text": "the river"}, {"text": "sun sun sun"}]
    lines = "\n\n".join(json.dumps(row) for row in rows)
    code, answers, errors = predict(packaged_teacher, lines, "--batch-size", "2")
    assert (code, errors) == (0, "")
    probs = teacher.probs([{"text": row["text"]} for row in rows])
    for answer, expected in zip(answers, probs, strict=True):
        assert list(answer["probs"].values()) == pytest.approx(expected.tolist(), abs=1e-5)
        assert answer["confidence"] == max(answer["probs"].values())
        assert answer["probs"][answer["label"]] == answer["confidence"]
    assert [answer.get("id") for answer in answers] == ["a", None, None]


def test_rows_of_similar_length_share_a_batch_and_keep_their_order(
    packaged_teacher: PackagedTeacher, teacher: ClassificationTeacher, tmp_path: Path
) -> None:
    texts = ["snow " * (1 + (7 * number) % 9) for number in range(9)]
    seen: list[list[str]] = []

    def watched(some: list[str], **options: object) -> object:
        if "padding" in options:
            seen.append(some)
        return teacher.processor(some, **options)

    logits = replace(teacher, processor=watched).logits([{"text": text} for text in texts], batch_size=3)
    _, *seen = seen  # the first are all rows, for their lengths
    assert seen == [list(some) for some in np.array_split(sorted(texts, key=len, reverse=True), 3)]
    np.testing.assert_allclose(logits, [teacher.logits([{"text": text}])[0] for text in texts], atol=1e-5)
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    _, answers, _ = predict(packaged_teacher, "", str(tmp_path / "rows.jsonl"), "--batch-size", "3")
    confidence = teacher.calibrated(logits).max(axis=1).tolist()
    assert [answer["confidence"] for answer in answers] == pytest.approx(confidence, abs=1e-5)


def test_predict_reads_what_editors_of_other_systems_write(packaged_teacher: PackagedTeacher) -> None:
    """A byte order mark is no part of the first row; another encoding is named by its line and byte."""

    def read(content: bytes) -> tuple[int, str, str]:
        done = CliRunner().invoke(main, ["predict", str(packaged_teacher.folder)], input=content)
        return done.exit_code, done.stdout, done.stderr

    row = json.dumps({"id": "a", "text": "snow and ice"}).encode()
    assert read(b"\xef\xbb\xbf" + row + b"\r\n") == read(row)
    assert read(row)[0] == 0
    latin = row + b"\n" + '{"text": "caf\u00e9"}'.encode("latin-1")
    for content, where in (
        (latin, ":2: is not UTF-8 (byte 14 of the line is 0xe9)"),
        (row.decode().encode("utf-16"), ":1: is not UTF-8 (byte 1 of the line is 0xff)"),
        (b"\n\xef\xbb\xbf" + row, ":2: is not JSON"),
    ):
        code, _, errors = read(content)
        assert (code, len(errors.splitlines())) == (1, 1)
        assert where in errors


def test_predict_abstains_below_the_proven_score(
    packaged_teacher: PackagedTeacher, teacher: ClassificationTeacher
) -> None:
    saved = json.loads((packaged_teacher.folder / "calibration/calibration.json").read_text())["abstention"]
    test = load_predictions(packaged_teacher.stages.evaluated, "test")
    scores = confidence_log_odds(test.logits)
    assert teacher.abstains(test.logits).tolist() == (scores < saved["threshold"]).tolist()
    middle = float(np.median(scores))
    assert replace(teacher, abstention=middle).abstains(test.logits).tolist() == (scores < middle).tolist()
    rows = [{"text": "snow and ice"}, {"text": "the river"}]
    _, answers, _ = predict(packaged_teacher, "\n".join(map(json.dumps, rows)))
    assert [answer["abstains"] for answer in answers] == teacher.abstains(teacher.logits(rows)).tolist()
    assert f"at least {saved['threshold']:g}" in (packaged_teacher.folder / "README.md").read_text()


def test_a_teacher_without_a_proven_score_abstains_from_everything(teacher: ClassificationTeacher) -> None:
    logits = np.zeros((2, 3), np.float32)
    assert replace(teacher, abstention=abstention_score({"threshold": None})).abstains(logits).all()
    assert not replace(teacher, abstention=abstention_score(None)).abstains(logits).any()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "-:2: is not JSON"),
        ("[1]", "-:2: is not a JSON object"),
        ('{"txt": "x"}', "-:2: text: is missing (the row has 'txt'); rename or add it"),
        ('{"text": "  "}', "-:2: text: is blank"),
    ],
)
def test_predict_names_the_line_that_is_no_row(
    packaged_teacher: PackagedTeacher, line: str, says: str
) -> None:
    code, answers, errors = predict(packaged_teacher, f'{{"text": "snow"}}\n{line}\n', "--batch-size", "1")
    assert code == 1
    assert len(answers) == 1
    assert errors.startswith(says.replace("-:", "<stdin>:"))
