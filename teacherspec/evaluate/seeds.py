"""The spread of accuracy and NLL over trainings that differ in their seed alone.

Only the sets that are compared are run by every model: validation, test and the shifted ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from teacherspec.evaluate.context import EvaluationContext, log_progress
from teacherspec.evaluate.finding import Finding
from teacherspec.inference.load import load_model
from teacherspec.metrics.seed_variance import mean_over_seeds, trainings
from teacherspec.runtime.atomic_io import read_json, round_floats, write_tsv

if TYPE_CHECKING:
    from datasets import Dataset

P = TypeVar("P")

COLUMNS = ("seed", "split", "accuracy", "nll")
METRICS = ("accuracy", "nll")


@dataclass(frozen=True)
class SeedScore:
    """Accuracy and NLL (nats) of the model of one seed on one split, before calibration."""

    seed: int
    split: str
    accuracy: float
    nll: float


def score_seeds(
    context: EvaluationContext,
    own: Mapping[str, P],
    predict: "Callable[[tuple[Any, Any], Dataset], P]",
    score: Callable[[Any, P], tuple[float, float]],
) -> list[SeedScore]:
    """Scores of the model of every declared seed; none where there is one training.

    Args:
        context: what is measured.
        own: split name → predictions of the teacher, which may be the model of a seed.
        predict: from a model with its processor, and rows, to predictions.
        score: from a model and its predictions to accuracy and NLL in nats.
    """
    stated = read_json(context.paths.finetuned / "training.json").get("seeds", [])
    splits = ["validation", "test", *(split.name for split in context.data.of_role("shifted"))]
    found = []
    for number, one in enumerate(stated, start=1):
        is_teacher = one["model"] == "model"
        if not is_teacher:
            log_progress(f"training {number} of {len(stated)}, on {', '.join(splits)}")
        loaded = context.teacher if is_teacher else _load(context, context.paths.finetuned / one["model"])
        for name in splits:
            predictions = own[name] if is_teacher else predict(loaded, context.splits[name])
            found.append(SeedScore(one["seed"], name, *score(loaded[0], predictions)))
    return found


def _load(context: EvaluationContext, folder: Path) -> tuple[Any, Any]:
    model, processor = load_model(context.task, folder)
    return model, context.task.cache_shared_inputs(model, processor)


def seed_metrics(scores: Sequence[SeedScore], confidence: float) -> dict[str, Any]:
    """The entry `seeds` of `metrics.json`; nothing where there is one training.

    Args:
        scores: of every seed.
        confidence: level of the intervals, which are those of the mean over further trainings.

    Returns:
        Of each split `trainings`, their number, and for accuracy and NLL the mean with its interval and the
        standard deviation, `accuracy_sd` and `nll_sd`.
    """
    measured: dict[str, Any] = {}
    for split in dict.fromkeys(score.split for score in scores):
        part = [score for score in scores if score.split == split]
        measured[split] = {"trainings": len(part)}
        for metric in METRICS:
            found = trainings([getattr(score, metric) for score in part])
            mean = mean_over_seeds(found, confidence=confidence)
            measured[split] |= {metric: asdict(mean), f"{metric}_sd": found.sd}
    return {"seeds": measured} if measured else {}


def write_seeds(folder: Path, scores: Sequence[SeedScore]) -> None:
    """Write `seeds.tsv`, the scores of each seed, into the folder of predictions; none for one training."""
    if scores:
        write_tsv(folder / "seeds.tsv", COLUMNS, [round_floats(astuple(score)) for score in scores])


def seed_findings(
    metrics: Mapping[str, Any], scores: Sequence[SeedScore], opponent: str
) -> Iterator[Finding]:
    """In how many trainings fine-tuning beat the untrained base on test, as a sentence.

    Args:
        metrics: content of `metrics.json`, with `base`.
        scores: of every seed.
        opponent: what the models are compared with, in words.
    """
    reached = [score.accuracy for score in scores if score.split == "test"]
    if not reached:
        return
    base = metrics["base"]["test"]["accuracy"]
    better = sum(accuracy > base["value"] for accuracy in reached)
    spread = metrics["seeds"]["test"]
    sentence = (
        f"Of {len(reached)} trainings with other seeds, {better} are more accurate on test than {opponent}: "
        f"mean {spread['accuracy']['value']:.3f}, standard deviation {spread['accuracy_sd']:.3f}."
    )
    numbers = {"trainings": len(reached), "better": better, "accuracy": dict(spread["accuracy"])}
    yield Finding("strength" if better == len(reached) else "weakness", "seeds", sentence, numbers)
