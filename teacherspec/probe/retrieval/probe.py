"""The probe of a retrieval teacher: students that learn its similarities or its embeddings."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.probe.arms import Arm, arms
from teacherspec.probe.choice import CHOICE
from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.kinds import ENCODERS
from teacherspec.probe.outcome import Outcome, RowScores, ScoredSet, Trained
from teacherspec.probe.retrieval.loss import PairLoss
from teacherspec.probe.retrieval.rows import ProbePairs, TeacherPairs, budget_images, load_pairs
from teacherspec.probe.retrieval.scores import Gallery, pair_scores
from teacherspec.probe.retrieval.students import FIRST_SCALE, DualEncoderArms, build
from teacherspec.probe.sources import Sources
from teacherspec.probe.training_loop import one_thread, scored_epochs, train_arms
from teacherspec.spec.probe.probe import Probe
from teacherspec.spec.probe.students import DualEncoder

EMBEDDED_AT_ONCE = 1024
"""Rows of a forward pass without gradients."""


@dataclass(frozen=True)
class PairInputs:
    """Encoded pairs of one split.

    Attributes:
        images: of N rows.
        texts: of the same rows.
        gallery: which of them differ, and what belongs together.
    """

    images: Inputs
    texts: Inputs
    gallery: Gallery


def probe_retrieval(section: Probe, sources: Sources) -> list[Outcome]:
    """Train every arm of every student.

    Raises:
        UserError: rows or predictions are not fit for it, or a training diverges.
    """
    pairs = load_pairs(section, sources)
    students = [student for student in section.students if isinstance(student, DualEncoder)]
    with one_thread():
        return [_outcome(section, student, pairs) for student in students]


def _outcome(section: Probe, student: DualEncoder, pairs: ProbePairs) -> Outcome:
    taught = arms(section, calibrated=pairs.is_calibrated, embeddings=True)
    inputs = _encoded(student, pairs)
    train, teacher = inputs.pop("train"), pairs.train.embedded
    parameters, counts = 0, {}
    by_budget: dict[float, list[dict[str, RowScores]]] = {share: [] for share in section.budgets}
    for seed in range(section.seeds):
        for share in section.budgets:
            rows = budget_images(teacher.image_of, share, seed)
            counts[share] = len(rows)
            loss = PairLoss(taught, teacher, pairs.scale, pairs.calibrator, student.width, seed)
            model = build(student, train.images, train.texts, _first_scales(taught, pairs.scale), seed)
            parameters = sum(one.numel() for one in model.parameters()) // len(taught)
            by_budget[share].append(_train_and_score(model, loss, train, rows, student, seed, inputs))
    return Outcome(
        name=student.kind,
        score=f"recall_at_{RECALLED[0]}",
        parameters=parameters,
        arms=taught,
        choice=_scored_set(CHOICE, [(pairs.choice[name], inputs[name]) for name in pairs.choice]),
        reported=[_scored_set(name, [(one, inputs[name])]) for name, one in pairs.reported.items()],
        budgets=[
            Trained(counts[share], scored_epochs(student.epochs), _joined(found, list(pairs.choice)))
            for share, found in by_budget.items()
        ],
        unlabelled=0,
    )


def _train_and_score(
    model: DualEncoderArms,
    loss: PairLoss,
    train: PairInputs,
    rows: npt.NDArray[np.intp],
    student: DualEncoder,
    seed: int,
    sets: Mapping[str, PairInputs],
) -> dict[str, RowScores]:
    """Train one seed on one budget; scores `[1, K, A, U]` of each set."""

    def backward(batch: npt.NDArray[np.intp]) -> float:
        images = model.embed_images(train.images.batch(batch))
        value = loss(images, model.embed_texts(train.texts.batch(batch)), model.scales(), batch)
        value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    found: dict[str, list[RowScores]] = {name: [] for name in sets}
    for _ in train_arms(model, backward, rows, student, seed):
        for name, inputs in sets.items():
            found[name].append(_scored(model, inputs))
    return {name: RowScores.joined(epochs, axis=1) for name, epochs in found.items()}


def _encoded(student: DualEncoder, pairs: ProbePairs) -> dict[str, PairInputs]:
    """Split → its inputs; those of the train pairs are under `train`."""
    splits = {"train": pairs.train, **pairs.scored_splits()}

    def encoded(encoder: Any, contents: Mapping[str, Sequence[Any]]) -> Mapping[str, Inputs]:
        scored = {name: content for name, content in contents.items() if name != "train"}
        return ENCODERS[encoder.kind].encode(encoder, contents["train"], scored)

    images = encoded(student.image, {name: one.images for name, one in splits.items()})
    texts = encoded(student.text, {name: one.texts for name, one in splits.items()})
    return {
        name: PairInputs(images[name], texts[name], Gallery.of(one.embedded.image_of, one.embedded.text_of))
        for name, one in splits.items()
    }


def _first_scales(taught: Sequence[Arm], teacher: float) -> torch.Tensor:
    """Logarithms `[A]` of the factors of cosines: the teacher's where nothing else teaches one."""
    alone = [arm.targets == "embeddings" and arm.weight == 1 for arm in taught]
    return torch.tensor([math.log(teacher) if one else FIRST_SCALE for one in alone])


def _scored(model: DualEncoderArms, inputs: PairInputs) -> RowScores:
    """Scores `[1, 1, A, U]` at the weights as they are."""
    model.eval()
    with torch.inference_mode():
        images = _embedded(model.embed_images, inputs.images, inputs.gallery.images)
        texts = _embedded(model.embed_texts, inputs.texts, inputs.gallery.texts)
        return pair_scores(images, texts, model.scales().numpy(), inputs.gallery)


def _embedded(
    embed: Callable[[Any], torch.Tensor], inputs: Inputs, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """`[A, R, D]` of some rows."""
    starts = range(0, len(rows), EMBEDDED_AT_ONCE)
    parts = [embed(inputs.batch(rows[start : start + EMBEDDED_AT_ONCE])) for start in starts]
    found: npt.NDArray[np.float32] = torch.cat(parts, dim=1).numpy()
    return found


def _scored_set(name: str, parts: Sequence[tuple[TeacherPairs, PairInputs]]) -> ScoredSet:
    """The images of some splits, with the teacher's own recall."""
    ids, recalls = [], []
    for pairs, inputs in parts:
        gallery, own = inputs.gallery, pairs.embedded
        scores = pair_scores(
            own.images[None, gallery.images], own.texts[None, gallery.texts], np.ones(1, np.float32), gallery
        )
        ids += [pairs.ids[row] for row in gallery.images]
        recalls.append(scores.score[0, 0, 0])
    return ScoredSet(name, ids, np.concatenate(recalls))


def _joined(seeds: Sequence[Mapping[str, RowScores]], choosing: Sequence[str]) -> dict[str, RowScores]:
    """Set → scores of all seeds; the splits that choose are one set."""
    joined = {name: RowScores.joined([one[name] for one in seeds], axis=0) for name in seeds[0]}
    choice = RowScores.joined([joined.pop(name) for name in choosing], axis=3)
    return {CHOICE: choice, **joined}
