"""Losses against torch's own, and arms that do not touch each other."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.nn import functional

from teacherspec.calibrators.fitted import Temperature
from teacherspec.errors import DataError, UserError
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.predictions.classification import NO_LABEL
from teacherspec.probe.arms import Arm, arms
from teacherspec.probe.classification.targets import arm_targets
from teacherspec.probe.classification.training import ArmLoss, Lesson, train_and_score
from teacherspec.probe.encoders.bag_of_ngrams import build, encode
from teacherspec.probe.outcome import RowScores
from teacherspec.probe.training_loop import scored_epochs
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import BagOfNgrams

CLASSES = 3
STUDENT = BagOfNgrams(kind="bag_of_ngrams", hidden=5, features=20, epochs=3, batch_size=8)
TEXTS = [f"word{place % 7} word{place % 5} word{place % 3}" for place in range(40)]
LABELS = np.arange(40, dtype=np.int64) % CLASSES
LOGITS = np.random.default_rng(0).normal(size=(40, CLASSES)).astype(np.float32)
ARMS = arms(Probe(), calibrated=True)


def test_the_loss_has_the_gradient_of_divergence_and_cross_entropy() -> None:
    draw = torch.Generator().manual_seed(0)
    own = [Arm("hard", "none", 1.0, 0.0), Arm("soft", "raw", 4.0, 1.0), Arm("mix", "raw", 2.0, 0.3)]
    logits = torch.randn(3, 6, CLASSES, generator=draw, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    teacher = torch.randn(6, CLASSES, generator=draw)
    targets = torch.stack([(teacher / arm.temperature).softmax(1) for arm in own])
    found = torch.autograd.grad(ArmLoss(own)(logits, labels, targets), logits)[0]
    total = torch.zeros(())
    for place, arm in enumerate(own):
        student = (logits[place] / arm.temperature).log_softmax(1)
        kl = functional.kl_div(student, targets[place], reduction="batchmean")
        hard = functional.cross_entropy(logits[place], labels)
        total = total + arm.weight * arm.temperature**2 * kl + (1 - arm.weight) * hard
    expected = torch.autograd.grad(total, logits)[0]
    torch.testing.assert_close(found, expected)


def test_rows_without_a_label_teach_by_soft_targets_only() -> None:
    own = [Arm("hard", "none", 1.0, 0.0), Arm("soft", "raw", 1.0, 1.0)]
    logits = torch.randn(2, 4, CLASSES, generator=torch.Generator().manual_seed(1), requires_grad=True)
    labels = torch.tensor([0, NO_LABEL, 2, NO_LABEL])
    targets = torch.full((2, 4, CLASSES), 1 / CLASSES)
    targets[0] = 0.0
    gradient = torch.autograd.grad(ArmLoss(own)(logits, labels, targets), logits)[0]
    assert (gradient[0, [1, 3]] == 0).all()
    assert (gradient[1, [1, 3]] != 0).any()
    alone = functional.cross_entropy(logits[0, [0, 2]], labels[[0, 2]])
    torch.testing.assert_close(gradient[0], torch.autograd.grad(alone, logits)[0][0])


def trained(taught: Sequence[Arm], targets: np.ndarray, **values: float) -> RowScores:
    student = STUDENT.model_copy(update=values)
    inputs = encode(student, TEXTS, {"test": TEXTS})
    model = build(student, inputs["train"], CLASSES, len(taught), seed=3)
    lesson = Lesson(inputs["train"], LABELS, targets, np.arange(40))
    return train_and_score(model, lesson, taught, student, 3, {"test": (inputs["test"], LABELS)})["test"]


def test_an_arm_learns_the_same_alone_and_among_others() -> None:
    targets = arm_targets(ARMS, LOGITS, LABELS, Temperature(kind="temperature", temperature=1.5), 0)
    together = trained(ARMS, targets)
    for place in (0, 5, len(ARMS) - 1):
        alone = trained(ARMS[place : place + 1], targets[place : place + 1])
        np.testing.assert_allclose(together.nll[:, :, place], alone.nll[:, :, 0], rtol=1e-4, atol=1e-5)
    assert np.abs(together.nll[:, :, 0] - together.nll[:, :, 5]).max() > 1e-3, "the arms differ"


def test_targets_are_the_distributions_that_the_arms_name() -> None:
    targets = arm_targets(ARMS, LOGITS, LABELS, Temperature(kind="temperature", temperature=1.5), 0)
    by_name = {arm.name: targets[place] for place, arm in enumerate(ARMS)}
    assert (by_name["hard"] == 0).all()
    assert by_name["pseudo"].argmax(1).tolist() == LOGITS.argmax(1).tolist()
    np.testing.assert_allclose(by_name["soft, T 2"], softmax(LOGITS / 2), rtol=1e-5)
    np.testing.assert_allclose(by_name["soft, T 2, calibrated"], softmax(LOGITS / 3), rtol=1e-5)
    shuffled = by_name["shuffled 0.3, T 2"]
    own = by_name["mix 0.3, T 2"]
    assert not (shuffled == own).all(axis=1).any(), "no row keeps its own targets"
    assert sorted(map(tuple, shuffled.tolist())) == sorted(map(tuple, own.tolist()))


def test_smoothed_targets_keep_the_label_and_another_rows_probabilities_and_nothing_else() -> None:
    """The scale and smoothness of the teacher's targets; a label, and chance among the other classes."""
    logits = np.random.default_rng(1).normal(size=(3000, 4)).astype(np.float32)
    logits[:, 3] += np.float32(2.0) * (logits[:, 0] > 0)  # class 3 resembles what looks like class 0
    labels = np.random.default_rng(2).integers(-1, 4, 3000)
    targets = arm_targets(ARMS, logits, labels, Temperature(kind="temperature", temperature=1.5), 0)
    by_name = {arm.name: targets[place] for place, arm in enumerate(ARMS)}
    found, shuffled = by_name["smoothed 0.3, T 2"], by_name["shuffled 0.3, T 2"]
    known = labels != NO_LABEL
    assert (found[~known] == 0).all(), "a row without a label teaches it nothing"
    assert found[known].argmax(1).tolist() == labels[known].tolist()
    np.testing.assert_allclose(np.sort(found[known]), np.sort(shuffled[known]), rtol=1e-5)
    for label in range(4):
        others = np.delete(found[labels == label].mean(0), label)
        assert np.ptp(others) < 0.03, "no class is another's neighbour"
    assert abs(np.corrcoef(found[known].max(1), by_name["mix 0.3, T 2"][known].max(1))[0, 1]) < 0.06


