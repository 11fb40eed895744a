"""What `check` refuses of a declared probe."""

from pathlib import Path

import pytest

from tests.unit.check.example import changed, problems

STUDENTS = "probe: {students: [{kind: bag_of_ngrams}]}"
GATE = "evaluate.test.accuracy, at_least: 0.9"


def found(folder: Path, probe: str, gate: str = GATE) -> list[str]:
    return problems(folder, changed(("probe: {}", probe), (GATE, gate)))


def test_a_declared_student_and_a_gate_on_its_lift_are_right(tmp_path: Path) -> None:
    assert found(tmp_path, STUDENTS, "probe.test.lift, at_least: 0, tested: bound") == []


def test_the_section_is_needed_because_dvc_needs_its_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, changed(("probe: {}\n", "")))
    assert "probe: missing key" in problem
    assert "`{}` for none" in problem


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        ("probe: {students: [{kind: bag_of_words}]}", "bag_of_ngrams"),
        (
            "probe: {students: [{kind: bag_of_ngrams}, {kind: bag_of_ngrams}]}",
            "declares the same student twice",
        ),
        ("probe: {budgets: [1.0, 0.5]}", "must ascend"),
        ("probe: {temperatures: [2, 2]}", "must ascend"),
        ("probe: {weights: [1.0]}", "below 1"),
        ("probe: {seeds: 1}", "2"),
    ],
)
def test_what_is_wrong_by_itself_is_named(tmp_path: Path, probe: str, wanted: str) -> None:
    (problem, *_) = found(tmp_path, probe)
    assert "probe" in problem
    assert wanted in problem


def test_a_gate_on_a_probe_without_students_names_no_number(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "probe: {}", "probe.test.lift, at_least: 0")
    assert "no stage measures probe.test.lift" in problem


def test_a_gate_on_a_shifted_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, STUDENTS, "probe.shifted.lift, at_least: 0")
    assert "no stage measures probe.shifted.lift" in problem


LANGUAGE = ("kind: text_classification\n  max_length: 64", "kind: causal_lm")


def of_language(folder: Path, probe: str, evaluate: str = "batch_size: 64") -> list[str]:
    """Problems of the probe of a language model; those of its other sections are left out."""
    text = changed(LANGUAGE, ("probe: {}", probe), ("batch_size: 64", evaluate))
    return [line for line in problems(folder, text) if "probe" in line]


def test_a_student_of_a_language_model_learns_from_stored_tokens(tmp_path: Path) -> None:
    probe = "probe: {students: [{kind: small_llama}]}"
    (problem,) = of_language(tmp_path, probe)
    assert "evaluate.top_k: stores no tokens that the students of `probe` could learn from" in problem
    assert of_language(tmp_path, probe, "top_k: 16") == []


def test_a_student_of_texts_cannot_write(tmp_path: Path) -> None:
    (problem,) = of_language(tmp_path, STUDENTS)
    assert "bag_of_ngrams cannot learn a causal_lm task (allowed: small_llama, pretrained_lm)" in problem


def test_another_kind_of_task_is_refused_by_name(tmp_path: Path) -> None:
    wanted = "no student of a vision_language teacher can be probed yet"
    text = changed((LANGUAGE[0], "kind: vision_language"), ("probe: {}", STUDENTS))
    assert [line for line in problems(tmp_path, text) if wanted in line]


def test_a_width_that_no_head_divides_is_refused(tmp_path: Path) -> None:
    (problem,) = of_language(tmp_path, "probe: {students: [{kind: small_llama, width: 10, heads: 4}]}")
    assert "width 10 is no multiple of twice 4 heads" in problem


RETRIEVAL = (
    ("kind: text_classification\n  max_length: 64", "kind: clip_retrieval\n  max_length: 64"),
    ("learning_rate: 2e-4", "learning_rate: 2e-4\n  loss: {kind: contrastive}"),
)
"""The example as a retrieval teacher."""


def of_retrieval(folder: Path, probe: str, gate: str) -> list[str]:
    return problems(folder, changed(*RETRIEVAL, ("probe: {}", probe), (GATE, gate)))


def test_a_retrieval_teacher_is_probed_by_a_dual_encoder(tmp_path: Path) -> None:
    student = "probe: {students: [{kind: dual_encoder, text: {kind: text_cnn, width: 16}, width: 32}]}"
    assert of_retrieval(tmp_path, student, "probe.test.taught.recall_at_1, at_least: 0.2") == []


@pytest.mark.parametrize(
    ("probe", "gate", "wanted"),
    [
        (
            STUDENTS,
            "evaluate.test.nll, at_most: 9",
            "bag_of_ngrams cannot learn a clip_retrieval task (allowed:",
        ),
        (
            "probe: {students: [{kind: dual_encoder}]}",
            "probe.test.taught.accuracy, at_least: 0.5",
            "no stage measures probe.test.taught.accuracy",
        ),
        (
            "probe: {students: [{kind: dual_encoder, image: {kind: text_cnn}}]}",
            "evaluate.test.nll, at_most: 9",
            "image_resnet",
        ),
    ],
)
def test_what_does_not_fit_pairs_is_named(tmp_path: Path, probe: str, gate: str, wanted: str) -> None:
    assert [line for line in of_retrieval(tmp_path, probe, gate) if wanted in line]


def test_pairs_cannot_teach_a_classifier(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "probe: {students: [{kind: dual_encoder}]}")
    assert "dual_encoder cannot learn a text_classification task" in problem


def of_clip(folder: Path, probe: str, evaluate: str = "", templates: str = "") -> list[str]:
    task = "kind: clip\n  max_length: 64" + templates
    edits = (
        ("kind: text_classification\n  max_length: 64", task),
        ("batch_size: 64", "batch_size: 64" + evaluate),
    )
    return problems(folder, changed(*edits, ("probe: {}", probe)))


EMBEDDER = "probe: {students: [{kind: image_embedder, width: 16}]}"


def test_an_embedder_needs_stored_embeddings(tmp_path: Path) -> None:
    assert of_clip(tmp_path, EMBEDDER, "\n  embeddings: true") == []
    (problem,) = of_clip(tmp_path, EMBEDDER)
    assert "evaluate.embeddings: stores no embeddings that the student image_embedder could learn" in problem


def test_embeddings_of_other_teachers_are_refused(tmp_path: Path) -> None:
    of_texts = problems(tmp_path, changed(("batch_size: 64", "batch_size: 64\n  embeddings: true")))
    assert "a text_classification teacher of these rows embeds no images" in of_texts[0]
    own = '\n  templates: ["{label}: {sentence}"]'
    of_rows = of_clip(tmp_path, "probe: {}", "\n  embeddings: true", own)
    assert [line for line in of_rows if "embeds no images among fixed classes" in line]
    images = problems(
        tmp_path,
        changed(
            ("kind: text_classification\n  max_length: 64", "kind: image_classification"),
            ("probe: {}", EMBEDDER),
        ),
    )
    assert [line for line in images if "image_embedder cannot learn a image_classification task" in line]
