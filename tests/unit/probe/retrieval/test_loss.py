"""The loss of pairs against torch's own and the trainer's, arm by arm."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from teacherspec.calibrators.fitted import Temperature
from teacherspec.finetune.contrastive_trainer import pair_losses
from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.probe.arms import Arm, arms
from teacherspec.probe.narrowed import narrowed
from teacherspec.probe.retrieval.loss import PairLoss
from teacherspec.probe.retrieval.rows import budget_images
from teacherspec.spec.probe.probe import Probe
from teacherspec.tasks.shared.interfaces.capabilities import Pairs

ROWS, WIDTH, SCALE = np.array([4, 0, 3, 1, 7]), 6, 9.0
CALIBRATOR = Temperature(kind="temperature", temperature=1.7)


def unit(shape: tuple[int, ...], seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


TEACHER = Paired(
    unit((8, WIDTH), 0),
    unit((8, WIDTH), 1),
    np.array([0, 1, 2, 0, 3, 4, 5, 6]),
    np.array([0, 1, 2, 3, 4, 4, 5, 1]),
)
"""Rows 0 and 3 have the same image, rows 1 and 7 the same text."""


def found(arm: Arm, width: int = WIDTH) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The loss of one arm on a batch, with the student's embeddings."""
    images, texts = (torch.from_numpy(unit((1, len(ROWS), width), seed)) for seed in (2, 3))
    loss = PairLoss([arm], TEACHER, SCALE, CALIBRATOR, width, seed=0)
    return loss(images, texts, torch.tensor([5.0]), ROWS), images[0], texts[0]


def test_hard_is_the_contrastive_loss_of_the_trainer() -> None:
    loss, images, texts = found(Arm("hard", "none", 1.0, 0.0))
    keys = torch.from_numpy(TEACHER.text_of[ROWS])[:, None]
    pairs = Pairs(images, texts, keys, torch.from_numpy(TEACHER.image_of[ROWS]))
    expected = pair_losses(pairs, torch.tensor(5.0).log(), None, "softmax").mean()
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(("targets", "divided"), [("raw", 1.0), ("calibrated", 1.7)])
def test_soft_is_the_divergence_of_similarities_in_the_batch(targets: str, divided: float) -> None:
    """Up to the entropy of the targets, which no student changes."""
    temperature = 4.0
    loss, images, texts = found(Arm("soft", targets, temperature, 1.0))  # type: ignore[arg-type]
    teacher = SCALE * torch.from_numpy(TEACHER.images[ROWS] @ TEACHER.texts[ROWS].T) / divided
    expected = torch.zeros(())
    for own, given in ((5 * images @ texts.T, teacher), (5 * texts @ images.T, teacher.T)):
        p = (given / temperature).softmax(1)
        kl = functional.kl_div((own / temperature).log_softmax(1), p, reduction="batchmean")
        entropy = -(p * p.log()).sum(1).mean()
        expected = expected + temperature**2 * (kl + entropy) / 2
    torch.testing.assert_close(loss, expected)


def test_embeddings_are_learned_by_their_distance_through_one_map() -> None:
    loss, images, texts = found(Arm("embeddings", "embeddings", 1.0, 1.0), width=3)
    own_images, own_texts = (
        torch.from_numpy(one[ROWS]) for one in narrowed(TEACHER.images, TEACHER.texts, 3)
    )
    expected = (2 - 2 * (images * own_images).sum(1) + 2 - 2 * (texts * own_texts).sum(1)) / 2
    torch.testing.assert_close(loss, expected.mean())


def test_a_mix_is_the_weighted_sum_and_arms_add_up() -> None:
    hard, soft = Arm("hard", "none", 1.0, 0.0), Arm("soft", "raw", 2.0, 1.0)
    mix = Arm("mix", "raw", 2.0, 0.3)
    torch.testing.assert_close(found(mix)[0], 0.7 * found(hard)[0] + 0.3 * found(soft)[0])
    every = arms(Probe(), calibrated=True, embeddings=True)
    images, texts = (torch.from_numpy(unit((len(every), 5, WIDTH), seed)) for seed in (4, 5))
    images.requires_grad_()
    loss = PairLoss(every, TEACHER, SCALE, CALIBRATOR, WIDTH, seed=0)
    loss(images, texts, torch.full((len(every),), 5.0), ROWS).backward()
    place = [arm.name for arm in every].index("soft, T 2, calibrated")
    alone = images.detach()[[place]].requires_grad_()
    one = PairLoss([every[place]], TEACHER, SCALE, CALIBRATOR, WIDTH, seed=0)
    one(alone, texts[[place]], torch.tensor([5.0]), ROWS).backward()
    assert images.grad is not None
    assert alone.grad is not None
    torch.testing.assert_close(images.grad[[place]], alone.grad)


def test_controls_hold_nothing_of_the_pair_but_what_they_name() -> None:
    every = arms(Probe(), calibrated=False, embeddings=True)
    loss = PairLoss(every, TEACHER, SCALE, CALIBRATOR, WIDTH, seed=0)
    logits = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32) + 4 * np.eye(6, dtype=np.float32)
    by_name = dict(zip([every[at].name for at in loss.by_distribution], loss._targets(logits), strict=True))
    own = by_name["mix 0.3, T 2"]
    assert own.argmax(1).tolist() == list(range(6))
    assert by_name["pseudo"].tolist() == np.eye(6).tolist()
    shuffled, smoothed = by_name["shuffled 0.3, T 2"], by_name["smoothed 0.3, T 2"]
    assert shuffled.argmax(1).tolist() == [5, 0, 1, 2, 3, 4]
    assert smoothed.argmax(1).tolist() == list(range(6))
    np.testing.assert_allclose(np.sort(smoothed), np.sort(shuffled), rtol=1e-5)
    assert not np.allclose(smoothed, own)
    names = [every[at].name for at in loss.by_embedding]
    images = loss.embeddings[0][names.index("shuffled 0.3, embeddings")]
    texts = loss.embeddings[1][names.index("shuffled 0.3, embeddings")]
    right = loss.embeddings[0][names.index("embeddings")], loss.embeddings[1][names.index("embeddings")]
    torch.testing.assert_close(
        (images * texts).sum(1).sort().values, (right[0] * right[1]).sum(1).sort().values
    )
    assert not torch.allclose(images, right[0])


def test_a_map_to_full_width_keeps_every_cosine_and_a_narrow_one_the_largest_directions() -> None:
    images, texts = narrowed(TEACHER.images, TEACHER.texts, WIDTH)
    np.testing.assert_allclose(images @ texts.T, TEACHER.images @ TEACHER.texts.T, atol=1e-5)
    flat = np.concatenate([unit((8, 2), 6), np.zeros((8, 4), np.float32)], axis=1)
    plane = Paired(flat, flat[::-1].copy(), TEACHER.image_of, TEACHER.text_of)
    images, texts = narrowed(plane.images, plane.texts, 2)
    np.testing.assert_allclose(images @ texts.T, plane.images @ plane.texts.T, atol=1e-5)


def test_a_smaller_budget_keeps_images_whole() -> None:
    image_of = np.repeat(np.arange(20), 3)
    small, large = budget_images(image_of, 0.25, 1), budget_images(image_of, 0.5, 1)
    assert np.bincount(image_of[small])[np.unique(image_of[small])].tolist() == [3] * 5
    assert set(small) < set(large)
    assert budget_images(image_of, 1.0, 1).tolist() == list(range(60))
    assert set(small) != set(budget_images(image_of, 0.25, 2))