def test_logits_of_a_bag_are_those_of_the_plain_product() -> None:
    inputs = encode(STUDENT, TEXTS, {})["train"]
    model = build(STUDENT, inputs, CLASSES, 2, seed=0)
    features = TfidfVectorizer(max_features=20, sublinear_tf=True).fit_transform(TEXTS).toarray()
    first, shift, last, offset = (one.detach().numpy() for one in model.parameters())
    hidden = np.maximum(features @ first[:, :5] + shift[:5], 0)
    with torch.no_grad():
        found = model(inputs.batch(np.arange(40))).numpy()
    np.testing.assert_allclose(found[0], hidden @ last[0] + offset[0], rtol=1e-4, atol=1e-5)
    assert (found[0] == found[1]).all(), "every arm starts from the same weights"


def test_a_training_that_diverges_is_refused() -> None:
    targets = arm_targets(
        ARMS, LOGITS * np.float32(1e30), LABELS, Temperature(kind="temperature", temperature=1), 0
    )
    targets[4] = np.nan
    with pytest.raises(
        UserError,
        match=r"bag_of_ngrams is not finite in epoch 1; declare a lower learning_rate \(given 0.01\)",
    ):
        trained(ARMS, targets)


def test_texts_without_a_word_are_refused_with_what_to_declare() -> None:
    with pytest.raises(DataError, match="declare unit: character"):
        encode(STUDENT, ["一", "二"], {})
    characters = STUDENT.model_copy(update={"unit": "character"})
    assert len(encode(characters, ["一", "二"], {})["train"]) == 2


@pytest.mark.parametrize(("epochs", "expected"), [(1, [1]), (3, [1, 2, 3]), (40, list(range(4, 41, 4)))])
def test_scored_epochs_are_spread_and_end_with_the_last(epochs: int, expected: list[int]) -> None:
    assert scored_epochs(epochs) == expected
